package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// Who was at an edit when their link was revoked has made it before, or not at all: an edit
// that has waited for the revocation finds that it may not.
func TestDB_DeleteLink_endsEdits(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	tr := complete(t, db, addUser(t, db))
	l := &transcription.Link{ID: newID(t), TranscriptionID: tr.ID, Access: transcription.ToEdit}
	ok(t, db.CreateLink(t.Context(), tr.OwnerID, l))
	got, err := db.Transcription(t.Context(), l.ID, tr.ID)
	ok(t, err)
	edited := make(chan error, 1)
	ok(t, db.SQL().RunInTx(t.Context(), nil, func(ctx context.Context, tx bun.Tx) error {
		// The revocation, which is not committed yet when the edit comes.
		if _, err := tx.ExecContext(ctx, "SELECT FROM users WHERE id = ? FOR NO KEY UPDATE", tr.OwnerID); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM links WHERE id = ?", l.ID); err != nil {
			return err
		}
		go func() { //nolint:contextcheck // not in the transaction
			edited <- db.Revise(t.Context(), l.ID, tr.ID, transcription.Change{
				After: got.Revision, Kind: transcription.ByEdit, By: transcription.Actor{Kind: transcription.ByLink}, Splices: []transcription.Splice{{At: 0, Old: got.Segments[:1]}},
			})
		}()
		return waitForLock(ctx, tx)
	}))
	wantKind(t, <-edited, fault.NotFound)
}

// waitForLock returns when somebody waits for a lock of the transaction.
func waitForLock(ctx context.Context, tx bun.Tx) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for waits := false; !waits; {
		err := tx.NewRaw("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))) FROM pg_sleep(0.01)").Scan(ctx, &waits)
		if err != nil {
			return err
		}
	}
	return nil
}

// A link of somebody who was disabled leads nowhere until they are not.
func TestDB_LinkByHash_disabled(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	tr := addTranscription(t, db, addUser(t, db))
	l := &transcription.Link{ID: newID(t), TranscriptionID: tr.ID, Hash: auth.LinkHash("x"), Access: transcription.ToRead}
	ok(t, db.CreateLink(t.Context(), tr.OwnerID, l))
	for _, disabled := range []bool{true, false} {
		_, err := db.ChangeUser(t.Context(), tr.OwnerID, auth.UserChange{At: time.Now(), Disabled: &disabled}, auth.Entry{})
		ok(t, err)
		if _, err := db.LinkByHash(t.Context(), l.Hash); fault.Is(err, fault.NotFound) != disabled {
			t.Errorf("disabled %t: %v", disabled, err)
		}
	}
}
