package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// Clients are told that nothing has changed for as long as a head is the same. So
// everything that changes a transcription or its text has to show in the head.
func TestDB_Head_changesWithTheText(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	tr := addTranscription(t, db, addUser(t, db))
	ref := tr.Ref()
	var before *transcription.Transcription
	look := func(why string) {
		t.Helper()
		want, err := db.Transcription(t.Context(), tr.OwnerID, tr.ID)
		ok(t, err)
		got, err := db.Head(t.Context(), tr.OwnerID, tr.ID)
		ok(t, err)
		if before != nil && !got.UpdatedAt.After(before.UpdatedAt) {
			t.Errorf("%s: the head was changed at %s, as before", why, got.UpdatedAt)
		}
		before = got
		want.Text, want.Segments = "", nil
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -whole +head\n%s", why, diff)
		}
	}
	look("queued")
	l := claim(t, db, ref, pipeline.Prepare, 0)
	ok(t, db.SaveSource(t.Context(), l, source(2)))
	look("preparing")
	ok(t, db.AddChunks(t.Context(), l, chunk(ref, tr.OwnerID, 0)))
	look("a chunk is cut")
	transcribe(t, db, tr, 0)
	look("a chunk is done while others are cut")
	ok(t, db.AddChunks(t.Context(), l, chunk(ref, tr.OwnerID, 1)))
	ok(t, db.FinishPrepare(t.Context(), l, source(2)))
	look("all chunks are cut")
	transcribe(t, db, tr, 1)
	look("the last chunk is done")
	ok(t, db.Advance(t.Context(), ref))
	look("merging")
	ok(t, db.Complete(t.Context(), claim(t, db, ref, pipeline.Merge, 0), transcript()))
	look("completed")

	tr = addTranscription(t, db, tr.OwnerID)
	look("another one")
	ok(t, db.Fail(t.Context(), claim(t, db, tr.Ref(), pipeline.Prepare, 0), gaveUp))
	look("failed")
	tr = addTranscription(t, db, tr.OwnerID)
	look("a third one")
	ok(t, db.CancelTranscription(t.Context(), tr.OwnerID, tr.ID))
	look("canceled")
}

// What workers do in an hour is added up once in some seconds, however many poll.
func TestDB_Head_measuresTheSpeedSeldom(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	tr := prepare(t, db, addUser(t, db), 4)
	transcribe(t, db, tr, 0) // a minute of sound in 30 s
	ok(t, db.ReportWorker(t.Context(), transcription.Worker{ID: "a", Slots: 1}))
	estimate := func(want time.Duration) {
		t.Helper()
		got, err := db.Head(t.Context(), tr.OwnerID, tr.ID)
		if err != nil || got.Estimate != want {
			t.Errorf("got %s, %v, want %s", got.Estimate, err, want)
		}
	}
	estimate(90 * time.Second)
	db.KeepMeasured()
	execSQL(t, db, "UPDATE workers SET slots = 3")
	estimate(90 * time.Second)
	db.Measure()
	estimate(30 * time.Second)
}

// Who has left must not wait for somebody else's measurement.
func TestDB_Head_clientLeavesWhileMeasuring(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	tr := prepare(t, db, addUser(t, db), 1)
	release := db.HoldMeasuring()
	defer release()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := db.Head(ctx, tr.OwnerID, tr.ID); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
