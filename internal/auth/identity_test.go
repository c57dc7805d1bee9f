package auth_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/auth/authtest"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// provider is a provider that signs nothing: what it makes of a handshake is in the code.
type provider struct {
	name, issuer string
	claim        auth.Claim
	err          error
}

func (p *provider) Name() string   { return p.name }
func (p *provider) Label() string  { return "Example" }
func (p *provider) Issuer() string { return p.issuer }

func (p *provider) AuthURL(_ context.Context, h auth.Handshake) (string, error) {
	return "https://id.example.com/?" + h.State + "&" + h.Nonce + "&" + h.Verifier, p.err
}

func (p *provider) Identify(_ context.Context, h auth.Handshake, a auth.ProviderAnswer) (auth.Claim, error) {
	if a.Code != h.Nonce+h.Verifier {
		return auth.Claim{}, fault.New(fault.Unauthenticated, "no proof").WithCode("provider_invalid")
	}
	return p.claim, p.err
}

// visit is what comes back from the provider.
func visit(off *auth.Handoff) auth.ProviderAnswer {
	_, query, _ := strings.Cut(off.URL, "?")
	parts := strings.Split(query, "&")
	return auth.ProviderAnswer{State: parts[0], Code: parts[1] + parts[2]}
}

// portal is a service with two providers.
type portal struct {
	*auth.Service
	store *authtest.Store
	clock *clock
	id    *provider
	corp  *provider
}

func newPortal(t *testing.T, change ...func(*auth.Options)) portal {
	t.Helper()
	p := portal{
		store: new(authtest.Store),
		id:    &provider{name: "id", issuer: "https://id.example.com", claim: auth.Claim{Subject: "7", Email: "Ada@Example.com", Verified: true}},
		corp:  &provider{name: "corp", issuer: "https://corp.example.com", claim: auth.Claim{Subject: "7", Email: "bob@example.com", Verified: true}},
	}
	both := func(o *auth.Options) { o.Providers = []auth.Provider{p.id, p.corp} }
	p.Service, p.clock = newService(t, p.store, append(change, both)...)
	return p
}

func (p portal) begin(t *testing.T, name string) *auth.Handoff {
	t.Helper()
	off, err := p.BeginSignIn(t.Context(), name, "/account")
	if err != nil {
		t.Fatal(err)
	}
	return off
}

func (p portal) signIn(t *testing.T, name string) (*auth.Grant, error) {
	t.Helper()
	off := p.begin(t, name)
	arrival, err := p.Arrive(t.Context(), name, off.Token, visit(off))
	if err != nil {
		return nil, err
	}
	if arrival.ReturnTo != "/account" || arrival.Grant == nil {
		t.Errorf("got %+v", arrival)
	}
	return arrival.Grant, nil
}

func (p portal) who(t *testing.T, g *auth.Grant) auth.Actor {
	t.Helper()
	who, err := p.Authenticate(t.Context(), g.Access)
	if err != nil {
		t.Fatal(err)
	}
	return who
}

func (p portal) link(t *testing.T, who auth.Actor, name string) error {
	t.Helper()
	off, err := p.BeginLink(t.Context(), who, name, "")
	if err != nil {
		return err
	}
	arrival, err := p.Arrive(t.Context(), name, off.Token, visit(off))
	if err == nil && (arrival.Grant != nil || arrival.ReturnTo != "/account") {
		t.Errorf("got %+v, want no sign-in", arrival)
	}
	return err
}

