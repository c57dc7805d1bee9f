package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// TestDB_zipIsCollected has the file of an export be garbage from before its first byte: in a
// week, in a day when it is complete, and at once when it is deleted. What was encrypted has
// its key until then.
func TestDB_zipIsCollected(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner := addUser(t, db)
	z := &transcription.Zip{ID: newID(t), OwnerID: owner, Format: "txt", IDs: []uuid.UUID{newID(t)}}
	ok(t, db.CreateZip(ctx, z))
	prefix := transcription.Prefix(owner, z.ID)
	due := func() time.Duration {
		t.Helper()
		return time.Duration(readSQL[float64](t, db, "SELECT extract(epoch FROM due_at - now())::float8 FROM garbage WHERE prefix = ?", prefix) * float64(time.Second)).Round(time.Hour)
	}
	l, err := db.ClaimZip(ctx, time.Hour)
	ok(t, err)
	if got := due(); got != 7*24*time.Hour {
		t.Errorf("due in %s while it is being written", got)
	}
	_, err = db.Seal(ctx, z.ID)
	wantKind(t, err, fault.NotFound)
	seal := transcription.Seal{Key: []byte(strings.Repeat("k", 60)), By: "key"}
	ok(t, db.FinishZip(ctx, *l, prefix+"a.zip", transcription.Stored{Size: 7, Seal: seal}))
	if got := due(); got != transcription.ZipKept {
		t.Errorf("due in %s when it is complete", got)
	}
	got, err := db.Seal(ctx, z.ID)
	ok(t, err)
	if diff := cmp.Diff(seal, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	ok(t, db.DeleteZip(ctx, owner, z.ID))
	if got := due(); got != 0 {
		t.Errorf("due in %s when it is deleted", got)
	}
	_, err = db.Seal(ctx, z.ID)
	wantKind(t, err, fault.NotFound)
}
