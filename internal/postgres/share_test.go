package postgres_test

import (
	"context"
	"slices"
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

// A share, or a link, that was made and is not told of in the audit log cannot be: they are one
// transaction.
func TestDB_sharing_isAudited(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ctx := auth.WithOrigin(t.Context(), auth.Origin{IP: "192.0.2.1", RequestID: "r1"})
	tr := addTranscription(t, db, addUser(t, db))
	s := &transcription.Share{ID: newID(t), Target: transcription.Target{TranscriptionID: tr.ID}, Email: "ann@example.com", Access: transcription.ToRead}
	l := &transcription.Link{ID: newID(t), TranscriptionID: tr.ID, Access: transcription.ToEdit}
	execSQL(t, db, "ALTER TABLE audit ADD CONSTRAINT nothing CHECK (action NOT IN ('share.given', 'link.created')) NOT VALID")
	if db.PutShare(ctx, tr.OwnerID, s) == nil || db.CreateLink(ctx, tr.OwnerID, l) == nil {
		t.Error("something was shared that nothing tells of")
	}
	if n := readSQL[int](t, db, "SELECT (SELECT count(*) FROM shares) + (SELECT count(*) FROM links)"); n != 0 {
		t.Errorf("%d shares and links are there", n)
	}
	execSQL(t, db, "ALTER TABLE audit DROP CONSTRAINT nothing")
	ok(t, db.PutShare(ctx, tr.OwnerID, s))
	ok(t, db.CreateLink(ctx, tr.OwnerID, l))
	ok(t, db.DeleteShare(ctx, tr.OwnerID, s.Target, s.ID))
	ok(t, db.DeleteLink(ctx, tr.OwnerID, tr.ID, l.ID))
	entries, err := db.Entries(ctx, auth.EntryFilter{UserID: tr.OwnerID, Limit: 10})
	ok(t, err)
	var told []auth.Action
	for _, e := range entries {
		if told = append(told, e.Action); e.IP != "192.0.2.1" || e.RequestID != "r1" {
			t.Errorf("got %+v", e)
		}
	}
	if want := []auth.Action{auth.LinkRevoked, auth.ShareRevoked, auth.LinkCreated, auth.ShareGiven}; !slices.Equal(told, want) {
		t.Errorf("the audit log tells %v, want %v", told, want)
	}
}
