package transcription

import (
	"cmp"
	"fmt"
	"slices"
)

// Transcript joins the parts of a recording, in order, into what people read:
// sentences, ordered by where they begin, and the receipt for them. Channels that were
// kept apart are joined each by itself and are a speaker each; what two speakers say
// may overlap, what one says does not.
func Transcript(parts []Part) ([]Segment, Coverage) {
	var all []Segment
	var receipt Coverage
	for _, own := range byChannel(parts) {
		segments := sentencesOf(own)
		receipt.add(Cover(own, segments))
		all = append(all, segments...)
	}
	slices.SortStableFunc(all, byStart)
	return all, receipt
}

// sentencesOf returns the sentences of one channel.
func sentencesOf(own []Part) []Segment {
	segments := Sentences(Merge(own))
	if len(own) > 0 && own[0].Channel > 0 {
		for i := range segments {
			segments[i].Speaker = fmt.Sprintf("Speaker %d", own[0].Channel)
		}
	}
	return segments
}

func byStart(a, b Segment) int { return cmp.Compare(a.Start, b.Start) }

// byChannel groups parts by their channels, in order of these.
func byChannel(parts []Part) (groups [][]Part) {
	sorted := slices.Clone(parts)
	slices.SortStableFunc(sorted, func(a, b Part) int { return cmp.Compare(a.Channel, b.Channel) })
	for len(sorted) > 0 {
		n := slices.IndexFunc(sorted, func(p Part) bool { return p.Channel != sorted[0].Channel })
		if n < 0 {
			n = len(sorted)
		}
		groups = append(groups, sorted[:n])
		sorted = sorted[n:]
	}
	return groups
}

// add counts another channel in.
func (c *Coverage) add(other Coverage) {
	c.Speech += other.Speech
	c.Covered += other.Covered
	c.Suspect += other.Suspect
	c.Gaps = append(c.Gaps, other.Gaps...)
	c.Seams = append(c.Seams, other.Seams...)
	slices.SortStableFunc(c.Gaps, func(a, b Gap) int { return cmp.Compare(a.Start, b.Start) })
	slices.Sort(c.Seams)
}
