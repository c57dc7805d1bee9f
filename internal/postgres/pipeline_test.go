package postgres_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/pipeline/pipelinetest"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
)

func TestDB_keepsThePipelinesPromises(t *testing.T) {
	t.Parallel()
	pipelinetest.TestStore(t, func(t *testing.T) (pipelinetest.Store, uuid.UUID) {
		db := pgtest.New(t)
		return db, addUser(t, db)
	})
}
