package postgres_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// addPerson adds somebody who has proved that their address is theirs.
func addPerson(t testing.TB, db *postgres.DB) (id uuid.UUID, email string) {
	t.Helper()
	id = addUser(t, db)
	execSQL(t, db, "UPDATE users SET verified_at = now() WHERE id = ?", id)
	return id, id.String() + "@example.com"
}

// Whatever takes a right away waits for an edit that has begun, and an edit that has waited
// for it finds that it may not.
func TestDB_DeleteShare_endsEdits(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for name, statement := range map[string]string{
		"taken back": "DELETE FROM shares WHERE owner_id = ?",
		"moved away": "UPDATE transcriptions SET folder_id = NULL WHERE owner_id = ?",
	} {
		tr := complete(t, db, addUser(t, db))
		other, email := addPerson(t, db)
		f := &transcription.Folder{ID: newID(t), OwnerID: tr.OwnerID, Name: "Talks"}
		ok(t, db.CreateFolder(t.Context(), f))
		_, err := db.Arrange(t.Context(), tr.OwnerID, []uuid.UUID{tr.ID}, transcription.Arrangement{Folder: &f.ID})
		ok(t, err)
		ok(t, db.PutShare(t.Context(), tr.OwnerID, &transcription.Share{ID: newID(t), Target: transcription.Target{FolderID: f.ID}, Email: email, Access: transcription.ToEdit}))
		got, err := db.Transcription(t.Context(), other, tr.ID)
		ok(t, err)
		edited := make(chan error, 1)
		ok(t, db.SQL().RunInTx(t.Context(), nil, func(ctx context.Context, tx bun.Tx) error {
			for _, s := range []string{"SELECT FROM users WHERE id = ? FOR NO KEY UPDATE", statement} {
				if _, err := tx.ExecContext(ctx, s, tr.OwnerID); err != nil {
					return err
				}
			}
			go func() { //nolint:contextcheck // not in the transaction
				edited <- db.Revise(t.Context(), other, tr.ID, transcription.Change{
					After: got.Revision, Kind: transcription.ByEdit, By: transcription.Actor{Kind: transcription.ByUser}, Splices: []transcription.Splice{{At: 0, Old: got.Segments[:1]}},
				})
			}()
			return waitForLock(ctx, tx)
		}))
		if err := <-edited; !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// A share is with an address: whoever proves that it is theirs has it from then on, and
// whoever has another one by then has it no more.
func TestDB_shares_followTheAddress(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	tr := addTranscription(t, db, addUser(t, db))
	one, two := addUser(t, db), addUser(t, db)
	address := strings.ToLower("Ann-" + one.String() + "@example.com")
	ok(t, db.PutShare(t.Context(), tr.OwnerID, &transcription.Share{ID: newID(t), Target: transcription.Target{TranscriptionID: tr.ID}, Email: address, Access: transcription.ToRead}))
	may := func(who uuid.UUID) bool {
		_, err := db.Head(t.Context(), who, tr.ID)
		return err == nil
	}
	for _, step := range []struct {
		statement string
		who       uuid.UUID
		one, two  bool
	}{
		{"UPDATE users SET email = ?0 WHERE id = ?1", one, false, false}, // anybody may say that it is theirs
		{"UPDATE users SET verified_at = now() WHERE id = ?1", one, true, false},
		{"UPDATE users SET email = 'another-' || ?0 WHERE id = ?1", one, false, false},
		{"UPDATE users SET email = ?0, verified_at = now() WHERE id = ?1", two, false, true},
	} {
		execSQL(t, db, step.statement, address, step.who)
		if may(one) != step.one || may(two) != step.two {
			t.Errorf("%s: one may %t, the other %t", step.statement, may(one), may(two))
		}
	}
}

// What somebody was who has left is told of nobody; what they did to texts of others stays.
func TestDB_DeleteAccount_leavesTextsOfOthers(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	id, _ := leaver(t, db)
	of := readSQL[uuid.UUID](t, db, "SELECT transcription_id FROM revisions WHERE who = ?", id.String())
	owner := readSQL[uuid.UUID](t, db, "SELECT owner_id FROM transcriptions WHERE id = ?", of)
	for _, query := range []string{"UPDATE revisions SET who = '' WHERE who = ?", "UPDATE events SET who = '' WHERE type = 'edited' AND who = ?"} {
		if _, err := db.SQL().NewRaw(query, id.String()).Exec(t.Context()); err == nil {
			t.Errorf("%s was done while the account is there", query)
		}
	}
	_, err := db.DeleteAccount(t.Context(), id, newID(t), auth.Entry{Action: auth.AccountDeleted})
	ok(t, err)
	list, err := db.Revisions(t.Context(), owner, of, transcription.RevisionFilter{Limit: 9})
	ok(t, err)
	if len(list) != 1 || list[0].By != (transcription.Actor{Kind: transcription.ByUser}) {
		t.Errorf("got %+v", list)
	}
}
