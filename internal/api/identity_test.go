package api_test

import (
	"context"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/api"
	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/oidc"
	"github.com/turboscribe/turboscribe/internal/oidc/oidctest"
)

// idle is a provider that nobody comes back from.
type idle struct{}

func (idle) Name() string   { return "id" }
func (idle) Label() string  { return "Example" }
func (idle) Issuer() string { return "https://id.example.com" }

func (idle) AuthURL(context.Context, auth.Handshake) (string, error) {
	return "https://id.example.com/authorize", nil
}

func (idle) Identify(context.Context, auth.Handshake, auth.ProviderAnswer) (auth.Claim, error) {
	return auth.Claim{}, fault.New(fault.Unavailable, "Nobody is there.")
}

// addIdentity links somebody with the provider of every world, unless they are already.
func (w *world) addIdentity(t *testing.T, who string) {
	t.Helper()
	k := auth.IdentityKey{Provider: "id", Issuer: "https://id.example.com", Subject: who}
	err := w.accounts.AddIdentity(t.Context(), auth.Identity{IdentityKey: k, UserID: w.ids[who], CreatedAt: w.clock.Now(), UsedAt: w.clock.Now()}, 0, auth.Entry{Action: auth.IdentityLinked})
	if err != nil && !fault.Is(err, fault.Conflict) {
		t.Fatal(err)
	}
}

// door is the provider of a world, which tests exchange.
type door struct{ auth.Provider }

var ada = oidctest.Person{Subject: "7", Email: "ada@example.com", Verified: true}

// portal is a world whose provider is really one.
type portal struct {
	*world
	server *oidctest.Server
}

func newPortal(t *testing.T) portal {
	t.Helper()
	p := portal{world: newWorld(t), server: oidctest.New(t)}
	p.server.Behave(oidctest.Rules{Person: ada})
	p.provider.Provider = oidc.NewOpenID(p.options())
	return p
}

func (p portal) options() oidc.Options {
	return oidc.Options{
		Name: "id", Label: "Example", Issuer: p.server.URL, ClientID: oidctest.ClientID, ClientSecret: oidctest.ClientSecret,
		Redirect: "http://localhost:8080" + api.ProviderPath("id"), Timeout: time.Minute,
	}
}

// visitor is a browser that goes nowhere by itself.
type visitor struct {
	portal
	jar *cookiejar.Jar
}

func (p portal) visitor(t *testing.T) visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return visitor{p, jar}
}

// request is what a page of this installation would send.
func (v visitor) request(t *testing.T, method, path, body string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, v.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, c := range v.jar.Cookies(r.URL) {
		r.AddCookie(c)
		if c.Name == "csrf_token" {
			r.Header.Set("X-CSRF-Token", c.Value)
		}
	}
	res, err := v.client.Transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	v.jar.SetCookies(r.URL, res.Cookies())
	return whole(t, res)
}

// begin goes to the provider, and returns where that sends back to.
func (v visitor) begin(t *testing.T) string {
	t.Helper()
	got := v.request(t, "GET", "/api/v1/auth/oidc/id?returnTo=%2Faccount%3Ftab%3Dkeys", "")
	got.expect(t, http.StatusSeeOther, "")
	return v.back(t, got.Header.Get("Location"))
}

func (v visitor) back(t *testing.T, address string) string {
	t.Helper()
	to := v.server.Visit(t, address)
	if to.Scheme != "http" || to.Host != "localhost:8080" {
		t.Fatalf("the provider sends back to %s", to)
	}
	return to.RequestURI()
}

func (v visitor) signIn(t *testing.T) answer {
	t.Helper()
	return v.request(t, "GET", v.begin(t), "")
}

