package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/auth/authtest"
	"github.com/turboscribe/turboscribe/internal/daemon/daemontest"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
)

// columns describes the schema as the database sees it.
func columns(t *testing.T, db *postgres.DB) (list []string) {
	t.Helper()
	ok(t, db.SQL().NewRaw(`SELECT table_name || '.' || column_name || ' ' || data_type FROM information_schema.columns
		WHERE table_schema = 'public' AND table_name NOT LIKE 'bun_%' ORDER BY 1`).Scan(t.Context(), &list))
	return list
}

func TestDB_Migrate(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.Open(t, pgtest.EmptyURL(t)), t.Context()
	ok(t, db.Migrate(ctx))
	ok(t, db.Migrate(ctx))
	up := columns(t, db)
	if !slices.Contains(up, "steps.lease_token uuid") {
		t.Fatalf("the schema is %v", up)
	}
	ok(t, db.Rollback(ctx))
	if left := columns(t, db); len(left) != 0 {
		t.Errorf("the way back leaves %v", left)
	}
	ok(t, db.Migrate(ctx))
	if diff := cmp.Diff(up, columns(t, db)); diff != "" {
		t.Errorf("after up, down and up: -want +got\n%s", diff)
	}
}

// Several processes start at once; one migrates and the others wait for it.
func TestDB_Migrate_atOnce(t *testing.T) {
	t.Parallel()
	dsn := pgtest.EmptyURL(t)
	errs := make(chan error, 4)
	for range cap(errs) {
		db := pgtest.Open(t, dsn)
		go func() { errs <- db.Migrate(t.Context()) }()
	}
	for range cap(errs) {
		ok(t, <-errs)
	}
}

// Whoever deletes accounts is told that the last administrator stays.
func TestDB_lastAdminIsNotDeleted(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	id := newID(t)
	ok(t, db.CreateUser(t.Context(), &auth.User{ID: id, Email: "root@example.com", PasswordHash: "hash", Role: auth.Admin, CreatedAt: time.Now()}))
	_, err := db.SQL().NewRaw("DELETE FROM users WHERE id = ?", id).Exec(t.Context())
	wantCode(t, postgres.Wrap(err, "delete"), fault.Conflict, "last_admin")
}

// The tables of roles and permissions say what tests without a database believe.
func TestMigrations_roles(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	var rows []struct {
		Role       auth.Role
		Permission auth.Permission
	}
	ok(t, db.SQL().NewRaw("SELECT r.name AS role, p.permission FROM roles AS r JOIN role_permissions AS p ON p.role = r.name").Scan(t.Context(), &rows))
	got := map[auth.Role][]auth.Permission{}
	for _, r := range rows {
		got[r.Role] = append(got[r.Role], r.Permission)
	}
	if diff := cmp.Diff(authtest.Roles, got, cmpopts.SortSlices(func(a, b auth.Permission) bool { return a < b })); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestOpen_badURL(t *testing.T) {
	t.Parallel()
	_, err := postgres.Open(postgres.Options{URL: "postgres://user:secret@host:notaport/db"})
	wantKind(t, err, fault.Invalid)
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the message tells the password: %v", err)
	}
}

func TestDB_unreachable(t *testing.T) {
	t.Parallel()
	db, err := postgres.Open(postgres.Options{URL: "postgres://user:secret@" + daemontest.Nobody + "/db"})
	ok(t, err)
	for name, call := range map[string]func(context.Context) error{
		"check":   db.Check,
		"migrate": db.Migrate,
		"read":    func(ctx context.Context) error { _, err := db.Transcription(ctx, newID(t), newID(t)); return err },
		"write":   func(ctx context.Context) error { return db.DeleteTranscription(ctx, newID(t), newID(t)) },
		"lead":    func(ctx context.Context) error { _, _, err := db.TryLead(ctx); return err },
	} {
		err := call(t.Context())
		if !fault.Is(err, fault.Unavailable) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want unavailable and no password", name, err)
		}
	}
	ok(t, db.Close())
}

// A server that goes away in the middle is Unavailable, and used again when it is
// back.
func TestDB_connectionLost(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	_, err := db.SQL().ExecContext(t.Context(), "SELECT pg_terminate_backend(pg_backend_pid())")
	wantKind(t, postgres.Wrap(err, "end myself"), fault.Unavailable)
	ok(t, db.Check(t.Context()))
}

