package api_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/api"
	"github.com/turboscribe/turboscribe/internal/api/apitest"
	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/auth/authtest"
	"github.com/turboscribe/turboscribe/internal/privacy"
	"github.com/turboscribe/turboscribe/internal/rate"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/webhook"
)

// metered returns a world with those rates, whose limits go by its clock, behind a proxy
// that is believed.
func metered(t *testing.T, r api.Rates) *world {
	t.Helper()
	c := &clock{now: time.Now()}
	w := newWorld(t, func(o *api.Options) {
		o.Rates, o.Limiter, o.TrustedProxies = r, rate.NewLimiter(nil, c.Now), []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	w.clock = c
	return w
}

// TestRates: every kind of request has a limit of its own, for the account and, tenfold,
// for the address.
func TestRates(t *testing.T) {
	t.Parallel()
	const signIn = `{"email":"user@example.com","password":"` + password + `"}`
	rates := api.Rates{SignIn: 3, Upload: 3, Export: 3, Media: 3, Read: 3, Write: 3, Address: 2}
	tests := []struct {
		name, policy string
		in           call
	}{
		{"sign in", "sign-in-address", call{method: "POST", path: "/api/v1/auth/login", body: signIn}},
		{"register", "sign-in-address", call{method: "POST", path: "/api/v1/auth/register", body: `{}`}},
		{"upload", "upload", call{actor: "user", method: "POST", path: "/api/v1/files/upload", body: `{}`}},
		{"export", "export", call{actor: "user", path: "/api/v1/export/x"}},
		{"play", "media", call{actor: "user", path: "/api/v1/transcriptions/x/media"}},
		{"sign", "media", call{actor: "user", path: "/api/v1/transcriptions/x/media/url"}},
		{"poll", "read", call{actor: "user", path: "/api/v1/transcriptions/x"}},
		{"list", "read", call{actor: "user", path: "/api/v1/transcriptions"}},
		{"delete", "write", call{actor: "user", method: "DELETE", path: "/api/v1/transcriptions/x"}},
		{"what is not there", "read", call{actor: "user", path: "/nowhere"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := metered(t, rates)
			ask := func(actor, from string) answer {
				in := tt.in
				in.header = map[string]string{"X-Forwarded-For": from}
				if in.actor != "" {
					in.actor = actor
				}
				return w.do(t, in)
			}
			for i := range 3 {
				got := ask("user", "192.0.2.1")
				if got.StatusCode == http.StatusTooManyRequests || !strings.HasPrefix(got.Header.Get("RateLimit"), `"`+tt.policy+`";r=`+string(rune('2'-i))+";t=") {
					t.Errorf("the %d.: got %d, %s", i+1, got.StatusCode, got.Header.Get("RateLimit"))
				}
				if policy := got.Header.Get("RateLimit-Policy"); policy != `"`+tt.policy+`";q=3;w=60` {
					t.Errorf("got the policy %s", policy)
				}
			}
			got := ask("user", "192.0.2.1")
			got.expect(t, 429, "too_many_requests")
			if got.Header.Get("Retry-After") != "20" || got.Header.Get("RateLimit") != `"`+tt.policy+`";r=0;t=60` {
				t.Errorf("got %s, %s", got.Header.Get("Retry-After"), got.Header.Get("RateLimit"))
			}
			if other := ask("other", "192.0.2.2"); other.StatusCode == http.StatusTooManyRequests {
				t.Errorf("somebody else is refused: %s", other.body)
			}
			w.clock.advance(20 * time.Second)
			if again := ask("user", "192.0.2.1"); again.StatusCode == http.StatusTooManyRequests {
				t.Errorf("20 s later: %s", again.body)
			}
			ask("user", "192.0.2.1").expect(t, 429, "too_many_requests")
		})
	}
}

// TestRates_key: a program gone wild leaves its owner half of what the account has.
func TestRates_key(t *testing.T) {
	t.Parallel()
	w := metered(t, api.Rates{Read: 10, Address: 10})
	_, w.tokens["program"] = w.addKey(t)
	ask := func(actor string) answer { return w.do(t, call{actor: actor, path: "/api/v1/transcriptions"}) }
	for i := range 7 {
		got := ask("program")
		if refused := got.StatusCode == http.StatusTooManyRequests; refused != (i >= 5) {
			t.Errorf("the %d. of the program: got %d", i+1, got.StatusCode)
		}
	}
	if got := ask("program").Header.Get("RateLimit-Policy"); got != `"read-key";q=5;w=60` {
		t.Errorf("got the policy %s", got)
	}
	if got := ask("user"); got.StatusCode != http.StatusOK {
		t.Errorf("its owner: got %d", got.StatusCode)
	}
}

// TestRates_address: somebody with many accounts, or none, has one address, or a /64 of them.
func TestRates_address(t *testing.T) {
	t.Parallel()
	for name, from := range map[string][]string{
		"IPv4": {"192.0.2.1", "192.0.2.1", "192.0.2.2"}, "IPv4 in IPv6": {"::ffff:192.0.2.1", "192.0.2.1", "192.0.2.2"},
		"IPv6": {"2001:db8:0:1::1", "2001:db8:0:1:2:3:4:5", "2001:db8:0:2::1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := metered(t, api.Rates{Read: 1, Address: 2})
			ask := func(actor, from string) answer {
				return w.do(t, call{actor: actor, path: "/api/v1/limits", header: map[string]string{"X-Forwarded-For": from}})
			}
			ask("user", from[0]).expect(t, 200, "")
			ask("other", from[1]).expect(t, 200, "")
			for _, actor := range []string{"admin", "nobody"} {
				got := ask(actor, from[1])
				got.expect(t, 429, "too_many_requests")
				if policy := got.Header.Get("RateLimit-Policy"); policy != `"read-address";q=2;w=60` {
					t.Errorf("%s: got the policy %s", actor, policy)
				}
			}
			ask("nobody", from[2]).expect(t, 200, "")
		})
	}
}

// TestRates_forged: whom nobody believes cannot choose an address for every request.
func TestRates_forged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.Rates = api.Rates{Read: 1, Address: 1} })
	for i, from := range []string{"192.0.2.1", "192.0.2.2"} {
		got := w.do(t, call{path: "/api/v1/limits", header: map[string]string{"X-Forwarded-For": from}})
		if refused := got.StatusCode == http.StatusTooManyRequests; refused != (i > 0) {
			t.Errorf("the %d.: got %d", i+1, got.StatusCode)
		}
	}
}

