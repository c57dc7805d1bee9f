package pipeline_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// again has a range of a transcription done, as CreateRange of the service begins it.
func (w *world) again(t *testing.T, tr *transcription.Transcription, from, to time.Duration, deliveries int) transcription.Range {
	t.Helper()
	r := &transcription.Range{ID: tr.ID, From: from, To: to, Options: transcription.Options{Language: "en", Split: tr.Options.Split}}
	if err := w.CreateRange(t.Context(), tr.OwnerID, r); err != nil {
		t.Fatal(err)
	}
	w.drain(t, deliveries)
	list, err := w.Ranges(t.Context(), tr.OwnerID, tr.ID, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	return list[0]
}

// gap returns a time in the pause behind the n-th word.
func (s *speech) gap(n int) time.Duration {
	return ((s.words[n].End + s.words[n+1].Start) / 2).Truncate(time.Millisecond)
}

// outside returns what the segments say that do not lie between two times.
func outside(segments []transcription.Segment, from, to time.Duration) (words []transcription.Word) {
	for _, s := range segments {
		for _, word := range s.Words {
			if m := (word.Start + word.End) / 2; m < from || m >= to {
				words = append(words, word)
			}
		}
	}
	return words
}

// TestPipeline_range does ranges of recordings with and without pauses again, short ones
// and one of many chunks: the same is heard, and what is outside stays bit by bit. Only the
// range is decoded.
func TestPipeline_range(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*speech{"pauses": say(1, 300, 250*time.Millisecond), "no pauses": say(2, 300, 10*time.Millisecond).denser()} {
		for _, words := range [][2]int{{40, 50}, {20, 250}, {-1, 5}, {290, 299}} {
			t.Run(fmt.Sprint(name, words), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, quick)
				tr := w.upload(t, s)
				w.drain(t, 1)
				before := w.Transcription(tr.ID)
				var from time.Duration
				to := before.Duration.Truncate(time.Millisecond)
				if words[0] >= 0 {
					from = s.gap(words[0])
				}
				if words[1]+1 < len(s.words) {
					to = s.gap(words[1])
				}
				w.decoded = 0
				r := w.again(t, tr, from, to, 3)
				if r.Status != transcription.Completed || r.Kept {
					t.Fatalf("got %+v", r)
				}
				w.checkText(t, tr, s)
				if diff := cmp.Diff(outside(before.Segments, from, to), outside(w.Transcription(tr.ID).Segments, from, to)); diff != "" {
					t.Errorf("outside: -before +now\n%s", diff)
				}
				if limit := to - from + 20*time.Second; w.decoded.Duration() > limit {
					t.Errorf("decoded %s for %s", w.decoded.Duration(), to-from)
				}
			})
		}
	}
}

// TestPipeline_rangeOfAnEditedText changes the text outside and, before and behind the
// request, inside of a range.
func TestPipeline_rangeOfAnEditedText(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	s := say(5, 100, 250*time.Millisecond)
	tr := w.upload(t, s)
	w.drain(t, 1)
	edit := func(word int) {
		w.Change(tr.ID, func(tr *transcription.Transcription) {
			tr.Revision++
			tr.Segments = slices.Clone(tr.Segments)
			for i := range tr.Segments {
				tr.Segments[i].Words = slices.Clone(tr.Segments[i].Words)
				for j := range tr.Segments[i].Words {
					if w := &tr.Segments[i].Words[j]; w.Text == fmt.Sprintf("w%d", word) {
						w.Text = "edited"
					}
				}
			}
		})
	}
	edit(5)
	edit(45)
	from, to := s.gap(40), s.gap(50)
	r := w.again(t, tr, from, to, 1)
	if got := w.Transcription(tr.ID); got.Segments[0].Words[0].Text != "w0" || strings.Contains(got.Text, "edited w46") || !strings.Contains(got.Text, "w44 w45 w46") || r.Kept {
		t.Errorf("got %+v, %s", r, got.Text)
	}
	edit(5)
	w.onWord = func() { w.onWord = nil; edit(46) }
	before := w.Transcription(tr.ID).Revision
	r = w.again(t, tr, from, to, 1)
	if !r.Kept || r.Revision != before+2 || w.Transcription(tr.ID).Revision != before+3 {
		t.Errorf("got %+v behind revision %d", r, before)
	}
}

// TestPipeline_rangeBesideFailures breaks everything that a range needs, now and then.
func TestPipeline_rangeBesideFailures(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"Open", "Put", "Listen", "Decode", "Enqueue"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, quick)
			s := say(6, 120, 250*time.Millisecond)
			tr := w.upload(t, s)
			w.drain(t, 1)
			n := 0
			w.breaks = func(c string) error {
				if c != call {
					return nil
				}
				if n++; n%2 == 1 && n < 8 {
					return errBroken
				}
				return nil
			}
			if r := w.again(t, tr, s.gap(10), s.gap(100), 1); r.Status != transcription.Completed {
				t.Fatalf("got %+v", r.Failure)
			}
			w.checkText(t, tr, s)
		})
	}
}

// TestPipeline_rangeOfTwoChannels keeps the speakers apart, also when one has a name.
func TestPipeline_rangeOfTwoChannels(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	left, right := say(7, 60, 250*time.Millisecond), say(8, 60, 250*time.Millisecond)
	tr := w.uploadSplit(t, left, right)
	w.drain(t, 1)
	w.Change(tr.ID, func(tr *transcription.Transcription) {
		for i := range tr.Segments {
			if tr.Segments[i].Speaker == "Speaker 2" {
				tr.Segments[i].Speaker = "Ann"
			}
		}
	})
	before := w.Transcription(tr.ID)
	r := w.again(t, tr, left.gap(20), left.gap(40), 1)
	after := w.Transcription(tr.ID)
	if r.Status != transcription.Completed || !slices.Equal(transcription.Speakers(after.Segments), transcription.Speakers(before.Segments)) {
		t.Errorf("got %+v, with the speakers %v", r, transcription.Speakers(after.Segments))
	}
	of := func(tr transcription.Transcription, speaker string) (words []string) {
		for _, s := range tr.Segments {
			for _, w := range s.Words {
				if s.Speaker == speaker {
					words = append(words, w.Text)
				}
			}
		}
		return words
	}
	if diff := cmp.Diff(of(before, "Speaker 1"), of(after, "Speaker 1")); diff != "" {
		t.Errorf("-before +now\n%s", diff)
	}
}
