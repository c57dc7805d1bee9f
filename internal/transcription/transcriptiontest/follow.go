package transcriptiontest

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

var _ transcription.FeedStore = (*Store)(nil)

// Standing implements transcription.FeedStore. All segments of the present run stay as
// they are.
func (s *Store) Standing(ctx context.Context, who, id uuid.UUID, after transcription.Place) (*transcription.Standing, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	t, err := s.seen(who, id)
	if err != nil {
		return nil, err
	}
	now := &transcription.Standing{Transcription: t}
	now.Text, now.Segments = "", nil
	for _, e := range s.events[id] {
		if e.Run == t.Run && e.Status() != "" {
			now.Changes = append(now.Changes, e)
		}
	}
	if after.Run == t.Run {
		now.First = after.Segments
	}
	if t.Earlier == nil {
		now.Settled = slices.Clone(t.Segments[min(now.First, len(t.Segments)):])
	}
	for i := range now.Settled {
		now.Settled[i].Words = nil
	}
	return now, nil
}

// Outlooks implements transcription.FeedStore.
func (s *Store) Outlooks(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]transcription.Outlook, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	found := map[uuid.UUID]transcription.Outlook{}
	for _, id := range ids {
		if t, ok := s.rows[id]; ok {
			found[id] = transcription.Outlook{
				Run: t.Run, UpdatedAt: t.UpdatedAt, QueuePosition: t.QueuePosition, Estimate: t.Estimate, Soonest: t.Soonest, Latest: t.Latest,
			}
		}
	}
	return found, nil
}

// standing returns how one stands, and checks that a look at all of them sees the same.
func standing(t *testing.T, w World, tr *transcription.Transcription, after transcription.Place) *transcription.Standing {
	t.Helper()
	s, err := w.Standing(t.Context(), tr.OwnerID, tr.ID, after)
	must(t, err)
	all, err := w.Outlooks(t.Context(), []uuid.UUID{tr.ID, uuid.New()})
	must(t, err)
	want := map[uuid.UUID]transcription.Outlook{tr.ID: {
		Run: s.Run, UpdatedAt: s.UpdatedAt, QueuePosition: s.QueuePosition, Estimate: s.Estimate, Soonest: s.Soonest, Latest: s.Latest,
	}}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("-one by one +all at once\n%s", diff)
	}
	return s
}

func statuses(s *transcription.Standing) (found []transcription.Status) {
	for _, e := range s.Changes {
		found = append(found, e.Status())
	}
	return found
}

// testStanding follows one through two runs.
func testStanding(t *testing.T, w World) {
	owner := w.Owner(t)
	tr := create(t, w, owner)
	s := standing(t, w, tr, transcription.Place{})
	if got := statuses(s); s.Status != transcription.Queued || !slices.Equal(got, []transcription.Status{transcription.Queued}) || len(s.Settled) > 0 {
		t.Errorf("queued: %s behind %v, %d segments", s.Status, got, len(s.Settled))
	}
	w.End(t, tr.ID, transcription.Completed)
	whole, err := w.Transcription(t.Context(), owner, tr.ID)
	must(t, err)
	for i := range whole.Segments {
		whole.Segments[i].Words = nil
	}
	s = standing(t, w, tr, transcription.Place{})
	if diff := cmp.Diff(whole.Segments, s.Settled); diff != "" || s.First != 0 || len(s.Settled) == 0 {
		t.Errorf("completed, from %d on: -whole +settled\n%s", s.First, diff)
	}
	if got := statuses(s); len(got) > 0 && got[0] != transcription.Queued {
		t.Errorf("completed behind %v", got)
	}
	n := len(s.Settled)
	if s = standing(t, w, tr, transcription.Place{Run: 1, Segments: n}); s.First != n || len(s.Settled) > 0 {
		t.Errorf("behind the last segment: %d from %d on", len(s.Settled), s.First)
	}
	must(t, w.RetryTranscription(t.Context(), owner, transcription.NextRun{After: tr.Ref()}))
	s = standing(t, w, tr, transcription.Place{Run: 1, Segments: n})
	if got := statuses(s); s.Run != 2 || !slices.Equal(got, []transcription.Status{transcription.Queued}) || s.First != 0 || len(s.Settled) > 0 {
		t.Errorf("run %d: %v, %d segments from %d on", s.Run, got, len(s.Settled), s.First)
	}
}

func testStandingOwners(t *testing.T, w World) {
	tr := create(t, w, w.Owner(t))
	_, err := w.Standing(t.Context(), w.Owner(t), tr.ID, transcription.Place{})
	wantKind(t, err, fault.NotFound)
	must(t, w.DeleteTranscription(t.Context(), tr.OwnerID, tr.ID))
	_, err = w.Standing(t.Context(), tr.OwnerID, tr.ID, transcription.Place{})
	wantKind(t, err, fault.NotFound)
	all, err := w.Outlooks(t.Context(), []uuid.UUID{tr.ID})
	must(t, err)
	if len(all) > 0 {
		t.Errorf("deleted, and still seen: %v", all)
	}
}

// testStandingTime cancels one: a look at all must tell that it has changed.
func testStandingTime(t *testing.T, w World) {
	tr := create(t, w, w.Owner(t))
	before := standing(t, w, tr, transcription.Place{}).UpdatedAt
	must(t, w.CancelTranscription(t.Context(), tr.OwnerID, tr.ID))
	s := standing(t, w, tr, transcription.Place{})
	if got := statuses(s); !s.UpdatedAt.After(before) || !slices.Equal(got, []transcription.Status{transcription.Queued, transcription.Canceled}) {
		t.Errorf("canceled: %v, at %s after %s", got, s.UpdatedAt, before)
	}
}
