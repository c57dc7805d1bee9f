package transcriptiontest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// revise changes the text of a transcription by f.
func revise(t *testing.T, w World, tr *transcription.Transcription, kind transcription.RevisionKind, of int, f func([]transcription.Segment) []transcription.Segment) {
	t.Helper()
	before, err := w.Transcription(t.Context(), tr.OwnerID, tr.ID)
	must(t, err)
	now := f(append([]transcription.Segment{}, before.Segments...))
	must(t, w.Revise(t.Context(), tr.OwnerID, tr.ID, transcription.Change{
		After: before.Revision, Kind: kind, Of: of, By: by(tr.OwnerID), Splices: transcription.Splices(before.Segments, now), Text: transcription.Text(now),
	}))
	after, err := w.Transcription(t.Context(), tr.OwnerID, tr.ID)
	must(t, err)
	if diff := cmp.Diff(now, after.Segments); diff != "" || after.Revision != before.Revision+1 || after.Text != transcription.Text(now) || !after.UpdatedAt.After(before.UpdatedAt) {
		t.Errorf("revision %d of %q, %s after %s: -want +got\n%s", after.Revision, after.Text, after.UpdatedAt, before.UpdatedAt, diff)
	}
}

// testRevise changes a text so that segments stay as many, become more and fewer.
func testRevise(t *testing.T, w World) {
	owner := w.Owner(t)
	tr := create(t, w, owner)
	w.End(t, tr.ID, transcription.Completed)
	first, err := w.Transcription(t.Context(), owner, tr.ID)
	must(t, err)
	revise(t, w, tr, transcription.ByEdit, 0, func(s []transcription.Segment) []transcription.Segment {
		s[0].Text, s[0].Speaker = "Another text.", "Ann"
		return s
	})
	revise(t, w, tr, transcription.ByEdit, 0, func(s []transcription.Segment) []transcription.Segment {
		end := s[len(s)-1].End
		more := transcription.Segment{Start: end, End: end + 1e9, Text: "And more.", Confidence: 1}
		return append([]transcription.Segment{s[0], s[0]}, append(s[1:], more)...)
	})
	revise(t, w, tr, transcription.ByRestore, 1, func(s []transcription.Segment) []transcription.Segment {
		s[0].Text = "One stays where it is, others are gone."
		return s[:len(s)-1]
	})
	list, err := w.Revisions(t.Context(), owner, tr.ID, transcription.RevisionFilter{Limit: 10, Splices: true})
	must(t, err)
	segments := segmentsOf(t, w, tr)
	for i, r := range list {
		r.By.Email = "" // of who has one
		if r.Number != 3-i || r.Run != 1 || r.By != by(owner) || r.At.IsZero() || r.Changed == 0 {
			t.Errorf("got %+v", r)
		}
		segments = transcription.Apply(segments, transcription.Reverse(r.Splices))
	}
	if diff := cmp.Diff(first.Segments, segments); diff != "" || len(list) != 3 || list[0].Kind != transcription.ByRestore || list[0].Of != 1 {
		t.Errorf("%d revisions, all taken back: -first +got\n%s", len(list), diff)
	}
	page, err := w.Revisions(t.Context(), owner, tr.ID, transcription.RevisionFilter{Before: 3, Limit: 1})
	must(t, err)
	if len(page) != 1 || page[0].Number != 2 || page[0].Splices != nil {
		t.Errorf("got %+v, want the second without its splices", page)
	}
}

// by returns a person as an author.
func by(id uuid.UUID) transcription.Actor {
	return transcription.Actor{Kind: transcription.ByUser, Name: id.String()}
}

func segmentsOf(t *testing.T, w World, tr *transcription.Transcription) []transcription.Segment {
	t.Helper()
	got, err := w.Transcription(t.Context(), tr.OwnerID, tr.ID)
	must(t, err)
	return got.Segments
}

// testReviseStale changes what is not there any more, and what is somebody else's.
func testReviseStale(t *testing.T, w World) {
	owner, other := w.Owner(t), w.Owner(t)
	tr := create(t, w, owner)
	w.End(t, tr.ID, transcription.Completed)
	s := segmentsOf(t, w, tr)
	c := transcription.Change{Kind: transcription.ByEdit, By: by(owner), Splices: []transcription.Splice{{At: 0, Old: s[:1]}}}
	wantKind(t, w.Revise(t.Context(), other, tr.ID, c), fault.NotFound)
	_, err := w.Revisions(t.Context(), other, tr.ID, transcription.RevisionFilter{Limit: 1})
	wantKind(t, err, fault.NotFound)
	must(t, w.Revise(t.Context(), owner, tr.ID, c))
	err = w.Revise(t.Context(), owner, tr.ID, c)
	if wantKind(t, err, fault.Conflict); fault.Of(err).Code != "revision_moved" {
		t.Errorf("got %v", err)
	}
	if got := segmentsOf(t, w, tr); len(got) != len(s)-1 {
		t.Errorf("%d segments are left of %d", len(got), len(s))
	}
	if list, err := w.Revisions(t.Context(), owner, tr.ID, transcription.RevisionFilter{Limit: 9}); err != nil || len(list) != 1 {
		t.Errorf("got %d revisions, %v", len(list), err)
	}
}
