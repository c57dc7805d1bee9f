package postgres_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
)

// How long the steps of a fleet take, and how many of a kind it does at once.
var (
	takes = map[pipeline.Kind]time.Duration{pipeline.Prepare: 4 * time.Second, pipeline.Transcribe: 10 * time.Second, pipeline.Merge: time.Second}
	slots = map[pipeline.Kind]int{pipeline.Prepare: 1, pipeline.Transcribe: 4, pipeline.Merge: 1}
)

// job is a step in work.
type job struct {
	lease pipeline.Lease
	ends  time.Duration
}

// fleet works off what the database dispatches, first come first served as Redis
// does, on a clock of its own: nothing depends on how fast the machine is.
type fleet struct {
	t      *testing.T
	db     *postgres.DB
	now    time.Duration
	queue  []pipeline.Step
	busy   []job
	owners map[uuid.UUID]uuid.UUID
	chunks map[uuid.UUID]int // of each file
	ended  map[uuid.UUID]time.Duration
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	db := pgtest.New(t)
	ok(t, db.ReportWorker(t.Context(), cpuWorker("c", slots[pipeline.Transcribe], "small")))
	execSQL(t, db, "UPDATE workers SET seen_at = now() + interval '1 day'") // it lives for as long as the test takes
	return &fleet{t: t, db: db, owners: map[uuid.UUID]uuid.UUID{}, chunks: map[uuid.UUID]int{}, ended: map[uuid.UUID]time.Duration{}}
}

// upload adds files of so many chunks each and returns the last.
func (f *fleet) upload(owner uuid.UUID, files, chunks int) uuid.UUID {
	f.t.Helper()
	var id uuid.UUID
	for range files {
		id = addTranscription(f.t, f.db, owner).ID
		f.owners[id], f.chunks[id] = owner, chunks
	}
	f.refill()
	return id
}

// refill is what every advance ends with.
func (f *fleet) refill() {
	f.t.Helper()
	found, err := f.db.Dispatch(f.t.Context(), 0)
	ok(f.t, err)
	f.queue = append(f.queue, found...)
	var left []pipeline.Step
	for _, s := range f.queue {
		working := 0
		for _, j := range f.busy {
			if j.lease.Step.Kind == s.Kind {
				working++
			}
		}
		if working == slots[s.Kind] {
			left = append(left, s)
			continue
		}
		if l, err := f.db.Claim(f.t.Context(), s, worker, time.Hour); err == nil {
			f.busy = append(f.busy, job{l, f.now + takes[s.Kind]})
		}
	}
	f.queue = left
}

// tick goes to where the next step ends, or to a moment before that.
func (f *fleet) tick(until time.Duration) {
	f.t.Helper()
	next := slices.MinFunc(f.busy, func(a, b job) int { return int(a.ends - b.ends) })
	if next.ends > until {
		f.now = until
		return
	}
	f.now = next.ends
	f.busy = slices.DeleteFunc(f.busy, func(j job) bool { return j == next })
	f.finish(next.lease)
	f.refill()
}

func (f *fleet) finish(l pipeline.Lease) {
	f.t.Helper()
	ctx, ref := f.t.Context(), l.Step.Ref
	switch l.Step.Kind {
	case pipeline.Prepare:
		n := f.chunks[ref.ID]
		ok(f.t, f.db.SaveSource(ctx, l, source(n)))
		for i := range n {
			ok(f.t, f.db.AddChunks(ctx, l, chunk(ref, f.owners[ref.ID], i)))
		}
		ok(f.t, f.db.FinishPrepare(ctx, l, source(n)))
	case pipeline.Transcribe:
		ok(f.t, f.db.FinishChunk(ctx, l, result(chunk(ref, f.owners[ref.ID], l.Step.Index))))
	case pipeline.Merge:
		ok(f.t, f.db.Complete(ctx, l, transcript()))
		f.ended[ref.ID] = f.now
	case pipeline.Deliver:
		f.t.Errorf("%s: nobody is to be told", l.Step)
	}
	ok(f.t, f.db.Advance(ctx, ref))
}

// wait returns how long a file takes from now on.
func (f *fleet) wait(id uuid.UUID) time.Duration {
	f.t.Helper()
	begun := f.now
	for f.ended[id] == 0 {
		f.tick(24 * time.Hour)
	}
	return f.ended[id] - begun
}

// TestDB_Dispatch_oneAmongAThousand has somebody with a thousand files, and others who
// come with one each, at any moment. Nobody of those waits longer than twice what the
// file takes when there is nobody else. When the queue was only filled up in turns, whoever
// came new waited for all that was in it already: 8.7 times as long with a short file,
// 5.1 times with one of twelve chunks.
func TestDB_Dispatch_oneAmongAThousand(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.upload(addUser(t, f.db), 1000, 4)
	for _, chunks := range []int{1, 4, 12} {
		alone := newFleet(t)
		want := alone.wait(alone.upload(addUser(t, alone.db), 1, chunks))
		var worst time.Duration
		for _, gap := range []time.Duration{0, 7 * time.Second, 60 * time.Second, 33 * time.Second, 41 * time.Second, 92 * time.Second} {
			for at := f.now + gap; f.now < at; {
				f.tick(at)
			}
			worst = max(worst, f.wait(f.upload(addUser(t, f.db), 1, chunks)))
		}
		t.Logf("%d chunks: %v alone, %v at worst among a thousand files, %.2f times", chunks, want, worst, float64(worst)/float64(want))
		if worst > 2*want {
			t.Errorf("%d chunks: %v instead of %v", chunks, worst, want)
		}
	}
}

// Who comes new is dealt in, before all of somebody who has filled the queue; a lane in
// which nobody has more than one step is left as it is, however many wait.
func TestDB_Dispatch_newcomer(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	heavy := addUser(t, db)
	for range 20 {
		addTranscription(t, db, heavy)
	}
	first, err := db.Dispatch(ctx, 0)
	if err != nil || len(first) != pipeline.LeastWindow {
		t.Fatalf("got %v, %v, want a full queue", first, err)
	}
	came := addTranscription(t, db, addUser(t, db))
	again, err := db.Dispatch(ctx, 0)
	if err != nil || len(again) != pipeline.LeastWindow || again[0].Ref != came.Ref() || again[1].Gen != 2 {
		t.Fatalf("got %v, %v, want the newcomer's and the others anew", again, err)
	}
	_, err = db.Claim(ctx, first[0], worker, leaseOf)
	wantKind(t, err, fault.Conflict)
	if more, err := db.Dispatch(ctx, 0); err != nil || len(more) != 0 {
		t.Errorf("got %v, %v: it is dealt out", more, err)
	}
	for range 2 * pipeline.LeastWindow {
		addTranscription(t, db, addUser(t, db))
	}
	owners := map[string]bool{}
	crowd, err := db.Dispatch(ctx, 0)
	ok(t, err)
	for _, s := range crowd {
		owners[readSQL[string](t, db, "SELECT owner_id FROM transcriptions WHERE id = ?", s.Ref.ID)] = true
	}
	if len(owners) != pipeline.LeastWindow {
		t.Errorf("the queue has steps of %d, want each of another", len(owners))
	}
	if more, err := db.Dispatch(ctx, 0); err != nil || len(more) != 0 {
		t.Errorf("got %v, %v: all have one, and it is dealt anew", more, err)
	}
}
