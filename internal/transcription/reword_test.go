package transcription

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const second = time.Second

// talk returns a segment of these words, half a second each, with a tenth between.
func talk(start time.Duration, text string) Segment {
	s := Segment{Start: start, Text: text, Confidence: 0.5}
	for i, f := range strings.Fields(text) {
		at := start + time.Duration(i)*600*time.Millisecond
		s.Words = append(s.Words, Word{Start: at, End: at + second/2, Text: f, Confidence: 0.5})
		s.End = at + second/2
	}
	return s
}

func brief(words []Word) (list []string) {
	for _, w := range words {
		glue := ""
		if w.Glued {
			glue = "+"
		}
		list = append(list, fmt.Sprintf("%s%s %d-%d %.1f", glue, w.Text, w.Start.Milliseconds(), w.End.Milliseconds(), w.Confidence))
	}
	return list
}

func TestReword(t *testing.T) {
	t.Parallel()
	japanese := Segment{Start: 0, End: 3 * second, Text: "今日は晴れ", Words: []Word{
		{0, second, "今日", 0.5, false}, {second, 2 * second, "は", 0.5, true}, {2 * second, 3 * second, "晴れ", 0.5, true},
	}}
	for name, tt := range map[string]struct {
		before Segment
		text   string
		want   []string
	}{
		"the same":           {talk(0, "one two"), "one  two\n", []string{"one 0-500 0.5", "two 600-1100 0.5"}},
		"another word":       {talk(0, "one two three"), "one too three", []string{"one 0-500 0.5", "too 600-1100 1.0", "three 1200-1700 0.5"}},
		"one becomes two":    {talk(0, "one cannot three"), "one can not three", []string{"one 0-500 0.5", "can 600-850 1.0", "not 850-1100 1.0", "three 1200-1700 0.5"}},
		"two become one":     {talk(0, "one can not three"), "one cannot three", []string{"one 0-500 0.5", "cannot 600-1700 1.0", "three 1800-2300 0.5"}},
		"one in a pause":     {talk(0, "one two"), "one a two", []string{"one 0-500 0.5", "a 500-580 1.0", "two 600-1100 0.5"}},
		"one at the end":     {talk(0, "one two"), "one two three", []string{"one 0-500 0.5", "two 600-1100 0.5", "three 1100-1100 1.0"}},
		"one goes":           {talk(0, "one two three"), "one three", []string{"one 0-500 0.5", "three 1200-1700 0.5"}},
		"signs of a script":  {japanese, "今日も晴れ", []string{"今日 0-1000 0.5", "+も 1000-2000 1.0", "+晴れ 2000-3000 0.5"}},
		"half of a word":     {japanese, "今夜は晴れ", []string{"今 0-500 1.0", "+夜 500-1000 1.0", "+は 1000-2000 0.5", "+晴れ 2000-3000 0.5"}},
		"nothing in common":  {talk(0, "one two"), "drei", []string{"drei 0-1100 1.0"}},
		"words were unknown": {Segment{Start: 0, End: second, Text: "a bc"}, "a bc d", []string{"a 0-250 1.0", "bc 250-750 1.0", "d 750-1000 1.0"}},
		"one at the start":   {talk(second, "one two"), "a one two", []string{"a 1000-1000 1.0", "one 1000-1500 0.5", "two 1600-2100 0.5"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, brief(reword(tt.before, tt.text).Words)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestRetext(t *testing.T) {
	t.Parallel()
	three := []Segment{talk(0, "One two three."), talk(3*second, "Four five."), talk(5*second, "Six.")}
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"the same":             {"One two three. Four five. Six.", []string{"One two three.", "Four five.", "Six."}},
		"a word of the second": {"One two three. For five. Six.", []string{"One two three.", "For five.", "Six."}},
		"across a boundary":    {"One two three and four five. Six.", []string{"One two three and", "four five.", "Six."}},
		"behind all":           {"One two three. Four five. Six. Seven eight.", []string{"One two three.", "Four five.", "Six. Seven eight."}},
		"before all":           {"Zero. One two three. Four five. Six.", []string{"Zero. One two three.", "Four five.", "Six."}},
		"one goes":             {"One two three. Six.", []string{"One two three.", "Six."}},
		"all go":               {" ", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, s := range Retext(three, tt.text) {
				got = append(got, s.Text)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// speech returns the segments of a long talk of random words, of which some are the same.
func speech(rnd *rand.Rand, n int) (segments []Segment) {
	at := time.Duration(0)
	for range n {
		var words []string
		for range 1 + rnd.IntN(12) {
			words = append(words, fmt.Sprintf("w%d", rnd.IntN(400)))
		}
		s := talk(at, strings.Join(words, " ")+".")
		segments = append(segments, s)
		at = s.End + time.Duration(rnd.IntN(3000))*time.Millisecond
	}
	return segments
}

// TestRetext_keepsTimes changes a hundred words of an hour at random. At least 99 % of the
// others must keep their times exactly.
func TestRetext_keepsTimes(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(5, 6))
	segments := speech(rnd, 900)
	var fields []string
	var words []Word
	for _, s := range segments {
		words = append(words, s.Words...)
		fields = append(fields, strings.Fields(s.Text)...)
	}
	touched := map[int]bool{}
	for len(touched) < 100 {
		i := rnd.IntN(len(fields))
		touched[i] = true
		switch rnd.IntN(3) {
		case 0:
			fields[i] = "changed" + fields[i]
		case 1:
			fields[i] += " added"
		default:
			fields[i] = ""
		}
	}
	after := map[Word]bool{}
	for _, s := range Retext(segments, strings.Join(fields, " ")) {
		for _, w := range s.Words {
			after[w] = true
		}
	}
	kept := 0
	for i, w := range words {
		if !touched[i] && after[w] {
			kept++
		}
	}
	if share := float64(kept) / float64(len(words)-len(touched)); share < 0.99 {
		t.Errorf("%.2f %% of %d words have kept their times", 100*share, len(words))
	}
}

func BenchmarkRetext(b *testing.B) {
	segments := speech(rand.New(rand.NewPCG(7, 8)), 9000) // some ten hours
	text := Text(segments)
	for b.Loop() {
		if got := Retext(segments, text); len(got) != len(segments) {
			b.Fatal(len(got))
		}
	}
}

func TestSplices(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(9, 10))
	for range 300 {
		old := speech(rnd, rnd.IntN(20))
		now := slices.Clone(old)
		for range rnd.IntN(5) {
			i := rnd.IntN(len(now) + 1)
			switch {
			case rnd.IntN(2) == 0 || i == len(now):
				now = slices.Insert(now, i, speech(rnd, 1)...)
			default:
				now = slices.Delete(now, i, i+1)
			}
		}
		splices := Splices(old, now)
		if diff := cmp.Diff(now, Apply(old, splices)); diff != "" && len(now) > 0 {
			t.Fatalf("forth: %s", diff)
		}
		if diff := cmp.Diff(old, Apply(now, Reverse(splices))); diff != "" && len(old) > 0 {
			t.Fatalf("back: %s", diff)
		}
	}
}

func TestRebase(t *testing.T) {
	t.Parallel()
	base := speech(rand.New(rand.NewPCG(11, 12)), 8)
	other := talk(0, "other")
	at := func(i, old int, now ...Segment) Splice { return Splice{At: i, Old: base[i : i+old], New: now} }
	for name, tt := range map[string]struct {
		mine, theirs []Splice
		want         int // where mine lands; −1: nowhere
	}{
		"different segments":     {[]Splice{at(5, 1)}, []Splice{at(2, 1, base[2])}, 5},
		"behind one that went":   {[]Splice{at(5, 1)}, []Splice{at(2, 1)}, 4},
		"behind one that came":   {[]Splice{at(5, 1)}, []Splice{at(2, 0, base[1])}, 6},
		"before one that came":   {[]Splice{at(1, 1)}, []Splice{at(2, 0, base[1])}, 1},
		"the same segment":       {[]Splice{at(5, 1)}, []Splice{at(5, 1)}, -1},
		"overlapping":            {[]Splice{at(4, 2)}, []Splice{at(5, 2)}, -1},
		"both come to one place": {[]Splice{at(4, 0, base[4])}, []Splice{at(4, 0, base[4])}, -1},
		"into what went":         {[]Splice{at(4, 0, base[4])}, []Splice{at(3, 2)}, -1},
		"back in time":           {[]Splice{at(5, 1, other)}, nil, -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := Rebase(base, tt.mine, tt.theirs)
			if ok != (tt.want >= 0) || ok && got[0].At != tt.want {
				t.Errorf("got %v, %v, want %d", got, ok, tt.want)
			}
		})
	}
}
