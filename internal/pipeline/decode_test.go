package pipeline_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// denser returns the recording with all pauses over 60 ms cut out.
func (s *speech) denser() *speech {
	dense := &speech{}
	for _, word := range s.words {
		start := audio.Samples(len(dense.pcm))
		dense.pcm = append(dense.pcm, s.pcm[audio.FromDuration(word.Start):audio.FromDuration(word.End)]...)
		dense.words = append(dense.words, transcription.Word{Text: word.Text, Start: start.Duration(), End: audio.Samples(len(dense.pcm)).Duration()})
		dense.silence(60 * time.Millisecond)
	}
	return dense
}

// passes has the engine pass over some words when they are not at the beginning of
// what it hears.
func passes(words ...string) func([]int16, []transcription.Segment) []transcription.Segment {
	return func(window []int16, found []transcription.Segment) []transcription.Segment {
		if audio.Samples(len(window)) < 10*audio.SampleRate {
			return found
		}
		for i := range found {
			s := &found[i]
			s.Words = slices.DeleteFunc(s.Words, func(w transcription.Word) bool { return slices.Contains(words, w.Text) })
			s.Text = ""
			for _, w := range s.Words {
				s.Text = strings.TrimSpace(s.Text + " " + w.Text)
			}
		}
		return slices.DeleteFunc(found, func(s transcription.Segment) bool { return s.Text == "" })
	}
}

// wordsFrom returns the words of that number up to but not including end.
func wordsFrom(start, end int) (words []string) {
	for i := start; i < end; i++ {
		words = append(words, fmt.Sprintf("w%d", i))
	}
	return words
}

// Whisper passes over ten seconds in the middle of a window now and then, though it
// hears them well when a window begins there. They used to be lost.
func TestPipeline_gapIsHeardOnceMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	s := say(31, 60, 10*time.Millisecond).denser()
	w.onFound = passes(wordsFrom(20, 33)...)
	tr := w.upload(t, s)
	w.drain(t, 1)
	w.checkText(t, tr, s)
	if got := w.Transcription(tr.ID); len(got.Coverage.Gaps) > 0 {
		t.Errorf("there are gaps still: %+v", got.Coverage)
	}
}

// What is noise the first time is noise the second time: it is asked about once, what
// the engine is not sure of is not taken for text, and the gap is reported.
func TestPipeline_gapThatIsNoise(t *testing.T) {
	t.Parallel()
	thanks := transcription.Segment{Start: time.Second, End: 2 * time.Second, Text: "Thank you.", Confidence: 0.9}
	doubted, unsure := thanks, thanks
	doubted.Suspect, unsure.Confidence = true, 0.4
	for name, found := range map[string][]transcription.Segment{
		"nothing is heard":      nil,
		"something is doubted":  {doubted},
		"something is unlikely": {unsure},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, quick)
			s := say(32, 60, 10*time.Millisecond).denser()
			noise := wordsFrom(20, 33)
			w.onFound = func(window []int16, heard []transcription.Segment) []transcription.Segment {
				if audio.Samples(len(window)) < 10*audio.SampleRate {
					return found
				}
				return passes(noise...)(window, heard)
			}
			tr := w.upload(t, s)
			w.drain(t, 1)
			s.words = slices.Delete(s.words, 20, 33)
			w.checkText(t, tr, s)
			if got := w.Transcription(tr.ID); len(got.Coverage.Gaps) != 1 || len(w.windows) != 2 {
				t.Errorf("got %+v after %d windows, want one gap after two", got.Coverage, len(w.windows))
			}
		})
	}
}

