package privacytest_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/auth/authtest"
	"github.com/turboscribe/turboscribe/internal/privacy/privacytest"
)

// world is the store in memory with its accounts.
type world struct{ *privacytest.Store }

func (w world) Person(t *testing.T, r auth.Role) uuid.UUID {
	u := authtest.NewUser(t, uuid.NewString()+"@example.com")
	u.Role = r
	if err := w.Accounts.CreateUser(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	return u.ID
}

func (w world) There(t *testing.T, id uuid.UUID) bool {
	_, err := w.Accounts.User(t.Context(), id)
	return err == nil
}

func TestStore(t *testing.T) {
	t.Parallel()
	privacytest.TestStore(t, func(*testing.T) privacytest.World {
		return world{&privacytest.Store{Accounts: new(authtest.Store)}}
	})
}
