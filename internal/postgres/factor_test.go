package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
)

// people are those who sign in, with seeds under the keys, or under one that all tests have.
func people(t testing.TB, db *postgres.DB, keys ...string) *postgres.Accounts {
	t.Helper()
	if len(keys) == 0 {
		keys = []string{sealKey}
	}
	a, err := db.Accounts(keys)
	ok(t, err)
	return a
}

// addFactor gives a user a second factor with a recovery code, and returns its seed.
func addFactor(t testing.TB, a *postgres.Accounts, user uuid.UUID) auth.Seed {
	t.Helper()
	f := auth.Factor{ID: newID(t), UserID: user, Seed: "a seed of 20 bytes..", CreatedAt: time.Now()}
	ok(t, a.BeginFactor(t.Context(), f))
	code := auth.TokenHash{}
	copy(code[:], f.ID[:])
	ok(t, a.ConfirmFactor(t.Context(), auth.FactorChange{
		UserID: user, Factor: f.ID, Step: 1, Codes: []auth.TokenHash{code}, At: time.Now(), Entry: auth.Entry{Action: auth.FactorAdded, SubjectID: user},
	}))
	return f.Seed
}

// A seed is nowhere in the rows, and without its key it cannot be read.
func TestFactors_sealed(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	a, user := people(t, db), addUser(t, db)
	seed := addFactor(t, a, user)
	row := readSQL[string](t, db, "SELECT to_jsonb(f) || jsonb_build_object('seed', encode(seed, 'escape')) FROM factors AS f")
	for _, text := range []string{string(seed), seed.Text(), sealKey} {
		if strings.Contains(row, text) {
			t.Errorf("the row tells %q: %s", text, row)
		}
	}
	_, err := people(t, db, strings.Repeat("x", 32)).Factor(ctx, user)
	if err == nil || !strings.Contains(err.Error(), "TS_ENCRYPTION_KEY") {
		t.Errorf("got %v, want an error that names the setting", err)
	}
	if _, err := db.Accounts([]string{"short"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("got %v, want invalid", err)
	}
}
