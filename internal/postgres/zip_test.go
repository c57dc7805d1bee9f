package postgres_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
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

// What is taken out of an export goes from the bucket as well: the file of one that is
// complete, and what an attempt has written that is at work. Its key goes with it.
func TestDB_zipLosesWhatGoes(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner, reader := addUser(t, db), addUser(t, db)
	tr := complete(t, db, owner)
	order := func(who uuid.UUID) *transcription.ZipLease {
		z := &transcription.Zip{ID: newID(t), OwnerID: who, Format: "txt", IDs: []uuid.UUID{tr.ID, newID(t)}}
		ok(t, db.CreateZip(ctx, z))
		l, err := db.ClaimZip(ctx, time.Hour)
		ok(t, err)
		return l
	}
	done, other := order(owner), order(reader)
	stored := transcription.Stored{Size: 7, Seal: transcription.Seal{Key: []byte(strings.Repeat("k", 60)), By: "key"}}
	for _, l := range []*transcription.ZipLease{done, other} {
		ok(t, db.FinishZip(ctx, *l, l.Zip.Prefix(l.Token)+"texts.zip", stored))
	}
	running := order(reader)
	ok(t, db.DeleteTranscription(ctx, owner, tr.ID))
	prefixes, err := db.Garbage(ctx, 100)
	ok(t, err)
	for _, want := range []string{
		transcription.Prefix(owner, done.Zip.ID), transcription.Prefix(reader, other.Zip.ID), running.Zip.Prefix(running.Token),
	} {
		if !slices.Contains(prefixes, want) {
			t.Errorf("%s is no garbage", want)
		}
	}
	for _, l := range []*transcription.ZipLease{done, other} {
		_, err := db.Seal(ctx, l.Zip.ID)
		wantKind(t, err, fault.NotFound)
	}
	if n := readSQL[int](t, db, "SELECT count(*) FROM exports WHERE sealed IS NOT NULL OR ? = ANY (ids)", tr.ID); n != 0 {
		t.Errorf("%d exports have the id or a key still", n)
	}
}

// Whoever deletes an account takes their texts out of the exports of others.
func TestDB_DeleteAccount_exportsOfOthers(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner, reader := addUser(t, db), addUser(t, db)
	tr := complete(t, db, owner)
	theirs := &transcription.Zip{ID: newID(t), OwnerID: reader, Format: "txt", IDs: []uuid.UUID{tr.ID}}
	own := &transcription.Zip{ID: newID(t), OwnerID: owner, Format: "txt", IDs: []uuid.UUID{tr.ID}}
	for _, z := range []*transcription.Zip{theirs, own} {
		ok(t, db.CreateZip(ctx, z))
		l, err := db.ClaimZip(ctx, time.Hour)
		ok(t, err)
		ok(t, db.FinishZip(ctx, *l, l.Zip.Prefix(l.Token)+"texts.zip", transcription.Stored{Size: 7}))
	}
	_, err := db.DeleteAccount(ctx, owner, newID(t), auth.Entry{Action: auth.AccountDeleted})
	ok(t, err)
	prefixes, err := db.Garbage(ctx, 100)
	ok(t, err)
	if want := []string{transcription.Prefix(reader, theirs.ID)}; !slices.Equal(prefixes, want) {
		t.Errorf("garbage is %v, want %v", prefixes, want)
	}
	if n := readSQL[int](t, db, "SELECT count(*) FROM exports WHERE ? = ANY (ids)", tr.ID); n != 0 {
		t.Errorf("%d exports have the id still", n)
	}
}

// What is shared is shared with an address: who has another one takes no copies along.
func TestDB_VerifyEmail_exports(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner, reader := addUser(t, db), addUser(t, db)
	tr, own := complete(t, db, owner), complete(t, db, reader)
	address := readSQL[string](t, db, "UPDATE users SET verified_at = now() WHERE id = ? RETURNING email", reader)
	ok(t, db.PutShare(ctx, owner, &transcription.Share{ID: newID(t), Target: transcription.Target{TranscriptionID: tr.ID}, Email: address, Access: transcription.ToRead}))
	for _, id := range []uuid.UUID{tr.ID, own.ID} {
		ok(t, db.CreateZip(ctx, &transcription.Zip{ID: newID(t), OwnerID: reader, Format: "txt", IDs: []uuid.UUID{id}}))
		l, err := db.ClaimZip(ctx, time.Hour)
		ok(t, err)
		ok(t, db.FinishZip(ctx, *l, l.Zip.Prefix(l.Token)+"texts.zip", transcription.Stored{Size: 7}))
	}
	ticket := auth.Ticket{UserID: reader, Purpose: auth.VerifyEmail, Email: "another@example.com", CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour)}
	ok(t, db.CreateTicket(ctx, ticket))
	ok(t, db.VerifyEmail(ctx, auth.Verification{Ticket: ticket, At: time.Now(), Entry: auth.Entry{Action: auth.EmailVerified, SubjectID: reader}}))
	if n := readSQL[int](t, db, "SELECT count(*) FROM exports WHERE ? = ANY (ids)", tr.ID); n != 0 {
		t.Errorf("%d exports have what was shared with another address", n)
	}
	if n := readSQL[int](t, db, "SELECT count(*) FROM exports WHERE ? = ANY (ids) AND expires_at > now()", own.ID); n != 1 {
		t.Errorf("%d exports have what is their own", n)
	}
}
