package transcription

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// RangeStore keeps ranges, see Store.
type RangeStore interface {
	// CreateRange inserts a range, queued, with its prepare step, books its length, and sets
	// its number and its times. Conflict in_work: the text was made by another run meanwhile,
	// or another one is on its way; what Range.MayBegin says.
	CreateRange(ctx context.Context, owner uuid.UUID, r *Range) error
	// Ranges returns a page of the ranges of a transcription, newest first, below a number; 0:
	// from the newest.
	Ranges(ctx context.Context, owner, id uuid.UUID, before, limit int) ([]Range, error)
	// CancelRange ends a range in the status canceled. One that is canceled already stays as
	// it is. Conflict already_ended: it has completed or failed.
	CancelRange(ctx context.Context, owner, id uuid.UUID, number int) error
}

// Range is a part of a recording that is transcribed again while the rest of the text
// stays as it is. It goes the way of a run, and is one whose number is below zero.
type Range struct {
	ID       uuid.UUID // of the transcription
	Number   int       // from 1
	From, To time.Duration
	After    int // the revision that there was when it was asked for
	Status   Status
	Options  Options

	Model              string  // that is or was used
	Language           string  // empty until known
	LanguageConfidence float64 // 0–1; 1 when it was named
	Progress           float64 // 0–1
	Revision           int     // with its text; 0 until completed
	Kept               bool    // a person has changed this part meanwhile, so that the revision behind is theirs again
	Failure            *Failure

	CreatedAt   time.Time
	UpdatedAt   time.Time
	CompletedAt time.Time // zero until Completed
}

// Ref returns the name of the range as a run.
func (r Range) Ref() Ref { return Ref{ID: r.ID, Run: -r.Number} }

// Range returns the number of the range that r names; false: r is a run of the whole
// recording.
func (r Ref) Range() (number int, ok bool) { return -r.Run, r.Run < 0 }

// NewRange is what a range shall be; nil is as the text was made.
type NewRange struct {
	From, To  time.Duration
	Model     *string
	Language  *string
	Prompt    *string
	Translate *bool
}

// The bounds of ranges.
const (
	MinRange  = 100 * time.Millisecond
	MaxRanges = 10 // of one transcription on their way at once
)

// CreateRange has a part of a recording transcribed again, from From to To moved outwards
// so far that no word of the present text is cut. What becomes of it takes the place of that part, as
// a revision; the rest stays as it is. Base is as in Restore. Faults are those of options
// and Stale stale_edit; Invalid invalid_range; TooLarge quota_minutes; Conflict no_text,
// in_work, range_in_work, too_many_ranges.
func (s *Service) CreateRange(ctx context.Context, who auth.Actor, id uuid.UUID, base *int, n NewRange) (*Range, error) {
	if err := who.Require(auth.WriteTranscriptions); err != nil {
		return nil, err
	}
	t, err := s.editable(ctx, who, id)
	if err != nil {
		return nil, err
	}
	if t.Shared != "" {
		return nil, ownerOnly(nil)
	}
	if err := t.Retriable(); err != nil {
		return nil, err
	}
	if err := s.unmoved(ctx, who, t, base); err != nil {
		return nil, err
	}
	r, err := n.of(t)
	if err != nil {
		return nil, err
	}
	if r.Options, err = s.accept(ctx, who, r.Options); err != nil {
		return nil, err
	}
	if err := s.store.CreateRange(ctx, who.UserID, r); err != nil {
		return nil, err
	}
	if err := s.workers.Advance(ctx, r.Ref()); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Stringer("transcription", id).Msg("not enqueued yet, left to the reconciler")
	}
	return r, nil
}

// unmoved returns a Stale fault when base is not the present revision.
func (s *Service) unmoved(ctx context.Context, who auth.Actor, t *Transcription, base *int) error {
	if base == nil || *base == t.Revision {
		return nil
	}
	read, _, err := s.asRead(ctx, who, t, base)
	if err != nil {
		return err
	}
	return staleEdit(t, read)
}

