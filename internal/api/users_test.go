package api_test

import (
	"net/url"
	"testing"

	"github.com/turboscribe/turboscribe/internal/auth"
)

type account struct {
	UserID, Email, Role string
	Disabled            bool
	DisabledAt          *string
}

type accounts struct {
	Items      []account
	NextCursor *string
}

func TestUsers_listed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	list := func(query url.Values) accounts {
		t.Helper()
		return data[accounts](t, w.do(t, call{actor: "operator", path: "/api/v1/admin/users?" + query.Encode()}))
	}
	query := url.Values{"limit": {"3"}}
	seen := map[string]account{}
	for page := list(query); ; page = list(query) {
		for _, a := range page.Items {
			seen[a.Email] = a
		}
		if page.NextCursor == nil {
			break
		}
		query.Set("cursor", *page.NextCursor)
	}
	if len(seen) != len(people)-1 {
		t.Errorf("got %d accounts, want %d", len(seen), len(people)-1)
	}
	if a := seen["disabled@example.com"]; !a.Disabled || a.DisabledAt == nil || a.Role != "admin" {
		t.Errorf("got %+v, want it disabled", a)
	}
	for _, tt := range []struct {
		query url.Values
		want  string
	}{
		{url.Values{"email": {"Operator@"}}, "operator@example.com"},
		{url.Values{"role": {"viewer"}}, "viewer@example.com"},
		{url.Values{"disabled": {"true"}}, "disabled@example.com"},
		{url.Values{"role": {"admin"}, "disabled": {"false"}}, "admin@example.com"},
	} {
		if got := list(tt.query).Items; len(got) != 1 || got[0].Email != tt.want {
			t.Errorf("%s: got %+v, want %s", tt.query.Encode(), got, tt.want)
		}
	}
	for query, code := range map[string]string{"disabled=maybe": "invalid_disabled", "limit=x": "invalid_limit", "cursor=x": "invalid_cursor", "limit=1000": "invalid_limit"} {
		w.do(t, call{actor: "operator", path: "/api/v1/admin/users?" + query}).expect(t, 400, code)
	}
}

func (w *world) patch(t *testing.T, who, body string) answer {
	t.Helper()
	return w.do(t, call{actor: "admin", method: "PATCH", path: "/api/v1/admin/users/" + w.ids[who].String(), body: body})
}

// A person who is disabled while they work is out at once, with every token they have.
func TestUsers_disabled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const signIn = `{"email":"user@example.com","password":"` + password + `"}`
	me := call{actor: "user", path: "/api/v1/me"}
	w.do(t, me).expect(t, 200, "")
	cookie := w.do(t, call{method: "POST", path: "/api/v1/auth/login", body: signIn}).cookies()["ts_refresh"]
	w.patch(t, "user", `{"disabled":true}`).expect(t, 200, "")
	w.do(t, me).expect(t, 401, "account_disabled")
	w.do(t, call{method: "POST", path: "/api/v1/auth/login", body: signIn}).expect(t, 403, "account_disabled")
	refresh := call{method: "POST", path: "/api/v1/auth/refresh", header: map[string]string{"Cookie": "ts_refresh=" + cookie.Value}}
	w.do(t, refresh).expect(t, 401, "session_expired")
	w.patch(t, "user", `{"disabled":false}`).expect(t, 200, "")
	w.do(t, me).expect(t, 401, "session_expired")
	w.do(t, call{method: "POST", path: "/api/v1/auth/login", body: signIn}).expect(t, 200, "")
}

// A wrong password must not tell that the account was disabled.
func TestUsers_disabledIsToldToItsOwnerOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.do(t, call{method: "POST", path: "/api/v1/auth/login", body: `{"email":"disabled@example.com","password":"not that one"}`}).
		expect(t, 401, "wrong_credentials")
}

func TestUsers_changed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := data[account](t, w.patch(t, "user", `{"role":"operator"}`))
	if got.Role != string(auth.Operator) || got.Disabled {
		t.Errorf("got %+v, want an operator", got)
	}
	w.do(t, call{actor: "user", path: "/api/v1/admin/queues"}).expect(t, 200, "")
	if e := w.audit(t, "limit=1").Items[0]; e.Action != "account.role_changed" || e.User.Email != "admin@example.com" {
		t.Errorf("the audit log tells %+v", e)
	}
	for body, want := range map[string]struct {
		status int
		code   string
	}{
		`{"role":"root"}`:     {400, "unknown_role"},
		`{"role":""}`:         {400, "unknown_role"},
		`{"role":7}`:          {400, "malformed_json"},
		`{"email":"x@y.z"}`:   {400, "malformed_json"},
		`{"disabled":"true"}`: {400, "malformed_json"},
		`{}`:                  {200, ""},
	} {
		w.patch(t, "user", body).expect(t, want.status, want.code)
	}
	w.patch(t, "admin", `{"role":"user"}`).expect(t, 409, "last_admin")
	w.patch(t, "admin", `{"disabled":true}`).expect(t, 409, "last_admin")
	w.do(t, call{actor: "admin", method: "PATCH", path: "/api/v1/admin/users/" + newID(t).String(), body: `{"role":"user"}`}).expect(t, 404, "not_found")
	w.do(t, call{actor: "admin", method: "PATCH", path: "/api/v1/admin/users/me", body: `{"role":"user"}`}).expect(t, 404, "not_found")
}
