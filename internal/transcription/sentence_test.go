package transcription

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSentences(t *testing.T) {
	t.Parallel()
	suspect := seg(1500*time.Millisecond, "she said.")
	suspect.Suspect = true
	other := seg(1500*time.Millisecond, "she said.")
	other.Speaker = "B"
	glued := seg(time.Second, "界。再见")
	glued.Words = []Word{
		{Start: time.Second, End: 1200 * time.Millisecond, Text: "界。"},
		{Start: 1200 * time.Millisecond, End: 1500 * time.Millisecond, Text: "再见", Glued: true},
	}
	paused := seg(0, "the local bus is late.")
	for i := range paused.Words[2:] {
		paused.Words[2+i].Start += time.Second
		paused.Words[2+i].End += time.Second
	}
	paused.End += time.Second
	tests := []struct {
		name string
		in   []Segment
		want []string
	}{
		{"nothing", nil, []string{}},
		{"as they should be", []Segment{seg(0, "One two."), seg(time.Second, "Three four!")}, []string{"One two.", "Three four!"}},
		{"two in one", []Segment{seg(0, "One two. Three four?")}, []string{"One two.", "Three four?"}},
		{"one in two", []Segment{seg(0, "One two"), seg(1100*time.Millisecond, "three four.")}, []string{"One two three four."}},
		{"across", []Segment{seg(0, "One. Two"), seg(time.Second, "three. Four")}, []string{"One.", "Two three.", "Four"}},
		{"lower case, as the demo model writes", []Segment{seg(0, "one two. three")}, []string{"one two.", "three"}},
		{"a pause, and the mark is missing", []Segment{seg(0, "one two"), seg(1400*time.Millisecond, "three.")}, []string{"one two", "three."}},
		{"a long pause", []Segment{seg(0, "One two"), seg(2*time.Second, "three.")}, []string{"One two", "three."}},
		{"a long pause inside", []Segment{paused}, []string{"the local", "bus is late."}},
		{"a doubted one", []Segment{seg(0, "I know,"), suspect}, []string{"I know,", "she said."}},
		{"another speaker", []Segment{seg(0, "I know,"), other}, []string{"I know,", "she said."}},
		{"no punctuation", []Segment{
			seg(0, strings.Repeat("word ", 30)), seg(15*time.Second, strings.Repeat("more ", 9)), seg(19500*time.Millisecond, "and more"),
		}, []string{strings.TrimSpace(strings.Repeat("word ", 30) + strings.Repeat("more ", 9)), "and more"}},
		{"abbreviations", []Segment{seg(0, "Dr. J. Smith, e.g. on vol. 5. and (Mr. Lee) etc. are here. Bye.")}, []string{"Dr. J. Smith, e.g. on vol. 5. and (Mr. Lee) etc. are here.", "Bye."}},
		{"quotes", []Segment{seg(0, `"Stop!" "Go on." he said.`)}, []string{`"Stop!"`, `"Go on."`, "he said."}},
		{"scripts without spaces", []Segment{glued}, []string{"界。", "再见"}},
		{"no words", []Segment{{Start: 0, End: time.Second, Text: "a"}, {Start: time.Second, End: 2 * time.Second, Text: "b"}}, []string{"a", "b"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, texts(Sentences(tt.in))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A segment's own beginning and end are kept where it is cut or joined: they are
// nearer to the sound than those of its words.
func TestSentences_times(t *testing.T) {
	t.Parallel()
	a, b := seg(time.Second, "One. Two"), seg(2200*time.Millisecond, "three.")
	a.Start, b.End = 900*time.Millisecond, 2900*time.Millisecond
	got := Sentences([]Segment{a, b})
	want := [][2]time.Duration{{900 * time.Millisecond, 1500 * time.Millisecond}, {1500 * time.Millisecond, 2900 * time.Millisecond}}
	for i, s := range got {
		if [2]time.Duration{s.Start, s.End} != want[i] {
			t.Errorf("%q is at %v–%v, want %v", s.Text, s.Start, s.End, want[i])
		}
	}
	if diff := cmp.Diff(seg(time.Second, "One. Two").Words, a.Words); diff != "" {
		t.Errorf("the words given were changed: %s", diff)
	}
}

// FuzzSentences holds that no word is lost, added, moved or changed, whatever the
// punctuation, and that segments follow each other.
func FuzzSentences(f *testing.F) {
	f.Add("one. two| three? four|five", uint8(3))
	f.Add("Mr. |. ...|\u3002 a", uint8(200))
	f.Fuzz(func(t *testing.T, text string, pause uint8) {
		var in []Segment
		at := time.Duration(0)
		for line := range strings.SplitSeq(text, "|") {
			if s := seg(at, line); len(s.Words) > 0 {
				s.Text = joinWords(s.Words)
				in = append(in, s)
				at = s.End + time.Duration(pause)*10*time.Millisecond
			}
		}
		out := Sentences(in)
		if diff := cmp.Diff(allWords(in), allWords(out)); diff != "" {
			t.Fatalf("words changed: %s", diff)
		}
		if Text(in) != Text(out) {
			t.Fatalf("%q became %q", Text(in), Text(out))
		}
		for i, s := range out {
			if s.End <= s.Start || i > 0 && s.Start < out[i-1].End {
				t.Fatalf("segment %d is at %v–%v", i, s.Start, s.End)
			}
		}
	})
}

func allWords(segments []Segment) []Word {
	var words []Word
	for _, s := range segments {
		words = slices.Concat(words, s.Words)
	}
	return words
}
