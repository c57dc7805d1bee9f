package pipelinetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// same is the recipe of the chunks and results of a bench.
var same = pipeline.Recipe{Cut: "mix", Made: "by the book"}

// finish does the transcribe steps of those chunks, and only dispatches the others.
func (b *bench) finish(t *testing.T, ref transcription.Ref, indexes ...int) {
	t.Helper()
	for _, s := range b.dispatch(t, 100) {
		if !slices.Contains(indexes, s.Index) {
			continue
		}
		l, err := b.Claim(t.Context(), s, "w", long)
		must(t, err)
		must(t, b.FinishChunk(t.Context(), l, result(b.chunk(ref, s.Index), "x")))
	}
}

// retry begins another run with the same options and leases its prepare step.
func (b *bench) retry(t *testing.T, ref transcription.Ref) (transcription.Ref, pipeline.Lease) {
	t.Helper()
	must(t, b.RetryTranscription(t.Context(), b.owner, transcription.NextRun{After: ref}))
	l := b.claim(t, long)
	if ref.Run++; l.Step.Kind != pipeline.Prepare || l.Step.Ref != ref {
		t.Fatalf("got %s, want prepare of run %d", l.Step, ref.Run)
	}
	must(t, b.SaveSource(t.Context(), l, source))
	return ref, l
}

// canceled returns a run that was canceled with so many chunks, those done.
func (b *bench) canceled(t *testing.T, chunks int, done ...int) transcription.Ref {
	t.Helper()
	ref := b.create(t)
	b.prepare(t, ref, chunks)
	b.finish(t, ref, done...)
	must(t, b.CancelTranscription(t.Context(), b.owner, ref.ID))
	return ref
}

// wantAdopted expects so many chunks in a run, and its steps for those that are left.
func (b *bench) wantAdopted(t *testing.T, ref transcription.Ref, chunks int, left ...int) {
	t.Helper()
	got, err := b.Chunks(t.Context(), ref)
	must(t, err)
	if len(got) != chunks {
		t.Fatalf("got %d chunks, want %d", len(got), chunks)
	}
	for i, c := range got {
		if want := b.chunk(ref, i); c.Ref != ref || c.Index != i || c.Piece != want.Piece || c.Channel != want.Channel || c.Cut != want.Cut {
			t.Errorf("chunk %d is %+v", i, c)
		}
	}
	var indexes []int
	for _, s := range b.dispatch(t, 100) {
		if s.Kind != pipeline.Transcribe || s.Ref != ref {
			t.Errorf("%s is to be done", s)
		}
		indexes = append(indexes, s.Index)
	}
	slices.Sort(indexes)
	if diff := cmp.Diff(left, indexes); diff != "" {
		t.Errorf("left to do: -want +got\n%s", diff)
	}
}

func testAdopt(t *testing.T, b *bench) {
	old := b.canceled(t, 3, 0, 2)
	ref, l := b.retry(t, old)
	for range 2 {
		must(t, b.Adopt(t.Context(), l, same))
	}
	chunks, err := b.Chunks(t.Context(), ref)
	must(t, err)
	for i, c := range chunks {
		if want := b.chunk(old, i).Key; c.Key != want {
			t.Errorf("the sound of chunk %d is in %s, want %s", i, c.Key, want)
		}
	}
	must(t, b.Outlast(t.Context()))
	b.wantNoGarbage(t) // it is in use
	steps := b.dispatch(t, 100)
	if len(steps) != 1 || steps[0].Index != 1 || steps[0].Kind != pipeline.Transcribe {
		t.Fatalf("got %v, want chunk 1", steps)
	}
	must(t, b.FinishPrepare(t.Context(), l, source))
	transcribe, err := b.Claim(t.Context(), steps[0], "w", long)
	must(t, err)
	must(t, b.FinishChunk(t.Context(), transcribe, result(b.chunk(ref, 1), "y")))
	must(t, b.Advance(t.Context(), ref))
	results, err := b.Results(t.Context(), ref)
	must(t, err)
	var texts []string
	for _, r := range results {
		texts = append(texts, r.Segments[0].Text)
	}
	if diff := cmp.Diff([]string{"x", "y", "x"}, texts); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	must(t, b.Complete(t.Context(), b.claim(t, long), pipeline.Transcript{}))
	prefixes, err := b.Garbage(t.Context(), 10)
	must(t, err)
	for _, run := range []string{"chunks/1/", "chunks/2/"} {
		if !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasSuffix(p, run) }) {
			t.Errorf("%s is no garbage: %v", run, prefixes)
		}
	}
}

