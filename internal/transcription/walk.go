package transcription

import (
	"context"
	"iter"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// RevisionText is a revision with the text that it made.
type RevisionText struct {
	Revision
	Text *string // nil: it is not known while there is no text to be edited
}

// RevisionTexts goes through the revisions of a text of the caller's, newest first, each with its
// text. What one has changed is taken back from the text behind it, so that all are read once; At
// would begin anew for each.
func (s *Service) RevisionTexts(ctx context.Context, who auth.Actor, id uuid.UUID) iter.Seq2[RevisionText, error] {
	return func(yield func(RevisionText, error) bool) {
		w := walk{f: RevisionFilter{Limit: revisionsAtOnce}}
		t, err := s.editable(ctx, who, id)
		if err == nil {
			w.known, w.segments, w.f.Splices, w.f.Before = true, t.Segments, true, t.Revision+1
		}
		if err != nil && !fault.Is(err, fault.Conflict) {
			yield(RevisionText{}, err)
			return
		}
		for more := true; more; {
			page, err := s.Revisions(ctx, who, id, w.f)
			if err != nil {
				yield(RevisionText{}, err)
				return
			}
			for _, r := range page {
				if !yield(w.back(r), nil) {
					return
				}
			}
			more = len(page) == revisionsAtOnce
		}
	}
}

// walk is a way back through the revisions of a text.
type walk struct {
	f        RevisionFilter // for those that are next
	known    bool           // what the text is
	segments []Segment      // behind the next
}

// back returns a revision with its text, and goes behind it.
func (w *walk) back(r Revision) RevisionText {
	w.f.Before = r.Number
	if !w.known {
		return RevisionText{Revision: r}
	}
	text := Text(w.segments)
	w.segments = Apply(w.segments, Reverse(r.Splices))
	r.Splices = nil
	return RevisionText{Revision: r, Text: &text}
}
