package transcription

import (
	"maps"
	"math"
	"slices"
	"time"
)

// settleMargin is how close to the end of what is done a chunk that is still to come
// may change the text: it may hold two seconds of the same sound, and words are
// compared a little beyond.
const settleMargin = 3 * time.Second

// Known is a chunk of a run, with its result when it is done.
type Known struct {
	Part
	Done bool
}

// Settled returns the beginning of a transcript that stays as it is, whatever the
// chunks still to come hold: segments with the numbers that they will have when all is
// done. Chunks are those cut so far, in order; whole says that there are no more.
//
// What is behind the first chunk of a channel that is not done waits for it, as does the
// last sentence before it, which may go on.
func Settled(chunks []Known, whole bool) []Segment {
	groups := known(chunks)
	if !whole && len(groups) == 1 && groups[0][0].Channel > 0 {
		return nil // nothing is known of the other channel, which may begin first
	}
	var all []Segment
	barrier := time.Duration(math.MaxInt64)
	for _, own := range groups {
		done := beginning(own)
		if whole && len(done) == len(own) {
			all = append(all, sentencesOf(done)...)
			continue
		}
		segments, rest := settled(done)
		all = append(all, segments...)
		barrier = min(barrier, rest)
	}
	slices.SortStableFunc(all, byStart)
	n := slices.IndexFunc(all, func(s Segment) bool { return s.Start >= barrier })
	if n < 0 {
		return all
	}
	return all[:n]
}

// known groups chunks by their channels.
func known(chunks []Known) [][]Known {
	byIndex := map[int][]Known{}
	for _, c := range chunks {
		byIndex[c.Channel] = append(byIndex[c.Channel], c)
	}
	var groups [][]Known
	for _, channel := range slices.Sorted(maps.Keys(byIndex)) {
		groups = append(groups, byIndex[channel])
	}
	return groups
}

// beginning returns the chunks of a channel before the first that is not done.
func beginning(own []Known) (done []Part) {
	for _, c := range own {
		if !c.Done {
			break
		}
		done = append(done, c.Part)
	}
	return done
}

// settled returns the segments of the beginning of one channel that stay as they are, and
// before which time there will be no others.
func settled(done []Part) (segments []Segment, rest time.Duration) {
	if len(done) == 0 {
		return nil, 0
	}
	segments = sentencesOf(done)
	limit := done[len(done)-1].End.Duration() - settleMargin
	n := slices.IndexFunc(segments, func(s Segment) bool { return s.End > limit })
	if n < 0 {
		n = len(segments)
	}
	last := max(n-1, 0)
	if last < len(segments) {
		limit = min(limit, segments[last].Start)
	}
	return segments[:last], limit
}
