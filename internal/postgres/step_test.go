package postgres_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// dispatchOne puts the only waiting step into the queue.
func dispatchOne(t testing.TB, db *postgres.DB) pipeline.Step {
	t.Helper()
	found, err := db.Dispatch(t.Context(), 10)
	if err != nil || len(found) != 1 {
		t.Fatalf("got %v, %v, want one step", found, err)
	}
	return found[0]
}

// expire makes every lease run out.
func expire(t testing.TB, db *postgres.DB) {
	t.Helper()
	execSQL(t, db, "UPDATE steps SET lease_until = now() - interval '1 second' WHERE state = 'running'")
}

func TestDB_Claim(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	tr := addTranscription(t, db, addUser(t, db))
	undispatched := pipeline.Step{Ref: tr.Ref(), Kind: pipeline.Prepare}
	_, err := db.Claim(ctx, undispatched, worker, leaseOf)
	wantKind(t, err, fault.Conflict)

	s := dispatchOne(t, db)
	if want := (pipeline.Step{Ref: tr.Ref(), Kind: pipeline.Prepare, Gen: 1}); s != want {
		t.Errorf("got %v, want %v", s, want)
	}
	for why, change := range map[string]func(*pipeline.Step){
		"an older generation": func(s *pipeline.Step) { s.Gen-- },
		"a newer generation":  func(s *pipeline.Step) { s.Gen++ },
		"another run":         func(s *pipeline.Step) { s.Ref.Run++ },
		"another kind":        func(s *pipeline.Step) { s.Kind = pipeline.Merge },
		"another index":       func(s *pipeline.Step) { s.Index++ },
		"no such thing":       func(s *pipeline.Step) { s.Ref.ID = newID(t) },
	} {
		other := s
		change(&other)
		if _, err := db.Claim(ctx, other, worker, leaseOf); !fault.Is(err, fault.Conflict) {
			t.Errorf("%s: got %v, want conflict", why, err)
		}
	}
	execSQL(t, db, "UPDATE steps SET attempts = max_attempts")
	_, err = db.Claim(ctx, s, worker, leaseOf)
	wantKind(t, err, fault.Conflict)
	execSQL(t, db, "UPDATE steps SET attempts = 0")
	l, err := db.Claim(ctx, s, worker, leaseOf)
	ok(t, err)
	if l.Step != s || l.Attempt != 1 || l.Token == (pipeline.Lease{}).Token {
		t.Errorf("got %+v", l)
	}
	_, err = db.Claim(ctx, s, "worker-2", leaseOf)
	wantKind(t, err, fault.Conflict)
	left := readSQL[float64](t, db, "SELECT extract(epoch FROM lease_until - now()) FROM steps")
	if left < 3500 || left > 3600 {
		t.Errorf("the lease runs for %v s, want 3600", left)
	}
}

// TestDB_Claim_atOnce delivers one task many times.
func TestDB_Claim_atOnce(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	addTranscription(t, db, addUser(t, db))
	s := dispatchOne(t, db)
	errs := make(chan error, 16)
	for range cap(errs) {
		go func() {
			_, err := db.Claim(ctx, s, worker, leaseOf)
			errs <- err
		}()
	}
	won := 0
	for range cap(errs) {
		if err := <-errs; err == nil {
			won++
		} else {
			wantKind(t, err, fault.Conflict)
		}
	}
	if won != 1 {
		t.Errorf("%d claims succeeded, want 1", won)
	}
}

func TestDB_Claim_runIsOver(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	unguarded(t, db)
	tr := addTranscription(t, db, addUser(t, db))
	s := dispatchOne(t, db)
	for _, set := range []string{"run = 2", "run = 1, status = 'canceled'"} {
		execSQL(t, db, "UPDATE transcriptions SET "+set+" WHERE id = ?", tr.ID)
		_, err := db.Claim(t.Context(), s, worker, leaseOf)
		wantKind(t, err, fault.Conflict)
	}
}

func TestDB_Renew(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	tr := addTranscription(t, db, addUser(t, db))
	l := claim(t, db, tr.Ref(), pipeline.Prepare, 0)
	expire(t, db) // nobody has taken it yet
	ok(t, db.Renew(t.Context(), l, time.Hour))
	left := readSQL[float64](t, db, "SELECT extract(epoch FROM lease_until - now()) FROM steps")
	if left < 3500 || left > 3600 {
		t.Errorf("the lease runs for %v s, want 3600", left)
	}
	rescued, exhausted, err := db.Rescue(t.Context(), 10)
	if err != nil || len(rescued)+len(exhausted) != 0 {
		t.Errorf("got %v, %v, %v, want nothing to rescue", rescued, exhausted, err)
	}
}

