package auth

import (
	"context"
	"encoding/base32"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// What the audit log tells of second factors.
const (
	FactorAdded          Action = "factor.added"
	FactorRemoved        Action = "factor.removed"
	RecoveryCodeUsed     Action = "recovery_code.used"
	RecoveryCodesRenewed Action = "recovery_codes.renewed"
)

const (
	// enrolTime is how long somebody may take to bring the first code of a new factor.
	enrolTime = 15 * time.Minute
	// RecoveryCodes is how many of them there are at first.
	RecoveryCodes = 10
	// recoveryBytes are enough for a hash without salt to be safe: 120 bits.
	recoveryBytes = 15
	recoveryGroup = 6 // characters between two dashes
)

// recoveryText has no characters that are taken for each other.
var recoveryText = base32.NewEncoding("abcdefghijkmnpqrstuvwxyz23456789").WithPadding(base32.NoPadding)

// Factor is what somebody signs in with besides a password or a provider: an
// authenticator app that has the seed.
type Factor struct {
	ID          uuid.UUID
	UserID      uuid.UUID
	Seed        Seed
	CreatedAt   time.Time
	ConfirmedAt time.Time // by the first code; zero: nobody is asked for it yet
}

// FactorChange adds or removes a factor. It ends sign-ins and moves the generation on, as a
// change of the password does.
type FactorChange struct {
	UserID uuid.UUID
	Factor uuid.UUID   // that is confirmed
	Step   int64       // whose code has confirmed it
	Codes  []TokenHash // recovery codes that come with it
	At     time.Time
	Keep   uuid.UUID // the sign-in that does not end; zero: all end
	Entry  Entry
}

// FactorStore keeps second factors. The seed is kept encrypted, of recovery codes the hash.
type FactorStore interface {
	// BeginFactor inserts a factor that is not confirmed, in place of one that was not
	// either. Conflict second_factor_exists: the user has one that is. NotFound: there is
	// no such user.
	BeginFactor(ctx context.Context, f Factor) error
	// Factor returns that of a user, one that is not confirmed, too. NotFound: there is none.
	Factor(ctx context.Context, user uuid.UUID) (*Factor, error)
	// ConfirmFactor confirms a factor. NotFound: it is no more, or was confirmed before.
	ConfirmFactor(ctx context.Context, c FactorChange) error
	// RemoveFactor removes the confirmed one of a user with its recovery codes. NotFound:
	// there is none.
	RemoveFactor(ctx context.Context, c FactorChange) error
	// SpendStep has the code of a step and those of steps before work no more. Conflict:
	// they did not any more, or the factor is gone.
	SpendStep(ctx context.Context, factor uuid.UUID, step int64) error
	// SpendRecoveryCode removes a recovery code of the user's, and adds an entry to the
	// audit log. NotFound: they have none of that hash.
	SpendRecoveryCode(ctx context.Context, user uuid.UUID, hash TokenHash, e Entry) error
	// RenewRecoveryCodes replaces all of a user's, and adds an entry to the audit log.
	// NotFound: they have no confirmed factor.
	RenewRecoveryCodes(ctx context.Context, user uuid.UUID, codes []TokenHash, e Entry) error
}

// Enrolment is what an authenticator app needs to know.
type Enrolment struct {
	Seed    Seed
	URL     string // the same, to be shown as a QR code
	Expires time.Time
}

// EnrolFactor begins to give the caller a second factor: it is one when ConfirmFactor has
// seen a code of it. Forbidden wrong_password, recent_sign_in_required. Conflict
// second_factor_exists: remove that first.
func (s *Service) EnrolFactor(ctx context.Context, who Actor, password string) (*Enrolment, error) {
	who.Enrolling = false // this is what it asks for
	u, err := s.confirm(ctx, who, password)
	if err != nil {
		return nil, err
	}
	f := Factor{UserID: u.ID, CreatedAt: s.now()}
	if f.ID, err = s.newID(); err != nil {
		return nil, err
	}
	if f.Seed, err = newSeed(s.rand); err != nil {
		return nil, err
	}
	if err := s.store.BeginFactor(ctx, f); err != nil {
		return nil, err
	}
	return &Enrolment{Seed: f.Seed, URL: f.Seed.url(s.label(), u.Email), Expires: f.CreatedAt.Add(enrolTime)}, nil
}

// label names this installation in an app. A colon would end it.
func (s *Service) label() string {
	u, err := url.Parse(s.issuer)
	if err != nil || u.Hostname() == "" {
		return "TurboScribe"
	}
	return "TurboScribe (" + strings.ReplaceAll(u.Hostname(), ":", ".") + ")"
}

// ConfirmFactor makes what EnrolFactor has begun the second factor of the caller, ends all
// their other sign-ins, and returns recovery codes, which nobody will be told again.
// Forbidden wrong_code. Conflict enrolment_missing: nothing was begun, or too long ago.
func (s *Service) ConfirmFactor(ctx context.Context, who Actor, code string) ([]string, error) {
	if err := who.MayEnrol(); err != nil {
		return nil, err
	}
	u, err := s.Me(ctx, who)
	if err != nil {
		return nil, err
	}
	f, err := s.begun(ctx, u)
	if err != nil {
		return nil, err
	}
	guess, err := s.beginCode(ctx, "sign-in "+who.SessionID.String())
	if err != nil {
		return nil, err
	}
	step, ok := f.Seed.step(tidy(code), s.now())
	if !ok {
		return nil, s.refuse(ctx, u, wrongCode(fault.Forbidden))
	}
	guess.undo(ctx)
	codes, hashes, err := s.newRecoveryCodes()
	if err != nil {
		return nil, err
	}
	err = s.store.ConfirmFactor(ctx, FactorChange{
		UserID: u.ID, Factor: f.ID, Step: step, Codes: hashes, At: s.now(), Keep: who.SessionID, Entry: ownEntry(ctx, FactorAdded, u),
	})
	if err != nil {
		return nil, enrolmentGone(err)
	}
	s.rights.forget(u.ID)
	return codes, s.notify(ctx, u, FactorNotice)
}

// begun returns a factor that can still be confirmed.
func (s *Service) begun(ctx context.Context, u *User) (*Factor, error) {
	f, err := s.store.Factor(ctx, u.ID)
	if err != nil {
		return nil, enrolmentGone(err)
	}
	if !f.ConfirmedAt.IsZero() || s.now().Sub(f.CreatedAt) > enrolTime {
		return nil, enrolmentMissing(nil)
	}
	return f, nil
}

func enrolmentGone(err error) error {
	if fault.Is(err, fault.NotFound) {
		return enrolmentMissing(err)
	}
	return err
}

func enrolmentMissing(err error) error {
	return fault.Wrap(err, fault.Conflict, "No second factor waits to be confirmed: none was begun, it was too long ago, or it is confirmed. Begin anew.").
		WithCode("enrolment_missing")
}

// RemoveFactor has the caller not asked for a second factor any more, and ends all their
// other sign-ins. The code may be a recovery code. Forbidden wrong_password,
// recent_sign_in_required, wrong_code. NotFound: they have none.
func (s *Service) RemoveFactor(ctx context.Context, who Actor, password, code string) error {
	u, err := s.confirmBoth(ctx, who, password, code)
	if err != nil {
		return err
	}
	return s.removeFactor(ctx, u, FactorChange{Keep: who.SessionID, Entry: ownEntry(ctx, FactorRemoved, u)})
}

// ResetFactor removes the second factor of somebody else, who has lost it, and ends all
// their sign-ins. Forbidden: the caller may not manage accounts; recent_sign_in_required.
// NotFound: there is no such account, or it has no factor. Conflict own_account: RemoveFactor asks for a proof.
func (s *Service) ResetFactor(ctx context.Context, who Actor, id uuid.UUID) error {
	if err := who.Require(ManageUsers); err != nil {
		return err
	}
	if err := s.RequireRecent(who); err != nil {
		return err
	}
	if id == who.UserID {
		return fault.New(fault.Conflict, "That is your own second factor. Remove it with DELETE /api/v1/me/second-factor, which asks for your password and a code.").
			WithCode("own_account")
	}
	u, err := s.store.User(ctx, id)
	if err != nil {
		return err
	}
	return s.removeFactor(ctx, u, FactorChange{Entry: Entry{Action: FactorRemoved, UserID: who.UserID, SubjectID: u.ID}.From(ctx)})
}

func (s *Service) removeFactor(ctx context.Context, u *User, c FactorChange) error {
	c.UserID, c.At = u.ID, s.now()
	if err := s.store.RemoveFactor(ctx, c); err != nil {
		return err
	}
	s.rights.forget(u.ID)
	return s.notify(ctx, u, NoFactorNotice)
}

// RenewRecoveryCodes gives the caller new recovery codes, and those before work no more.
// The faults are those of RemoveFactor.
func (s *Service) RenewRecoveryCodes(ctx context.Context, who Actor, password, code string) ([]string, error) {
	u, err := s.confirmBoth(ctx, who, password, code)
	if err != nil {
		return nil, err
	}
	codes, hashes, err := s.newRecoveryCodes()
	if err != nil {
		return nil, err
	}
	return codes, s.store.RenewRecoveryCodes(ctx, u.ID, hashes, ownEntry(ctx, RecoveryCodesRenewed, u))
}

// confirmBoth is confirm for what weakens the second factor: that is asked for, too.
func (s *Service) confirmBoth(ctx context.Context, who Actor, password, code string) (*User, error) {
	u, err := s.confirm(ctx, who, password)
	if err != nil {
		return nil, err
	}
	if !u.HasFactor() {
		return nil, fault.New(fault.NotFound, "Your account has no second factor.")
	}
	guess, err := s.beginCode(ctx, codesBy("sign-ins", u))
	if err != nil {
		return nil, err
	}
	ok, err := s.spendCode(ctx, u, code)
	if ok || err != nil {
		guess.undo(ctx)
	}
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, s.refuse(ctx, u, wrongCode(fault.Forbidden))
	}
	return u, nil
}

