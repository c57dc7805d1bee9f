package api_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/api"
)

type grant struct {
	UserID    uuid.UUID `json:"userId"`
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// signIn signs the user in as a browser does and returns the cookies by name.
func (w *world) signIn(t *testing.T) map[string]*http.Cookie {
	t.Helper()
	got := w.do(t, call{method: "POST", path: "/api/v1/auth/login", body: `{"email":"user@example.com","password":"` + password + `"}`})
	got.expect(t, 200, "")
	return got.cookies()
}

func (w *world) refresh(t *testing.T, token string) answer {
	t.Helper()
	return w.do(t, call{method: "POST", path: "/api/v1/auth/refresh", header: map[string]string{"Cookie": "ts_refresh=" + token}})
}

func TestCookies_followTheScheme(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, url       string
		insecure        bool
		access, refresh string
		secure          bool
	}{
		{"https", "https://scribe.example.com", false, "__Host-ts_access", "__Host-ts_refresh", true},
		{"http on this host", "http://localhost:8080", false, "ts_access", "ts_refresh", false},
		{"http on this host by address", "http://127.0.0.1:8080/", false, "ts_access", "ts_refresh", false},
		{"http on this host by IPv6", "http://[::1]:8080", false, "ts_access", "ts_refresh", false},
		{"http elsewhere, allowed", "http://scribe.lan", true, "ts_access", "ts_refresh", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *api.Options) { o.PublicURL, o.InsecureCookies = tt.url, tt.insecure })
			found := w.signIn(t)
			if len(found) != 4 {
				t.Errorf("got %d cookies, want 4", len(found))
			}
			for name, want := range map[string]struct {
				path   string
				ttl    time.Duration
				script bool // may read it
			}{
				tt.access: {"/", 10 * time.Minute, false}, tt.refresh: {"/", 30 * 24 * time.Hour, false},
				strings.TrimSuffix(tt.refresh, "refresh") + "device":      {"/", 365 * 24 * time.Hour, false},
				strings.TrimSuffix(tt.access, "ts_access") + "csrf_token": {"/", 30 * 24 * time.Hour, true},
			} {
				c := found[name]
				if c == nil {
					t.Fatalf("there is no cookie %s in %v", name, found)
				}
				if c.Path != want.path || c.Domain != "" || c.Secure != tt.secure || c.HttpOnly == want.script || c.SameSite != http.SameSiteLaxMode {
					t.Errorf("got %s", c)
				}
				if left := c.Expires.Sub(w.clock.Now()); left > want.ttl || left < want.ttl-2*time.Second {
					t.Errorf("%s expires in %s, want %s", name, left, want.ttl)
				}
			}
		})
	}
}

func TestNew_refuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := func() api.Options {
		return api.Options{PublicURL: "https://scribe.example.com", Auth: w.auth, Transcriptions: w.transcriptions(maxBytes), Webhooks: w.webhooks(), Privacy: w.privacy()}
	}
	if _, err := api.New(good()); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*api.Options){
		"http elsewhere":             func(o *api.Options) { o.PublicURL = "http://scribe.example.com" },
		"a name like localhost":      func(o *api.Options) { o.PublicURL = "http://localhost.example.com" },
		"no public URL":              func(o *api.Options) { o.PublicURL = "" },
		"another scheme":             func(o *api.Options) { o.PublicURL = "ftp://scribe.example.com" },
		"a public URL with a path":   func(o *api.Options) { o.PublicURL = "https://example.com/scribe" },
		"no URL at all":              func(o *api.Options) { o.PublicURL = "https://exa mple" },
		"no accounts":                func(o *api.Options) { o.Auth = nil },
		"no transcriptions":          func(o *api.Options) { o.Transcriptions = nil },
		"every origin allowed":       func(o *api.Options) { o.AllowedOrigins = []string{"*"} },
		"every host of a domain":     func(o *api.Options) { o.AllowedOrigins = []string{"https://*.example.com"} }, // the library takes it for a pattern
		"an origin with a path":      func(o *api.Options) { o.AllowedOrigins = []string{"https://example.com/x"} },
		"an origin with a slash":     func(o *api.Options) { o.AllowedOrigins = []string{"https://example.com/"} },
		"an origin without a scheme": func(o *api.Options) { o.AllowedOrigins = []string{"example.com"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := good()
			change(&o)
			if _, err := api.New(o); err == nil {
				t.Error("want an error")
			}
		})
	}
}

