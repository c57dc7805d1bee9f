// Package pgtest gives every test a database of its own.
package pgtest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx

	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/migrations"
)

// New returns a migrated database without rows that is dropped when the test ends.
//
// The server is the one of TS_TEST_DATABASE_URL, whose role may create databases.
// Without it the test is skipped, or fails when CI is true.
func New(t testing.TB) *postgres.DB {
	t.Helper()
	return Open(t, URL(t))
}

// Open opens the database of that URL and closes it when the test ends. Change may
// change how.
func Open(t testing.TB, dsn string, change ...func(*postgres.Options)) *postgres.DB {
	t.Helper()
	o := postgres.Options{URL: dsn, Name: t.Name(), MaxConns: 10, ConnectTimeout: time.Minute}
	for _, f := range change {
		f(&o)
	}
	db, err := postgres.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// URL returns the URL of a database as New makes it.
func URL(t testing.TB) string {
	t.Helper()
	server := serverURL(t)
	return clone(t, server, template(t, server))
}

// EmptyURL returns the URL of a database without a schema.
func EmptyURL(t testing.TB) string {
	t.Helper()
	return clone(t, serverURL(t), "template1")
}

// KeptURL returns the URL of the database of that name, which stays when the test ends. It
// is made as by URL when there is none.
func KeptURL(t testing.TB, name string) string {
	t.Helper()
	server := serverURL(t)
	if !exists(t, server, name) {
		admin(t, server, "CREATE DATABASE "+name+" TEMPLATE "+template(t, server))
	}
	return inDatabase(t, server, name)
}

func serverURL(t testing.TB) string {
	t.Helper()
	server := os.Getenv("TS_TEST_DATABASE_URL")    //nolint:forbidigo // tests are told here which server to use
	if server == "" && os.Getenv("CI") == "true" { //nolint:forbidigo // see above
		t.Fatal("TS_TEST_DATABASE_URL is not set")
	}
	if server == "" {
		t.Skip("TS_TEST_DATABASE_URL is not set; make test starts a server and sets it")
	}
	return server
}

// clone creates a database as a copy of another.
func clone(t testing.TB, server, from string) string {
	t.Helper()
	name := "ts_test_" + random(t)
	admin(t, server, "CREATE DATABASE "+name+" TEMPLATE "+from)
	t.Cleanup(func() { admin(t, server, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	return inDatabase(t, server, name)
}

// template returns the name of a migrated database. It is made by whichever test
// process needs it first, and kept: its name tells the schema, so it is never out
// of date.
func template(t testing.TB, server string) string {
	t.Helper()
	name := "ts_template_" + schema(t)
	if exists(t, server, name) {
		return name
	}
	draft := "ts_draft_" + random(t)
	admin(t, server, "CREATE DATABASE "+draft)
	migrated(t, inDatabase(t, server, draft))
	publish(t, server, draft, name)
	return name
}

func migrated(t testing.TB, dsn string) {
	t.Helper()
	db, err := postgres.Open(postgres.Options{URL: dsn})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Migrate(t.Context()), db.Close()); err != nil {
		t.Fatal(err)
	}
}

// publish gives a draft its name, unless another process was faster.
func publish(t testing.TB, server, draft, name string) {
	t.Helper()
	err := exec(t.Context(), server, "ALTER DATABASE "+draft+" RENAME TO "+name)
	if err == nil {
		return
	}
	admin(t, server, "DROP DATABASE "+draft+" WITH (FORCE)")
	if !exists(t, server, name) {
		t.Fatal(err)
	}
}

func exists(t testing.TB, server, name string) (ok bool) {
	t.Helper()
	db, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	err = db.QueryRowContext(t.Context(), "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&ok)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return ok
}

// admin runs a statement on the server, also while the test is being cleaned up. The
// server gives those who still use a database five seconds to leave, which is too
// short for a busy machine: then it is tried again.
func admin(t testing.TB, server, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 5*time.Minute)
	defer cancel()
	err := exec(ctx, server, statement)
	for inUse(err) && ctx.Err() == nil {
		err = exec(ctx, server, statement)
	}
	if err != nil {
		t.Error(err)
	}
}

func inUse(err error) bool {
	refusal, ok := errors.AsType[*pgconn.PgError](err)
	return ok && refusal.Code == "55006" // object_in_use
}

func exec(ctx context.Context, dsn, statement string) error {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, statement)
	if err != nil {
		err = fmt.Errorf("%s: %w", statement, err)
	}
	return errors.Join(err, db.Close())
}

func inDatabase(t testing.TB, server, name string) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

// schema returns a name for the state of all migrations.
func schema(t testing.TB) string {
	t.Helper()
	h := sha256.New()
	files, err := fs.Glob(migrations.FS, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		b, err := fs.ReadFile(migrations.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		h.Write(fmt.Appendf(nil, "%s %d %s", name, len(b), b))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func random(t testing.TB) string {
	t.Helper()
	b := make([]byte, 8)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(b)
}
