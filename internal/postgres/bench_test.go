package postgres_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

const workers = 8

// dispatchAll puts n steps into the queue, of runs with as many chunks each.
func dispatchAll(b *testing.B, db *postgres.DB, n, chunks int) []pipeline.Step {
	b.Helper()
	owner := addUser(b, db)
	for made := 0; made < n; made += chunks {
		tr := addTranscription(b, db, owner)
		l := claim(b, db, tr.Ref(), pipeline.Prepare, 0)
		ok(b, db.SaveSource(b.Context(), l, source(chunks)))
		for i := range chunks {
			ok(b, db.AddChunks(b.Context(), l, chunk(tr.Ref(), owner, i)))
		}
	}
	_, err := db.UndispatchAll(b.Context())
	ok(b, err)
	found, err := db.Dispatch(b.Context(), n+chunks)
	ok(b, err)
	return found
}

// work does the two transactions that every chunk costs, for one step after the
// other.
func work(ctx context.Context, db *postgres.DB, todo []pipeline.Step, next *atomic.Int64) error {
	for {
		i := int(next.Add(1)) - 1
		if i >= len(todo) {
			return nil
		}
		l, err := db.Claim(ctx, todo[i], worker, leaseOf)
		if err != nil {
			return err
		}
		if err := db.FinishChunk(ctx, l, result(chunk(todo[i].Ref, todo[i].Ref.ID, todo[i].Index))); err != nil {
			return err
		}
	}
}

// BenchmarkStep lets eight workers claim and finish chunks: all of them those of one
// run, where they wait for each other, or of as many runs as there are chunks.
func BenchmarkStep(b *testing.B) {
	for name, chunks := range map[string]int{"one run": 1 << 20, "many runs": 1} {
		b.Run(name, func(b *testing.B) {
			db := pgtest.New(b)
			todo := dispatchAll(b, db, b.N, min(chunks, b.N))[:b.N]
			var next atomic.Int64
			errs := make(chan error, workers)
			b.ResetTimer()
			begun := time.Now()
			for range workers {
				go func() { errs <- work(b.Context(), db, todo, &next) }()
			}
			for range workers {
				ok(b, <-errs)
			}
			b.ReportMetric(2*float64(b.N)/time.Since(begun).Seconds(), "tx/s")
		})
	}
}

// BenchmarkDispatch measures one refill of a full window from the backlog of a
// hundred owners with a thousand chunks each, half of them for a model that only the
// GPU's workers have.
func BenchmarkDispatch(b *testing.B) {
	db := pgtest.New(b)
	ok(b, db.ReportWorker(b.Context(), gpuWorker("g", 4, "large-v3")))
	ok(b, db.ReportWorker(b.Context(), cpuWorker("c", 4, "small")))
	for range 100 {
		tr := addTranscription(b, db, addUser(b, db))
		execSQL(b, db, `INSERT INTO steps (transcription_id, run, kind, index, owner_id, max_attempts, cost, model)
			SELECT ?, 1, 'transcribe', i, ?, 5, 1000, CASE i % 2 WHEN 0 THEN 'small' ELSE 'large-v3' END FROM generate_series(0, 999) AS i`, tr.ID, tr.OwnerID)
	}
	execSQL(b, db, "ANALYZE steps")
	for b.Loop() {
		found, err := db.Dispatch(b.Context(), pipeline.LeastWindow)
		ok(b, err)
		if len(found) == 0 {
			b.Fatal("nothing was dispatched")
		}
		b.StopTimer()
		execSQL(b, db, "UPDATE steps SET state = 'done' WHERE state = 'dispatched'")
		b.StartTimer()
	}
}

// BenchmarkTranscription measures a poll by somebody behind the same backlog.
func BenchmarkTranscription(b *testing.B) {
	db := pgtest.New(b)
	unguarded(b, db)
	var last *transcription.Transcription
	for range 100 {
		last = addTranscription(b, db, addUser(b, db))
		execSQL(b, db, `INSERT INTO steps (transcription_id, run, kind, index, owner_id, max_attempts, cost)
			SELECT ?, 1, 'transcribe', i, ?, 5, 1000 FROM generate_series(0, 999) AS i`, last.ID, last.OwnerID)
	}
	execSQL(b, db, "UPDATE transcriptions SET status = 'transcribing' WHERE id = ?", last.ID)
	execSQL(b, db, "ANALYZE steps")
	for b.Loop() {
		got, err := db.Transcription(b.Context(), last.OwnerID, last.ID)
		ok(b, err)
		if got.QueuePosition != 5000 {
			b.Fatalf("%d steps ahead", got.QueuePosition)
		}
	}
}