// TestNew_saysThatCookiesAreBare: an operator has to know.
func TestNew_saysThatCookiesAreBare(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for url, want := range map[string]bool{"http://localhost": true, "https://scribe.example.com": false} {
		var log bytes.Buffer
		if _, err := api.New(api.Options{PublicURL: url, Auth: w.auth, Transcriptions: w.transcriptions(maxBytes), Webhooks: w.webhooks(), Privacy: w.privacy(), Logger: zerolog.New(&log)}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(log.String(), "Secure"); got != want {
			t.Errorf("%s: said %q, want a word on cookies: %v", url, log.String(), want)
		}
	}
}

func TestRegister(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.do(t, call{method: "POST", path: "/api/v1/auth/register", body: `{"email":"Ada@Example.com","password":"` + password + `"}`})
	got.expect(t, 201, "")
	g := data[grant](t, got)
	if c := got.cookies()["ts_access"]; c == nil || c.Value != g.Token {
		t.Errorf("got cookie %v, want the token %s", c, g.Token)
	}
	w.tokens["ada"] = g.Token
	me := data[struct{ UserID, Email, Role, CreatedAt string }](t, w.do(t, call{actor: "ada", path: "/api/v1/me"}))
	if me.UserID != g.UserID.String() || me.Email != "ada@example.com" || me.Role != "user" {
		t.Errorf("got %+v", me)
	}
}

// TestCredentials_bad is what people and programs send that cannot work.
func TestCredentials_bad(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	long := strings.Repeat("x", 64<<10)
	tests := []struct {
		name, route, body, kind string
		status                  int
		code, says              string
	}{
		{"address taken", "register", `{"email":"USER@example.com","password":"` + password + `"}`, "", 409, "email_taken", "email"},
		{"no address", "register", `{"email":"ada","password":"` + password + `"}`, "", 400, "invalid_email", "email"},
		{"short password", "register", `{"email":"ada@example.com","password":"short"}`, "", 400, "password_too_short", "password"},
		{"common password", "register", `{"email":"ada@example.com","password":"password123"}`, "", 400, "password_too_common", "password"},
		{"nothing given", "register", `{}`, "", 400, "invalid_email", "email"},
		{"wrong password", "login", `{"email":"user@example.com","password":"wrong password"}`, "", 401, "wrong_credentials", ""},
		{"unknown address", "login", `{"email":"nobody@example.com","password":"wrong password"}`, "", 401, "wrong_credentials", ""},
		{"cut off", "login", `{"email":"user@exa`, "", 400, "malformed_json", ""},
		{"no JSON", "login", `email=user@example.com`, "", 400, "malformed_json", "byte"},
		{"unknown field", "login", `{"email":"user@example.com","passwort":"x"}`, "", 400, "malformed_json", "passwort"},
		{"wrong type", "login", `{"email":"user@example.com","password":12345678}`, "", 400, "malformed_json", "password"},
		{"list", "login", `[]`, "", 400, "malformed_json", "object"},
		{"two values", "login", `{"email":"user@example.com","password":"x"} {}`, "", 400, "malformed_json", "behind"},
		{"field twice", "login", `{"email":"user@example.com","password":"x","email":"admin@example.com"}`, "", 400, "malformed_json", "email"},
		{"field twice in another case", "login", `{"email":"user@example.com","password":"x","EMAIL":"admin@example.com"}`, "", 400, "malformed_json", "EMAIL"},
		{"field twice with another letter", "login", `{"email":"user@example.com","password":"x","pa\u017fsword":"y"}`, "", 400, "malformed_json", "twice"},
		{"field twice by an escape", "login", `{"email":"user@example.com","password":"x","\u0065mail":"y"}`, "", 400, "malformed_json", "email"},
		{"no body", "login", ``, "application/json", 400, "malformed_json", ""},
		{"no content type", "login", `{}`, "text/plain", 415, "not_json", "Content-Type"},
		{"too long", "login", `{"email":"user@example.com","password":"` + long + `"}`, "", 413, "body_too_large", "65536"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			header := map[string]string{}
			if tt.kind != "" {
				header["Content-Type"] = tt.kind
			}
			got := w.do(t, call{method: "POST", path: "/api/v1/auth/" + tt.route, body: tt.body, header: header})
			got.expect(t, tt.status, tt.code)
			if !strings.Contains(got.body, tt.says) {
				t.Errorf("got %s, want it to name %q", got.body, tt.says)
			}
			if len(got.Cookies()) > 0 {
				t.Error("a refusal sets cookies")
			}
		})
	}
}

func TestLogin_tellsNothingOfUnknownUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	answers := map[string]bool{}
	for _, email := range []string{"user@example.com", "nobody@example.com", "nonsense"} {
		got := w.do(t, call{
			method: "POST", path: "/api/v1/auth/login", body: `{"email":"` + email + `","password":"wrong password"}`,
			header: map[string]string{"X-Request-Id": "same"},
		})
		answers[got.Status+got.body] = true
	}
	if len(answers) != 1 {
		t.Errorf("got %d different answers: %v", len(answers), answers)
	}
}

func TestRefresh_rotates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.signIn(t)["ts_refresh"].Value
	w.clock.advance(time.Hour)
	got := w.refresh(t, first)
	got.expect(t, 200, "")
	second := got.cookies()["ts_refresh"].Value
	if second == first {
		t.Error("the refresh token is the old one")
	}
	w.tokens["user"] = data[grant](t, got).Token
	w.do(t, call{actor: "user", path: "/api/v1/me"}).expect(t, 200, "")

	// Two tabs: the other one still has the first token.
	w.clock.advance(30 * time.Second)
	got = w.refresh(t, first)
	got.expect(t, 200, "")
	if again := got.cookies()["ts_refresh"].Value; again != second {
		t.Error("the second tab got another branch")
	}

	// Somebody comes with it much later.
	w.clock.advance(time.Second)
	got = w.refresh(t, first)
	got.expect(t, 401, "session_reused")
	if c := got.cookies()["ts_refresh"]; c == nil || c.MaxAge >= 0 || c.Path != "/" {
		t.Errorf("the cookie is not taken back: %v", c)
	}
	w.refresh(t, second).expect(t, 401, "session_expired")
}

func TestLogout(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		header func(cookies map[string]*http.Cookie) map[string]string
	}{
		{"by refresh cookie", func(k map[string]*http.Cookie) map[string]string {
			return map[string]string{"Cookie": "ts_refresh=" + k["ts_refresh"].Value}
		}},
		{"by access cookie", func(k map[string]*http.Cookie) map[string]string {
			return map[string]string{"Cookie": "ts_access=" + k["ts_access"].Value, "X-CSRF-Token": k["csrf_token"].Value}
		}},
		{"by bearer token", func(k map[string]*http.Cookie) map[string]string {
			return map[string]string{"Authorization": "Bearer " + k["ts_access"].Value}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			in := w.signIn(t)
			for range 2 {
				got := w.do(t, call{method: "POST", path: "/api/v1/auth/logout", header: tt.header(in)})
				got.expect(t, 204, "")
				if clear := got.Header.Get("Clear-Site-Data"); clear != `"cache", "storage"` {
					t.Errorf("the browser may keep what it has: %q", clear)
				}
				if k := got.cookies(); k["ts_access"].MaxAge >= 0 || k["ts_refresh"].MaxAge >= 0 {
					t.Errorf("the cookies are not taken back: %v", k)
				}
			}
			w.refresh(t, in["ts_refresh"].Value).expect(t, 401, "session_expired")
		})
	}
}

// TestLogin_endsTheFormer: who signs in again in a browser left a sign-in behind that was
// good for a month, and that nobody could reach any more.
func TestLogin_endsTheFormer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	former, elsewhere := w.signIn(t)["ts_refresh"].Value, w.signIn(t)["ts_refresh"].Value
	got := w.do(t, call{
		method: "POST", path: "/api/v1/auth/login", body: `{"email":"user@example.com","password":"` + password + `"}`,
		header: map[string]string{"Cookie": "ts_refresh=" + former},
	})
	got.expect(t, 200, "")
	w.refresh(t, former).expect(t, 401, "session_expired")
	for _, good := range []string{elsewhere, got.cookies()["ts_refresh"].Value} {
		w.refresh(t, good).expect(t, 200, "")
	}
}

// TestMe_accountGone: the token of a deleted account holds for minutes.
func TestMe_accountGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.accounts.DeleteUser(w.ids["user"])
	w.do(t, call{actor: "user", path: "/api/v1/me"}).expect(t, 401, "account_gone")
}
