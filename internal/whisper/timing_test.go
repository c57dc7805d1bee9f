package whisper

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// square is sound of one level.
func square(d time.Duration, level int16) []int16 {
	pcm := make([]int16, audio.FromDuration(d))
	for i := range pcm {
		pcm[i] = level * int16(1-2*(i%2))
	}
	return pcm
}

// heard is a segment without times for its words.
func heard(start, end time.Duration, text string) transcription.Segment {
	s := transcription.Segment{Start: start, End: end, Text: text}
	for _, w := range strings.Fields(text) {
		s.Words = append(s.Words, transcription.Word{Text: w})
	}
	return s
}

// TestSettle_start: noise, then speech. Whisper takes the noise for the beginning
// of the speech, or not.
func TestSettle_start(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	pcm := append(square(time.Second, 100), square(2*time.Second, 8000)...)
	soft := append(square(3*time.Second, 100), square(2*time.Second, 8000)...)
	tests := []struct {
		name       string
		pcm        []int16
		start, end time.Duration
		want       time.Duration
	}{
		{"in time", pcm, 1000 * ms, 3000 * ms, 1000 * ms},
		{"a little early", pcm, 800 * ms, 3000 * ms, 800 * ms},
		{"early", pcm, 500 * ms, 3000 * ms, 950 * ms},
		{"nothing but noise", pcm, 0, 500 * ms, 0},
		{"perhaps a soft voice first", soft, 0, 5000 * ms, 0},
		{"behind the sound", pcm, 3000 * ms, 3500 * ms, 3000 * ms},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := settle([]transcription.Segment{heard(tt.start, tt.end, "two words")}, nil, tt.pcm)[0]
			if got.Start != tt.want || got.End != tt.end || got.Words[0].Start != tt.want {
				t.Errorf("got %+v, want its start at %v", got, tt.want)
			}
		})
	}
}

func TestSettle_words(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	speech := func(d time.Duration) []int16 { return square(d, 8000) }
	pause := func(d time.Duration) []int16 { return square(d, 20) }
	glued := heard(0, 900*ms, "日 本")
	glued.Words[1].Glued = true
	tests := []struct {
		name string
		pcm  []int16
		said transcription.Segment
		want []time.Duration // starts and ends
	}{
		{"by their letters", speech(3 * time.Second), heard(0, 1300*ms, "a bcde, fghi"), []time.Duration{0, 196 * ms, 196 * ms, 687 * ms, 687 * ms, 1300 * ms}},
		{"digits are long", speech(3 * time.Second), heard(1000*ms, 2000*ms, "seven 12"), []time.Duration{1000 * ms, 1348 * ms, 1348 * ms, 2000 * ms}},
		{"no spaces", speech(3 * time.Second), glued, []time.Duration{0, 554 * ms, 554 * ms, 900 * ms}},
		{
			"a pause", slices.Concat(speech(time.Second), pause(time.Second), speech(time.Second)),
			heard(0, 3000*ms, "abcd abcd"),
			[]time.Duration{0, 889 * ms, 2000 * ms, 3000 * ms},
		},
		{"as short as can be", speech(time.Second), heard(0, 20*ms, "a b"), []time.Duration{0, 10 * ms, 10 * ms, 20 * ms}},
		{"behind the sound", speech(time.Second), heard(1000*ms, 2000*ms, "a b"), []time.Duration{1000 * ms, 1010 * ms, 1010 * ms, 1020 * ms}},
		{"too short", speech(time.Second), heard(0, 10*ms, "a b"), []time.Duration{0, 0, 0, 0}},
		{"no letters", speech(time.Second), heard(0, 1000*ms, "…"), []time.Duration{0, 1000 * ms}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []time.Duration
			for _, w := range settle([]transcription.Segment{tt.said}, nil, tt.pcm)[0].Words {
				got = append(got, w.Start, w.End)
			}
			if diff := cmp.Diff(got, tt.want); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestSettle_timed: the starts of the words are known, their ends are not.
func TestSettle_timed(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	pcm := slices.Concat(square(time.Second, 8000), square(time.Second, 20), square(time.Second, 8000))
	for name, tt := range map[string]struct {
		starts, want []time.Duration
	}{
		"to the next one":      {[]time.Duration{100 * ms, 400 * ms, 2500 * ms}, []time.Duration{100 * ms, 400 * ms, 400 * ms, 1000 * ms, 2500 * ms, 3000 * ms}},
		"begins in the pause":  {[]time.Duration{0, 1900 * ms, 2500 * ms}, []time.Duration{0, 1000 * ms, 2000 * ms, 2500 * ms, 2500 * ms, 3000 * ms}},
		"all at the same time": {[]time.Duration{2000 * ms, 2000 * ms, 2000 * ms}, []time.Duration{2000 * ms, 2010 * ms, 2010 * ms, 2020 * ms, 2020 * ms, 3000 * ms}},
		"back in time":         {[]time.Duration{500 * ms, 200 * ms, 100 * ms}, []time.Duration{500 * ms, 510 * ms, 510 * ms, 520 * ms, 2000 * ms, 3000 * ms}},
	} {
		said := heard(0, 3000*ms, "one two three")
		for i, at := range tt.starts {
			said.Words[i].Start, said.Words[i].End = at, at
		}
		var got []time.Duration
		for _, w := range settle([]transcription.Segment{said}, []bool{true}, pcm)[0].Words {
			got = append(got, w.Start, w.End)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
