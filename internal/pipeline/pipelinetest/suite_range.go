package pipelinetest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// says returns a segment of one word for each second from the first on.
func says(from int, words ...string) (found []transcription.Segment) {
	for i, w := range words {
		start := time.Duration(from+i) * time.Second
		found = append(found, transcription.Segment{
			Start: start, End: start + time.Second, Text: w, Confidence: 0.5,
			Words: []transcription.Word{{Start: start, End: start + time.Second, Text: w, Confidence: 0.5}},
		})
	}
	return found
}

// completed returns a run with the text "a b c d", a second each.
func (b *bench) completed(t *testing.T) transcription.Ref {
	t.Helper()
	ref := b.create(t)
	b.prepare(t, ref, 0)
	segments := says(0, "a", "b", "c", "d")
	must(t, b.Complete(t.Context(), b.claim(t, long), pipeline.Transcript{Segments: segments, Text: transcription.Text(segments)}))
	return ref
}

// part begins a range of the second and the third word, and leases its prepare step.
func (b *bench) part(t *testing.T, ref transcription.Ref) (transcription.Ref, pipeline.Lease) {
	t.Helper()
	r := &transcription.Range{ID: ref.ID, From: time.Second, To: 3 * time.Second, Options: transcription.Options{Model: "small", Prompt: "Names."}}
	must(t, b.CreateRange(t.Context(), b.owner, r))
	l := b.claim(t, long)
	if l.Step.Kind != pipeline.Prepare || l.Step.Ref != r.Ref() {
		t.Fatalf("got %s, want prepare of range %d", l.Step, r.Number)
	}
	return r.Ref(), l
}

// heard does the rest of a range, of which was heard what segments say.
func (b *bench) heard(t *testing.T, ref transcription.Ref, l pipeline.Lease, segments []transcription.Segment) {
	t.Helper()
	must(t, b.SaveSource(t.Context(), l, pipeline.Source{Model: "small", Language: "de", LanguageConfidence: 0.9}))
	c := b.chunk(ref, 0)
	c.Piece = audio.Piece{Start: audio.SampleRate, End: 3 * audio.SampleRate, From: 0, To: 4 * audio.SampleRate}
	must(t, b.AddChunks(t.Context(), l, c))
	must(t, b.FinishPrepare(t.Context(), l, pipeline.Source{Model: "small", Language: "de", LanguageConfidence: 0.9, Chunks: 1}))
	must(t, b.Advance(t.Context(), ref))
	work := b.claim(t, long)
	run, err := b.Run(t.Context(), ref)
	must(t, err)
	if run.Range == nil || run.Range.From != time.Second || run.Run != ref.Run || run.Model != "small" || run.Language != "de" || run.Options.Prompt != "Names." {
		t.Errorf("the run of the range is %+v", run)
	}
	must(t, b.FinishChunk(t.Context(), work, result(c, "x")))
	must(t, b.Advance(t.Context(), ref))
	merge := b.claim(t, long)
	if merge.Step.Kind != pipeline.Merge || merge.Step.Ref != ref {
		t.Fatalf("got %s, want merge of the range", merge.Step)
	}
	must(t, b.Complete(t.Context(), merge, pipeline.Transcript{Segments: segments, Text: transcription.Text(segments)}))
}

