package transcription

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// FolderStore keeps folders and what is in them, see Store.
type FolderStore interface {
	// Folders returns all folders of the owner's, by name.
	Folders(ctx context.Context, owner uuid.UUID) ([]Folder, error)
	// CreateFolder inserts a folder and sets its time; ChangeFolder changes its name and its
	// parent. NotFound: there is no such folder, or parent. Conflict folder_exists,
	// too_many_folders. Invalid folder_in_itself.
	CreateFolder(ctx context.Context, f *Folder) error
	ChangeFolder(ctx context.Context, f *Folder) error
	// DeleteFolder removes a folder; what is in it goes to where it was.
	DeleteFolder(ctx context.Context, owner, id uuid.UUID) error
	// Arrange moves, tags and archives transcriptions, and returns those of them that are
	// the owner's. NotFound: there is no such folder. Invalid too_many_tags.
	Arrange(ctx context.Context, owner uuid.UUID, ids []uuid.UUID, a Arrangement) ([]uuid.UUID, error)
}

// The limits of what people put their transcriptions in order with.
const (
	MaxFolders    = 1000 // of a person
	MaxFolderName = 200  // letters
	MaxTags       = 30   // of a transcription
	MaxTag        = 50   // letters
	MaxBulk       = 1000 // transcriptions
)

// Folder holds transcriptions of one person, and other folders.
type Folder struct {
	ID        uuid.UUID
	OwnerID   uuid.UUID
	ParentID  uuid.UUID // zero: in none
	Name      string    // once in each folder, however it is written
	CreatedAt time.Time
	Retention      // of all that is in it
	LegalHold bool // as well; of its own
}

// Folders returns all folders of the caller's, by name.
func (s *Service) Folders(ctx context.Context, who auth.Actor) ([]Folder, error) {
	if err := who.Require(auth.ReadTranscriptions); err != nil {
		return nil, err
	}
	return s.store.Folders(ctx, who.UserID)
}

// CreateFolder makes a folder. Conflict folder_exists: there is one of that name;
// too_many_folders. NotFound: there is no such parent.
func (s *Service) CreateFolder(ctx context.Context, who auth.Actor, name string, parent uuid.UUID) (*Folder, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	f := &Folder{ID: id, OwnerID: who.UserID, ParentID: parent}
	if err := s.named(who, f, name); err != nil {
		return nil, err
	}
	return f, s.store.CreateFolder(ctx, f)
}

// ChangeFolder gives a folder another name and parent. Conflict folder_exists; Invalid
// folder_in_itself: the parent is in it.
func (s *Service) ChangeFolder(ctx context.Context, who auth.Actor, id uuid.UUID, name string, parent uuid.UUID) (*Folder, error) {
	f := &Folder{ID: id, OwnerID: who.UserID, ParentID: parent}
	if err := s.named(who, f, name); err != nil {
		return nil, err
	}
	return f, s.store.ChangeFolder(ctx, f)
}

func (s *Service) named(who auth.Actor, f *Folder, name string) error {
	if err := who.Require(auth.WriteTranscriptions); err != nil {
		return err
	}
	if f.Name = clean(name); f.Name == "" || utf8.RuneCountInString(f.Name) > MaxFolderName {
		return fault.New(fault.Invalid, "The name of a folder has 1 to %d letters.", MaxFolderName).WithCode("invalid_name").With("field", "name")
	}
	return nil
}

// DeleteFolder removes a folder. What is in it goes to where it was.
func (s *Service) DeleteFolder(ctx context.Context, who auth.Actor, id uuid.UUID) error {
	if err := who.Require(auth.WriteTranscriptions); err != nil {
		return err
	}
	return s.store.DeleteFolder(ctx, who.UserID, id)
}

// FolderExists is the fault of a second folder of a name.
func FolderExists(name string) error {
	return fault.New(fault.Conflict, "There is a folder %q here already.", name).WithCode("folder_exists").With("field", "name")
}

// TooManyFolders is the fault of one more than MaxFolders.
func TooManyFolders() error {
	return fault.New(fault.Conflict, "There are %d folders already, which is all there may be. Delete one first.", MaxFolders).
		WithCode("too_many_folders").With("limit", MaxFolders)
}

