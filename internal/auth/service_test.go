package auth_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/auth/authtest"
	"github.com/turboscribe/turboscribe/internal/fault"
)

const (
	ada      = "ada@example.com"
	password = "four words in a row"
)

var secret = bytes.Repeat([]byte("s"), 32)

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// newService returns a service on a store, with cheap hashes and a clock.
func newService(t *testing.T, store auth.Store, change ...func(*auth.Options)) (*auth.Service, *clock) {
	t.Helper()
	c := &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	o := auth.Options{
		Secrets: [][]byte{secret}, Issuer: "https://scribe.example.com", Now: c.Now,
		Argon2: auth.Argon2{MemoryKiB: 64, Passes: 1, Lanes: 1},
	}
	for _, f := range change {
		f(&o)
	}
	s, err := auth.NewService(t.Context(), store, o)
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

func register(t *testing.T, s *auth.Service) *auth.Grant {
	t.Helper()
	g, err := s.Register(t.Context(), ada, password)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func code(err error) string {
	if err == nil {
		return ""
	}
	return fault.Of(err).Code
}

func TestNewService_refuses(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]auth.Options{
		"no issuer":                  {Secrets: [][]byte{secret}},
		"no secret":                  {Issuer: "x"},
		"short secret":               {Issuer: "x", Secrets: [][]byte{secret[:31]}},
		"short secret in the second": {Issuer: "x", Secrets: [][]byte{secret, []byte("short")}},
		"no randomness":              {Issuer: "x", Secrets: [][]byte{secret}, Rand: strings.NewReader("")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := auth.NewService(t.Context(), new(authtest.Store), o); err == nil {
				t.Error("want an error")
			}
		})
	}
}

func TestService_Register(t *testing.T) {
	t.Parallel()
	store := new(authtest.Store)
	s, c := newService(t, store)
	g, err := s.Register(t.Context(), " Ada@Example.com ", password)
	if err != nil {
		t.Fatal(err)
	}
	who, err := s.Authenticate(t.Context(), g.Access)
	if err != nil {
		t.Fatal(err)
	}
	if who.UserID != g.UserID || who.Email != ada || who.Role != auth.Member || who.SessionID == uuid.Nil {
		t.Errorf("got %+v", who)
	}
	if got, want := g.AccessExpires, c.Now().Add(10*time.Minute); !got.Equal(want) {
		t.Errorf("access expires %s, want %s", got, want)
	}
	if got, want := g.RefreshExpires, c.Now().Add(30*24*time.Hour); !got.Equal(want) {
		t.Errorf("refresh expires %s, want %s", got, want)
	}
	u, err := s.Me(t.Context(), who)
	if err != nil || strings.Contains(u.PasswordHash, password) {
		t.Errorf("got %+v, %v", u, err)
	}
	for _, tt := range []struct{ email, password, want string }{
		{"ADA@example.com", password, "email_taken"},
		{"ada", password, "invalid_email"},
		{"\ufffd@example.com", password, "invalid_email"},
		{"bob@example.com", "short", "password_too_short"},
	} {
		if _, err := s.Register(t.Context(), tt.email, tt.password); code(err) != tt.want {
			t.Errorf("%s: got %v, want %s", tt.email, err, tt.want)
		}
	}
}

func TestService_Login(t *testing.T) {
	t.Parallel()
	s, _ := newService(t, new(authtest.Store))
	first := register(t, s)
	tests := []struct{ name, email, password, want string }{
		{"right", ada, password, ""},
		{"address in another case", "ADA@example.com ", password, ""},
		{"wrong password", ada, password + "x", "wrong_credentials"},
		{"empty password", ada, "", "wrong_credentials"},
		{"unknown address", "bob@example.com", password, "wrong_credentials"},
		{"no address", "bob", password, "wrong_credentials"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g, err := s.Login(t.Context(), tt.email, tt.password)
			if code(err) != tt.want {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if err == nil && (g.UserID != first.UserID || g.Refresh == first.Refresh) {
				t.Errorf("got %+v, want another sign-in of %s", g, first.UserID)
			}
		})
	}
}

func TestService_Login_rehashes(t *testing.T) {
	t.Parallel()
	store := new(authtest.Store)
	old, _ := newService(t, store)
	g := register(t, old)
	s, _ := newService(t, store, func(o *auth.Options) { o.Argon2.Passes = 2 })
	hash := func() string {
		u, err := store.User(t.Context(), g.UserID)
		if err != nil {
			t.Fatal(err)
		}
		return u.PasswordHash
	}
	before := hash()
	for range 2 {
		if _, err := s.Login(t.Context(), ada, password); err != nil {
			t.Fatal(err)
		}
	}
	after := hash()
	if before == after || !strings.Contains(after, "t=2") {
		t.Errorf("got %s, want a hash of two passes", after)
	}
}