// of returns the range of a text.
func (n NewRange) of(t *Transcription) (*Range, error) {
	as, _ := t.Readable()
	length := as.Duration.Truncate(time.Millisecond)
	invalid := func(field, format string, args ...any) error {
		return fault.New(fault.Invalid, format, args...).WithCode("invalid_range").With("field", field)
	}
	if length == 0 { // its text was brought along
		return nil, fault.New(fault.Invalid, "The length of this recording is not known until it has been run, so there are no parts of it yet. Run the whole of it first.").
			WithCode("invalid_range")
	}
	if n.From < 0 || n.From >= length {
		return nil, invalid("from", "A range must begin within the recording, which is %s long.", position(length))
	}
	if n.To < n.From+MinRange {
		return nil, invalid("to", "A range must end behind its beginning, by a tenth of a second at least.")
	}
	from, to := snap(as.Segments, n.From, min(n.To, length), length)
	o := Options{Model: as.Model, Language: as.Language, Prompt: t.Options.Prompt, Translate: as.Options.Translate, Split: t.Options.Split, Priority: t.Options.Priority}
	change(&o.Model, n.Model)
	change(&o.Language, n.Language)
	change(&o.Prompt, n.Prompt)
	change(&o.Translate, n.Translate)
	return &Range{ID: t.ID, From: from, To: to, After: t.Revision, Status: Queued, Options: o}, nil
}

// Ranges returns a page of the ranges of a transcription of the caller's, newest first,
// below a number; 0: from the newest.
func (s *Service) Ranges(ctx context.Context, who auth.Actor, id uuid.UUID, before, limit int) ([]Range, error) {
	if err := who.Require(auth.ReadTranscriptions); err != nil {
		return nil, err
	}
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	list, err := s.store.Ranges(ctx, who.UserID, id, before, limit)
	return list, s.withheld(ctx, who, id, err)
}

// Range returns a range of a transcription of the caller's.
func (s *Service) Range(ctx context.Context, who auth.Actor, id uuid.UUID, number int) (*Range, error) {
	if err := who.Require(auth.ReadTranscriptions); err != nil {
		return nil, err
	}
	list, err := s.store.Ranges(ctx, who.UserID, id, number+1, 1)
	if err != nil {
		return nil, s.withheld(ctx, who, id, err)
	}
	if len(list) == 0 || list[0].Number != number {
		return nil, NoRange(number)
	}
	return &list[0], nil
}

// NoRange is the fault of whoever asks for a range that is not there.
func NoRange(number int) error {
	return fault.New(fault.NotFound, "There is no range %d of this transcription.", number)
}

// CancelRange ends the work on a range, and returns it as it is then. Canceling what is
// canceled already is no error. Conflict already_ended: it has completed or failed.
func (s *Service) CancelRange(ctx context.Context, who auth.Actor, id uuid.UUID, number int) (*Range, error) {
	if err := who.Require(auth.WriteTranscriptions); err != nil {
		return nil, err
	}
	if err := s.store.CancelRange(ctx, who.UserID, id, number); err != nil {
		return nil, s.withheld(ctx, who, id, err)
	}
	s.letGo(ctx, id)
	s.fill(ctx)
	return s.Range(ctx, who, id, number)
}

// MayBegin returns nil when r can begin beside others of the same transcription that are
// on their way. Conflict range_in_work: one of them has a part of the same; too_many_ranges.
func (r Range) MayBegin(others []Range) error {
	if len(others) >= MaxRanges {
		return fault.New(fault.Conflict, "There may be %d ranges of one transcription on their way. Wait until one has ended.", MaxRanges).
			WithCode("too_many_ranges").With("limit", MaxRanges)
	}
	for _, o := range others {
		if o.From < r.To && r.From < o.To {
			return fault.New(fault.Conflict, "Range %d, which has a part of the same, is on its way. Wait until it has ended, or cancel it first.", o.Number).
				WithCode("range_in_work").With("range", o.Number)
		}
	}
	return nil
}

// RangesInWork is the fault of whoever would run a recording again, or begin something else
// that changes the whole text, while ranges of it are on their way.
func RangesInWork() error {
	return fault.New(fault.Conflict, "A range of this transcription is on its way. Wait until it has ended, or cancel it first.").WithCode("in_work")
}

// How far the ends of a range are moved.
const (
	edgeMargin = 100 * time.Millisecond // to the next word, where there is a pause of twice that
	edgeReach  = time.Second            // farther than a word's beginning, to find a pause
)

