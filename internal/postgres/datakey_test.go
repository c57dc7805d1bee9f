package postgres_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/seal"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// The keys of an operator, before and after they are exchanged.
var (
	oldKey = strings.Repeat("o", 32)
	newKey = strings.Repeat("n", 32)
)

func ring(t testing.TB, keys ...string) *seal.Keyring {
	t.Helper()
	k, err := seal.NewKeyring(keys)
	ok(t, err)
	return k
}

// addSealed creates a transcription whose objects are encrypted.
func addSealed(t testing.TB, db *postgres.DB, owner uuid.UUID) *transcription.Transcription {
	t.Helper()
	tr := newTranscription(t, owner)
	tr.File.Seal, _ = ring(t, oldKey).New(tr.ID, false)
	ok(t, db.CreateTranscription(t.Context(), tr))
	return tr
}

// A data key is there for as long as its transcription is, and then nowhere.
func TestDB_Seal(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner := addUser(t, db)
	tr, plain := addSealed(t, db, owner), addTranscription(t, db, owner)
	got, err := db.Seal(ctx, tr.ID)
	ok(t, err)
	if diff := cmp.Diff(tr.File.Seal, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if got, err := db.Seal(ctx, plain.ID); err != nil || got.Key != nil {
		t.Errorf("one that is not encrypted has %+v, %v", got, err)
	}
	ok(t, db.DeleteTranscription(ctx, owner, tr.ID))
	_, err = db.Seal(ctx, tr.ID)
	wantKind(t, err, fault.NotFound)
	if n := readSQL[int](t, db, "SELECT count(*) FROM data_keys"); n != 0 {
		t.Errorf("%d data keys are left", n)
	}
}

// An account takes its data keys with it.
func TestDB_Seal_accountDeleted(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	owner := addUser(t, db)
	addSealed(t, db, owner)
	_, err := db.DeleteAccount(t.Context(), owner, newID(t), auth.Entry{Action: auth.AccountDeleted})
	ok(t, err)
	if n := readSQL[int](t, db, "SELECT count(*) FROM data_keys"); n != 0 {
		t.Errorf("%d data keys are left", n)
	}
}

// Data keys are renewed in batches. Broken off in the middle, those of some are by the new
// key and the others by the old; what is left is done the next time, and whoever has both
// keys reads all of them at any moment.
func TestDB_RenewSeals(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	ids := addSeals(t, db, 700)
	both := ring(t, newKey, oldKey)
	exports := []uuid.UUID{addSealedExport(t, db), addSealedExport(t, db)}
	ids = append(ids, exports...)
	readable := func(ring *seal.Keyring) {
		t.Helper()
		for _, id := range ids {
			s, err := db.Seal(ctx, id)
			ok(t, err)
			_, err = ring.Open(id, s)
			ok(t, err)
		}
	}
	left := func() int {
		return readSQL[int](t, db, "SELECT count(*) FROM data_keys WHERE sealed_by <> ?", both.By())
	}

	broken, breakOff := context.WithCancel(ctx)
	defer breakOff()
	tx, err := db.SQL().BeginTx(ctx, nil)
	ok(t, err)
	_, err = tx.NewRaw("SELECT FROM data_keys WHERE transcription_id = ? FOR UPDATE", ids[600]).Exec(ctx)
	ok(t, err)
	ended := make(chan error, 1)
	go func() {
		n, err := db.RenewSeals(broken, both)
		if n != 500 {
			err = errors.Join(err, errors.New("not one batch was renewed"))
		}
		ended <- err
	}()
	for len(ended) == 0 && readSQL[int](t, db, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == 0 {
		runtime.Gosched() // until the second batch waits
	}
	breakOff()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("broken off: %v", err)
	}
	ok(t, tx.Rollback())
	if n := left(); n != 200 {
		t.Errorf("%d are left, want 200", n)
	}
	readable(both)

	n, err := db.RenewSeals(ctx, both)
	ok(t, err)
	if again, err := db.RenewSeals(ctx, both); n != 200+len(exports) || again != 0 || err != nil {
		t.Errorf("got %d, then %d, %v", n, again, err)
	}
	readable(ring(t, newKey))
}

// One that cannot be decrypted keeps none of the others from being renewed, and is told.
func TestDB_RenewSeals_damaged(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	ids := addSeals(t, db, 3)
	execSQL(t, db, "UPDATE data_keys SET sealed = (SELECT sealed FROM data_keys WHERE transcription_id = ?) WHERE transcription_id = ?", ids[0], ids[1])
	n, err := db.RenewSeals(ctx, ring(t, newKey, oldKey))
	if n != 2 || err == nil || !strings.Contains(err.Error(), ids[1].String()) {
		t.Errorf("%d are renewed, %v", n, err)
	}
	n, err = db.RenewSeals(ctx, ring(t, oldKey))
	if n != 0 || err == nil || strings.Contains(err.Error(), newKey) {
		t.Errorf("without the key: %d are renewed, %v", n, err)
	}
}

// addSealedExport makes an export that is complete, and returns its id.
func addSealedExport(t testing.TB, db *postgres.DB) uuid.UUID {
	t.Helper()
	z := &transcription.Zip{ID: newID(t), OwnerID: addUser(t, db), Format: "txt", IDs: []uuid.UUID{newID(t)}}
	ok(t, db.CreateZip(t.Context(), z))
	l, err := db.ClaimZip(t.Context(), time.Hour)
	ok(t, err)
	s, _ := ring(t, oldKey).New(z.ID, false)
	ok(t, db.FinishZip(t.Context(), *l, l.Zip.Prefix(l.Token)+"texts.zip", transcription.Stored{Size: 7, Seal: s}))
	return z.ID
}

// addSeals makes that many transcriptions whose objects are encrypted, and returns their
// ids in order.
func addSeals(t testing.TB, db *postgres.DB, n int) (ids []uuid.UUID) {
	t.Helper()
	owner, first := addUser(t, db), addTranscription(t, db, addUser(t, db))
	for range n {
		id := newID(t)
		s, _ := ring(t, oldKey).New(id, false)
		execSQL(t, db, `WITH f AS (
				INSERT INTO files (id, owner_id, name, content_type, size, sha256, key)
				SELECT ?0, ?1, name, content_type, size, sha256, ?0::text FROM files WHERE id = ?2 RETURNING id
			), t AS (
				INSERT INTO transcriptions (id, owner_id, file_id, status) SELECT ?0, ?1, id, 'queued' FROM f RETURNING id
			) INSERT INTO data_keys (transcription_id, sealed, sealed_by) SELECT id, ?3, ?4 FROM t`, id, owner, first.File.ID, s.Key, s.By)
		ids = append(ids, id)
	}
	return ids
}

// BenchmarkRenewSeals exchanges the key of the operator. An operation is one data key.
func BenchmarkRenewSeals(b *testing.B) {
	db := pgtest.New(b)
	addSeals(b, db, b.N)
	b.ResetTimer()
	n, err := db.RenewSeals(b.Context(), ring(b, newKey, oldKey))
	if err != nil || n != b.N {
		b.Fatalf("%d of %d, %v", n, b.N, err)
	}
}
