package postgres_test

import (
	"runtime"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

func TestDB_Dispatch_window(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner := addUser(t, db)
	tr := prepare(t, db, owner, 5)
	addTranscription(t, db, owner)
	found, err := db.Dispatch(ctx, 3)
	ok(t, err)
	kinds := map[pipeline.Kind]int{}
	for _, s := range found {
		kinds[s.Kind]++
	}
	if diff := cmp.Diff(map[pipeline.Kind]int{pipeline.Prepare: 1, pipeline.Transcribe: 3}, kinds); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for _, window := range []int{3, 1} { // full, or made smaller
		if found, err := db.Dispatch(ctx, window); err != nil || len(found) != 0 {
			t.Errorf("window %d: got %v, %v, want nothing more", window, found, err)
		}
	}
	_, err = db.Claim(ctx, found[1], worker, leaseOf) // makes room for one
	ok(t, err)
	if found, err = db.Dispatch(ctx, 3); err != nil || len(found) != 1 || found[0].Ref != tr.Ref() {
		t.Errorf("got %v, %v, want one more", found, err)
	}
}

// TestDB_Dispatch_waits lets a dispatcher come while another has filled the window
// but not committed. When it did not wait, it took the room for free and filled it
// a second time.
func TestDB_Dispatch_waits(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner := addUser(t, db)
	for range 4 {
		addTranscription(t, db, owner)
	}
	type answer struct {
		found []pipeline.Step
		err   error
	}
	answers := make(chan answer, 1)
	first, err := db.SQL().BeginTx(ctx, nil)
	ok(t, err)
	_, err = first.ExecContext(ctx, `SELECT pg_advisory_xact_lock(?, ?);
		UPDATE steps SET state = 'dispatched', gen = 1, dispatched_at = now()
		WHERE transcription_id IN (SELECT transcription_id FROM steps ORDER BY transcription_id DESC LIMIT 2)`, postgres.LockClass, postgres.LockDispatch)
	ok(t, err)
	go func() {
		found, err := db.Dispatch(ctx, 2)
		answers <- answer{found, err}
	}()
	for len(answers) == 0 && queuing(t, db) == 0 {
		runtime.Gosched()
	}
	ok(t, first.Commit())
	if a := <-answers; a.err != nil || len(a.found) != 0 {
		t.Errorf("got %v, %v, want nothing: the window is full", a.found, a.err)
	}
}

// queuing returns how many connections wait for an advisory lock of the database.
func queuing(t *testing.T, db *postgres.DB) int {
	t.Helper()
	return readSQL[int](t, db, `SELECT count(*) FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
		WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted`)
}

// TestDB_Dispatch_atOnce lets dispatchers race while recordings come in.
func TestDB_Dispatch_atOnce(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	const window, dispatchers, rounds = 4, 8, 5
	answers := make(chan []pipeline.Step, dispatchers*rounds)
	var wg sync.WaitGroup
	for range dispatchers {
		owner := addUser(t, db)
		wg.Go(func() {
			for range rounds {
				if err := db.CreateTranscription(ctx, newTranscription(t, owner)); err != nil {
					t.Error(err)
				}
				found, err := db.Dispatch(ctx, window)
				if err != nil {
					t.Error(err)
				}
				answers <- found
			}
		})
	}
	wg.Wait()
	close(answers)
	seen := map[pipeline.Step]bool{}
	for found := range answers {
		for _, s := range found {
			if seen[s] {
				t.Errorf("%s was dispatched twice", s)
			}
			seen[s] = true
		}
	}
	var queued int // of what was dispatched, some was put back for who came later
	ok(t, db.SQL().NewRaw("SELECT count(*) FROM steps WHERE state = 'dispatched'").Scan(ctx, &queued))
	if queued != window {
		t.Errorf("%d steps are in the queue, want %d", queued, window)
	}
}

// undispatch makes all steps as if they had never been in the queue.
func undispatch(t testing.TB, db *postgres.DB) {
	t.Helper()
	execSQL(t, db, "UPDATE steps SET state = 'waiting', gen = 0, dispatched_at = NULL WHERE state = 'dispatched'")
}

// owners returns whose the steps are, by the names given.
func owners(found []pipeline.Step, names map[transcription.Ref]string) (list []string) {
	for _, s := range found {
		list = append(list, names[s.Ref])
	}
	return list
}

func TestDB_Dispatch_takesOwnersInTurn(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	many, few := addUser(t, db), addUser(t, db)
	names := map[transcription.Ref]string{}
	add := func(name string, owner uuid.UUID, n int) {
		for range n {
			names[addTranscription(t, db, owner).Ref()] = name
		}
	}
	add("many", many, 6)
	add("few", few, 2)
	found, err := db.Dispatch(ctx, 5)
	ok(t, err)
	if diff := cmp.Diff([]string{"many", "few", "many", "few", "many"}, owners(found, names)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestDB_Dispatch_oneByOne makes room for one step at a time, as a busy system does.
// When turns were counted within each call only, the first owner was first in every
// one of them and nobody else ever had a turn.
func TestDB_Dispatch_oneByOne(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*testing.T, *postgres.DB, pipeline.Step){
		"while the last is still worked on": func(t *testing.T, db *postgres.DB, s pipeline.Step) {
			_, err := db.Claim(t.Context(), s, worker, leaseOf)
			ok(t, err)
		},
		"when nothing else is in flight": func(t *testing.T, db *postgres.DB, s pipeline.Step) {
			execSQL(t, db, "UPDATE steps SET state = 'done' WHERE transcription_id = ? AND kind = ? AND index = ?", s.Ref.ID, s.Kind, s.Index)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			names := map[transcription.Ref]string{
				prepare(t, db, addUser(t, db), 9).Ref(): "a",
				prepare(t, db, addUser(t, db), 2).Ref(): "b",
				prepare(t, db, addUser(t, db), 3).Ref(): "c",
			}
			undispatch(t, db)
			var order []string
			for range 9 {
				found, err := db.Dispatch(t.Context(), 1)
				if err != nil || len(found) != 1 {
					t.Fatalf("got %v, %v, want one step", found, err)
				}
				order = append(order, owners(found, names)...)
				end(t, db, found[0])
			}
			if diff := cmp.Diff([]string{"a", "b", "c", "a", "b", "c", "a", "c", "a"}, order); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// Turns are counted in audio, that in flight included: somebody with short chunks
// gets more of them.
func TestDB_Dispatch_countsAudio(t *testing.T) {
	t.Parallel()
	for name, window := range map[string]int{"at once": 7, "one by one": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			long, short := prepare(t, db, addUser(t, db), 4), prepare(t, db, addUser(t, db), 8)
			execSQL(t, db, "UPDATE steps SET cost = cost / 3 WHERE transcription_id = ? AND kind = 'transcribe'", short.ID)
			undispatch(t, db)
			var found []pipeline.Step
			for len(found) < 7 {
				next, err := db.Dispatch(t.Context(), window)
				if err != nil || len(next) != window {
					t.Fatalf("got %v, %v, want %d steps", next, err, window)
				}
				for _, s := range next {
					_, err := db.Claim(t.Context(), s, worker, leaseOf)
					ok(t, err)
				}
				found = append(found, next...)
			}
			names := map[transcription.Ref]string{long.Ref(): "long", short.Ref(): "short"}
			if diff := cmp.Diff([]string{"long", "short", "short", "short", "long", "short", "short"}, owners(found, names)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// Among owners with nothing in flight, whoever was served longest ago is queued
// first.
func TestDB_Dispatch_longestAgo(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	lately, never, longAgo := prepare(t, db, addUser(t, db), 2), prepare(t, db, addUser(t, db), 2), prepare(t, db, addUser(t, db), 2)
	undispatch(t, db)
	for tr, ago := range map[*transcription.Transcription]string{lately: "10 minutes", longAgo: "1 hour"} {
		execSQL(t, db, "UPDATE steps SET state = 'done', dispatched_at = now() - ?::interval WHERE transcription_id = ? AND index = 1", ago, tr.ID)
	}
	execSQL(t, db, "UPDATE steps SET dispatched_at = NULL WHERE transcription_id = ?", never.ID)
	found, err := db.Dispatch(t.Context(), 3)
	ok(t, err)
	names := map[transcription.Ref]string{lately.Ref(): "lately", never.Ref(): "never", longAgo.Ref(): "long ago"}
	if diff := cmp.Diff([]string{"never", "long ago", "lately"}, owners(found, names)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
