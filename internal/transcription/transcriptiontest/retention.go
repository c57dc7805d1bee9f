package transcriptiontest

import (
	"context"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// rule returns what holds in a folder of an owner's.
func (s *Store) rule(owner, folder uuid.UUID) (r transcription.Rule) {
	for up := folder; up != uuid.Nil; up = s.folders[up].ParentID {
		f := s.folders[up]
		r.Held = r.Held || f.LegalHold
		r.Retention = within(f.Retention, r.Retention)
	}
	r.Retention = within(s.rules[owner], r.Retention)
	return r
}

// within returns what inner says, and outer where that says nothing.
func within(outer, inner transcription.Retention) transcription.Retention {
	if inner.MediaDays == nil {
		inner.MediaDays = outer.MediaDays
	}
	if inner.Days == nil {
		inner.Days = outer.Days
	}
	return inner
}

func (s *Store) stayHeld(owner, from, to uuid.UUID) error {
	if from != to && s.rule(owner, from).Held && !s.rule(owner, to).Held {
		return transcription.UnderHold()
	}
	return nil
}

// Retention implements transcription.Store.
func (s *Store) Retention(ctx context.Context, owner uuid.UUID) (transcription.Retention, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return transcription.Retention{}, err
	}
	defer unlock()
	return s.rules[owner], nil
}

// SetRetention implements transcription.Store.
func (s *Store) SetRetention(ctx context.Context, owner uuid.UUID, r transcription.Retention) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if s.rules == nil {
		s.rules = map[uuid.UUID]transcription.Retention{}
	}
	s.rules[owner] = r
	return nil
}

// SetFolderRetention implements transcription.Store.
func (s *Store) SetFolderRetention(ctx context.Context, owner, id uuid.UUID, r transcription.Retention) (*transcription.Folder, error) {
	return s.ruleFolder(ctx, owner, id, func(f *transcription.Folder) { f.Retention = r })
}

// HoldFolder implements transcription.Store.
func (s *Store) HoldFolder(ctx context.Context, owner, id uuid.UUID, hold bool) (*transcription.Folder, error) {
	return s.ruleFolder(ctx, owner, id, func(f *transcription.Folder) { f.LegalHold = hold })
}

func (s *Store) ruleFolder(ctx context.Context, owner, id uuid.UUID, set func(*transcription.Folder)) (*transcription.Folder, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	f, ok := s.folders[id]
	if !ok || f.OwnerID != owner {
		return nil, errNoFolder
	}
	set(&f)
	s.put(f)
	return &f, nil
}

// HoldTranscription implements transcription.Store.
func (s *Store) HoldTranscription(ctx context.Context, owner, id uuid.UUID, hold bool) (uuid.UUID, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return uuid.Nil, err
	}
	defer unlock()
	t, ok := s.rows[id]
	if !ok || owner != uuid.Nil && t.OwnerID != owner {
		return uuid.Nil, errNone
	}
	if owner != uuid.Nil && s.admins[id] && !hold {
		return uuid.Nil, transcription.HoldOfAdministrator()
	}
	if owner == uuid.Nil {
		if s.admins == nil {
			s.admins = map[uuid.UUID]bool{}
		}
		s.admins[id] = hold
	}
	if t.LegalHold == hold {
		return t.OwnerID, nil
	}
	t.LegalHold, t.UpdatedAt = hold, s.now()
	s.rows[id] = t
	s.record(&t, map[bool]transcription.EventType{true: transcription.Held, false: transcription.HoldLifted}[hold])
	return t.OwnerID, nil
}
