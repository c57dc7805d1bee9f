package authtest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// signIns returns those of a user that live at the start.
func signIns(t *testing.T, s auth.Store, user uuid.UUID, after auth.Cursor, limit int64) []auth.SignIn {
	t.Helper()
	found, err := s.SignIns(t.Context(), user, auth.SignInFilter{Now: start, After: after, Limit: limit})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func ids(found []auth.SignIn) (ids []uuid.UUID) {
	for _, in := range found {
		ids = append(ids, in.ID)
	}
	return ids
}

// testSignIns has three sign-ins: one that was refreshed by another client, and two that
// began at the same moment. One that has expired and somebody else's are not shown.
func testSignIns(t *testing.T, s auth.Store) {
	u, other := addUser(t, s), NewUser(t, "bob@example.com")
	if err := s.CreateUser(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	addSession(t, s, other.ID, "somebody else's")
	old := addSession(t, s, u.ID, "first")
	next := newSession(t, u.ID, old.FamilyID, "second")
	next.CreatedAt, next.ExpiresAt, next.IP = start.Add(time.Minute), start.Add(2*time.Hour), "2001:db8::1"
	if err := s.RotateSession(t.Context(), old.ID, next); err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{"third", "fourth"} {
		session := newSession(t, u.ID, newID(t), token)
		session.BeganAt = start.Add(time.Minute)
		if err := s.CreateSession(t.Context(), session, 0); err != nil {
			t.Fatal(err)
		}
	}
	gone := newSession(t, u.ID, newID(t), "expired")
	gone.CreatedAt, gone.ExpiresAt = start.Add(-time.Hour), start
	if err := s.CreateSession(t.Context(), gone, 0); err != nil {
		t.Fatal(err)
	}
	all := signIns(t, s, u.ID, auth.Cursor{}, 10)
	if len(all) != 3 || !slices.IsSortedFunc(all, newestFirst) {
		t.Fatalf("got %+v, want three, those that began last first", all)
	}
	want := auth.SignIn{
		ID: old.FamilyID, BeganAt: start, UsedAt: next.CreatedAt, ExpiresAt: next.ExpiresAt,
		Client: auth.Client{IP: "2001:db8::1", UserAgent: "curl/8"},
	}
	if diff := cmp.Diff(want, all[2], equalTimes); diff != "" {
		t.Errorf("the refreshed one: -want +got\n%s", diff)
	}
	first := signIns(t, s, u.ID, auth.Cursor{}, 1)
	rest := signIns(t, s, u.ID, auth.Cursor{CreatedAt: first[0].BeganAt, ID: first[0].ID}, 10)
	if diff := cmp.Diff(ids(all), ids(append(first, rest...))); diff != "" {
		t.Errorf("in pages: -want +got\n%s", diff)
	}
}

func testEndSignIn(t *testing.T, s auth.Store) {
	u := addUser(t, s)
	session, kept := addSession(t, s, u.ID, "first"), addSession(t, s, u.ID, "second")
	if err := s.EndSignIn(t.Context(), newID(t), session.FamilyID, start); !fault.Is(err, fault.NotFound) {
		t.Errorf("somebody else: got %v, want not_found", err)
	}
	if err := s.EndSignIn(t.Context(), u.ID, session.FamilyID, start); err != nil {
		t.Fatal(err)
	}
	if err := s.EndSignIn(t.Context(), u.ID, session.FamilyID, start); !fault.Is(err, fault.NotFound) {
		t.Errorf("again: got %v, want not_found", err)
	}
	if got := signIns(t, s, u.ID, auth.Cursor{}, 10); len(got) != 1 || got[0].ID != kept.FamilyID {
		t.Errorf("got %+v, want the other one", got)
	}
}

func testEndSignIns(t *testing.T, s auth.Store) {
	u := addUser(t, s)
	kept := addSession(t, s, u.ID, "kept")
	for _, token := range []string{"first", "second"} {
		addSession(t, s, u.ID, token)
	}
	if err := s.EndSignIns(t.Context(), u.ID, kept.FamilyID, start); err != nil {
		t.Fatal(err)
	}
	if left := signIns(t, s, u.ID, auth.Cursor{}, 10); len(left) != 1 || left[0].ID != kept.FamilyID {
		t.Errorf("got %+v, want the one that was kept", left)
	}
}
