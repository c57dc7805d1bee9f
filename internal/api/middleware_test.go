package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/api"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

func TestRequestID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for id, kept := range map[string]bool{
		"abc": true, "7f-A.b_c:1": true, strings.Repeat("x", 64): true,
		"": false, "a b": false, "a\tb": false, "<script>": false, "ä": false, strings.Repeat("x", 65): false,
	} {
		for _, path := range []string{"/api/v1/limits", "/api/v1/me", "/nowhere", "/livez"} {
			got := w.do(t, call{path: path, header: map[string]string{"X-Request-Id": id}}).Header.Get("X-Request-Id")
			if (got == id) != kept || got == "" {
				t.Errorf("%s with %q: got %q, want it kept: %v", path, id, got, kept)
			}
		}
	}
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	for scheme, hsts := range map[string]string{
		"http://localhost": "", "https://scribe.example.com": "max-age=31536000", "https://example.com": "max-age=31536000; includeSubDomains",
	} {
		w := newWorld(t, func(o *api.Options) { o.PublicURL, o.HSTSSubdomains = scheme, strings.Contains(hsts, "include") })
		for _, path := range []string{"/api/v1/limits", "/api/v1/me", "/nowhere", "/livez", "/api/v1/openapi.yaml"} {
			h := w.do(t, call{path: path}).Header
			for name, want := range map[string]string{
				"X-Content-Type-Options":     "nosniff",
				"Content-Security-Policy":    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
				"Referrer-Policy":            "no-referrer",
				"Cache-Control":              "no-store",
				"Cross-Origin-Opener-Policy": "same-origin",
				"Permissions-Policy":         "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
				"X-Frame-Options":            "DENY",
				"Strict-Transport-Security":  hsts,
			} {
				if got := h.Get(name); got != want {
					t.Errorf("%s: %s is %q, want %q", path, name, got, want)
				}
			}
		}
	}
}

// TestHead: every GET answers HEAD with the same status and headers, and what has
// no GET refuses it.
func TestHead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.store.add(t, w.ids["user"], completed).String()
	paths := []string{
		"/api/v1/export/none", "/api/v1/transcriptions?limit=x", "/nowhere", "/api/v1/export/" + id + "?format=json", "/admin/queues/default",
	}
	for _, route := range w.Routes() {
		if path, ok := strings.CutPrefix(route, "GET "); ok {
			paths = append(paths, strings.ReplaceAll(path, ":id", id))
		}
	}
	for _, path := range paths {
		for _, actor := range []string{"nobody", "user", "admin"} {
			header := map[string]string{"X-Request-Id": "same"}
			get := w.do(t, call{actor: actor, path: path, header: header})
			head := w.do(t, call{actor: actor, method: "HEAD", path: path, header: header})
			get.Header.Del("Date")
			head.Header.Del("Date")
			if diff := cmp.Diff(get.Header, head.Header); diff != "" || head.StatusCode != get.StatusCode {
				t.Errorf("%s for %s: got %d, want %d; -get +head\n%s", path, actor, head.StatusCode, get.StatusCode, diff)
			}
		}
	}
	l := w.dial(t)
	l.send("HEAD /api/v1/limits HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	if all, err := io.ReadAll(l); err != nil || !strings.HasPrefix(string(all), "HTTP/1.1 200") || !strings.HasSuffix(string(all), "\r\n\r\n") {
		t.Errorf("got %q, %v, want a head alone", all, err)
	}
	tag := w.do(t, call{actor: "user", path: "/api/v1/transcriptions/" + id}).Header.Get("ETag")
	w.do(t, call{
		actor: "user", method: "HEAD", path: "/api/v1/transcriptions/" + id, header: map[string]string{"If-None-Match": tag},
	}).expect(t, 304, "")
	if got := w.do(t, call{actor: "user", method: "HEAD", path: "/api/v1/files/upload"}); got.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("HEAD of what is only posted to: got %d", got.StatusCode)
	}
	if got := w.do(t, call{actor: "user", method: "PUT", path: "/api/v1/limits"}); !strings.Contains(got.Header.Get("Allow"), "HEAD") {
		t.Errorf("allowed is %s", got.Header.Get("Allow"))
	}
}

