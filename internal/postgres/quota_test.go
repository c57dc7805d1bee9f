package postgres_test

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

func wantCode(t testing.TB, err error, k fault.Kind, code string) {
	t.Helper()
	if !fault.Is(err, k) || fault.Of(err).Code != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

// However many uploads end at once, no more are taken than there are places, and who
// has none left takes nobody else's.
func TestDB_quota_queued(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	db.Bound(transcription.Quota{Queued: 3})
	owner := addUser(t, db)
	var uploads sync.WaitGroup
	errs := make(chan error, 12)
	for range cap(errs) {
		tr := newTranscription(t, owner)
		uploads.Go(func() { errs <- db.CreateTranscription(ctx, tr) })
	}
	uploads.Wait()
	taken := 0
	for range cap(errs) {
		if err := <-errs; err != nil {
			wantCode(t, err, fault.RateLimited, "too_many_queued")
			continue
		}
		taken++
	}
	if n := readSQL[int](t, db, "SELECT count(*) FROM transcriptions"); taken != 3 || n != 3 {
		t.Errorf("%d were taken and %d are there, want 3", taken, n)
	}
	wantCode(t, db.Admit(ctx, owner, 1), fault.RateLimited, "too_many_queued")
	ok(t, db.Admit(ctx, addUser(t, db), 1))
	first := transcription.Ref{Run: 1}
	ok(t, db.SQL().NewRaw("SELECT id FROM transcriptions ORDER BY id LIMIT 1").Scan(ctx, &first.ID))
	ok(t, db.CancelTranscription(ctx, owner, first.ID))
	ok(t, db.Admit(ctx, owner, 1))
	addTranscription(t, db, owner)
	wantCode(t, db.RetryTranscription(ctx, owner, transcription.NextRun{After: first}), fault.RateLimited, "too_many_queued")
	if got := status(t, db, first.ID); got != transcription.Canceled {
		t.Errorf("it is %s", got)
	}
}

func TestDB_quota_backlog(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	db.Bound(transcription.Quota{Backlog: 2})
	for range 2 {
		ok(t, db.Admit(ctx, addUser(t, db), 1))
		addTranscription(t, db, addUser(t, db))
	}
	err := db.Admit(ctx, addUser(t, db), 1)
	wantCode(t, err, fault.Unavailable, "queue_full")
	if after := fault.Of(err).Details["retryAfter"]; after != 60 {
		t.Errorf("try again in %v s, want 60", after)
	}
	_, err = db.Dispatch(ctx, 0)
	ok(t, err)
	ok(t, db.Admit(ctx, addUser(t, db), 1))
}

// No more of an owner's are in work than may, also when one of them has to be prepared
// once more; the others wait, and take no place in the queue from anybody.
func TestDB_quota_running(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	db.Bound(transcription.Quota{Running: 2})
	owner, other := addUser(t, db), addUser(t, db)
	var own []*transcription.Transcription
	for range 4 {
		own = append(own, addTranscription(t, db, owner))
	}
	dispatched := func() map[string]int {
		t.Helper()
		found, err := db.Dispatch(t.Context(), 3)
		ok(t, err)
		n := map[string]int{}
		for _, s := range found {
			n[readSQL[string](t, db, "SELECT owner_id FROM transcriptions WHERE id = ?", s.Ref.ID)]++
		}
		return n
	}
	want := func(w map[string]int) {
		t.Helper()
		if diff := cmp.Diff(w, dispatched()); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
	want(map[string]int{owner.String(): 2})
	addTranscription(t, db, other)
	want(map[string]int{owner.String(): 2, other.String(): 1}) // dealt anew
	want(map[string]int{})
	l := claim(t, db, own[0].Ref(), pipeline.Prepare, 0)
	want(map[string]int{})
	ok(t, db.SaveSource(ctx, l, source(0)))
	want(map[string]int{})
	ok(t, db.Release(ctx, l, 0, true))
	want(map[string]int{owner.String(): 1}) // it has begun already
	l = claim(t, db, own[0].Ref(), pipeline.Prepare, 0)
	ok(t, db.FinishPrepare(ctx, l, source(0)))
	ok(t, db.Advance(ctx, own[0].Ref()))
	want(map[string]int{owner.String(): 1}) // to be merged
	ok(t, db.Complete(ctx, claim(t, db, own[0].Ref(), pipeline.Merge, 0), transcript()))
	want(map[string]int{owner.String(): 1})
	ok(t, db.CancelTranscription(ctx, owner, own[1].ID))
	want(map[string]int{owner.String(): 1})
}

// All of a priority goes before any of the next, whoever came first; within one, owners
// take turns.
func TestDB_Dispatch_priority(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	a, b := addUser(t, db), addUser(t, db)
	names := map[transcription.Ref]string{}
	for _, p := range []transcription.Priority{transcription.Low, transcription.Normal, transcription.High} {
		for range 2 {
			for name, owner := range map[string]any{"a": a, "b": b} {
				tr := newTranscription(t, a)
				if owner == any(b) {
					tr = newTranscription(t, b)
				}
				tr.Options.Priority = p
				ok(t, db.CreateTranscription(ctx, tr))
				names[tr.Ref()] = p.String() + " " + name
			}
		}
	}
	order := func(window int) (got []string) {
		t.Helper()
		found, err := db.Dispatch(ctx, window)
		ok(t, err)
		return owners(found, names)
	}
	all := order(12)
	for i, want := range []string{"high", "high", "high", "high", "normal", "normal", "normal", "normal", "low", "low", "low", "low"} {
		if all[i][:len(want)] != want || i%2 == 1 && all[i] == all[i-1] {
			t.Fatalf("got %v", all)
		}
	}
	tr := newTranscription(t, a)
	tr.Options.Priority = transcription.High
	undispatch(t, db)
	execSQL(t, db, "UPDATE steps SET state = 'done' WHERE priority = -1")
	if got := order(4); len(got) != 4 || got[0][:6] != "normal" {
		t.Fatalf("got %v", got)
	}
	ok(t, db.CreateTranscription(ctx, tr))
	names[tr.Ref()] = "late"
	if got := order(4); len(got) != 4 || got[0] != "late" {
		t.Errorf("got %v, want what goes first before what waits in the queue", got)
	}
	if got := order(4); len(got) != 0 {
		t.Errorf("got %v: it is dealt anew again and again", got)
	}
	got, err := db.Head(ctx, a, tr.ID)
	if err != nil || got.Options.Priority != transcription.High || got.QueuePosition != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// The steps of a transcription have its priority, in every run.
func TestDB_priorityOfSteps(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner := addUser(t, db)
	tr := newTranscription(t, owner)
	tr.Options.Priority = transcription.Low
	ok(t, db.CreateTranscription(ctx, tr))
	l := claim(t, db, tr.Ref(), pipeline.Prepare, 0)
	ok(t, db.SaveSource(ctx, l, source(1)))
	ok(t, db.AddChunks(ctx, l, chunk(tr.Ref(), owner, 0)))
	ok(t, db.CancelTranscription(ctx, owner, tr.ID))
	next := transcription.NextRun{After: tr.Ref(), Options: tr.Options}
	next.Options.Priority = transcription.High
	ok(t, db.RetryTranscription(ctx, owner, next))
	ref := transcription.Ref{ID: tr.ID, Run: 2}
	l = claim(t, db, ref, pipeline.Prepare, 0)
	ok(t, db.SaveSource(ctx, l, source(1)))
	ok(t, db.Adopt(ctx, l, pipeline.Recipe{}))
	ok(t, db.FinishPrepare(ctx, l, source(1)))
	ok(t, db.FinishChunk(ctx, claim(t, db, ref, pipeline.Transcribe, 0), result(chunk(ref, owner, 0))))
	ok(t, db.Advance(ctx, ref))
	for run, want := range map[int]int{1: 2, 2: 3} {
		p := map[int]transcription.Priority{1: transcription.Low, 2: transcription.High}[run]
		if n := readSQL[int](t, db, "SELECT count(*) FROM steps WHERE run = ? AND priority = ?", run, p); n != want {
			t.Errorf("%d steps of run %d are %s, want %d", n, run, p, want)
		}
	}
}
