package authtest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// SpendHandshake implements auth.IdentityStore.
func (s *Store) SpendHandshake(_ context.Context, state auth.TokenHash, now, expires time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, spent := s.handshakes[state]; spent {
		return fault.New(fault.Conflict, "That handshake was finished before.")
	}
	if s.handshakes == nil {
		s.handshakes = map[auth.TokenHash]time.Time{}
	}
	maps.DeleteFunc(s.handshakes, func(_ auth.TokenHash, until time.Time) bool { return until.Before(now) })
	s.handshakes[state] = expires
	return nil
}

// UseIdentity implements auth.IdentityStore.
func (s *Store) UseIdentity(_ context.Context, k auth.IdentityKey, at time.Time) (*auth.User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.identities[k]
	if !ok {
		return nil, fault.New(fault.NotFound, "There is no such identity.")
	}
	i.UsedAt = at
	s.identities[k] = i
	u := s.withFactor(s.users[i.UserID])
	return &u, nil
}

// Identities implements auth.IdentityStore.
func (s *Store) Identities(_ context.Context, user uuid.UUID) ([]auth.Identity, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.identitiesOf(user), nil
}

func (s *Store) identitiesOf(user uuid.UUID) (found []auth.Identity) {
	for _, i := range s.identities {
		if i.UserID == user {
			found = append(found, i)
		}
	}
	slices.SortFunc(found, func(a, b auth.Identity) int { return cmp.Compare(a.Provider, b.Provider) })
	return found
}

// CreateUserWith implements auth.IdentityStore.
func (s *Store) CreateUserWith(_ context.Context, u *auth.User, i auth.Identity, e auth.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.createUser(u); err != nil {
		return err
	}
	err := s.addIdentity(i, e)
	if err != nil {
		delete(s.users, u.ID)
	}
	return err
}

// AddIdentity implements auth.IdentityStore.
func (s *Store) AddIdentity(_ context.Context, i auth.Identity, generation int, e auth.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u, ok := s.users[i.UserID]; ok && u.Generation != generation {
		return fault.New(fault.Conflict, "The password was changed at this moment.").WithCode("password_changed")
	}
	return s.addIdentity(i, e)
}

func (s *Store) addIdentity(i auth.Identity, e auth.Entry) error {
	if _, ok := s.users[i.UserID]; !ok {
		return errNoUser
	}
	for _, other := range s.identitiesOf(i.UserID) {
		if other.Provider == i.Provider {
			return fault.New(fault.Conflict, "The account has one of that provider.").WithCode("identity_exists")
		}
	}
	if _, taken := s.identities[i.IdentityKey]; taken {
		return fault.New(fault.Conflict, "Another account has that identity.").WithCode("identity_taken")
	}
	if s.identities == nil {
		s.identities = map[auth.IdentityKey]auth.Identity{}
	}
	s.identities[i.IdentityKey] = i
	return s.addEntry(e)
}

// RemoveIdentity implements auth.IdentityStore.
func (s *Store) RemoveIdentity(_ context.Context, r auth.IdentityRemoval) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.identitiesOf(r.UserID)
	n := slices.IndexFunc(all, func(i auth.Identity) bool { return i.Provider == r.Provider })
	if n < 0 {
		return fault.New(fault.NotFound, "There is no such identity.")
	}
	left := slices.ContainsFunc(all, func(i auth.Identity) bool { return slices.Contains(r.Others, i.Provider) })
	if s.users[r.UserID].PasswordHash == "" && !left {
		return fault.New(fault.Conflict, "That is the last way in.").WithCode("last_way_in")
	}
	delete(s.identities, all[n].IdentityKey)
	return s.addEntry(r.Entry)
}

// HandOver implements auth.IdentityStore.
func (s *Store) HandOver(_ context.Context, i auth.Identity, generation int, e auth.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.users[i.UserID]
	if !ok {
		return errNoUser
	}
	if u.Generation != generation {
		return fault.New(fault.Conflict, "The password was changed at this moment.").WithCode("password_changed")
	}
	if _, taken := s.identities[i.IdentityKey]; taken {
		return fault.New(fault.Conflict, "Another account has that identity.").WithCode("identity_taken")
	}
	u.PasswordHash, u.OwnedAt = "", i.CreatedAt
	u.Generation++
	s.users[u.ID] = u
	s.dropTickets(u)
	s.end(i.CreatedAt, func(session auth.Session) bool { return session.UserID == u.ID })
	if err := s.dropKeys(u.ID, e); err != nil {
		return err
	}
	if err := s.dropIdentities(u.ID, e); err != nil {
		return err
	}
	return s.addIdentity(i, e)
}