func TestSignInByProvider(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	v := p.visitor(t)
	back := v.begin(t)
	got := v.request(t, "GET", back, "")
	got.expect(t, http.StatusSeeOther, "")
	if to := got.Header.Get("Location"); to != "/account?tab=keys" {
		t.Errorf("it goes on to %q", to)
	}
	cookies := got.cookies()
	if c := cookies["ts_handshake"]; c == nil || c.MaxAge >= 0 || !c.HttpOnly {
		t.Errorf("the handshake stays: %v", c)
	}
	if c := cookies["ts_access"]; c == nil || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode {
		t.Errorf("got %v, want a sign-in", c)
	}
	me := data[struct{ Email string }](t, v.request(t, "GET", "/api/v1/me", ""))
	if me.Email != ada.Email {
		t.Errorf("got %+v", me)
	}
	if strings.Contains(p.log.String(), "code=") || strings.Contains(p.log.String(), "state=") {
		t.Error("what came from the provider is in the log")
	}
	v.request(t, "GET", back, "").expect(t, 400, "handshake_invalid") // again
	v.signIn(t).expect(t, http.StatusSeeOther, "")
	p.refresh(t, cookies["ts_refresh"].Value).expect(t, 401, "session_expired") // the new sign-in took its place
	again := p.visitor(t)
	again.signIn(t).expect(t, http.StatusSeeOther, "")
	if same := data[struct{ Email string }](t, again.request(t, "GET", "/api/v1/me", "")); same.Email != me.Email {
		t.Errorf("the second time: got %+v", same)
	}
}

func TestSignInByProvider_providers(t *testing.T) {
	t.Parallel()
	got := newWorld(t).do(t, call{path: "/api/v1/auth/providers"})
	type provider struct{ Name, Label string }
	all := data[struct{ Items []provider }](t, got).Items
	if len(all) != 1 || all[0] != (provider{"id", "Example"}) {
		t.Errorf("got %+v", all)
	}
}

// TestSignInByProvider_onlyHere: an answer is of use in the browser that was sent to the
// provider, and nowhere else; that is what a page of somebody else could make of one.
func TestSignInByProvider_onlyHere(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	mine, other := p.visitor(t), p.visitor(t)
	back := mine.begin(t)
	p.visitor(t).request(t, "GET", back, "").expect(t, 400, "handshake_invalid") // of whom nothing is known
	other.begin(t)
	other.request(t, "GET", back, "").expect(t, 400, "handshake_invalid") // who was sent there as well
	forged, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	q := forged.Query()
	q.Set("state", "made up")
	mine.request(t, "GET", forged.Path+"?"+q.Encode(), "").expect(t, 400, "handshake_invalid")
	if c := mine.request(t, "GET", back, ""); c.StatusCode != http.StatusBadRequest { // the cookie went with the first
		t.Errorf("got %d", c.StatusCode)
	}
	stolen := p.visitor(t)
	back = mine.begin(t)
	stolen.jar.SetCookies(must(t, mine.url), mine.jar.Cookies(must(t, mine.url)))
	mine.request(t, "GET", back, "").expect(t, http.StatusSeeOther, "")
	stolen.request(t, "GET", back, "").expect(t, 400, "handshake_invalid") // with the cookie, but second
}

