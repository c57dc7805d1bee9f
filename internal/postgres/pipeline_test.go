package postgres_test

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/pipeline/pipelinetest"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

func TestDB_keepsThePipelinesPromises(t *testing.T) {
	t.Parallel()
	pipelinetest.TestStore(t, func(t *testing.T) (pipelinetest.Store, uuid.UUID) {
		db := pgtest.New(t)
		return aging{db}, addUser(t, db)
	})
}

// aging is a database whose clock a test moves.
type aging struct{ *postgres.DB }

// Outlast makes what is kept as old as it may become.
func (a aging) Outlast(ctx context.Context) error {
	_, err := a.SQL().NewRaw("UPDATE garbage SET recorded_at = recorded_at - interval '7 days', due_at = due_at - interval '7 days'").Exec(ctx)
	return err
}

func (a aging) Segments(ctx context.Context, id uuid.UUID) ([]transcription.Segment, error) {
	var owner uuid.UUID
	if err := a.SQL().NewRaw("SELECT owner_id FROM transcriptions WHERE id = ?", id).Scan(ctx, &owner); err != nil {
		return nil, err
	}
	t, err := a.Transcription(ctx, owner, id)
	if err != nil {
		return nil, err
	}
	return t.Segments, nil
}
