package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// retry begins another run with the same options.
func retry(t testing.TB, db *postgres.DB, tr *transcription.Transcription) *transcription.Transcription {
	t.Helper()
	ok(t, db.RetryTranscription(t.Context(), tr.OwnerID, transcription.NextRun{After: tr.Ref(), Options: tr.Options}))
	again := *tr
	again.Run++
	return &again
}

// Whoever runs a completed transcription again keeps its text until there is another,
// whatever becomes of the new run.
func TestDB_Retry_keepsTheText(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner := addUser(t, db)
	tr := complete(t, db, owner)
	first, err := db.Transcription(ctx, owner, tr.ID)
	ok(t, err)
	want := transcript()
	look := func(status transcription.Status, earlier int) *transcription.Transcription {
		t.Helper()
		got, err := db.Transcription(ctx, owner, tr.ID)
		ok(t, err)
		if got.Status != status || got.Text != want.Text || !cmp.Equal(got.Segments, want.Segments) || !cmp.Equal(got.Coverage, &want.Coverage) || got.Partial {
			t.Fatalf("got %s %q", got.Status, got.Text)
		}
		head, err := db.Head(ctx, owner, tr.ID)
		ok(t, err)
		text, readable := head.Readable()
		if !readable || text.Run != max(earlier, 1) && earlier > 0 || (head.Earlier != nil) != (earlier > 0) || head.Partial {
			t.Fatalf("the head is %+v, earlier %+v", head, head.Earlier)
		}
		return text
	}
	second := retry(t, db, tr)
	if e := look(transcription.Queued, 1); e.Model != "small" || e.Language != "en" || !e.CompletedAt.Equal(first.CompletedAt) {
		t.Errorf("what is to be exported is %+v", e)
	}
	l := claim(t, db, second.Ref(), pipeline.Prepare, 0)
	ok(t, db.SaveSource(ctx, l, pipeline.Source{Model: "tiny", Language: "de"}))
	ok(t, db.AddChunks(ctx, l, chunk(second.Ref(), owner, 0)))
	transcribe(t, db, second, 0)
	if e := look(transcription.Preparing, 1); e.Model != "small" || e.Language != "en" {
		t.Errorf("what is to be exported is %+v", e)
	}
	ok(t, db.Fail(ctx, l, gaveUp))
	look(transcription.Failed, 1)
	third := retry(t, db, second)
	// That a recording cannot be read is no reason to throw it away when it could be before.
	ok(t, db.Fail(ctx, claim(t, db, third.Ref(), pipeline.Prepare, 0), transcription.Failure{Code: "unreadable_media", Message: "No."}))
	look(transcription.Failed, 1)
	if n := readSQL[int](t, db, "SELECT count(*) FROM garbage WHERE prefix = ?", transcription.Prefix(owner, tr.ID)); n != 0 {
		t.Error("the recording is garbage")
	}
	third = retry(t, db, third)
	ok(t, db.CancelTranscription(ctx, owner, tr.ID))
	look(transcription.Canceled, 1)
	fourth := retry(t, db, third)
	l = claim(t, db, fourth.Ref(), pipeline.Prepare, 0)
	ok(t, db.FinishPrepare(ctx, l, source(0)))
	ok(t, db.Advance(ctx, fourth.Ref()))
	want.Text, want.Segments = "Anew.", want.Segments[1:]
	ok(t, db.Complete(ctx, claim(t, db, fourth.Ref(), pipeline.Merge, 0), want))
	look(transcription.Completed, 0)
}

// The event of a retry says what was changed, that of adopting what was not done again.
// The outline stays until another run has one, which it replaces if it still holds its
// lease; then nobody needs the former.
func TestDB_FinishPrepare_peaks(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner := addUser(t, db)
	tr := addTranscription(t, db, owner)
	at := func(run int, name string) string {
		return fmt.Sprintf("%speaks/%d/%s.dat", transcription.Prefix(owner, tr.ID), run, name)
	}
	check := func(want string, garbage int) {
		t.Helper()
		head, err := db.Head(ctx, owner, tr.ID)
		ok(t, err)
		prefixes, err := db.Garbage(ctx, 100)
		ok(t, err)
		prefixes = slices.DeleteFunc(prefixes, func(p string) bool { return !strings.Contains(p, "/peaks/") })
		if head.PeaksKey != want || len(prefixes) != garbage {
			t.Errorf("the outline is %q, want %q; %v are garbage, want %d", head.PeaksKey, want, prefixes, garbage)
		}
	}
	finish := func(l pipeline.Lease, key string) error {
		return db.FinishPrepare(ctx, l, pipeline.Source{Duration: audio.Samples(minute), Model: "small", Peaks: key})
	}
	lost := claim(t, db, tr.Ref(), pipeline.Prepare, 0)
	ok(t, db.SaveSource(ctx, lost, pipeline.Source{Model: "small"}))
	ok(t, db.Release(ctx, lost, 0, true))
	held := claim(t, db, tr.Ref(), pipeline.Prepare, 0)
	wantKind(t, finish(lost, at(1, "lost")), fault.Conflict)
	check("", 0)
	ok(t, finish(held, at(1, "held")))
	wantKind(t, finish(lost, at(1, "lost")), fault.Conflict)
	check(at(1, "held"), 0)
	ok(t, db.CancelTranscription(ctx, owner, tr.ID))
	second := retry(t, db, tr)
	check(at(1, "held"), 0)
	ok(t, finish(claim(t, db, second.Ref(), pipeline.Prepare, 0), at(2, "b")))
	check(at(2, "b"), 1)
}

