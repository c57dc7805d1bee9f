package transcriptiontest

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// CreateRange implements transcription.Store.
func (s *Store) CreateRange(ctx context.Context, owner uuid.UUID, r *transcription.Range) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	t, err := s.own(owner, r.ID)
	if err != nil {
		return err
	}
	if err := t.Retriable(); err != nil {
		return err
	}
	if err := r.MayBegin(s.rangesInWork(r.ID)); err != nil {
		return err
	}
	if s.quota.Sound > 0 {
		if err := s.quota.Afford(s.usage(owner), r.To-r.From); err != nil {
			return err
		}
	}
	r.Number, r.Status, r.CreatedAt = len(s.ranges[r.ID])+1, transcription.Queued, s.now()
	r.UpdatedAt = r.CreatedAt
	if s.ranges == nil {
		s.ranges = map[uuid.UUID][]transcription.Range{}
	}
	s.ranges[r.ID] = append(s.ranges[r.ID], *r)
	return nil
}

func (s *Store) rangesInWork(id uuid.UUID) (found []transcription.Range) {
	for _, r := range s.ranges[id] {
		if !r.Status.Final() {
			found = append(found, r)
		}
	}
	return found
}

// Ranges implements transcription.Store.
func (s *Store) Ranges(ctx context.Context, owner, id uuid.UUID, before, limit int) ([]transcription.Range, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if _, err := s.own(owner, id); err != nil {
		return nil, err
	}
	var found []transcription.Range
	for _, r := range slices.Backward(s.ranges[id]) {
		if (before == 0 || r.Number < before) && len(found) < limit {
			found = append(found, r)
		}
	}
	return found, nil
}

// CancelRange implements transcription.Store.
func (s *Store) CancelRange(ctx context.Context, owner, id uuid.UUID, number int) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := s.own(owner, id); err != nil {
		return err
	}
	if number < 1 || number > len(s.ranges[id]) {
		return transcription.NoRange(number)
	}
	r := &s.ranges[id][number-1]
	if r.Status == transcription.Canceled {
		return nil
	}
	if r.Status.Final() {
		return transcription.AlreadyEnded(r.Status)
	}
	r.Status, r.UpdatedAt = transcription.Canceled, s.now()
	return nil
}

// soundOfRanges is what the ranges of an owner's take of the month.
func (s *Store) soundOfRanges(t transcription.Transcription) (sum time.Duration) {
	for _, r := range s.ranges[t.ID] {
		if r.Status != transcription.Failed && r.Status != transcription.Canceled {
			sum += r.To - r.From
		}
	}
	return sum
}
