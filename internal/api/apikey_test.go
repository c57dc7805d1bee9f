package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/auth"
)

type apiKey struct {
	ID, Name, Prefix, Key string
	Scopes                []string
	ExpiresAt, LastUsedAt *string
}

func (w *world) makeKey(t *testing.T, actor, body string) apiKey {
	t.Helper()
	got := w.do(t, call{actor: actor, method: "POST", path: "/api/v1/api-keys", body: body})
	got.expect(t, 201, "")
	return data[apiKey](t, got)
}

func bearing(key string) map[string]string {
	return map[string]string{"Authorization": "Bearer " + key}
}

func TestAPIKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.makeKey(t, "user", `{"name":" backup ","scopes":["transcriptions:read"],"expiresAt":"2099-01-01T00:00:00Z"}`)
	if !strings.HasPrefix(k.Key, "ts_"+k.Prefix+"_") || k.Name != "backup" || k.ExpiresAt == nil || *k.ExpiresAt != "2099-01-01T00:00:00.000Z" {
		t.Errorf("got %+v", k)
	}
	list := func() apiKey {
		t.Helper()
		got := w.do(t, call{actor: "user", path: "/api/v1/api-keys"})
		if strings.Contains(got.body, k.Key) || strings.Contains(got.body, strings.Split(k.Key, "_")[2]) {
			t.Error("the list tells the key")
		}
		return data[struct{ Items []apiKey }](t, got).Items[0]
	}
	if got := list(); got.ID != k.ID || got.LastUsedAt != nil || got.Scopes[0] != "transcriptions:read" {
		t.Errorf("got %+v, want it unused", got)
	}
	w.do(t, call{path: "/api/v1/transcriptions", header: bearing(k.Key)}).expect(t, 200, "")
	if got := list(); got.LastUsedAt == nil {
		t.Errorf("got %+v, want it used", got)
	}
	w.do(t, call{actor: "user", method: "DELETE", path: "/api/v1/api-keys/" + k.ID}).expect(t, 204, "")
	w.do(t, call{path: "/api/v1/transcriptions", header: bearing(k.Key)}).expect(t, 401, "key_invalid")
	if strings.Contains(w.log.String(), strings.Split(k.Key, "_")[2]) {
		t.Error("the log tells the key")
	}
}

func TestAPIKeys_pages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"first", "second", "third"} {
		w.makeKey(t, "other", `{"name":"`+name+`","scopes":["transcriptions:read"]}`)
	}
	var names []string
	for path := "/api/v1/api-keys?limit=2"; path != ""; {
		page := data[struct {
			Items      []apiKey
			NextCursor *string
		}](t, w.do(t, call{actor: "other", path: path}))
		for _, k := range page.Items {
			names = append(names, k.Name)
		}
		path = ""
		if page.NextCursor != nil {
			path = "/api/v1/api-keys?limit=2&cursor=" + *page.NextCursor
		}
	}
	if got := strings.Join(names, " "); got != "third second first" {
		t.Errorf("got %s", got)
	}
}

func TestAPIKeys_refused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for body, code := range map[string]string{
		`{"name":"x"}`:                                 "invalid_scopes",
		`{"name":"x","scopes":["queues:watch"]}`:       "invalid_scopes",
		`{"name":"","scopes":["transcriptions:read"]}`: "invalid_name",
		`{"name":"x","scopes":["transcriptions:read"],"expiresAt":"2001-01-01T00:00:00Z"}`: "invalid_expiry",
		`{"name":"x","scopes":["transcriptions:read"],"expiresAt":"tomorrow"}`:             "malformed_json",
		`{"name":"x","scopes":["transcriptions:read"],"admin":true}`:                       "malformed_json",
	} {
		w.do(t, call{actor: "user", method: "POST", path: "/api/v1/api-keys", body: body}).expect(t, 400, code)
	}
}

// A key is for programs: no browser may be made to send one, and what a key begins ends
// with it.
func TestAPIKeys_notInCookies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.do(t, call{path: "/api/v1/me", header: map[string]string{"Cookie": "ts_access=" + w.tokens["key"]}}).expect(t, 401, "token_invalid")
	got := w.do(t, call{path: "/api/v1/me", header: map[string]string{"Authorization": "Bearer " + w.tokens["key"], "Cookie": "ts_access=" + w.tokens["admin"]}})
	if data[struct{ Role auth.Role }](t, got).Role != auth.Member {
		t.Errorf("the cookie won: %s", got.body)
	}
	// It needs no CSRF token, from whatever page.
	k := w.makeKey(t, "user", `{"name":"x","scopes":["transcriptions:write"]}`)
	w.do(t, call{method: "POST", path: "/api/v1/webhooks/key", header: map[string]string{
		"Authorization": "Bearer " + k.Key, "Origin": "https://evil.example.com", "Sec-Fetch-Site": "cross-site",
	}}).expect(t, 200, "")
}

func TestAPIKeys_endWithTheAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.makeKey(t, "user", `{"name":"x","scopes":["transcriptions:read"],"expiresAt":"`+w.clock.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}`)
	w.patch(t, "user", `{"disabled":true}`).expect(t, 200, "")
	w.do(t, call{path: "/api/v1/me", header: bearing(k.Key)}).expect(t, 401, "account_disabled")
	w.patch(t, "user", `{"disabled":false}`).expect(t, 200, "")
	w.do(t, call{path: "/api/v1/me", header: bearing(k.Key)}).expect(t, 200, "")
	w.clock.advance(time.Hour + time.Second)
	w.do(t, call{path: "/api/v1/me", header: bearing(k.Key)}).expect(t, 401, "key_expired")
}

// TestAPIKeys_guessing: who tries keys that nobody has is refused without a look into the
// database, and a key that was good goes on at the same address.
func TestAPIKeys_guessing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.makeKey(t, "user", `{"name":"backup","scopes":["transcriptions:read"]}`)
	other := w.makeKey(t, "other", `{"name":"backup","scopes":["transcriptions:read"]}`)
	w.do(t, call{path: "/api/v1/transcriptions", header: bearing(k.Key)}).expect(t, 200, "")
	refused := 0
	for i := range 70 {
		got := w.do(t, call{path: "/api/v1/transcriptions", header: bearing(fmt.Sprintf("ts_guess_%d", i))})
		if got.StatusCode == http.StatusTooManyRequests {
			got.expect(t, 429, "too_many_requests")
			refused++
			continue
		}
		got.expect(t, 401, "key_invalid")
	}
	if refused == 0 || refused > 10 {
		t.Errorf("%d of 70 were refused", refused)
	}
	w.do(t, call{path: "/api/v1/transcriptions", header: bearing(k.Key)}).expect(t, 200, "")
	w.do(t, call{path: "/api/v1/limits", header: bearing("ts_guess")}).expect(t, 200, "")
	got := w.do(t, call{path: "/api/v1/transcriptions", header: bearing(other.Key)})
	if got.StatusCode != http.StatusTooManyRequests || got.Header.Get("Retry-After") == "" {
		t.Errorf("one that was not seen yet: got %d with %q, want it to wait for a moment", got.StatusCode, got.Header.Get("Retry-After"))
	}
}
