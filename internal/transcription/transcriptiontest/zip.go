package transcriptiontest

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

var _ transcription.ZipWork = (*Store)(nil)

// zip is one with its lease.
type zip struct {
	transcription.Zip
	token    uuid.UUID
	until    time.Time
	next     time.Time
	attempts int
}

// CreateZip implements transcription.Store.
func (s *Store) CreateZip(ctx context.Context, z *transcription.Zip) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	n := 0
	for _, other := range s.zips {
		if other.OwnerID == z.OwnerID && !other.Ended() {
			n++
		}
	}
	if n >= transcription.MaxZips {
		return transcription.TooManyZips()
	}
	if s.zips == nil {
		s.zips = map[uuid.UUID]*zip{}
	}
	z.CreatedAt = s.now()
	s.zips[z.ID] = &zip{Zip: *z}
	return nil
}

// Zips implements transcription.Store.
func (s *Store) Zips(ctx context.Context, owner, before uuid.UUID, limit int) (page []transcription.Zip, err error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	for id, z := range s.zips {
		if z.OwnerID == owner && (before == uuid.Nil || bytes.Compare(id[:], before[:]) < 0) {
			page = append(page, z.shown())
		}
	}
	slices.SortFunc(page, func(a, b transcription.Zip) int { return cmp.Compare(b.ID.String(), a.ID.String()) })
	return page[:min(limit, len(page))], nil
}

// shown returns a zip without the ids of what is in it.
func (z *zip) shown() transcription.Zip {
	found := z.Zip
	found.IDs, found.Total = nil, len(z.IDs)
	return found
}

func (s *Store) ownZip(owner, id uuid.UUID) (*zip, error) {
	z, ok := s.zips[id]
	if !ok || z.OwnerID != owner {
		return nil, transcription.NoZip(id)
	}
	return z, nil
}

// Zip implements transcription.Store.
func (s *Store) Zip(ctx context.Context, owner, id uuid.UUID) (*transcription.Zip, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	z, err := s.ownZip(owner, id)
	if err != nil {
		return nil, err
	}
	found := z.shown()
	return &found, nil
}

// CancelZip implements transcription.Store.
func (s *Store) CancelZip(ctx context.Context, owner, id uuid.UUID) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	z, err := s.ownZip(owner, id)
	if err == nil && !z.Ended() {
		z.State = transcription.ZipCanceled
	}
	return err
}

// DeleteZip implements transcription.Store.
func (s *Store) DeleteZip(ctx context.Context, owner, id uuid.UUID) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := s.ownZip(owner, id); err != nil {
		return err
	}
	delete(s.zips, id)
	return nil
}

// takeOut takes those of the transcriptions out of zips that the owners of these may not read
// any more.
func (s *Store) takeOut(ids ...uuid.UUID) {
	for _, z := range s.zips {
		gone := func(id uuid.UUID) bool {
			t, ok := s.rows[id]
			return slices.Contains(ids, id) && (!ok || t.OwnerID != z.OwnerID && s.sharedAs(&t, z.OwnerID) == "")
		}
		if !slices.ContainsFunc(z.IDs, gone) {
			continue
		}
		z.IDs = slices.Clone(z.IDs)
		for i, id := range z.IDs {
			if gone(id) {
				z.IDs[i] = uuid.Nil
			}
		}
		switch z.State {
		case transcription.ZipCompleted:
			z.ExpiresAt = s.now()
		case transcription.ZipRunning:
			z.State = transcription.ZipWaiting
			z.attempts--
		case transcription.ZipWaiting, transcription.ZipFailed, transcription.ZipCanceled:
		}
	}
}

// ClaimZip implements transcription.ZipWork.
func (s *Store) ClaimZip(ctx context.Context, lease time.Duration) (*transcription.ZipLease, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	now := time.Now()
	running := map[uuid.UUID]int{}
	for _, z := range s.zips {
		if z.State == transcription.ZipRunning && !z.until.Before(now) {
			running[z.OwnerID]++
		}
	}
	order := func(a, b *zip) int {
		return cmp.Or(cmp.Compare(running[a.OwnerID], running[b.OwnerID]), a.next.Compare(b.next), a.CreatedAt.Compare(b.CreatedAt))
	}
	for _, z := range slices.SortedFunc(maps.Values(s.zips), order) {
		ready := z.State == transcription.ZipWaiting && !z.next.After(now) || z.State == transcription.ZipRunning && z.until.Before(now)
		if ready && z.attempts >= transcription.ZipTries {
			z.State, z.Failure = transcription.ZipFailed, &transcription.Failure{Code: "gave_up", Message: "This did not work."}
			continue
		}
		if ready {
			z.State, z.token, z.until, z.Done = transcription.ZipRunning, uuid.New(), now.Add(lease), 0
			z.attempts++
			return &transcription.ZipLease{Zip: z.Zip, Token: z.token, Attempt: z.attempts}, nil
		}
	}
	return nil, fault.New(fault.NotFound, "There is no export to be written.")
}

// heldZip changes the zip of a lease.
func (s *Store) heldZip(ctx context.Context, l transcription.ZipLease, change func(*zip)) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	z, ok := s.zips[l.Zip.ID]
	if !ok || z.State != transcription.ZipRunning || z.token != l.Token {
		return fault.New(fault.Conflict, "The lease on export %s is lost.", l.Zip.ID)
	}
	change(z)
	return nil
}

// RenewZip implements transcription.ZipWork.
func (s *Store) RenewZip(ctx context.Context, l transcription.ZipLease, done int, lease time.Duration) error {
	return s.heldZip(ctx, l, func(z *zip) { z.Done, z.until = done, time.Now().Add(lease) })
}

// ReleaseZip implements transcription.ZipWork.
func (s *Store) ReleaseZip(ctx context.Context, l transcription.ZipLease, after time.Duration) error {
	return s.heldZip(ctx, l, func(z *zip) { z.State, z.next = transcription.ZipWaiting, time.Now().Add(after) })
}

// FinishZip implements transcription.ZipWork.
func (s *Store) FinishZip(ctx context.Context, l transcription.ZipLease, key string, stored transcription.Stored) error {
	return s.heldZip(ctx, l, func(z *zip) {
		z.State, z.Key, z.Size, z.Done, z.CompletedAt = transcription.ZipCompleted, key, stored.Size, len(z.IDs), s.now()
		z.ExpiresAt = z.CompletedAt.Add(transcription.ZipKept)
	})
}

// FailZip implements transcription.ZipWork.
func (s *Store) FailZip(ctx context.Context, l transcription.ZipLease, f transcription.Failure) error {
	return s.heldZip(ctx, l, func(z *zip) { z.State, z.Failure = transcription.ZipFailed, &f })
}
