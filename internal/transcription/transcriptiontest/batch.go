package transcriptiontest

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// CreateBatch implements transcription.Store.
func (s *Store) CreateBatch(ctx context.Context, b *transcription.Batch) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if f, ok := s.folders[b.FolderID]; b.FolderID != uuid.Nil && (!ok || f.OwnerID != b.OwnerID) {
		return fault.New(fault.NotFound, "There is no such folder.")
	}
	if s.batches == nil {
		s.batches = map[uuid.UUID]transcription.Batch{}
	}
	b.CreatedAt = s.now()
	s.batches[b.ID] = *b
	return nil
}

func (s *Store) ownBatch(owner, id uuid.UUID) (transcription.Batch, error) {
	b, ok := s.batches[id]
	if !ok || b.OwnerID != owner {
		return b, transcription.NoBatch(id)
	}
	b.Counts = map[transcription.Status]int{}
	var sum float64
	for _, t := range s.rows {
		if t.BatchID != id {
			continue
		}
		b.Counts[t.Status]++
		if t.Status.Final() {
			sum++
			continue
		}
		sum += t.Progress
	}
	b.Progress = b.ProgressOf(sum)
	return b, nil
}

// BatchHead implements transcription.Store.
func (s *Store) BatchHead(ctx context.Context, owner, id uuid.UUID) (*transcription.Batch, error) {
	b, err := s.Batch(ctx, owner, id)
	if err == nil {
		b.Counts, b.Progress, b.Failures = nil, 0, nil
	}
	return b, err
}

// Batch implements transcription.Store.
func (s *Store) Batch(ctx context.Context, owner, id uuid.UUID) (*transcription.Batch, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	b, err := s.ownBatch(owner, id)
	if err != nil {
		return nil, err
	}
	b.Failures = []transcription.BatchFailure{}
	for _, t := range s.rows {
		if t.BatchID == id && t.Status == transcription.Failed && t.Failure != nil {
			b.Failures = append(b.Failures, transcription.BatchFailure{ID: t.ID, FileName: t.File.Name, Failure: *t.Failure})
		}
	}
	slices.SortFunc(b.Failures, func(x, y transcription.BatchFailure) int { return bytes.Compare(x.ID[:], y.ID[:]) })
	return &b, nil
}

// Batches implements transcription.Store.
func (s *Store) Batches(ctx context.Context, owner, before uuid.UUID, limit int) (page []transcription.Batch, err error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	for id := range s.batches {
		b, err := s.ownBatch(owner, id)
		if err == nil && (before == uuid.Nil || bytes.Compare(id[:], before[:]) < 0) {
			page = append(page, b)
		}
	}
	slices.SortFunc(page, func(a, b transcription.Batch) int { return cmp.Compare(b.ID.String(), a.ID.String()) })
	return page[:min(limit, len(page))], nil
}

// join puts a transcription that is created into its batch.
func (s *Store) join(t *transcription.Transcription) error {
	if t.BatchID == uuid.Nil {
		return nil
	}
	b, err := s.ownBatch(t.OwnerID, t.BatchID)
	if err != nil {
		return err
	}
	if !b.ClosedAt.IsZero() {
		return transcription.BatchClosed()
	}
	t.FolderID, t.Tags = b.FolderID, b.Tags
	if kept := s.batches[b.ID]; b.Total()+1 == b.Expected {
		kept.ClosedAt = s.now()
		s.batches[b.ID] = kept
	}
	return nil
}

// CloseBatch implements transcription.Store.
func (s *Store) CloseBatch(ctx context.Context, owner, id uuid.UUID) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := s.ownBatch(owner, id); err != nil {
		return err
	}
	if b := s.batches[id]; b.ClosedAt.IsZero() {
		b.ClosedAt = s.now()
		s.batches[id] = b
	}
	s.settleBatch(id)
	return nil
}

// settleBatch completes a batch that is closed and has ended.
func (s *Store) settleBatch(id uuid.UUID) {
	b, ok := s.batches[id]
	if !ok || b.ClosedAt.IsZero() || !b.CompletedAt.IsZero() || len(s.inWork(id)) > 0 {
		return
	}
	b.CompletedAt = s.now()
	s.batches[id] = b
}

func (s *Store) inWork(batch uuid.UUID) (ids []uuid.UUID) {
	for id, t := range s.rows {
		if t.BatchID == batch && !t.Status.Final() {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return ids
}

// BatchInWork implements transcription.Store.
func (s *Store) BatchInWork(ctx context.Context, owner, id uuid.UUID) ([]uuid.UUID, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if _, err := s.ownBatch(owner, id); err != nil {
		return nil, nil // nothing of somebody else's is in it
	}
	return s.inWork(id), nil
}

// DeleteBatch implements transcription.Store.
func (s *Store) DeleteBatch(ctx context.Context, owner, id uuid.UUID) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := s.ownBatch(owner, id); err != nil {
		return err
	}
	for other, t := range s.rows {
		if t.BatchID == id {
			t.BatchID, t.UpdatedAt = uuid.Nil, s.now()
			s.rows[other] = t
		}
	}
	delete(s.batches, id)
	return nil
}