// A hum between words is louder than silence, but nothing in it stands out: to look again
// would cost a window.
func TestPipeline_gapThatIsBackground(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	s := say(34, 60, 10*time.Millisecond).denser()
	hum := s.pcm[audio.FromDuration(s.words[20].Start):audio.FromDuration(s.words[32].End)]
	for i := range hum {
		hum[i] = int16(faintest / 5 * (1 - 2*(i/40%2)))
	}
	s.silence(10 * time.Second)
	w.onFound = passes("w-160") // which is how loud it is
	tr := w.upload(t, s)
	w.drain(t, 1)
	s.words = slices.Delete(s.words, 20, 33)
	w.checkText(t, tr, s)
	if got := w.Transcription(tr.ID); len(got.Coverage.Gaps) != 1 || len(w.windows) != 1 {
		t.Errorf("got %+v after %d windows, want one gap after one", got.Coverage, len(w.windows))
	}
}

// An engine that hears speech by itself decides what is decoded, wherever in the
// recording the chunk lies.
func TestPipeline_engineHearsSpeech(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	s := say(34, 60, 10*time.Millisecond)
	w.hears = func(pcm []int16) []audio.Span { return []audio.Span{{End: audio.Samples(len(pcm))}} }
	tr := w.upload(t, s)
	w.drain(t, 1)
	w.checkText(t, tr, s)
	if n := len(w.Transcription(tr.ID).Coverage.Seams); n == 0 {
		t.Error("there is but one chunk")
	}
	deaf := newWorld(t, quick)
	deaf.hears = func([]int16) []audio.Span { return nil }
	tr = deaf.upload(t, s)
	deaf.drain(t, 1)
	if got := deaf.Transcription(tr.ID); got.Status != transcription.Completed || got.Text != "" || deaf.decoded > 0 {
		t.Errorf("hearing nothing: %s, %q, %d samples were decoded", got.Status, got.Text, deaf.decoded)
	}
}

// An hour of loud noise had no text. A second look at all of it made a word.
func TestPipeline_windowWithoutAnyWord(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	w.onFound = func([]int16, []transcription.Segment) []transcription.Segment {
		if len(w.windows) == 1 {
			return nil
		}
		return []transcription.Segment{{Start: time.Second, End: 2 * time.Second, Text: "with.", Confidence: 0.9}}
	}
	tr := w.upload(t, say(35, 40, 10*time.Millisecond).denser())
	w.drain(t, 1)
	if got := w.Transcription(tr.ID); got.Text != "" || len(got.Coverage.Gaps) != 1 {
		t.Errorf("%s: %q, %+v", got.Status, got.Text, got.Coverage)
	}
}

// What has words is decoded once.
func TestPipeline_noGapNoSecondLook(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	s := say(33, 200, 10*time.Millisecond).denser()
	w.upload(t, s)
	w.drain(t, 1)
	if total, shared := audio.Samples(len(s.pcm)), audio.Samples(len(w.windows))*4*audio.SampleRate; w.decoded > total+shared {
		t.Errorf("decoded %d of %d samples", w.decoded, total)
	}
}

// The time of a chunk used to be that from its first window to its last, during which
// other chunks had the slots: with all slots in use, estimates were too long by their
// number. Here ten chunks of a window each take a second a window, on two slots.
func TestPipeline_elapsedIsTimeOnASlot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, quick)
		w.onCall = func(context.Context) { time.Sleep(time.Second) }
		tr := w.upload(t, say(34, 200, 150*time.Millisecond))
		if err := w.dispatcher.Advance(t.Context(), tr.Ref()); err != nil {
			t.Fatal(err)
		}
		prepare, _ := w.take()
		if err := w.pipeline.Do(t.Context(), prepare); err != nil {
			t.Fatal(err)
		}
		var steps errgroup.Group
		for step, ok := w.take(); ok; step, ok = w.take() {
			steps.Go(func() error { return w.pipeline.Do(t.Context(), step) })
		}
		if err := steps.Wait(); err != nil {
			t.Fatal(err)
		}
		results, err := w.Results(t.Context(), tr.Ref())
		if err != nil {
			t.Fatal(err)
		}
		var elapsed time.Duration
		for _, r := range results {
			elapsed += r.Elapsed
		}
		if want := time.Duration(len(w.windows)) * time.Second; elapsed != want || len(results) < 3 {
			t.Errorf("%d chunks took %v, want %v", len(results), elapsed, want)
		}
	})
}
