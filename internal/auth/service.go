package auth

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/rate"
)

// Options configures a Service. Only Secrets and Issuer are required.
type Options struct {
	Secrets    [][]byte      // at least 32 random bytes each; the first signs, all of them verify
	Issuer     string        // of the access tokens: the public address of this installation
	AccessTTL  time.Duration // 10 minutes
	RefreshTTL time.Duration // 30 days without a refresh end a sign-in
	Argon2     Argon2        // the cost of a new hash
	Attempts   Attempts      // counts wrong passwords; in this process alone by default
	Mailer     Mailer        // nil: no mail is sent
	// RequireVerified has people prove that their address is theirs before they sign in.
	// It needs a Mailer.
	RequireVerified bool
	RequireFactor   []Role     // who may do nothing before they have added a second factor
	Providers       []Provider // whom people can sign in with besides
	NoRegistration  bool       // providers make no new accounts
	Now             func() time.Time
	Rand            io.Reader
}

// Service signs people up, in and out.
type Service struct {
	store      Store
	keys       []keys
	issuer     string
	accessTTL  time.Duration
	refreshTTL time.Duration
	now        func() time.Time
	rand       io.Reader
	attempts   Attempts
	parser     *jwt.Parser
	hasher     *hasher
	nobody     string // a hash that no password is known for
	mailer     Mailer

	requireVerified bool
	requireFactor   []Role
	rights          rightsCache
	providers       []Provider
	closed          bool // to new people from providers
}

// NewService returns a service, or says what is wrong with the options.
func NewService(ctx context.Context, store Store, o Options) (*Service, error) {
	s := &Service{store: store, issuer: o.Issuer, accessTTL: o.AccessTTL, refreshTTL: o.RefreshTTL, attempts: o.Attempts, now: o.Now, rand: o.Rand}
	s.mailer, s.requireVerified, s.requireFactor = o.Mailer, o.RequireVerified, o.RequireFactor
	s.providers, s.closed = o.Providers, o.NoRegistration
	s.setDefaults()
	if o.RequireVerified && o.Mailer == nil {
		return nil, errors.New("addresses cannot be verified without a way to send mail")
	}
	if o.Issuer == "" {
		return nil, errors.New("the issuer of access tokens is not set")
	}
	if len(o.Secrets) == 0 {
		return nil, errors.New("there is no secret to sign access tokens with")
	}
	for i, secret := range o.Secrets {
		k, err := deriveKeys(secret)
		if err != nil {
			return nil, fmt.Errorf("secret %d: %w", i+1, err)
		}
		s.keys = append(s.keys, k)
	}
	s.parser = s.newParser(audience)
	s.hasher = newHasher(o.Argon2, s.rand)
	return s, s.makeNobody(ctx)
}

func (s *Service) setDefaults() {
	if s.accessTTL == 0 {
		s.accessTTL = 10 * time.Minute
	}
	if s.refreshTTL == 0 {
		s.refreshTTL = 30 * 24 * time.Hour
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.rand == nil {
		s.rand = rand.Reader
	}
	if s.attempts == nil {
		s.attempts = rate.NewLimiter(nil, s.now)
	}
}

// makeNobody makes the hash that stands in for the one of an unknown user, so
// that the answer takes as long as for a known one.
func (s *Service) makeNobody(ctx context.Context) error {
	password, err := s.newToken()
	if err != nil {
		return err
	}
	s.nobody, err = s.hasher.hash(ctx, password)
	return err
}

// Register creates an account and signs it in. Invalid: invalid_email or one of
// password_too_short, password_too_long, password_too_common. Conflict
// email_taken: there is an account of that address. Where the address has to be verified
// first, the grant has nothing but the id of the account.
func (s *Service) Register(ctx context.Context, email, password string) (*Grant, error) {
	u, err := s.create(ctx, email, password, Member)
	if err != nil {
		return nil, err
	}
	if err := s.Audit(ctx, Entry{Action: AccountCreated, SubjectID: u.ID, Details: map[string]any{"role": string(u.Role)}}); err != nil {
		return nil, err
	}
	if err := s.notify(ctx, u, VerificationMail); err != nil {
		return nil, err
	}
	if s.requireVerified {
		return &Grant{UserID: u.ID}, nil
	}
	return s.open(ctx, u)
}

func (s *Service) create(ctx context.Context, email, password string, r Role) (*User, error) {
	email, err := NormaliseEmail(email)
	if err != nil {
		return nil, err
	}
	if err := checkPassword(email, password); err != nil {
		return nil, err
	}
	id, err := s.newID()
	if err != nil {
		return nil, err
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return nil, err
	}
	u := &User{ID: id, Email: email, PasswordHash: hash, Role: r, CreatedAt: s.now()}
	if r == Admin { // the address was given by who runs the installation
		u.VerifiedAt, u.OwnedAt = u.CreatedAt, u.CreatedAt
	}
	return u, s.store.CreateUser(ctx, u)
}

// Login signs a person in. Unauthenticated wrong_credentials is the one answer,
// after the same work, to a wrong password and to an unknown address. RateLimited
// too_many_attempts: too many were wrong lately. Forbidden account_disabled and
// email_not_verified are told to whoever has the password. Who has a second factor gets a
// grant of nothing but a challenge, for FinishSignIn.
func (s *Service) Login(ctx context.Context, email, password string) (*Grant, error) {
	u, err := s.find(ctx, email)
	if err != nil {
		return nil, err
	}
	guess, err := s.begin(ctx, email, u)
	if err != nil {
		return nil, err
	}
	ok, stale, err := s.knows(ctx, u, password)
	if ok || err != nil {
		guess.undo(ctx)
	}
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, s.refuse(ctx, u, wrongCredentials())
	}
	if stale {
		s.rehash(ctx, u, password)
	}
	return s.admit(ctx, u, "")
}

