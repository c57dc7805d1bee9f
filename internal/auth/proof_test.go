package auth_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
)

// TestService_RequireRecent: an open browser made a key that outlived it, gave roles away and
// took second factors, with a sign-in of weeks ago.
func TestService_RequireRecent(t *testing.T) {
	t.Parallel()
	e := newEnrolled(t)
	if err := e.EnsureAdmin(t.Context(), "root@example.com", password); err != nil {
		t.Fatal(err)
	}
	her := e.here.UserID
	g := e.login(t, "root@example.com", password, "")
	viewer, yes := auth.Viewer, true
	steps := map[string]func(auth.Actor) error{
		"a key": func(who auth.Actor) error {
			_, _, err := e.CreateKey(t.Context(), who, auth.NewKey{Name: "backup", Scopes: []auth.Permission{auth.ReadTranscriptions}})
			return err
		},
		"a role": func(who auth.Actor) error {
			_, err := e.ChangeUser(t.Context(), who, her, auth.UserChange{Role: &viewer})
			return err
		},
		"a second factor": func(who auth.Actor) error { return e.ResetFactor(t.Context(), who, her) },
	}
	e.advance(16 * time.Minute)
	g, err := e.Refresh(t.Context(), g.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	late := e.who(t, g)
	for name, step := range steps {
		wantCode(t, step(late), "recent_sign_in_required")
		if err := step(auth.Actor{UserID: late.UserID, Permissions: late.Permissions, KeyID: uuid.New()}); code(err) != "key_not_allowed" {
			t.Errorf("%s by a key: got %v", name, err)
		}
	}
	if _, err := e.ChangeUser(t.Context(), late, her, auth.UserChange{Disabled: &yes}); err != nil {
		t.Errorf("who is to be kept out cannot be at once: %v", err)
	}
	now := e.who(t, e.login(t, "root@example.com", password, ""))
	for name, step := range steps {
		if err := step(now); err != nil {
			t.Errorf("%s after signing in: %v", name, err)
		}
	}
}
