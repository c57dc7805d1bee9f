package pipelinetest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// Store is what the suite tests: a pipeline.Store that recordings can be put
// into.
type Store interface {
	pipeline.Store
	CreateTranscription(ctx context.Context, t *transcription.Transcription) error
	CancelTranscription(ctx context.Context, owner, id uuid.UUID) error
	RetryTranscription(ctx context.Context, owner uuid.UUID, next transcription.NextRun) error
	CreateRange(ctx context.Context, owner uuid.UUID, r *transcription.Range) error
	CancelRange(ctx context.Context, owner, id uuid.UUID, number int) error
	Ranges(ctx context.Context, owner, id uuid.UUID, before, limit int) ([]transcription.Range, error)
	// Segments returns the text of a transcription.
	Segments(ctx context.Context, id uuid.UUID) ([]transcription.Segment, error)
	// Outlast lets the time pass for which chunks are kept for another run.
	Outlast(ctx context.Context) error
}

// TestStore proves that a store keeps the promises that the pipeline relies on.
// Open returns an empty store and a user in it.
func TestStore(t *testing.T, open func(t *testing.T) (Store, uuid.UUID)) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, *bench){
		"a run from beginning to end":                  testLife,
		"a recording without speech":                   testSilence,
		"a claim is given once":                        testClaim,
		"an old generation cannot be claimed":          testGeneration,
		"a lost lease cannot write":                    testFencing,
		"an expired lease is rescued, then given up":   testRescue,
		"an interrupted attempt does not count":        testInterrupted,
		"a released step waits":                        testDelay,
		"the queue never holds more than the window":   testWindow,
		"what the queue lost is dispatched anew":       testUndispatchAll,
		"an exhausted step that goes on is left alone": testGoesOn,
		"a failed run refuses everything":              testFailed,
		"a run is canceled in any step":                testCanceled,
		"what has ended cannot be canceled":            testCanceledTooLate,
		"no result is left out":                        testResults,
		"a chunk may be added twice":                   testSameChunk,
		"no chunk is added behind a hole":              testHole,
		"a run that is ready is found":                 testUnadvanced,
		"the epoch is remembered":                      testEpoch,
		"what nobody needs is garbage until collected": testGarbage,
		"another run adopts what fits":                 testAdopt,
		"another recipe uses the sound only":           testAdoptSound,
		"another cut uses nothing":                     testAdoptNothing,
		"what was kept for long enough is gone":        testAdoptTooLate,
		"the run that has most to give is chosen":      testAdoptMost,
		"what was completed is not done again":         testAdoptAll,
		"a run begins behind one that has ended":       testRetry,
		"a range from beginning to end":                testRange,
		"a lost lease on a range cannot write":         testRangeFencing,
		"a range fails by itself":                      testRangeFails,
		"a range that is ready is found":               testRangeUnadvanced,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, owner := open(t)
			test(t, &bench{s, owner})
		})
	}
}

const long = time.Hour // a lease that does not expire in a test

// bench is a store on the bench, with shorthands that end the test on error.
type bench struct {
	Store
	owner uuid.UUID
}

func (b *bench) create(t *testing.T) transcription.Ref {
	t.Helper()
	tr := NewTranscription(t, b.owner)
	must(t, b.CreateTranscription(t.Context(), tr))
	return tr.Ref()
}

