package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// people are those who call every route. The guest is signed in with a role that may do
// nothing; the other is a user as the user is, and so are those with whom the user shares a
// transcription and a folder; the disabled was an administrator.
var people = []string{"nobody", "disabled", "guest", "viewer", "user", "other", "shared-read", "shared-edit", "operator", "admin"}

// programs are API keys: one of the user's that may read, one of the operator's that may watch the
// queues, and one of the administrator's that may whatever a key of theirs may.
var programs = []string{"key", "watch-key", "admin-key"}

// callers are people, programs, and somebody who takes the token of a link for one that opens more
// than what it is of.
var callers = slices.Concat(people, programs, []string{"link"})

// mayUse says whom a route is for, whatever it is about.
var mayUse = map[string][]string{
	"anybody":   callers,
	"signed in": slices.Concat(people[2:], programs),
	"in person": people[2:],
	"read":      {"key", "viewer", "user", "other", "shared-read", "shared-edit", "operator", "admin", "admin-key"},
	"write":     {"user", "other", "shared-read", "shared-edit", "operator", "admin", "admin-key"},
	"share":     {"user", "other", "shared-read", "shared-edit", "operator", "admin"},
	"watch":     {"operator", "admin", "admin-key", "watch-key"},
	"operate":   {"operator", "admin", "admin-key"},
	"audit":     {"admin", "admin-key"},
	"govern":    {"admin"},
}

// accessRow is a route and what it answers those who may use it.
type accessRow struct {
	route, who string
	status     int
	code       string
	path       string // "": that of the route
	body       string
	own        bool                 // it is about something of the user's, which the others have not
	shared     transcription.Access // who else may, of those with whom the user shares it; empty: nobody
}

