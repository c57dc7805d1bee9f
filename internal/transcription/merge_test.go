package transcription

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/audio"
)

// seg makes a segment of words that last half a second each.
func seg(start time.Duration, text string) Segment {
	s := Segment{Start: start, Text: text, Confidence: 0.9}
	for i, w := range strings.Fields(text) {
		at := start + time.Duration(i)*500*time.Millisecond
		s.Words = append(s.Words, Word{Start: at, End: at + 500*time.Millisecond, Text: w})
	}
	s.End = start + time.Duration(len(s.Words))*500*time.Millisecond
	return s
}

func texts(segments []Segment) []string {
	found := make([]string, len(segments))
	for i, s := range segments {
		found[i] = s.Text
	}
	return found
}

func TestSegment_Within(t *testing.T) {
	t.Parallel()
	s := seg(time.Second, "one two three four") // 1.0–3.0 s
	tests := []struct {
		name       string
		start, end time.Duration
		text       string
		from, to   time.Duration
	}{
		{"all of it", 0, 10 * time.Second, "one two three four", time.Second, 3 * time.Second},
		{"its end", 1600 * time.Millisecond, 10 * time.Second, "two three four", 1500 * time.Millisecond, 3 * time.Second},
		{"its beginning", 0, 1800 * time.Millisecond, "one two", time.Second, 2 * time.Second},
		{"a word whose middle is the bound belongs behind it", 1250 * time.Millisecond, 1750 * time.Millisecond, "one", time.Second, 1500 * time.Millisecond},
		{"none of it", 5 * time.Second, 6 * time.Second, "", 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := s.Within(tt.start, tt.end)
			if ok != (tt.text != "") || got.Text != tt.text || got.Start != tt.from || got.End != tt.to {
				t.Errorf("got %q %v–%v %v", got.Text, got.Start, got.End, ok)
			}
		})
	}
	if _, ok := (Segment{Start: 0, End: 2 * time.Second, Text: "x"}).Within(0, time.Second); ok {
		t.Error("a segment without words is kept though its middle is outside")
	}
}

func TestText_gluesScriptsWithoutSpaces(t *testing.T) {
	t.Parallel()
	glued := func(s string) Segment { return Segment{Text: s, Words: []Word{{Text: s, Glued: true}}} }
	if got, want := Text([]Segment{glued("今日は"), glued("晴れ。")}), "今日は晴れ。"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := Text([]Segment{seg(0, "one two"), seg(time.Second, "three")}), "one two three"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FuzzMerge checks what everybody downstream relies on, for whatever an engine
// may say about times: order, End behind Start, words inside, no text lost. Words
// repeat, as they do when somebody counts or says no.
func FuzzMerge(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 3))
		var parts []Part
		said := 0
		for range r.IntN(6) {
			var p Part
			for range r.IntN(5) {
				s := seg(time.Duration(r.IntN(20000))*time.Millisecond, fmt.Sprintf("a%d a%d", r.IntN(3), r.IntN(3)))
				said += 2
				s.End += time.Duration(r.IntN(4000)-2000) * time.Millisecond
				for i := range s.Words {
					s.Words[i].Start += time.Duration(r.IntN(2000)-1000) * time.Millisecond
				}
				p.Segments = append(p.Segments, s)
			}
			parts = append(parts, p)
		}
		got := Merge(parts)
		checkOrder(t, got)
		if n := len(strings.Fields(Text(got))); n != said {
			t.Errorf("%d words of %d are left", n, said)
		}
	})
}

func checkOrder(t *testing.T, segments []Segment) {
	t.Helper()
	var at time.Duration
	for _, s := range segments {
		if s.Start < at || s.End <= s.Start {
			t.Errorf("segment %v–%v after %v", s.Start, s.End, at)
		}
		at = s.Start
		word := s.Start
		for _, w := range s.Words {
			if w.Start < word || w.End < w.Start || w.End > s.End {
				t.Errorf("word %v–%v in %v–%v after %v", w.Start, w.End, s.Start, s.End, word)
			}
			word = w.Start
		}
	}
}

func TestCover(t *testing.T) {
	t.Parallel()
	second := func(s float64) audio.Samples { return audio.Seconds(s) }
	tile := func(start, end float64) audio.Piece {
		return audio.Piece{Start: second(start), End: second(end), From: second(start), To: second(end)}
	}
	parts := []Part{
		{Piece: tile(0, 20), Speech: []audio.Span{{Start: 0, End: second(4)}, {Start: second(6), End: second(12)}}},
		{Piece: tile(20, 30), Speech: []audio.Span{{Start: second(20), End: second(21)}}},
	}
	suspect := seg(6*time.Second, "three four") // 6–7 s
	suspect.Suspect = true
	got := Cover(parts, []Segment{seg(0, "one two three four five six"), suspect}) // 0–3 s
	want := Coverage{
		Speech: 11 * time.Second, Covered: 4 * time.Second, Suspect: 1,
		Gaps:  []Gap{{7 * time.Second, 12 * time.Second}},
		Seams: []time.Duration{20 * time.Second},
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Error(diff)
	}
}