func TestDB_Release(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	tr := addTranscription(t, db, addUser(t, db))

	l := claim(t, db, tr.Ref(), pipeline.Prepare, 0)
	ok(t, db.Release(ctx, l, 0, true))
	wantKind(t, db.Release(ctx, l, 0, true), fault.Conflict)
	l = claim(t, db, tr.Ref(), pipeline.Prepare, 0)
	if l.Attempt != 1 || l.Step.Gen != 2 {
		t.Errorf("after an interruption: attempt %d of generation %d, want 1 of 2", l.Attempt, l.Step.Gen)
	}
	ok(t, db.Release(ctx, l, time.Hour, false))
	if found, err := db.Dispatch(ctx, 10); err != nil || len(found) != 0 {
		t.Errorf("dispatched %v, %v before the delay is over", found, err)
	}
	execSQL(t, db, "UPDATE steps SET next_at = next_at - interval '1 hour'")
	if l = claim(t, db, tr.Ref(), pipeline.Prepare, 0); l.Attempt != 2 {
		t.Errorf("attempt %d, want 2", l.Attempt)
	}
}

// A step that fails for the last time and whose worker dies before it can fail the
// run must not wait for ever.
func TestDB_Release_lastAttempt(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	tr := addTranscription(t, db, addUser(t, db))
	execSQL(t, db, "UPDATE steps SET attempts = max_attempts - 1")
	l := claim(t, db, tr.Ref(), pipeline.Prepare, 0)
	if l.Attempt != pipeline.MaxAttempts {
		t.Fatalf("attempt %d, want the last", l.Attempt)
	}
	ok(t, db.Release(ctx, l, time.Hour, false))
	for range 2 { // reported until the run is failed
		_, exhausted, err := db.Rescue(ctx, 10)
		if err != nil || len(exhausted) != 1 || exhausted[0] != l.Step {
			t.Fatalf("got %v, %v, want %v exhausted", exhausted, err, l.Step)
		}
	}
	ok(t, db.Release(ctx, l, 0, true)) // it was an interruption after all
	if l = claim(t, db, tr.Ref(), pipeline.Prepare, 0); l.Attempt != pipeline.MaxAttempts {
		t.Errorf("attempt %d, want the last again", l.Attempt)
	}
	ok(t, db.GiveUp(ctx, l.Step, gaveUp)) // its lease has not expired
	if got := status(t, db, tr.ID); got != transcription.Queued {
		t.Errorf("got %s, want it queued as before", got)
	}
	expire(t, db)
	ok(t, db.GiveUp(ctx, l.Step, gaveUp))
	if diff := cmp.Diff(map[string]int{"failed": 1}, states(t, db, tr.Ref())); diff != "" {
		t.Errorf("steps: -want +got\n%s", diff)
	}
}

func TestDB_Rescue(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	tr := prepare(t, db, addUser(t, db), 3)
	leases := make([]pipeline.Lease, 3)
	for i := range leases {
		leases[i] = claim(t, db, tr.Ref(), pipeline.Transcribe, i)
	}
	expire(t, db)
	ok(t, db.Renew(ctx, leases[2], leaseOf))
	execSQL(t, db, "UPDATE steps SET attempts = max_attempts WHERE kind = 'transcribe' AND index = 1")
	rescued, exhausted, err := db.Rescue(ctx, 10)
	ok(t, err)
	if diff := cmp.Diff([][]pipeline.Step{{leases[0].Step}, {leases[1].Step}}, [][]pipeline.Step{rescued, exhausted}); diff != "" {
		t.Errorf("rescued and exhausted: -want +got\n%s", diff)
	}
	wantKind(t, db.FinishChunk(ctx, leases[0], result(chunk(tr.Ref(), tr.OwnerID, 0))), fault.Conflict)
	if l := claim(t, db, tr.Ref(), pipeline.Transcribe, 0); l.Attempt != 2 || l.Step.Gen != 2 {
		t.Errorf("got %+v, want attempt 2 of generation 2", l)
	}
}

func TestDB_Rescue_limit(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	tr := prepare(t, db, addUser(t, db), 5)
	for i := range 5 {
		claim(t, db, tr.Ref(), pipeline.Transcribe, i)
	}
	expire(t, db)
	for _, want := range []int{2, 2, 1, 0} {
		rescued, _, err := db.Rescue(ctx, 2)
		if err != nil || len(rescued) != want {
			t.Errorf("rescued %v, %v, want %d", rescued, err, want)
		}
	}
}