func must(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestSignInByProvider_refused(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	for name, tt := range map[string]struct {
		rules  oidctest.Rules
		status int
		code   string
	}{
		"a nonce of somebody else's": {oidctest.Rules{Person: ada, Claims: func(c map[string]any) { c["nonce"] = "x" }}, 401, "provider_invalid"},
		"an expired token": {
			oidctest.Rules{Person: ada, Claims: func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() }},
			401, "provider_invalid",
		},
		"an answer from another issuer": {
			oidctest.Rules{Person: ada, Answer: func(q url.Values) { q.Set("iss", "https://evil.example.com") }},
			401, "provider_invalid",
		},
		"a code that was used":        {oidctest.Rules{Person: ada, Answer: func(q url.Values) { q.Set("code", "used") }}, 403, "provider_refused"},
		"somebody changes their mind": {oidctest.Rules{Refuse: "access_denied"}, 403, "provider_refused"},
		"an address that is not theirs": {
			oidctest.Rules{Person: oidctest.Person{Subject: "8", Email: "eve@example.com"}},
			403, "email_unverified",
		},
		"an address that is not verified here": {
			oidctest.Rules{Person: oidctest.Person{Subject: "8", Email: "other@example.com", Verified: true}},
			409, "link_required",
		},
		"a provider that fails": {oidctest.Rules{Person: ada, Down: "/token"}, 503, "provider_unavailable"},
	} {
		p.server.Behave(tt.rules)
		v := p.visitor(t)
		got := v.signIn(t)
		if got.StatusCode != tt.status || got.code(t) != tt.code {
			t.Errorf("%s: got %d %q, want %d %q\n%s", name, got.StatusCode, got.code(t), tt.status, tt.code, got.body)
		}
		v.request(t, "GET", "/api/v1/me", "").expect(t, 401, "unauthenticated")
	}
	v := p.visitor(t)
	v.request(t, "GET", "/api/v1/auth/oidc/id?returnTo=//evil.example.com", "").expect(t, 400, "invalid_return")
	p.server.Close()
	p.provider.Provider = oidc.NewOpenID(p.options())
	v.request(t, "GET", "/api/v1/auth/oidc/id", "").expect(t, 503, "provider_unavailable")
}

