package api_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
)

type receipt struct {
	ReceiptID uuid.UUID
	Status    string
}

// Who leaves has to prove that the account is theirs, is signed out everywhere, and can
// see the receipt without an account.
func TestDeleteMe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.do(t, call{actor: "key", method: "DELETE", path: "/api/v1/me", body: `{"password":"` + password + `"}`}).expect(t, 403, "key_not_allowed")
	w.do(t, call{actor: "user", method: "DELETE", path: "/api/v1/me", body: `{"password":"not that one"}`}).expect(t, 403, "wrong_password")
	deleted := w.do(t, call{actor: "user", method: "DELETE", path: "/api/v1/me", body: `{"password":"` + password + `"}`})
	deleted.expect(t, 200, "")
	r := data[receipt](t, deleted)
	w.do(t, call{actor: "user", path: "/api/v1/me"}).expect(t, 401, "account_gone")
	w.do(t, call{actor: "key", path: "/api/v1/transcriptions"}).expect(t, 401, "key_invalid")
	shown := data[receipt](t, w.do(t, call{path: "/api/v1/receipts/" + r.ReceiptID.String()}))
	if shown != r || r.Status != "pending" {
		t.Errorf("got %+v, was told %+v", shown, r)
	}
	for _, e := range w.entries(t, auth.AccountDeleted) {
		if e.IP != "" || e.RequestID != "" || e.Details["receipt"] != r.ReceiptID.String() {
			t.Errorf("the audit log has %+v", e)
		}
	}
}

// Who has a password gives it, however lately they have signed in; for who has none a recent
// sign-in will do, and no older one.
func TestDeleteMe_withoutPassword(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	p.do(t, call{actor: "user", method: "DELETE", path: "/api/v1/me"}).expect(t, 403, "wrong_password")
	late, v := p.visitor(t), p.visitor(t)
	late.signIn(t).expect(t, 303, "")
	p.clock.advance(16 * time.Minute)
	late.request(t, "POST", "/api/v1/auth/refresh", "").expect(t, 200, "")
	late.request(t, "DELETE", "/api/v1/me", "").expect(t, 403, "recent_sign_in_required")
	v.signIn(t).expect(t, 303, "")
	v.request(t, "DELETE", "/api/v1/me", "").expect(t, 200, "")
}

func TestDeleteMe_lastAdmin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.do(t, call{actor: "admin", method: "DELETE", path: "/api/v1/me", body: `{"password":"` + password + `"}`}).expect(t, 409, "last_admin")
	w.do(t, call{actor: "admin", path: "/api/v1/me"}).expect(t, 200, "")
}

// An administrator deletes others without their password, and not themselves.
func TestDeleteUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.do(t, call{actor: "admin", method: "DELETE", path: "/api/v1/admin/users/" + w.ids["admin"].String()}).expect(t, 409, "own_account")
	w.do(t, call{actor: "admin", method: "DELETE", path: "/api/v1/admin/users/" + w.ids["user"].String()}).expect(t, 200, "")
	w.do(t, call{actor: "user", path: "/api/v1/me"}).expect(t, 401, "account_gone")
	w.do(t, call{actor: "admin", method: "DELETE", path: "/api/v1/admin/users/" + w.ids["user"].String()}).expect(t, 404, "not_found")
	for _, e := range w.entries(t, auth.AccountDeleted) {
		if e.UserID != w.ids["admin"] || e.IP == "" {
			t.Errorf("the audit log has %+v", e)
		}
	}
}

// entries returns what the audit log has of an action; it has something.
func (w *world) entries(t *testing.T, a auth.Action) []auth.Entry {
	t.Helper()
	found, err := w.accounts.Entries(t.Context(), auth.EntryFilter{Action: a, Limit: auth.MaxPage})
	if err != nil || len(found) == 0 {
		t.Fatalf("got %v, %v, want entries", found, err)
	}
	return found
}

// TestDeleteUser_late: who deletes an account of somebody else has just signed in.
func TestDeleteUser_late(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g, err := w.auth.Login(t.Context(), "admin@example.com", password)
	if err != nil {
		t.Fatal(err)
	}
	w.clock.advance(16 * time.Minute)
	if g, err = w.auth.Refresh(t.Context(), g.Refresh); err != nil {
		t.Fatal(err)
	}
	w.tokens["late"] = g.Access
	w.do(t, call{actor: "late", method: "DELETE", path: "/api/v1/admin/users/" + w.ids["user"].String()}).expect(t, 403, "recent_sign_in_required")
	if _, err := w.accounts.User(t.Context(), w.ids["user"]); err != nil {
		t.Errorf("the account: %v", err)
	}
}
