package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// TestAccess is every route for everybody. The transcription {id} is the user's;
// the guest is signed in with a role that may do nothing.
func TestAccess(t *testing.T) {
	t.Parallel()
	const hook = `{"url":"https://example.com/hook","events":["transcription.completed"]}`
	const signIn = `{"email":"user@example.com","password":"` + password + `"}`
	type row struct {
		route, path, body                 string
		nobody, user, other, admin, guest int
		codeNobody, codeOther, codeAdmin  string
	}
	tests := []row{
		{"POST /api/v1/auth/register", "/api/v1/auth/register", `{"email":"new@example.com","password":"` + password + `"}`, 201, 201, 201, 201, 201, "", "", ""},
		{"POST /api/v1/auth/login", "/api/v1/auth/login", signIn, 200, 200, 200, 200, 200, "", "", ""},
		{"POST /api/v1/auth/refresh", "/api/v1/auth/refresh", "", 401, 401, 401, 401, 401, "session_expired", "session_expired", "session_expired"},
		{"POST /api/v1/auth/logout", "/api/v1/auth/logout", "", 204, 204, 204, 204, 204, "", "", ""},
		{"GET /api/v1/me", "/api/v1/me", "", 401, 200, 200, 200, 200, "unauthenticated", "", ""},
		{"POST /api/v1/files/upload", "/api/v1/files/upload", "{}", 401, 415, 415, 415, 403, "unauthenticated", "not_multipart", "not_multipart"},
		{"GET /api/v1/transcriptions", "/api/v1/transcriptions", "", 401, 200, 200, 200, 403, "unauthenticated", "", ""},
		{"GET /api/v1/transcriptions/:id", "/api/v1/transcriptions/{id}", "", 401, 200, 404, 404, 403, "unauthenticated", "not_found", "not_found"},
		{"GET /api/v1/transcriptions/:id/history", "/api/v1/transcriptions/{id}/history", "", 401, 200, 404, 404, 403, "unauthenticated", "not_found", "not_found"},
		{"GET /api/v1/transcriptions/:id/events", "/api/v1/transcriptions/{id}/events", "", 401, 204, 404, 404, 403, "unauthenticated", "not_found", "not_found"},
		{"POST /api/v1/transcriptions/:id/cancel", "/api/v1/transcriptions/{id}/cancel", "", 401, 409, 404, 404, 403, "unauthenticated", "not_found", "not_found"},
		{"POST /api/v1/transcriptions/:id/retry", "/api/v1/transcriptions/{id}/retry", "", 401, 202, 404, 404, 403, "unauthenticated", "not_found", "not_found"},
		{"GET /api/v1/export/:id", "/api/v1/export/{id}", "", 401, 200, 404, 404, 403, "unauthenticated", "not_found", "not_found"},
		{"DELETE /api/v1/transcriptions/:id", "/api/v1/transcriptions/{id}", "", 401, 204, 404, 404, 403, "unauthenticated", "not_found", "not_found"},
		{"GET /api/v1/admin/queues", "/api/v1/admin/queues", "", 401, 403, 403, 200, 403, "unauthenticated", "forbidden", ""},
		{"POST /api/v1/admin/queues/:name/pause", "/api/v1/admin/queues/merge/pause", "", 401, 403, 403, 200, 403, "unauthenticated", "forbidden", ""},
		{"POST /api/v1/admin/queues/:name/resume", "/api/v1/admin/queues/merge/resume", "", 401, 403, 403, 200, 403, "unauthenticated", "forbidden", ""},
		{"GET /api/v1/webhooks", "/api/v1/webhooks", "", 401, 200, 200, 200, 403, "unauthenticated", "", ""},
		{"POST /api/v1/webhooks", "/api/v1/webhooks", hook, 401, 201, 201, 201, 403, "unauthenticated", "", ""},
		{"POST /api/v1/webhooks/key", "/api/v1/webhooks/key", "", 401, 200, 200, 200, 403, "unauthenticated", "", ""},
		{"GET /api/v1/webhooks/deliveries", "/api/v1/webhooks/deliveries", "", 401, 200, 200, 200, 403, "unauthenticated", "", ""},
		{"GET /api/v1/webhooks/deliveries/:id", "/api/v1/webhooks/deliveries/{delivery}", "", 401, 200, 404, 404, 403, "unauthenticated", "not_found", "not_found"},
		{"POST /api/v1/webhooks/deliveries/:id/replay", "/api/v1/webhooks/deliveries/{delivery}/replay", "", 401, 202, 404, 404, 403, "unauthenticated", "not_found", "not_found"},
		{"GET /api/v1/webhooks/:id", "/api/v1/webhooks/{hook}", "", 401, 200, 404, 404, 403, "unauthenticated", "not_found", "not_found"},
		{"PUT /api/v1/webhooks/:id", "/api/v1/webhooks/{hook}", hook, 401, 200, 404, 404, 403, "unauthenticated", "not_found", "not_found"},
		{"DELETE /api/v1/webhooks/:id", "/api/v1/webhooks/{hook}", "", 401, 204, 404, 404, 403, "unauthenticated", "not_found", "not_found"},
		{"POST /api/v1/webhooks/:id/rotate", "/api/v1/webhooks/{hook}/rotate", "", 401, 200, 404, 404, 403, "unauthenticated", "not_found", "not_found"},
		{"POST /api/v1/webhooks/:id/test", "/api/v1/webhooks/{hook}/test", "", 401, 202, 404, 404, 403, "unauthenticated", "not_found", "not_found"},
		{"GET /api/v1/limits", "/api/v1/limits", "", 200, 200, 200, 200, 200, "", "", ""},
		{"GET /api/v1/models", "/api/v1/models", "", 401, 200, 200, 200, 200, "unauthenticated", "", ""},
		{"GET /api/v1/openapi.yaml", "/api/v1/openapi.yaml", "", 200, 200, 200, 200, 200, "", "", ""},
		{"GET /api/v1/schemas/transcript-1.json", "/api/v1/schemas/transcript-1.json", "", 200, 200, 200, 200, 200, "", "", ""},
		{"GET /livez", "/livez", "", 200, 200, 200, 200, 200, "", "", ""},
		{"GET /readyz", "/readyz", "", 200, 200, 200, 200, 200, "", "", ""},
	}
	for _, method := range []string{"GET", "POST", "DELETE"} {
		for _, path := range []string{"", "/*"} {
			tests = append(tests, row{
				method + " /admin/queues" + path, "/admin/queues" + path, "", 401, 403, 403, 200, 403, "unauthenticated", "forbidden", "",
			})
		}
	}
	tested := make([]string, len(tests))
	for i, tt := range tests {
		tested[i] = tt.route
	}
	for _, route := range newWorld(t).Routes() {
		if !slices.Contains(tested, route) {
			t.Errorf("%s is not in the table", route)
		}
	}
	codes := map[int]string{401: "session_expired", 403: "forbidden", 409: "already_ended", 415: "not_multipart"}
	for _, tt := range tests {
		t.Run(tt.route, func(t *testing.T) {
			t.Parallel()
			for _, who := range []struct {
				actor, code string
				status      int
			}{
				{"nobody", tt.codeNobody, tt.nobody},
				{"other", tt.codeOther, tt.other},
				{"admin", tt.codeAdmin, tt.admin},
				{"user", codes[tt.user], tt.user},
				{"guest", codes[tt.guest], tt.guest},
			} {
				w := newWorld(t)
				id := w.store.add(t, w.ids["user"], func(r *transcription.Transcription) { r.Status, r.CompletedAt = transcription.Completed, start })
				hook, delivery := w.addWebhook(t, "user")
				method, _, _ := strings.Cut(tt.route, " ")
				path := strings.NewReplacer("{id}", id.String(), "{hook}", hook.String(), "{delivery}", delivery.String()).Replace(tt.path)
				got := w.do(t, call{actor: who.actor, method: method, path: path, body: tt.body})
				got.expect(t, who.status, who.code)
				deleted := tt.route == "DELETE /api/v1/transcriptions/:id" && got.StatusCode == http.StatusNoContent
				if left := w.store.Rows(); (left == 0) != deleted {
					t.Errorf("%s: %d transcriptions are left after %d", who.actor, left, got.StatusCode)
				}
			}
		})
	}
}

