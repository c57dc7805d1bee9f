package authtest

import (
	gocmp "cmp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// addEntries adds three: nobody was refused, ada signed in, root changed ada's role.
func addEntries(t *testing.T, s auth.Store, root, ada uuid.UUID) {
	t.Helper()
	for _, e := range []auth.Entry{
		{Action: auth.SignInRefused, IP: "192.0.2.1", RequestID: "first"},
		{Action: auth.SignedIn, UserID: ada, SubjectID: ada},
		{Action: auth.RoleChanged, UserID: root, SubjectID: ada, Details: map[string]any{"from": "user", "to": "viewer"}},
	} {
		if err := s.AddEntry(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
}

func testAudit(t *testing.T, s auth.Store) {
	root, ada := addAdmin(t, s, "root@example.com"), addUser(t, s)
	addEntries(t, s, root.ID, ada.ID)
	got, err := s.Entries(t.Context(), auth.EntryFilter{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	want := []auth.Entry{
		{Action: auth.RoleChanged, UserID: root.ID, UserEmail: root.Email, SubjectID: ada.ID, SubjectEmail: ada.Email, Details: map[string]any{"from": "user", "to": "viewer"}},
		{Action: auth.SignedIn, UserID: ada.ID, UserEmail: ada.Email, SubjectID: ada.ID, SubjectEmail: ada.Email, Details: map[string]any{}},
		{Action: auth.SignInRefused, IP: "192.0.2.1", RequestID: "first", Details: map[string]any{}},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(auth.Entry{}, "ID", "At")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for i, e := range got {
		if e.At.IsZero() || i > 0 && e.ID >= got[i-1].ID {
			t.Errorf("entry %d has the id %d and the time %s", i, e.ID, e.At)
		}
	}
	if err := s.AddEntry(t.Context(), auth.Entry{Action: auth.SignedIn, UserID: newID(t)}); !fault.Is(err, fault.NotFound) {
		t.Errorf("somebody unknown: got %v, want not_found", err)
	}
}

func testAuditFilter(t *testing.T, s auth.Store) {
	root, ada := addAdmin(t, s, "root@example.com"), addUser(t, s)
	addEntries(t, s, root.ID, ada.ID)
	all, err := s.Entries(t.Context(), auth.EntryFilter{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		filter auth.EntryFilter
		want   []auth.Action
	}{
		"action":       {auth.EntryFilter{Action: auth.SignedIn}, []auth.Action{auth.SignedIn}},
		"by ada":       {auth.EntryFilter{UserID: ada.ID}, []auth.Action{auth.SignedIn}},
		"to ada":       {auth.EntryFilter{SubjectID: ada.ID}, []auth.Action{auth.RoleChanged, auth.SignedIn}},
		"first page":   {auth.EntryFilter{Limit: 2}, []auth.Action{auth.RoleChanged, auth.SignedIn}},
		"second page":  {auth.EntryFilter{Limit: 2, Before: all[1].ID}, []auth.Action{auth.SignInRefused}},
		"since":        {auth.EntryFilter{Since: all[1].At}, []auth.Action{auth.RoleChanged, auth.SignedIn}},
		"until":        {auth.EntryFilter{Until: all[1].At}, []auth.Action{auth.SignInRefused}},
		"none of both": {auth.EntryFilter{Action: auth.SignedIn, UserID: root.ID}, nil},
		"long ago":     {auth.EntryFilter{Until: start.Add(-time.Hour)}, nil},
	} {
		f := tt.filter
		f.Limit = gocmp.Or(f.Limit, 10)
		got, err := s.Entries(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		var actions []auth.Action
		for _, e := range got {
			actions = append(actions, e.Action)
		}
		if diff := cmp.Diff(tt.want, actions); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}
