package transcriptiontest

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

var errNoLink = fault.New(fault.NotFound, "There is no such link.")

// sharedAs returns what who may do with what is somebody else's.
func (s *Store) sharedAs(t *transcription.Transcription, who uuid.UUID) transcription.Access {
	if l, ok := s.links[who]; ok && l.TranscriptionID == t.ID && good(l) {
		return l.Access
	}
	return s.granted(t, who)
}

func good(l transcription.Link) bool { return l.ExpiresAt.IsZero() || time.Now().Before(l.ExpiresAt) }

// CreateLink implements transcription.Store.
func (s *Store) CreateLink(ctx context.Context, owner uuid.UUID, l *transcription.Link) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := s.own(owner, l.TranscriptionID); err != nil {
		return err
	}
	if len(s.linksTo(l.TranscriptionID)) >= transcription.MaxLinks {
		return transcription.TooManyLinks()
	}
	if s.links == nil {
		s.links = map[uuid.UUID]transcription.Link{}
	}
	l.CreatedAt = s.now()
	s.links[l.ID] = *l
	return s.audit(ctx, auth.Entry{Action: auth.LinkCreated, UserID: owner, Details: map[string]any{"access": l.Access}})
}

func (s *Store) linksTo(id uuid.UUID) (found []transcription.Link) {
	for _, l := range s.links {
		if l.TranscriptionID == id {
			found = append(found, l)
		}
	}
	slices.SortFunc(found, func(a, b transcription.Link) int { return bytes.Compare(b.ID[:], a.ID[:]) })
	return found
}

// Links implements transcription.Store.
func (s *Store) Links(ctx context.Context, owner, id uuid.UUID) ([]transcription.Link, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if _, err := s.own(owner, id); err != nil {
		return nil, err
	}
	return s.linksTo(id), nil
}

// DeleteLink implements transcription.Store.
func (s *Store) DeleteLink(ctx context.Context, owner, id, link uuid.UUID) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := s.own(owner, id); err != nil {
		return err
	}
	if s.links[link].TranscriptionID != id {
		return errNoLink
	}
	delete(s.links, link)
	return s.audit(ctx, auth.Entry{Action: auth.LinkRevoked, UserID: owner})
}

// LinkByHash implements transcription.Store.
func (s *Store) LinkByHash(ctx context.Context, hash auth.TokenHash) (*transcription.Link, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	for _, l := range s.links {
		if l.Hash == hash && good(l) {
			return &l, nil
		}
	}
	return nil, errNoLink
}

// UseLink implements transcription.Store.
func (s *Store) UseLink(ctx context.Context, id uuid.UUID) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if l, ok := s.links[id]; ok {
		l.Uses, l.UsedAt = l.Uses+1, s.now()
		s.links[id] = l
	}
	return nil
}

// ExpireLinks lets the time of all links be over.
func (s *Store) ExpireLinks() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, l := range s.links {
		l.ExpiresAt = time.Now().Add(-time.Second)
		s.links[id] = l
	}
}
