package authtest

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// AddEntry implements auth.AuditStore.
func (s *Store) AddEntry(_ context.Context, e auth.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addEntry(e)
}

func (s *Store) addEntry(e auth.Entry) error {
	for _, id := range []uuid.UUID{e.UserID, e.SubjectID} {
		if _, ok := s.users[id]; !ok && id != uuid.Nil {
			return fault.New(fault.NotFound, "There is no such account.")
		}
	}
	e.ID, e.At = int64(len(s.entries)+1), time.Now()
	if e.Details == nil {
		e.Details = map[string]any{}
	}
	s.entries = append(s.entries, e)
	return nil
}

// Entries implements auth.AuditStore.
func (s *Store) Entries(_ context.Context, f auth.EntryFilter) ([]auth.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	page := []auth.Entry{}
	for _, e := range slices.Backward(s.entries) {
		if len(page) < f.Limit && shown(e, f) {
			e.UserEmail, e.SubjectEmail = s.users[e.UserID].Email, s.users[e.SubjectID].Email
			page = append(page, e)
		}
	}
	return page, nil
}

func shown(e auth.Entry, f auth.EntryFilter) bool {
	return (f.Action == "" || e.Action == f.Action) &&
		(f.UserID == uuid.Nil || e.UserID == f.UserID) &&
		(f.SubjectID == uuid.Nil || e.SubjectID == f.SubjectID) &&
		(f.Since.IsZero() || !e.At.Before(f.Since)) &&
		(f.Until.IsZero() || e.At.Before(f.Until)) &&
		(f.Before == 0 || e.ID < f.Before)
}

// forget takes a user out of the log.
func (s *Store) forget(user uuid.UUID) {
	for i := range s.entries {
		for _, id := range []*uuid.UUID{&s.entries[i].UserID, &s.entries[i].SubjectID} {
			if *id == user {
				*id = uuid.Nil
			}
		}
	}
}
