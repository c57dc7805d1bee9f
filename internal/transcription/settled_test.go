package transcription

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/audio"
)

// Who follows a transcription is sent each segment once, with its number. So whichever
// chunks are done, what is settled is how the transcript begins when all are, and it is
// not so little that nobody has any use for it.
func TestSettled_property(t *testing.T) {
	t.Parallel()
	for seed := range uint64(41) {
		if seed == 40 {
			seed = 925 // a sentence that goes on for longer than the margin
		}
		rnd := rand.New(rand.NewPCG(seed, 5))
		chunks := conversation(rnd)
		parts := make([]Part, len(chunks))
		for i, c := range chunks {
			parts[i] = c.Part
		}
		want, _ := Transcript(parts)
		before := 0
		for _, i := range rnd.Perm(len(chunks)) {
			chunks[i].Done = true
			cutSoFar := i + 1 + rnd.IntN(len(chunks)-i)
			got := Settled(chunks[:cutSoFar], cutSoFar == len(chunks))
			if len(got) > len(want) {
				t.Fatalf("seed %d: %d segments are settled of %d", seed, len(got), len(want))
			}
			if diff := cmp.Diff(want[:len(got)], append([]Segment{}, got...)); diff != "" {
				t.Fatalf("seed %d, chunk %d of %d done: -transcript +settled\n%s", seed, i, len(chunks), diff)
			}
			all := Settled(chunks, true)
			if len(all) < before {
				t.Fatalf("seed %d: %d segments are settled after %d", seed, len(all), before)
			}
			before = len(all)
		}
		if diff := cmp.Diff(want, Settled(chunks, true)); diff != "" {
			t.Fatalf("seed %d, all done: -transcript +settled\n%s", seed, diff)
		}
	}
}

// conversation makes up the chunks of a recording of one or two channels, in the order
// of cutting. Some seams fall into speech: both sides have heard the words there, each
// a little otherwise.
func conversation(rnd *rand.Rand) (chunks []Known) {
	channels := []int{0}
	if rnd.IntN(3) == 0 {
		channels = []int{1, 2}
	}
	tracks := make([][]Known, len(channels))
	for i, channel := range channels {
		tracks[i] = track(rnd, channel)
	}
	for len(tracks[0]) > 0 || len(tracks) > 1 && len(tracks[1]) > 0 {
		i := rnd.IntN(len(tracks))
		if len(tracks[i]) > 0 {
			chunks = append(chunks, tracks[i][0])
			tracks[i] = tracks[i][1:]
		}
	}
	return chunks
}

func track(rnd *rand.Rand, channel int) (chunks []Known) {
	words := speechOf(rnd, 2*time.Minute)
	var start audio.Samples
	overlap := audio.Samples(0)
	for start.Duration() < 2*time.Minute {
		p := audio.Piece{Start: start, End: start + audio.Seconds(10+30*rnd.Float64()), From: start - overlap}
		if overlap = 0; rnd.IntN(2) == 0 {
			overlap = audio.Seconds(2)
		}
		p.To = p.End + overlap
		part := Part{Piece: p, Channel: channel}
		for _, s := range hearing(rnd, words, p) {
			if s, ok := s.Of(p); ok {
				part.Segments = append(part.Segments, s)
			}
		}
		chunks = append(chunks, Known{Part: part})
		start = p.End
	}
	return chunks
}

// speechOf returns words one after the other, with pauses.
func speechOf(rnd *rand.Rand, length time.Duration) (words []Word) {
	for at := time.Duration(0); at < length; {
		w := Word{Start: at, End: at + time.Duration(100+rnd.IntN(400))*time.Millisecond, Text: strings.Repeat(string(rune('a'+rnd.IntN(26))), 3), Confidence: 0.5}
		if rnd.IntN(8) == 0 {
			w.Text += "."
		}
		words = append(words, w)
		at = w.End + time.Duration(rnd.IntN(3)*rnd.IntN(400))*time.Millisecond
	}
	return words
}

// hearing is what a decoder makes of the words in a piece: times a little off, one or
// the other word missed, segments ended anywhere.
func hearing(rnd *rand.Rand, words []Word, p audio.Piece) (found []Segment) {
	var own []Word
	flush := func() {
		if len(own) > 0 {
			found = append(found, Segment{Confidence: 0.5, Suspect: rnd.IntN(20) == 0}.withWords(own))
			own = nil
		}
	}
	for _, w := range words {
		if w.Start < p.From.Duration() || w.End > p.To.Duration() || rnd.IntN(40) == 0 {
			continue
		}
		off := time.Duration(rnd.IntN(200)-100) * time.Millisecond
		w.Start, w.End = max(w.Start+off, p.From.Duration()), min(w.End+off, p.To.Duration())
		own = append(own, w)
		if rnd.IntN(10) == 0 {
			flush()
		}
	}
	flush()
	return found
}

func TestSettled(t *testing.T) {
	t.Parallel()
	long := seg(0, "one. two.")
	first := Known{Part: channelPart(0, 0, 30, long, seg(20*time.Second, "three. four.")), Done: true}
	second := Known{Part: channelPart(0, 30, 60, seg(30*time.Second, "five."))}
	one, two := first, first
	one.Channel, two.Channel = 1, 2
	two.Done = false
	for name, tt := range map[string]struct {
		chunks []Known
		whole  bool
		want   int
	}{
		"nothing is cut":                         {nil, false, 0},
		"nothing to hear":                        {nil, true, 0},
		"the last sentence may go on":            {[]Known{first, second}, true, 3},
		"more may be cut":                        {[]Known{first}, false, 3},
		"all is done":                            {[]Known{first}, true, 4},
		"the first is missing":                   {[]Known{second, first}, true, 0},
		"the other channel may begin first":      {[]Known{one}, false, 0},
		"the other channel is still to be heard": {[]Known{one, two}, true, 0},
		"there is no other channel":              {[]Known{one}, true, 4},
	} {
		if got := Settled(tt.chunks, tt.whole); len(got) != tt.want {
			t.Errorf("%s: %d segments are settled, want %d", name, len(got), tt.want)
		}
	}
}
