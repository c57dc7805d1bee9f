package postgres_test

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

func gpuWorker(id string, slots int, models ...string) transcription.Worker {
	return transcription.Worker{ID: id, Kind: "gpu", Slots: slots, Models: models}
}

func cpuWorker(id string, slots int, models ...string) transcription.Worker {
	return transcription.Worker{ID: id, Kind: "cpu", Slots: slots, Models: models}
}

// silence makes a worker look as if it had not been heard of for that many seconds.
func silence(t testing.TB, db *postgres.DB, id string, seconds int) {
	t.Helper()
	execSQL(t, db, "UPDATE workers SET seen_at = now() - make_interval(secs => ?) WHERE id = ?", seconds, id)
}

// backlog makes n waiting chunks for a model, as if they had never been in the queue,
// and returns the run.
func backlog(t testing.TB, db *postgres.DB, model string, n int) *transcription.Transcription {
	t.Helper()
	tr := prepare(t, db, addUser(t, db), n)
	execSQL(t, db, "UPDATE steps SET model = ? WHERE transcription_id = ?", model, tr.ID)
	undispatch(t, db)
	return tr
}

// lanes dispatches and counts the steps by their model and lane.
func lanes(t testing.TB, db *postgres.DB, window int) map[string]int {
	t.Helper()
	found, err := db.Dispatch(t.Context(), window)
	ok(t, err)
	counts := map[string]int{}
	for _, s := range found {
		model := readSQL[string](t, db, "SELECT model FROM steps WHERE transcription_id = ? AND kind = ? AND index = ? AND lane = ?",
			s.Ref.ID, s.Kind, s.Index, s.Lane)
		counts[model+" "+string(s.Lane)]++
	}
	return counts
}

func wantLanes(t *testing.T, db *postgres.DB, want map[string]int) {
	t.Helper()
	if diff := cmp.Diff(want, lanes(t, db, 0)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// A step carries the model that prepare has chosen.
func TestDB_AddChunks_model(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	tr := prepare(t, db, addUser(t, db), 1)
	if got := readSQL[string](t, db, "SELECT model FROM steps WHERE transcription_id = ? AND kind = 'transcribe'", tr.ID); got != "small" {
		t.Errorf("got %q, want small", got)
	}
}

// A GPU used to be one worker among many: its slots were empty while its work waited
// behind that of slow CPUs.
func TestDB_Dispatch_gpuFirst(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		workers []transcription.Worker
		want    map[string]int
	}{
		{"no worker", nil, map[string]int{"large-v3 cpu": 12, "small cpu": 4}},
		{"no GPU", []transcription.Worker{cpuWorker("c", 9, "small")}, map[string]int{"large-v3 cpu": 12, "small cpu": 6}},
		{"a GPU with both", []transcription.Worker{gpuWorker("g", 4, "small", "large-v3"), cpuWorker("c", 1, "small")}, map[string]int{"large-v3 gpu": 8}},
		{"a GPU with one", []transcription.Worker{gpuWorker("g", 2, "large-v3"), cpuWorker("c", 1, "small")}, map[string]int{"large-v3 gpu": 4, "small cpu": 12}},
		{"a CPU with spare time", []transcription.Worker{
			gpuWorker("g", 4, "small", "large-v3"),
			{ID: "c", Kind: "cpu", Slots: 1, Models: []string{"small", "large-v3"}, Spare: []string{"small"}},
		}, map[string]int{"large-v3 gpu": 8, "small cpu": 12}},
		{"two GPUs", []transcription.Worker{gpuWorker("g", 4, "small"), gpuWorker("h", 3, "large-v3")}, map[string]int{"large-v3 gpu": 12, "small gpu": 2}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			owner := backlog(t, db, "large-v3", 12).OwnerID
			backlog(t, db, "small", 12)
			execSQL(t, db, "UPDATE steps SET owner_id = ?", owner) // in order of age, then
			for _, w := range row.workers {
				ok(t, db.ReportWorker(t.Context(), w))
			}
			wantLanes(t, db, row.want)
			wantLanes(t, db, map[string]int{})
		})
	}
}

// A step that ended three times on a GPU may be too large for it. A CPU that has the
// model gets it then; without one the GPU goes on trying.
func TestDB_Dispatch_worn(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	backlog(t, db, "large-v3", 2)
	execSQL(t, db, "UPDATE steps SET attempts = 3 WHERE kind = 'transcribe' AND index = 1")
	ok(t, db.ReportWorker(t.Context(), gpuWorker("g", 4, "large-v3")))
	ok(t, db.ReportWorker(t.Context(), cpuWorker("c", 1, "small")))
	wantLanes(t, db, map[string]int{"large-v3 gpu": 2})
	ok(t, db.ReportWorker(t.Context(), cpuWorker("c", 1, "small", "large-v3")))
	wantLanes(t, db, map[string]int{"large-v3 cpu": 1})
}