// NewTranscription returns a transcription as an upload makes it.
func NewTranscription(t *testing.T, owner uuid.UUID) *transcription.Transcription {
	t.Helper()
	id, err := uuid.NewV7()
	must(t, err)
	fileID, err := uuid.NewV7()
	must(t, err)
	now := time.Now()
	return &transcription.Transcription{
		ID: id, OwnerID: owner, Run: 1, Status: transcription.Queued, CreatedAt: now, UpdatedAt: now,
		File: transcription.File{
			ID: fileID, OwnerID: owner, Name: "talk.flac", ContentType: "audio/flac", Size: 1000,
			SHA256: strings.Repeat("ab", 32), Key: transcription.Prefix(owner, id) + "source", CreatedAt: now,
		},
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantConflict(t *testing.T, err error) {
	t.Helper()
	if !fault.Is(err, fault.Conflict) {
		t.Errorf("got %v, want a conflict", err)
	}
}

func (b *bench) dispatch(t *testing.T, window int) []pipeline.Step {
	t.Helper()
	steps, err := b.Dispatch(t.Context(), window)
	must(t, err)
	return steps
}

// claim dispatches and claims the only step that is ready.
func (b *bench) claim(t *testing.T, lease time.Duration) pipeline.Lease {
	t.Helper()
	steps := b.dispatch(t, 100)
	if len(steps) != 1 {
		t.Fatalf("got %d steps, want 1: %v", len(steps), steps)
	}
	l, err := b.Claim(t.Context(), steps[0], "w", lease)
	must(t, err)
	return l
}

func (b *bench) chunk(ref transcription.Ref, index int) pipeline.Chunk {
	start := audio.Samples(index) * audio.MaxWindow
	return pipeline.Chunk{
		Ref: ref, Index: index, Channel: 1,
		Piece: audio.Piece{Start: start, End: start + audio.MaxWindow, From: start + 10, To: start + audio.MaxWindow - 10},
		Key:   fmt.Sprintf("%schunks/%d/%d.s16", transcription.Prefix(b.owner, ref.ID), ref.Run, index), Cut: "mix",
	}
}

var source = pipeline.Source{Duration: 2 * audio.MaxWindow, Missing: audio.SampleRate, Joined: true, Peaks: "u/peaks/1/a.dat", Model: "demo.en", Language: "en", LanguageConfidence: 1}

// prepare does the prepare step with n chunks.
func (b *bench) prepare(t *testing.T, ref transcription.Ref, n int) {
	t.Helper()
	l := b.claim(t, long)
	must(t, b.SaveSource(t.Context(), l, source))
	for i := range n {
		must(t, b.AddChunks(t.Context(), l, b.chunk(ref, i)))
	}
	must(t, b.FinishPrepare(t.Context(), l, source))
	must(t, b.Advance(t.Context(), ref))
}

func result(c pipeline.Chunk, text string) pipeline.ChunkResult {
	at := c.From.Duration().Round(time.Millisecond)
	return pipeline.ChunkResult{
		Chunk: c, Decoded: c.Len(), Elapsed: time.Second, Made: "by the book", Weights: "ab12", Speech: []audio.Span{{Start: c.From, End: c.To}},
		Segments: []transcription.Segment{{
			Start: at, End: at + time.Second, Text: text, Confidence: 0.5,
			Words: []transcription.Word{{Start: at, End: at + time.Second, Text: text, Confidence: 0.5}},
		}},
	}
}

func testLife(t *testing.T, b *bench) {
	ref := b.create(t)
	b.prepare(t, ref, 2)
	steps := b.dispatch(t, 100)
	if len(steps) != 2 {
		t.Fatalf("got %v, want both chunks", steps)
	}
	for i, text := range []string{"one", "two"} {
		if got := b.dispatch(t, 100); len(got) != 0 {
			t.Errorf("%v before all chunks are done", got)
		}
		l, err := b.Claim(t.Context(), steps[i], "w", long)
		must(t, err)
		must(t, b.FinishChunk(t.Context(), l, result(b.chunk(ref, steps[i].Index), text)))
		must(t, b.Advance(t.Context(), ref))
	}
	l := b.claim(t, long)
	if l.Step.Kind != pipeline.Merge {
		t.Fatalf("got %s, want merge", l.Step)
	}
	results, err := b.Results(t.Context(), ref)
	must(t, err)
	want := []pipeline.ChunkResult{result(b.chunk(ref, 0), "one"), result(b.chunk(ref, 1), "two")}
	if diff := cmp.Diff(results, want); diff != "" {
		t.Errorf("results: %s", diff)
	}
	tr, err := b.Run(t.Context(), ref)
	must(t, err)
	if tr.Model != source.Model || tr.Language != source.Language || tr.Duration != source.Duration.Duration() || tr.Missing != source.Missing.Duration() || tr.Joined != source.Joined || tr.PeaksKey != source.Peaks {
		t.Errorf("the source is lost: %+v", tr)
	}
	must(t, b.Complete(t.Context(), l, pipeline.Transcript{Text: "one two", Segments: want[0].Segments}))
	_, err = b.Run(t.Context(), ref)
	wantConflict(t, err)
}

func testSilence(t *testing.T, b *bench) {
	ref := b.create(t)
	b.prepare(t, ref, 0)
	l := b.claim(t, long)
	if l.Step.Kind != pipeline.Merge {
		t.Fatalf("got %s, want merge", l.Step)
	}
	results, err := b.Results(t.Context(), ref)
	must(t, err)
	if len(results) != 0 {
		t.Errorf("got results of silence: %v", results)
	}
	must(t, b.Complete(t.Context(), l, pipeline.Transcript{}))
}

func testClaim(t *testing.T, b *bench) {
	b.create(t)
	l := b.claim(t, long)
	if l.Attempt != 1 {
		t.Errorf("attempt %d, want 1", l.Attempt)
	}
	_, err := b.Claim(t.Context(), l.Step, "another", long)
	wantConflict(t, err)
	must(t, b.FinishPrepare(t.Context(), l, source))
	_, err = b.Claim(t.Context(), l.Step, "another", long)
	wantConflict(t, err)
}

func testGeneration(t *testing.T, b *bench) {
	b.create(t)
	first := b.dispatch(t, 100)[0]
	must(t, b.Undispatch(t.Context(), first))
	second := b.dispatch(t, 100)[0]
	if second.Gen <= first.Gen {
		t.Errorf("generation %d does not follow %d", second.Gen, first.Gen)
	}
	_, err := b.Claim(t.Context(), first, "w", long)
	wantConflict(t, err)
	_, err = b.Claim(t.Context(), second, "w", long)
	must(t, err)
}

func testFencing(t *testing.T, b *bench) {
	ref := b.create(t)
	old := b.claim(t, time.Millisecond)
	b.rescue(t)
	l := b.claim(t, long)
	wantConflict(t, b.Renew(t.Context(), old, long))
	wantConflict(t, b.SaveSource(t.Context(), old, source))
	wantConflict(t, b.AddChunks(t.Context(), old, b.chunk(ref, 0)))
	wantConflict(t, b.FinishPrepare(t.Context(), old, source))
	wantConflict(t, b.FinishChunk(t.Context(), old, result(b.chunk(ref, 0), "x")))
	wantConflict(t, b.Complete(t.Context(), old, pipeline.Transcript{}))
	wantConflict(t, b.Release(t.Context(), old, 0, false))
	wantConflict(t, b.Fail(t.Context(), old, gaveUp))
	must(t, b.Renew(t.Context(), l, long))
	must(t, b.FinishPrepare(t.Context(), l, source))
}

// rescue waits for the lease of the only running step to expire and takes it.
func (b *bench) rescue(t *testing.T) {
	t.Helper()
	for t.Context().Err() == nil {
		rescued, exhausted, err := b.Rescue(t.Context(), 10)
		must(t, err)
		if len(exhausted) > 0 {
			t.Fatalf("exhausted: %v", exhausted)
		}
		if len(rescued) == 1 {
			return
		}
	}
}

var gaveUp = transcription.Failure{Code: "gave_up", Message: "This did not work."}

// exhaust begins the only step as often as it may be, and waits until the last
// lease has expired too.
func (b *bench) exhaust(t *testing.T) pipeline.Lease {
	t.Helper()
	for range pipeline.MaxAttempts - 1 {
		b.claim(t, time.Millisecond)
		b.rescue(t)
	}
	last := b.claim(t, time.Millisecond)
	if last.Attempt != pipeline.MaxAttempts {
		t.Errorf("attempt %d, want %d", last.Attempt, pipeline.MaxAttempts)
	}
	for t.Context().Err() == nil {
		rescued, exhausted, err := b.Rescue(t.Context(), 10)
		must(t, err)
		if len(rescued) > 0 {
			t.Fatalf("begun too often and yet rescued: %v", rescued)
		}
		if len(exhausted) == 1 && exhausted[0] == last.Step {
			break
		}
	}
	return last
}

func testRescue(t *testing.T, b *bench) {
	ref := b.create(t)
	last := b.exhaust(t)
	for range 2 { // the second finds the run over
		must(t, b.GiveUp(t.Context(), last.Step, gaveUp))
	}
	_, err := b.Run(t.Context(), ref)
	wantConflict(t, err)
	wantConflict(t, b.FinishPrepare(t.Context(), last, source))
	if _, exhausted, err := b.Rescue(t.Context(), 10); err != nil || len(exhausted) != 0 {
		t.Errorf("got %v, %v, want nothing left to give up", exhausted, err)
	}
}

// testGoesOn has the worker of an exhausted step come back between being reported
// and being given up.
func testGoesOn(t *testing.T, b *bench) {
	ref := b.create(t)
	last := b.exhaust(t)
	older := last.Step
	older.Gen--
	must(t, b.GiveUp(t.Context(), older, gaveUp))
	must(t, b.Renew(t.Context(), last, long))
	must(t, b.GiveUp(t.Context(), last.Step, gaveUp))
	must(t, b.FinishPrepare(t.Context(), last, source))
	must(t, b.GiveUp(t.Context(), last.Step, gaveUp))
	must(t, b.Advance(t.Context(), ref))
	merge := b.claim(t, -time.Second)
	must(t, b.GiveUp(t.Context(), merge.Step, gaveUp)) // it has attempts left
	_, err := b.Run(t.Context(), ref)
	must(t, err)
	b.rescue(t)
	must(t, b.Complete(t.Context(), b.claim(t, long), pipeline.Transcript{}))
}

func testInterrupted(t *testing.T, b *bench) {
	b.create(t)
	for range pipeline.MaxAttempts + 2 {
		l := b.claim(t, long)
		if l.Attempt != 1 {
			t.Fatalf("attempt %d, want 1", l.Attempt)
		}
		must(t, b.Release(t.Context(), l, 0, true))
	}
}

func testDelay(t *testing.T, b *bench) {
	b.create(t)
	must(t, b.Release(t.Context(), b.claim(t, long), time.Hour, false))
	if steps := b.dispatch(t, 100); len(steps) != 0 {
		t.Errorf("%v does not wait", steps)
	}
}

func testWindow(t *testing.T, b *bench) {
	for range 5 {
		b.create(t)
	}
	first := b.dispatch(t, 2)
	if len(first) != 2 || len(b.dispatch(t, 2)) != 0 {
		t.Fatalf("got %v, want two and then none", first)
	}
	_, err := b.Claim(t.Context(), first[0], "w", long)
	must(t, err)
	if more := b.dispatch(t, 2); len(more) != 1 || more[0] == first[0] || more[0] == first[1] {
		t.Errorf("got %v, want one other", more)
	}
}

func testUndispatchAll(t *testing.T, b *bench) {
	b.create(t)
	b.create(t)
	first := b.dispatch(t, 100)
	n, err := b.UndispatchAll(t.Context())
	must(t, err)
	if n != 2 {
		t.Errorf("put %d back, want 2", n)
	}
	second := b.dispatch(t, 100)
	if len(second) != 2 || second[0].Gen <= first[0].Gen {
		t.Errorf("got %v after %v", second, first)
	}
	stale, err := b.Stale(t.Context(), 0, 10)
	must(t, err)
	if len(stale) != 2 {
		t.Errorf("got %v, want both", stale)
	}
	stale, err = b.Stale(t.Context(), time.Hour, 10)
	must(t, err)
	if len(stale) != 0 {
		t.Errorf("%v are not stale yet", stale)
	}
}

func testFailed(t *testing.T, b *bench) {
	ref := b.create(t)
	l := b.claim(t, long)
	must(t, b.Fail(t.Context(), l, transcription.Failure{Code: "no_audio", Message: "There is no sound."}))
	wantConflict(t, b.Fail(t.Context(), l, transcription.Failure{Code: "again", Message: "Again."}))
	wantConflict(t, b.Renew(t.Context(), l, long))
	wantConflict(t, b.Hear(t.Context(), l, audio.SampleRate))
	wantConflict(t, b.FinishPrepare(t.Context(), l, source))
	_, err := b.Run(t.Context(), ref)
	wantConflict(t, err)
	must(t, b.Advance(t.Context(), ref))
	if steps := b.dispatch(t, 100); len(steps) != 0 {
		t.Errorf("%v of a failed run", steps)
	}
}

// testCanceled cancels a run in every step of its life: whoever works on it has its
// writes refused, nothing more is dispatched, and the chunks are garbage after a while;
// the recording stays.
func testCanceled(t *testing.T, b *bench) {
	for name, begin := range map[string]func(ref transcription.Ref) *pipeline.Lease{
		"queued": func(transcription.Ref) *pipeline.Lease { return nil },
		"preparing": func(ref transcription.Ref) *pipeline.Lease {
			l := b.claim(t, long)
			must(t, b.SaveSource(t.Context(), l, source))
			must(t, b.AddChunks(t.Context(), l, b.chunk(ref, 0)))
			return &l
		},
		"transcribing": func(ref transcription.Ref) *pipeline.Lease {
			b.prepare(t, ref, 2)
			l, err := b.Claim(t.Context(), b.dispatch(t, 100)[0], "w", long)
			must(t, err)
			return &l
		},
		"merging": func(ref transcription.Ref) *pipeline.Lease {
			b.prepare(t, ref, 0)
			l := b.claim(t, long)
			return &l
		},
	} {
		ref := b.create(t)
		l := begin(ref)
		if err := b.CancelTranscription(t.Context(), uuid.New(), ref.ID); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s, by a stranger: got %v, want not found", name, err)
		}
		for range 2 {
			must(t, b.CancelTranscription(t.Context(), b.owner, ref.ID))
		}
		if l != nil {
			wantConflict(t, b.Renew(t.Context(), *l, long))
			wantConflict(t, b.AddChunks(t.Context(), *l, b.chunk(ref, 1)))
			wantConflict(t, b.FinishPrepare(t.Context(), *l, source))
			wantConflict(t, b.FinishChunk(t.Context(), *l, result(b.chunk(ref, l.Step.Index), "x")))
			wantConflict(t, b.Complete(t.Context(), *l, pipeline.Transcript{}))
			wantConflict(t, b.Release(t.Context(), *l, 0, true))
			wantConflict(t, b.Fail(t.Context(), *l, gaveUp))
			must(t, b.GiveUp(t.Context(), l.Step, gaveUp))
		}
		_, err := b.Run(t.Context(), ref)
		wantConflict(t, err)
		must(t, b.Advance(t.Context(), ref))
		if steps := b.dispatch(t, 100); len(steps) != 0 {
			t.Errorf("%s: %v of a canceled run", name, steps)
		}
		if rescued, exhausted, err := b.Rescue(t.Context(), 10); err != nil || len(rescued)+len(exhausted) > 0 {
			t.Errorf("%s: got %v, %v, %v to rescue", name, rescued, exhausted, err)
		}
		b.wantNoGarbage(t)
		must(t, b.Outlast(t.Context()))
		prefixes, err := b.Garbage(t.Context(), 10)
		must(t, err)
		if len(prefixes) != 1 || !strings.HasPrefix(prefixes[0], transcription.Prefix(b.owner, ref.ID)+"chunks/") {
			t.Errorf("%s: got %v, want the chunks", name, prefixes)
		}
		must(t, b.Collected(t.Context(), prefixes))
	}
}

func testCanceledTooLate(t *testing.T, b *bench) {
	for status, end := range map[transcription.Status]func(ref transcription.Ref){
		transcription.Completed: func(ref transcription.Ref) {
			b.prepare(t, ref, 0)
			must(t, b.Complete(t.Context(), b.claim(t, long), pipeline.Transcript{}))
		},
		transcription.Failed: func(transcription.Ref) { must(t, b.Fail(t.Context(), b.claim(t, long), gaveUp)) },
	} {
		ref := b.create(t)
		end(ref)
		err := b.CancelTranscription(t.Context(), b.owner, ref.ID)
		wantConflict(t, err)
		if f := fault.Of(err); f.Code != "already_ended" || f.Details["status"] != string(status) {
			t.Errorf("%s: got %+v", status, f)
		}
	}
	if err := b.CancelTranscription(t.Context(), b.owner, uuid.New()); !fault.Is(err, fault.NotFound) {
		t.Errorf("an unknown id: got %v, want not found", err)
	}
}

// testResults asks for results too early: what was merged then would lack a chunk.
func testResults(t *testing.T, b *bench) {
	ref := b.create(t)
	b.prepare(t, ref, 2)
	for _, s := range b.dispatch(t, 100) {
		_, err := b.Results(t.Context(), ref)
		wantConflict(t, err)
		l, err := b.Claim(t.Context(), s, "w", long)
		must(t, err)
		must(t, b.FinishChunk(t.Context(), l, result(b.chunk(ref, s.Index), "x")))
	}
	results, err := b.Results(t.Context(), ref)
	must(t, err)
	if len(results) != 2 {
		t.Errorf("got %v, want both", results)
	}
}

func testUnadvanced(t *testing.T, b *bench) {
	ref := b.create(t)
	l := b.claim(t, long)
	must(t, b.SaveSource(t.Context(), l, source))
	if refs, err := b.Unadvanced(t.Context(), 10); err != nil || len(refs) != 0 {
		t.Errorf("got %v, %v, want none yet", refs, err)
	}
	must(t, b.FinishPrepare(t.Context(), l, source))
	refs, err := b.Unadvanced(t.Context(), 10)
	must(t, err)
	if len(refs) != 1 || refs[0] != ref {
		t.Errorf("got %v, want %s", refs, ref)
	}
	for range 2 {
		must(t, b.Advance(t.Context(), ref))
	}
	if steps := b.dispatch(t, 100); len(steps) != 1 || steps[0].Kind != pipeline.Merge {
		t.Errorf("got %v, want one merge", steps)
	}
}

func testEpoch(t *testing.T, b *bench) {
	for _, want := range []string{"", "first", "second"} {
		if want != "" {
			must(t, b.SetEpoch(t.Context(), want))
		}
		got, err := b.Epoch(t.Context())
		must(t, err)
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func testGarbage(t *testing.T, b *bench) {
	ref := b.create(t)
	must(t, b.Fail(t.Context(), b.claim(t, long), gaveUp))
	b.wantNoGarbage(t)
	must(t, b.Outlast(t.Context()))
	prefixes, err := b.Garbage(t.Context(), 10)
	must(t, err)
	if len(prefixes) != 1 || !strings.HasPrefix(prefixes[0], transcription.Prefix(b.owner, ref.ID)+"chunks/") {
		t.Fatalf("got %v, want the chunks", prefixes)
	}
	must(t, b.Collected(t.Context(), prefixes))
	b.wantNoGarbage(t)
}

func (b *bench) wantNoGarbage(t *testing.T) {
	t.Helper()
	prefixes, err := b.Garbage(t.Context(), 10)
	must(t, err)
	if len(prefixes) != 0 {
		t.Errorf("%v are garbage", prefixes)
	}
}