// accessTable is every route. The {id}, the {hook}, the {delivery} and the {session} are the user's.
func accessTable() []accessRow {
	const hook = `{"url":"https://example.com/hook","events":["transcription.completed"]}`
	const signIn = `{"email":"user@example.com","password":"` + password + `"}`
	table := []accessRow{
		{route: "POST /api/v1/auth/register", who: "anybody", status: 201, body: `{"email":"new-{actor}@example.com","password":"` + password + `"}`},
		{route: "POST /api/v1/auth/login", who: "anybody", status: 200, body: signIn},
		{route: "POST /api/v1/auth/second-factor", who: "anybody", status: 401, code: "challenge_invalid", body: `{"challenge":"x","code":"000000"}`},
		{route: "POST /api/v1/auth/refresh", who: "anybody", status: 401, code: "session_expired"},
		{route: "POST /api/v1/auth/logout", who: "anybody", status: 204},
		{route: "GET /api/v1/auth/csrf", who: "signed in", status: 200},
		{route: "POST /api/v1/auth/password/forgot", who: "anybody", status: 202, body: `{"email":"user@example.com"}`},
		{route: "POST /api/v1/auth/password/reset", who: "anybody", status: 400, code: "ticket_invalid", body: `{"token":"x","password":"` + password + `"}`},
		{route: "POST /api/v1/auth/email/resend", who: "anybody", status: 202, body: `{"email":"user@example.com"}`},
		{route: "POST /api/v1/auth/email/verify", who: "anybody", status: 400, code: "ticket_invalid", body: `{"token":"x"}`},
		{route: "GET /", who: "anybody", status: 200},
		{route: "GET /account", who: "anybody", status: 200},
		{route: "GET /api/v1/auth/providers", who: "anybody", status: 200},
		{route: "GET /api/v1/auth/oidc/:provider", who: "anybody", status: 404, code: "unknown_provider", path: "/api/v1/auth/oidc/none"},
		{route: "GET /api/v1/auth/oidc/:provider/callback", who: "anybody", status: 400, code: "handshake_invalid", path: "/api/v1/auth/oidc/id/callback?code=x&state=y"},
		{route: "POST /api/v1/me/second-factor", who: "in person", status: 403, code: "wrong_password", body: `{"currentPassword":"x"}`},
		{route: "POST /api/v1/me/second-factor/confirm", who: "in person", status: 409, code: "enrolment_missing", body: `{"code":"000000"}`},
		{route: "POST /api/v1/me/second-factor/recovery-codes", who: "in person", status: 404, code: "not_found", body: `{"currentPassword":"` + password + `","code":"000000"}`},
		{route: "DELETE /api/v1/me/second-factor", who: "in person", status: 404, code: "not_found", body: `{"currentPassword":"` + password + `","code":"000000"}`},
		{route: "GET /api/v1/me/identities", who: "in person", status: 200},
		{route: "POST /api/v1/me/identities/:provider", who: "in person", status: 200, path: "/api/v1/me/identities/id", body: "{}"},
		{route: "DELETE /api/v1/me/identities/:provider", who: "in person", status: 204, path: "/api/v1/me/identities/id", own: true},
		{route: "GET /api/v1/me", who: "signed in", status: 200},
		{route: "GET /api/v1/me/export", who: "in person", status: 200},
		{route: "GET /api/v1/me/usage", who: "signed in", status: 200},
		{route: "PUT /api/v1/me/password", who: "in person", status: 403, code: "wrong_password", body: `{"currentPassword":"x","newPassword":"` + password + `"}`},
		{route: "PUT /api/v1/me/email", who: "in person", status: 202, body: `{"currentPassword":"` + password + `","email":"new-{actor}@example.com"}`},
		{route: "DELETE /api/v1/me", who: "in person", status: 403, code: "wrong_password", body: `{"password":"not that one"}`},
		{route: "GET /api/v1/me/sessions", who: "in person", status: 200},
		{route: "DELETE /api/v1/me/sessions/:id", who: "in person", status: 204, path: "/api/v1/me/sessions/{session}", own: true},
		{route: "DELETE /api/v1/me/sessions", who: "in person", status: 204},
		{route: "GET /api/v1/api-keys", who: "in person", status: 200},
		{route: "POST /api/v1/api-keys", who: "in person", status: 400, code: "invalid_name", body: `{"name":"","scopes":[]}`},
		{route: "DELETE /api/v1/api-keys/:id", who: "in person", status: 204, path: "/api/v1/api-keys/{key}", own: true},

		{route: "POST /api/v1/files/upload-token", who: "share", status: 201},
		{route: "POST /api/v1/files/upload", who: "write", status: 415, code: "not_multipart", body: "{}"},
		{route: "GET /api/v1/transcriptions", who: "read", status: 200},
		{route: "GET /api/v1/transcriptions/:id", who: "read", status: 200, path: "/api/v1/transcriptions/{id}", own: true, shared: "read"},
		{route: "POST /api/v1/transcriptions/bulk", who: "write", status: 200, body: `{"ids":["{id}"],"action":"archive"}`},
		{route: "GET /api/v1/batches", who: "read", status: 200},
		{route: "POST /api/v1/batches", who: "write", status: 201, body: `{"name":"Monday"}`},
		{route: "GET /api/v1/batches/:id", who: "read", status: 200, path: "/api/v1/batches/{batch}", own: true},
		{route: "POST /api/v1/batches/:id/close", who: "write", status: 200, path: "/api/v1/batches/{batch}/close", own: true},
		{route: "POST /api/v1/batches/:id/cancel", who: "write", status: 200, path: "/api/v1/batches/{batch}/cancel", own: true},
		{route: "DELETE /api/v1/batches/:id", who: "write", status: 204, path: "/api/v1/batches/{batch}", own: true},
		{route: "GET /api/v1/folders", who: "read", status: 200},
		{route: "POST /api/v1/folders", who: "write", status: 201, body: `{"name":"Talks of {actor}"}`},
		{route: "PUT /api/v1/folders/:id", who: "write", status: 200, path: "/api/v1/folders/{folder}", body: `{"name":"Talks"}`, own: true},
		{route: "DELETE /api/v1/folders/:id", who: "write", status: 204, path: "/api/v1/folders/{folder}", own: true},
		{route: "PUT /api/v1/folders/:id/retention", who: "write", status: 200, path: "/api/v1/folders/{folder}/retention", body: `{"mediaDays":7}`, own: true},
		{route: "PUT /api/v1/folders/:id/hold", who: "write", status: 200, path: "/api/v1/folders/{folder}/hold", body: `{"legalHold":true}`, own: true},
		{route: "GET /api/v1/me/retention", who: "read", status: 200},
		{route: "PUT /api/v1/me/retention", who: "write", status: 200, body: `{"transcriptionDays":30}`},
		{route: "PUT /api/v1/transcriptions/:id/hold", who: "write", status: 200, path: "/api/v1/transcriptions/{id}/hold", body: `{"legalHold":true}`, own: true},
		{route: "PUT /api/v1/admin/transcriptions/:id/hold", who: "govern", status: 200, path: "/api/v1/admin/transcriptions/{id}/hold", body: `{"legalHold":true}`},
		{route: "PUT /api/v1/transcriptions/:id", who: "write", status: 200, path: "/api/v1/transcriptions/{id}", body: `{"segments":[]}`, own: true, shared: "edit"},
		{route: "PATCH /api/v1/transcriptions/:id", who: "write", status: 200, path: "/api/v1/transcriptions/{id}", body: `{"edits":[]}`, own: true, shared: "edit"},
		{route: "POST /api/v1/transcriptions/:id/import", who: "write", status: 200, path: "/api/v1/transcriptions/{id}/import?format=srt", body: " ", own: true, shared: "edit"},
		{route: "GET /api/v1/transcriptions/:id/revisions", who: "read", status: 200, path: "/api/v1/transcriptions/{id}/revisions", own: true, shared: "read"},
		{route: "GET /api/v1/transcriptions/:id/revisions/:revision", who: "read", status: 200, path: "/api/v1/transcriptions/{id}/revisions/0", own: true, shared: "read"},
		{route: "GET /api/v1/transcriptions/:id/revisions/:revision/diff", who: "read", status: 200, path: "/api/v1/transcriptions/{id}/revisions/0/diff", own: true, shared: "read"},
		{route: "POST /api/v1/transcriptions/:id/revisions/:revision/restore", who: "write", status: 200, path: "/api/v1/transcriptions/{id}/revisions/machine/restore", own: true, shared: "edit"},
		{route: "GET /api/v1/transcriptions/:id/ranges", who: "read", status: 200, path: "/api/v1/transcriptions/{id}/ranges", own: true},
		{route: "POST /api/v1/transcriptions/:id/ranges", who: "write", status: 202, path: "/api/v1/transcriptions/{id}/ranges", body: `{"from":3,"to":4}`, own: true},
		{route: "GET /api/v1/transcriptions/:id/ranges/:range", who: "read", status: 200, path: "/api/v1/transcriptions/{id}/ranges/1", own: true},
		{route: "POST /api/v1/transcriptions/:id/ranges/:range/cancel", who: "write", status: 200, path: "/api/v1/transcriptions/{id}/ranges/1/cancel", own: true},
		{route: "GET /api/v1/transcriptions/:id/history", who: "read", status: 200, path: "/api/v1/transcriptions/{id}/history", own: true},
		{route: "GET /api/v1/transcriptions/:id/events", who: "read", status: 204, path: "/api/v1/transcriptions/{id}/events", own: true, shared: "read"},
		{route: "POST /api/v1/transcriptions/:id/cancel", who: "write", status: 409, code: "already_ended", path: "/api/v1/transcriptions/{id}/cancel", own: true},
		{route: "POST /api/v1/transcriptions/:id/retry", who: "write", status: 202, path: "/api/v1/transcriptions/{id}/retry", own: true},
		{route: "GET /api/v1/transcriptions/:id/media", who: "read", status: 200, path: "/api/v1/transcriptions/{id}/media", own: true, shared: "read"},
		{route: "GET /api/v1/transcriptions/:id/media/url", who: "read", status: 409, code: "media_url_unavailable", path: "/api/v1/transcriptions/{id}/media/url", own: true, shared: "read"},
		{route: "GET /api/v1/transcriptions/:id/peaks", who: "read", status: 404, code: "no_peaks", path: "/api/v1/transcriptions/{id}/peaks", own: true, shared: "read"},
		{route: "GET /api/v1/transcriptions/:id/shares", who: "read", status: 200, path: "/api/v1/transcriptions/{id}/shares", own: true},
		{route: "POST /api/v1/transcriptions/:id/shares", who: "share", status: 201, path: "/api/v1/transcriptions/{id}/shares", body: `{"email":"ann@example.com","access":"read"}`, own: true},
		{route: "DELETE /api/v1/transcriptions/:id/shares/:share", who: "share", status: 204, path: "/api/v1/transcriptions/{id}/shares/{share}", own: true},
		{route: "GET /api/v1/folders/:id/shares", who: "read", status: 200, path: "/api/v1/folders/{folder}/shares", own: true},
		{route: "POST /api/v1/folders/:id/shares", who: "share", status: 201, path: "/api/v1/folders/{folder}/shares", body: `{"email":"ann@example.com","access":"read"}`, own: true},
		{route: "DELETE /api/v1/folders/:id/shares/:share", who: "share", status: 204, path: "/api/v1/folders/{folder}/shares/{folderShare}", own: true},
		{route: "GET /api/v1/transcriptions/:id/links", who: "read", status: 200, path: "/api/v1/transcriptions/{id}/links", own: true},
		{route: "POST /api/v1/transcriptions/:id/links", who: "share", status: 201, path: "/api/v1/transcriptions/{id}/links", body: `{"access":"read"}`, own: true},
		{route: "DELETE /api/v1/transcriptions/:id/links/:link", who: "share", status: 204, path: "/api/v1/transcriptions/{id}/links/{link}", own: true},
		{route: "GET /s/:token", who: "anybody", status: 200, path: "/s/{token}"},
		{route: "POST /s/:token", who: "anybody", status: 303, path: "/s/{token}"},
		{route: "GET /api/v1/shared/:token", who: "anybody", status: 200, path: "/api/v1/shared/{token}"},
		{route: "PATCH /api/v1/shared/:token", who: "anybody", status: 200, path: "/api/v1/shared/{token}", body: `{"edits":[]}`},
		{route: "POST /api/v1/shared/:token/unlock", who: "anybody", status: 204, path: "/api/v1/shared/{token}/unlock", body: `{"password":""}`},
		{route: "GET /api/v1/shared/:token/export", who: "anybody", status: 200, path: "/api/v1/shared/{token}/export"},
		{route: "GET /api/v1/export/:id", who: "read", status: 200, path: "/api/v1/export/{id}", own: true, shared: "read"},
		{route: "POST /api/v1/exports", who: "read", status: 200, body: `{"ids":["{id}"]}`, own: true, shared: "read"},
		{route: "GET /api/v1/exports", who: "read", status: 200},
		{route: "GET /api/v1/exports/:id", who: "read", status: 200, path: "/api/v1/exports/{zip}", own: true},
		{route: "GET /api/v1/exports/:id/file", who: "read", status: 409, code: "not_completed", path: "/api/v1/exports/{zip}/file", own: true},
		{route: "POST /api/v1/exports/:id/cancel", who: "read", status: 200, path: "/api/v1/exports/{zip}/cancel", own: true},
		{route: "DELETE /api/v1/exports/:id", who: "read", status: 204, path: "/api/v1/exports/{zip}", own: true},
		{route: "DELETE /api/v1/transcriptions/:id", who: "write", status: 204, path: "/api/v1/transcriptions/{id}", own: true},

		{route: "GET /api/v1/admin/queues", who: "watch", status: 200},
		{route: "POST /api/v1/admin/queues/:name/pause", who: "operate", status: 200, path: "/api/v1/admin/queues/merge/pause"},
		{route: "POST /api/v1/admin/queues/:name/resume", who: "operate", status: 200, path: "/api/v1/admin/queues/merge/resume"},
		{route: "GET /api/v1/admin/users", who: "operate", status: 200},
		{route: "GET /api/v1/admin/users/:id", who: "operate", status: 200, path: "/api/v1/admin/users/{person}"},
		{route: "PATCH /api/v1/admin/users/:id", who: "govern", status: 200, path: "/api/v1/admin/users/{person}", body: `{"role":"user"}`},
		{route: "DELETE /api/v1/admin/users/:id", who: "govern", status: 200, path: "/api/v1/admin/users/{person}"},
		{route: "DELETE /api/v1/admin/users/:id/second-factor", who: "govern", status: 404, code: "not_found", path: "/api/v1/admin/users/{person}/second-factor"},
		{route: "GET /api/v1/admin/audit", who: "audit", status: 200},

		{route: "GET /api/v1/webhooks", who: "read", status: 200},
		{route: "POST /api/v1/webhooks", who: "write", status: 201, body: hook},
		{route: "POST /api/v1/webhooks/key", who: "write", status: 200},
		{route: "GET /api/v1/webhooks/deliveries", who: "read", status: 200},
		{route: "GET /api/v1/webhooks/deliveries/:id", who: "read", status: 200, path: "/api/v1/webhooks/deliveries/{delivery}", own: true},
		{route: "POST /api/v1/webhooks/deliveries/:id/replay", who: "write", status: 202, path: "/api/v1/webhooks/deliveries/{delivery}/replay", own: true},
		{route: "GET /api/v1/webhooks/:id", who: "read", status: 200, path: "/api/v1/webhooks/{hook}", own: true},
		{route: "PUT /api/v1/webhooks/:id", who: "write", status: 200, path: "/api/v1/webhooks/{hook}", body: hook, own: true},
		{route: "DELETE /api/v1/webhooks/:id", who: "write", status: 204, path: "/api/v1/webhooks/{hook}", own: true},
		{route: "POST /api/v1/webhooks/:id/rotate", who: "write", status: 200, path: "/api/v1/webhooks/{hook}/rotate", own: true},
		{route: "POST /api/v1/webhooks/:id/test", who: "write", status: 202, path: "/api/v1/webhooks/{hook}/test", own: true},

		{route: "GET /api/v1/receipts/:id", who: "anybody", status: 404, code: "not_found", path: "/api/v1/receipts/{id}"},
		{route: "GET /api/v1/limits", who: "anybody", status: 200},
		{route: "GET /api/v1/models", who: "signed in", status: 200},
		{route: "GET /api/v1/presence", who: "signed in", status: 200},
		{route: "GET /api/v1/openapi.yaml", who: "anybody", status: 200},
		{route: "GET /api/v1/schemas/transcript-1.json", who: "anybody", status: 200},
		{route: "GET /livez", who: "anybody", status: 200},
		{route: "GET /readyz", who: "anybody", status: 200},
	}
	for method, who := range map[string]string{"GET": "watch", "POST": "operate", "DELETE": "operate"} {
		for _, path := range []string{"", "/*"} {
			table = append(table, accessRow{route: method + " /admin/queues" + path, who: who, status: 200})
		}
	}
	return table
}

