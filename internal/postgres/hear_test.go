package postgres_test

import (
	"testing"

	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// Two chunks of a minute are in work at once: the progress is what was heard of both, does
// not go back when one of them begins anew, and is whole when they are done.
func TestDB_Hear(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner := addUser(t, db)
	tr := prepare(t, db, owner, 2)
	want := func(progress float64) {
		t.Helper()
		got, err := db.Transcription(ctx, owner, tr.ID)
		ok(t, err)
		if got.Progress != progress {
			t.Fatalf("got %v, want %v", got.Progress, progress)
		}
	}
	first, second := claim(t, db, tr.Ref(), pipeline.Transcribe, 0), claim(t, db, tr.Ref(), pipeline.Transcribe, 1)
	ok(t, db.Hear(ctx, first, minute/2))
	want(0.25)
	ok(t, db.Hear(ctx, second, minute/4))
	want(0.375)
	ok(t, db.Release(ctx, second, 0, true))
	second = claim(t, db, tr.Ref(), pipeline.Transcribe, 1)
	ok(t, db.Hear(ctx, first, minute*3/4))
	want(0.375)
	ok(t, db.Hear(ctx, second, minute/2))
	want(0.625)
	ok(t, db.FinishChunk(ctx, first, result(chunk(tr.Ref(), owner, 0))))
	ok(t, db.Hear(ctx, second, minute))
	want(0.99)
}

// While prepare is at it, all is what the container promises.
func TestDB_Hear_whileCutting(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner := addUser(t, db)
	tr := addTranscription(t, db, owner)
	l := claim(t, db, tr.Ref(), pipeline.Prepare, 0)
	ok(t, db.SaveSource(ctx, l, pipeline.Source{Duration: 4 * minute, Model: "small"}))
	ok(t, db.AddChunks(ctx, l, chunk(tr.Ref(), owner, 0)))
	ok(t, db.Hear(ctx, claim(t, db, tr.Ref(), pipeline.Transcribe, 0), minute/2))
	got, err := db.Transcription(ctx, owner, tr.ID)
	ok(t, err)
	if got.Progress != 0.125 || got.Status != transcription.Preparing {
		t.Errorf("%s at %v", got.Status, got.Progress)
	}
}

// A transcription that somebody else has locked is not waited for: a lease that is renewed
// behind that would be lost.
func TestDB_Hear_waitsForNobody(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner := addUser(t, db)
	tr := prepare(t, db, owner, 2)
	l := claim(t, db, tr.Ref(), pipeline.Transcribe, 0)
	locked(t, db, tr, func() { ok(t, db.Hear(ctx, l, minute/2)) })
	got, err := db.Transcription(ctx, owner, tr.ID)
	ok(t, err)
	if got.Progress != 0 {
		t.Errorf("got %v", got.Progress)
	}
	ok(t, db.Hear(ctx, l, minute/2))
	if got, err = db.Transcription(ctx, owner, tr.ID); err != nil || got.Progress != 0.25 {
		t.Errorf("got %v, %v", got.Progress, err)
	}
}

// locked calls f while another connection holds the row of a transcription.
func locked(t *testing.T, db *postgres.DB, tr *transcription.Transcription, f func()) {
	t.Helper()
	tx, err := db.SQL().BeginTx(t.Context(), nil)
	ok(t, err)
	_, err = tx.NewRaw("SELECT FROM transcriptions WHERE id = ? FOR UPDATE", tr.ID).Exec(t.Context())
	ok(t, err)
	f()
	ok(t, tx.Rollback())
}
