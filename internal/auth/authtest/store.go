// Package authtest holds a store of accounts in memory, and the suite that it
// and every other store have to pass.
package authtest

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

var _ auth.Store = (*Store)(nil)

// Store is an auth.Store in memory. Its zero value is empty and ready.
type Store struct {
	mu       sync.Mutex
	users    map[uuid.UUID]auth.User
	sessions map[uuid.UUID]auth.Session
}

// CreateUser implements auth.Store.
func (s *Store) CreateUser(_ context.Context, u *auth.User) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, other := range s.users {
		if other.Email == u.Email {
			return fault.New(fault.Conflict, "There is an account of that address already. Sign in instead.").
				WithCode("email_taken").With("field", "email")
		}
	}
	if s.users == nil {
		s.users = map[uuid.UUID]auth.User{}
	}
	s.users[u.ID] = *u
	return nil
}

// User implements auth.Store.
func (s *Store) User(_ context.Context, id uuid.UUID) (*auth.User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.users[id]
	if !ok {
		return nil, errNoUser
	}
	return &u, nil
}

// UserByEmail implements auth.Store.
func (s *Store) UserByEmail(_ context.Context, email string) (*auth.User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.users {
		if u.Email == email {
			return &u, nil
		}
	}
	return nil, errNoUser
}

// SetRole implements auth.Store.
func (s *Store) SetRole(_ context.Context, id uuid.UUID, r auth.Role) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.users[id]
	if !ok {
		return errNoUser
	}
	u.Role = r
	s.users[id] = u
	return nil
}

// SetPasswordHash implements auth.Store.
func (s *Store) SetPasswordHash(_ context.Context, id uuid.UUID, old, hash string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u, ok := s.users[id]; ok && u.PasswordHash == old {
		u.PasswordHash = hash
		s.users[id] = u
	}
	return nil
}

// DeleteUser removes a user with all sessions, as an administrator would.
func (s *Store) DeleteUser(id uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.users, id)
	for _, session := range s.sessions {
		if session.UserID == id {
			delete(s.sessions, session.ID)
		}
	}
}

// CreateSession implements auth.Store.
func (s *Store) CreateSession(_ context.Context, session *auth.Session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.insert(session)
}

func (s *Store) insert(session *auth.Session) error {
	if _, ok := s.users[session.UserID]; !ok {
		return errNoUser
	}
	for _, other := range s.sessions {
		if other.TokenHash == session.TokenHash {
			return fault.New(fault.Conflict, "That session exists.")
		}
	}
	if s.sessions == nil {
		s.sessions = map[uuid.UUID]auth.Session{}
	}
	s.sessions[session.ID] = *session
	return nil
}

// SessionByToken implements auth.Store.
func (s *Store) SessionByToken(_ context.Context, hash auth.TokenHash) (*auth.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, session := range s.sessions {
		if session.TokenHash == hash {
			return &session, nil
		}
	}
	return nil, fault.New(fault.NotFound, "There is no such session.")
}

// RotateSession implements auth.Store.
func (s *Store) RotateSession(_ context.Context, id uuid.UUID, next *auth.Session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, ok := s.sessions[id]
	if !ok || !old.ReplacedAt.IsZero() || !old.RevokedAt.IsZero() {
		return fault.New(fault.Conflict, "That session was replaced or ended before.")
	}
	if err := s.insert(next); err != nil {
		return err
	}
	old.ReplacedAt = next.CreatedAt
	s.sessions[id] = old
	return nil
}

// RevokeFamily implements auth.Store.
func (s *Store) RevokeFamily(_ context.Context, family uuid.UUID, at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, session := range s.sessions {
		if session.FamilyID == family && session.RevokedAt.IsZero() {
			session.RevokedAt = at
			s.sessions[id] = session
		}
	}
	return nil
}

// Sessions returns how many sessions there are, replaced and revoked ones too.
func (s *Store) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

var errNoUser = fault.New(fault.NotFound, "There is no such account.")