// The sound around a seam in speech is in both chunks. The receipt used to count its
// speech twice, and with it whatever had no words there.
func TestCover_speechOfTwoPartsCountsOnce(t *testing.T) {
	t.Parallel()
	parts := atSecond(10)
	parts[0].Speech = []audio.Span{{Start: 0, End: parts[0].To}}
	parts[1].Speech = []audio.Span{{Start: parts[1].From, End: parts[1].End}}
	got := Cover(parts, []Segment{seg(0, strings.Repeat("la ", 20)), seg(13*time.Second, strings.Repeat("la ", 14))})
	want := Coverage{
		Speech: 20 * time.Second, Covered: 17 * time.Second,
		Gaps: []Gap{{10 * time.Second, 13 * time.Second}}, Seams: []time.Duration{10 * time.Second},
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Error(diff)
	}
}

// A segment may reach over speech that was not understood. What counts is words.
func TestCover_segmentWithAHole(t *testing.T) {
	t.Parallel()
	s := seg(0, "one two")
	s.Words[1].Start, s.Words[1].End, s.End = 5*time.Second, 6*time.Second, 6*time.Second
	parts := []Part{{Piece: audio.Piece{End: audio.Seconds(6)}, Speech: []audio.Span{{End: audio.Seconds(6)}}}}
	got := Cover(parts, []Segment{s})
	want := Coverage{Speech: 6 * time.Second, Covered: 1500 * time.Millisecond, Gaps: []Gap{{500 * time.Millisecond, 5 * time.Second}}}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Error(diff)
	}
}

func TestFill(t *testing.T) {
	t.Parallel()
	gap := Gap{2 * time.Second, 6 * time.Second}
	across := seg(time.Second, "one two six")
	across.Words[2].Start, across.Words[2].End, across.End = 6*time.Second, 6500*time.Millisecond, 6500*time.Millisecond
	into := seg(time.Second, "one two")
	into.End = 5 * time.Second
	found := []Segment{seg(3*time.Second, "three four"), seg(5*time.Second, "five")}
	for name, tt := range map[string]struct{ segments, found, want []Segment }{
		"nothing is found":           {[]Segment{across}, nil, []Segment{across}},
		"between two segments":       {[]Segment{seg(0, "zero"), seg(7*time.Second, "seven")}, found, []Segment{seg(0, "zero"), found[0], found[1], seg(7*time.Second, "seven")}},
		"in the middle of a segment": {[]Segment{across}, found, []Segment{seg(time.Second, "one two"), found[0], found[1], seg(6*time.Second, "six")}},
		"where a segment reaches to": {[]Segment{into}, found, []Segment{seg(time.Second, "one two"), found[0], found[1]}},
		"nothing else is there":      {nil, found, found},
	} {
		if diff := cmp.Diff(Fill(tt.segments, gap, tt.found), tt.want); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	codes := func(w []Warning) (found []string) {
		for _, x := range w {
			if x.Message == "" {
				t.Errorf("%s says nothing", x.Code)
			}
			found = append(found, x.Code)
		}
		return found
	}
	spoken := []Segment{seg(0, "one")}
	tests := []struct {
		name string
		t    Transcription
		segs []Segment
		c    Coverage
		want []string
	}{
		{"a good result", Transcription{Model: "small"}, spoken, Coverage{}, nil},
		{"the demo model", Transcription{Model: DemoModel}, spoken, Coverage{}, []string{"demo_model"}},
		{"its prompt", Transcription{Model: DemoModel, Options: Options{Prompt: "Ada"}}, spoken, Coverage{}, []string{"demo_model", "prompt_ignored"}},
		{"a file that breaks off", Transcription{Model: "small", Missing: time.Second}, spoken, Coverage{}, []string{"truncated"}},
		{"a file with another behind it", Transcription{Model: "small", Joined: true}, spoken, Coverage{}, []string{"joined"}},
		{"a language that may be another", Transcription{Model: "small", Language: "de", LanguageConfidence: 0.499}, spoken, Coverage{}, []string{"language_unsure"}},
		{"a language that hardly is", Transcription{Model: "small", Language: "de", LanguageConfidence: 0.5}, spoken, Coverage{}, nil},
		{"a language that was named", Transcription{Model: "small", Language: "de", Options: Options{Language: "de"}}, spoken, Coverage{}, nil},
		{"silence", Transcription{Model: "small"}, nil, Coverage{}, []string{"no_speech"}},
		{"doubts", Transcription{Model: "small"}, spoken, Coverage{Suspect: 1, Gaps: []Gap{{time.Second, time.Minute}}}, []string{"suspect", "gaps"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(codes(Warnings(&tt.t, tt.segs, tt.c)), tt.want); diff != "" {
				t.Error(diff)
			}
		})
	}
}
