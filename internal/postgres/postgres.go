// Package postgres keeps records in PostgreSQL: users, transcriptions, and who
// works on which step of them.
//
// Every time that matters to more than one process comes from the database's own
// clock. Where a method locks rows, it locks the transcription first and its steps
// second, so that two methods cannot wait for each other.
package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/seal"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// minVersion is the oldest server that is supported, as server_version_num.
const minVersion = 140000

// minConns is the smallest pool that cannot wait for itself: one connection holds
// an advisory lock, another does the work, a third serves everybody else.
const minConns = 3

// DB is the database. It is safe for concurrent use.
type DB struct {
	bun   *bun.DB
	addr  string // for messages; without secrets
	self  transcription.Actor
	quota transcription.Quota
	ring  *seal.Keyring      // nil: texts that are encrypted can be neither read nor written
	tell  func(id uuid.UUID) // of a transcription that has changed

	searchTimeout time.Duration

	measuring chan struct{} // held by who reads or writes measured
	measured  measurement
}

var (
	_ transcription.Store     = (*DB)(nil)
	_ transcription.FeedStore = (*DB)(nil)
	_ pipeline.Store          = (*DB)(nil)
)

// Options are the settings of the pool. The zero value of a field means its
// default.
type Options struct {
	URL            string                  // postgres://user:password@host:port/database?sslmode=…
	Name           string                  // of this process, shown in pg_stat_activity
	Kind           transcription.ActorKind // of this process, in the events that it causes; the API by default
	Quota          transcription.Quota     // the same for all processes
	Ring           *seal.Keyring           // of texts that are encrypted; without it these can be neither read nor written
	Tell           func(id uuid.UUID)      // is called behind every change of a transcription that its followers want to know of; it must not wait
	MaxConns       int                     // default 10, at least 3
	ConnectTimeout time.Duration           // of one connection, default 5 s
	IdleTimeout    time.Duration           // after which an unused connection is closed, default 5 min
	Lifetime       time.Duration           // after which any connection is replaced, default 1 h
	Statement      time.Duration           // that one statement may take; 0: any
	Lock           time.Duration           // that it may wait for a lock of somebody else's; 0: any
	SearchTimeout  time.Duration           // of one search in texts, default 10 s
}

// Open returns the database at o.URL. It does not connect yet, so it fails only
// when the URL is not understood (Invalid); call Check to learn whether the server
// answers.
func Open(o Options) (*DB, error) {
	cfg, err := pgx.ParseConfig(o.URL)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "The database URL is not understood. Write postgres://user:password@host:port/database.")
	}
	cfg.ConnectTimeout = or(o.ConnectTimeout, 5*time.Second)
	cfg.RuntimeParams["timezone"] = "UTC"
	cfg.RuntimeParams["application_name"] = or(o.Name, "turboscribe")
	for name, limit := range map[string]time.Duration{"statement_timeout": o.Statement, "lock_timeout": o.Lock} {
		if limit > 0 {
			cfg.RuntimeParams[name] = strconv.FormatInt(max(limit.Milliseconds(), 1), 10)
		}
	}
	pool := stdlib.OpenDB(*cfg)
	conns := max(or(o.MaxConns, 10), minConns)
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	pool.SetConnMaxIdleTime(or(o.IdleTimeout, 5*time.Minute))
	pool.SetConnMaxLifetime(or(o.Lifetime, time.Hour))
	addr := fmt.Sprintf("%s:%d/%s as %s", cfg.Host, cfg.Port, cfg.Database, cfg.User)
	self := transcription.Actor{Kind: or(o.Kind, transcription.ByAPI), Name: o.Name}
	db := &DB{bun: bun.NewDB(pool, pgdialect.New()), addr: addr, self: self, quota: o.Quota, ring: o.Ring, tell: o.Tell, measuring: make(chan struct{}, 1), searchTimeout: or(o.SearchTimeout, 10*time.Second)}
	if db.tell == nil {
		db.tell = func(uuid.UUID) {}
	}
	return db, nil
}

func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// Close closes all connections. It waits for queries that have begun.
func (db *DB) Close() error {
	return wrap(db.bun.Close(), "close the database")
}

// Check returns nil when the server answers and is new enough. Unavailable: it
// does not answer. Unsupported: it is too old.
func (db *DB) Check(ctx context.Context) error {
	var number int
	var name string
	err := db.bun.NewRaw("SELECT current_setting('server_version_num')::int, current_setting('server_version')").Scan(ctx, &number, &name)
	if err != nil {
		return wrap(err, "connect to PostgreSQL at %s", db.addr)
	}
	if number < minVersion {
		return fault.New(fault.Unsupported, "PostgreSQL at %s is version %s; version 14 or later is needed.", db.addr, name)
	}
	return nil
}

// maxTries bounds how often a transaction is begun again that the server ended to
// resolve a deadlock or a serialization conflict.
const maxTries = 5

// inTx runs fn in a transaction. Fn may run several times. Once it is committed, what
// fn has passed to changed is told.
func (db *DB) inTx(ctx context.Context, fn func(ctx context.Context, tx bun.Tx) error) error {
	var err error
	for range maxTries {
		ids := map[uuid.UUID]bool{}
		if err = db.bun.RunInTx(context.WithValue(ctx, changedKey{}, ids), &sql.TxOptions{}, fn); err == nil {
			for id := range ids {
				db.tell(id)
			}
			return nil
		}
		if !transient(err) {
			return err
		}
	}
	return err
}

// changedKey is where a transaction keeps the transcriptions that it has changed.
type changedKey struct{}

// changed has those who follow a transcription told of what this transaction does to
// it. They are told nothing before it is committed: they would look, and find nothing.
func changed(ctx context.Context, id uuid.UUID) {
	if ids, ok := ctx.Value(changedKey{}).(map[uuid.UUID]bool); ok {
		ids[id] = true
	}
}

// inHaste is inTx for what would be found and done again, should the server of the
// database crash and forget its last moments. Neither the commit nor those who wait for
// its locks wait for a disk. What is forgotten is always the last, so nothing that was
// committed by inTx afterwards can be without it.
func (db *DB) inHaste(ctx context.Context, fn func(ctx context.Context, tx bun.Tx) error) error {
	return db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.ExecContext(ctx, "SET LOCAL synchronous_commit = off"); err != nil {
			return err
		}
		return fn(ctx, tx)
	})
}

// hasty is a condition that makes a statement's own transaction one in haste.
const hasty = "set_config('synchronous_commit', 'off', true) = 'off'"

// inSnapshot runs fn, which only reads, in a transaction: all it reads is of one
// moment. Between two statements of their own a transcription may be completed, and
// its chunks be empty.
func (db *DB) inSnapshot(ctx context.Context, fn func(ctx context.Context, tx bun.Tx) error) error {
	return db.bun.RunInTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}, fn)
}

// affected returns how many rows a statement has changed.
func affected(res sql.Result, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	return int(n), err
}
