package auth_test

import (
	"testing"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/auth/authtest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	authtest.TestStore(t, func(*testing.T) auth.Store { return new(authtest.Store) })
}