// snap moves the ends of a range outwards: to where no word is cut and, when there is one
// close by, into a pause, since the times of words are not exact. Ends that lie in a pause stay.
func snap(segments []Segment, from, to, length time.Duration) (start, end time.Duration) {
	words := wordsOf(segments)
	mirrored := make([]Word, len(words))
	for i, w := range words {
		mirrored[i] = Word{Start: -w.End, End: -w.Start}
	}
	return max(earlier(words, from), 0), min(-earlier(mirrored, -to), length)
}

// earlier moves a time back so far that it is in no word and, if it can be, in a pause.
func earlier(words []Word, at time.Duration) time.Duration {
	edge := outOf(words, at)
	for at = edge; ; {
		until, next := time.Duration(math.MinInt64/2), time.Duration(math.MaxInt64/2)
		for _, w := range words {
			if w.End <= at {
				until = max(until, w.End)
			}
			if w.Start >= at {
				next = min(next, w.Start)
			}
		}
		if next-until >= 2*edgeMargin {
			return min(max(at, until+edgeMargin), next-edgeMargin)
		}
		at = outOf(words, until-1)
		if edge-at > edgeReach {
			return edge
		}
	}
}

// outOf returns the latest time up to at that is within no word.
func outOf(words []Word, at time.Duration) time.Duration {
	for moved := true; moved; {
		moved = false
		for _, w := range words {
			if w.Start < at && at < w.End {
				at, moved = w.Start, true
			}
		}
	}
	return at
}

// Into returns a text in which what was heard of the range has taken the place of that
// part. Words outside, those of segments that reach into it too, stay as they are.
func (r Range) Into(text, heard []Segment) []Segment {
	first, last := outside(text, math.MinInt64, r.From), outside(text, r.To, math.MaxInt64)
	heard = unheard(first, heard, r.From)
	heard = unheard(last, heard, r.To)
	heard = r.inside(heard)
	for i := range heard {
		s := &heard[i]
		s.Start = max(s.Start, r.From)
		s.End = max(min(s.End, r.To), s.Start+shortestSegment)
		s.Words = straightWords(s.Words, s.Start, s.End)
	}
	nameSpeakers(heard, r.inside(text), Speakers(text))
	all := slices.Concat(first, heard, last)
	slices.SortStableFunc(all, byStart)
	return all
}

// Touched reports whether two texts differ within the range.
func (r Range) Touched(old, now []Segment) bool {
	return !slices.Equal(keys(r.inside(old)), keys(r.inside(now)))
}

// inside returns what of segments lies within the range.
func (r Range) inside(segments []Segment) (found []Segment) {
	for _, s := range segments {
		if part, ok := s.Within(r.From, r.To); ok {
			found = append(found, part)
		}
	}
	return found
}

// outside returns what of segments lies from start up to end, one of which is beyond the
// recording. On that side a segment goes on to where it did, also when its words do not.
func outside(segments []Segment, start, end time.Duration) (found []Segment) {
	for _, s := range segments {
		part, ok := s.Within(start, end)
		if !ok {
			continue
		}
		if len(part.Words) < len(s.Words) && start == math.MinInt64 {
			part.Start = s.Start
		}
		if len(part.Words) < len(s.Words) && end == math.MaxInt64 {
			part.End = s.End
		}
		found = append(found, part)
	}
	return found
}

// unheard leaves out of what was heard the words at an end of the range that the text has
// beyond it: the two may place the same word on different sides.
func unheard(text, heard []Segment, seam time.Duration) []Segment {
	left, right := near(text, seam), near(heard, seam)
	pairUp(left, right)
	for i := range right {
		right[i].kept = right[i].pair == nil
	}
	return keep(heard, right)
}

// nameSpeakers gives what was heard the speakers that the part had before: whom only a
// person can have named, and of channels those who were given a name.
func nameSpeakers(heard, old []Segment, known []string) {
	for i := range heard {
		s := &heard[i]
		if s.Speaker != "" && slices.Contains(known, s.Speaker) {
			continue
		}
		var most time.Duration
		for _, o := range old {
			if common := min(s.End, o.End) - max(s.Start, o.Start); common > most && o.Speaker != "" {
				most, s.Speaker = common, o.Speaker
			}
		}
	}
}