// expected is what a route answers somebody.
func (r accessRow) expected(actor string) (status int, code string) {
	switch {
	case r.who == "anybody":
		return r.status, r.code
	case actor == "nobody":
		return http.StatusUnauthorized, "unauthenticated"
	case actor == "disabled":
		return http.StatusUnauthorized, "account_disabled"
	case actor == "link":
		return http.StatusUnauthorized, "token_invalid"
	case (r.who == "in person" || r.who == "share") && slices.Contains(programs, actor):
		return http.StatusForbidden, "key_not_allowed"
	case !slices.Contains(mayUse[r.who], actor):
		return http.StatusForbidden, "forbidden"
	case r.own && strings.HasPrefix(actor, "shared-") && strings.Contains(r.path+r.body, "{id}"):
		return r.expectedOf(transcription.Access(strings.TrimPrefix(actor, "shared-")))
	case r.own && actor != "user" && actor != "key":
		return http.StatusNotFound, "not_found"
	default:
		return r.status, r.code
	}
}

// expectedOf is what a route answers somebody with whom the transcription is shared.
func (r accessRow) expectedOf(as transcription.Access) (status int, code string) {
	switch {
	case r.shared == "":
		return http.StatusForbidden, "owner_only"
	case r.shared == transcription.ToEdit && as == transcription.ToRead:
		return http.StatusForbidden, "read_only"
	default:
		return r.status, r.code
	}
}

