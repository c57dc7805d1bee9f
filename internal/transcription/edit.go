package transcription

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// The limits of what a person writes.
const (
	MaxSegmentText = 10_000    // letters of a segment
	MaxSegments    = 200_000   // of a transcription
	MaxText        = 4_000_000 // letters of a transcription; ten hours have some 600 000
	MaxSpeaker     = 100       // letters of a name
	MaxEdits       = 1000      // at once
)

// EditOp says what an edit does.
type EditOp string

// The edits.
const (
	SetText       EditOp = "text"          // of a segment; words that stay keep their times
	SetSpeaker    EditOp = "speaker"       // of a segment
	SetTimes      EditOp = "times"         // where a segment starts, ends or both
	MoveBoundary  EditOp = "boundary"      // between a segment and the next, which share their words anew
	Split         EditOp = "split"         // a segment, before a word or at a time
	Join          EditOp = "join"          // a segment with the next
	Insert        EditOp = "insert"        // a segment where there is none
	Remove        EditOp = "remove"        // a segment
	RenameSpeaker EditOp = "renameSpeaker" // everywhere; to a name that there is, that merges the two
	Replace       EditOp = "replace"       // a text by another everywhere
)

// Edit is one change of a text. Segment counts from 0, as it stands behind the edits
// before this one. What an edit does not need is left out.
type Edit struct {
	Op         EditOp
	Segment    int
	Text       string         // SetText, Insert
	Speaker    string         // SetSpeaker, Insert
	Start, End *time.Duration // SetTimes: nil stays; Insert: both
	At         *time.Duration // MoveBoundary, Split
	Word       *int           // Split: the first of the second part
	From, To   string         // RenameSpeaker
	Find, With string         // Replace
	MatchCase  bool
	WholeWords bool
}

// draft is a text that is being edited. Its segments are the draft's own, but their words
// are not: who changes words makes new ones.
type draft struct {
	segments []Segment
	duration time.Duration // of the recording; 0: unknown
}

// edits are what each kind of edit does.
var edits = map[EditOp]func(*draft, Edit) error{
	SetText: (*draft).setText, SetSpeaker: (*draft).setSpeaker, SetTimes: (*draft).setTimes, MoveBoundary: (*draft).moveBoundary,
	Split: (*draft).split, Join: (*draft).join, Insert: (*draft).insert, Remove: (*draft).remove,
	RenameSpeaker: (*draft).renameSpeaker, Replace: (*draft).replace,
}

// apply does one edit, or nothing and says why not.
func (d *draft) apply(e Edit) error {
	do, ok := edits[e.Op]
	if !ok {
		return fault.New(fault.Invalid, "There is no edit %q. Choose one of %s.", e.Op, strings.Join(editNames(), ", ")).
			WithCode("unknown_edit").With("field", "op").With("allowed", editNames())
	}
	return do(d, e)
}

// editNames returns the names of the edits.
func editNames() []string {
	names := make([]string, 0, len(edits))
	for op := range edits {
		names = append(names, string(op))
	}
	slices.Sort(names)
	return names
}

// segment returns a segment with words that spell its text, to be changed in place.
func (d *draft) segment(i int) (*Segment, error) {
	if i < 0 || i >= len(d.segments) {
		return nil, fault.New(fault.Invalid, "There is no segment %d, there are %d, counted from 0.", i, len(d.segments)).
			WithCode("no_such_segment").With("segment", i)
	}
	d.segments[i] = worded(d.segments[i])
	return &d.segments[i], nil
}

// pair returns a segment and the next.
func (d *draft) pair(i int) (a, b *Segment, err error) {
	if a, err = d.segment(i); err != nil {
		return nil, nil, err
	}
	if i+1 == len(d.segments) {
		return nil, nil, fault.New(fault.Invalid, "Segment %d is the last one, there is no next.", i).WithCode("no_next_segment").With("segment", i)
	}
	b, err = d.segment(i + 1)
	return a, b, err
}

func (d *draft) setText(e Edit) error {
	s, err := d.segment(e.Segment)
	if err != nil {
		return err
	}
	text, err := checkText(e.Text)
	if err != nil {
		return err
	}
	*s = reword(*s, text)
	return nil
}

// checkLength refuses a whole text of so many letters: working on one takes a hundred times
// its size in memory.
func checkLength(letters int) error {
	if letters <= MaxText {
		return nil
	}
	return fault.New(fault.Invalid, "A transcription has at most %d letters, this would have %d. Leave something out.", MaxText, letters).
		WithCode("text_too_long").With("limit", MaxText)
}

// lettersOf counts those of a text.
func lettersOf(segments []Segment) (n int) {
	for _, s := range segments {
		n += utf8.RuneCountInString(s.Text)
	}
	return n
}

// checkGrowth refuses to make a text longer than it may be. One that the machine has made
// so may be worked on.
func (d *draft) checkGrowth(before []Segment) error {
	if len(d.segments) > max(MaxSegments, len(before)) {
		return tooManySegments()
	}
	if n := lettersOf(d.segments); n > lettersOf(before) {
		return checkLength(n)
	}
	return nil
}

