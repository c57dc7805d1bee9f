package transcription

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// Access is what somebody may do with a transcription that is not theirs.
type Access string

// The kinds of access. Whatever else there is to do is for the owner alone.
const (
	ToRead Access = "read"
	ToEdit Access = "edit" // the text, and to read it
)

func checkAccess(a Access) error {
	if a == ToRead || a == ToEdit {
		return nil
	}
	return fault.New(fault.Invalid, "The access must be %s or %s.", ToRead, ToEdit).
		WithCode("invalid_access").With("field", "access").With("allowed", []Access{ToRead, ToEdit})
}

// As returns the transcription as somebody with that access sees it: what its owner has put
// it in order with, and how long it is kept, is nobody else's. Without any, it is its owner's own.
func (t *Transcription) As(a Access) *Transcription {
	if a == "" {
		return t
	}
	seen := *t
	seen.Shared, seen.FolderID, seen.BatchID, seen.Tags, seen.ArchivedAt = a, uuid.Nil, uuid.Nil, nil, time.Time{}
	seen.LegalHold, seen.MediaExpiresAt, seen.ExpiresAt = false, time.Time{}, time.Time{}
	return &seen
}

// mayEdit returns a Forbidden fault read_only unless the text is for its reader to change.
func (t *Transcription) mayEdit() error {
	if t.Shared != ToRead {
		return nil
	}
	return fault.New(fault.Forbidden, "This transcription was shared with you for reading only. Ask its owner to let you edit it.").WithCode("read_only")
}

// withheld returns the error of what only an owner may do. Who may read the transcription
// knows that it is there, and is told why that is not for them: Forbidden owner_only.
func (s *Service) withheld(ctx context.Context, who auth.Actor, id uuid.UUID, err error) error {
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	if t, readErr := s.store.Head(ctx, who.ID(), id); readErr != nil || t.Shared == "" {
		return err
	}
	return ownerOnly(err)
}

func ownerOnly(err error) error {
	return fault.Wrap(err, fault.Forbidden, "This transcription was shared with you. Only its owner may do that.").WithCode("owner_only")
}

// author returns who is named as having changed a text.
func author(who auth.Actor) Actor {
	if who.LinkID != uuid.Nil {
		return Actor{Kind: ByLink, Name: who.Label}
	}
	return Actor{Kind: ByUser, Name: who.UserID.String()}
}