// TestAccess_badTokens: a token that is no good is never nobody's, and never
// keeps anybody from what is public.
func TestAccess_badTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tests := []struct {
		name, path string
		header     map[string]string
		status     int
		code       string
	}{
		{"nonsense", "/api/v1/me", map[string]string{"Authorization": "Bearer nonsense"}, 401, "token_invalid"},
		{"empty bearer", "/api/v1/me", map[string]string{"Authorization": "Bearer "}, 401, "token_invalid"},
		{"nonsense in a cookie", "/api/v1/me", map[string]string{"Cookie": "ts_access=nonsense"}, 401, "token_invalid"},
		{"a bad bearer beside a good cookie", "/api/v1/me", map[string]string{"Authorization": "Bearer x", "Cookie": "ts_access=" + w.tokens["user"]}, 401, "token_invalid"},
		{"a good cookie", "/api/v1/me", map[string]string{"Cookie": "ts_access=" + w.tokens["user"]}, 200, ""},
		{"a good cookie behind a proxy with a password", "/api/v1/me", map[string]string{"Authorization": "Basic eDp5", "Cookie": "ts_access=" + w.tokens["user"]}, 200, ""},
		{"scheme in lower case", "/api/v1/me", map[string]string{"Authorization": "bearer " + w.tokens["user"]}, 200, ""},
		{"nonsense for what is public", "/api/v1/limits", map[string]string{"Authorization": "Bearer nonsense"}, 200, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w.do(t, call{path: tt.path, header: tt.header}).expect(t, tt.status, tt.code)
		})
	}
}

func TestAccess_expiredToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.clock.advance(11 * time.Minute)
	w.do(t, call{actor: "user", path: "/api/v1/me"}).expect(t, 401, "token_expired")
	w.do(t, call{actor: "admin", path: "/admin/queues/"}).expect(t, 401, "token_expired")
}