// request calls the route as somebody, with things of the user's that were made for that.
func (r accessRow) request(t *testing.T, w *world, actor string) answer {
	t.Helper()
	id := w.store.add(t, w.ids["user"], func(r *transcription.Transcription) {
		r.Status, r.CompletedAt, r.Duration = transcription.Completed, start, time.Minute
	})
	if strings.Contains(r.route, "/ranges/") {
		w.addRange(t, "user", id)
	}
	hook, delivery := w.addWebhook(t, "user")
	key, _ := w.addKey(t)
	link, token := w.insertLink(t, id)
	w.tokens["link"] = token
	folder := &transcription.Folder{ID: newID(t), OwnerID: w.ids["user"], Name: "Of the user's, for " + actor}
	if err := w.store.CreateFolder(t.Context(), folder); err != nil {
		t.Fatal(err)
	}
	zip := &transcription.Zip{ID: newID(t), OwnerID: w.ids["user"], State: transcription.ZipWaiting, Format: "txt", IDs: []uuid.UUID{id}}
	if strings.Contains(r.route, "/exports/") {
		if err := w.store.CreateZip(t.Context(), zip); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = w.store.DeleteZip(t.Context(), w.ids["user"], zip.ID) }()
	}
	batch := &transcription.Batch{ID: newID(t), OwnerID: w.ids["user"], Name: "Monday"}
	if err := w.store.CreateBatch(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	share, folderShare := w.insertShares(t, id, folder.ID)
	fill := strings.NewReplacer("{id}", id.String(), "{hook}", hook.String(), "{delivery}", delivery.String(), "{actor}", actor, "{session}", w.signInAgain(t),
		"{key}", key.ID.String(), "{folder}", folder.ID.String(), "{batch}", batch.ID.String(), "{zip}", zip.ID.String(), "{person}", w.ids["other"].String(),
		"{link}", link.String(), "{token}", token, "{share}", share.String(), "{folderShare}", folderShare.String())
	w.addIdentity(t, "user")
	method, path, _ := strings.Cut(r.route, " ")
	if r.path != "" {
		path = r.path
	}
	return w.do(t, call{actor: actor, method: method, path: fill.Replace(path), body: fill.Replace(r.body)})
}

// TestAccess is every route for everybody.
func TestAccess(t *testing.T) {
	t.Parallel()
	for _, row := range accessTable() {
		t.Run(row.route, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for _, actor := range callers {
				before := w.store.Rows()
				got := row.request(t, w, actor)
				status, code := row.expected(actor)
				got.expect(t, status, code)
				deleted := row.route == "DELETE /api/v1/transcriptions/:id" && got.StatusCode == http.StatusNoContent
				if left := w.store.Rows() - before; (left == 0) != deleted {
					t.Errorf("%s: %d transcriptions were added, then %d", actor, left, got.StatusCode)
				}
				if got.StatusCode != status {
					t.Errorf("that was %s", actor)
				}
			}
		})
	}
}

// TestAccess_isComplete finds the route that nobody has thought about.
func TestAccess_isComplete(t *testing.T) {
	t.Parallel()
	var tested []string
	for _, row := range accessTable() {
		tested = append(tested, row.route)
	}
	slices.Sort(tested)
	if diff := cmp.Diff(tested, newWorld(t).Routes()); diff != "" {
		t.Errorf("-tested +routed\n%s", diff)
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
