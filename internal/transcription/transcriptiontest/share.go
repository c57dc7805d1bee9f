package transcriptiontest

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// share is one with whose it is.
type share struct {
	transcription.Share
	owner uuid.UUID
}

var errNoShare = fault.New(fault.NotFound, "There is no such share.")

// Prove lets somebody have proved that an address is theirs.
func (s *Store) Prove(who uuid.UUID, email string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.people == nil {
		s.people = map[uuid.UUID]string{}
	}
	s.people[who] = email
}

// granted returns what the shares let who do, the most that one of them does.
func (s *Store) granted(t *transcription.Transcription, who uuid.UUID) (a transcription.Access) {
	within := map[uuid.UUID]bool{}
	for up := t.FolderID; up != uuid.Nil; up = s.folders[up].ParentID {
		within[up] = true
	}
	for _, one := range s.received(who) {
		if (one.TranscriptionID == t.ID || within[one.FolderID]) && a != transcription.ToEdit {
			a = one.Access
		}
	}
	return a
}

func (s *Store) received(who uuid.UUID) (found []transcription.Share) {
	for _, one := range s.shares {
		if email := s.people[who]; email != "" && one.Email == email && one.owner != who {
			one.By = s.people[one.owner]
			found = append(found, one.Share)
		}
	}
	slices.SortFunc(found, func(a, b transcription.Share) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return found
}

// target returns NotFound unless something is the owner's.
func (s *Store) target(owner uuid.UUID, of transcription.Target) error {
	if of.FolderID != uuid.Nil {
		if f, ok := s.folders[of.FolderID]; !ok || f.OwnerID != owner {
			return errNoFolder
		}
		return nil
	}
	_, err := s.own(owner, of.TranscriptionID)
	return err
}

func (s *Store) sharesOf(of transcription.Target) (found []transcription.Share) {
	for _, one := range s.shares {
		if one.Target == of {
			found = append(found, one.Share)
		}
	}
	slices.SortFunc(found, func(a, b transcription.Share) int { return strings.Compare(a.Email, b.Email) })
	return found
}

// PutShare implements transcription.Store.
func (s *Store) PutShare(ctx context.Context, owner uuid.UUID, one *transcription.Share) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.target(owner, one.Target); err != nil {
		return err
	}
	all := s.sharesOf(one.Target)
	at := slices.IndexFunc(all, func(o transcription.Share) bool { return o.Email == one.Email })
	switch {
	case at >= 0:
		one.ID, one.CreatedAt = all[at].ID, all[at].CreatedAt
	case len(all) >= transcription.MaxShares:
		return transcription.TooManyShares()
	default:
		one.CreatedAt = s.now()
	}
	if s.shares == nil {
		s.shares = map[uuid.UUID]share{}
	}
	s.shares[one.ID] = share{*one, owner}
	return s.audit(ctx, auth.Entry{Action: auth.ShareGiven, UserID: owner, Details: map[string]any{"access": one.Access}})
}

// Shares implements transcription.Store.
func (s *Store) Shares(ctx context.Context, owner uuid.UUID, of transcription.Target) ([]transcription.Share, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := s.target(owner, of); err != nil {
		return nil, err
	}
	return s.sharesOf(of), nil
}

// DeleteShare implements transcription.Store.
func (s *Store) DeleteShare(ctx context.Context, owner uuid.UUID, of transcription.Target, id uuid.UUID) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.target(owner, of); err != nil {
		return err
	}
	if one, ok := s.shares[id]; !ok || one.Target != of {
		return errNoShare
	}
	delete(s.shares, id)
	s.takeOut(slices.Collect(maps.Keys(s.rows))...)
	for _, t := range s.rows {
		if !t.Status.Final() {
			t.UpdatedAt = s.now()
			s.rows[t.ID] = t
		}
	}
	return s.audit(ctx, auth.Entry{Action: auth.ShareRevoked, UserID: owner})
}

// Received implements transcription.Store.
func (s *Store) Received(ctx context.Context, who uuid.UUID) ([]transcription.Share, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return s.received(who), nil
}