// knows reports whether that is the password of the user, and whether its hash was made at
// another cost than is asked for today. It is as much work for who has none.
func (s *Service) knows(ctx context.Context, u *User, password string) (ok, stale bool, err error) {
	none := u.PasswordHash == ""
	ok, stale, err = s.hasher.verify(ctx, cmp.Or(u.PasswordHash, s.nobody), password)
	if err != nil {
		return false, false, fmt.Errorf("check the password of %s: %w", u.ID, err)
	}
	return ok && !none, stale && !none, nil
}

// admit signs in who has proved who they are, if they may, or challenges them to bring
// their second factor.
func (s *Service) admit(ctx context.Context, u *User, returnTo string) (*Grant, error) {
	if err := s.mayEnter(ctx, u); err != nil {
		return nil, err
	}
	if u.HasFactor() {
		return s.challenge(u, returnTo)
	}
	return s.open(ctx, u)
}

func (s *Service) mayEnter(ctx context.Context, u *User) error {
	if u.Disabled() {
		return s.refuse(ctx, u, accountDisabled(fault.Forbidden))
	}
	if s.requireVerified && !u.Verified() {
		return s.refuse(ctx, u, fault.New(fault.Forbidden, "The e-mail address is not confirmed yet. Follow the link in the mail that was sent to it, or ask for another one.").
			WithCode("email_not_verified"))
	}
	return nil
}

func wrongCredentials() *fault.Error {
	return fault.New(fault.Unauthenticated, "The e-mail address or the password is wrong.").WithCode("wrong_credentials")
}

// refuse records that somebody was not let in, an unknown user as well. One who is deleted
// at this moment is told the same as before.
func (s *Service) refuse(ctx context.Context, u *User, why *fault.Error) error {
	err := s.Audit(ctx, Entry{Action: SignInRefused, SubjectID: u.ID, Details: map[string]any{"reason": why.Code}})
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	return why
}

// find returns the user of that address, or one whom no password opens.
func (s *Service) find(ctx context.Context, email string) (*User, error) {
	nobody := new(User)
	email, err := NormaliseEmail(email)
	if err != nil {
		return nobody, nil //nolint:nilerr // what is no address is an unknown one
	}
	u, err := s.store.UserByEmail(ctx, email)
	if fault.Is(err, fault.NotFound) {
		return nobody, nil
	}
	return u, err
}

// rehash brings a hash to the cost of today. A person who gave the right
// password is not turned away because that fails.
func (s *Service) rehash(ctx context.Context, u *User, password string) {
	hash, err := s.hasher.hash(ctx, password)
	if err == nil {
		err = s.store.SetPasswordHash(ctx, u.ID, u.PasswordHash, hash)
	}
	if err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Stringer("user", u.ID).Msg("the password hash keeps its old cost")
	}
}

// Me returns the account of the caller. Unauthenticated: nobody is signed in, or
// the account is gone.
func (s *Service) Me(ctx context.Context, who Actor) (*User, error) {
	if err := who.Known(); err != nil {
		return nil, err
	}
	u, err := s.store.User(ctx, who.UserID)
	if fault.Is(err, fault.NotFound) {
		return nil, AccountGone(err)
	}
	return u, err
}

// EnsureAdmin makes sure that the account of that address exists and is an
// administrator. One that is there already is promoted only if the password is
// its own: anybody can register any address. The password of an administrator is
// left as it is. Conflict admin_email_taken: somebody else has that address.
// Several processes may do this at the same moment.
func (s *Service) EnsureAdmin(ctx context.Context, email, password string) error {
	_, err := s.create(ctx, email, password, Admin)
	if !fault.Is(err, fault.Conflict) {
		return err
	}
	email, err = NormaliseEmail(email)
	if err != nil {
		return err
	}
	u, err := s.store.UserByEmail(ctx, email)
	if err != nil || u.Role == Admin {
		return err
	}
	own, _, err := s.knows(ctx, u, password)
	if err != nil {
		return err
	}
	if !own {
		return fault.New(fault.Conflict, "There is an account of %s with another password, which is no administrator. Anybody may have registered it, "+
			"so it is not made one: give the password of that account, or the address of none.", email).WithCode("admin_email_taken")
	}
	admin := Admin
	_, err = s.change(ctx, uuid.Nil, u.ID, UserChange{Role: &admin})
	return err
}

func (s *Service) newID() (uuid.UUID, error) {
	id, err := uuid.NewV7FromReader(s.rand)
	if err != nil {
		return uuid.Nil, fmt.Errorf("make an id: %w", err)
	}
	return id, nil
}