func testAdoptSound(t *testing.T, b *bench) {
	ref, l := b.retry(t, b.canceled(t, 3, 0, 2))
	must(t, b.Adopt(t.Context(), l, pipeline.Recipe{Cut: same.Cut, Made: "otherwise"}))
	b.wantAdopted(t, ref, 3, 0, 1, 2)
}

func testAdoptNothing(t *testing.T, b *bench) {
	ref, l := b.retry(t, b.canceled(t, 3, 0, 2))
	must(t, b.Adopt(t.Context(), l, pipeline.Recipe{Cut: "split", Made: same.Made}))
	b.wantAdopted(t, ref, 0)
}

// testAdoptTooLate retries when the sound is collected, or may just be being so: what
// comes behind the first chunk that is not done has to be cut anew.
func testAdoptTooLate(t *testing.T, b *bench) {
	old := b.canceled(t, 4, 0, 1, 3)
	must(t, b.Outlast(t.Context()))
	ref, l := b.retry(t, old)
	must(t, b.Adopt(t.Context(), l, same))
	b.wantAdopted(t, ref, 2)
	must(t, b.AddChunks(t.Context(), l, b.chunk(ref, 2)))
	b.wantAdopted(t, ref, 3, 2)
}

// testAdoptMost tries something else in between: what the first run has done is not
// done again for that.
func testAdoptMost(t *testing.T, b *bench) {
	ref, l := b.retry(t, b.canceled(t, 3, 0, 1))
	must(t, b.Adopt(t.Context(), l, pipeline.Recipe{Cut: same.Cut, Made: "otherwise"}))
	must(t, b.CancelTranscription(t.Context(), b.owner, ref.ID))
	ref, l = b.retry(t, ref)
	must(t, b.Adopt(t.Context(), l, same))
	b.wantAdopted(t, ref, 3, 2)
	wantConflict(t, b.Adopt(t.Context(), pipeline.Lease{Step: l.Step, Token: uuid.New()}, same))
}

func testAdoptAll(t *testing.T, b *bench) {
	ref := b.create(t)
	b.prepare(t, ref, 2)
	b.finish(t, ref, 0, 1)
	must(t, b.Advance(t.Context(), ref))
	must(t, b.Complete(t.Context(), b.claim(t, long), pipeline.Transcript{Text: "x x"}))
	ref, l := b.retry(t, ref)
	must(t, b.Adopt(t.Context(), l, same))
	b.wantAdopted(t, ref, 2)
	must(t, b.FinishPrepare(t.Context(), l, source))
	must(t, b.Advance(t.Context(), ref))
	results, err := b.Results(t.Context(), ref)
	if err != nil || len(results) != 2 {
		t.Errorf("got %v, %v", results, err)
	}
	must(t, b.Complete(t.Context(), b.claim(t, long), pipeline.Transcript{Text: "x x"}))
}

func testRetry(t *testing.T, b *bench) {
	ref := b.create(t)
	again := func(ref transcription.Ref) error {
		return b.RetryTranscription(t.Context(), b.owner, transcription.NextRun{After: ref})
	}
	wantCode := func(err error, code string) {
		t.Helper()
		if f := fault.Of(err); !fault.Is(err, fault.Conflict) || f.Code != code {
			t.Errorf("got %v, want %s", err, code)
		}
	}
	l := b.claim(t, long)
	wantCode(again(ref), "in_work")
	must(t, b.Fail(t.Context(), l, gaveUp))
	if err := b.RetryTranscription(t.Context(), uuid.New(), transcription.NextRun{After: ref}); !fault.Is(err, fault.NotFound) {
		t.Errorf("by a stranger: got %v, want not found", err)
	}
	must(t, again(ref))
	wantCode(again(ref), "in_work") // asked for twice
	wantConflict(t, b.Renew(t.Context(), l, long))
	wantConflict(t, b.SaveSource(t.Context(), l, source))
	_, err := b.Claim(t.Context(), l.Step, "w", long)
	wantConflict(t, err)
	_, err = b.Run(t.Context(), ref)
	wantConflict(t, err)
	must(t, b.Fail(t.Context(), b.claim(t, long), transcription.Failure{Code: "no_audio", Message: "There is no sound."}))
	wantCode(again(ref), "in_work") // that is not the present run
	ref.Run++
	wantCode(again(ref), "recording_gone")
}
