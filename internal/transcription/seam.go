package transcription

import (
	"slices"
	"strings"
	"time"

	"github.com/turboscribe/turboscribe/internal/audio"
)

// Two parts that share sound place the same word up to seamDrift apart, by its
// middle. Beyond its own tile a part keeps words as far as seamSlack: of one that
// each side places on the other's, both would be gone otherwise. The slack is half as
// much again, so that where a word is said twice each side has both.
const (
	seamDrift = 300 * time.Millisecond
	seamSlack = 450 * time.Millisecond
)

// Of returns what of s belongs to the part of a recording that p describes, and
// whether that is anything: words of its tile and, where it shares sound with its
// neighbours, a little beyond. Merge needs both sides to decide about those.
func (s Segment) Of(p audio.Piece) (Segment, bool) {
	start, end := p.Start.Duration(), p.End.Duration()
	if len(s.Words) > 0 && p.From < p.Start {
		start -= seamSlack
	}
	if len(s.Words) > 0 && p.To > p.End {
		end += seamSlack
	}
	return s.Within(start, end)
}

// shared reports whether the sound around the seam between two parts is in both.
// At a seam in a pause it is in neither, and nothing can be heard twice.
func shared(before, p audio.Piece) bool {
	return before.End == p.Start && before.To > before.End && p.From < p.Start
}

// heard is a word near a seam, as one of the two sides heard it.
type heard struct {
	Word
	segment, index int
	pair           *heard // the same word, as the other side heard it; nil if it did not
	kept           bool
}

func (h heard) middle() time.Duration { return (h.Start + h.End) / 2 }

// near returns the words whose middle lies so close to a seam that the other side
// may have heard them too.
func near(segments []Segment, seam time.Duration) (found []heard) {
	for i, s := range segments {
		if s.End < seam-2*time.Second || s.Start > seam+2*time.Second {
			continue
		}
		for j, w := range s.Words {
			h := heard{Word: w, segment: i, index: j}
			if (h.middle() - seam).Abs() <= 2*seamSlack {
				found = append(found, h)
			}
		}
	}
	return found
}

// atSeam decides about the words near a seam that two parts share sound at. A word
// that both have heard is kept once, where it is on the side of the seam that both
// agree on, else as the first has it. One that only one of them has heard is kept in
// its tile, and beyond it where the other has nothing instead.
func atSeam(before, behind []Segment, seam time.Duration) (first, second []Segment) {
	left, right := near(before, seam), near(behind, seam)
	pairUp(left, right)
	for i := range left {
		l := &left[i]
		l.kept = l.middle() < seam || l.pair != nil && l.pair.middle() < seam
	}
	for i := range right {
		r := &right[i]
		r.kept = r.middle() >= seam && (r.pair == nil || r.pair.middle() >= seam)
	}
	rescue(left, right)
	return keep(before, left), keep(behind, right)
}

// rescue keeps words that only one side has heard and that lie beyond its tile, if
// they come before, or behind, all that the other side keeps.
func rescue(left, right []heard) {
	for i := range left {
		l := &left[i]
		next := slices.IndexFunc(right, func(r heard) bool { return r.kept })
		l.kept = l.kept || l.pair == nil && (next < 0 || l.middle() < right[next].Start)
	}
	for i := len(right) - 1; i >= 0; i-- {
		r := &right[i]
		last := lastKept(left)
		r.kept = r.kept || r.pair == nil && (last < 0 || r.middle() >= left[last].End)
	}
}

func lastKept(words []heard) int {
	for i, w := range slices.Backward(words) {
		if w.kept {
			return i
		}
	}
	return -1
}

// pairUp finds the words that both sides have heard: as many as there can be in the
// same order, and those that are the closest in time.
func pairUp(left, right []heard) {
	type score struct {
		pairs int
		apart time.Duration
	}
	better := func(a, b score) bool { return a.pairs > b.pairs || a.pairs == b.pairs && a.apart < b.apart }
	best := make([][]score, len(left)+1) // of the words from i and j on
	for i := range best {
		best[i] = make([]score, len(right)+1)
	}
	with := func(i, j int) score {
		rest := best[i+1][j+1]
		return score{rest.pairs + 1, rest.apart + (left[i].middle() - right[j].middle()).Abs()}
	}
	for i := len(left) - 1; i >= 0; i-- {
		for j := len(right) - 1; j >= 0; j-- {
			s := best[i+1][j]
			if better(best[i][j+1], s) {
				s = best[i][j+1]
			}
			if same(left[i], right[j]) && better(with(i, j), s) {
				s = with(i, j)
			}
			best[i][j] = s
		}
	}
	for i, j := 0, 0; i < len(left) && j < len(right); {
		switch {
		case same(left[i], right[j]) && best[i][j] == with(i, j):
			left[i].pair, right[j].pair = &right[j], &left[i]
			i, j = i+1, j+1
		case best[i][j] == best[i+1][j]:
			i++
		default:
			j++
		}
	}
}

// same reports whether two words read the same, but for punctuation and case, at the
// same time.
func same(a, b heard) bool {
	fold := func(s string) string { return strings.ToLower(strings.Trim(s, ".,;:!?…\"'()[]")) }
	return fold(a.Text) == fold(b.Text) && (a.middle()-b.middle()).Abs() <= seamDrift
}

// keep returns the segments without those of the words near a seam that are not
// kept.
func keep(segments []Segment, words []heard) []Segment {
	left := slices.Clone(segments)
	for i := len(words) - 1; i >= 0; i-- { // from behind, so that the indexes stay true
		w := words[i]
		if w.kept {
			continue
		}
		s := left[w.segment]
		rest := slices.Delete(slices.Clone(s.Words), w.index, w.index+1)
		if len(rest) == 0 {
			left[w.segment] = Segment{}
			continue
		}
		left[w.segment] = s.withWords(rest)
	}
	return slices.DeleteFunc(left, func(s Segment) bool { return s.Text == "" })
}
