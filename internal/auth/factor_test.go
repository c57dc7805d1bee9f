package auth_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/auth/authtest"
)

// app computes codes as an authenticator app does, from nothing but the address that a QR
// code holds.
type app struct {
	t    *testing.T
	seed []byte
}

func newApp(t *testing.T, address string) app {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	seed, err := base32.StdEncoding.DecodeString(u.Query().Get("secret"))
	if err != nil {
		t.Fatal(err)
	}
	return app{t, seed}
}

func (a app) code(at time.Time) string {
	mac := hmac.New(sha1.New, a.seed)
	if err := binary.Write(mac, binary.BigEndian, at.Unix()/30); err != nil {
		a.t.Fatal(err)
	}
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[sum[19]&15:])&0x7fffffff%1_000_000)
}

// enrolled is a service with somebody who has a second factor.
type enrolled struct {
	mailed
	app   app
	codes []string // for recovery
	here  *auth.Grant
}

func newEnrolled(t *testing.T, change ...func(*auth.Options)) *enrolled {
	t.Helper()
	e := &enrolled{mailed: newMailed(t, change...)}
	e.here = register(t, e.Service)
	e.enrol(t)
	e.advance(time.Minute) // the code that has confirmed it is no good any more
	e.post(t)
	return e
}

func (e *enrolled) enrol(t *testing.T) {
	t.Helper()
	begun, err := e.EnrolFactor(t.Context(), e.who(t, e.here), password)
	if err != nil {
		t.Fatal(err)
	}
	e.app = newApp(t, begun.URL)
	if e.codes, err = e.ConfirmFactor(t.Context(), e.who(t, e.here), e.app.code(e.Now())); err != nil {
		t.Fatal(err)
	}
}

// challenge gives the right password.
func (e *enrolled) challenge(t *testing.T) string {
	t.Helper()
	g := e.login(t, ada, password, "")
	if g.Challenge == "" || g.Access != "" || g.Refresh != "" || g.UserID != uuid.Nil || !g.ChallengeExpires.Equal(e.Now().Add(10*time.Minute)) {
		t.Fatalf("got %+v, want a challenge and nothing else", g)
	}
	return g.Challenge
}

// finish brings a code to a challenge.
func (e *enrolled) finish(t *testing.T, challenge, given, want string) *auth.Grant {
	t.Helper()
	g, err := e.FinishSignIn(t.Context(), challenge, given)
	if code(err) != want {
		t.Fatalf("with %q: got %v, want %q", given, err, want)
	}
	return g
}