func TestDB_Retry_events(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner := addUser(t, db)
	tr := prepare(t, db, owner, 2)
	transcribe(t, db, tr, 0)
	ok(t, db.CancelTranscription(ctx, owner, tr.ID))
	next := transcription.NextRun{After: tr.Ref(), Options: transcription.Options{Model: "small", Language: "de", Prompt: "A\x00da"}, Anew: true}
	ok(t, db.RetryTranscription(ctx, owner, next))
	got, err := db.Transcription(ctx, owner, tr.ID)
	if err != nil || got.Run != 2 || got.Options.Language != "de" || got.Model != "" || got.Language != "" || got.Progress != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
	ref := got.Ref()
	l := claim(t, db, ref, pipeline.Prepare, 0)
	ok(t, db.SaveSource(ctx, l, source(2)))
	ok(t, db.Adopt(ctx, l, pipeline.Recipe{}))
	if got, err = db.Transcription(ctx, owner, tr.ID); err != nil || got.Progress != 0.5 || got.Text != "Chunk 0." {
		t.Errorf("got %v %q, %v", got.Progress, got.Text, err)
	}
	events := history(t, db, tr)
	want := []string{
		"canceled by user", "retried by user map[after:canceled language:de]", // the prompt is the same without the NUL
		"preparing by worker", "reused by worker map[chunks:1 from:1 of:2 seconds:60]",
	}
	if diff := cmp.Diff(want, told(events)[3:]); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for _, e := range events[4:] {
		if e.Run != 2 {
			t.Errorf("%s of run %d", e.Type, e.Run)
		}
	}
}

// Results of what was completed are kept for a week, and then no more.
func TestDB_Forget(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner := addUser(t, db)
	done, going := complete(t, db, owner), prepare(t, db, owner, 1)
	transcribe(t, db, going, 0)
	left := func(tr *transcription.Transcription) int {
		t.Helper()
		return readSQL[int](t, db, "SELECT count(*) FROM chunks WHERE segments IS NOT NULL AND transcription_id = ?", tr.ID)
	}
	forget := func(days, want int) {
		t.Helper()
		execSQL(t, db, "UPDATE chunks SET done_at = done_at - make_interval(days => ?)", days)
		execSQL(t, db, "UPDATE transcriptions SET updated_at = updated_at - make_interval(days => ?)", days)
		if n, err := db.Forget(t.Context(), 10); err != nil || n != want {
			t.Errorf("forgot %d, %v, want %d", n, err, want)
		}
	}
	forget(6, 0)
	forget(2, 1)
	forget(0, 0)
	if left(done) != 0 || left(going) != 1 {
		t.Errorf("%d of what is completed is left, %d of what is going on", left(done), left(going))
	}
	again := retry(t, db, done)
	l := claim(t, db, again.Ref(), pipeline.Prepare, 0)
	ok(t, db.SaveSource(ctx, l, source(1)))
	ok(t, db.Adopt(ctx, l, pipeline.Recipe{}))
	if chunks, err := db.Chunks(ctx, again.Ref()); err != nil || len(chunks) != 0 {
		t.Errorf("got %v, %v: nothing of it is left", chunks, err)
	}
}

// A prefix that is due soon may be on the collector's list already.
func TestDB_Adopt_marginOfTheCollector(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner := addUser(t, db)
	for due, want := range map[string]int{"4 minutes": 0, "6 minutes": 1} {
		tr := prepare(t, db, owner, 1)
		ok(t, db.CancelTranscription(ctx, owner, tr.ID))
		execSQL(t, db, "UPDATE garbage SET due_at = now() + ?::interval WHERE prefix LIKE ?", due, transcription.Prefix(owner, tr.ID)+"%")
		again := retry(t, db, tr)
		l := claim(t, db, again.Ref(), pipeline.Prepare, 0)
		ok(t, db.Adopt(ctx, l, pipeline.Recipe{}))
		if chunks, err := db.Chunks(ctx, again.Ref()); err != nil || len(chunks) != want {
			t.Errorf("due in %s: got %v, %v, want %d", due, chunks, err, want)
		}
	}
}

// factory does the steps of transcriptions of so many chunks each, and counts results.
type factory struct {
	db   *postgres.DB
	n    int
	over atomic.Bool
	mu   sync.Mutex
	made map[string]int // by transcription and chunk
}

