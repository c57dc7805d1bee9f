package postgres_test

import (
	"slices"
	"strconv"
	"sync"
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

// TestDB_life takes a recording through every step and looks at what a person sees
// on the way.
func TestDB_life(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner := addUser(t, db)
	tr := addTranscription(t, db, owner)
	ref := tr.Ref()
	see := func() *transcription.Transcription {
		t.Helper()
		got, err := db.Transcription(ctx, owner, tr.ID)
		ok(t, err)
		return got
	}
	want := func(s transcription.Status, progress float64) {
		t.Helper()
		if got := see(); got.Status != s || got.Progress != progress {
			t.Fatalf("got %s at %v, want %s at %v", got.Status, got.Progress, s, progress)
		}
	}
	want(transcription.Queued, 0)

	l := claim(t, db, ref, pipeline.Prepare, 0)
	ok(t, db.SaveSource(ctx, l, pipeline.Source{Duration: 4 * minute, Model: "small"}))
	want(transcription.Preparing, 0)
	for i := range 2 {
		ok(t, db.AddChunks(ctx, l, chunk(ref, owner, i)))
	}
	transcribe(t, db, tr, 1) // while prepare still cuts
	want(transcription.Preparing, 0.25)
	ok(t, db.SaveSource(ctx, l, pipeline.Source{Language: "de", LanguageConfidence: 0.75}))
	ok(t, db.Advance(ctx, ref))
	want(transcription.Preparing, 0.25)
	ok(t, db.FinishPrepare(ctx, l, pipeline.Source{Duration: 2*minute + 8000}))
	want(transcription.Transcribing, 0.25)
	ok(t, db.Advance(ctx, ref))
	want(transcription.Transcribing, 0.25)
	transcribe(t, db, tr, 0)
	want(transcription.Transcribing, 0.99)

	chunks, err := db.Chunks(ctx, ref)
	ok(t, err)
	if diff := cmp.Diff([]pipeline.Chunk{chunk(ref, owner, 0), chunk(ref, owner, 1)}, chunks); diff != "" {
		t.Errorf("chunks: -want +got\n%s", diff)
	}
	ok(t, db.Advance(ctx, ref))
	ok(t, db.Advance(ctx, ref))
	want(transcription.Merging, 0.99)
	results, err := db.Results(ctx, ref)
	ok(t, err)
	if diff := cmp.Diff([]pipeline.ChunkResult{result(chunk(ref, owner, 0)), result(chunk(ref, owner, 1))}, results); diff != "" {
		t.Errorf("results: -want +got\n%s", diff)
	}
	ok(t, db.Complete(ctx, claim(t, db, ref, pipeline.Merge, 0), transcript()))

	got, text := see(), transcript()
	if got.CreatedAt.IsZero() || !got.CompletedAt.After(got.CreatedAt) || got.UpdatedAt.Before(got.CompletedAt) {
		t.Errorf("created %s, completed %s, updated %s", got.CreatedAt, got.CompletedAt, got.UpdatedAt)
	}
	wantT := *tr
	wantT.Status, wantT.Model, wantT.Language, wantT.LanguageConfidence = transcription.Completed, "small", "de", 0.75
	wantT.Duration, wantT.Progress, wantT.Text = 2*time.Minute+500*time.Millisecond, 1, text.Text
	wantT.Segments, wantT.Warnings, wantT.Coverage = text.Segments, text.Warnings, &text.Coverage
	wantT.UpdatedAt, wantT.CompletedAt = got.UpdatedAt, got.CompletedAt
	if diff := cmp.Diff(&wantT, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{"done": 4}, states(t, db, ref)); diff != "" {
		t.Errorf("steps: -want +got\n%s", diff)
	}
	garbage, err := db.Garbage(ctx, 10)
	ok(t, err)
	if diff := cmp.Diff([]string{transcription.Prefix(owner, tr.ID) + "chunks/1/"}, garbage); diff != "" {
		t.Errorf("garbage: -want +got\n%s", diff)
	}
	if n := readSQL[int](t, db, "SELECT count(*) FROM text_searches WHERE words @@ to_tsquery('simple', 'end')"); n != 1 {
		t.Errorf("a search finds %d transcriptions, want 1", n)
	}
}

func TestDB_silence(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	tr := prepare(t, db, addUser(t, db), 0)
	ok(t, db.Advance(t.Context(), tr.Ref()))
	l := claim(t, db, tr.Ref(), pipeline.Merge, 0)
	results, err := db.Results(t.Context(), tr.Ref())
	if err != nil || len(results) != 0 {
		t.Errorf("got %v, %v, want no results", results, err)
	}
	ok(t, db.Complete(t.Context(), l, pipeline.Transcript{}))
	got, err := db.Transcription(t.Context(), tr.OwnerID, tr.ID)
	if err != nil || got.Status != transcription.Completed || got.Text != "" || got.Segments != nil || got.Coverage == nil {
		t.Errorf("got %+v, %v, want an empty transcript", got, err)
	}
}

// writes are all writes that need a lease, with the kind of step they need it on.
func writes(db *postgres.DB) map[string]struct {
	kind pipeline.Kind
	call func(*testing.T, pipeline.Lease) error
} {
	type write = struct {
		kind pipeline.Kind
		call func(*testing.T, pipeline.Lease) error
	}
	return map[string]write{
		"SaveSource":    {pipeline.Prepare, func(t *testing.T, l pipeline.Lease) error { return db.SaveSource(t.Context(), l, source(1)) }},
		"FinishPrepare": {pipeline.Prepare, func(t *testing.T, l pipeline.Lease) error { return db.FinishPrepare(t.Context(), l, source(1)) }},
		"AddChunks": {pipeline.Prepare, func(t *testing.T, l pipeline.Lease) error {
			return db.AddChunks(t.Context(), l, chunk(l.Step.Ref, l.Step.Ref.ID, 0))
		}},
		"FinishChunk": {pipeline.Transcribe, func(t *testing.T, l pipeline.Lease) error {
			return db.FinishChunk(t.Context(), l, result(chunk(l.Step.Ref, l.Step.Ref.ID, 0)))
		}},
		"Complete": {pipeline.Merge, func(t *testing.T, l pipeline.Lease) error { return db.Complete(t.Context(), l, transcript()) }},
		"Renew":    {pipeline.Transcribe, func(t *testing.T, l pipeline.Lease) error { return db.Renew(t.Context(), l, leaseOf) }},
		"Hear":     {pipeline.Transcribe, func(t *testing.T, l pipeline.Lease) error { return db.Hear(t.Context(), l, audio.SampleRate) }},
		"Release":  {pipeline.Transcribe, func(t *testing.T, l pipeline.Lease) error { return db.Release(t.Context(), l, 0, false) }},
		"Fail":     {pipeline.Merge, func(t *testing.T, l pipeline.Lease) error { return db.Fail(t.Context(), l, gaveUp) }},
	}
}

// upTo takes a new transcription to where a step of that kind is leased.
func upTo(t *testing.T, db *postgres.DB, owner uuid.UUID, k pipeline.Kind) pipeline.Lease {
	t.Helper()
	if k == pipeline.Prepare {
		tr := addTranscription(t, db, owner)
		l := claim(t, db, tr.Ref(), k, 0)
		ok(t, db.SaveSource(t.Context(), l, source(1)))
		return l
	}
	tr := prepare(t, db, owner, 1)
	if k == pipeline.Merge {
		transcribe(t, db, tr, 0)
		ok(t, db.Advance(t.Context(), tr.Ref()))
	}
	return claim(t, db, tr.Ref(), k, 0)
}

func TestDB_fencing(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	unguarded(t, db)
	owner := addUser(t, db)
	spoil := map[string]func(*testing.T, *pipeline.Lease){
		"an old token": func(_ *testing.T, l *pipeline.Lease) { l.Token = uuid.New() },
		"a taken lease": func(t *testing.T, l *pipeline.Lease) {
			execSQL(t, db, "UPDATE steps SET lease_token = gen_random_uuid() WHERE transcription_id = ? AND state = 'running'", l.Step.Ref.ID)
		},
		"a rescued step": func(t *testing.T, l *pipeline.Lease) {
			execSQL(t, db, "UPDATE steps SET state = 'waiting', lease_token = NULL, lease_until = NULL WHERE transcription_id = ? AND state = 'running'", l.Step.Ref.ID)
		},
		"an older run": func(t *testing.T, l *pipeline.Lease) {
			execSQL(t, db, "UPDATE transcriptions SET run = 2 WHERE id = ?", l.Step.Ref.ID)
			execSQL(t, db, "UPDATE steps SET state = 'canceled', lease_token = NULL, lease_until = NULL WHERE transcription_id = ?", l.Step.Ref.ID)
		},
		"a wrong run": func(_ *testing.T, l *pipeline.Lease) { l.Step.Ref.Run = 2 },
		"a failed run": func(t *testing.T, l *pipeline.Lease) {
			ok(t, db.Fail(t.Context(), *l, gaveUp))
		},
		"a canceled run": func(t *testing.T, l *pipeline.Lease) {
			ok(t, db.Move(t.Context(), l.Step.Ref, transcription.Canceled))
			execSQL(t, db, "UPDATE steps SET state = 'canceled', lease_token = NULL, lease_until = NULL WHERE transcription_id = ?", l.Step.Ref.ID)
		},
		"a deleted transcription": func(t *testing.T, l *pipeline.Lease) {
			ok(t, db.DeleteTranscription(t.Context(), owner, l.Step.Ref.ID))
		},
		"another kind of step": func(_ *testing.T, l *pipeline.Lease) {
			l.Step.Kind = pipeline.Kinds[(slices.Index(pipeline.Kinds, l.Step.Kind)+1)%len(pipeline.Kinds)]
		},
	}
	for name, w := range writes(db) {
		for why, spoil := range spoil {
			t.Run(name+" with "+why, func(t *testing.T) {
				t.Parallel()
				l := upTo(t, db, owner, w.kind)
				spoil(t, &l)
				wantGone(t, w.call(t, l))
			})
		}
		t.Run(name+" with the lease", func(t *testing.T) {
			t.Parallel()
			ok(t, w.call(t, upTo(t, db, owner, w.kind)))
		})
	}
}

// A run that is over is no error to those who only wanted to give it up or advance it.
func TestDB_over(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	tr := complete(t, db, addUser(t, db))
	older := transcription.Ref{ID: tr.ID, Run: 9}
	missing := transcription.Ref{ID: newID(t), Run: 1}
	for _, ref := range []transcription.Ref{tr.Ref(), older, missing} {
		ok(t, db.GiveUp(ctx, pipeline.Step{Ref: ref, Kind: pipeline.Prepare, Gen: 1}, gaveUp))
		ok(t, db.Advance(ctx, ref))
	}
	if got := status(t, db, tr.ID); got != transcription.Completed {
		t.Errorf("got %s, want it completed as before", got)
	}
	for ref, want := range map[transcription.Ref]fault.Kind{tr.Ref(): fault.Conflict, older: fault.Conflict, missing: fault.NotFound} {
		_, err := db.Run(ctx, ref)
		wantKind(t, err, want)
		_, err = db.Results(ctx, ref)
		wantKind(t, err, want)
	}
}

func TestDB_Run(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	tr := addTranscription(t, db, addUser(t, db))
	got, err := db.Run(t.Context(), tr.Ref())
	ok(t, err)
	if diff := cmp.Diff(tr, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestDB_AddChunks_twice(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner := addUser(t, db)
	tr := addTranscription(t, db, owner)
	l := claim(t, db, tr.Ref(), pipeline.Prepare, 0)
	ok(t, db.SaveSource(ctx, l, source(2)))
	c := chunk(tr.Ref(), owner, 0)
	ok(t, db.AddChunks(ctx, l, c))
	transcribe(t, db, tr, 0)
	ok(t, db.AddChunks(ctx, l, c))
	if diff := cmp.Diff(map[string]int{"done": 1, "running": 1}, states(t, db, tr.Ref())); diff != "" {
		t.Errorf("steps: -want +got\n%s", diff)
	}
	if got := readSQL[audio.Samples](t, db, "SELECT cut_samples FROM transcriptions WHERE id = ?", tr.ID); got != minute {
		t.Errorf("%d samples are cut, want %d", got, minute)
	}
	c.End += 10
	if err := db.AddChunks(ctx, l, c); err == nil || fault.Is(err, fault.Conflict) {
		t.Errorf("got %v for a chunk cut elsewhere, want an internal error", err)
	}
}

// TestDB_FinishChunk_atOnce lets all chunks of a run end at the same time. When the
// transcription was not locked, the last two could each see the other unfinished,
// and there was never a merge step.
func TestDB_FinishChunk_atOnce(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	const n = 32
	tr := prepare(t, db, addUser(t, db), n)
	leases := make([]pipeline.Lease, n)
	for i := range leases {
		leases[i] = claim(t, db, tr.Ref(), pipeline.Transcribe, i)
	}
	start := make(chan struct{})
	errs := make(chan error, n)
	for i, l := range leases {
		go func() {
			<-start
			if err := db.FinishChunk(ctx, l, result(chunk(tr.Ref(), tr.OwnerID, i))); err != nil {
				errs <- err
				return
			}
			errs <- db.Advance(ctx, tr.Ref())
		}()
	}
	close(start)
	for range n {
		ok(t, <-errs)
	}
	if diff := cmp.Diff(map[string]int{"done": n + 1, "waiting": 1}, states(t, db, tr.Ref())); diff != "" {
		t.Errorf("steps: -want +got\n%s", diff)
	}
	if got := status(t, db, tr.ID); got != transcription.Merging {
		t.Errorf("got %s, want merging", got)
	}
	if got := readSQL[audio.Samples](t, db, "SELECT done_samples FROM transcriptions WHERE id = ?", tr.ID); got != n*minute {
		t.Errorf("%d samples are done, want %d", got, n*minute)
	}
}

// TestDB_progress_forward lets chunks end at the same time and looks at the progress
// all the while.
func TestDB_progress_forward(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	const n = 16
	tr := prepare(t, db, addUser(t, db), n)
	var wg sync.WaitGroup
	errs := make(chan error, n)
	for i := range n {
		l := claim(t, db, tr.Ref(), pipeline.Transcribe, i)
		wg.Go(func() { errs <- db.FinishChunk(ctx, l, result(chunk(tr.Ref(), tr.OwnerID, i))) })
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	last := 0.0
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		got, err := db.Transcription(ctx, tr.OwnerID, tr.ID)
		ok(t, err)
		if got.Progress < last {
			t.Fatalf("progress went from %v back to %v", last, got.Progress)
		}
		last = got.Progress
	}
	for range n {
		ok(t, <-errs)
	}
	if last != 0.99 {
		t.Errorf("progress is %v in the end, want 0.99", last)
	}
}

func TestDB_Fail(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	owner := addUser(t, db)
	for code, wantPrefix := range map[string]string{"gave_up": "chunks/1/", "no_audio": "", "unreadable_media": "", "": "chunks/1/"} {
		t.Run("code "+code, func(t *testing.T) {
			t.Parallel()
			tr := prepare(t, db, owner, 2)
			l := claim(t, db, tr.Ref(), pipeline.Transcribe, 1)
			execSQL(t, db, "UPDATE steps SET attempts = max_attempts WHERE transcription_id = ? AND kind = 'transcribe' AND index = 0", tr.ID)
			ok(t, db.Fail(t.Context(), l, transcription.Failure{Code: code, Message: "It did not work."}))
			got, err := db.Transcription(t.Context(), owner, tr.ID)
			ok(t, err)
			want := &transcription.Failure{Code: code, Message: "It did not work."}
			if code == "" {
				want.Code = "internal"
			}
			if got.Status != transcription.Failed || !cmp.Equal(got.Failure, want) {
				t.Errorf("got %s %+v, want failed %+v", got.Status, got.Failure, want)
			}
			if diff := cmp.Diff(map[string]int{"done": 1, "failed": 1, "canceled": 1}, states(t, db, tr.Ref())); diff != "" {
				t.Errorf("steps: -want +got\n%s", diff)
			}
			prefix := transcription.Prefix(owner, tr.ID)
			if n := readSQL[int](t, db, "SELECT count(*) FROM garbage WHERE prefix = ?", prefix+wantPrefix); n != 1 {
				t.Errorf("%s is not garbage", prefix+wantPrefix)
			}
			wantGone(t, db.Renew(t.Context(), l, leaseOf))
		})
	}
}

// A recording that nothing can be made of is deleted with its run, without anybody asking. One
// that is held was so too, for want of a look at the hold.
func TestDB_Fail_underHold(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner := addUser(t, db)
	folder := &transcription.Folder{ID: newID(t), OwnerID: owner, Name: "Case"}
	ok(t, db.CreateFolder(ctx, folder))
	_, err := db.HoldFolder(ctx, owner, folder.ID, true)
	ok(t, err)
	hopeless := transcription.Failure{Code: "no_audio", Message: "There is no sound."}
	for name, hold := range map[string]func(id uuid.UUID) error{
		"its own": func(id uuid.UUID) error {
			_, err := db.HoldTranscription(ctx, owner, id, true)
			return err
		},
		"an administrator's": func(id uuid.UUID) error {
			_, err := db.HoldTranscription(ctx, uuid.Nil, id, true)
			return err
		},
		"that of its folder": func(id uuid.UUID) error {
			_, err := db.Arrange(ctx, owner, []uuid.UUID{id}, transcription.Arrangement{Folder: &folder.ID})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := prepare(t, db, owner, 1)
			ok(t, hold(tr.ID))
			ok(t, db.Fail(t.Context(), claim(t, db, tr.Ref(), pipeline.Transcribe, 0), hopeless))
			got, err := db.Head(t.Context(), owner, tr.ID)
			ok(t, err)
			if got.Status != transcription.Failed || got.File.Gone || !got.MediaKept() {
				t.Errorf("it is %s, its recording gone: %v", got.Status, got.File.Gone)
			}
			prefix := transcription.Prefix(owner, tr.ID)
			if n := readSQL[int](t, db, "SELECT count(*) FROM garbage WHERE prefix = ?", prefix); n != 0 {
				t.Errorf("%s is garbage", prefix)
			}
			if n := readSQL[int](t, db, "SELECT count(*) FROM garbage WHERE prefix = ?", prefix+"chunks/1/"); n != 1 {
				t.Errorf("its chunks are not garbage")
			}
			ok(t, db.RetryTranscription(t.Context(), owner, transcription.NextRun{After: tr.Ref(), Options: tr.Options}))
		})
	}
}

// Whoever is promised a hold in the moment in which a run fails has the recording, or was told
// that it has gone: the hold and the failure lock the same rows, in the same order.
func TestDB_Fail_holdInTheSameMoment(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	for round := range 12 {
		owner := addUser(t, db)
		folder := &transcription.Folder{ID: newID(t), OwnerID: owner, Name: "Case"}
		ok(t, db.CreateFolder(ctx, folder))
		tr := prepare(t, db, owner, 1)
		_, err := db.Arrange(ctx, owner, []uuid.UUID{tr.ID}, transcription.Arrangement{Folder: &folder.ID})
		ok(t, err)
		l := claim(t, db, tr.Ref(), pipeline.Transcribe, 0)
		var promised bool
		var both sync.WaitGroup
		both.Go(func() {
			if err := db.Fail(ctx, l, transcription.Failure{Code: "no_audio", Message: "There is no sound."}); err != nil {
				t.Error(err)
			}
		})
		both.Go(func() {
			if _, err := db.HoldFolder(ctx, owner, folder.ID, true); err != nil {
				t.Error(err)
				return
			}
			head, err := db.Head(ctx, owner, tr.ID)
			if err != nil {
				t.Error(err)
				return
			}
			promised = !head.File.Gone
		})
		both.Wait()
		head, err := db.Head(ctx, owner, tr.ID)
		ok(t, err)
		if promised == head.File.Gone {
			t.Errorf("round %d: the recording was there when the hold was promised: %v, it is gone: %v", round, promised, head.File.Gone)
		}
	}
}

// TestMove tries every way from one status to another.
func TestMove(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	unguarded(t, db)
	tr := addTranscription(t, db, addUser(t, db))
	force := func(s transcription.Status) {
		t.Helper()
		execSQL(t, db, `UPDATE transcriptions SET status = ?0, failure_code = CASE WHEN ?0 = 'failed' THEN 'x' ELSE '' END,
			completed_at = CASE WHEN ?0 = 'completed' THEN now() END, progress = CASE WHEN ?0 = 'completed' THEN 1 ELSE 0 END WHERE id = ?1`, s, tr.ID)
	}
	for _, from := range transcription.Statuses {
		for _, to := range transcription.Statuses {
			force(from)
			err := db.Move(t.Context(), tr.Ref(), to)
			switch allowed := slices.Contains(postgres.Before[to], from); {
			case !allowed && (!fault.Is(err, fault.Conflict) || status(t, db, tr.ID) != from):
				t.Errorf("%s to %s: got %v and %s, want a conflict", from, to, err, status(t, db, tr.ID))
			case allowed && (to == transcription.Failed || to == transcription.Completed || from == transcription.Failed || from == transcription.Completed):
				if err == nil { // the database asks for a failure or for a text, or for there to be none
					t.Errorf("%s to %s went without what belongs to it", from, to)
				}
			case allowed && err != nil:
				t.Errorf("%s to %s: %v", from, to, err)
			}
		}
	}
	for s := range postgres.Before {
		if s.Final() != slices.Equal(successors(s), []transcription.Status{transcription.Queued}) {
			t.Errorf("%s leads to %v", s, successors(s))
		}
	}
}

func successors(s transcription.Status) (found []transcription.Status) {
	for to, from := range postgres.Before {
		if slices.Contains(from, s) {
			found = append(found, to)
		}
	}
	return found
}

// A model may emit half a letter, a NUL or no number; PostgreSQL takes none of them.
func TestDB_Complete_dirtyText(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	tr := prepare(t, db, addUser(t, db), 0)
	ok(t, db.Advance(t.Context(), tr.Ref()))
	zero := 0.0
	dirty := pipeline.Transcript{Text: "a\x00b\xff", Segments: []transcription.Segment{{
		End: time.Second, Text: "a\x00b\xff", Confidence: zero / zero,
		Words: []transcription.Word{{End: time.Second, Text: "c\x00d\xfe", Confidence: 7}},
	}}}
	ok(t, db.Complete(t.Context(), claim(t, db, tr.Ref(), pipeline.Merge, 0), dirty))
	got, err := db.Transcription(t.Context(), tr.OwnerID, tr.ID)
	ok(t, err)
	want := []transcription.Segment{{End: time.Second, Text: "ab\uFFFD", Words: []transcription.Word{{End: time.Second, Text: "cd\uFFFD", Confidence: 1}}}}
	if diff := cmp.Diff(want, got.Segments); diff != "" || got.Text != "ab\uFFFD" {
		t.Errorf("text %q, segments -want +got\n%s", got.Text, diff)
	}
}

func TestDB_Complete_manySegments(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	tr := prepare(t, db, addUser(t, db), 0)
	ok(t, db.Advance(t.Context(), tr.Ref()))
	var long pipeline.Transcript
	for i := range 1201 {
		at := time.Duration(i) * time.Second
		long.Segments = append(long.Segments, transcription.Segment{Start: at, End: at + time.Second, Text: strconv.Itoa(i), Confidence: 1})
	}
	ok(t, db.Complete(t.Context(), claim(t, db, tr.Ref(), pipeline.Merge, 0), long))
	got, err := db.Transcription(t.Context(), tr.OwnerID, tr.ID)
	ok(t, err)
	if diff := cmp.Diff(long.Segments, got.Segments); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
