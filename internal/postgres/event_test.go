package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// history returns all events of a transcription.
func history(t testing.TB, db *postgres.DB, tr *transcription.Transcription) (all []transcription.Event) {
	t.Helper()
	for after := int64(0); ; {
		page, err := db.Events(t.Context(), tr.OwnerID, tr.ID, after, 7)
		ok(t, err)
		if len(page) == 0 {
			return all
		}
		all, after = append(all, page...), page[len(page)-1].ID
	}
}

// told returns events as lines: type, who and, of some, the details.
func told(events []transcription.Event) (lines []string) {
	for _, e := range events {
		line := fmt.Sprintf("%s by %s", e.Type, e.Actor.Kind)
		if len(e.Details) > 0 {
			line += fmt.Sprint(" ", e.Details)
		}
		lines = append(lines, line)
	}
	return lines
}

func TestDB_Events_life(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner := addUser(t, db)
	tr := addTranscription(t, db, owner)
	l := claim(t, db, tr.Ref(), pipeline.Prepare, 0)
	for range 2 { // more is known the second time; the status is the same
		ok(t, db.SaveSource(ctx, l, source(1)))
	}
	ok(t, db.AddChunks(ctx, l, chunk(tr.Ref(), owner, 0)))
	ok(t, db.Release(ctx, l, 0, false))
	ok(t, db.Release(ctx, claim(t, db, tr.Ref(), pipeline.Prepare, 0), 0, true)) // no attempt, no event
	ok(t, db.FinishPrepare(ctx, claim(t, db, tr.Ref(), pipeline.Prepare, 0), source(1)))
	claim(t, db, tr.Ref(), pipeline.Transcribe, 0)
	execSQL(t, db, "UPDATE steps SET lease_until = now() - interval '1 second' WHERE state = 'running'")
	rescued, _, err := db.Rescue(ctx, 10)
	if err != nil || len(rescued) != 1 {
		t.Fatalf("got %v, %v, want one rescued", rescued, err)
	}
	transcribe(t, db, tr, 0)
	ok(t, db.Advance(ctx, tr.Ref()))
	ok(t, db.Complete(ctx, claim(t, db, tr.Ref(), pipeline.Merge, 0), transcript()))

	events := history(t, db, tr)
	want := []string{
		"created by user", "preparing by worker", "step_failed by worker map[attempt:1 index:0 step:prepare]", "transcribing by worker",
		"step_rescued by api map[attempt:1 index:0 step:transcribe worker:worker-1]", "merging by api", "completed by worker",
	}
	if diff := cmp.Diff(want, told(events)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for i, e := range events {
		if e.Run != 1 || time.Since(e.At).Abs() > time.Hour || i > 0 && e.At.Before(events[i-1].At) {
			t.Errorf("event %d is %+v", i, e)
		}
	}
	if name := events[0].Actor.Name; name != owner.String() {
		t.Errorf("created by %q, want %s", name, owner)
	}
	if name := events[1].Actor.Name; name != worker {
		t.Errorf("prepared by %q, want %s", name, worker)
	}
}

// When a transcription was canceled or has failed, and who did it, stands nowhere else.
func TestDB_Events_end(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner := addUser(t, db)
	canceled, hopeless, exhausted := prepare(t, db, owner, 1), addTranscription(t, db, owner), addTranscription(t, db, owner)
	for range 2 {
		ok(t, db.CancelTranscription(ctx, owner, canceled.ID))
	}
	ok(t, db.Fail(ctx, claim(t, db, hopeless.Ref(), pipeline.Prepare, 0), transcription.Failure{Code: "no_audio", Message: "No."}))
	l := claim(t, db, exhausted.Ref(), pipeline.Prepare, 0)
	execSQL(t, db, "UPDATE steps SET lease_until = now() - interval '1 second', attempts = max_attempts WHERE state = 'running'")
	for range 2 {
		ok(t, db.GiveUp(ctx, l.Step, gaveUp))
	}
	for tr, want := range map[*transcription.Transcription][]string{
		canceled:  {"created by user", "preparing by worker", "transcribing by worker", "canceled by user"},
		hopeless:  {"created by user", "failed by worker map[code:no_audio]"},
		exhausted: {"created by user", "failed by api map[code:gave_up]"},
	} {
		if diff := cmp.Diff(want, told(history(t, db, tr))); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
}

// An event can neither be changed nor taken away, but with its transcription.
func TestDB_Events_stay(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	tr := complete(t, db, addUser(t, db))
	want := history(t, db, tr)
	for _, attack := range []string{
		"UPDATE events SET at = now()", "UPDATE events SET who = 'somebody else' WHERE type = 'created'",
		"DELETE FROM events", "DELETE FROM events WHERE type = 'completed'",
	} {
		if _, err := db.SQL().NewRaw(attack).Exec(t.Context()); err == nil {
			t.Errorf("%s: went through", attack)
		}
	}
	if diff := cmp.Diff(want, history(t, db, tr)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	ok(t, db.DeleteTranscription(t.Context(), tr.OwnerID, tr.ID))
	if n := readSQL[int](t, db, "SELECT count(*) FROM events"); n != 0 {
		t.Errorf("%d events stay", n)
	}
}

// The database knows the same transitions as move, whoever asks.
func TestMigrations_transitions(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	tr := addTranscription(t, db, addUser(t, db))
	const set = `UPDATE transcriptions SET run = run + ?2, status = ?0, failure_code = CASE WHEN ?0 = 'failed' THEN 'x' ELSE '' END,
		completed_at = CASE WHEN ?0 = 'completed' THEN now() END, progress = CASE WHEN ?0 = 'completed' THEN 1 ELSE 0 END WHERE id = ?1`
	for _, from := range transcription.Statuses {
		for _, to := range transcription.Statuses {
			for run := range 3 {
				unguarded(t, db)
				execSQL(t, db, set, from, tr.ID, 0)
				execSQL(t, db, "ALTER TABLE transcriptions ENABLE TRIGGER transcriptions_move")
				_, err := db.SQL().NewRaw(set, to, tr.ID, run).Exec(t.Context())
				want := run == 0 && from == to
				if slices.Contains(postgres.Before[to], from) { // what has ended is followed by another run
					want = want || from.Final() == (run == 1) && run < 2
				}
				if (err == nil) != want {
					t.Errorf("%s to %s with run + %d: got %v, want it allowed: %v", from, to, run, err, want)
				}
			}
		}
	}
}

// TestDB_Events_property lets many do anything to a few transcriptions at once. Each
// history is then a way through the state machine that ends in the status, and who has
// read along with cursors has missed nothing.
func TestDB_Events_property(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	owner := addUser(t, db)
	var all []*transcription.Transcription
	for range 8 {
		all = append(all, addTranscription(t, db, owner))
	}
	seen := make([][]int64, len(all))
	over := make(chan struct{})
	var readers, actors sync.WaitGroup
	for i, tr := range all {
		readers.Go(func() { seen[i] = follow(t, db, tr, over) })
	}
	for seed := range uint64(6) {
		actors.Go(func() {
			rnd := rand.New(rand.NewPCG(seed, 7))
			for range 60 {
				disturb(t, db, rnd, all[rnd.IntN(len(all))])
			}
		})
	}
	actors.Wait()
	close(over)
	readers.Wait()
	for i, tr := range all {
		events := history(t, db, tr)
		checkHistory(t, events, status(t, db, tr.ID))
		ids := make([]int64, len(events))
		for j, e := range events {
			ids[j] = e.ID
		}
		if diff := cmp.Diff(ids, seen[i]); diff != "" {
			t.Errorf("a reader has missed events: -all +seen\n%s", diff)
		}
	}
}

// follow reads a history as it grows.
func follow(t *testing.T, db *postgres.DB, tr *transcription.Transcription, over <-chan struct{}) (ids []int64) {
	var after int64
	for last := false; ; {
		page, err := db.Events(t.Context(), tr.OwnerID, tr.ID, after, 3)
		if err != nil {
			t.Error(err)
			return nil
		}
		for _, e := range page {
			ids, after = append(ids, e.ID), e.ID
		}
		if last && len(page) == 0 {
			return ids
		}
		select {
		case <-over:
			last = true
		default:
		}
	}
}

// disturb does one thing that may or may not be possible now; most of what is refused
// writes something before it is.
func disturb(t *testing.T, db *postgres.DB, rnd *rand.Rand, tr *transcription.Transcription) {
	ctx, ref := t.Context(), tr.Ref()
	var steps []struct {
		Kind  pipeline.Kind
		Index int
		Gen   int
	}
	if err := db.SQL().NewRaw("SELECT kind, index, gen FROM steps WHERE transcription_id = ? ORDER BY random() LIMIT 1", ref.ID).Scan(ctx, &steps); err != nil || len(steps) == 0 {
		t.Errorf("got %v, %v", steps, err)
		return
	}
	if _, err := db.Dispatch(ctx, 100); err != nil {
		t.Error(err)
	}
	l, err := db.Claim(ctx, pipeline.Step{Ref: ref, Kind: steps[0].Kind, Index: steps[0].Index, Gen: steps[0].Gen + rnd.IntN(2)}, worker, leaseOf)
	if err != nil {
		l = pipeline.Lease{Step: pipeline.Step{Ref: ref, Kind: steps[0].Kind, Index: steps[0].Index}, Token: uuid.New()}
	}
	kind := steps[0].Kind
	if rnd.IntN(10) == 0 {
		kind = pipeline.Kinds[rnd.IntN(len(pipeline.Kinds))]
	}
	switch n := rnd.IntN(100); {
	case n == 0:
		_ = db.CancelTranscription(ctx, tr.OwnerID, ref.ID)
	case n == 1:
		_ = db.Fail(ctx, l, gaveUp)
	case n < 10:
		_ = db.Release(ctx, l, 0, rnd.IntN(4) > 0)
	case n < 20:
		execSQL(t, db, "UPDATE steps SET lease_until = now() - interval '1 second' WHERE state = 'running' AND transcription_id = ?", ref.ID)
		if _, _, err := db.Rescue(ctx, 10); err != nil {
			t.Error(err)
		}
	case kind == pipeline.Transcribe:
		_ = db.FinishChunk(ctx, l, result(chunk(ref, tr.OwnerID, l.Step.Index)))
		_ = db.Advance(ctx, ref)
	case kind == pipeline.Merge:
		_ = db.Complete(ctx, l, transcript())
	default:
		_ = db.SaveSource(ctx, l, source(2))
		_ = db.AddChunks(ctx, l, chunk(ref, tr.OwnerID, rnd.IntN(2)))
		_ = db.SaveSource(ctx, l, source(2))
		if rnd.IntN(2) == 0 {
			_ = db.FinishPrepare(ctx, l, source(2))
		}
	}
}

// checkHistory complains unless the events lead through the state machine to a status.
func checkHistory(t *testing.T, events []transcription.Event, end transcription.Status) {
	t.Helper()
	at, run := transcription.Status(""), 1
	for _, e := range events {
		to := transcription.Status(e.Type)
		switch e.Type {
		case transcription.Created:
			if at != "" {
				t.Errorf("created when %s", at)
			}
			at = transcription.Queued
		case transcription.Retried:
			if !at.Final() || e.Run != run+1 {
				t.Errorf("run %d behind %s of run %d", e.Run, at, run)
			}
			at, run = transcription.Queued, e.Run
		case transcription.StepFailed, transcription.StepRescued, transcription.Reused:
			if at.Final() {
				t.Errorf("%s of what is %s", e.Type, at)
			}
		default:
			if !slices.Contains(postgres.Before[to], at) || at == to {
				t.Errorf("%s follows %s", to, at)
			}
			at = to
		}
	}
	if at != end || events[len(events)-1].Run != run {
		t.Errorf("the history ends in %s, the status is %s", at, end)
	}
}
