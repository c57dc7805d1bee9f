package authtest

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// factor is a second factor with what is left to sign in with.
type factor struct {
	auth.Factor
	step  int64
	codes []auth.TokenHash
}

var errNoFactor = fault.New(fault.NotFound, "There is no second factor.")

// withFactor fills in what is known of the second factor of a user.
func (s *Store) withFactor(u auth.User) auth.User {
	u.FactorSince, u.RecoveryCodes = time.Time{}, 0
	if f := s.factors[u.ID]; f != nil && !f.ConfirmedAt.IsZero() {
		u.FactorSince, u.RecoveryCodes = f.ConfirmedAt, len(f.codes)
	}
	return u
}

// confirmed returns the second factor of a user, nil when there is none.
func (s *Store) confirmed(user uuid.UUID) *factor {
	f := s.factors[user]
	if f == nil || f.ConfirmedAt.IsZero() {
		return nil
	}
	return f
}

// BeginFactor implements auth.FactorStore.
func (s *Store) BeginFactor(_ context.Context, f auth.Factor) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.users[f.UserID]; !ok {
		return errNoUser
	}
	if s.confirmed(f.UserID) != nil {
		return fault.New(fault.Conflict, "There is a second factor already.").WithCode("second_factor_exists")
	}
	if s.factors == nil {
		s.factors = map[uuid.UUID]*factor{}
	}
	s.factors[f.UserID] = &factor{Factor: f}
	return nil
}

// Factor implements auth.FactorStore.
func (s *Store) Factor(_ context.Context, user uuid.UUID) (*auth.Factor, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.factors[user]
	if !ok {
		return nil, errNoFactor
	}
	found := f.Factor
	return &found, nil
}

// ConfirmFactor implements auth.FactorStore.
func (s *Store) ConfirmFactor(_ context.Context, c auth.FactorChange) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.factors[c.UserID]
	if f == nil || f.ID != c.Factor || !f.ConfirmedAt.IsZero() {
		return errNoFactor
	}
	f.ConfirmedAt, f.step, f.codes = c.At, c.Step, slices.Clone(c.Codes)
	return s.factorChanged(c)
}

// RemoveFactor implements auth.FactorStore.
func (s *Store) RemoveFactor(_ context.Context, c auth.FactorChange) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.confirmed(c.UserID) == nil {
		return errNoFactor
	}
	delete(s.factors, c.UserID)
	return s.factorChanged(c)
}

func (s *Store) factorChanged(c auth.FactorChange) error {
	u := s.users[c.UserID]
	u.Generation++
	s.users[u.ID] = u
	s.end(c.At, func(session auth.Session) bool { return session.UserID == u.ID && session.FamilyID != c.Keep })
	return s.addEntry(c.Entry)
}

// SpendStep implements auth.FactorStore.
func (s *Store) SpendStep(_ context.Context, id uuid.UUID, step int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.factors {
		if f.ID == id && !f.ConfirmedAt.IsZero() && f.step < step {
			f.step = step
			return nil
		}
	}
	return fault.New(fault.Conflict, "That code was used before.")
}

// SpendRecoveryCode implements auth.FactorStore.
func (s *Store) SpendRecoveryCode(_ context.Context, user uuid.UUID, hash auth.TokenHash, e auth.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.confirmed(user)
	if f == nil || !slices.Contains(f.codes, hash) {
		return fault.New(fault.NotFound, "There is no such recovery code.")
	}
	f.codes = slices.DeleteFunc(f.codes, func(h auth.TokenHash) bool { return h == hash })
	return s.addEntry(e)
}

// RenewRecoveryCodes implements auth.FactorStore.
func (s *Store) RenewRecoveryCodes(_ context.Context, user uuid.UUID, codes []auth.TokenHash, e auth.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.confirmed(user)
	if f == nil {
		return errNoFactor
	}
	f.codes = slices.Clone(codes)
	return s.addEntry(e)
}