// TestDashboard: no script runs in the dashboard but its own.
func TestDashboard(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.do(t, call{actor: "admin", path: "/admin/queues/default"})
	if !strings.Contains(got.body, "<p>/admin/queues/default</p>") {
		t.Errorf("got %s", got.body)
	}
	policy := got.Header.Get("Content-Security-Policy")
	// printf 'one()' | openssl dgst -sha256 -binary | base64
	for _, want := range []string{
		"script-src 'self' 'sha256-HR7iaask9daLMRRskMI++QeJtjWDOjyPA6lGzYGzKW4=' 'sha256-", "default-src 'none'", "frame-ancestors 'none'", "connect-src 'self'",
	} {
		if !strings.Contains(policy, want) {
			t.Errorf("got %s, want %s in it", policy, want)
		}
	}
	if strings.Contains(policy, "script-src 'self' 'unsafe-inline'") || strings.Count(policy, "sha256-") != 2 {
		t.Errorf("got %s, want two scripts by their hash", policy)
	}
}

func TestDashboard_missing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.Queues, o.Live, o.Ready = nil, nil, nil })
	for _, path := range []string{"/admin/queues", "/livez", "/readyz"} {
		w.anyway(t, path).expect(t, 404, "no_such_route")
	}
}

// TestCrossOrigin: a page of another site must not make a browser that is signed
// in change anything. Programs with a token are no browsers.
func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		header map[string]string
		bearer bool
		status int
		code   string
	}{
		{"no browser", nil, false, 204, ""},
		{"own page", map[string]string{"Sec-Fetch-Site": "same-origin"}, false, 204, ""},
		{"another site", map[string]string{"Sec-Fetch-Site": "cross-site"}, false, 403, "cross_origin"},
		{"a neighbour", map[string]string{"Sec-Fetch-Site": "same-site"}, false, 403, "cross_origin"},
		{"old browser, another site", map[string]string{"Origin": "https://evil.example.com"}, false, 403, "cross_origin"},
		{"old browser, no origin", map[string]string{"Origin": "null"}, false, 403, "cross_origin"},
		{"own page behind a proxy that changes the host", map[string]string{"Origin": "http://localhost:8080"}, false, 204, ""},
		{"allowed page", map[string]string{"Origin": "https://app.example.com", "Sec-Fetch-Site": "same-site"}, false, 204, ""},
		{"another site with a token", map[string]string{"Sec-Fetch-Site": "cross-site"}, true, 204, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *api.Options) { o.AllowedOrigins = []string{"https://app.example.com"} })
			id := w.store.add(t, w.ids["user"], nil)
			in := call{method: "DELETE", path: "/api/v1/transcriptions/" + id.String(), header: map[string]string{}}
			for name, value := range tt.header {
				in.header[name] = value
			}
			if tt.bearer {
				in.actor = "user"
			} else {
				mine := w.browser(t)
				in.header["Cookie"], in.header["X-CSRF-Token"] = "ts_access="+mine.access, mine.token
			}
			w.do(t, in).expect(t, tt.status, tt.code)
			if left := w.store.Rows(); (left == 0) != (tt.status == 204) {
				t.Errorf("%d transcriptions are left", left)
			}
		})
	}
}

// TestCrossOrigin_login: signing somebody in as somebody else is an attack, too.
func TestCrossOrigin_login(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"login", "register", "refresh", "logout"} {
		got := w.do(t, call{method: "POST", path: "/api/v1/auth/" + path, body: `{}`, header: map[string]string{"Sec-Fetch-Site": "cross-site"}})
		got.expect(t, 403, "cross_origin")
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	open := newWorld(t, func(o *api.Options) { o.AllowedOrigins = []string{"https://app.example.com"} })
	closed := newWorld(t)
	tests := []struct {
		name, origin, want string
		w                  *world
	}{
		{"allowed", "https://app.example.com", "https://app.example.com", open},
		{"not allowed", "https://evil.example.com", "", open},
		{"looks like an allowed one", "https://app.example.com.evil.example.com", "", open},
		{"nobody is allowed", "https://app.example.com", "", closed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := tt.w.do(t, call{path: "/api/v1/limits", header: map[string]string{"Origin": tt.origin}}).Header
			if got := h.Get("Access-Control-Allow-Origin"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if got := h.Get("Access-Control-Allow-Credentials") == "true"; got != (tt.want != "") {
				t.Errorf("credentials: got %v", got)
			}
		})
	}
}