func TestWrap(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err  error
		want fault.Kind
	}{
		"no rows":            {sql.ErrNoRows, fault.NotFound},
		"duplicate":          {&pgconn.PgError{Code: "23505"}, fault.Conflict},
		"check violation":    {&pgconn.PgError{Code: "23514"}, fault.Internal},
		"shutdown":           {&pgconn.PgError{Code: "57P01"}, fault.Unavailable},
		"starting up":        {&pgconn.PgError{Code: "57P03"}, fault.Unavailable},
		"connection failure": {&pgconn.PgError{Code: "08006"}, fault.Unavailable},
		"too many":           {&pgconn.PgError{Code: "53300"}, fault.Unavailable},
		"lock timeout":       {&pgconn.PgError{Code: "55P03"}, fault.Unavailable},
		"statement timeout":  {&pgconn.PgError{Code: "57014"}, fault.Unavailable},
		"deadline":           {context.DeadlineExceeded, fault.Unavailable},
		"canceled":           {context.Canceled, fault.Internal},
		"a fault":            {fault.New(fault.RateLimited, "Slow down."), fault.RateLimited},
		"anything else":      {errors.New("boom"), fault.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := postgres.Wrap(tt.err, "do %s", "it")
			if fault.KindOf(err) != tt.want || !errors.Is(err, tt.err) || !strings.HasPrefix(err.Error(), "do it: ") {
				t.Errorf("got %v of kind %s, want %s", err, fault.KindOf(err), tt.want)
			}
		})
	}
	if err := postgres.Wrap(nil, "do it"); err != nil {
		t.Errorf("got %v for no error", err)
	}
}

// A transaction that the server gave up is begun again, but not for ever.
func TestDB_InTx_retry(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for name, tt := range map[string]struct {
		code         string
		failures     int
		tries        int
		wantSucceeds bool
	}{
		"a deadlock once":          {"40P01", 1, 2, true},
		"a conflict four times":    {"40001", 4, 5, true},
		"a conflict every time":    {"40001", 99, 5, false},
		"an error of another kind": {"23514", 1, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tries := 0
			err := db.InTx(t.Context(), func() error {
				tries++
				if tries <= tt.failures {
					return &pgconn.PgError{Code: tt.code}
				}
				return nil
			})
			if tries != tt.tries || (err == nil) != tt.wantSucceeds {
				t.Errorf("%d tries, %v, want %d", tries, err, tt.tries)
			}
		})
	}
}