// spendCode reports whether that is a code of the user's, which it is no more then.
func (s *Service) spendCode(ctx context.Context, u *User, code string) (bool, error) {
	if code = tidy(code); len(code) != totpDigits {
		err := s.store.SpendRecoveryCode(ctx, u.ID, hashToken(code), ownEntry(ctx, RecoveryCodeUsed, u))
		return spentNow(err, fault.NotFound)
	}
	f, err := s.store.Factor(ctx, u.ID)
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	step, ok := f.Seed.step(code, s.now())
	if !ok || f.ConfirmedAt.IsZero() {
		return false, nil
	}
	return spentNow(s.store.SpendStep(ctx, f.ID, step), fault.Conflict)
}

// spentNow tells what could not be spent from what has failed.
func spentNow(err error, gone fault.Kind) (bool, error) {
	if fault.Is(err, gone) {
		return false, nil
	}
	return err == nil, err
}

// maxCode is longer than any code, with everything that people put between its characters.
const maxCode = 64

// tidy returns a code as it is compared: people copy them with spaces and dashes. What
// cannot be one is empty.
func tidy(code string) string {
	foreign := func(r rune) bool { return r > unicode.MaxASCII }
	if len(code) > maxCode || strings.ContainsFunc(code, foreign) {
		return ""
	}
	return strings.ToLower(strings.NewReplacer(" ", "", "-", "").Replace(code))
}

func wrongCode(k fault.Kind) *fault.Error {
	return fault.New(k, "That code is wrong, too old, or was used before. Take the one that your app shows now, or a recovery code.").WithCode("wrong_code")
}

// newRecoveryCodes returns them as people write them down, and as they are kept.
func (s *Service) newRecoveryCodes() (codes []string, hashes []TokenHash, err error) {
	raw := make([]byte, recoveryBytes)
	for range RecoveryCodes {
		if _, err := io.ReadFull(s.rand, raw); err != nil {
			return nil, nil, fmt.Errorf("make a recovery code: %w", err)
		}
		text := recoveryText.EncodeToString(raw)
		hashes = append(hashes, hashToken(text))
		var groups []string
		for group := range slices.Chunk([]byte(text), recoveryGroup) {
			groups = append(groups, string(group))
		}
		codes = append(codes, strings.Join(groups, "-"))
	}
	return codes, hashes, nil
}

// ownEntry is what somebody has done to their own account.
func ownEntry(ctx context.Context, a Action, u *User) Entry {
	return Entry{Action: a, UserID: u.ID, SubjectID: u.ID}.From(ctx)
}
