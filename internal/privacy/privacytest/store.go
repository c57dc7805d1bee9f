// Package privacytest holds a store of receipts in memory, and the suite that it and
// every other store have to pass.
package privacytest

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/auth/authtest"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/privacy"
)

var _ privacy.Store = (*Store)(nil)

// Store is a privacy.Store in memory. Nothing but accounts is in it.
type Store struct {
	Accounts *authtest.Store

	mu       sync.Mutex
	receipts map[uuid.UUID]receipt
	later    time.Duration
}

type receipt struct {
	privacy.Receipt
	owner uuid.UUID // zero once it is verified
	next  time.Time
}

// settling is how long others may go on that were at work for an account.
const settling = time.Hour

// Later lets a day pass.
func (s *Store) Later() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.later += 24 * time.Hour
}

func (s *Store) now() time.Time { return time.Now().Add(s.later) }

// DeleteAccount implements privacy.Store.
func (s *Store) DeleteAccount(ctx context.Context, user, id uuid.UUID, e auth.Entry) (*privacy.Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.Accounts.User(ctx, user); err != nil {
		return nil, err
	}
	disabled := true
	if _, err := s.Accounts.ChangeUser(ctx, user, auth.UserChange{At: s.now(), Disabled: &disabled}, e); err != nil {
		return nil, err // last_admin
	}
	s.Accounts.DeleteUser(user)
	if s.receipts == nil {
		s.receipts = map[uuid.UUID]receipt{}
	}
	r := receipt{Receipt: privacy.Receipt{ID: id, DeletedAt: s.now(), Counts: map[string]int{"transcriptions": 0}}, owner: user, next: s.now()}
	s.receipts[id] = r
	return &r.Receipt, s.Accounts.AddEntry(ctx, e)
}

// Receipt implements privacy.Store.
func (s *Store) Receipt(_ context.Context, id uuid.UUID) (*privacy.Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.receipts[id]
	if !ok {
		return nil, fault.New(fault.NotFound, "There is no receipt of that id.")
	}
	return &r.Receipt, nil
}

// Departures implements privacy.Store.
func (s *Store) Departures(_ context.Context, limit int) (found []privacy.Departure, _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range slices.SortedFunc(maps.Values(s.receipts), func(a, b receipt) int { return a.next.Compare(b.next) }) {
		if r.owner != uuid.Nil && !r.next.After(s.now()) && len(found) < limit {
			found = append(found, privacy.Departure{Receipt: r.ID, Owner: r.owner, Settled: r.DeletedAt.Add(settling).Before(s.now())})
		}
	}
	return found, nil
}

// Searched implements privacy.Store.
func (s *Store) Searched(_ context.Context, d privacy.Departure, left bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.receipts[d.Receipt]
	switch {
	case left:
		r.next = s.now().Add(time.Minute)
	case !d.Settled:
		r.next = r.DeletedAt.Add(settling)
	default:
		r.owner, r.VerifiedAt = uuid.Nil, s.now()
	}
	s.receipts[d.Receipt] = r
	return nil
}

// Gone implements privacy.Store: there is nothing.
func (s *Store) Gone(_ context.Context, ids []uuid.UUID) ([]uuid.UUID, error) { return ids, nil }