// TestCORS_preflight: a page elsewhere may send what this API takes, and nothing else.
func TestCORS_preflight(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.AllowedOrigins = []string{"https://app.example.com"} })
	w.client = http.DefaultClient // what is no request of the API is not described
	ask := func(origin, method string) http.Header {
		return w.do(t, call{method: "OPTIONS", path: "/api/v1/transcriptions/x", header: map[string]string{
			"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": "x-csrf-token",
		}}).Header
	}
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
		if got := ask("https://app.example.com", method).Get("Access-Control-Allow-Methods"); !slices.Contains(strings.Split(got, ","), method) {
			t.Errorf("%s: got %s", method, got)
		}
	}
	allowed := ask("https://app.example.com", "DELETE").Get("Access-Control-Allow-Headers")
	for _, name := range []string{"Authorization", "Content-Type", "X-CSRF-Token", "If-Match", "Idempotency-Key"} {
		if !slices.Contains(strings.Split(allowed, ","), name) {
			t.Errorf("%s is not allowed: %s", name, allowed)
		}
	}
	if got := ask("https://evil.example.com", "DELETE"); got.Get("Access-Control-Allow-Origin") != "" || got.Get("Access-Control-Allow-Methods") != "" {
		t.Errorf("anybody may: %v", got)
	}
}

func TestErrors_ofTheRouter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tests := []struct {
		method, path string
		status       int
		code, says   string
	}{
		{"GET", "/nowhere", 404, "no_such_route", "openapi.yaml"},
		{"GET", "/api", 404, "no_such_route", "openapi.yaml"},
		{"GET", "/api/v1/auth/login", 405, "method_not_allowed", "POST"},
		{"PATCH", "/api/v1/limits", 405, "method_not_allowed", "GET"},
		{"TRACE", "/api/v1/limits", 405, "method_not_allowed", "GET"},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			t.Parallel()
			got := w.do(t, call{method: tt.method, path: tt.path})
			got.expect(t, tt.status, tt.code)
			if !strings.Contains(got.body, tt.says) {
				t.Errorf("got %s, want it to name %s", got.body, tt.says)
			}
		})
	}
}

// TestErrors_byKind makes the store fail in every way there is.
func TestErrors_byKind(t *testing.T) {
	t.Parallel()
	secret := errors.New("password=hunter2 at db.internal:5432")
	tests := []struct {
		err    error
		status int
		code   string
		level  string // at which the log has it; empty: not at all
	}{
		{fault.New(fault.Invalid, "x"), 400, "invalid", ""},
		{fault.New(fault.Unauthenticated, "x"), 401, "unauthenticated", ""},
		{fault.New(fault.Forbidden, "x"), 403, "forbidden", ""},
		{fault.New(fault.NotFound, "x"), 404, "not_found", ""},
		{fault.New(fault.RateLimited, "x"), 429, "rate_limited", ""},
		{fault.Wrap(secret, fault.Unavailable, "x"), 503, "unavailable", "warn"},
		{secret, 500, "internal", "error"},
		{context.DeadlineExceeded, 500, "internal", "error"},
	}
	for _, tt := range tests {
		t.Run(tt.code+" "+tt.err.Error(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.store.BreakWith(func(context.Context) error { return tt.err })
			got := w.anyway(t, "/api/v1/transcriptions/"+newID(t).String())
			got.expect(t, tt.status, tt.code)
			if strings.Contains(got.body, "hunter2") {
				t.Errorf("the answer tells too much: %s", got.body)
			}
			if (got.Header.Get("Retry-After") != "") != (tt.status == 429 || tt.status == 503) {
				t.Errorf("Retry-After is %q", got.Header.Get("Retry-After"))
			}
			for _, level := range []string{"warn", "error"} {
				if got := strings.Contains(w.log.String(), `"level":"`+level+`"`); got != (level == tt.level) {
					t.Errorf("logged at %s: %v\n%s", level, got, w.log)
				}
			}
		})
	}
}

// anyway asks without the contract: no route answers in every way there is.
func (w *world) anyway(t *testing.T, path string) answer {
	t.Helper()
	w.client = http.DefaultClient
	return w.do(t, call{actor: "user", path: path})
}

// TestErrors_clientLeft: whoever does not wait for the answer makes no entry in
// the log that wakes somebody up.
func TestErrors_clientLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, leave := context.WithCancel(t.Context())
	w.store.BreakWith(func(ctx context.Context) error {
		leave()
		<-ctx.Done()
		return ctx.Err()
	})
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+"/api/v1/transcriptions", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.tokens["user"])
	if res, err := w.client.Do(r); err == nil {
		t.Errorf("got %d, want no answer", whole(t, res).StatusCode)
	}
	w.waitForLog(t, `"route":"/api/v1/transcriptions"`)
	if log := w.log.String(); strings.Contains(log, `"level":"error"`) {
		t.Errorf("got %s", log)
	}
}