// What waits in the queue of a GPU that has died or stopped goes to the CPUs, and back
// when there is one again.
func TestDB_Dispatch_gpuGone(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(*testing.T, *postgres.DB){
		"dead":    func(t *testing.T, db *postgres.DB) { silence(t, db, "g", 50) },
		"stopped": func(t *testing.T, db *postgres.DB) { ok(t, db.RetireWorker(t.Context(), "g")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, g := pgtest.New(t), gpuWorker("g", 1, "small")
			backlog(t, db, "small", 3)
			ok(t, db.ReportWorker(t.Context(), g))
			ok(t, db.ReportWorker(t.Context(), cpuWorker("c", 1, "small")))
			wantLanes(t, db, map[string]int{"small gpu": 2})
			silence(t, db, "g", 20) // and some time passes
			wantLanes(t, db, map[string]int{})
			leave(t, db)
			wantLanes(t, db, map[string]int{"small cpu": 3})
			ok(t, db.ReportWorker(t.Context(), g))
			wantLanes(t, db, map[string]int{"small gpu": 2})
		})
	}
}

// What somebody has in a lane does not count in the other one, neither for its room nor
// for whose turn it is.
func TestDB_Dispatch_fairInEachLane(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	a, b := prepare(t, db, addUser(t, db), 6), prepare(t, db, addUser(t, db), 6)
	execSQL(t, db, "UPDATE steps SET model = 'large-v3' WHERE index >= 3")
	undispatch(t, db)
	ok(t, db.ReportWorker(t.Context(), gpuWorker("g", 4, "large-v3")))
	ok(t, db.ReportWorker(t.Context(), cpuWorker("c", 4, "small")))
	execSQL(t, db, `UPDATE steps SET state = 'running', lane = 'gpu', gen = 1, dispatched_at = now(), lease_token = gen_random_uuid(), lease_until = now()
		WHERE transcription_id = ? AND model = 'large-v3'`, a.ID)
	found, err := db.Dispatch(t.Context(), 4)
	ok(t, err)
	order := map[pipeline.Lane][]string{}
	for _, s := range found {
		order[s.Lane] = append(order[s.Lane], owners([]pipeline.Step{s}, map[transcription.Ref]string{a.Ref(): "a", b.Ref(): "b"})...)
	}
	if diff := cmp.Diff(map[pipeline.Lane][]string{pipeline.GPU: {"b", "b", "b"}, pipeline.CPU: {"a", "b", "a", "b"}}, order); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// With many workers sixteen steps in the queue were too few to keep them all busy.
func TestDB_Dispatch_fitsTheWorkers(t *testing.T) {
	t.Parallel()
	for slots, want := range map[int]int{0: 16, 8: 16, 20: 40} {
		t.Run(strconv.Itoa(slots), func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			backlog(t, db, "small", 50)
			ok(t, db.ReportWorker(t.Context(), cpuWorker("c", slots, "small")))
			ok(t, db.ReportWorker(t.Context(), cpuWorker("dead", 100, "small")))
			silence(t, db, "dead", 60)
			wantLanes(t, db, map[string]int{"small cpu": want})
		})
	}
}

// The worker that holds the lease does not count, nor one that is dead.
func TestDB_Elsewhere(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	elsewhere := func(l pipeline.Lease, want bool) {
		t.Helper()
		got, err := db.Elsewhere(ctx, l)
		if err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", l.Step.Kind, got, err, want)
		}
	}
	tr := addTranscription(t, db, addUser(t, db))
	l := claim(t, db, tr.Ref(), pipeline.Prepare, 0)
	elsewhere(l, false)
	ok(t, db.ReportWorker(ctx, cpuWorker(worker, 1, "small")))
	ok(t, db.ReportWorker(ctx, cpuWorker("b", 1, "tiny")))
	elsewhere(l, false)
	ok(t, db.ReportWorker(ctx, gpuWorker("c", 1, "small")))
	elsewhere(l, true)
	ok(t, db.SaveSource(ctx, l, pipeline.Source{Duration: minute, Model: "tiny"}))
	ok(t, db.AddChunks(ctx, l, chunk(tr.Ref(), tr.OwnerID, 0)))
	elsewhere(claim(t, db, tr.Ref(), pipeline.Transcribe, 0), true)
	silence(t, db, "c", 60)
	elsewhere(l, false)
}
