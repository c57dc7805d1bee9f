package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/auth"
)

// sendWith uploads a recording with a bearer token.
func (w *world) sendWith(t *testing.T, token string) answer {
	t.Helper()
	body, kind := form(t, field{"file", "sound"})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/api/v1/files/upload", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Authorization", "Bearer "+token)
	return w.send(t, r)
}

func (w *world) uploadToken(t *testing.T) string {
	t.Helper()
	got := w.do(t, call{actor: "user", method: "POST", path: "/api/v1/files/upload-token"})
	got.expect(t, 201, "")
	return data[struct{ Token string }](t, got).Token
}

// TestUpload_outlivesTheToken: people were logged out in the middle of an upload, and it
// failed at its end. Who uploads is asked at the beginning only.
func TestUpload_outlivesTheToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.objects.reading = func(int64) { w.clock.advance(24 * time.Hour) }
	for name, token := range map[string]string{"sign-in": w.tokens["user"], "upload token": w.uploadToken(t)} {
		w.clock.set(time.Now())
		w.sendWith(t, token).expect(t, 202, "")
		if w.sendWith(t, token).expect(t, 401, "token_expired"); w.clock.Now().Before(time.Now().Add(time.Hour)) {
			t.Errorf("%s: the upload took no time", name)
		}
	}
}

// TestUploadToken: it uploads, for half a day, and does nothing else.
func TestUploadToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.uploadToken(t)
	w.sendWith(t, token).expect(t, 202, "")
	for _, route := range w.Routes() {
		method, path, _ := strings.Cut(route, " ")
		if route == "POST /api/v1/files/upload" {
			continue
		}
		w.tokens["user"] = token
		with, without := call{actor: "user", method: method, path: path}, call{method: method, path: path}
		if a, b := w.do(t, with), w.do(t, without); a.StatusCode != b.StatusCode {
			t.Errorf("%s: got %d with the token and %d without", route, a.StatusCode, b.StatusCode)
		}
	}
	w.clock.advance(11 * time.Hour)
	w.sendWith(t, token).expect(t, 202, "")
	w.clock.advance(time.Hour)
	w.sendWith(t, token).expect(t, 401, "token_expired")
}

// TestUploadToken_ends with the sign-in, the account and what that may do.
func TestUploadToken_ends(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		end    func(t *testing.T, w *world)
		status int
		code   string
	}{
		"signed out": {func(t *testing.T, w *world) {
			w.do(t, call{actor: "user", method: "POST", path: "/api/v1/auth/logout"}).expect(t, 204, "")
		}, 401, "session_expired"},
		"disabled": {func(t *testing.T, w *world) {
			path := "/api/v1/admin/users/" + w.ids["user"].String()
			w.do(t, call{actor: "admin", method: "PATCH", path: path, body: `{"disabled":true}`}).expect(t, 200, "")
		}, 401, "account_disabled"},
		"may only read": {func(t *testing.T, w *world) { w.setRole(t, "user", auth.Viewer) }, 403, "forbidden"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			token := w.uploadToken(t)
			w.sendWith(t, token).expect(t, 202, "")
			tt.end(t, w)
			w.clock.advance(time.Minute) // rights are remembered for seconds
			w.sendWith(t, token).expect(t, tt.status, tt.code)
		})
	}
}

// TestUploadToken_forged: nobody can make one, or another out of one.
func TestUploadToken_forged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := []byte(w.uploadToken(t))
	for i := 4; i < len(token); i += 7 {
		changed := append([]byte(nil), token...)
		if changed[i] = 'A'; token[i] == 'A' {
			changed[i] = 'B'
		}
		w.sendWith(t, string(changed)).expect(t, 401, "token_invalid")
	}
	for _, made := range []string{"tsu_", "tsu_x", string(token[:40]), string(token) + "AAAA"} {
		w.sendWith(t, made).expect(t, 401, "token_invalid")
	}
	got := w.do(t, call{method: "POST", path: "/api/v1/files/upload", body: "{}", header: map[string]string{"Cookie": "ts_access=" + string(token)}})
	got.expect(t, 401, "token_invalid")
}
