package whisper

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

func TestLooping(t *testing.T) {
	t.Parallel()
	again := func(s string, times int) string { return strings.TrimSpace(strings.Repeat(s+" ", times)) }
	for name, tt := range map[string]struct {
		segments []string
		want     []bool
	}{
		"speech":                       {[]string{"one two three", "one two three four"}, []bool{false, false}},
		"a word said often":            {[]string{again("no", 5)}, []bool{false}},
		"a word said too often":        {[]string{again("No", 3) + " " + again("no", 3)}, []bool{true}},
		"a pair three times":           {[]string{again("bye bye now now", 1) + " " + again("thank you", 3)}, []bool{false}},
		"a pair four times":            {[]string{again("thank you", 4)}, []bool{true}},
		"a sentence in three segments": {[]string{"well", "I will be back", "I will be back", "I will be back", "yes"}, []bool{false, true, true, true, false}},
		"a sentence twice":             {[]string{"I will be back", "I will be back"}, []bool{false, false}},
		"a loop in the middle":         {[]string{"so he said " + again("a b c", 3) + " and went"}, []bool{true}},
		"nothing":                      {nil, []bool{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var segments []transcription.Segment
			for _, s := range tt.segments {
				tokens := pieces(strings.SplitAfter(s, " ")...)
				segments = append(segments, transcription.Segment{Words: words(glyphs(tokens), tokens)})
			}
			if diff := cmp.Diff(tt.want, looping(segments)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestGoesRound(t *testing.T) {
	t.Parallel()
	rounds := func(size, n int) (tokens []int32) {
		for range n {
			for i := range size {
				tokens = append(tokens, int32(i))
			}
		}
		return tokens
	}
	for name, tt := range map[string]struct {
		tokens []int32 // from the last one back
		want   bool
	}{
		"nothing":                  {nil, false},
		"different ones":           {rounds(100, 1), false},
		"one, as people do":        {rounds(1, 16), false},
		"one":                      {rounds(1, 17), true},
		"three":                    {append(rounds(3, 7), 50, 51), true},
		"five, five times":         {rounds(5, 5), false},
		"five":                     {rounds(5, 6), true},
		"as many as there may be":  {rounds(longestRound, leastRounds), true},
		"more":                     {rounds(longestRound+1, leastRounds), false},
		"a loop that was left":     {append([]int32{50}, rounds(3, 20)...), false},
		"in the middle of a round": {rounds(5, 8)[3:], true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := goesRound(tt.tokens); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestTranscribe(t *testing.T) {
	t.Parallel()
	sure, unsure := -0.1, -1.5
	say := func(logprob float64, texts ...string) (found []passage) {
		for i, s := range texts {
			at := time.Duration(i) * time.Second
			found = append(found, passage{at, at + time.Second, []token{{text: " " + s, start: at, end: at, p: 1, logprob: logprob}}})
		}
		return found
	}
	broken := errors.New("broken")
	for name, tt := range map[string]struct {
		passes  [][]passage // nil: an error
		want    []string    // suspect ones begin with ?
		decodes []float32   // the temperatures; below 0: from the second on, cold
	}{
		"no doubt, no second pass":    {[][]passage{say(sure, "a", "b")}, []string{"a", "b"}, []float32{0}},
		"silence":                     {[][]passage{say(sure, " ")}, nil, []float32{0}},
		"the second is better":        {[][]passage{say(unsure, "a"), say(sure, "b")}, []string{"b"}, []float32{0, secondTemperature}},
		"neither is good":             {[][]passage{say(unsure, "a"), say(unsure, "b")}, []string{"?a"}, []float32{0, secondTemperature}},
		"the second says nothing":     {[][]passage{say(unsure, "a"), {}}, []string{"?a"}, []float32{0, secondTemperature}},
		"the second is better partly": {[][]passage{say(unsure, "a", "b"), append(say(sure, "a"), say(unsure, "c")...)}, []string{"a", "?c"}, []float32{0, secondTemperature}},
		"only the end is doubtful":    {[][]passage{append(say(sure, "a"), say(unsure, "-", "c")[1:]...), say(sure, "d", "e")}, []string{"a", "d", "e"}, []float32{0, -1}},
		"the end says nothing":        {[][]passage{append(say(sure, "a"), say(unsure, "-", "c")[1:]...), {}}, []string{"a", "?c"}, []float32{0, -1}},
		"the first fails":             {[][]passage{nil}, nil, []float32{0}},
		"the second fails":            {[][]passage{say(unsure, "a"), nil}, nil, []float32{0, secondTemperature}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked []float32
			found, err := transcribe(func(from time.Duration, temperature float32) ([]passage, error) {
				pass := tt.passes[len(asked)]
				if from > 0 {
					if from != time.Second || temperature != 0 {
						t.Errorf("asked from %v on, at %v", from, temperature)
					}
					temperature = -1
				}
				asked = append(asked, temperature)
				if pass == nil {
					return nil, broken
				}
				return pass, nil
			}, 10*time.Second)
			var got []string
			for i, s := range found.segments {
				if s.Start != time.Duration(i)*time.Second || s.Words[0].Start != s.Start {
					t.Errorf("%q begins at %v, its word at %v", s.Text, s.Start, s.Words[0].Start)
				}
				if s.Suspect {
					s.Text = "?" + s.Text
				}
				got = append(got, s.Text)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.decodes, asked); diff != "" {
				t.Error(diff)
			}
			if failed := tt.passes[len(asked)-1] == nil; failed != errors.Is(err, broken) {
				t.Errorf("got error %v", err)
			}
		})
	}
}
