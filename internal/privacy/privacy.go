// Package privacy forgets people who leave.
package privacy

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// Receipt is what is left of an account that was deleted. Nothing in it says whose it
// was.
type Receipt struct {
	ID         uuid.UUID // of random bits: whoever knows it may see the receipt
	DeletedAt  time.Time
	Counts     map[string]int // of what was deleted, by kind
	VerifiedAt time.Time      // when nothing was found any more of the person; zero: not yet
}

// Departure is a deleted account of which something may be left outside the store.
type Departure struct {
	Receipt uuid.UUID
	Owner   uuid.UUID
	Settled bool // whoever was at work for the account when it was deleted has noticed by now
}

// Store keeps accounts and receipts.
type Store interface {
	// DeleteAccount removes an account with everything that is its owner's, in one
	// transaction that nothing new of theirs can begin beside, takes it out of the audit
	// log, adds e to that, and writes the receipt. NotFound: there is no such account.
	// Conflict last_admin: nobody would be left to administer the installation.
	DeleteAccount(ctx context.Context, user, receipt uuid.UUID, e auth.Entry) (*Receipt, error)
	// Receipt returns a receipt. NotFound: there is none of that id.
	Receipt(ctx context.Context, id uuid.UUID) (*Receipt, error)
	// Departures returns at most limit accounts that are to be looked for now.
	Departures(ctx context.Context, limit int) ([]Departure, error)
	// Searched records that an account was looked for. It is again in a moment when
	// something was left, when d is settled for the first time, and else never:
	// the receipt is verified, and the id of the account forgotten.
	Searched(ctx context.Context, d Departure, left bool) error
	// Gone returns which of the ids are of no transcription and no delivery.
	Gone(ctx context.Context, ids []uuid.UUID) ([]uuid.UUID, error)
}

// Accounts are those who sign in.
type Accounts interface {
	// Prove has the caller show that the account is theirs.
	Prove(ctx context.Context, who auth.Actor, password string) error
	// RequireRecent refuses whoever is not there in person, or has proved to be too long ago.
	RequireRecent(who auth.Actor) error
	// Forget has this process ask anew what an account may do.
	Forget(user uuid.UUID)
}

// Service lets people leave.
type Service struct {
	store    Store
	accounts Accounts
}

// NewService returns a service.
func NewService(store Store, accounts Accounts) *Service {
	return &Service{store: store, accounts: accounts}
}

// deleteTime bounds how long an account with very much in it is deleted.
const deleteTime = 5 * time.Minute

// Leave deletes the account of the caller, who has to prove that it is theirs. The rows
// are gone when it returns; objects and tasks go soon after, which the receipt tells.
// Forbidden: key_not_allowed, or what auth.Service.Prove says. Conflict last_admin.
func (s *Service) Leave(ctx context.Context, who auth.Actor, password string) (*Receipt, error) {
	if err := who.InPerson(); err != nil {
		return nil, err
	}
	if err := s.accounts.Prove(ctx, who, password); err != nil {
		return nil, err
	}
	// Not where the request came from: that would be of whom nothing is to be left.
	return s.delete(ctx, who.UserID, auth.Entry{Action: auth.AccountDeleted, Details: map[string]any{"by": "owner"}})
}

// Remove deletes the account of somebody else. Forbidden: the caller may not manage
// accounts; recent_sign_in_required. Conflict: last_admin, or own_account, for which Leave asks for a proof.
func (s *Service) Remove(ctx context.Context, who auth.Actor, id uuid.UUID) (*Receipt, error) {
	if err := who.Require(auth.ManageUsers); err != nil {
		return nil, err
	}
	if err := s.accounts.RequireRecent(who); err != nil {
		return nil, err
	}
	if id == who.UserID {
		return nil, fault.New(fault.Conflict, "That is your own account. Delete it with DELETE /api/v1/me, which asks for your password.").WithCode("own_account")
	}
	e := auth.Entry{Action: auth.AccountDeleted, UserID: who.UserID, Details: map[string]any{"by": "administrator"}}
	return s.delete(ctx, id, e.From(ctx))
}

// delete goes on when the client leaves: it must not have to wonder whether half of it
// was done.
func (s *Service) delete(ctx context.Context, user uuid.UUID, e auth.Entry) (*Receipt, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteTime)
	defer cancel()
	receipt, err := uuid.NewRandom()
	if err != nil {
		return nil, fmt.Errorf("make an id: %w", err)
	}
	e.Details["receipt"] = receipt.String()
	r, err := s.store.DeleteAccount(ctx, user, receipt, e)
	if err != nil {
		return nil, err
	}
	s.accounts.Forget(user)
	return r, nil
}

// Receipt returns a receipt to whoever knows its id: nobody else is left to ask for it.
// NotFound: there is none of that id.
func (s *Service) Receipt(ctx context.Context, id uuid.UUID) (*Receipt, error) {
	return s.store.Receipt(ctx, id)
}
