package transcription

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// RevisionStore keeps what people make of texts, see Store.
type RevisionStore interface {
	// Revise makes the next revision of a text. Conflict revision_moved: the present one is
	// not the one that was read. NotFound, too, for who may only read.
	Revise(ctx context.Context, who, id uuid.UUID, c Change) error
	// Write gives a run that has failed or was canceled a text, which completes it. Conflict
	// revision_moved: it is not the present one, or has a text. NotFound, too, for who may only
	// read.
	Write(ctx context.Context, who uuid.UUID, f FirstText) error
	// Revisions returns a page of the revisions of a text, newest first.
	Revisions(ctx context.Context, who, id uuid.UUID, f RevisionFilter) ([]Revision, error)
}

// RevisionKind says how a revision has come about.
type RevisionKind string

// The kinds of revisions.
const (
	ByMachine RevisionKind = "machine" // another run has made a text
	ByEdit    RevisionKind = "edit"    // a person has
	ByRestore RevisionKind = "restore" // an earlier one came back
	ByKeeping RevisionKind = "kept"    // what a person had written came back after another run
	ByRange   RevisionKind = "range"   // a machine has made a part of it anew
)

// Revision is one state of a text. Those of a transcription are counted from 1; before
// them, 0 is the text that the machine has made first.
type Revision struct {
	Number  int
	Run     int // the present one then
	Kind    RevisionKind
	Of      int // ByRestore, ByKeeping: which one came back
	By      Actor
	At      time.Time
	Changed int      // segments
	Splices []Splice // of the revision before; nil where only the list is wanted
}

// Change is what makes a revision of the one before.
type Change struct {
	After    int // the revision that was read
	Kind     RevisionKind
	Of       int
	By       Actor    // zero: a machine
	Splices  []Splice // at least one
	Text     string   // of the whole behind it
	Speakers []string // in the whole behind it
}

// Changed returns how many segments a change touches: the more of before and behind.
func (c Change) Changed() (n int) {
	for _, s := range c.Splices {
		n += max(len(s.Old), len(s.New))
	}
	return n
}

// EditsKept is the warning of a result of another run whose text is a revision only,
// because the one before was edited.
func EditsKept(revision int) Warning {
	return Warning{"edits_kept", fmt.Sprintf("This recording was transcribed again, but its text had been edited, so the edited text stays. "+
		"The new one is revision %d.", revision)}
}

// WrittenKept is that warning where the text before is still the one that was brought along.
func WrittenKept(revision int) Warning {
	return Warning{"edits_kept", fmt.Sprintf("This recording was transcribed, but there was a text already that somebody has brought along, so that one stays. "+
		"The new one is revision %d.", revision)}
}

// RevisionMoved is the fault of whoever changes a text that is not what was read.
func RevisionMoved() error {
	return fault.New(fault.Conflict, "The text has been changed meanwhile. Read it again.").WithCode("revision_moved")
}

// StaleEdit is the error of an edit of segments that have been changed since its author has
// read them, or that does not go together with what was changed.
// It wraps a Stale fault.
type StaleEdit struct {
	error
	Current, Yours []Segment // the text as it is, and as it becomes where the author prevails; elsewhere they are the same but for the edit
}

// Unwrap returns the fault.
func (e *StaleEdit) Unwrap() error { return e.error }

func staleEdit(t *Transcription, yours []Segment) error {
	f := fault.New(fault.Stale, "The same part of this text has been changed since you have read it. Compare both and send your change again.").
		WithCode("stale_edit").With("revision", t.Revision)
	return &StaleEdit{error: f, Current: t.Segments, Yours: yours}
}