func TestDB_TryLead(t *testing.T) {
	t.Parallel()
	dsn := pgtest.URL(t)
	first, second := pgtest.Open(t, dsn), pgtest.Open(t, dsn)
	lead := func(db *postgres.DB) (func(), bool) {
		t.Helper()
		release, ok, err := db.TryLead(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return release, ok
	}
	release, won := lead(first)
	if !won {
		t.Fatal("nobody leads, and yet nobody may")
	}
	if _, won := lead(second); won {
		t.Error("two lead")
	}
	release()
	release, won = lead(second)
	if !won {
		t.Fatal("the lead was not given back")
	}
	defer release()

	// The second argument waits until the backend is gone: its lock goes with it.
	execSQL(t, first, `SELECT pg_terminate_backend(pid, 60000) FROM pg_locks WHERE locktype = 'advisory' AND classid = ? AND objid = ?
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`, postgres.LockClass, postgres.LockLead)
	if third, won := lead(first); won {
		third()
	} else {
		t.Error("the lead of a dead process is not free")
	}
}

// The database itself refuses what would break the rules, whoever writes it.
func TestMigrations_constraints(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	owner := addUser(t, db)
	tr := prepare(t, db, owner, 1)
	complete(t, db, owner)
	for name, statement := range map[string]string{
		"an unknown status":            "UPDATE transcriptions SET status = 'paused'",
		"failed without a reason":      "UPDATE transcriptions SET status = 'failed' WHERE status = 'transcribing'",
		"a reason without failing":     "UPDATE transcriptions SET failure_code = 'x' WHERE status = 'transcribing'",
		"completed without a time":     "UPDATE transcriptions SET completed_at = NULL WHERE status = 'completed'",
		"progress 1 without a text":    "UPDATE transcriptions SET progress = 1 WHERE status = 'transcribing'",
		"progress over 1":              "UPDATE transcriptions SET progress = 1.5",
		"more done than cut":           "UPDATE transcriptions SET done_samples = cut_samples + 1",
		"somebody else's file":         "UPDATE transcriptions SET owner_id = gen_random_uuid()",
		"a file used twice":            "UPDATE transcriptions SET file_id = (SELECT min(id::text)::uuid FROM files)",
		"running without a token":      "UPDATE steps SET state = 'running', lease_until = now()",
		"running without an end":       "UPDATE steps SET state = 'running', lease_token = gen_random_uuid()",
		"a token without running":      "UPDATE steps SET lease_token = gen_random_uuid(), lease_until = now() WHERE state = 'done'",
		"dispatched without a time":    "UPDATE steps SET state = 'dispatched', dispatched_at = NULL",
		"an unknown state":             "UPDATE steps SET state = 'lost'",
		"an unknown kind":              "UPDATE steps SET kind = 'upload'",
		"two prepare steps":            "INSERT INTO steps (transcription_id, run, kind, index, owner_id, max_attempts) SELECT id, run, 'prepare', 1, owner_id, 1 FROM transcriptions",
		"more attempts than allowed":   "UPDATE steps SET attempts = max_attempts + 1",
		"a chunk that ends too early":  "UPDATE chunks SET end_sample = start_sample",
		"a chunk without sound":        "UPDATE chunks SET to_sample = from_sample",
		"a result without a time":      "UPDATE chunks SET decoded_samples = 1, elapsed_us = 1 WHERE done_at IS NULL",
		"segments of an open chunk":    "UPDATE chunks SET segments = '[]' WHERE done_at IS NULL",
		"a segment that ends too soon": "UPDATE segments SET end_ms = start_ms",
		"a confidence over 1":          "UPDATE segments SET confidence = 1.5",
		"an unknown role":              "UPDATE users SET role = 'root'",
		"an address twice":             "INSERT INTO users (id, email, password_hash, role, created_at) SELECT gen_random_uuid(), upper(email), 'x', 'user', now() FROM users",
		"a user who has recordings":    "DELETE FROM users",
		"a whole bucket as garbage":    "INSERT INTO garbage (prefix) VALUES ('u/')",
		"all of an owner as garbage":   "INSERT INTO garbage (prefix) VALUES ('u/" + owner.String() + "/')",
		"a prefix without its end":     "INSERT INTO garbage (prefix) VALUES ('u/" + owner.String() + "/" + tr.ID.String() + "')",
		"two epochs":                   "INSERT INTO queue_epoch (epoch) VALUES ('a'), ('b')",
	} {
		_, err := db.SQL().ExecContext(t.Context(), statement)
		if e, is := errors.AsType[*pgconn.PgError](err); !is || e.Code[:2] != "23" {
			t.Errorf("%s: got %v, want a constraint to refuse it", name, err)
		}
	}
}

// A statement has so much time, and so much to wait for a lock; then it is refused with a fault
// that tells to try again. What deletes an account has any time.
func TestOpen_limits(t *testing.T) {
	t.Parallel()
	dsn := pgtest.URL(t)
	db, plain := pgtest.Open(t, dsn, func(o *postgres.Options) { o.Statement, o.Lock = 2*time.Second, 100*time.Millisecond }), pgtest.Open(t, dsn)
	_, err := db.SQL().NewRaw("SELECT pg_sleep(60)").Exec(t.Context())
	wantCode(t, postgres.Wrap(err, "sleep"), fault.Unavailable, "too_slow")
	_, err = plain.SQL().NewRaw("SELECT pg_sleep(2.5)").Exec(t.Context())
	ok(t, err)

	tr := addTranscription(t, plain, addUser(t, plain))
	tx, err := plain.SQL().BeginTx(t.Context(), nil)
	ok(t, err)
	_, err = tx.NewRaw("SELECT FROM users WHERE id = ? FOR UPDATE", tr.OwnerID).Exec(t.Context())
	ok(t, err)
	wantCode(t, db.DeleteTranscription(t.Context(), tr.OwnerID, tr.ID), fault.Unavailable, "locked")
	ok(t, tx.Rollback())
	ok(t, db.DeleteTranscription(t.Context(), tr.OwnerID, tr.ID))

	slow := addUser(t, plain)
	execSQL(t, plain, `CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(2.5); RETURN OLD; END'`)
	execSQL(t, plain, "CREATE TRIGGER slowly BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION slowly()")
	_, err = db.DeleteAccount(t.Context(), slow, newID(t), auth.Entry{Action: auth.AccountDeleted})
	ok(t, err)
}
