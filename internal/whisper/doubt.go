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

// pass decodes the window once, at a temperature; at 0 the library may raise it
// by itself.
type pass func(temperature float32) ([]passage, error)

// transcribe decodes a window and, when its text is doubtful, decodes it once
// more and keeps the reading with less doubt. Doubtful text is flagged, never
// dropped.
func transcribe(decode pass, length time.Duration) (reading, error) {
	first, err := read(decode, 0, length)
	if err != nil || first.doubt == 0 {
		return first, err
	}
	second, err := read(decode, secondTemperature, length)
	if err != nil {
		return reading{}, err
	}
	if len(second.segments) > 0 && second.doubt < first.doubt {
		return second, nil
	}
	return first, nil
}

// reading is what one pass made of a window. Timed tells for each segment whether
// the starts of all its tokens are known. Doubt is the share of its words that are
// suspect.
type reading struct {
	segments []transcription.Segment
	timed    []bool
	doubt    float64
}

func read(decode pass, temperature float32, length time.Duration) (reading, error) {
	passages, err := decode(temperature)
	if err != nil {
		return reading{}, err
	}
	passages = withText(passages)
	segments := assemble(passages, length)
	looping := looping(segments)
	timed := make([]bool, len(passages))
	all, suspect := 0, 0
	for i, p := range passages {
		timed[i] = !slices.ContainsFunc(p.tokens, func(t token) bool { return t.start < 0 })
		segments[i].Suspect = looping[i] || mean(p.tokens, func(t token) float64 { return t.logprob }) < minLogprob
		all += len(segments[i].Words)
		if segments[i].Suspect {
			suspect += len(segments[i].Words)
		}
	}
	return reading{segments, timed, float64(suspect) / float64(max(1, all))}, nil
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
