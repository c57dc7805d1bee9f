package transcription

import (
	"fmt"
	"strings"
)

// Splice is a change of a text: from segment At on, the segments Old gave way to New.
type Splice struct {
	At  int
	Old []Segment
	New []Segment
}

// Splices returns what leads from one text to another, in order and counted in the old one.
func Splices(old, now []Segment) (found []Splice) {
	to := align(keys(old), keys(now))
	i, j := 0, 0
	for i < len(old) || j < len(now) {
		if i < len(old) && to[i] == j {
			i++
			j++
			continue
		}
		s := Splice{At: i}
		for i < len(old) && to[i] < 0 {
			i++
		}
		next := len(now)
		if i < len(old) {
			next = to[i]
		}
		s.Old, s.New = old[s.At:i:i], now[j:next:next]
		j = next
		found = append(found, s)
	}
	return found
}

// keys returns what segments are compared by: all of them.
func keys(segments []Segment) []string {
	list := make([]string, len(segments))
	for i, s := range segments {
		var b strings.Builder
		fmt.Fprintf(&b, "%s\x00%.3f\x00%t", seen(s), s.Confidence, s.Suspect)
		for _, w := range s.Words {
			fmt.Fprintf(&b, "\x00%d %d %t %.3f %s", w.Start.Milliseconds(), w.End.Milliseconds(), w.Glued, w.Confidence, w.Text)
		}
		list[i] = b.String()
	}
	return list
}

// seen is what a reader sees of a segment.
func seen(s Segment) string {
	return fmt.Sprintf("%d %d\x00%s\x00%s", s.Start.Milliseconds(), s.End.Milliseconds(), s.Speaker, s.Text)
}

// Apply returns a text with changes of it.
func Apply(segments []Segment, splices []Splice) []Segment {
	var out []Segment
	at := 0
	for _, s := range splices {
		out = append(append(out, segments[at:s.At]...), s.New...)
		at = s.At + len(s.Old)
	}
	return append(out, segments[at:]...)
}

// Reverse returns what takes changes back.
func Reverse(splices []Splice) []Splice {
	back := make([]Splice, len(splices))
	shift := 0
	for i, s := range splices {
		back[i] = Splice{At: s.At + shift, Old: s.New, New: s.Old}
		shift += len(s.New) - len(s.Old)
	}
	return back
}
