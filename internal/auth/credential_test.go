package auth_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/auth/authtest"
	"github.com/turboscribe/turboscribe/internal/fault"
)

const next = "other words in another row"

// mailed is a service that sends mail into a box.
type mailed struct {
	*auth.Service
	*clock
	store *authtest.Store
	box   *authtest.Mailbox
}

func newMailed(t *testing.T, change ...func(*auth.Options)) mailed {
	t.Helper()
	m := mailed{store: new(authtest.Store), box: new(authtest.Mailbox)}
	m.Service, m.clock = newService(t, m.store, append([]func(*auth.Options){func(o *auth.Options) { o.Mailer = m.box }}, change...)...)
	return m
}

// post sends what is due and returns the letters.
func (m mailed) post(t *testing.T) []auth.Letter {
	t.Helper()
	if err := m.SendMail(t.Context()); err != nil {
		t.Fatal(err)
	}
	return m.box.Take()
}

// one returns the only letter that is due, and the token in it.
func (m mailed) one(t *testing.T, action string) (to, token string) {
	t.Helper()
	letters := m.post(t)
	if len(letters) != 1 || authtest.Token(letters[0], action) == "" {
		t.Fatalf("got %+v, want one letter with a link to %s", letters, action)
	}
	return letters[0].To, authtest.Token(letters[0], action)
}

func (m mailed) who(t *testing.T, g *auth.Grant) auth.Actor {
	t.Helper()
	who, err := m.Authenticate(t.Context(), g.Access)
	if err != nil {
		t.Fatal(err)
	}
	return who
}

func (m mailed) login(t *testing.T, email, password, want string) *auth.Grant {
	t.Helper()
	g, err := m.Login(t.Context(), email, password)
	if code(err) != want {
		t.Fatalf("login of %s: got %v, want %q", email, err, want)
	}
	return g
}

func TestService_ChangePassword(t *testing.T) {
	t.Parallel()
	m := newMailed(t)
	here := register(t, m.Service)
	elsewhere := m.login(t, ada, password, "")
	m.post(t)
	who := m.who(t, here)
	for _, tt := range []struct{ current, fresh, want string }{
		{"wrong", next, "wrong_password"},
		{password, "short", "password_too_short"},
		{password, ada, "password_too_common"},
		{password, next, ""},
	} {
		if err := m.ChangePassword(t.Context(), who, auth.NewPassword{Current: tt.current, Password: tt.fresh}); code(err) != tt.want {
			t.Errorf("%s to %s: got %v, want %q", tt.current, tt.fresh, err, tt.want)
		}
	}
	m.login(t, ada, password, "wrong_credentials")
	m.login(t, ada, next, "")
	if _, err := m.Authenticate(t.Context(), elsewhere.Access); code(err) != "session_expired" {
		t.Errorf("the other sign-in: got %v, want session_expired", err)
	}
	if _, err := m.Refresh(t.Context(), here.Refresh); err != nil {
		t.Errorf("this sign-in: got %v, want that it goes on", err)
	}
	if letters := m.post(t); len(letters) != 1 || letters[0].To != ada || letters[0].Subject != "Your password was changed" {
		t.Errorf("got %+v, want a notice", letters)
	}
	if err := m.ChangePassword(t.Context(), auth.Actor{}, auth.NewPassword{Current: next, Password: password}); code(err) != "unauthenticated" {
		t.Errorf("nobody: got %v", err)
	}
}