// work does whatever there is to do until all is over.
func (f *factory) work(t *testing.T) {
	for !f.over.Load() {
		steps, err := f.db.Dispatch(t.Context(), 100)
		if err != nil {
			t.Error(err)
			return
		}
		for _, s := range steps {
			if l, err := f.db.Claim(t.Context(), s, worker, leaseOf); err == nil {
				f.do(t, l)
			}
		}
	}
}

// do ignores what is refused, as a worker whose run is over does.
func (f *factory) do(t *testing.T, l pipeline.Lease) {
	ctx, ref := t.Context(), l.Step.Ref
	switch l.Step.Kind {
	case pipeline.Prepare:
		if f.db.SaveSource(ctx, l, source(f.n)) != nil || f.db.Adopt(ctx, l, pipeline.Recipe{}) != nil {
			return
		}
		done, err := f.db.Chunks(ctx, ref)
		for i := len(done); err == nil && i < f.n; i++ {
			err = f.db.AddChunks(ctx, l, chunk(ref, uuid.Nil, i))
		}
		if err == nil {
			_ = f.db.FinishPrepare(ctx, l, source(f.n))
		}
	case pipeline.Transcribe:
		r := result(chunk(ref, uuid.Nil, l.Step.Index))
		if f.db.FinishChunk(ctx, l, r) == nil {
			f.mu.Lock()
			f.made[fmt.Sprint(ref.ID, l.Step.Index)]++
			f.mu.Unlock()
		}
	case pipeline.Merge:
		results, err := f.db.Results(ctx, ref)
		if err != nil {
			return
		}
		for i, r := range results {
			if r.Chunk.Index != i || len(r.Segments) != 1 || r.Segments[0].Text != fmt.Sprintf("Chunk %d.", i) {
				t.Errorf("chunk %d of %s is %+v", i, ref, r)
			}
		}
		if len(results) != f.n {
			t.Errorf("%s has %d chunks, want %d", ref, len(results), f.n)
		}
		_ = f.db.Complete(ctx, l, transcript())
	case pipeline.Deliver:
		t.Errorf("%s: nobody is to be told", l.Step)
	}
	if err := f.db.Advance(ctx, ref); err != nil {
		t.Error(err)
	}
}

// TestDB_Retry_property cancels and retries at any moment, from several sides at once,
// while workers are at it: in the end every chunk is there once and was done once.
func TestDB_Retry_property(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	owner := addUser(t, db)
	f := &factory{db: db, n: 6, made: map[string]int{}}
	var all []*transcription.Transcription
	for range 6 {
		all = append(all, addTranscription(t, db, owner))
	}
	var workers, people sync.WaitGroup
	for range 3 {
		workers.Go(func() { f.work(t) })
	}
	for seed := range uint64(3) {
		people.Go(func() {
			rnd := rand.New(rand.NewPCG(seed, 9))
			for range 300 {
				meddle(t, db, rnd, all[rnd.IntN(len(all))])
			}
		})
	}
	people.Wait()
	deadline := time.Now().Add(5 * time.Minute)
	for _, tr := range all {
		for settled := false; !settled; {
			if time.Now().After(deadline) {
				t.Fatal("it does not come to rest")
			}
			head, err := db.Head(t.Context(), owner, tr.ID)
			ok(t, err)
			settled = head.Status == transcription.Completed
			if head.Status == transcription.Canceled {
				retry(t, db, head)
			}
		}
	}
	f.over.Store(true)
	workers.Wait()
	runs := 0
	for _, tr := range all {
		checkHistory(t, history(t, db, tr), transcription.Completed)
		for i := range f.n {
			if n := f.made[fmt.Sprint(tr.ID, i)]; n != 1 {
				t.Errorf("chunk %d of %s was done %d times", i, tr.ID, n)
			}
		}
		if n := readSQL[int](t, db, "SELECT count(*) FROM chunks WHERE transcription_id = ? AND segments IS NOT NULL", tr.ID); n != f.n {
			t.Errorf("%s has %d results, want %d", tr.ID, n, f.n)
		}
		runs += readSQL[int](t, db, "SELECT run FROM transcriptions WHERE id = ?", tr.ID)
	}
	t.Logf("%d runs of %d transcriptions", runs, len(all))
	if runs < 3*len(all) {
		t.Errorf("%d runs of %d transcriptions prove little", runs, len(all))
	}
}

// meddle cancels what is on its way and retries what is not; both may come too late.
func meddle(t *testing.T, db *postgres.DB, rnd *rand.Rand, tr *transcription.Transcription) {
	head, err := db.Head(t.Context(), tr.OwnerID, tr.ID)
	if err != nil {
		t.Error(err)
		return
	}
	if !head.Status.Final() && head.Progress < rnd.Float64() && rnd.IntN(50) > 0 {
		return // let it go on
	}
	if head.Status.Final() && rnd.IntN(3) > 0 {
		err = db.RetryTranscription(t.Context(), tr.OwnerID, transcription.NextRun{After: head.Ref(), Options: head.Options})
	} else {
		err = db.CancelTranscription(t.Context(), tr.OwnerID, tr.ID)
	}
	if err != nil && !fault.Is(err, fault.Conflict) {
		t.Error(err)
	}
}
