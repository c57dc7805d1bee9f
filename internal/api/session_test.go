package api_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
)

// session returns the id of the sign-in of an actor's token.
func (w *world) session(t *testing.T, actor string) uuid.UUID {
	t.Helper()
	who, err := w.auth.Authenticate(t.Context(), w.tokens[actor])
	if err != nil {
		t.Fatal(err)
	}
	return who.SessionID
}

// signInAgain returns the id of another sign-in of the user's.
func (w *world) signInAgain(t *testing.T) string {
	t.Helper()
	who, err := w.auth.Authenticate(t.Context(), w.signIn(t)["ts_access"].Value)
	if err != nil {
		t.Fatal(err)
	}
	return who.SessionID.String()
}

type sessionPage struct {
	Items []struct {
		ID                               uuid.UUID
		CreatedAt, LastUsedAt, ExpiresAt time.Time
		IP, UserAgent                    *string
		Current                          bool
	}
	NextCursor *string
}

func TestListSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.clock.advance(time.Minute)
	w.do(t, call{
		method: "POST", path: "/api/v1/auth/login", body: `{"email":"user@example.com","password":"` + password + `"}`,
		header: map[string]string{"User-Agent": "Browser/1 \u202e(evil)"},
	}).expect(t, 200, "")
	first := data[sessionPage](t, w.do(t, call{actor: "user", path: "/api/v1/me/sessions?limit=1"}))
	if len(first.Items) != 1 || first.NextCursor == nil {
		t.Fatalf("got %+v, want one session and a next page", first)
	}
	last := first.Items[0]
	if last.Current || last.IP == nil || *last.IP != "127.0.0.1" || last.UserAgent == nil || *last.UserAgent != "Browser/1 (evil)" {
		t.Errorf("got %+v, want the sign-in of the browser", last)
	}
	rest := data[sessionPage](t, w.do(t, call{actor: "user", path: "/api/v1/me/sessions?cursor=" + *first.NextCursor}))
	current := 0
	for _, in := range rest.Items {
		if in.Current && in.ID == w.session(t, "user") {
			current++
		}
		if in.CreatedAt.After(last.CreatedAt) || in.ID == last.ID {
			t.Errorf("%+v is not before %+v", in, last)
		}
	}
	if current != 1 || rest.NextCursor != nil {
		t.Errorf("got %+v, want this one among them, and no next page", rest)
	}
	for query, code := range map[string]string{"limit=0": "invalid_limit", "limit=101": "invalid_limit", "limit=x": "invalid_limit", "cursor=x": "invalid_cursor"} {
		w.do(t, call{actor: "user", path: "/api/v1/me/sessions?" + query}).expect(t, 400, code)
	}
}

// TestEndSession: the token of a sign-in that was ended is refused at once, and nobody
// else's is.
func TestEndSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	elsewhere := w.signIn(t)
	w.do(t, call{actor: "user", method: "DELETE", path: "/api/v1/me/sessions"}).expect(t, 204, "")
	bearer := map[string]string{"Authorization": "Bearer " + elsewhere["ts_access"].Value}
	w.do(t, call{path: "/api/v1/me", header: bearer}).expect(t, 401, "session_expired")
	w.refresh(t, elsewhere["ts_refresh"].Value).expect(t, 401, "session_expired")
	w.do(t, call{actor: "other", path: "/api/v1/me"}).expect(t, 200, "")

	mine := "/api/v1/me/sessions/" + w.session(t, "user").String()
	w.do(t, call{actor: "other", method: "DELETE", path: mine}).expect(t, 404, "not_found")
	w.do(t, call{actor: "user", method: "DELETE", path: "/api/v1/me/sessions/x"}).expect(t, 404, "not_found")
	w.do(t, call{actor: "user", method: "DELETE", path: mine}).expect(t, 204, "")
	w.do(t, call{actor: "user", path: "/api/v1/me"}).expect(t, 401, "session_expired")
}
