package transcriptiontest

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// Folders implements transcription.Store.
func (s *Store) Folders(ctx context.Context, owner uuid.UUID) ([]transcription.Folder, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return s.foldersOf(owner), nil
}

func (s *Store) foldersOf(owner uuid.UUID) (found []transcription.Folder) {
	for _, f := range s.folders {
		if f.OwnerID == owner {
			found = append(found, f)
		}
	}
	slices.SortFunc(found, func(a, b transcription.Folder) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), bytes.Compare(a.ID[:], b.ID[:]))
	})
	return found
}

// CreateFolder implements transcription.Store.
func (s *Store) CreateFolder(ctx context.Context, f *transcription.Folder) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.fits(f); err != nil {
		return err
	}
	if len(s.foldersOf(f.OwnerID)) >= transcription.MaxFolders {
		return transcription.TooManyFolders()
	}
	f.CreatedAt = s.now()
	s.put(*f)
	return nil
}

func (s *Store) put(f transcription.Folder) {
	if s.folders == nil {
		s.folders = map[uuid.UUID]transcription.Folder{}
	}
	s.folders[f.ID] = f
}

// fits looks for the parent and the name of a folder.
func (s *Store) fits(f *transcription.Folder) error {
	if f.ParentID != uuid.Nil && s.folders[f.ParentID].OwnerID != f.OwnerID {
		return errNoFolder
	}
	for _, o := range s.foldersOf(f.OwnerID) {
		if o.ID != f.ID && o.ParentID == f.ParentID && strings.EqualFold(o.Name, f.Name) {
			return transcription.FolderExists(f.Name)
		}
	}
	return nil
}

var errNoFolder = fault.New(fault.NotFound, "There is no such folder.")

// ChangeFolder implements transcription.Store.
func (s *Store) ChangeFolder(ctx context.Context, f *transcription.Folder) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.fits(f); err != nil {
		return err
	}
	for up := f.ParentID; up != uuid.Nil; up = s.folders[up].ParentID {
		if up == f.ID {
			return transcription.FolderInItself()
		}
	}
	old, ok := s.folders[f.ID]
	if !ok || old.OwnerID != f.OwnerID {
		return errNoFolder
	}
	if err := s.stayHeld(f.OwnerID, old.ParentID, f.ParentID); err != nil {
		return err
	}
	f.CreatedAt, f.Retention, f.LegalHold = old.CreatedAt, old.Retention, old.LegalHold
	s.put(*f)
	s.takeOut(slices.Collect(maps.Keys(s.rows))...)
	return nil
}

// DeleteFolder implements transcription.Store.
func (s *Store) DeleteFolder(ctx context.Context, owner, id uuid.UUID) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	gone, ok := s.folders[id]
	if !ok || gone.OwnerID != owner {
		return errNoFolder
	}
	if err := s.stayHeld(owner, id, gone.ParentID); err != nil {
		return err
	}
	for _, t := range s.rows {
		if t.FolderID == id {
			t.FolderID, t.UpdatedAt = gone.ParentID, s.now()
			s.rows[t.ID] = t
		}
	}
	for _, f := range s.foldersOf(owner) {
		if f.ParentID == id {
			f.ParentID = gone.ParentID
			if s.fits(&f) != nil {
				f.Name += " " + f.ID.String()[24:32]
			}
			s.put(f)
		}
	}
	delete(s.folders, id)
	maps.DeleteFunc(s.shares, func(_ uuid.UUID, l share) bool { return l.FolderID == id })
	s.takeOut(slices.Collect(maps.Keys(s.rows))...)
	return nil
}

// Arrange implements transcription.Store.
func (s *Store) Arrange(ctx context.Context, owner uuid.UUID, ids []uuid.UUID, a transcription.Arrangement) ([]uuid.UUID, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if a.Folder != nil && *a.Folder != uuid.Nil && s.folders[*a.Folder].OwnerID != owner {
		return nil, errNoFolder
	}
	var found []uuid.UUID
	for _, id := range ids {
		t, err := s.own(owner, id)
		if err != nil || slices.Contains(found, id) {
			continue
		}
		if t.Tags = a.Arranged(t.Tags); len(t.Tags) > transcription.MaxTags {
			return nil, transcription.TooManyTags()
		}
		if a.Folder != nil {
			if err := s.stayHeld(owner, t.FolderID, *a.Folder); err != nil {
				return nil, err
			}
			t.FolderID = *a.Folder
		}
		t.UpdatedAt = s.now()
		switch {
		case a.Archived != nil && !*a.Archived:
			t.ArchivedAt = time.Time{}
		case a.Archived != nil && t.ArchivedAt.IsZero():
			t.ArchivedAt = t.UpdatedAt
		}
		s.rows[id] = t
		found = append(found, id)
	}
	s.takeOut(found...)
	slices.SortFunc(found, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return found, nil
}
