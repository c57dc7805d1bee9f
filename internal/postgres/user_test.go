package postgres_test

import (
	"testing"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/auth/authtest"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
)

func TestDB_accounts(t *testing.T) {
	t.Parallel()
	authtest.TestStore(t, func(t *testing.T) auth.Store {
		t.Helper()
		return people(t, pgtest.New(t))
	})
}