// TestRates_probes: what asks whether this process lives is never refused.
func TestRates_probes(t *testing.T) {
	t.Parallel()
	w := metered(t, api.Rates{Read: 1, Address: 1})
	for range 3 {
		for _, path := range []string{"/livez", "/readyz"} {
			got := w.do(t, call{path: path})
			if got.expect(t, 200, ""); got.Header.Get("RateLimit") != "" {
				t.Errorf("%s is counted", path)
			}
		}
	}
}

// TestRates_none: without limits nobody is told any.
func TestRates_none(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.do(t, call{actor: "user", path: "/api/v1/me"})
	if got.expect(t, 200, ""); got.Header.Get("RateLimit") != "" || got.Header.Get("RateLimit-Policy") != "" {
		t.Errorf("got %v", got.Header)
	}
}

// TestLogin_knownDevice: somebody guesses, known or not, and the owner signs in all the same.
func TestLogin_knownDevice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	device := w.signIn(t)["ts_device"].Value
	login := func(email, password, device string) answer {
		return w.do(t, call{
			method: "POST", path: "/api/v1/auth/login", body: `{"email":"` + email + `","password":"` + password + `"}`,
			header: map[string]string{"Cookie": "ts_device=" + device},
		})
	}
	for _, email := range []string{"user@example.com", "unknown@example.com"} {
		for range 5 {
			login(email, "wrong password", "").expect(t, 401, "wrong_credentials")
		}
		got := login(email, password, "")
		got.expect(t, 429, "too_many_attempts")
		if got.Header.Get("Retry-After") != "10" {
			t.Errorf("%s: Retry-After is %q", email, got.Header.Get("Retry-After"))
		}
	}
	got := login("user@example.com", password, device)
	got.expect(t, 200, "")
	if gone := w.do(t, call{method: "POST", path: "/api/v1/auth/logout"}).cookies()["ts_device"]; gone != nil {
		t.Error("signing out makes the device an unknown one")
	}
}

// TestOpenAPI_limits: whatever is counted may be refused.
func TestOpenAPI_limits(t *testing.T) {
	t.Parallel()
	contract, err := apitest.NewContract(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, route := range contract.Routes() {
		if contract.Answers(route, http.StatusTooManyRequests) == strings.HasSuffix(route, "z") {
			t.Errorf("%s: is the answer 429 described? It should be, but for the probes", route)
		}
	}
}

// BenchmarkRates is what counting costs a cheap request, beside an Echo that does nothing,
// in time of the processor: a busy machine changes that least.
func BenchmarkRates(b *testing.B) {
	bare := echo.New()
	bare.GET("/api/v1/limits", func(c echo.Context) error { return c.NoContent(http.StatusOK) })
	for name, h := range map[string]http.Handler{
		"bare Echo": bare, "not counted": lonely(b, api.Rates{}), "counted": lonely(b, api.Rates{Read: 1e6, Address: 60}),
	} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodGet, "/api/v1/limits", http.NoBody)
			begun := processorTime(b)
			for b.Loop() {
				if w := httptest.NewRecorder(); serve(h, w, r) != http.StatusOK {
					b.Fatalf("answered with %d", w.Code)
				}
			}
			b.ReportMetric(float64(processorTime(b)-begun)/float64(b.N), "cpu-ns/op")
		})
	}
}

// lonely returns an API that nobody has an account of.
func lonely(b *testing.B, r api.Rates) http.Handler {
	b.Helper()
	accounts, err := auth.NewService(b.Context(), new(authtest.Store), auth.Options{
		Secrets: [][]byte{bytes.Repeat([]byte("s"), 32)}, Issuer: "http://localhost", Argon2: auth.Argon2{MemoryKiB: 64, Passes: 1, Lanes: 1},
	})
	if err != nil {
		b.Fatal(err)
	}
	server, err := api.New(api.Options{
		PublicURL: "http://localhost", Auth: accounts, Webhooks: webhook.NewService(nil, nil, webhook.Rules{}), Privacy: privacy.NewService(nil, accounts), Logger: zerolog.Nop(),
		Transcriptions: transcription.NewService(new(store), nil, nil, nil, transcription.Limits{}), Rates: r, Limiter: rate.NewLimiter(rate.NewLocal(nil), nil),
	})
	if err != nil {
		b.Fatal(err)
	}
	return server.Handler()
}

func serve(h http.Handler, w *httptest.ResponseRecorder, r *http.Request) int {
	h.ServeHTTP(w, r)
	return w.Code
}

func processorTime(b *testing.B) int64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