// FolderInItself is the fault of a folder that would be moved into itself.
func FolderInItself() error {
	return fault.New(fault.Invalid, "A folder cannot be moved into itself or into one that is in it.").WithCode("folder_in_itself").With("field", "parentId")
}

// Arrangement is where transcriptions shall be. What is nil stays as it is.
type Arrangement struct {
	Folder   *uuid.UUID // zero: in none
	Tag      []string   // is added
	Untag    []string   // is taken away
	Archived *bool
}

// Arrange moves, tags and archives transcriptions of the caller's, and returns the ids of
// those that are there. NotFound: there is no such folder.
func (s *Service) Arrange(ctx context.Context, who auth.Actor, ids []uuid.UUID, a Arrangement) ([]uuid.UUID, error) {
	if err := who.Require(auth.WriteTranscriptions); err != nil {
		return nil, err
	}
	if err := checkBulk(ids); err != nil {
		return nil, err
	}
	var err error
	if a.Tag, err = checkTags(a.Tag); err != nil {
		return nil, err
	}
	if a.Untag, err = checkTags(a.Untag); err != nil {
		return nil, err
	}
	return s.store.Arrange(ctx, who.UserID, ids, a)
}

func checkBulk(ids []uuid.UUID) error {
	if len(ids) == 0 || len(ids) > MaxBulk {
		return fault.New(fault.Invalid, "Name 1 to %d transcriptions.", MaxBulk).WithCode("invalid_ids").With("field", "ids").With("limit", MaxBulk)
	}
	return nil
}

// checkTags returns tags as they are kept, each once.
func checkTags(tags []string) ([]string, error) {
	var kept []string
	for _, t := range tags {
		if t = clean(t); t == "" || utf8.RuneCountInString(t) > MaxTag {
			return nil, fault.New(fault.Invalid, "A tag has 1 to %d letters.", MaxTag).WithCode("invalid_tag").With("field", "tags")
		}
		if !hasTag(kept, t) {
			kept = append(kept, t)
		}
	}
	if len(kept) > MaxTags {
		return nil, TooManyTags()
	}
	return kept, nil
}

// hasTag leaves capitals out of account.
func hasTag(tags []string, tag string) bool {
	return slices.ContainsFunc(tags, func(t string) bool { return strings.EqualFold(t, tag) })
}

// TooManyTags is the fault of one more than MaxTags.
func TooManyTags() error {
	return fault.New(fault.Invalid, "A transcription has at most %d tags.", MaxTags).WithCode("too_many_tags").With("field", "tags").With("limit", MaxTags)
}

// Arranged returns tags with some taken away and others added.
func (a Arrangement) Arranged(tags []string) []string {
	kept := []string{}
	for _, t := range slices.Concat(tags, a.Tag) {
		if !hasTag(a.Untag, t) && !hasTag(kept, t) {
			kept = append(kept, t)
		}
	}
	return kept
}

// BulkAction is what is done to many transcriptions at once.
type BulkAction string

// The actions that end or begin work; Arrange does the others.
const (
	BulkDelete BulkAction = "delete"
	BulkCancel BulkAction = "cancel"
	BulkRetry  BulkAction = "retry"
)

// Bulk does the same to many transcriptions of the caller's, one after the other, and
// returns what has gone wrong with each, nil where nothing has.
func (s *Service) Bulk(ctx context.Context, who auth.Actor, ids []uuid.UUID, action BulkAction) ([]error, error) {
	if err := who.Require(auth.WriteTranscriptions); err != nil {
		return nil, err
	}
	if err := checkBulk(ids); err != nil {
		return nil, err
	}
	do := map[BulkAction]func(uuid.UUID) error{
		BulkDelete: func(id uuid.UUID) error { return s.delete(ctx, who, id) },
		BulkCancel: func(id uuid.UUID) error { return s.cancel(ctx, who, id) },
		BulkRetry: func(id uuid.UUID) error {
			_, err := s.retry(ctx, who, id, Retry{})
			return err
		},
	}[action]
	if do == nil {
		return nil, fault.New(fault.Invalid, "There is no action %q.", action).WithCode("unknown_action").With("field", "action")
	}
	defer s.fill(ctx) // once for all, also for a client that leaves between two
	errs := make([]error, len(ids))
	for i, id := range ids {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		errs[i] = do(id)
	}
	return errs, nil
}
