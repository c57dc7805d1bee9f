package postgres_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

func TestDB_Plan(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	owner := addUser(t, db)
	tr := prepare(t, db, owner, 2)
	r := result(chunk(tr.Ref(), owner, 0))
	r.Made, r.Weights = "by the book", "ab12"
	ok(t, db.FinishChunk(t.Context(), claim(t, db, tr.Ref(), pipeline.Transcribe, 0), r))
	got, err := db.Plan(t.Context(), owner, tr.Ref())
	ok(t, err)
	want := transcription.Plan{Chunks: []transcription.PlannedChunk{
		{Index: 0, Piece: chunk(tr.Ref(), owner, 0).Piece, Made: r.Made, Weights: r.Weights},
		{Index: 1, Piece: chunk(tr.Ref(), owner, 1).Piece},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