func TestService_ResetPassword(t *testing.T) {
	t.Parallel()
	m := newMailed(t)
	g := register(t, m.Service)
	m.post(t)
	_, key, err := m.CreateKey(t.Context(), m.who(t, g), auth.NewKey{Name: "backup", Scopes: []auth.Permission{auth.ReadTranscriptions}})
	if err != nil {
		t.Fatal(err)
	}
	if letters := m.post(t); len(letters) != 1 || letters[0].To != ada || letters[0].Subject != "Your account has another API key" ||
		!strings.Contains(letters[0].Text, "GET /api/v1/api-keys lists your keys") {
		t.Errorf("got %+v, want a notice of the key", letters)
	}
	if err := m.ForgotPassword(t.Context(), "ADA@example.com "); err != nil {
		t.Fatal(err)
	}
	to, token := m.one(t, "reset")
	if to != ada {
		t.Errorf("the letter goes to %s", to)
	}
	if err := m.ResetPassword(t.Context(), token, "short"); code(err) != "password_too_short" {
		t.Errorf("got %v, want password_too_short, with the link still good", err)
	}
	if err := m.ResetPassword(t.Context(), token, next); err != nil {
		t.Fatal(err)
	}
	if err := m.ResetPassword(t.Context(), token, next); code(err) != "ticket_invalid" {
		t.Errorf("again: got %v, want ticket_invalid", err)
	}
	if _, err := m.AuthenticateKey(t.Context(), key); code(err) != "key_invalid" {
		t.Errorf("a key of before: got %v, want key_invalid", err)
	}
	if _, err := m.Refresh(t.Context(), g.Refresh); code(err) != "session_expired" {
		t.Errorf("the sign-in of before: got %v, want session_expired", err)
	}
	m.login(t, ada, password, "wrong_credentials")
	m.login(t, ada, next, "")
}

// TestService_ResetPassword_otherReplica: another process believes a sign-in for two seconds
// more, in which a thief could make a key that outlives it.
func TestService_ResetPassword_otherReplica(t *testing.T) {
	t.Parallel()
	m := newMailed(t)
	there, _ := newService(t, m.store, func(o *auth.Options) { o.Now = m.Now })
	thief, err := there.Authenticate(t.Context(), register(t, m.Service).Access)
	if err != nil {
		t.Fatal(err)
	}
	m.post(t)
	if err := m.ForgotPassword(t.Context(), ada); err != nil {
		t.Fatal(err)
	}
	_, token := m.one(t, "reset")
	if err := m.ResetPassword(t.Context(), token, next); err != nil {
		t.Fatal(err)
	}
	_, _, err = there.CreateKey(t.Context(), thief, auth.NewKey{Name: "late", Scopes: []auth.Permission{auth.ReadTranscriptions}})
	if code(err) != "password_changed" {
		t.Errorf("got %v, want password_changed", err)
	}
}

func TestService_ResetPassword_tooLate(t *testing.T) {
	t.Parallel()
	m := newMailed(t)
	register(t, m.Service)
	m.post(t)
	if err := m.ForgotPassword(t.Context(), ada); err != nil {
		t.Fatal(err)
	}
	_, token := m.one(t, "reset")
	if err := m.VerifyEmail(t.Context(), token, ""); code(err) != "ticket_invalid" {
		t.Errorf("for another purpose: got %v, want ticket_invalid", err)
	}
	m.advance(30 * time.Minute)
	for _, bad := range []string{token, "", token + "x"} {
		if err := m.ResetPassword(t.Context(), bad, next); code(err) != "ticket_invalid" {
			t.Errorf("%q: got %v, want ticket_invalid", bad, err)
		}
	}
}

// noting takes note of what is asked of a store before a mail is sent.
type noting struct {
	*authtest.Store
	calls []string
}

func (c *noting) UserByEmail(ctx context.Context, email string) (*auth.User, error) {
	c.calls = append(c.calls, "user by email")
	return c.Store.UserByEmail(ctx, email)
}

func (c *noting) QueueMail(ctx context.Context, m auth.Mail) error {
	c.calls = append(c.calls, "queue mail")
	return c.Store.QueueMail(ctx, m)
}

