package whisper

import (
	"slices"
	"strings"
	"time"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// minLogprob is the mean log probability of tokens below which text is doubted:
// the value at which Whisper's own decoder starts again.
const minLogprob = -1

// secondTemperature is hot enough to leave a loop and cool enough to stay with
// the sound.
const secondTemperature = 0.4

// loops gives how often in a row words must come back before nobody can have
// said them: a single word, a pair, three and more.
var loops = []int{6, 4, 3}

// longestLoop is the most words a loop is looked for with.
const longestLoop = 12

// When decoding stops because the text has become a loop. People do say a word six times,
// and what is a loop here has to be one to looping, which flags it.
const (
	longestRound = 24 // tokens that come back together
	leastRounds  = 6  // in a row
	leastLooped  = 16 // tokens that are the same as those a round earlier
)

// goesRound reports whether a text ends in the same tokens over and over. They are given from
// the last one back.
func goesRound(tokens []int32) bool {
	for size := 1; size <= longestRound; size++ {
		same := 0
		for same+size < len(tokens) && tokens[same] == tokens[same+size] {
			same++
		}
		if same >= max(leastLooped, size*(leastRounds-1)) {
			return true
		}
	}
	return false
}

// pass decodes the window once, from that moment on and at a temperature. Times in what
// it returns are relative to that moment.
type pass func(from time.Duration, temperature float32) ([]passage, error)

// transcribe decodes a window of that length and, when its text is doubtful, decodes
// it once more and keeps the reading with less doubt. Doubtful text is flagged, never
// dropped.
func transcribe(decode pass, length time.Duration) (reading, error) {
	passages, err := decode(0, 0)
	if err != nil {
		return reading{}, err
	}
	first := read(passages, length)
	if first.doubt == 0 {
		return first, nil
	}
	second, err := again(decode, first, length)
	if err != nil {
		return reading{}, err
	}
	if len(second.segments) > first.sure && second.doubt < first.doubt {
		return second, nil
	}
	return first, nil
}

// again keeps what comes before the first doubt and has the rest decoded anew from
// there: without the words before it the model seldom goes the same way. Where there
// are none, heat has to do.
func again(decode pass, r reading, length time.Duration) (reading, error) {
	if r.sure == 0 {
		passages, err := decode(0, secondTemperature)
		return read(passages, length), err
	}
	from := (r.segments[r.sure-1].End + r.segments[r.sure].Start) / 2
	passages, err := decode(from, 0)
	return read(append(slices.Clone(r.passages[:r.sure]), later(passages, from)...), length), err
}

// later moves passages by that much.
func later(passages []passage, by time.Duration) []passage {
	moved := slices.Clone(passages)
	for i := range moved {
		p := &moved[i]
		p.start += by
		p.end += by
		p.tokens = slices.Clone(p.tokens)
		for j := range p.tokens {
			if t := &p.tokens[j]; t.start >= 0 {
				t.start += by
				t.end += by
			}
		}
	}
	return moved
}

// reading is what was made of a window: its passages with text and a segment of each.
// Timed tells for each whether the starts of all its tokens are known, sure how many
// come before the first that is suspect. Doubt is the share of words that are suspect.
type reading struct {
	passages []passage
	segments []transcription.Segment
	timed    []bool
	sure     int
	doubt    float64
}

func read(passages []passage, length time.Duration) reading {
	r := reading{passages: withText(passages)}
	r.segments = assemble(r.passages, length)
	r.timed = make([]bool, len(r.passages))
	r.sure = len(r.passages)
	looping := looping(r.segments)
	all, suspect := 0, 0
	for i, p := range r.passages {
		s := &r.segments[i]
		r.timed[i] = !slices.ContainsFunc(p.tokens, func(t token) bool { return t.start < 0 })
		all += len(s.Words)
		if looping[i] || mean(p.tokens, func(t token) float64 { return t.logprob }) < minLogprob {
			s.Suspect = true
			suspect += len(s.Words)
			r.sure = min(r.sure, i)
		}
	}
	r.doubt = float64(suspect) / float64(max(1, all))
	return r
}

// looping tells for each segment whether it holds part of a loop: the same words
// over and over, within a segment or from one to the next.
func looping(segments []transcription.Segment) []bool {
	var words []string
	var owner []int
	for i, s := range segments {
		for _, w := range s.Words {
			words = append(words, strings.ToLower(w.Text))
			owner = append(owner, i)
		}
	}
	found := make([]bool, len(segments))
	for size := 1; size <= longestLoop; size++ {
		times := loops[min(size, len(loops))-1]
		for _, r := range repeats(words, size, size*times) {
			for _, i := range owner[r[0]:r[1]] {
				found[i] = true
			}
		}
	}
	return found
}

// repeats returns the stretches of at least least words in which each word is
// the one size words before it.
func repeats(words []string, size, least int) (found [][2]int) {
	start := 0 // of the stretch that holds up to word i
	for i := size; i <= len(words); i++ {
		if i < len(words) && words[i] == words[i-size] {
			continue
		}
		if i-start >= least {
			found = append(found, [2]int{start, i})
		}
		start = i - size + 1
	}
	return found
}
