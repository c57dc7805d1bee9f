package transcription

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// MaxShares is with how many people something may be shared.
const MaxShares = 100

// Target is what is shared: a transcription or a folder, with all that is in it at any time.
// The other one is zero.
type Target struct {
	TranscriptionID uuid.UUID
	FolderID        uuid.UUID
}

// Share lets the account of an address at something of its owner's. It is good for whoever
// has proved that the address is theirs, now or later, and tells nobody whether there is such
// an account.
type Share struct {
	ID uuid.UUID
	Target
	Email     string // normalised
	Access    Access
	By        string // the address of the owner, only of what was received
	CreatedAt time.Time
}

// ShareStore keeps shares. What they let people do is up to the reads and writes of a Store.
type ShareStore interface {
	// PutShare inserts a share of something of the owner's, or changes the access of the one
	// with the same address, whose ID and time s then has. NotFound: there is nothing of that
	// id. Conflict too_many_shares.
	PutShare(ctx context.Context, owner uuid.UUID, s *Share) error
	// Shares returns the shares of something of the owner's, by address.
	Shares(ctx context.Context, owner uuid.UUID, of Target) ([]Share, error)
	// DeleteShare deletes a share of something of the owner's. Who has followed it learns that
	// there is nothing any more.
	DeleteShare(ctx context.Context, owner uuid.UUID, of Target, id uuid.UUID) error
	// Received returns what others share with somebody, at most a thousand.
	Received(ctx context.Context, who uuid.UUID) ([]Share, error)
}

// TooManyShares is the fault of one more than MaxShares.
func TooManyShares() error {
	return fault.New(fault.Conflict, "This is shared with %d people already, which is all there may be. Take it back from somebody first, or make a link.", MaxShares).
		WithCode("too_many_shares").With("limit", MaxShares)
}

// Share lets the account of an address at something of the caller's. Doing it again changes
// what it may do. Forbidden key_not_allowed: the caller is an API key, which could leave
// itself a way in; owner_only. Invalid invalid_email, own_address, invalid_access. Conflict
// too_many_shares.
func (s *Service) Share(ctx context.Context, who auth.Actor, of Target, email string, a Access) (*Share, error) {
	if err := mayShare(who); err != nil {
		return nil, err
	}
	email, err := auth.NormaliseEmail(email)
	if err != nil {
		return nil, err
	}
	if strings.EqualFold(email, who.Email) {
		return nil, fault.New(fault.Invalid, "That is your own address.").WithCode("own_address").With("field", "email")
	}
	if err := checkAccess(a); err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	share := &Share{ID: id, Target: of, Email: email, Access: a}
	if err := s.store.PutShare(ctx, who.UserID, share); err != nil {
		return nil, s.withheld(ctx, who, of.TranscriptionID, err)
	}
	return share, nil
}

// Shares returns with whom something of the caller's is shared, by address.
func (s *Service) Shares(ctx context.Context, who auth.Actor, of Target) ([]Share, error) {
	if err := who.Require(auth.ReadTranscriptions); err != nil {
		return nil, err
	}
	list, err := s.store.Shares(ctx, who.UserID, of)
	return list, s.withheld(ctx, who, of.TranscriptionID, err)
}

// Unshare takes something of the caller's back from somebody, at once and everywhere.
func (s *Service) Unshare(ctx context.Context, who auth.Actor, of Target, id uuid.UUID) error {
	if err := mayShare(who); err != nil {
		return err
	}
	return s.withheld(ctx, who, of.TranscriptionID, s.store.DeleteShare(ctx, who.UserID, of, id))
}

// Received returns what others share with the caller.
func (s *Service) Received(ctx context.Context, who auth.Actor) ([]Share, error) {
	if err := who.Require(auth.ReadTranscriptions); err != nil {
		return nil, err
	}
	return s.store.Received(ctx, who.UserID)
}