// told returns how many entries of the audit log tell of an action.
func (e *enrolled) told(t *testing.T, a auth.Action) int {
	t.Helper()
	found, err := e.store.Entries(t.Context(), auth.EntryFilter{Action: a, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}

func TestService_FinishSignIn(t *testing.T) {
	t.Parallel()
	e := newEnrolled(t)
	first, second := e.challenge(t), e.challenge(t)
	e.finish(t, first, "000000", "wrong_code")
	right := e.app.code(e.Now())
	g := e.finish(t, first, right[:3]+" "+right[3:], "")
	if g.Access == "" || g.Refresh == "" || g.Device == "" || g.Challenge != "" {
		t.Errorf("got %+v, want a sign-in", g)
	}
	if u, err := e.Me(t.Context(), e.who(t, g)); err != nil || !u.HasFactor() || u.RecoveryCodes != 10 {
		t.Errorf("got %+v, %v", u, err)
	}
	for _, challenge := range []string{first, second} { // somebody has looked over the shoulder
		e.finish(t, challenge, right, "wrong_code")
	}
	e.finish(t, second, e.app.code(e.Now().Add(-30*time.Second)), "wrong_code") // older than the one that was used
	e.finish(t, second, e.app.code(e.Now().Add(30*time.Second)), "")
	if n := e.told(t, auth.SignInRefused); n != 4 {
		t.Errorf("%d refusals are in the audit log, want 4", n)
	}
	if n := e.told(t, auth.SignedIn); n != 3 { // registering was one
		t.Errorf("%d sign-ins are in the audit log, want 3", n)
	}
}

// TestService_FinishSignIn_challenge: a challenge is of use for ten minutes, to whom it was
// made for, as they are, and no other token is one.
func TestService_FinishSignIn_challenge(t *testing.T) {
	t.Parallel()
	e := newEnrolled(t)
	challenge := e.challenge(t)
	if _, err := e.Authenticate(t.Context(), challenge); code(err) != "token_invalid" {
		t.Errorf("it opens something: %v", err)
	}
	for name, bad := range map[string]string{"none": "", "nonsense": "x", "an access token": e.here.Access, "cut": challenge[:len(challenge)-1], "changed": "x" + challenge[1:]} {
		if _, err := e.FinishSignIn(t.Context(), bad, e.app.code(e.Now())); code(err) != "challenge_invalid" {
			t.Errorf("%s: got %v, want challenge_invalid", name, err)
		}
	}
	other, _ := newService(t, e.store, func(o *auth.Options) { o.Secrets = [][]byte{bytes.Repeat([]byte("o"), 32)}; o.Now = e.Now })
	if _, err := other.FinishSignIn(t.Context(), challenge, e.app.code(e.Now())); code(err) != "challenge_invalid" {
		t.Errorf("made elsewhere: got %v, want challenge_invalid", err)
	}
	if err := e.ChangePassword(t.Context(), e.who(t, e.here), auth.NewPassword{Current: password, Password: next}); err != nil {
		t.Fatal(err)
	}
	e.finish(t, challenge, e.app.code(e.Now()), "challenge_invalid") // the password of before
	challenge = e.login(t, ada, next, "").Challenge
	e.advance(10*time.Minute + time.Minute)
	e.finish(t, challenge, e.app.code(e.Now()), "challenge_invalid")
	challenge = e.login(t, ada, next, "").Challenge
	u, err := e.store.UserByEmail(t.Context(), ada)
	if err != nil {
		t.Fatal(err)
	}
	yes := true
	if _, err := e.store.ChangeUser(t.Context(), u.ID, auth.UserChange{Disabled: &yes, At: e.Now()}, auth.Entry{}); err != nil {
		t.Fatal(err)
	}
	e.finish(t, challenge, e.app.code(e.Now()), "account_disabled")
	e.store.DeleteUser(u.ID)
	e.finish(t, challenge, e.app.code(e.Now()), "challenge_invalid")
}

// TestService_FinishSignIn_guessing: who has the password of somebody else gets nowhere by
// trying codes, from however many networks, and does not keep the owner out on a device that
// is known. With a new password the owner is let in everywhere.
func TestService_FinishSignIn_guessing(t *testing.T) {
	t.Parallel()
	e := newEnrolled(t)
	device := e.finish(t, e.challenge(t), e.app.code(e.Now()), "").Device
	e.advance(time.Minute)
	challenge := e.challenge(t)
	compared := 0
	for i := range 24 * 60 {
		if i%9 == 0 {
			challenge = e.challenge(t)
		}
		_, err := e.FinishSignIn(from(t, fmt.Sprintf("10.0.%d.1", i%250), ""), challenge, "no code")
		switch code(err) {
		case "wrong_code":
			compared++
		case "too_many_attempts":
		default:
			t.Fatal(err)
		}
		e.advance(time.Minute)
	}
	if compared < 100 || compared > 170 {
		t.Errorf("%d codes were compared in a day", compared)
	}
	challenge = e.challenge(t)
	for range 50 { // until it is the turn of nobody
		_, _ = e.FinishSignIn(from(t, "10.0.0.1", ""), challenge, "no code")
	}
	if _, err := e.FinishSignIn(from(t, "192.0.2.1", ""), challenge, e.app.code(e.Now())); code(err) != "too_many_attempts" {
		t.Errorf("on a device that is new: got %v, want too_many_attempts", err)
	} else if !strings.Contains(err.Error(), "Too many wrong codes") {
		t.Errorf("who was right about the password is told %q", err)
	}
	g, err := e.FinishSignIn(from(t, "192.0.2.1", device), challenge, e.app.code(e.Now()))
	if err != nil {
		t.Fatalf("on a device that is known: %v", err)
	}
	if err := e.ChangePassword(t.Context(), e.who(t, g), auth.NewPassword{Current: password, Password: next}); err != nil {
		t.Fatal(err)
	}
	e.advance(time.Minute)
	e.finish(t, e.login(t, ada, next, "").Challenge, e.app.code(e.Now()), "")
}

func TestService_recoveryCodes(t *testing.T) {
	t.Parallel()
	e := newEnrolled(t)
	if len(e.codes) != 10 || len(slices.Compact(slices.Sorted(slices.Values(e.codes)))) != 10 {
		t.Errorf("got %v, want ten that differ", e.codes)
	}
	form := regexp.MustCompile(`^[a-km-np-z2-9]{6}(-[a-km-np-z2-9]{6}){3}$`)
	for _, c := range e.codes {
		if !form.MatchString(c) {
			t.Errorf("got %q", c)
		}
	}
	who := e.who(t, e.finish(t, e.challenge(t), strings.ToUpper(e.codes[3]), ""))
	e.finish(t, e.challenge(t), e.codes[3], "wrong_code")
	if u, err := e.Me(t.Context(), who); err != nil || u.RecoveryCodes != 9 {
		t.Errorf("got %+v, %v, want nine left", u, err)
	}
	for _, tt := range []struct{ password, code, want string }{
		{"wrong", e.app.code(e.Now()), "wrong_password"},
		{password, "000000", "wrong_code"},
		{password, e.codes[3], "wrong_code"},
	} {
		if _, err := e.RenewRecoveryCodes(t.Context(), who, tt.password, tt.code); code(err) != tt.want {
			t.Errorf("%+v: got %v", tt, err)
		}
	}
	fresh, err := e.RenewRecoveryCodes(t.Context(), who, password, e.app.code(e.Now()))
	if err != nil || len(fresh) != 10 {
		t.Fatalf("got %v, %v", fresh, err)
	}
	e.finish(t, e.challenge(t), e.codes[4], "wrong_code")
	e.finish(t, e.challenge(t), strings.ReplaceAll(fresh[0], "-", ""), "")
	if used, renewed := e.told(t, auth.RecoveryCodeUsed), e.told(t, auth.RecoveryCodesRenewed); used != 2 || renewed != 1 {
		t.Errorf("the audit log tells of %d uses and %d renewals", used, renewed)
	}
}

func TestService_EnrolFactor(t *testing.T) {
	t.Parallel()
	m := newMailed(t)
	here, elsewhere := register(t, m.Service), m.login(t, ada, password, "")
	m.post(t)
	who := m.who(t, here)
	if _, err := m.ConfirmFactor(t.Context(), who, "000000"); code(err) != "enrolment_missing" {
		t.Errorf("none was begun: got %v", err)
	}
	if _, err := m.EnrolFactor(t.Context(), who, "wrong"); code(err) != "wrong_password" {
		t.Errorf("got %v, want wrong_password", err)
	}
	former, err := m.EnrolFactor(t.Context(), who, password)
	if err != nil {
		t.Fatal(err)
	}
	begun, err := m.EnrolFactor(t.Context(), who, password)
	if err != nil || !begun.Expires.Equal(m.Now().Add(15*time.Minute)) || !strings.Contains(begun.URL, begun.Seed.Text()) {
		t.Fatalf("got %+v, %v", begun, err)
	}
	m.login(t, ada, password, "") // until it is confirmed nobody is asked
	a := newApp(t, begun.URL)
	if _, err := m.ConfirmFactor(t.Context(), who, newApp(t, former.URL).code(m.Now())); code(err) != "wrong_code" {
		t.Errorf("a seed that was replaced: got %v, want wrong_code", err)
	}
	m.advance(16 * time.Minute)
	here, err = m.Refresh(t.Context(), here.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.ConfirmFactor(t.Context(), m.who(t, here), a.code(m.Now())); code(err) != "enrolment_missing" {
		t.Errorf("too late: got %v, want enrolment_missing", err)
	}
	who = m.who(t, here)
	if begun, err = m.EnrolFactor(t.Context(), who, password); err != nil {
		t.Fatal(err)
	}
	if _, err := m.ConfirmFactor(t.Context(), who, newApp(t, begun.URL).code(m.Now())); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Refresh(t.Context(), elsewhere.Refresh); code(err) != "session_expired" {
		t.Errorf("the other sign-in: got %v, want session_expired", err)
	}
	if _, err := m.Refresh(t.Context(), here.Refresh); err != nil {
		t.Errorf("this sign-in: got %v, want that it goes on", err)
	}
	if letters := m.post(t); len(letters) != 1 || letters[0].Subject != "Your account has a second factor" {
		t.Errorf("got %+v, want a notice", letters)
	}
	if _, err := m.EnrolFactor(t.Context(), who, password); code(err) != "second_factor_exists" {
		t.Errorf("a second one: got %v, want second_factor_exists", err)
	}
	if _, err := m.EnrolFactor(t.Context(), auth.Actor{}, password); code(err) != "unauthenticated" {
		t.Errorf("nobody: got %v", err)
	}
}

func TestService_RemoveFactor(t *testing.T) {
	t.Parallel()
	e := newEnrolled(t)
	g := e.finish(t, e.challenge(t), e.app.code(e.Now()), "")
	e.advance(time.Minute)
	who := e.who(t, g)
	for _, tt := range []struct{ password, code, want string }{
		{"wrong", e.app.code(e.Now()), "wrong_password"},
		{password, "000000", "wrong_code"},
		{"", "", "wrong_password"},
		{password, "", "wrong_code"},
		{password, e.codes[0], ""}, // who has lost the phone
		{password, e.codes[1], "not_found"},
	} {
		if err := e.RemoveFactor(t.Context(), who, tt.password, tt.code); code(err) != tt.want {
			t.Errorf("%+v: got %v", tt, err)
		}
	}
	if _, err := e.Refresh(t.Context(), e.here.Refresh); code(err) != "session_expired" {
		t.Errorf("the other sign-in: got %v, want session_expired", err)
	}
	if letters := e.post(t); len(letters) != 1 || letters[0].To != ada || letters[0].Subject != "Your second factor was removed" {
		t.Errorf("got %+v, want a notice", letters)
	}
	if g := e.login(t, ada, password, ""); g.Access == "" {
		t.Errorf("got %+v, want a sign-in", g)
	}
	if n := e.told(t, auth.FactorRemoved); n != 1 {
		t.Errorf("the audit log tells of %d", n)
	}
}

// TestService_RemoveFactor_guessing: a sign-in that was stolen with the password is no way
// to try codes.
func TestService_RemoveFactor_guessing(t *testing.T) {
	t.Parallel()
	e := newEnrolled(t)
	who := e.who(t, e.here)
	for i := range 6 {
		err := e.RemoveFactor(t.Context(), who, password, "000000")
		if refused := code(err) == "too_many_attempts"; refused != (i == 5) {
			t.Errorf("the %d. guess: got %v", i+1, err)
		}
	}
	e.finish(t, e.challenge(t), e.app.code(e.Now()), "") // the owner is not held up
}

// TestService_ResetPassword_factor: a mailbox is one factor, and does not replace the other.
func TestService_ResetPassword_factor(t *testing.T) {
	t.Parallel()
	e := newEnrolled(t)
	if err := e.ForgotPassword(t.Context(), ada); err != nil {
		t.Fatal(err)
	}
	_, token := e.one(t, "reset")
	if err := e.ResetPassword(t.Context(), token, next); err != nil {
		t.Fatal(err)
	}
	g := e.login(t, ada, next, "")
	if g.Access != "" {
		t.Errorf("got %+v, want a challenge", g)
	}
	e.finish(t, g.Challenge, e.app.code(e.Now()), "")
}

// TestService_ResetFactor: administrators remove the factor of who has lost it, and not
// their own.
func TestService_ResetFactor(t *testing.T) {
	t.Parallel()
	e := newEnrolled(t)
	if err := e.EnsureAdmin(t.Context(), "root@example.com", password); err != nil {
		t.Fatal(err)
	}
	root, her := e.who(t, e.login(t, "root@example.com", password, "")), e.who(t, e.here)
	for name, tt := range map[string]struct {
		who  auth.Actor
		id   uuid.UUID
		want string
	}{
		"nobody": {auth.Actor{}, her.UserID, "unauthenticated"}, "a user": {her, root.UserID, "forbidden"}, "their own": {root, root.UserID, "own_account"},
		"an unknown account": {root, uuid.New(), "not_found"},
	} {
		if err := e.ResetFactor(t.Context(), tt.who, tt.id); code(err) != tt.want {
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
	}
	challenge := e.challenge(t)
	if err := e.ResetFactor(t.Context(), root, her.UserID); err != nil {
		t.Fatal(err)
	}
	if err := e.ResetFactor(t.Context(), root, her.UserID); code(err) != "not_found" {
		t.Errorf("again: got %v, want not_found", err)
	}
	if _, err := e.Authenticate(t.Context(), e.here.Access); code(err) != "session_expired" {
		t.Errorf("a sign-in of before: got %v, want session_expired", err)
	}
	e.finish(t, challenge, e.codes[0], "challenge_invalid")
	if letters := e.post(t); len(letters) != 1 || letters[0].To != ada {
		t.Errorf("got %+v, want a notice", letters)
	}
	found, err := e.store.Entries(t.Context(), auth.EntryFilter{Action: auth.FactorRemoved, Limit: 10})
	if err != nil || len(found) != 1 || found[0].UserID != root.UserID || found[0].SubjectID != her.UserID {
		t.Errorf("got %+v, %v", found, err)
	}
	if g := e.login(t, ada, password, ""); g.Access == "" {
		t.Errorf("got %+v, want a sign-in", g)
	}
}

// TestService_requiredFactor: who has to have a second factor may sign in and add one, and
// nothing else; their keys reach recordings.
func TestService_requiredFactor(t *testing.T) {
	t.Parallel()
	m := newMailed(t, func(o *auth.Options) { o.RequireFactor = []auth.Role{auth.Admin} })
	if err := m.CheckRoles(t.Context()); err != nil {
		t.Error(err)
	}
	if err := m.EnsureAdmin(t.Context(), ada, password); err != nil {
		t.Fatal(err)
	}
	g := m.login(t, ada, password, "")
	who := m.who(t, g)
	if !who.Enrolling || len(who.Permissions) != 0 || who.Can(auth.ReadTranscriptions) {
		t.Errorf("got %+v", who)
	}
	_, err := m.Users(t.Context(), who, auth.UserFilter{Limit: 1})
	_, _, uploads := m.UploadToken(t.Context(), who)
	_, _, keys := m.CreateKey(t.Context(), who, auth.NewKey{Name: "x", Scopes: []auth.Permission{auth.ReadTranscriptions}})
	for name, err := range map[string]error{
		"accounts": err, "uploads": uploads, "keys": keys, "the password": m.ChangePassword(t.Context(), who, auth.NewPassword{Current: password, Password: next}), "sign-ins": m.EndOtherSignIns(t.Context(), who),
	} {
		if code(err) != "second_factor_missing" {
			t.Errorf("%s: got %v, want second_factor_missing", name, err)
		}
	}
	if _, err := m.Refresh(t.Context(), g.Refresh); err != nil {
		t.Error(err)
	}
	begun, err := m.EnrolFactor(t.Context(), who, password)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.ConfirmFactor(t.Context(), who, newApp(t, begun.URL).code(m.Now())); err != nil {
		t.Fatal(err)
	}
	if who = m.who(t, g); who.Enrolling || !who.Can(auth.ManageUsers) {
		t.Errorf("got %+v, want that they may go on at once", who)
	}
	_, key, err := m.CreateKey(t.Context(), who, auth.NewKey{Name: "x", Scopes: []auth.Permission{auth.ReadUsers, auth.ReadTranscriptions}})
	if err != nil {
		t.Fatal(err)
	}
	if by, err := m.AuthenticateKey(t.Context(), key); err != nil || !by.Can(auth.ReadUsers) {
		t.Errorf("the key: got %+v, %v", by, err)
	}
	m.advance(time.Minute)
	if err := m.RemoveFactor(t.Context(), who, password, newApp(t, begun.URL).code(m.Now())); err != nil {
		t.Fatal(err)
	}
	if who = m.who(t, g); !who.Enrolling {
		t.Errorf("got %+v, want it required again", who)
	}
	if by, err := m.AuthenticateKey(t.Context(), key); err != nil || by.Can(auth.ReadUsers) || !by.Can(auth.ReadTranscriptions) {
		t.Errorf("the key without the factor: got %+v, %v, want recordings alone", by, err)
	}
	if who := m.who(t, must(m.Register(t.Context(), "bob@example.com", password))(t)); who.Enrolling {
		t.Error("it is required of a user, too")
	}
	none, _ := newService(t, m.store, func(o *auth.Options) { o.RequireFactor = []auth.Role{"admins"} })
	if err := none.CheckRoles(t.Context()); err == nil || !strings.Contains(err.Error(), "admins") {
		t.Errorf("got %v, want that there is no such role", err)
	}
}

// must returns what there is when there is no error.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// TestService_Arrive_factor: a provider knows nothing of the second factor of an account here.
func TestService_Arrive_factor(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	g, err := p.signIn(t, "id")
	if err != nil {
		t.Fatal(err)
	}
	who := p.who(t, g)
	begun, err := p.EnrolFactor(t.Context(), who, "")
	if err != nil {
		t.Fatal(err)
	}
	a := newApp(t, begun.URL)
	if _, err := p.ConfirmFactor(t.Context(), who, a.code(p.clock.Now())); err != nil {
		t.Fatal(err)
	}
	p.clock.advance(time.Minute)
	half, err := p.signIn(t, "id")
	if err != nil || half.Challenge == "" || half.Access != "" {
		t.Fatalf("got %+v, %v, want a challenge", half, err)
	}
	whole, err := p.FinishSignIn(t.Context(), half.Challenge, a.code(p.clock.Now()))
	if err != nil || whole.ReturnTo != "/account" || p.who(t, whole).UserID != who.UserID {
		t.Errorf("got %+v, %v", whole, err)
	}
	p.clock.advance(16 * time.Minute)
	if err := p.RemoveFactor(t.Context(), who, "", a.code(p.clock.Now())); code(err) != "recent_sign_in_required" {
		t.Errorf("with an old sign-in: got %v", err)
	}
}

// noSteps is a store whose database goes away when a code is to be spent.
type noSteps struct{ *authtest.Store }

func (noSteps) SpendStep(context.Context, uuid.UUID, int64) error { return errAway }

// TestService_factor_storeFails: what cannot be looked up lets nobody in, and takes no
// attempt.
func TestService_factor_storeFails(t *testing.T) {
	t.Parallel()
	e := newEnrolled(t)
	challenge := e.challenge(t)
	s, _ := newService(t, noSteps{e.store}, func(o *auth.Options) { o.Now = e.Now })
	for range 10 {
		if g, err := s.FinishSignIn(t.Context(), challenge, e.app.code(e.Now())); g != nil || !errors.Is(err, errAway) {
			t.Fatalf("got %+v, %v, want the error", g, err)
		}
	}
}