func TestDB_Stale(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	tr := prepare(t, db, addUser(t, db), 3)
	found, err := db.Dispatch(ctx, 10)
	ok(t, err)
	_, err = db.Claim(ctx, found[2], worker, leaseOf)
	ok(t, err)
	execSQL(t, db, "UPDATE steps SET dispatched_at = now() - interval '2 minutes' WHERE index IN (1, 2)")
	got, err := db.Stale(ctx, time.Minute, 10)
	ok(t, err)
	if diff := cmp.Diff([]pipeline.Step{found[1]}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	ok(t, db.Undispatch(ctx, got[0]))
	ok(t, db.Undispatch(ctx, got[0])) // somebody else was faster
	ok(t, db.Undispatch(ctx, found[2]))
	if diff := cmp.Diff(map[string]int{"done": 1, "waiting": 1, "dispatched": 1, "running": 1}, states(t, db, tr.Ref())); diff != "" {
		t.Errorf("steps: -want +got\n%s", diff)
	}
	_, err = db.Claim(ctx, got[0], worker, leaseOf)
	wantKind(t, err, fault.Conflict)
}

// An Undispatch that comes late must not touch the newer generation.
func TestDB_Undispatch_late(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	addTranscription(t, db, addUser(t, db))
	old := dispatchOne(t, db)
	ok(t, db.Undispatch(ctx, old))
	s := dispatchOne(t, db)
	ok(t, db.Undispatch(ctx, old))
	_, err := db.Claim(ctx, s, worker, leaseOf)
	ok(t, err)
}

func TestDB_UndispatchAll(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	tr := prepare(t, db, addUser(t, db), 4)
	claim(t, db, tr.Ref(), pipeline.Transcribe, 0)
	n, err := db.UndispatchAll(ctx)
	if err != nil || n != 3 {
		t.Errorf("put %d back, %v, want 3", n, err)
	}
	found, err := db.Dispatch(ctx, 10)
	ok(t, err)
	if len(found) != 3 || found[0].Gen != 2 {
		t.Errorf("got %v, want three steps of generation 2", found)
	}
}

func TestDB_Unadvanced(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner := addUser(t, db)
	first, second, busy := prepare(t, db, owner, 1), prepare(t, db, owner, 0), prepare(t, db, owner, 2)
	transcribe(t, db, first, 0)
	transcribe(t, db, busy, 0)
	refs, err := db.Unadvanced(ctx, 10)
	ok(t, err)
	if diff := cmp.Diff([]transcription.Ref{second.Ref(), first.Ref()}, refs); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for _, ref := range refs {
		ok(t, db.Advance(ctx, ref))
	}
	if refs, err = db.Unadvanced(ctx, 10); err != nil || len(refs) != 0 {
		t.Errorf("got %v, %v, want none left", refs, err)
	}
}

func TestDB_Epoch(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	for _, want := range []string{"", "first", "second"} {
		if want != "" {
			ok(t, db.SetEpoch(ctx, want))
		}
		if got, err := db.Epoch(ctx); err != nil || got != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
}

// A worker that has not noticed yet that its run is over may still write an object
// into a prefix that was swept, so each is swept twice.
func TestDB_Garbage(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner := addUser(t, db)
	var want []string
	for range 3 {
		tr := addTranscription(t, db, owner)
		ok(t, db.DeleteTranscription(ctx, owner, tr.ID))
		want = append(want, transcription.Prefix(owner, tr.ID))
	}
	check := func(want []string) {
		t.Helper()
		got, err := db.Garbage(ctx, 10)
		ok(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
	later := func() {
		t.Helper()
		execSQL(t, db, "UPDATE garbage SET due_at = due_at - interval '1 hour', recorded_at = recorded_at - interval '1 hour'")
	}
	check(want)
	if got, err := db.Garbage(ctx, 2); err != nil || len(got) != 2 {
		t.Errorf("got %v, %v, want two of them", got, err)
	}
	ok(t, db.Collected(ctx, nil))
	ok(t, db.Collected(ctx, want[:2]))
	check(want[2:])
	later()
	check([]string{want[2], want[0], want[1]})
	ok(t, db.Collected(ctx, want[:1]))
	check([]string{want[2], want[1]})
	later()
	check([]string{want[2], want[1]})
}
