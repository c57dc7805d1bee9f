package transcriptiontest

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// Revise implements transcription.Store.
func (s *Store) Revise(ctx context.Context, who, id uuid.UUID, c transcription.Change) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	seen, err := s.seen(who, id)
	if err == nil && seen.Shared == transcription.ToRead {
		err = errNone
	}
	if err != nil {
		return err
	}
	t := s.rows[id]
	if t.Revision != c.After {
		return transcription.RevisionMoved()
	}
	t.Segments, t.Text = transcription.Apply(t.Segments, c.Splices), c.Text
	t.Revision, t.UpdatedAt = t.Revision+1, s.now()
	s.rows[id] = t
	if s.revisions == nil {
		s.revisions = map[uuid.UUID][]transcription.Revision{}
	}
	r := transcription.Revision{
		Number: t.Revision, Run: t.Run, Kind: c.Kind, Of: c.Of, At: t.UpdatedAt, Changed: c.Changed(), Splices: c.Splices,
		By: c.By,
	}
	s.revisions[id] = append(s.revisions[id], r)
	s.recordBy(&t, transcription.Edited, c.By)
	return nil
}

// Write implements transcription.Store.
func (s *Store) Write(ctx context.Context, who uuid.UUID, f transcription.FirstText) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	seen, err := s.seen(who, f.Ref.ID)
	if err == nil && seen.Shared == transcription.ToRead {
		err = errNone
	}
	if err != nil {
		return err
	}
	t := s.rows[f.Ref.ID]
	if t.Run != f.Ref.Run || t.Earlier != nil || t.Status != transcription.Failed && t.Status != transcription.Canceled {
		return transcription.RevisionMoved()
	}
	now := s.now()
	t.Status, t.Progress, t.Failure, t.CompletedAt, t.UpdatedAt = transcription.Completed, 1, nil, now, now
	t.Segments, t.Text, t.Warnings = f.Segments, transcription.Text(f.Segments), f.Warnings
	if t.Options.Language != "" {
		t.Language, t.LanguageConfidence = t.Options.Language, 1
	}
	s.rows[t.ID] = t
	s.recordBy(&t, transcription.EventType(transcription.Completed), f.By)
	s.settleBatch(t.BatchID)
	return nil
}

// Revisions implements transcription.Store.
func (s *Store) Revisions(ctx context.Context, who, id uuid.UUID, f transcription.RevisionFilter) ([]transcription.Revision, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if _, err := s.seen(who, id); err != nil {
		return nil, err
	}
	var found []transcription.Revision
	for _, r := range slices.Backward(s.revisions[id]) {
		if (f.Before == 0 || r.Number < f.Before) && len(found) < f.Limit {
			if !f.Splices {
				r.Splices = nil
			}
			if id, err := uuid.Parse(r.By.Name); err == nil && r.By.Kind == transcription.ByUser {
				r.By.Email = s.people[id]
			}
			found = append(found, r)
		}
	}
	return found, nil
}
