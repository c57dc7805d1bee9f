package transcription

import "time"

// Standing is how a transcription stands, for those who follow it.
type Standing struct {
	Transcription           // without text and segments
	Changes       []Event   // of status, of the present run, in order
	First         int       // the number of the first of Settled
	Settled       []Segment // those that stay as they are, without words
}

// settled returns how many segments stay as they are.
func (s *Standing) settled() int { return s.First + len(s.Settled) }

// covers reports whether s has everything that is behind a place.
func (s *Standing) covers(p Place) bool { return s.First <= p.within(s.Run).Segments }

// Outlook is what may change of a transcription without anything happening to it, and
// when something did last.
type Outlook struct {
	Run             int
	UpdatedAt       time.Time
	QueuePosition   int
	Estimate        time.Duration
	Soonest, Latest time.Duration
}

// seenIn reports whether s is of when o was, but for what is foreseen.
func (o Outlook) seenIn(s *Standing) bool { return o.Run == s.Run && o.UpdatedAt.Equal(s.UpdatedAt) }

// with returns s with what is foreseen now.
func (s *Standing) with(o Outlook) *Standing {
	now := *s
	now.QueuePosition, now.Estimate, now.Soonest, now.Latest = o.QueuePosition, o.Estimate, o.Soonest, o.Latest
	return &now
}

// Item is one thing that somebody who follows a transcription is told: a change of its
// status, or segments, or neither, which is how far it is.
type Item struct {
	Place    Place  // behind it
	Change   *Event // in the words of Status
	Segments []Segment
}

// First returns the number of the first segment.
func (i Item) First() int { return i.Place.Segments - len(i.Segments) }

// News is what somebody has not been told yet, in order.
type News struct {
	Items    []Item
	Standing *Standing // now
}

// batch bounds the segments of one item.
const batch = 100

// newsSince returns what s has behind a place that it covers. The end of the run comes
// last, behind all its segments, and nobody but who has it goes without: a database that
// has crashed may forget a change that was told, and count on from before it. A run that has
// failed and was given a text has two ends, of which the last counts: each would be news to
// who has the other, for ever. Moved says whether it is also told how far it is.
func newsSince(s *Standing, p Place, moved bool) News {
	news, p := News{Standing: s}, p.within(s.Run)
	var end *Event
	for i := range s.Changes {
		c := &s.Changes[i]
		switch {
		case c.Status().Final():
			end = c
		case c.ID > p.Change:
			p.Change = c.ID
			news.Items = append(news.Items, Item{Place: p, Change: c})
		}
	}
	if moved && !s.Status.Final() {
		news.Items = append(news.Items, Item{Place: p})
	}
	for p.Segments < s.settled() {
		next := s.Settled[p.Segments-s.First:]
		next = next[:min(len(next), batch)]
		p.Segments += len(next)
		news.Items = append(news.Items, Item{Place: p, Segments: next})
	}
	if end != nil && end.ID != p.Change {
		p.Change = end.ID
		news.Items = append(news.Items, Item{Place: p, Change: end})
	}
	return news
}