// TestService_ForgotPassword_tellsNothing: the same is done for an address that is known
// and one that is not, so neither the answer nor the time it takes can differ.
func TestService_ForgotPassword_tellsNothing(t *testing.T) {
	t.Parallel()
	store, box := &noting{Store: new(authtest.Store)}, new(authtest.Mailbox)
	s, _ := newService(t, store, func(o *auth.Options) { o.Mailer = box })
	register(t, s)
	if err := s.SendMail(t.Context()); err != nil {
		t.Fatal(err)
	}
	box.Take()
	for _, email := range []string{ada, "nobody@example.com"} {
		store.calls = nil
		if err := s.ForgotPassword(t.Context(), email); err != nil {
			t.Errorf("%s: %v", email, err)
		}
		if len(store.calls) != 1 || store.calls[0] != "queue mail" {
			t.Errorf("%s: got %v, want that one mail is queued", email, store.calls)
		}
	}
	if err := s.SendMail(t.Context()); err != nil {
		t.Fatal(err)
	}
	if letters := box.Take(); len(letters) != 1 || letters[0].To != ada {
		t.Errorf("got %+v, want a letter to who is known", letters)
	}
	none, _ := newService(t, new(authtest.Store))
	if err := none.ForgotPassword(t.Context(), ada); code(err) != "mail_not_configured" {
		t.Errorf("without mail: got %v, want mail_not_configured", err)
	}
}

func TestService_VerifyEmail_required(t *testing.T) {
	t.Parallel()
	m := newMailed(t, func(o *auth.Options) { o.RequireVerified = true })
	g := register(t, m.Service)
	if g.Access != "" || g.Refresh != "" {
		t.Errorf("got %+v, want nobody signed in", g)
	}
	m.login(t, ada, "wrong", "wrong_credentials")
	m.login(t, ada, password, "email_not_verified")
	_, first := m.one(t, "verify")
	if err := m.ResendVerification(t.Context(), ada); err != nil {
		t.Fatal(err)
	}
	_, second := m.one(t, "verify")
	if err := m.VerifyEmail(t.Context(), second, ""); err != nil {
		t.Fatal(err)
	}
	u, err := m.Me(t.Context(), m.who(t, m.login(t, ada, password, "")))
	if err != nil || !u.Verified() {
		t.Errorf("got %+v, %v, want it verified", u, err)
	}
	if err := m.ResendVerification(t.Context(), ada); err != nil || len(m.post(t)) != 0 {
		t.Errorf("got %v or a letter for what is verified", err)
	}
	if err := m.VerifyEmail(t.Context(), first, ""); err != nil {
		t.Errorf("the first link, which came late: got %v", err)
	}
	if err := m.EnsureAdmin(t.Context(), "root@example.com", password); err != nil {
		t.Fatal(err)
	}
	m.login(t, "root@example.com", password, "")
}

func TestNewService_verifiedWithoutMail(t *testing.T) {
	t.Parallel()
	o := auth.Options{Secrets: [][]byte{secret}, Issuer: "x", RequireVerified: true}
	if _, err := auth.NewService(t.Context(), new(authtest.Store), o); err == nil {
		t.Error("want an error")
	}
}

