package api_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/api"
	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/auth/authtest"
	"github.com/turboscribe/turboscribe/internal/privacy"
	"github.com/turboscribe/turboscribe/internal/privacy/privacytest"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/webhook"
	"github.com/turboscribe/turboscribe/internal/webhook/webhooktest"
)

// FuzzRequest sends what a client may make up, head and body, to routes that read all of it.
// Each is answered in the envelope, and never by an error of ours.
func FuzzRequest(f *testing.F) {
	h, grant := fuzzed(f)
	const origin = "http://localhost:8080"
	signedIn := "ts_access=" + grant.Access + "; ts_refresh=" + grant.Refresh + "; csrf_token=" + grant.CSRF
	for route := range fuzzedRoutes {
		f.Add(uint8(route), signedIn, "", origin, grant.CSRF, "203.0.113.1", `{"email":"ada@example.com","password":"four words in a row"}`)
	}
	f.Add(uint8(2), "ts_access=\x00; =; ts_access", "Bearer "+grant.Access, "null", "", "::1, x", `{"url":"https://example.com","events":["transcription.completed"]}`)
	f.Add(uint8(3), "", "bearer ts_abcdefgh_", "http://evil.example", "x", ",,", `{"name":"a","scopes":["x"],"expiresAt":"2030-01-01T00:00:00Z"}`)
	f.Add(uint8(4), `ts_access="a,b\"`, "Basic YTpi", "://", "\xff", "300.1.1.1", strings.Repeat("[", 20_000))
	f.Fuzz(func(t *testing.T, route uint8, cookie, authorization, origin, csrf, forwarded, body string) {
		to := fuzzedRoutes[int(route)%len(fuzzedRoutes)]
		method, path, _ := strings.Cut(to, " ")
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header = http.Header{
			"Content-Type": {"application/json"}, "Cookie": {cookie}, "Authorization": {authorization}, "Origin": {origin},
			"X-Csrf-Token": {csrf}, "X-Forwarded-For": {forwarded}, "X-Request-Id": {forwarded},
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		var answer struct {
			Status string
			Error  struct{ Code, Message string }
		}
		if w.Code >= http.StatusInternalServerError {
			t.Fatalf("%s: answered with %d %s", to, w.Code, w.Body)
		}
		if w.Code == http.StatusNoContent {
			return
		}
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatalf("%s: %v in %s", to, err, w.Body)
		}
		if good := w.Code < http.StatusBadRequest; (answer.Status == "success") != good || (answer.Error.Code == "" || answer.Error.Message == "") != good {
			t.Errorf("%s: answered with %d %s", to, w.Code, w.Body)
		}
	})
}

var fuzzedRoutes = []string{
	"POST /api/v1/auth/login", "POST /api/v1/auth/refresh", "POST /api/v1/webhooks", "POST /api/v1/api-keys", "GET /api/v1/me",
	"POST /api/v1/auth/register", "GET /api/v1/transcriptions?limit=1",
}

// fuzzed returns the API on stores in memory, and somebody who is signed in there.
func fuzzed(f *testing.F) (http.Handler, *auth.Grant) {
	f.Helper()
	people := new(authtest.Store)
	accounts, err := auth.NewService(f.Context(), people, auth.Options{
		Secrets: [][]byte{bytes.Repeat([]byte("s"), 32)}, Issuer: "http://localhost", Argon2: auth.Argon2{MemoryKiB: 64, Passes: 1, Lanes: 1},
	})
	if err != nil {
		f.Fatal(err)
	}
	queue := new(fakeQueue)
	s, err := api.New(api.Options{
		PublicURL: "http://localhost:8080", Auth: accounts, Logger: zerolog.Nop(),
		Transcriptions: transcription.NewService(new(store), &fakeObjects{sums: map[string]string{}}, queue, sniff, transcription.Limits{MaxBytes: maxBytes}),
		Webhooks:       webhook.NewService(new(webhooktest.Store), queue, webhook.Rules{}),
		Privacy:        privacy.NewService(&privacytest.Store{Accounts: people}, accounts),
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, // where httptest comes from
	})
	if err != nil {
		f.Fatal(err)
	}
	grant, err := accounts.Register(f.Context(), "ada@example.com", password)
	if err != nil {
		f.Fatal(err)
	}
	return s.Handler(), grant
}