// Edit changes a text by a list of edits, all of them or none, and returns it as it is
// then. Base is the revision that the author has read; nil is the present one. What others
// have changed since then in other segments stays. Edits that change nothing make no
// revision. Faults: those of edits, with the number of the edit; Stale stale_edit;
// Conflict no_text: there is none yet.
func (s *Service) Edit(ctx context.Context, who auth.Actor, id uuid.UUID, base *int, list []Edit) (*Transcription, error) {
	if len(list) > MaxEdits {
		return nil, fault.New(fault.Invalid, "There may be %d edits at once, these are %d. Send them in parts, or the whole text.", MaxEdits, len(list)).
			WithCode("too_many_edits").With("limit", MaxEdits)
	}
	return s.change(ctx, who, id, base, func(d *draft) error {
		for i, e := range list {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := d.apply(e); err != nil {
				return fault.Of(err).With("edit", i)
			}
		}
		return nil
	})
}

// Rewrite makes list the whole text. It goes on as Edit does.
func (s *Service) Rewrite(ctx context.Context, who auth.Actor, id uuid.UUID, base *int, list []NewSegment) (*Transcription, error) {
	return s.change(ctx, who, id, base, func(d *draft) error { return d.rewrite(list) })
}

// Retext makes text the whole text, on the times of the one before. It goes on as Edit
// does.
func (s *Service) Retext(ctx context.Context, who auth.Actor, id uuid.UUID, base *int, text string) (*Transcription, error) {
	return s.change(ctx, who, id, base, func(d *draft) error {
		if err := checkLength(utf8.RuneCountInString(text)); err != nil {
			return err
		}
		if len(d.segments) == 0 && clean(text) != "" {
			return noSegments()
		}
		d.segments = Retext(d.segments, text)
		return nil
	})
}

// change changes a text by f.
func (s *Service) change(ctx context.Context, who auth.Actor, id uuid.UUID, base *int, f func(*draft) error) (*Transcription, error) {
	if err := who.Require(auth.WriteTranscriptions); err != nil {
		return nil, err
	}
	return again(ctx, func() (*Transcription, error) { return s.changeOnce(ctx, who, id, base, f) })
}

// How often a change is made anew because others have been faster, and for how long it may
// wait in between, longer each time: those who change one text at once would be in step.
const (
	changes   = 25
	pauseStep = 20 * time.Millisecond
)

