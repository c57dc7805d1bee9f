package transcription

import (
	"slices"
	"time"
	"unicode/utf8"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// NewSegment is a segment as a person writes it. With words that spell its text these are
// its words; else those that it has in common with the text before keep their times.
type NewSegment struct {
	Start, End time.Duration
	Text       string
	Speaker    string
	Words      []Word
}

// written returns a segment that a person has written, with its words if they are good.
func (d *draft) written(n NewSegment) (Segment, error) {
	if err := checkSpan(n.Start, n.End, d.duration); err != nil {
		return Segment{}, err
	}
	text, err := checkText(n.Text)
	if err != nil {
		return Segment{}, err
	}
	speaker, err := checkSpeaker(n.Speaker)
	if err != nil {
		return Segment{}, err
	}
	s := Segment{Start: n.Start, End: n.End, Text: text, Speaker: speaker, Confidence: 1}
	if joinWords(n.Words) == text && orderly(n) {
		s.Words, s.Confidence = slices.Clone(n.Words), confidence(n.Words)
	}
	return s, nil
}

// orderly reports whether the words of a segment go forward within it.
func orderly(n NewSegment) bool {
	at := n.Start
	for _, w := range n.Words {
		if w.Start < at || w.End < w.Start || w.End > n.End || !(w.Confidence >= 0 && w.Confidence <= 1) {
			return false
		}
		at = w.Start
	}
	return true
}

// rewrite makes list the whole text. It must be in order.
func (d *draft) rewrite(list []NewSegment) error {
	if len(list) > MaxSegments {
		return tooManySegments()
	}
	letters := 0
	for _, n := range list {
		letters += utf8.RuneCountInString(n.Text)
	}
	if err := checkLength(letters); err != nil {
		return err
	}
	segments := make([]Segment, len(list))
	same := make([]bool, len(list))
	as := unchanged(d.segments)
	for i, n := range list {
		var err error
		if segments[i], same[i] = as(n); !same[i] {
			segments[i], err = d.written(n)
		}
		if err == nil && i > 0 && segments[i].Start < segments[i-1].Start {
			err = fault.New(fault.Invalid, "Segment %d starts before the one before it.", i).WithCode("out_of_order")
		}
		if err != nil {
			return fault.Of(err).With("segment", i)
		}
	}
	d.segments = inherit(d.segments, segments, same)
	return nil
}

// inherit gives segments without words those that they have in common with a text
// before, where these lie within them. What is the same as before stays so.
func inherit(before, segments []Segment, same []bool) []Segment {
	var old []Word
	for _, s := range before {
		old = append(old, worded(s).Words...)
	}
	var units []unit
	bounds := make([]int, len(segments)+1)
	for i, s := range segments {
		units = append(units, unitsIn(s.Text)...)
		bounds[i+1] = len(units)
	}
	recognize(old, units)
	for i, s := range segments {
		for n := bounds[i]; n < bounds[i+1]; n++ {
			if w := units[n].word; w >= 0 && (old[w].Start < s.Start || old[w].End > s.End) {
				units[n].word = -1
			}
		}
	}
	kept := neighbours(units, len(old))
	for i := range segments {
		s := &segments[i]
		if same[i] || len(s.Words) > 0 {
			continue
		}
		from, to := bounds[i], bounds[i+1]
		s.Words = reworded(old, units[from:to], gapOf{kept.before[from], kept.behind[to], s.Start, s.End})
		s.Confidence = confidence(s.Words)
	}
	return segments
}

// unchanged returns what finds the segment that a person has sent back as it was: that is
// no edit. Confidences are shown rounded, so they do not count.
func unchanged(segments []Segment) func(NewSegment) (Segment, bool) {
	at := map[string]Segment{}
	for _, s := range segments {
		at[seen(s)] = s
	}
	return func(n NewSegment) (Segment, bool) {
		old, ok := at[seen(Segment{Start: n.Start, End: n.End, Text: n.Text, Speaker: n.Speaker})]
		return old, ok && (len(n.Words) == 0 || slices.EqualFunc(old.Words, n.Words, sameWord))
	}
}

func sameWord(a, b Word) bool {
	a.Confidence, b.Confidence = 0, 0
	return a == b
}