// addUser adds somebody with a password, whose address may be verified.
func (p portal) addUser(t *testing.T, email string, verified bool, r auth.Role) *auth.User {
	t.Helper()
	u := authtest.NewUser(t, email)
	u.Role = r
	if verified {
		u.VerifiedAt = u.CreatedAt
	}
	if err := p.store.CreateUser(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	return u
}

func wantCode(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || code(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestService_Arrive(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	first, err := p.signIn(t, "id")
	if err != nil {
		t.Fatal(err)
	}
	who := p.who(t, first)
	u, err := p.Me(t.Context(), who)
	if err != nil || u.Email != ada || !u.Verified() || u.Role != auth.Member || u.PasswordHash != "" {
		t.Errorf("got %+v, %v, want a member with a verified address and no password", u, err)
	}
	p.id.claim.Email = "" // whatever becomes of the address, the subject stays
	again, err := p.signIn(t, "id")
	if err != nil || again.UserID != first.UserID || again.Device == "" {
		t.Errorf("got %+v, %v, want the same account", again, err)
	}
	p.corp.claim.Subject, p.corp.claim.Email = "7", "eve@example.com"
	other, err := p.signIn(t, "corp")
	if err != nil || other.UserID == first.UserID {
		t.Errorf("got %+v, %v: a subject of another provider is somebody else", other, err)
	}
	wantActions(t, p.store, auth.AccountCreated, auth.SignedIn, auth.SignedIn, auth.AccountCreated, auth.SignedIn)
}

func wantActions(t *testing.T, s *authtest.Store, want ...auth.Action) {
	t.Helper()
	entries, err := s.Entries(t.Context(), auth.EntryFilter{Limit: 100})
	if err != nil || len(entries) != len(want) {
		t.Fatalf("got %d entries, %v, want %d: %+v", len(entries), err, len(want), entries)
	}
	for i, a := range want {
		if got := entries[len(entries)-1-i].Action; got != a {
			t.Errorf("entry %d: got %s, want %s", i, got, a)
		}
	}
}

// TestService_Arrive_onlyOnce: an answer is of use in the browser that has asked, once, for
// ten minutes, and for the provider that was asked.
func TestService_Arrive_onlyOnce(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	mine, other := p.begin(t, "id"), p.begin(t, "id")
	for name, try := range map[string]func() error{
		"another browser": func() error {
			_, err := p.Arrive(t.Context(), "id", other.Token, visit(mine))
			return err
		},
		"no browser": func() error {
			_, err := p.Arrive(t.Context(), "id", "", visit(mine))
			return err
		},
		"another provider": func() error {
			_, err := p.Arrive(t.Context(), "corp", mine.Token, visit(mine))
			return err
		},
		"no state": func() error {
			_, err := p.Arrive(t.Context(), "id", mine.Token, auth.ProviderAnswer{Code: visit(mine).Code})
			return err
		},
		"an access token instead": func() error {
			_, err := p.Arrive(t.Context(), "id", register(t, p.Service).Access, visit(mine))
			return err
		},
		"a token of another installation": func() error {
			foreign, _ := newService(t, p.store, func(o *auth.Options) { o.Issuer, o.Providers = "https://other.example.com", []auth.Provider{p.id} })
			off, err := foreign.BeginSignIn(t.Context(), "id", "")
			if err != nil {
				t.Fatal(err)
			}
			_, err = p.Arrive(t.Context(), "id", off.Token, visit(off))
			return err
		},
	} {
		if err := try(); code(err) != "handshake_invalid" {
			t.Errorf("%s: got %v, want handshake_invalid", name, err)
		}
	}
	wantCode(t, func() error { _, err := p.Arrive(t.Context(), "none", mine.Token, visit(mine)); return err }(), "unknown_provider")
	if _, err := p.Arrive(t.Context(), "id", other.Token, visit(other)); code(err) != "link_required" {
		t.Errorf("got %v, want that it comes through to the account that was registered meanwhile", err)
	}
	_, err := p.Arrive(t.Context(), "id", other.Token, visit(other))
	wantCode(t, err, "handshake_invalid")
	p.clock.advance(10*time.Minute + time.Minute)
	_, err = p.Arrive(t.Context(), "id", mine.Token, visit(mine))
	wantCode(t, err, "handshake_invalid")
}

// A handshake goes on when the secret is replaced meanwhile.
func TestService_Arrive_newSecret(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	off := p.begin(t, "id")
	next, _ := newService(t, p.store, func(o *auth.Options) {
		o.Secrets, o.Providers = [][]byte{bytes.Repeat([]byte("n"), 32), secret}, []auth.Provider{p.id}
	})
	if _, err := next.Arrive(t.Context(), "id", off.Token, visit(off)); err != nil {
		t.Error(err)
	}
}

// TestService_Arrive_knownAddress: an account is joined by its address only where that is
// proved on both sides. Whoever has registered the address of somebody else must not get
// into their account when they come, nor they into that of a stranger.
func TestService_Arrive_knownAddress(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		local, elsewhere, disabled bool
		role                       auth.Role
		code                       string
	}{
		"both have verified it":      {local: true, elsewhere: true, role: auth.Member},
		"the provider has not":       {local: true, role: auth.Member, code: "email_unverified"},
		"the account has not":        {elsewhere: true, role: auth.Member, code: "link_required"},
		"nobody has":                 {role: auth.Member, code: "email_unverified"},
		"an administrator's account": {local: true, elsewhere: true, role: auth.Admin, code: "link_required"},
		"a disabled account":         {local: true, elsewhere: true, role: auth.Member, disabled: true, code: "link_required"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPortal(t)
			u := p.addUser(t, ada, tt.local, tt.role)
			p.id.claim.Verified = tt.elsewhere
			if tt.disabled {
				if _, err := p.store.ChangeUser(t.Context(), u.ID, auth.UserChange{At: p.clock.Now(), Disabled: &tt.disabled}, auth.Entry{}); err != nil {
					t.Fatal(err)
				}
			}
			g, err := p.signIn(t, "id")
			if code(err) != tt.code || err == nil && g.UserID != u.ID {
				t.Errorf("got %+v, %v, want %q", g, err, tt.code)
			}
			found, err := p.store.Identities(t.Context(), u.ID)
			if err != nil || (len(found) == 1) != (tt.code == "") {
				t.Errorf("got %v, %v", found, err)
			}
		})
	}
}

func TestService_Arrive_disabled(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	g, err := p.signIn(t, "id")
	if err != nil {
		t.Fatal(err)
	}
	yes := true
	if _, err := p.store.ChangeUser(t.Context(), g.UserID, auth.UserChange{At: p.clock.Now(), Disabled: &yes}, auth.Entry{}); err != nil {
		t.Fatal(err)
	}
	_, err = p.signIn(t, "id")
	wantCode(t, err, "account_disabled")
}

func TestService_Arrive_closed(t *testing.T) {
	t.Parallel()
	p := newPortal(t, func(o *auth.Options) { o.NoRegistration = true })
	_, err := p.signIn(t, "id")
	wantCode(t, err, "registration_closed")
	u := p.addUser(t, ada, true, auth.Member)
	if g, err := p.signIn(t, "id"); err != nil || g.UserID != u.ID {
		t.Errorf("who has an account: got %+v, %v", g, err)
	}
}

// TestService_Arrive_otherIssuer: a provider's name that leads elsewhere one day does not
// give away the accounts of those who came from where it led before.
func TestService_Arrive_otherIssuer(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	before, err := p.signIn(t, "id")
	if err != nil {
		t.Fatal(err)
	}
	p.id.issuer, p.id.claim.Email = "https://evil.example.com", "eve@example.com"
	after, err := p.signIn(t, "id")
	if err != nil || after.UserID == before.UserID {
		t.Errorf("got %+v, %v, want another account", after, err)
	}
}

func TestService_Arrive_providerFails(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	off := p.begin(t, "id")
	p.id.err = fault.New(fault.Unavailable, "down").WithCode("provider_unavailable")
	_, err := p.Arrive(t.Context(), "id", off.Token, visit(off))
	wantCode(t, err, "provider_unavailable")
	_, err = p.BeginSignIn(t.Context(), "id", "")
	wantCode(t, err, "provider_unavailable")
	_, err = p.BeginSignIn(t.Context(), "none", "")
	wantCode(t, err, "unknown_provider")
}

func TestService_BeginSignIn_returnTo(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	for _, good := range []string{"", "/", "/account?tab=keys#top", "/a%2F%2Fb"} {
		if _, err := p.BeginSignIn(t.Context(), "id", good); err != nil {
			t.Errorf("%q: got %v", good, err)
		}
	}
	for _, bad := range []string{
		"https://evil.example.com", "//evil.example.com", `/\evil.example.com`, `\/evil.example.com`, "/\t/evil.example.com", "/\n/evil.example.com", "evil.example.com",
		"javascript:alert(1)", "/a b", "/é", "/%zz", "///evil.example.com", "/" + strings.Repeat("a", 1024),
	} {
		_, err := p.BeginSignIn(t.Context(), "id", bad)
		wantCode(t, err, "invalid_return")
	}
}

func TestService_BeginLink(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	g, err := p.signIn(t, "id")
	if err != nil {
		t.Fatal(err)
	}
	who := p.who(t, g)
	if err := p.link(t, who, "corp"); err != nil { // of another address
		t.Fatal(err)
	}
	if again, err := p.signIn(t, "corp"); err != nil || again.UserID != g.UserID {
		t.Errorf("got %+v, %v, want the linked account", again, err)
	}
	p.corp.claim.Subject = "8"
	wantCode(t, p.link(t, who, "corp"), "identity_exists")
	stranger := p.who(t, func() *auth.Grant {
		p.id.claim = auth.Claim{Subject: "9", Email: "eve@example.com", Verified: true}
		g, _ := p.signIn(t, "id")
		return g
	}())
	p.corp.claim.Subject = "7"
	wantCode(t, p.link(t, stranger, "corp"), "identity_taken")
	_, err = p.BeginLink(t.Context(), auth.Actor{UserID: who.UserID, KeyID: uuid.New(), Since: p.clock.Now()}, "corp", "")
	wantCode(t, err, "key_not_allowed")
	_, err = p.BeginLink(t.Context(), auth.Actor{}, "corp", "")
	wantCode(t, err, "unauthenticated")
}

// TestService_BeginLink_recent: refreshing a sign-in does not make it a new one.
func TestService_BeginLink_recent(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	g, err := p.signIn(t, "id")
	if err != nil {
		t.Fatal(err)
	}
	p.clock.advance(9 * time.Minute)
	if err := p.link(t, p.who(t, g), "corp"); err != nil {
		t.Errorf("after nine minutes: %v", err)
	}
	p.clock.advance(7 * time.Minute)
	next, err := p.Refresh(t.Context(), g.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, p.link(t, p.who(t, next), "corp"), "recent_sign_in_required")
	wantCode(t, p.RemoveIdentity(t.Context(), p.who(t, next), "id"), "recent_sign_in_required")
}

// TestService_BeginLink_signedOut: who has signed out while at the provider is not linked.
func TestService_BeginLink_signedOut(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	g, err := p.signIn(t, "id")
	if err != nil {
		t.Fatal(err)
	}
	who := p.who(t, g)
	off, err := p.BeginLink(t.Context(), who, "corp", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Logout(t.Context(), who, g.Refresh); err != nil {
		t.Fatal(err)
	}
	_, err = p.Arrive(t.Context(), "corp", off.Token, visit(off))
	wantCode(t, err, "session_expired")
	if found, err := p.store.Identities(t.Context(), g.UserID); err != nil || len(found) != 1 {
		t.Errorf("got %v, %v, want the first alone", found, err)
	}
}

// TestService_BeginLink_unverified: who has registered the address of somebody else keeps
// no way in for the day on which that person takes the account over.
func TestService_BeginLink_unverified(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	who := p.who(t, register(t, p.Service))
	wantCode(t, p.link(t, who, "corp"), "email_not_verified")
	p.id.claim.Verified = false
	wantCode(t, p.link(t, who, "id"), "email_not_verified")
	p.id.claim.Verified = true
	if err := p.link(t, who, "id"); err != nil { // it knows the same address as theirs
		t.Error(err)
	}
}

func TestService_RemoveIdentity(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	g, err := p.signIn(t, "id")
	if err != nil {
		t.Fatal(err)
	}
	who := p.who(t, g)
	wantCode(t, p.RemoveIdentity(t.Context(), who, "id"), "last_way_in")
	if err := p.link(t, who, "corp"); err != nil {
		t.Fatal(err)
	}
	if err := p.RemoveIdentity(t.Context(), who, "id"); err != nil {
		t.Fatal(err)
	}
	wantCode(t, p.RemoveIdentity(t.Context(), who, "id"), "not_found")
	wantCode(t, p.RemoveIdentity(t.Context(), who, "corp"), "last_way_in")
	found, err := p.Identities(t.Context(), who)
	if err != nil || len(found) != 1 || found[0].Provider != "corp" {
		t.Errorf("got %v, %v", found, err)
	}
	wantActions(t, p.store, auth.AccountCreated, auth.SignedIn, auth.IdentityLinked, auth.IdentityUnlinked)
}

// TestService_Login_withoutPassword: no password is that of somebody who has none, and
// nobody is told that they have none.
func TestService_Login_withoutPassword(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	if _, err := p.signIn(t, "id"); err != nil {
		t.Fatal(err)
	}
	for _, try := range []string{"", password} {
		_, err := p.Login(t.Context(), ada, try)
		wantCode(t, err, "wrong_credentials")
	}
	wantCode(t, p.EnsureAdmin(t.Context(), ada, password), "admin_email_taken")
}

// TestService_ChangePassword_first: who has no password sets one by a recent sign-in.
func TestService_ChangePassword_first(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	g, err := p.signIn(t, "id")
	if err != nil {
		t.Fatal(err)
	}
	late := p.who(t, g)
	late.Since = p.clock.Now().Add(-16 * time.Minute)
	wantCode(t, p.ChangePassword(t.Context(), late, auth.NewPassword{Password: password}), "recent_sign_in_required")
	if err := p.ChangePassword(t.Context(), p.who(t, g), auth.NewPassword{Password: password}); err != nil {
		t.Fatal(err)
	}
	wantCode(t, p.ChangePassword(t.Context(), p.who(t, g), auth.NewPassword{Password: password}), "wrong_password")
	if again, err := p.Login(t.Context(), ada, password); err != nil || again.UserID != g.UserID {
		t.Errorf("got %+v, %v", again, err)
	}
	if err := p.RemoveIdentity(t.Context(), p.who(t, g), "id"); err != nil {
		t.Errorf("the provider is not the last way in any more: %v", err)
	}
}

// TestService_ResetPassword_first: a mail gives a password to who has none.
func TestService_ResetPassword_first(t *testing.T) {
	t.Parallel()
	mailbox := new(authtest.Mailbox)
	p := newPortal(t, func(o *auth.Options) { o.Mailer = mailbox })
	if _, err := p.signIn(t, "id"); err != nil {
		t.Fatal(err)
	}
	p.reset(t, mailbox, password)
	if _, err := p.Login(t.Context(), ada, password); err != nil {
		t.Error(err)
	}
}
