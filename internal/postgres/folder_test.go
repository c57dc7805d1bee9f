package postgres_test

import (
	"runtime"
	"testing"

	"github.com/google/uuid"

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
