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
		decodes int
	}{
		"no doubt, no second pass":    {[][]passage{say(sure, "a", "b")}, []string{"a", "b"}, 1},
		"silence":                     {[][]passage{say(sure, " ")}, nil, 1},
		"the second is better":        {[][]passage{say(unsure, "a"), say(sure, "b")}, []string{"b"}, 2},
		"neither is good":             {[][]passage{say(unsure, "a"), say(unsure, "b")}, []string{"?a"}, 2},
		"the second says nothing":     {[][]passage{say(unsure, "a"), {}}, []string{"?a"}, 2},
		"the second is better partly": {[][]passage{say(unsure, "a", "b"), append(say(sure, "a"), say(unsure, "c")...)}, []string{"a", "?c"}, 2},
		"the first fails":             {[][]passage{nil}, nil, 1},
		"the second fails":            {[][]passage{say(unsure, "a"), nil}, nil, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var temperatures []float32
			found, err := transcribe(func(temperature float32) ([]passage, error) {
				pass := tt.passes[len(temperatures)]
				temperatures = append(temperatures, temperature)
				if pass == nil {
					return nil, broken
				}
				return pass, nil
			}, 10*time.Second)
			var got []string
			for _, s := range found.segments {
				if s.Suspect {
					s.Text = "?" + s.Text
				}
				got = append(got, s.Text)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]float32{0, secondTemperature}[:tt.decodes], temperatures); diff != "" {
				t.Error(diff)
			}
			if failed := tt.passes[len(temperatures)-1] == nil; failed != errors.Is(err, broken) {
				t.Errorf("got error %v", err)
			}
		})
	}
}
