package transcription

import (
	"cmp"
	"slices"
)

// Rebase returns changes of a text as changes of what others have made of it meanwhile;
// false: both have changed the same segments, or what each would do by itself does not go
// together: the result would go back in time, or a speaker would talk twice at once.
func Rebase(base []Segment, mine, theirs []Splice) ([]Splice, bool) {
	if len(apart(mine, theirs)) < len(theirs) {
		return nil, false
	}
	both := merge(base, mine, theirs)
	if len(both.clashes()) > 0 || !slices.IsSortedFunc(both.segments, byStart) {
		return nil, false
	}
	var moved []Splice
	shift, next := 0, 0 // of theirs that lie before
	for _, m := range mine {
		for ; next < len(theirs) && theirs[next].At+len(theirs[next].Old) <= m.At; next++ {
			shift += len(theirs[next].New) - len(theirs[next].Old)
		}
		m.At += shift
		moved = append(moved, m)
	}
	return moved, true
}

// preferred returns what becomes of a text by mine and by those of theirs that go together
// with mine: who sends it loses nothing of mine, and takes back as little of theirs as can be.
func preferred(base []Segment, mine, theirs []Splice) []Segment {
	mine = blended(mine, theirs)
	theirs = apart(mine, theirs)
	for {
		both := merge(base, mine, theirs)
		clashes := both.clashes()
		if len(clashes) == 0 {
			return both.segments
		}
		var left []Splice
		for i, t := range theirs {
			if !clashes[i] {
				left = append(left, t)
			}
		}
		theirs = left
	}
}

// blended returns changes of mine that leave what theirs have changed in the same segments
// and mine have not: who speaks, or all else.
func blended(mine, theirs []Splice) []Splice {
	now := map[int]Segment{} // by number in the text before
	for _, t := range theirs {
		for i := range t.Old {
			if len(t.New) == len(t.Old) {
				now[t.At+i] = t.New[i]
			}
		}
	}
	mine = slices.Clone(mine)
	for m, s := range mine {
		if len(s.New) != len(s.Old) {
			continue
		}
		mine[m].New = slices.Clone(s.New)
		for i, old := range s.Old {
			if t, ok := now[s.At+i]; ok {
				mine[m].New[i] = blend(old, s.New[i], t)
			}
		}
	}
	return mine
}

func blend(old, mine, theirs Segment) Segment {
	if mine.Speaker == old.Speaker {
		mine.Speaker = theirs.Speaker
		return mine
	}
	if old.Speaker = mine.Speaker; seen(old) == seen(mine) {
		theirs.Speaker = mine.Speaker
		return theirs
	}
	return mine
}

// apart returns those of theirs that are of other segments than mine.
func apart(mine, theirs []Splice) (found []Splice) {
	next := 0
	for _, t := range theirs {
		for next < len(mine) && mine[next].At+len(mine[next].Old) < t.At {
			next++
		}
		if !overlapAny(mine[next:], t) {
			found = append(found, t)
		}
	}
	return found
}

// overlapAny reports whether a change overlaps one of a list, in order.
func overlapAny(list []Splice, s Splice) bool {
	for _, o := range list {
		if o.At > s.At+len(s.Old) {
			return false
		}
		if overlap(o, s) {
			return true
		}
	}
	return false
}

// joint is a text with changes of two.
type joint struct {
	segments []Segment
	by       []int // whom a segment is of: the number of one of theirs, byMe or byNobody
}

const (
	byMe     = -1
	byNobody = -2
)

// merge does changes that are of different segments.
func merge(base []Segment, mine, theirs []Splice) joint {
	type change struct {
		Splice
		by int
	}
	var all []change
	for _, s := range mine {
		all = append(all, change{s, byMe})
	}
	for i, s := range theirs {
		all = append(all, change{s, i})
	}
	slices.SortFunc(all, func(a, b change) int { // what is put in between two comes before a change of the second
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(len(a.Old), len(b.Old)))
	})
	var m joint
	add := func(segments []Segment, by int) {
		m.segments, m.by = append(m.segments, segments...), append(m.by, slices.Repeat([]int{by}, len(segments))...)
	}
	at := 0
	for _, c := range all {
		add(base[at:c.At], byNobody)
		add(c.New, c.by)
		at = c.At + len(c.Old)
	}
	add(base[at:], byNobody)
	return m
}

// clashes returns which of theirs do not go together with mine: of two segments next to each
// other the second starts earlier, or one speaker starts the second before the end of the first.
func (m joint) clashes() map[int]bool {
	found := map[int]bool{}
	check := func(i, j int, wrong bool) {
		if a, b := m.by[i], m.by[j]; wrong && min(a, b) == byMe && max(a, b) > byMe {
			found[max(a, b)] = true
		}
	}
	last := map[string]int{} // of a speaker
	for i, s := range m.segments {
		if i > 0 {
			check(i-1, i, s.Start < m.segments[i-1].Start)
		}
		if before, ok := last[s.Speaker]; ok {
			check(before, i, s.Start < m.segments[before].End)
		}
		last[s.Speaker] = i
	}
	return found
}

// overlap reports whether two changes are of the same segments, or put something into the
// same place.
func overlap(a, b Splice) bool {
	if len(a.Old) == 0 && len(b.Old) == 0 {
		return a.At == b.At
	}
	return a.At < b.At+len(b.Old) && b.At < a.At+len(a.Old)
}