// again makes a change until nobody has been faster.
func again(ctx context.Context, once func() (*Transcription, error)) (t *Transcription, err error) {
	for i := range changes {
		if t, err = once(); !overtaken(err) {
			return t, err
		}
		select {
		case <-time.After(rand.N(time.Duration(i+1) * pauseStep)): //nolint:gosec // nobody gains by foreseeing it
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return nil, err
}

// overtaken reports whether somebody else has been faster.
func overtaken(err error) bool { return err != nil && fault.Of(err).Code == "revision_moved" }

func (s *Service) changeOnce(ctx context.Context, who auth.Actor, id uuid.UUID, base *int, f func(*draft) error) (*Transcription, error) {
	t, err := s.editable(ctx, who, id)
	if err != nil {
		return nil, err
	}
	if err := t.mayEdit(); err != nil {
		return nil, err
	}
	read, since, err := s.asRead(ctx, who, t, base)
	if err != nil {
		return nil, err
	}
	d := &draft{segments: slices.Clone(read), duration: t.Duration}
	if err := f(d); err != nil {
		return nil, err
	}
	if err := d.checkGrowth(read); err != nil {
		return nil, err
	}
	splices := Splices(read, d.segments)
	if len(splices) == 0 {
		return t, nil
	}
	moved, ok := Rebase(read, splices, since)
	if !ok {
		return nil, staleEdit(t, preferred(read, splices, since))
	}
	now := Apply(t.Segments, moved)
	c := Change{After: t.Revision, Kind: ByEdit, By: author(who), Splices: moved, Text: Text(now), Speakers: Speakers(now)}
	if err := s.store.Revise(ctx, who.ID(), id, c); err != nil {
		return nil, err
	}
	return s.store.Transcription(ctx, who.ID(), id)
}

// editable returns a transcription of which there is a text.
func (s *Service) editable(ctx context.Context, who auth.Actor, id uuid.UUID) (*Transcription, error) {
	t, err := s.store.Transcription(ctx, who.ID(), id)
	if err != nil {
		return nil, err
	}
	if _, ok := t.Readable(); !ok {
		message := "There is no text yet that could be edited. Wait until the transcription has completed."
		if t.Status.Final() {
			message = "This transcription has ended without a text that could be edited. Run it again first."
		}
		return nil, fault.New(fault.Conflict, "%s", message).WithCode("no_text").With("status", string(t.Status))
	}
	return t, nil
}

// asRead returns the text as it was at base, and what was changed since then.
func (s *Service) asRead(ctx context.Context, who auth.Actor, t *Transcription, base *int) ([]Segment, []Splice, error) {
	if base == nil || *base == t.Revision {
		return t.Segments, nil, nil
	}
	if *base > t.Revision || *base == NoText {
		return nil, nil, unknownText()
	}
	read, err := s.textAt(ctx, who, t, *base)
	if err != nil {
		return nil, nil, err
	}
	return read, Splices(read, t.Segments), nil
}

func unknownText() error {
	return fault.New(fault.Stale, "This is not the text that was read. Read it again.").WithCode("unknown_etag")
}

// revisionsAtOnce bounds how many revisions are held at a time: of whole texts that were
// replaced each is as large as two.
const revisionsAtOnce = 10

// textAt returns the text of a revision.
func (s *Service) textAt(ctx context.Context, who auth.Actor, t *Transcription, number int) ([]Segment, error) {
	if number < 0 || number > t.Revision {
		return nil, fault.New(fault.NotFound, "There is no revision %d of this transcription.", number)
	}
	segments, err := Before(t.Segments, t.Revision, number, func(f RevisionFilter) ([]Revision, error) {
		return s.store.Revisions(ctx, who.ID(), t.ID, f)
	})
	if err != nil {
		return nil, fmt.Errorf("read revision %d of %s: %w", number, t.ID, err)
	}
	return segments, nil
}

// Before returns the text of an earlier revision of one whose segments are given. Page reads
// revisions as a store does.
func Before(segments []Segment, revision, number int, page func(RevisionFilter) ([]Revision, error)) ([]Segment, error) {
	for at := revision; at > number; {
		later, err := page(RevisionFilter{Before: at + 1, Limit: min(at-number, revisionsAtOnce), Splices: true})
		if err != nil {
			return nil, err
		}
		if len(later) == 0 || later[0].Number != at {
			return nil, fmt.Errorf("revision %d is missing", at)
		}
		for _, r := range later {
			segments = Apply(segments, Reverse(r.Splices))
		}
		at -= len(later)
	}
	return segments, nil
}

// RevisionFilter narrows a list of revisions.
type RevisionFilter struct {
	Before  int // only those below; 0: from the newest
	Limit   int // 1–MaxPage
	Splices bool
}

// Revisions returns a page of the revisions of a text of the caller's, newest first. The
// machine's first, 0, is not among them. The names of workers are told as in a History.
func (s *Service) Revisions(ctx context.Context, who auth.Actor, id uuid.UUID, f RevisionFilter) ([]Revision, error) {
	if err := who.Require(auth.ReadTranscriptions); err != nil {
		return nil, err
	}
	if err := checkLimit(f.Limit); err != nil {
		return nil, err
	}
	list, err := s.store.Revisions(ctx, who.ID(), id, f)
	if err != nil || who.Can(auth.WatchQueues) {
		return list, err
	}
	for i := range list {
		list[i].By = list[i].By.seen()
	}
	return list, nil
}

// At returns a transcription of the caller's with its text as of a revision, which may be
// MachineText. NotFound: there is no such revision.
func (s *Service) At(ctx context.Context, who auth.Actor, id uuid.UUID, number int) (*Transcription, error) {
	if err := who.Require(auth.ReadTranscriptions); err != nil {
		return nil, err
	}
	t, err := s.editable(ctx, who, id)
	if err != nil {
		return nil, err
	}
	if number, err = s.numbered(ctx, who, t, number); err != nil {
		return nil, err
	}
	if t.Segments, err = s.textAt(ctx, who, t, number); err != nil {
		return nil, err
	}
	t.Revision, t.Text = number, Text(t.Segments)
	return t, nil
}

// Difference is what leads from the text of one revision to that of another.
type Difference struct {
	From, To int
	Splices  []Splice
}

// Diff compares two revisions of a text of the caller's; from may be RevisionBefore.
// NotFound: one of them is not there.
func (s *Service) Diff(ctx context.Context, who auth.Actor, id uuid.UUID, from, to int) (Difference, error) {
	behind, err := s.At(ctx, who, id, to)
	if err != nil {
		return Difference{}, err
	}
	if from == RevisionBefore {
		from = max(behind.Revision-1, 0)
	}
	before, err := s.At(ctx, who, id, from)
	if err != nil {
		return Difference{}, err
	}
	return Difference{before.Revision, behind.Revision, Splices(before.Segments, behind.Segments)}, nil
}

// Restore makes the text of an earlier revision the present one again, as a new revision.
// MachineText is the latest that a machine has made. It goes on as Edit does, but what
// others have changed since base is refused wherever it is.
func (s *Service) Restore(ctx context.Context, who auth.Actor, id uuid.UUID, base *int, number int) (*Transcription, error) {
	if err := who.Require(auth.WriteTranscriptions); err != nil {
		return nil, err
	}
	return again(ctx, func() (*Transcription, error) { return s.restoreOnce(ctx, who, id, base, number) })
}

func (s *Service) restoreOnce(ctx context.Context, who auth.Actor, id uuid.UUID, base *int, number int) (*Transcription, error) {
	t, err := s.editable(ctx, who, id)
	if err != nil {
		return nil, err
	}
	if err := t.mayEdit(); err != nil {
		return nil, err
	}
	if number, err = s.numbered(ctx, who, t, number); err != nil {
		return nil, err
	}
	segments, err := s.textAt(ctx, who, t, number)
	if err != nil {
		return nil, err
	}
	if base != nil && *base != t.Revision {
		return nil, staleEdit(t, segments)
	}
	splices := Splices(t.Segments, segments)
	if len(splices) == 0 {
		return t, nil
	}
	c := Change{After: t.Revision, Kind: ByRestore, Of: number, By: author(who), Splices: splices, Text: Text(segments), Speakers: Speakers(segments)}
	if err := s.store.Revise(ctx, who.ID(), id, c); err != nil {
		return nil, err
	}
	return s.store.Transcription(ctx, who.ID(), id)
}

// What numbers of revisions stand for.
const (
	MachineText    = -1 // the latest that a machine has made
	RevisionBefore = -2 // in Diff: that before the other one
	NoText         = -3 // as what was read: a run had ended without a text
)

// Base returns what a change of the text names as read. False: there is nothing yet that
// could be changed.
func (t *Transcription) Base() (int, bool) {
	if t.empty() {
		return NoText, true
	}
	_, ok := t.Readable()
	return t.Revision, ok
}

// numbered returns the number of a revision, also of MachineText.
func (s *Service) numbered(ctx context.Context, who auth.Actor, t *Transcription, number int) (int, error) {
	if number != MachineText {
		return number, nil
	}
	for before := 0; ; {
		page, err := s.store.Revisions(ctx, who.ID(), t.ID, RevisionFilter{Before: before, Limit: MaxPage})
		if err != nil {
			return 0, err
		}
		for _, r := range page {
			if r.Kind == ByMachine {
				return r.Number, nil
			}
			before = r.Number
		}
		if len(page) < MaxPage {
			return 0, nil
		}
	}
}
