package api_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/api"
)

// browser is somebody who has signed in as a browser does.
type browser struct {
	access, refresh, token string
}

func (w *world) browser(t *testing.T) browser {
	t.Helper()
	k := w.signIn(t)
	return browser{access: k["ts_access"].Value, refresh: k["ts_refresh"].Value, token: k["csrf_token"].Value}
}

// TestCSRF: nothing is changed in the name of a cookie that a page of this installation
// does not want. Every row tries to delete a transcription; with a bearer token instead
// of the cookie it works, whatever else is sent.
func TestCSRF(t *testing.T) {
	t.Parallel()
	own := func(b browser) map[string]string { return map[string]string{"X-CSRF-Token": b.token} }
	with := func(name, value string) func(browser) map[string]string {
		return func(b browser) map[string]string { return map[string]string{"X-CSRF-Token": b.token, name: value} }
	}
	tests := []struct {
		name   string
		header func(mine browser) map[string]string
		status int
		code   string
	}{
		{"the token", own, 204, ""},
		{"the token in the dashboard's header", func(b browser) map[string]string { return map[string]string{"X-XSRF-TOKEN": b.token} }, 204, ""},
		{"the token, from an allowed page", with("Origin", "https://app.example.com"), 204, ""},
		{"no token", func(browser) map[string]string { return nil }, 403, "csrf_token"},
		{"an empty token", func(browser) map[string]string { return map[string]string{"X-CSRF-Token": ""} }, 403, "csrf_token"},
		{"nonsense", func(browser) map[string]string { return map[string]string{"X-CSRF-Token": "x"} }, 403, "csrf_token"},
		{"the token and more", func(b browser) map[string]string { return map[string]string{"X-CSRF-Token": b.token + "A"} }, 403, "csrf_token"},
		{"the token in the cookie alone", func(b browser) map[string]string {
			return map[string]string{"Cookie": "ts_access=" + b.access + "; csrf_token=" + b.token}
		}, 403, "csrf_token"},
		{"a pair that somebody else made up", func(b browser) map[string]string {
			return map[string]string{"Cookie": "ts_access=" + b.access + "; csrf_token=x", "X-CSRF-Token": "x"}
		}, 403, "csrf_token"},
		{"the token, from another site", with("Sec-Fetch-Site", "cross-site"), 403, "cross_origin"},
		{"the token, from a neighbour", with("Sec-Fetch-Site", "same-site"), 403, "cross_origin"},
		{"the token, another origin", with("Origin", "https://evil.example.com"), 403, "cross_origin"},
		{"the token, an origin that looks allowed", with("Origin", "https://app.example.com.evil.example.com"), 403, "cross_origin"},
		{"the token, no origin", with("Origin", "null"), 403, "cross_origin"},
		{"text, as forms send it", func(browser) map[string]string { return map[string]string{"Content-Type": "text/plain"} }, 403, "csrf_token"},
		{"a form", func(browser) map[string]string {
			return map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
		}, 403, "csrf_token"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *api.Options) { o.AllowedOrigins = []string{"https://app.example.com"} })
			mine := w.browser(t)
			header := tt.header(mine)
			try := func(credential, value string) answer {
				id := w.store.add(t, w.ids["user"], nil)
				in := call{method: "DELETE", path: "/api/v1/transcriptions/" + id.String(), header: map[string]string{credential: value}}
				maps.Copy(in.header, header)
				return w.do(t, in)
			}
			try("Cookie", "ts_access="+mine.access).expect(t, tt.status, tt.code)
			if left := w.store.Rows(); (left == 0) != (tt.status == 204) {
				t.Errorf("%d transcriptions are left", left)
			}
			try("Authorization", "Bearer "+mine.access).expect(t, 204, "")
		})
	}
}