// TestSignInByProvider_page: a person whom a browser has brought here was shown JSON.
func TestSignInByProvider_page(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	p.server.Behave(oidctest.Rules{Person: oidctest.Person{Subject: "8", Email: "other@example.com", Verified: true}})
	v := p.visitor(t)
	back := v.begin(t)
	in := call{path: back, header: map[string]string{"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "X-Request-Id": "seen"}}
	for _, c := range v.jar.Cookies(must(t, p.url+"/api/v1/auth")) {
		in.header["Cookie"] = c.String()
	}
	got := p.do(t, in)
	if got.StatusCode != http.StatusConflict || !strings.HasPrefix(got.Header.Get("Content-Type"), "text/html") {
		t.Errorf("got %d, %s", got.StatusCode, got.Header.Get("Content-Type"))
	}
	for _, part := range []string{"There is an account with your e-mail address.", "link_required", "request seen", "<main>"} {
		if !strings.Contains(got.body, part) {
			t.Errorf("the page lacks %q:\n%s", part, got.body)
		}
	}
	if csp := got.Header.Get("Content-Security-Policy"); strings.Count(csp, "'sha256-") != 1 || strings.Contains(csp, "unsafe") {
		t.Errorf("got the policy %q", csp)
	}
	if !strings.Contains(p.log.String(), `"code":"link_required"`) {
		t.Error("the log does not say why")
	}
	for accept, page := range map[string]bool{"": false, "*/*": false, "application/json": false, "text/html": true} {
		got := p.do(t, call{path: "/api/v1/auth/oidc/id?returnTo=//<b>", header: map[string]string{"Accept": accept}})
		if strings.Contains(got.body, "<main>") != page || page && strings.Contains(got.body, "<b>") {
			t.Errorf("%q: got %s", accept, got.body)
		}
	}
	if got := p.do(t, call{path: "/api/v1/me", header: map[string]string{"Accept": "text/html"}}); strings.Contains(got.body, "<main>") {
		t.Error("the API answers with a page")
	}
}

// TestSignInByProvider_led: a link on another site could begin a sign-in that asked nobody
// anything, where the provider knew the person already.
func TestSignInByProvider_led(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	const path = "/api/v1/auth/oidc/id?returnTo=%2Faccount%3Fa%3D1%26b%3D%3Ci%3E"
	for site, asked := range map[string]bool{"cross-site": true, "same-site": true, "same-origin": false, "none": false, "": false} {
		got := w.do(t, call{path: path, header: map[string]string{"Sec-Fetch-Site": site}})
		if !asked {
			if got.StatusCode != http.StatusSeeOther {
				t.Errorf("%q: got %d, want to be sent to the provider", site, got.StatusCode)
			}
			continue
		}
		if got.StatusCode != http.StatusOK || !strings.Contains(got.body, `<a href="`+path+`">`) || len(got.Cookies()) > 0 {
			t.Errorf("%q: got %d with %v\n%s", site, got.StatusCode, got.Cookies(), got.body)
		}
		if csp := got.Header.Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("got the policy %q", csp)
		}
	}
	got := w.do(t, call{path: `/api/v1/auth/oidc/id?x="><script>alert(1)</script>`, header: map[string]string{"Sec-Fetch-Site": "cross-site"}})
	if strings.Contains(got.body, "<script>alert") {
		t.Error("the page has what the link has")
	}
}

func TestLinkProvider(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	v := p.visitor(t)
	v.signIn(t).expect(t, http.StatusSeeOther, "")
	v.request(t, "DELETE", "/api/v1/me/identities/id", "").expect(t, 409, "last_way_in")

	p.server.Behave(oidctest.Rules{Person: oidctest.Person{Subject: "8", Email: "user@example.com", Verified: true}})
	u := p.visitor(t)
	u.request(t, "POST", "/api/v1/auth/login", `{"email":"user@example.com","password":"`+password+`"}`).expect(t, 200, "")
	link := u.request(t, "POST", "/api/v1/me/identities/id", `{"returnTo":"/linked"}`)
	link.expect(t, 200, "")
	back := u.back(t, data[struct{ URL string }](t, link).URL)
	v.request(t, "GET", back, "").expect(t, 400, "handshake_invalid") // somebody else's browser
	got := u.request(t, "GET", back, "")
	got.expect(t, http.StatusSeeOther, "")
	if got.Header.Get("Location") != "/linked" || got.cookies()["ts_access"] != nil {
		t.Errorf("got %v, want no other sign-in", got.Header)
	}
	u.signIn(t).expect(t, http.StatusSeeOther, "")
	type identity struct {
		Provider, Subject     string
		CreatedAt, LastUsedAt time.Time
	}
	all := data[struct{ Items []identity }](t, u.request(t, "GET", "/api/v1/me/identities", "")).Items
	if len(all) != 1 || all[0].Provider != "id" || all[0].Subject != "8" {
		t.Errorf("got %+v", all)
	}
	u.request(t, "DELETE", "/api/v1/me/identities/id", "").expect(t, 204, "")
	u.request(t, "DELETE", "/api/v1/me/identities/id", "").expect(t, 404, "not_found")
	u.signIn(t).expect(t, 409, "link_required")
}

// TestLinkProvider_csrf: a page of somebody else cannot have an account linked.
func TestLinkProvider_csrf(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(t)
	header := map[string]string{"Cookie": "ts_access=" + b.access}
	w.do(t, call{method: "POST", path: "/api/v1/me/identities/id", body: "{}", header: header}).expect(t, 403, "csrf_token")
	w.do(t, call{method: "DELETE", path: "/api/v1/me/identities/id", header: header}).expect(t, 403, "csrf_token")
	w.clock.advance(9 * time.Minute)
	header["X-CSRF-Token"] = b.token
	w.do(t, call{method: "POST", path: "/api/v1/me/identities/id", body: "{}", header: header}).expect(t, 200, "")
}

// TestSignInByProvider_nowhereToGo: who had not said where to go on came to a 404.
func TestSignInByProvider_nowhereToGo(t *testing.T) {
	t.Parallel()
	v := newPortal(t).visitor(t)
	to := v.back(t, v.request(t, "GET", "/api/v1/auth/oidc/id", "").Header.Get("Location"))
	page := v.request(t, "GET", v.request(t, "GET", to, "").Header.Get("Location"), "")
	if page.StatusCode != http.StatusOK || !strings.Contains(page.body, "You are signed in as") {
		t.Errorf("got %d %s", page.StatusCode, page.body)
	}
}
