package authtest

import (
	"cmp"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

func setDisabled(t *testing.T, s auth.Store, id uuid.UUID, disabled bool) *auth.User {
	t.Helper()
	u, err := s.ChangeUser(t.Context(), id, auth.UserChange{At: start.Add(time.Minute), Disabled: &disabled}, auth.Entry{})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func testDisable(t *testing.T, s auth.Store) {
	u := addUser(t, s)
	session := addSession(t, s, u.ID, "token")
	if got := setDisabled(t, s, u.ID, true); !got.DisabledAt.Equal(start.Add(time.Minute)) || got.Role != u.Role {
		t.Errorf("got %+v, want the same, disabled", got)
	}
	if got, err := s.User(t.Context(), u.ID); err != nil || !got.Disabled() {
		t.Errorf("got %+v, %v, want it disabled", got, err)
	}
	for _, disabled := range []bool{true, false} {
		setDisabled(t, s, u.ID, disabled)
		got, err := s.Rights(t.Context(), u.ID, session.FamilyID)
		if err != nil || got.Disabled != disabled || !got.Until.IsZero() {
			t.Errorf("disabled %v: got %+v, %v, want the sign-in ended", disabled, got, err)
		}
	}
	root := addAdmin(t, s, "root@example.com")
	yes := true
	if _, err := s.ChangeUser(t.Context(), root.ID, auth.UserChange{At: start, Disabled: &yes}, auth.Entry{}); !fault.Is(err, fault.Conflict) || fault.Of(err).Code != "last_admin" {
		t.Errorf("the last administrator: got %v, want conflict last_admin", err)
	}
}

func testChangesAudited(t *testing.T, s auth.Store) {
	root, u := addAdmin(t, s, "root@example.com"), addUser(t, s)
	viewer, yes := auth.Viewer, true
	for range 2 { // the second changes nothing
		_, err := s.ChangeUser(t.Context(), u.ID, auth.UserChange{At: start, Role: &viewer, Disabled: &yes}, auth.Entry{UserID: root.ID, IP: "192.0.2.1"})
		if err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Entries(t.Context(), auth.EntryFilter{SubjectID: u.ID, Limit: 10})
	if err != nil || len(got) != 2 || got[0].Action != auth.AccountDisabled || got[1].Action != auth.RoleChanged {
		t.Fatalf("got %+v, %v, want that the role was changed and the account disabled", got, err)
	}
	for _, e := range got {
		if e.UserID != root.ID || e.IP != "192.0.2.1" {
			t.Errorf("got %+v, want it done by root", e)
		}
	}
	if got[1].Details["from"] != "user" || got[1].Details["to"] != "viewer" {
		t.Errorf("got %v, want both roles", got[1].Details)
	}
	if _, err := s.ChangeUser(t.Context(), newID(t), auth.UserChange{At: start, Role: &viewer}, auth.Entry{}); !fault.Is(err, fault.NotFound) {
		t.Errorf("unknown user: got %v, want not_found", err)
	}
}

func testListUsers(t *testing.T, s auth.Store) {
	root, ada := addAdmin(t, s, "root@example.com"), addUser(t, s)
	bob := NewUser(t, "bob_%@example.org")
	if err := s.CreateUser(t.Context(), bob); err != nil {
		t.Fatal(err)
	}
	setDisabled(t, s, bob.ID, true)
	yes, no := true, false
	for name, tt := range map[string]struct {
		filter auth.UserFilter
		want   []*auth.User
	}{
		"all":          {auth.UserFilter{}, []*auth.User{bob, ada, root}},
		"address":      {auth.UserFilter{Email: "example.com"}, []*auth.User{ada, root}},
		"no pattern":   {auth.UserFilter{Email: "_%"}, []*auth.User{bob}},
		"role":         {auth.UserFilter{Role: auth.Admin}, []*auth.User{root}},
		"disabled":     {auth.UserFilter{Disabled: &yes}, []*auth.User{bob}},
		"not disabled": {auth.UserFilter{Disabled: &no}, []*auth.User{ada, root}},
		"first page":   {auth.UserFilter{Limit: 2}, []*auth.User{bob, ada}},
		"second page":  {auth.UserFilter{Limit: 2, Before: ada.ID}, []*auth.User{root}},
	} {
		tt.filter.Limit = cmp.Or(tt.filter.Limit, 10)
		got, err := s.Users(t.Context(), tt.filter)
		if err != nil || len(got) != len(tt.want) {
			t.Errorf("%s: got %d, %v, want %d", name, len(got), err, len(tt.want))
			continue
		}
		for i, u := range tt.want {
			if got[i].ID != u.ID || got[i].Email != u.Email || got[i].Role != u.Role {
				t.Errorf("%s: got %+v at %d, want %+v", name, got[i], i, u)
			}
		}
	}
}
