package postgres_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/transcription/transcriptiontest"
)

// world is the database with those who work on recordings.
type world struct{ *postgres.DB }

func (w world) Owner(t *testing.T) uuid.UUID { return addUser(t, w.DB) }

func (w world) Report(t *testing.T, models ...string) {
	ok(t, w.ReportWorker(t.Context(), transcription.Worker{ID: "a", Slots: 1, Models: models}))
}

func (w world) Person(t *testing.T, proved bool) (id uuid.UUID, email string) {
	id = addUser(t, w.DB)
	if proved {
		execSQL(t, w.DB, "UPDATE users SET verified_at = now() WHERE id = ?", id)
	}
	return id, id.String() + "@example.com"
}

func (w world) ExpireLinks(t *testing.T) {
	execSQL(t, w.DB, "UPDATE links SET expires_at = now()")
}

func (w world) Refuses(t *testing.T, codes map[string]string) {
	ok(t, w.ReportWorker(t.Context(), transcription.Worker{ID: "a", Slots: 1, Refused: codes}))
}

func (w world) End(t *testing.T, id uuid.UUID, as transcription.Status) {
	ref := transcription.Ref{ID: id, Run: 1}
	l := claim(t, w.DB, ref, pipeline.Prepare, 0)
	if as == transcription.Failed {
		ok(t, w.Fail(t.Context(), l, gaveUp))
		return
	}
	ok(t, w.FinishPrepare(t.Context(), l, source(0)))
	ok(t, w.Advance(t.Context(), ref))
	ok(t, w.Complete(t.Context(), claim(t, w.DB, ref, pipeline.Merge, 0), transcript()))
}

func TestDB_transcriptions(t *testing.T) {
	t.Parallel()
	transcriptiontest.TestStore(t, func(t *testing.T) transcriptiontest.World { return world{pgtest.New(t)} })
}
