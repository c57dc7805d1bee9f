package authtest

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// CreateKey implements auth.KeyStore.
func (s *Store) CreateKey(_ context.Context, k *auth.Key, generation int, e auth.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.users[k.UserID]
	if !ok {
		return errNoUser
	}
	if u.Generation != generation {
		return fault.New(fault.Conflict, "The password was changed at this moment.").WithCode("password_changed")
	}
	if len(s.keysOf(k.UserID)) >= auth.MaxKeys {
		return fault.New(fault.Conflict, "You have as many keys as one may have.").WithCode("too_many_keys")
	}
	if s.keys == nil {
		s.keys = map[uuid.UUID]auth.Key{}
	}
	s.keys[k.ID] = *k
	return s.addEntry(e)
}

// keysOf returns the keys of a user, newest first.
func (s *Store) keysOf(user uuid.UUID) (found []auth.Key) {
	for _, k := range slices.SortedFunc(maps.Values(s.keys), func(a, b auth.Key) int { return bytes.Compare(b.ID[:], a.ID[:]) }) {
		if k.UserID == user {
			found = append(found, k)
		}
	}
	return found
}

// Keys implements auth.KeyStore.
func (s *Store) Keys(_ context.Context, owner, before uuid.UUID, limit int) ([]auth.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	page := []auth.Key{}
	for _, k := range s.keysOf(owner) {
		if len(page) < limit && (before == uuid.Nil || bytes.Compare(k.ID[:], before[:]) < 0) {
			page = append(page, k)
		}
	}
	return page, nil
}

// DeleteKey implements auth.KeyStore.
func (s *Store) DeleteKey(_ context.Context, owner, id uuid.UUID, e auth.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.keys[id]
	if !ok || k.UserID != owner {
		return fault.New(fault.NotFound, "There is no such key.")
	}
	delete(s.keys, id)
	e.Details = k.Facts()
	return s.addEntry(e)
}

// KeyByHash implements auth.KeyStore.
func (s *Store) KeyByHash(_ context.Context, hash auth.TokenHash) (*auth.Key, auth.Rights, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.keys {
		if k.Hash == hash {
			u := s.users[k.UserID]
			may, _ := s.permissions(u.Role)
			return &k, auth.Rights{Email: u.Email, Role: u.Role, Permissions: slices.Clone(may), Disabled: u.Disabled(), Factor: s.confirmed(u.ID) != nil}, nil
		}
	}
	return nil, auth.Rights{}, fault.New(fault.NotFound, "There is no such key.")
}

// UseKey implements auth.KeyStore.
func (s *Store) UseKey(_ context.Context, id uuid.UUID, at, unlessSince time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k, ok := s.keys[id]; ok && !k.UsedAt.After(unlessSince) {
		k.UsedAt = at
		s.keys[id] = k
	}
	return nil
}