// checkText returns a text of a segment as it is kept.
func checkText(text string) (string, error) {
	if n := utf8.RuneCountInString(text); n > MaxSegmentText {
		return "", fault.New(fault.Invalid, "The text of a segment has at most %d letters, this has %d. Split it, or send the whole text at once.", MaxSegmentText, n).
			WithCode("text_too_long").With("limit", MaxSegmentText)
	}
	if text = clean(text); text == "" {
		return "", fault.New(fault.Invalid, "The text of a segment must not be empty. Remove the segment instead.").WithCode("empty_text")
	}
	return text, nil
}

func (d *draft) setSpeaker(e Edit) error {
	s, err := d.segment(e.Segment)
	if err != nil {
		return err
	}
	s.Speaker, err = checkSpeaker(e.Speaker)
	return err
}

// checkSpeaker returns a name as it is kept. Empty is nobody known.
func checkSpeaker(name string) (string, error) {
	if name = clean(name); utf8.RuneCountInString(name) > MaxSpeaker {
		return "", fault.New(fault.Invalid, "The name of a speaker has at most %d letters.", MaxSpeaker).WithCode("speaker_too_long").With("limit", MaxSpeaker)
	}
	return name, nil
}

func (d *draft) setTimes(e Edit) error {
	s, err := d.segment(e.Segment)
	if err != nil {
		return err
	}
	start, end := s.Start, s.End
	change(&start, e.Start)
	change(&end, e.End)
	if err := d.checkTimes(e.Segment, start, end); err != nil {
		return err
	}
	s.Start, s.End, s.Words = start, end, straightWords(s.Words, start, end)
	return nil
}

// checkTimes refuses times of segment i that go back, or overlap what the same speaker
// says next to it.
func (d *draft) checkTimes(i int, start, end time.Duration) error {
	if err := checkSpan(start, end, d.duration); err != nil {
		return err
	}
	beside := func(j int) error {
		return fault.New(fault.Invalid, "From %s to %s segment %d would overlap segment %d. Move the boundary between them, or change that one first.",
			Seconds(start), Seconds(end), i, j).WithCode("overlap").With("segment", i).With("with", j)
	}
	if i > 0 && start < d.segments[i-1].Start || i+1 < len(d.segments) && start > d.segments[i+1].Start {
		return fault.New(fault.Invalid, "Segment %d cannot start at %s: segments are in the order in which they start.", i, Seconds(start)).
			WithCode("out_of_order").With("segment", i)
	}
	speaker := d.segments[i].Speaker
	for j := i - 1; j >= 0; j-- {
		if d.segments[j].Speaker == speaker {
			if start < d.segments[j].End {
				return beside(j)
			}
			break
		}
	}
	for j := i + 1; j < len(d.segments); j++ {
		if d.segments[j].Speaker == speaker {
			if end > d.segments[j].Start {
				return beside(j)
			}
			break
		}
	}
	return nil
}

// checkSpan refuses times that are none of a segment.
func checkSpan(start, end, duration time.Duration) error {
	if start < 0 || end-start < shortestSegment {
		return fault.New(fault.Invalid, "A segment cannot go from %s to %s: it must end at least %s s behind its start.", Seconds(start), Seconds(end), Seconds(shortestSegment)).
			WithCode("times_reversed")
	}
	if duration > 0 && end > duration+time.Second {
		return fault.New(fault.Invalid, "The recording ends at %s, a segment cannot end at %s.", Seconds(duration), Seconds(end)).
			WithCode("beyond_the_end").With("duration", Seconds(duration))
	}
	return nil
}

// moveBoundary shares the words of two segments anew, by their middles.
func (d *draft) moveBoundary(e Edit) error {
	a, b, err := d.pair(e.Segment)
	if err != nil {
		return err
	}
	if e.At == nil {
		return MissingField("at")
	}
	at := *e.At
	end := max(a.End, b.End)
	if at-a.Start < shortestSegment || end-at < shortestSegment {
		return fault.New(fault.Invalid, "The boundary must lie between %s and %s.", Seconds(a.Start), Seconds(end)).WithCode("times_reversed")
	}
	words := slices.Concat(a.Words, b.Words)
	n := slices.IndexFunc(words, func(w Word) bool { return (w.Start+w.End)/2 >= at })
	if n <= 0 {
		return fault.New(fault.Invalid, "With the boundary at %s one of the segments would have no words. Join them instead.", Seconds(at)).
			WithCode("nothing_left")
	}
	*a = cutTo(*a, words[:n], a.Start, at)
	*b = cutTo(*b, words[n:], at, end)
	d.sort()
	return nil
}

// cutTo returns a segment with some of the words, between these times.
func cutTo(s Segment, words []Word, start, end time.Duration) Segment {
	s.Text, s.Start, s.End, s.Confidence = joinWords(words), start, end, confidence(words)
	s.Words = straightWords(words, start, end)
	return s
}