func TestPanic_isAnAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.store.BreakWith(func(context.Context) error { panic("a bug") })
	got := w.do(t, call{actor: "user", path: "/api/v1/models"})
	got.expect(t, 500, "internal")
	if strings.Contains(got.body, "a bug") || !strings.Contains(w.log.String(), "a bug") {
		t.Errorf("answered %s, logged %s", got.body, w.log)
	}
}

// TestPanic_afterTheAnswerBegan: half a transcript must not look like a whole one.
func TestPanic_afterTheAnswerBegan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) {
		o.Live = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
			panic("a bug")
		})
	})
	res, err := http.Get(w.url + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("got %q as if it were all", body)
	}
	if err := res.Body.Close(); err != nil {
		t.Error(err)
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.store.add(t, w.ids["user"], func(r *transcription.Transcription) { r.Status = transcription.Completed })
	w.do(t, call{
		actor: "user", path: "/api/v1/transcriptions/" + id.String() + "?token=secret",
		header: map[string]string{"X-Request-Id": "the-request", "X-Forwarded-For": "203.0.113.9"},
	}).expect(t, 200, "")
	w.waitForLog(t, "the-request")
	var line map[string]any
	if err := json.Unmarshal([]byte(w.log.String()), &line); err != nil {
		t.Fatalf("%s: %v", w.log, err)
	}
	for name, want := range map[string]any{
		"request_id": "the-request", "user": w.ids["user"].String(), "method": "GET", "route": "/api/v1/transcriptions/:id",
		"path": "/api/v1/transcriptions/" + id.String(), "status": 200.0, "ip": "127.0.0.1", "level": "info",
	} {
		if line[name] != want {
			t.Errorf("%s: got %v, want %v", name, line[name], want)
		}
	}
	if strings.Contains(w.log.String(), "secret") || strings.Contains(w.log.String(), w.tokens["user"]) {
		t.Errorf("the log has a secret: %s", w.log)
	}
}

// TestLog_refused: the log tells who was refused what and why, and nothing that a request
// brings begins a line of its own.
func TestLog_refused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.client = http.DefaultClient // the contract has no route like the last one
	for path, tt := range map[string]struct {
		actor string
		code  string
	}{
		"/api/v1/admin/audit": {"user", "forbidden"},
		"/api/v1/me":          {"nobody", "unauthenticated"},
		"/api/v1/transcriptions/" + newID(t).String():      {"user", "not_found"},
		"/api/v1/transcriptions?limit=many":                {"user", "invalid_limit"},
		"/x%0a%7b%22level%22:%22info%22,%22forged%22:1%7d": {"user", "no_such_route"},
	} {
		w.log.Reset()
		w.do(t, call{actor: tt.actor, path: path})
		w.waitForLog(t, `"message":"request"`)
		var line struct{ Code, User string }
		if err := json.Unmarshal([]byte(w.log.String()), &line); err != nil {
			t.Errorf("%s: %v in %s", path, err, w.log)
		}
		if line.Code != tt.code || (line.User == w.ids["user"].String()) != (tt.actor == "user") {
			t.Errorf("%s: got %+v, want %s", path, line, tt.code)
		}
	}
}

// TestClientAddress: anybody can send X-Forwarded-For.
func TestClientAddress(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		trusted []netip.Prefix
		header  string
		want    string
	}{
		{"nobody is trusted", nil, "203.0.113.9", "127.0.0.1"},
		{"another proxy is trusted", []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, "203.0.113.9", "127.0.0.1"},
		{"this proxy is trusted", []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, "203.0.113.9", "203.0.113.9"},
		{"the client lies to the proxy", []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, "1.2.3.4, 203.0.113.9", "203.0.113.9"},
		{"two proxies", []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("2001:db8::/32")}, "203.0.113.9, 2001:db8::1", "203.0.113.9"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *api.Options) { o.TrustedProxies = tt.trusted })
			w.do(t, call{path: "/api/v1/limits", header: map[string]string{"X-Forwarded-For": tt.header}})
			w.waitForLog(t, `"ip":"`+tt.want+`"`)
		})
	}
}