func TestService_Authenticate(t *testing.T) {
	t.Parallel()
	store := new(authtest.Store)
	s, c := newService(t, store)
	g := register(t, s)
	if _, err := s.Authenticate(t.Context(), g.Access); err != nil {
		t.Fatal(err)
	}
	c.advance(10*time.Minute + 11*time.Second)
	if _, err := s.Authenticate(t.Context(), g.Access); code(err) != "token_expired" || !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("got %v, want token_expired", err)
	}
	other, _ := newService(t, store, func(o *auth.Options) { o.Issuer = "https://other.example.com" })
	if _, err := other.Authenticate(t.Context(), g.Access); code(err) != "token_invalid" {
		t.Errorf("another issuer: got %v, want token_invalid", err)
	}
}

func TestService_changingSecrets(t *testing.T) {
	t.Parallel()
	store := new(authtest.Store)
	before, _ := newService(t, store)
	g := register(t, before)
	fresh := bytes.Repeat([]byte("f"), 32)
	during, c := newService(t, store, func(o *auth.Options) { o.Secrets = [][]byte{fresh, secret} })
	after, _ := newService(t, store, func(o *auth.Options) { o.Secrets = [][]byte{fresh} })
	if _, err := during.Authenticate(t.Context(), g.Access); err != nil {
		t.Errorf("the old secret no longer verifies: %v", err)
	}
	if _, err := after.Authenticate(t.Context(), g.Access); code(err) != "token_invalid" {
		t.Errorf("a secret that is gone: got %v, want token_invalid", err)
	}
	first, err := before.Refresh(t.Context(), g.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	c.advance(5 * time.Second)
	again, err := during.Refresh(t.Context(), g.Refresh)
	if err != nil || again.Refresh != first.Refresh {
		t.Fatalf("got %+v, %v, want the successor made with the old secret", again, err)
	}
	if _, err := after.Authenticate(t.Context(), again.Access); err != nil {
		t.Errorf("the first secret does not sign: %v", err)
	}
}

func TestService_Refresh(t *testing.T) {
	t.Parallel()
	s, c := newService(t, new(authtest.Store))
	g := register(t, s)
	c.advance(time.Hour)
	next, err := s.Refresh(t.Context(), g.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	if next.Refresh == g.Refresh || next.UserID != g.UserID || !next.RefreshExpires.Equal(c.Now().Add(30*24*time.Hour)) {
		t.Errorf("got %+v after %+v", next, g)
	}
	before, _ := s.Authenticate(t.Context(), g.Access) // has expired
	after, err := s.Authenticate(t.Context(), next.Access)
	if err != nil || before.UserID != uuid.Nil {
		t.Fatalf("got %v, %v", before, err)
	}
	c.advance(time.Hour)
	third, err := s.Refresh(t.Context(), next.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	if who, err := s.Authenticate(t.Context(), third.Access); err != nil || who.SessionID != after.SessionID {
		t.Errorf("got %+v, %v, want the same sign-in %s", who, err, after.SessionID)
	}
}

// TestService_Refresh_grace tells of two tabs that refresh at once, and of an
// answer that got lost: both get the same successor, and it stays usable.
func TestService_Refresh_grace(t *testing.T) {
	t.Parallel()
	store := new(authtest.Store)
	s, c := newService(t, store)
	g := register(t, s)
	first, err := s.Refresh(t.Context(), g.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	c.advance(30 * time.Second)
	second, err := s.Refresh(t.Context(), g.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	if second.Refresh != first.Refresh {
		t.Error("the family has two branches")
	}
	if got := store.Sessions(); got != 2 {
		t.Errorf("got %d sessions, want 2", got)
	}
	if _, err := s.Refresh(t.Context(), second.Refresh); err != nil {
		t.Errorf("the successor does not work: %v", err)
	}
}

func TestService_Refresh_manyAtOnce(t *testing.T) {
	t.Parallel()
	store := new(authtest.Store)
	s, _ := newService(t, store)
	g := register(t, s)
	got := make(chan string, 8)
	var all sync.WaitGroup
	for range cap(got) {
		all.Go(func() {
			next, err := s.Refresh(t.Context(), g.Refresh)
			if err != nil {
				t.Errorf("refresh: %v", err)
				return
			}
			got <- next.Refresh
		})
	}
	all.Wait()
	close(got)
	tokens := map[string]bool{}
	for token := range got {
		tokens[token] = true
	}
	if len(tokens) != 1 || store.Sessions() != 2 {
		t.Errorf("got %d successors in %d sessions, want 1 in 2", len(tokens), store.Sessions())
	}
}

// TestService_Refresh_reuse tells of a stolen token: the thief refreshes, the
// owner comes later with the old one, and the thief must be out.
func TestService_Refresh_reuse(t *testing.T) {
	t.Parallel()
	s, c := newService(t, new(authtest.Store))
	g := register(t, s)
	elsewhere, err := s.Login(t.Context(), ada, password)
	if err != nil {
		t.Fatal(err)
	}
	thief, err := s.Refresh(t.Context(), g.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	c.advance(31 * time.Second)
	if _, err := s.Refresh(t.Context(), g.Refresh); code(err) != "session_reused" || !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("owner: got %v, want session_reused", err)
	}
	if _, err := s.Refresh(t.Context(), thief.Refresh); code(err) != "session_expired" {
		t.Errorf("thief: got %v, want session_expired", err)
	}
	if _, err := s.Refresh(t.Context(), elsewhere.Refresh); err != nil {
		t.Errorf("another sign-in of the owner ended too: %v", err)
	}
}

func TestService_Refresh_refuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*testing.T, *auth.Service, *authtest.Store, *clock, *auth.Grant)
		want   string
	}{
		{"unknown token", func(_ *testing.T, _ *auth.Service, _ *authtest.Store, _ *clock, g *auth.Grant) { g.Refresh = "x" }, "session_expired"},
		{"empty token", func(_ *testing.T, _ *auth.Service, _ *authtest.Store, _ *clock, g *auth.Grant) { g.Refresh = "" }, "session_expired"},
		{"access token", func(_ *testing.T, _ *auth.Service, _ *authtest.Store, _ *clock, g *auth.Grant) { g.Refresh = g.Access }, "session_expired"},
		{"too old", func(_ *testing.T, _ *auth.Service, _ *authtest.Store, c *clock, _ *auth.Grant) {
			c.advance(30 * 24 * time.Hour)
		}, "session_expired"},
		{"signed out", func(t *testing.T, s *auth.Service, _ *authtest.Store, _ *clock, g *auth.Grant) {
			if err := s.Logout(t.Context(), auth.Actor{}, g.Refresh); err != nil {
				t.Fatal(err)
			}
		}, "session_expired"},
		{"account deleted", func(_ *testing.T, _ *auth.Service, store *authtest.Store, _ *clock, g *auth.Grant) {
			store.DeleteUser(g.UserID)
		}, "session_expired"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			store := new(authtest.Store)
			s, c := newService(t, store)
			g := register(t, s)
			tt.change(t, s, store, c, g)
			if _, err := s.Refresh(t.Context(), g.Refresh); code(err) != tt.want || !fault.Is(err, fault.Unauthenticated) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestService_Logout(t *testing.T) {
	t.Parallel()
	s, _ := newService(t, new(authtest.Store))
	g := register(t, s)
	who, err := s.Authenticate(t.Context(), g.Access)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Logout(t.Context(), who, ""); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Refresh(t.Context(), g.Refresh); code(err) != "session_expired" {
		t.Errorf("got %v, want session_expired", err)
	}
	if err := s.Logout(t.Context(), auth.Actor{}, "unknown"); err != nil {
		t.Errorf("signing out with an unknown token: %v", err)
	}
}

// What a token may do was what its role could do when it was made, for ten minutes.
func TestService_Authenticate_asOfNow(t *testing.T) {
	t.Parallel()
	store := new(authtest.Store)
	s, c := newService(t, store)
	g := register(t, s)
	may := func() bool {
		t.Helper()
		who, err := s.Authenticate(t.Context(), g.Access)
		if err != nil {
			t.Fatal(err)
		}
		return who.Can(auth.WriteTranscriptions)
	}
	if !may() {
		t.Fatal("a user may not write")
	}
	viewer := auth.Viewer
	if _, err := store.ChangeUser(t.Context(), g.UserID, auth.UserChange{Role: &viewer}, auth.Entry{}); err != nil { // in another process
		t.Fatal(err)
	}
	if c.advance(1999 * time.Millisecond); !may() {
		t.Error("the database is asked more often than every two seconds")
	}
	if c.advance(time.Millisecond); may() {
		t.Error("two seconds later a viewer may write")
	}
	store.DeleteUser(g.UserID)
	c.advance(2 * time.Second)
	if _, err := s.Authenticate(t.Context(), g.Access); code(err) != "account_gone" {
		t.Errorf("got %v, want account_gone", err)
	}
}

func TestService_Authenticate_signedOut(t *testing.T) {
	t.Parallel()
	s, _ := newService(t, new(authtest.Store))
	g := register(t, s)
	who, err := s.Authenticate(t.Context(), g.Access)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Logout(t.Context(), who, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Authenticate(t.Context(), g.Access); code(err) != "session_expired" {
		t.Errorf("got %v, want session_expired at once", err)
	}
}

func TestService_Me(t *testing.T) {
	t.Parallel()
	store := new(authtest.Store)
	s, _ := newService(t, store)
	g := register(t, s)
	if _, err := s.Me(t.Context(), auth.Actor{}); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("nobody: got %v, want unauthenticated", err)
	}
	store.DeleteUser(g.UserID)
	if _, err := s.Me(t.Context(), auth.Actor{UserID: g.UserID}); code(err) != "account_gone" {
		t.Errorf("deleted: got %v, want account_gone", err)
	}
}

func TestService_EnsureAdmin(t *testing.T) {
	t.Parallel()
	s, _ := newService(t, new(authtest.Store))
	g := register(t, s)
	for range 2 {
		if err := s.EnsureAdmin(t.Context(), "Root@example.com", "another fine password"); err != nil {
			t.Fatal(err)
		}
		if err := s.EnsureAdmin(t.Context(), ada, password); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ email, password string }{{"root@example.com", "another fine password"}, {ada, password}} {
		signed, err := s.Login(t.Context(), tt.email, tt.password)
		if err != nil {
			t.Fatalf("%s: %v", tt.email, err)
		}
		if who, err := s.Authenticate(t.Context(), signed.Access); err != nil || who.Role != auth.Admin {
			t.Errorf("%s: got %+v, %v, want an administrator", tt.email, who, err)
		}
	}
	// A refresh sees the new role without another sign-in.
	next, err := s.Refresh(t.Context(), g.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	if who, err := s.Authenticate(t.Context(), next.Access); err != nil || !who.Can(auth.WatchQueues) {
		t.Errorf("got %+v, %v, want the new role", who, err)
	}
	// Somebody may have forgotten the password, or changed it since.
	if err := s.EnsureAdmin(t.Context(), ada, "not her password at all"); err != nil {
		t.Errorf("an administrator with another password: %v", err)
	}
	if err := s.EnsureAdmin(t.Context(), "root", password); code(err) != "invalid_email" {
		t.Errorf("got %v, want invalid_email", err)
	}
}

// Registration is open and addresses are not verified. Whoever registered the
// address that an operator was going to use became an administrator at the next
// migration, with a password of their own.
func TestService_EnsureAdmin_somebodyElsesAccount(t *testing.T) {
	t.Parallel()
	s, _ := newService(t, new(authtest.Store))
	register(t, s)
	if err := s.EnsureAdmin(t.Context(), ada, "what the operator chose"); code(err) != "admin_email_taken" {
		t.Fatalf("got %v, want admin_email_taken", err)
	}
	signed, err := s.Login(t.Context(), ada, password)
	if err != nil {
		t.Fatal(err)
	}
	if who, err := s.Authenticate(t.Context(), signed.Access); err != nil || who.Role != auth.Member {
		t.Errorf("got %+v, %v, want no administrator", who, err)
	}
}

// broken is a store whose database is away.
type broken struct{ auth.Store }

var errAway = errors.New("connection refused")

func (broken) UserByEmail(context.Context, string) (*auth.User, error) { return nil, errAway }
func (broken) SessionByToken(context.Context, auth.TokenHash) (*auth.Session, error) {
	return nil, errAway
}

func (broken) Rights(context.Context, uuid.UUID, uuid.UUID) (auth.Rights, error) {
	return auth.Rights{}, errAway
}
func (broken) CreateUser(context.Context, *auth.User) error             { return errAway }
func (broken) RevokeFamily(context.Context, uuid.UUID, time.Time) error { return errAway }

// TestService_databaseAway: "wrong password" must never be the answer to a
// database that does not answer.
func TestService_databaseAway(t *testing.T) {
	t.Parallel()
	there, _ := newService(t, new(authtest.Store))
	token := register(t, there).Access
	s, _ := newService(t, broken{})
	calls := map[string]func(context.Context) error{
		"login":        func(ctx context.Context) error { _, err := s.Login(ctx, ada, password); return err },
		"register":     func(ctx context.Context) error { _, err := s.Register(ctx, ada, password); return err },
		"refresh":      func(ctx context.Context) error { _, err := s.Refresh(ctx, "token"); return err },
		"authenticate": func(ctx context.Context) error { _, err := s.Authenticate(ctx, token); return err },
		"logout":       func(ctx context.Context) error { return s.Logout(ctx, auth.Actor{}, "token") },
		"logout of an actor": func(ctx context.Context) error {
			return s.Logout(ctx, auth.Actor{UserID: uuid.New(), SessionID: uuid.New()}, "")
		},
		"ensure admin": func(ctx context.Context) error { return s.EnsureAdmin(ctx, ada, password) },
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := call(t.Context()); !errors.Is(err, errAway) {
				t.Errorf("got %v, want %v", err, errAway)
			}
		})
	}
}