func (b *bench) wantText(t *testing.T, ref transcription.Ref, want []transcription.Segment) {
	t.Helper()
	got, err := b.Segments(t.Context(), ref.ID)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// rangeOf returns a range of a transcription as it is.
func (b *bench) rangeOf(t *testing.T, ref transcription.Ref) transcription.Range {
	t.Helper()
	list, err := b.Ranges(t.Context(), b.owner, ref.ID, 0, 10)
	must(t, err)
	i := slices.IndexFunc(list, func(r transcription.Range) bool { return r.Ref() == ref })
	if i < 0 {
		t.Fatalf("there is no range %s", ref)
	}
	return list[i]
}

// testRange takes a range from beginning to end, twice: the second hears the same.
func testRange(t *testing.T, b *bench) {
	whole := b.completed(t)
	now := slices.Concat(says(0, "a"), says(1, "x", "y"), says(3, "d"))
	for range 2 {
		ref, l := b.part(t, whole)
		b.heard(t, ref, l, says(1, "x", "y"))
		b.wantText(t, whole, now)
		if r := b.rangeOf(t, ref); r.Status != transcription.Completed || r.Progress != 1 || r.Revision != 1 || r.Kept || r.Model != "small" {
			t.Errorf("got %+v", r)
		}
		_, err := b.Run(t.Context(), ref)
		wantConflict(t, err)
		prefixes, err := b.Garbage(t.Context(), 10)
		must(t, err)
		want := b.chunk(ref, 0).Key
		if !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(want, p) }) {
			t.Errorf("%s is no garbage: %v", want, prefixes)
		}
	}
}

// testRangeFencing lets the worker of a range come too late, and nobody's work on it harm
// the whole.
func testRangeFencing(t *testing.T, b *bench) {
	whole := b.completed(t)
	ref, old := b.part(t, whole)
	must(t, b.Release(t.Context(), old, 0, false))
	l := b.claim(t, time.Millisecond)
	if l.Attempt != 2 {
		t.Errorf("attempt %d, want 2", l.Attempt)
	}
	wantConflict(t, b.SaveSource(t.Context(), old, source))
	b.rescue(t)
	l = b.claim(t, long)
	must(t, b.Renew(t.Context(), l, long))
	must(t, b.CancelRange(t.Context(), b.owner, whole.ID, 1))
	wantConflict(t, b.Renew(t.Context(), l, long))
	wantConflict(t, b.SaveSource(t.Context(), l, source))
	wantConflict(t, b.FinishPrepare(t.Context(), l, source))
	if got := b.dispatch(t, 100); len(got) != 0 {
		t.Errorf("%v is to be done for a canceled range", got)
	}
	if r := b.rangeOf(t, ref); r.Status != transcription.Canceled {
		t.Errorf("got %+v", r)
	}
	b.wantText(t, whole, says(0, "a", "b", "c", "d"))
}

// testRangeFails begins a range too often, and fails another.
func testRangeFails(t *testing.T, b *bench) {
	whole := b.completed(t)
	ref, l := b.part(t, whole)
	must(t, b.Release(t.Context(), l, 0, true))
	must(t, b.GiveUp(t.Context(), b.exhaust(t).Step, gaveUp))
	if r := b.rangeOf(t, ref); r.Status != transcription.Failed || r.Failure == nil || r.Failure.Code != gaveUp.Code {
		t.Errorf("got %+v", r)
	}
	ref, l = b.part(t, whole)
	must(t, b.Fail(t.Context(), l, transcription.Failure{Code: "no_audio", Message: "There is no sound."}))
	if r := b.rangeOf(t, ref); r.Status != transcription.Failed || r.Failure.Code != "no_audio" {
		t.Errorf("got %+v", r)
	}
	prefixes, err := b.Garbage(t.Context(), 10)
	must(t, err)
	if slices.Contains(prefixes, transcription.Prefix(b.owner, whole.ID)) {
		t.Error("the recording went with the range")
	}
	b.wantText(t, whole, says(0, "a", "b", "c", "d"))
}

// testRangeUnadvanced finds a range whose chunks are done, when nobody has advanced it.
func testRangeUnadvanced(t *testing.T, b *bench) {
	ref, l := b.part(t, b.completed(t))
	must(t, b.FinishPrepare(t.Context(), l, pipeline.Source{Model: "small", Language: "de"}))
	refs, err := b.Unadvanced(t.Context(), 10)
	must(t, err)
	if diff := cmp.Diff([]transcription.Ref{ref}, refs); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
