package postgres_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// depths returns waiting, dispatched and running of each queue.
func depths(t testing.TB, db *postgres.DB) map[string][3]int {
	t.Helper()
	queues, err := db.Queues(t.Context())
	ok(t, err)
	found := map[string][3]int{}
	for _, q := range queues {
		found[q.Name] = [3]int{q.Waiting, q.Dispatched, q.Running}
	}
	return found
}

// Nothing of a queue that is paused begins: neither what is in it already nor what comes,
// nor when Redis has lost everything. What is in work ends, the other queues go on, and
// who did what is recorded.
func TestDB_PauseQueue(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner, operator := addUser(t, db), addUser(t, db)
	tr := prepare(t, db, owner, 3)
	l := claim(t, db, tr.Ref(), pipeline.Transcribe, 0)
	addTranscription(t, db, owner)
	queued := pipeline.Step{Ref: tr.Ref(), Kind: pipeline.Transcribe, Index: 1, Lane: pipeline.CPU}
	queued.Gen = readSQL[int](t, db, "SELECT gen FROM steps WHERE kind = 'transcribe' AND index = 1")
	for range 2 {
		_, err := db.PauseQueue(ctx, operator, "transcribe-cpu")
		ok(t, err)
	}
	_, err := db.Claim(ctx, queued, worker, leaseOf)
	wantKind(t, err, fault.Conflict)
	if _, err := db.UndispatchAll(ctx); err != nil {
		t.Fatal(err)
	}
	found, err := db.Dispatch(ctx, 0)
	if err != nil || len(found) != 1 || found[0].Kind != pipeline.Prepare {
		t.Fatalf("got %v, %v, want the prepare step only", found, err)
	}
	ok(t, db.FinishChunk(ctx, l, result(chunk(tr.Ref(), owner, 0))))
	want := map[string][3]int{"prepare": {0, 1, 0}, "transcribe-gpu": {0, 0, 0}, "transcribe-cpu": {2, 0, 0}, "merge": {0, 0, 0}, "deliver": {0, 0, 0}}
	if diff := cmp.Diff(want, depths(t, db)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for range 2 {
		_, err := db.ResumeQueue(ctx, operator, "transcribe-cpu")
		ok(t, err)
	}
	if found, err = db.Dispatch(ctx, 0); err != nil || len(found) != 2 {
		t.Errorf("got %v, %v, want both chunks", found, err)
	}
	var actions []string
	ok(t, db.SQL().NewRaw("SELECT action || ' ' || queue FROM queue_events WHERE who = ? ORDER BY id", operator).Scan(ctx, &actions))
	if diff := cmp.Diff([]string{"paused transcribe-cpu", "resumed transcribe-cpu"}, actions); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// What may go to a GPU or to a CPU waits for both.
func TestDB_Queues_depths(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	ok(t, db.ReportWorker(ctx, gpuWorker("g", 1, "small", "large-v3")))
	helper := cpuWorker("c", 1, "small")
	helper.Spare = []string{"small"}
	ok(t, db.ReportWorker(ctx, helper))
	backlog(t, db, "small", 3)
	backlog(t, db, "large-v3", 2)
	want := map[string][3]int{"prepare": {0, 0, 0}, "transcribe-gpu": {5, 0, 0}, "transcribe-cpu": {3, 0, 0}, "merge": {0, 0, 0}, "deliver": {0, 0, 0}}
	if diff := cmp.Diff(want, depths(t, db)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// The range is from the fastest tenth of the chunks with nothing ahead to the slowest
// tenth with all of it.
func TestDB_Transcription_estimatedRange(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	first, second := prepare(t, db, addUser(t, db), 11), prepare(t, db, addUser(t, db), 4)
	for i := range 10 {
		l := claim(t, db, first.Ref(), pipeline.Transcribe, i)
		r := result(chunk(first.Ref(), first.OwnerID, i))
		r.Elapsed = time.Duration(10+10*i) * time.Second // speeds of 6 to 0.6
		ok(t, db.FinishChunk(ctx, l, r))
	}
	ok(t, db.ReportWorker(ctx, transcription.Worker{ID: "a", Slots: 2}))
	db.Measure()
	got, err := db.Head(ctx, second.OwnerID, second.ID)
	ok(t, err)
	// On average 600 s of sound in 550 s of a slot; own are 240 s, ahead 60 s.
	if want := 138 * time.Second; (got.Estimate - want).Abs() > time.Second {
		t.Errorf("got %v, want %v", got.Estimate, want)
	}
	if got.Soonest < 20*time.Second || got.Soonest > 45*time.Second || got.Latest < 220*time.Second || got.Latest > 250*time.Second {
		t.Errorf("got %v to %v", got.Soonest, got.Latest)
	}
}

// Whoever pauses the queue keeps events back, and nothing is lost.
func TestPauseQueue_deliver(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	h, owner, ctx := hooks(t, db), addUser(t, db), t.Context()
	d := testEvent(t, addWebhook(t, h, owner))
	ok(t, h.CreateDelivery(ctx, d))
	s := dispatchedDelivery(t, db, d.ID)
	q, err := db.PauseQueue(ctx, owner, "deliver")
	ok(t, err)
	if q.Paused == nil || q.Waiting != 1 || q.Dispatched != 0 || q.Running != 0 {
		t.Errorf("got %+v", q)
	}
	_, err = db.Claim(ctx, s, worker, leaseOf)
	wantKind(t, err, fault.Conflict)
	if ids := dispatchedNow(t, db, 0); len(ids) != 0 {
		t.Errorf("%v are sent from a queue that is paused", ids)
	}
	_, err = db.ResumeQueue(ctx, owner, "deliver")
	ok(t, err)
	if ids := dispatchedNow(t, db, 0); !slices.Equal(ids, []uuid.UUID{d.ID}) {
		t.Errorf("got %v, want %s", ids, d.ID)
	}
}
