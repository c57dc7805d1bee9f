package auth_test

import (
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/auth/authtest"
)

// TestService_ResetPassword_provider: a thief linked a provider of theirs. The owner set
// another password by mail, which ended all sign-ins and keys, and the thief came back by
// the provider. The provider that knows the owner's address comes back as well.
func TestService_ResetPassword_provider(t *testing.T) {
	t.Parallel()
	mailbox := new(authtest.Mailbox)
	p := newPortal(t, func(o *auth.Options) { o.Mailer = mailbox })
	mine, err := p.signIn(t, "id")
	if err != nil {
		t.Fatal(err)
	}
	thief := p.who(t, mine)
	if err := p.link(t, thief, "corp"); err != nil {
		t.Fatal(err)
	}
	late, err := p.BeginLink(t.Context(), thief, "corp", "")
	if err != nil {
		t.Fatal(err)
	}
	p.reset(t, mailbox, next)
	if g, err := p.signIn(t, "corp"); err == nil && g.UserID == mine.UserID {
		t.Error("the thief is back")
	}
	_, err = p.Arrive(t.Context(), "corp", late.Token, visit(late))
	wantCode(t, err, "session_expired")
	if g, err := p.signIn(t, "id"); err != nil || g.UserID != mine.UserID {
		t.Errorf("the owner's provider: got %+v, %v", g, err)
	}
}

// TestService_BeginLink_otherReplica: another process believes a sign-in for two seconds
// more, in which a thief could link a provider that outlives the reset.
func TestService_BeginLink_otherReplica(t *testing.T) {
	t.Parallel()
	mailbox := new(authtest.Mailbox)
	p := newPortal(t, func(o *auth.Options) { o.Mailer = mailbox })
	there, _ := newService(t, p.store, func(o *auth.Options) { o.Now, o.Providers = p.clock.Now, []auth.Provider{p.id, p.corp} })
	g, err := p.signIn(t, "id")
	if err != nil {
		t.Fatal(err)
	}
	thief, err := there.Authenticate(t.Context(), g.Access)
	if err != nil {
		t.Fatal(err)
	}
	off, err := there.BeginLink(t.Context(), thief, "corp", "")
	if err != nil {
		t.Fatal(err)
	}
	p.reset(t, mailbox, next)
	_, err = there.Arrive(t.Context(), "corp", off.Token, visit(off))
	wantCode(t, err, "password_changed")
}

// reset sets a password by mail.
func (p portal) reset(t *testing.T, mailbox *authtest.Mailbox, password string) {
	t.Helper()
	if err := p.ForgotPassword(t.Context(), ada); err != nil {
		t.Fatal(err)
	}
	letters := p.post(t, mailbox)
	if err := p.ResetPassword(t.Context(), authtest.Token(letters[len(letters)-1], "reset"), password); err != nil {
		t.Fatal(err)
	}
}

// TestService_Arrive_handedOver: a stranger registers the address of somebody, who presses
// Confirm in the mail that comes of it. When that person comes by a provider one day, the
// account is theirs: the stranger, who knew its password, had shared it.
func TestService_Arrive_handedOver(t *testing.T) {
	t.Parallel()
	mailbox := new(authtest.Mailbox)
	p := newPortal(t, func(o *auth.Options) { o.Mailer = mailbox })
	theirs := register(t, p.Service)
	p.confirm(t, mailbox, "")
	stranger := p.who(t, theirs)
	if err := p.link(t, stranger, "corp"); err != nil {
		t.Fatal(err)
	}
	_, key, err := p.CreateKey(t.Context(), stranger, auth.NewKey{Name: "backdoor", Scopes: []auth.Permission{auth.ReadTranscriptions}})
	if err != nil {
		t.Fatal(err)
	}
	p.post(t, mailbox)
	mine, err := p.signIn(t, "id")
	if err != nil || mine.UserID != theirs.UserID {
		t.Fatalf("got %+v, %v, want the account of the address", mine, err)
	}
	_, err = p.Login(t.Context(), ada, password)
	wantCode(t, err, "wrong_credentials")
	_, err = p.Refresh(t.Context(), theirs.Refresh)
	wantCode(t, err, "session_expired")
	_, err = p.AuthenticateKey(t.Context(), key)
	wantCode(t, err, "key_invalid")
	if g, err := p.signIn(t, "corp"); err == nil && g.UserID == mine.UserID {
		t.Error("the stranger's provider is still a way in")
	}
	if _, err := p.Authenticate(t.Context(), mine.Access); err != nil {
		t.Errorf("the owner: %v", err)
	}
	if letters := p.post(t, mailbox); len(letters) != 1 || letters[0].To != ada || letters[0].Subject != "Your account has no password any more" {
		t.Errorf("got %+v, want the owner told", letters)
	}
}