// MissingField says that an edit lacks something: Invalid missing_field.
func MissingField(name string) error {
	return fault.New(fault.Invalid, "This edit needs %q.", name).WithCode("missing_field").With("field", name)
}

func (d *draft) split(e Edit) error {
	s, err := d.segment(e.Segment)
	if err != nil {
		return err
	}
	n, err := splitAt(s, e)
	if err != nil {
		return err
	}
	if n < 1 || n >= len(s.Words) || s.End-s.Start < 2*shortestSegment {
		return fault.New(fault.Invalid, "Segment %d cannot be split there: both parts need a word.", e.Segment).WithCode("nothing_left").With("words", len(s.Words))
	}
	first, second := halves(*s, n, e.At)
	d.segments = slices.Replace(d.segments, e.Segment, e.Segment+1, first, second)
	d.sort()
	return nil
}

// halves returns a segment in two, the second from word n on, at a time or, with nil, where
// its words are.
func halves(s Segment, n int, at *time.Duration) (first, second Segment) {
	clamp := func(t time.Duration) time.Duration {
		return min(max(t, s.Start+shortestSegment), s.End-shortestSegment)
	}
	until, from := clamp(s.Words[n-1].End), clamp(s.Words[n].Start)
	if until > from {
		until = from
	}
	if at != nil {
		until, from = clamp(*at), clamp(*at)
	}
	return cutTo(s, s.Words[:n], s.Start, until), cutTo(s, s.Words[n:], from, s.End)
}

// splitAt returns the word before which an edit splits a segment.
func splitAt(s *Segment, e Edit) (int, error) {
	switch {
	case e.Word != nil:
		return *e.Word, nil
	case e.At == nil:
		return 0, fault.New(fault.Invalid, "This edit needs \"word\" or \"at\".").WithCode("missing_field").With("field", "word").With("anyOf", []string{"word", "at"})
	}
	n := slices.IndexFunc(s.Words, func(w Word) bool { return (w.Start+w.End)/2 >= *e.At })
	return max(n, 0), nil
}

// sort puts segments in order that have come to start behind others, as parts of one may
// where speakers talk at the same time.
func (d *draft) sort() {
	slices.SortStableFunc(d.segments, func(a, b Segment) int { return cmp.Compare(a.Start, b.Start) })
}

func (d *draft) join(e Edit) error {
	a, b, err := d.pair(e.Segment)
	if err != nil {
		return err
	}
	words := slices.Concat(a.Words, b.Words)
	joined := cutTo(*a, words, a.Start, max(a.End, b.End))
	joined.Suspect = a.Suspect || b.Suspect
	d.segments = slices.Replace(d.segments, e.Segment, e.Segment+2, joined)
	return nil
}

func (d *draft) insert(e Edit) error {
	if e.Start == nil {
		return MissingField("start")
	}
	if e.End == nil {
		return MissingField("end")
	}
	s, err := d.written(NewSegment{Start: *e.Start, End: *e.End, Text: e.Text, Speaker: e.Speaker})
	if err != nil {
		return err
	}
	i, _ := slices.BinarySearchFunc(d.segments, s.Start, func(o Segment, at time.Duration) int {
		if o.Start <= at {
			return -1
		}
		return 1
	})
	d.segments = slices.Insert(d.segments, i, reword(s, s.Text))
	return d.checkTimes(i, s.Start, s.End)
}

func tooManySegments() error {
	return fault.New(fault.Invalid, "A transcription has at most %d segments.", MaxSegments).WithCode("too_many_segments").With("limit", MaxSegments)
}

func (d *draft) remove(e Edit) error {
	if _, err := d.segment(e.Segment); err != nil {
		return err
	}
	d.segments = slices.Delete(d.segments, e.Segment, e.Segment+1)
	return nil
}

func (d *draft) renameSpeaker(e Edit) error {
	to, err := checkSpeaker(e.To)
	if err != nil {
		return err
	}
	found := false
	for i := range d.segments {
		if d.segments[i].Speaker == e.From {
			d.segments[i].Speaker, found = to, true
		}
	}
	if !found {
		return fault.New(fault.Invalid, "There is no speaker %q.", e.From).WithCode("no_such_speaker").With("speaker", e.From)
	}
	return nil
}

// replace changes every segment that has the text. One of which nothing is left is gone.
func (d *draft) replace(e Edit) error {
	find, err := newFinder(e)
	if err != nil {
		return err
	}
	var kept []Segment
	letters := lettersOf(d.segments)
	for _, s := range d.segments {
		text, found := find.replaced(s.Text, e.With)
		if !found {
			kept = append(kept, s)
			continue
		}
		if strings.TrimSpace(clean(text)) == "" {
			continue
		}
		if text, err = checkText(text); err != nil {
			return err
		}
		letters += utf8.RuneCountInString(text) - utf8.RuneCountInString(s.Text)
		if err := checkLength(letters); err != nil {
			return err
		}
		kept = append(kept, reword(worded(s), text))
	}
	d.segments = kept
	return nil
}
