package postgres_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// Somebody put a recording into a folder that was being deleted at that moment: deleting it
// failed, as what had come in was not moved on.
func TestDB_DeleteFolder_whileFilled(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	owner := addUser(t, db)
	tr := addTranscription(t, db, owner)
	f := &transcription.Folder{ID: newID(t), OwnerID: owner, Name: "Talks"}
	ok(t, db.CreateFolder(t.Context(), f))
	filling, err := db.SQL().BeginTx(t.Context(), nil)
	ok(t, err)
	_, err = filling.NewRaw("UPDATE transcriptions SET folder_id = ? WHERE id = ?", f.ID, tr.ID).Exec(t.Context())
	ok(t, err)
	deleted := make(chan error, 1)
	go func() { deleted <- db.DeleteFolder(t.Context(), owner, f.ID) }()
	for len(deleted) == 0 && readSQL[int](t, db, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == 0 {
		runtime.Gosched()
	}
	ok(t, filling.Commit())
	ok(t, <-deleted)
	if head, err := db.Head(t.Context(), owner, tr.ID); err != nil || head.FolderID != uuid.Nil {
		t.Errorf("it is in %v, %v", head.FolderID, err)
	}
}

// Many are arranged in one statement, each with its own tags; one of them that may not be
// moved keeps all where they are.
func TestDB_Arrange_each(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner := addUser(t, db)
	held := &transcription.Folder{ID: newID(t), OwnerID: owner, Name: "Held"}
	ok(t, db.CreateFolder(ctx, held))
	ids := make([]uuid.UUID, 3)
	for i := range ids {
		ids[i] = addTranscription(t, db, owner).ID
		own := transcription.Arrangement{Tag: []string{fmt.Sprint("own \"", i, "\""), "both"}}
		if i == 2 {
			own.Folder = &held.ID
		}
		_, err := db.Arrange(ctx, owner, ids[i:i+1], own)
		ok(t, err)
	}
	_, err := db.HoldFolder(ctx, owner, held.ID, true)
	ok(t, err)
	out, archived := uuid.Nil, true
	_, err = db.Arrange(ctx, owner, ids, transcription.Arrangement{Folder: &out, Tag: []string{"new"}})
	wantKind(t, err, fault.Conflict)
	found, err := db.Arrange(ctx, owner, ids, transcription.Arrangement{Tag: []string{"new"}, Untag: []string{"both"}, Archived: &archived})
	ok(t, err)
	if len(found) != len(ids) {
		t.Errorf("found %v", found)
	}
	for i, id := range ids {
		head, err := db.Head(ctx, owner, id)
		ok(t, err)
		if diff := cmp.Diff([]string{fmt.Sprint("own \"", i, "\""), "new"}, head.Tags); diff != "" || head.ArchivedAt.IsZero() || (head.FolderID == held.ID) != (i == 2) {
			t.Errorf("%d is in %s: -want +got\n%s", i, head.FolderID, diff)
		}
	}
}