// TestService_Arrive_owned: who has proved that the password is theirs keeps it.
func TestService_Arrive_owned(t *testing.T) {
	t.Parallel()
	for name, prove := range map[string]func(*testing.T, portal, *authtest.Mailbox){
		"confirmed with the password": func(t *testing.T, p portal, m *authtest.Mailbox) { p.confirm(t, m, password) },
		"set the password by mail":    func(t *testing.T, p portal, m *authtest.Mailbox) { p.reset(t, m, password) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mailbox := new(authtest.Mailbox)
			p := newPortal(t, func(o *auth.Options) { o.Mailer = mailbox })
			register(t, p.Service)
			prove(t, p, mailbox)
			mine, err := p.Login(t.Context(), ada, password)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := p.signIn(t, "id"); err != nil || again.UserID != mine.UserID {
				t.Errorf("got %+v, %v, want the same account", again, err)
			}
			if _, err := p.Refresh(t.Context(), mine.Refresh); err != nil {
				t.Errorf("the sign-in with the password: %v", err)
			}
			if _, err := p.Login(t.Context(), ada, password); err != nil {
				t.Errorf("the password: %v", err)
			}
		})
	}
}

// TestService_VerifyEmail_password: a wrong password uses nothing up, and is no way to guess.
func TestService_VerifyEmail_password(t *testing.T) {
	t.Parallel()
	m := newMailed(t)
	g := register(t, m.Service)
	_, token := m.one(t, "verify")
	for range 5 {
		wantCode(t, m.VerifyEmail(t.Context(), token, "wrong"), "wrong_password")
	}
	wantCode(t, m.VerifyEmail(t.Context(), token, password), "too_many_attempts")
	m.advance(time.Minute)
	if err := m.VerifyEmail(t.Context(), token, password); err != nil {
		t.Fatal(err)
	}
	if u := m.user(t, g); !u.Verified() || !u.Owned() {
		t.Errorf("got %+v, want it verified and owned", u)
	}
}

// TestService_Arrive_factor_notOwned: nobody gets past the factor of whoever opened an
// account by taking its password away.
func TestService_Arrive_factor_notOwned(t *testing.T) {
	t.Parallel()
	e := newEnrolled(t)
	p := portal{Service: e.Service, store: e.store, clock: e.clock, id: &provider{name: "id", issuer: "https://id.example.com", claim: auth.Claim{Subject: "7", Email: ada, Verified: true}}}
	p.Service, _ = newService(t, e.store, func(o *auth.Options) { o.Now, o.Mailer, o.Providers = e.Now, e.box, []auth.Provider{p.id} })
	if err := p.ResendVerification(t.Context(), ada); err != nil {
		t.Fatal(err)
	}
	p.confirm(t, e.box, "")
	_, err := p.signIn(t, "id")
	wantCode(t, err, "link_required")
	e.challenge(t) // the password is still there
}

func (m mailed) user(t *testing.T, g *auth.Grant) *auth.User {
	t.Helper()
	u, err := m.Me(t.Context(), m.who(t, g))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// post sends what is due and returns the letters.
func (p portal) post(t *testing.T, mailbox *authtest.Mailbox) []auth.Letter {
	t.Helper()
	if err := p.SendMail(t.Context()); err != nil {
		t.Fatal(err)
	}
	return mailbox.Take()
}

// confirm follows the link of the mail that has come.
func (p portal) confirm(t *testing.T, mailbox *authtest.Mailbox, password string) {
	t.Helper()
	letters := p.post(t, mailbox)
	if len(letters) != 1 {
		t.Fatalf("got %+v, want one letter", letters)
	}
	if err := p.VerifyEmail(t.Context(), authtest.Token(letters[0], "verify"), password); err != nil {
		t.Fatal(err)
	}
}