// TestCSRF_everyRoute: no route that changes something takes a cookie alone, but for
// those of signing in, of what comes by mail and of links, which take no notice of the
// cookie of a sign-in.
func TestCSRF_everyRoute(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := newID(t).String()
	exempt := []string{
		"POST /api/v1/auth/register", "POST /api/v1/auth/login", "POST /api/v1/auth/second-factor", "POST /api/v1/auth/refresh",
		"POST /api/v1/auth/password/forgot", "POST /api/v1/auth/password/reset", "POST /api/v1/auth/email/verify", "POST /api/v1/auth/email/resend",
		"PATCH /api/v1/shared/:token", "POST /api/v1/shared/:token/unlock", "POST /s/:token",
	}
	for _, route := range w.Routes() {
		method, path, _ := strings.Cut(route, " ")
		if method == http.MethodGet {
			continue
		}
		got := w.do(t, call{
			method: method, path: strings.NewReplacer(":id", id, ":name", "merge").Replace(path), body: "{}",
			header: map[string]string{"Cookie": "ts_access=" + w.tokens["admin"]},
		})
		if refused := got.code(t) == "csrf_token"; refused == slices.Contains(exempt, route) {
			t.Errorf("%s: got %d %s", route, got.StatusCode, got.code(t))
		}
	}
}

// TestCSRF_sessions: a token is that of one sign-in. It outlives the access tokens and
// is worth nothing after the sign-in, nor in any other.
func TestCSRF_sessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mine, another := w.browser(t), w.browser(t)
	if mine.token == another.token || mine.token == "" {
		t.Fatalf("two sign-ins have the tokens %q and %q", mine.token, another.token)
	}
	logout := func(access, token string) answer {
		return w.do(t, call{method: "POST", path: "/api/v1/auth/logout", header: map[string]string{"Cookie": "ts_access=" + access, "X-CSRF-Token": token}})
	}
	logout(mine.access, another.token).expect(t, 403, "csrf_token")
	w.clock.advance(9 * time.Minute)
	refreshed := w.refresh(t, mine.refresh)
	refreshed.expect(t, 200, "")
	k := refreshed.cookies()
	if k["csrf_token"].Value != mine.token {
		t.Errorf("after a refresh the token is another one")
	}
	logout(k["ts_access"].Value, mine.token).expect(t, 204, "")
	stale := mine.token
	next := w.browser(t)
	logout(next.access, stale).expect(t, 403, "csrf_token")
	gone := logout(next.access, next.token)
	gone.expect(t, 204, "")
	if c := gone.cookies()["csrf_token"]; c == nil || c.MaxAge >= 0 {
		t.Errorf("signing out leaves the cookie: %v", c)
	}
}

// TestCSRF_told: pages from another host cannot read the cookie.
func TestCSRF_told(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mine := w.browser(t)
	got := w.do(t, call{path: "/api/v1/auth/csrf", header: map[string]string{"Cookie": "ts_access=" + mine.access}})
	if token := data[struct{ CSRFToken string }](t, got).CSRFToken; token != mine.token {
		t.Errorf("got %q, want %q", token, mine.token)
	}
}

// TestCSRF_dashboard: the dashboard's library sends the cookie back by itself.
func TestCSRF_dashboard(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cookie := map[string]string{"Cookie": "ts_access=" + w.tokens["admin"]}
	page := w.do(t, call{path: "/admin/queues", header: cookie})
	k := page.cookies()["XSRF-TOKEN"]
	if k == nil || k.HttpOnly || k.Path != "/admin/queues" {
		t.Fatalf("got %v", k)
	}
	w.do(t, call{method: "POST", path: "/admin/queues/default", header: cookie}).expect(t, 403, "csrf_token")
	cookie["X-XSRF-TOKEN"] = k.Value
	w.do(t, call{method: "POST", path: "/admin/queues/default", header: cookie}).expect(t, 200, "")
}

// TestMethodOverride: no header and no parameter makes another request of one.
func TestMethodOverride(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mine := w.browser(t)
	id := w.store.add(t, w.ids["user"], nil)
	for _, name := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"} {
		got := w.do(t, call{
			path:   "/api/v1/transcriptions/" + id.String() + "?_method=DELETE",
			header: map[string]string{"Cookie": "ts_access=" + mine.access, name: "DELETE"},
		})
		if got.StatusCode != http.StatusOK || w.store.Rows() != 1 {
			t.Errorf("%s: got %d, %d transcriptions are left", name, got.StatusCode, w.store.Rows())
		}
	}
}

// TestSignIn_simpleRequests: what a form of another site can send signs nobody in.
func TestSignIn_simpleRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := `{"email":"user@example.com","password":"` + password + `"}`
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""} {
		for _, path := range []string{"login", "register"} {
			w.do(t, call{method: "POST", path: "/api/v1/auth/" + path, body: body, header: map[string]string{"Content-Type": kind}}).expect(t, 415, "not_json")
		}
	}
}
