package transcription

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// RetentionStore keeps rules and holds, see Store.
type RetentionStore interface {
	// Retention returns what an owner says for all that no folder says otherwise for.
	Retention(ctx context.Context, owner uuid.UUID) (Retention, error)
	SetRetention(ctx context.Context, owner uuid.UUID, r Retention) error
	// SetFolderRetention does so for a folder, and HoldFolder puts it under a hold or lifts
	// that. NotFound: there is no such folder.
	SetFolderRetention(ctx context.Context, owner, id uuid.UUID, r Retention) (*Folder, error)
	HoldFolder(ctx context.Context, owner, id uuid.UUID, hold bool) (*Folder, error)
	// HoldTranscription puts a transcription under a hold or lifts that, and returns whose
	// it is; with the zero owner, for administrators, it may be anybody's. What they have set
	// is not the owner's to lift: Forbidden hold_of_administrator. What is held, by itself or by a folder
	// that it is in, is not deleted, nor is it taken out of the hold by moving and deleting
	// folders: Conflict legal_hold.
	HoldTranscription(ctx context.Context, owner, id uuid.UUID, hold bool) (uuid.UUID, error)
}

// MaxDays is the longest that something can be kept that is not kept for good.
const MaxDays = 36500

// Retention says for how many days after its completion something is kept. 0 is for good,
// nil what is said further up: by the folder around it, at last by the account; where nobody
// says anything it is kept for good.
type Retention struct {
	MediaDays *int // the recording and its outline
	Days      *int // the whole transcription
}

func (r Retention) check() error {
	for name, days := range map[string]*int{"mediaDays": r.MediaDays, "transcriptionDays": r.Days} {
		if days != nil && (*days < 0 || *days > MaxDays) {
			return fault.New(fault.Invalid, "Say for how many days it is kept, from 1 to %d; 0 is for good.", MaxDays).WithCode("invalid_days").With("field", name).With("limit", MaxDays)
		}
	}
	return nil
}

// Rule is what holds in a folder.
type Rule struct {
	Retention
	Held bool // nothing of it is deleted
}

// Under works out what a rule means for a transcription that has a hold of its own or none.
func (t *Transcription) Under(r Rule) {
	if t.Shared != "" {
		return // what becomes of it is for its owner to know
	}
	t.LegalHold = t.LegalHold || r.Held
	t.MediaExpiresAt, t.ExpiresAt = time.Time{}, time.Time{}
	if t.LegalHold || t.Status != Completed {
		return
	}
	t.ExpiresAt = t.expiry(r.Days)
	if !t.File.Gone {
		t.MediaExpiresAt = t.expiry(r.MediaDays)
	}
}

func (t *Transcription) expiry(days *int) time.Time {
	if days == nil || *days == 0 {
		return time.Time{}
	}
	return t.CompletedAt.Add(time.Duration(*days) * 24 * time.Hour)
}

// UnderHold is the fault of whoever would delete what is held, or take it from under a hold.
func UnderHold() error {
	return fault.New(fault.Conflict, "This is under a legal hold, so nothing of it can be deleted, nor moved out of the folder that has the hold. Lift the hold first.").WithCode("legal_hold")
}

// HoldOfAdministrator is the fault of an owner who would lift a hold that an administrator has
// set.
func HoldOfAdministrator() error {
	return fault.New(fault.Forbidden, "An administrator has put this under a legal hold, which only an administrator can lift. Ask yours.").WithCode("hold_of_administrator")
}

// Retention returns what the caller's account says for all that is in no folder that says
// otherwise.
func (s *Service) Retention(ctx context.Context, who auth.Actor) (Retention, error) {
	if err := who.Require(auth.ReadTranscriptions); err != nil {
		return Retention{}, err
	}
	return s.store.Retention(ctx, who.UserID)
}

// Retain makes that another. What is due by it is deleted within minutes.
func (s *Service) Retain(ctx context.Context, who auth.Actor, r Retention) error {
	if err := mayRetain(who, r); err != nil {
		return err
	}
	return s.store.SetRetention(ctx, who.UserID, r)
}

// RetainFolder makes another what a folder of the caller's says for all that is in it.
// NotFound: there is no such folder.
func (s *Service) RetainFolder(ctx context.Context, who auth.Actor, id uuid.UUID, r Retention) (*Folder, error) {
	if err := mayRetain(who, r); err != nil {
		return nil, err
	}
	return s.store.SetFolderRetention(ctx, who.UserID, id, r)
}

func mayRetain(who auth.Actor, r Retention) error {
	if err := who.Require(auth.WriteTranscriptions); err != nil {
		return err
	}
	return r.check()
}

// HoldFolder puts a folder of the caller's, with all that is in it, under a legal hold, or
// lifts that, which no API key can.
func (s *Service) HoldFolder(ctx context.Context, who auth.Actor, id uuid.UUID, hold bool) (*Folder, error) {
	if err := mayHold(who, hold); err != nil {
		return nil, err
	}
	return s.store.HoldFolder(ctx, who.UserID, id, hold)
}

// Hold puts a transcription of the caller's under a legal hold, or lifts that, which no API
// key can. Forbidden hold_of_administrator: an administrator has set it.
func (s *Service) Hold(ctx context.Context, who auth.Actor, id uuid.UUID, hold bool) error {
	if err := mayHold(who, hold); err != nil {
		return err
	}
	_, err := s.store.HoldTranscription(ctx, who.UserID, id, hold)
	return s.withheld(ctx, who, id, err)
}

// HoldOf does so with a transcription of anybody's, for administrators, and returns whose it
// is. They learn nothing else of it. Its owner cannot lift what they have set; they can lift what
// its owner has.
func (s *Service) HoldOf(ctx context.Context, who auth.Actor, id uuid.UUID, hold bool) (owner uuid.UUID, err error) {
	if err := who.Require(auth.ManageUsers); err != nil {
		return uuid.Nil, err
	}
	return s.store.HoldTranscription(ctx, uuid.Nil, id, hold)
}

func mayHold(who auth.Actor, hold bool) error {
	if err := who.Require(auth.WriteTranscriptions); err != nil || hold {
		return err
	}
	return who.InPerson()
}