func TestService_ChangeEmail(t *testing.T) {
	t.Parallel()
	m := newMailed(t)
	who := m.who(t, register(t, m.Service))
	if _, err := m.Register(t.Context(), "bob@example.com", password); err != nil {
		t.Fatal(err)
	}
	m.post(t)
	if err := m.ChangeEmail(t.Context(), who, "wrong", "new@example.com"); code(err) != "wrong_password" {
		t.Errorf("got %v, want wrong_password", err)
	}
	if err := m.ChangeEmail(t.Context(), who, password, "new"); code(err) != "invalid_email" {
		t.Errorf("got %v, want invalid_email", err)
	}
	if err := m.ChangeEmail(t.Context(), who, password, "bob@example.com"); err != nil || len(m.post(t)) != 0 {
		t.Errorf("somebody else's: got %v, or a letter", err)
	}
	if err := m.ForgotPassword(t.Context(), ada); err != nil {
		t.Fatal(err)
	}
	_, reset := m.one(t, "reset")
	if err := m.ChangeEmail(t.Context(), who, password, "New@example.com"); err != nil {
		t.Fatal(err)
	}
	to, token := m.one(t, "verify")
	if to != "new@example.com" {
		t.Errorf("the letter goes to %s", to)
	}
	m.login(t, ada, password, "") // until it is confirmed
	if err := m.VerifyEmail(t.Context(), token, ""); err != nil {
		t.Fatal(err)
	}
	m.login(t, ada, password, "wrong_credentials")
	m.login(t, "new@example.com", password, "")
	if letters := m.post(t); len(letters) != 1 || letters[0].To != ada || letters[0].Subject != "Your address was changed" {
		t.Errorf("got %+v, want a notice to the address before", letters)
	}
	if err := m.ResetPassword(t.Context(), reset, next); code(err) != "ticket_invalid" {
		t.Errorf("a link that went to the address before: got %v, want ticket_invalid", err)
	}
}

// TestService_ChangePassword_addressUnderWay: somebody who knew the password had asked for
// the account to get an address of theirs, whose server put the mail off. The owner changed
// the password, which made all tickets useless. Then the mail was sent with a new one, and
// with the address the account was theirs.
func TestService_ChangePassword_addressUnderWay(t *testing.T) {
	t.Parallel()
	m := newMailed(t)
	thief, owner := m.who(t, register(t, m.Service)), m.who(t, m.login(t, ada, password, ""))
	m.post(t)
	m.box.Refuse(errors.New("greylisted"))
	if err := m.ChangeEmail(t.Context(), thief, password, "thief@example.net"); err != nil {
		t.Fatal(err)
	}
	m.post(t)
	if err := m.ChangePassword(t.Context(), owner, auth.NewPassword{Current: password, Password: next}); err != nil {
		t.Fatal(err)
	}
	m.box.Refuse(nil)
	m.advance(time.Hour)
	if letters := m.post(t); len(letters) != 1 || letters[0].To != ada {
		t.Errorf("got %+v, want nothing but the notice to the owner", letters)
	}
}

// TestService_SendMail has a server that takes no mail for a while, and one that never
// takes this one.
func TestService_SendMail(t *testing.T) {
	t.Parallel()
	m := newMailed(t)
	register(t, m.Service)
	m.post(t)
	if err := m.ForgotPassword(t.Context(), ada); err != nil {
		t.Fatal(err)
	}
	m.box.Refuse(errors.New("busy"))
	if letters := m.post(t); len(letters) != 0 {
		t.Errorf("got %+v", letters)
	}
	m.box.Refuse(nil)
	if letters := m.post(t); len(letters) != 0 {
		t.Errorf("got %+v at once, want a pause", letters)
	}
	m.advance(15 * time.Second)
	if _, token := m.one(t, "reset"); token == "" {
		t.Error("no token")
	}
	if err := m.ForgotPassword(t.Context(), ada); err != nil {
		t.Fatal(err)
	}
	m.box.Refuse(fault.New(fault.Invalid, "no such mailbox"))
	m.post(t)
	m.box.Refuse(nil)
	m.advance(time.Hour)
	if letters := m.post(t); len(letters) != 0 {
		t.Errorf("got %+v, want it given up", letters)
	}
}

// TestService_letters: a token is behind the # of its link, where no server sees it.
func TestService_letters(t *testing.T) {
	t.Parallel()
	m := newMailed(t)
	register(t, m.Service)
	letters := m.post(t)
	if len(letters) != 1 || !strings.Contains(letters[0].Text, "https://scribe.example.com/account#verify=") {
		t.Errorf("got %+v", letters)
	}
	if !strings.Contains(letters[0].Text, "Whoever opened the account knows its password.") {
		t.Errorf("got %q, want a warning to who has not", letters[0].Text)
	}
}
