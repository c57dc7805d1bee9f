package postgres

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/migrate"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// Before is the table of transitions.
var Before = before

// The keys of advisory locks.
const (
	LockClass    = lockClass
	LockDispatch = lockDispatch
	LockLead     = lockLead
)

// SQL returns the handle itself, for tests that move clocks and break rules.
func (db *DB) SQL() *bun.DB { return db.bun }

// Bound makes q the quota.
func (db *DB) Bound(q transcription.Quota) { db.quota = q }

// Rollback undoes the last migration.
func (db *DB) Rollback(ctx context.Context) error {
	return db.alone(ctx, func(m *migrate.Migrator) error {
		_, err := m.Rollback(ctx)
		return err
	})
}

// Move changes a status without the guard of a lease.
func (db *DB) Move(ctx context.Context, ref transcription.Ref, to transcription.Status) error {
	return db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		return move(ctx, tx, change{ref: ref, to: to, by: db.self})
	})
}

// MoveThen changes a status and calls then before that is committed.
func (db *DB) MoveThen(ctx context.Context, ref transcription.Ref, to transcription.Status, then func() error) error {
	return db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := move(ctx, tx, change{ref: ref, to: to, by: db.self}); err != nil {
			return err
		}
		return then()
	})
}

// Wrap is wrap.
var Wrap = wrap

// Measure lets the next estimate be made with the speed of that moment.
func (db *DB) Measure() { db.measured = measurement{} }

// KeepMeasured lets the measured speed be good for as long as a test takes.
func (db *DB) KeepMeasured() { db.measured.at = time.Now().Add(time.Hour) }

// HoldMeasuring makes everybody wait who needs the speed.
func (db *DB) HoldMeasuring() (release func()) {
	db.measuring <- struct{}{}
	return func() { <-db.measuring }
}

// InTx runs fn in a transaction.
func (db *DB) InTx(ctx context.Context, fn func() error) error {
	return db.inTx(ctx, func(context.Context, bun.Tx) error { return fn() })
}

// ListPlan returns how the ids of a page are read, those of what is looked for where it is
// looked up.
func ListPlan(t testing.TB, db *DB, who uuid.UUID, f transcription.Filter) (plan []string) {
	t.Helper()
	f.Limit = 20
	err := db.bun.RunInTx(t.Context(), nil, func(ctx context.Context, tx bun.Tx) error {
		q := tx.NewSelect().TableExpr("transcriptions AS t").Column("t.id").Order("t.created_at DESC", "t.id DESC").Limit(int64(f.Limit)).Apply(func(q *bun.SelectQuery) *bun.SelectQuery {
			return within(q, who, f)
		})
		if f.Query != "" || f.Speaker != "" {
			list := everything
			if f.Query != "" {
				read, err := readings(ctx, tx, who, f)
				if err != nil {
					return err
				}
				list = arms(read)
			}
			q = lookedUp(tx, who, f, list)
			if _, err := tx.ExecContext(ctx, "SET LOCAL jit = off; SET LOCAL enable_seqscan = off"); err != nil {
				return err
			}
		}
		return tx.NewRaw("EXPLAIN ?", q).Scan(ctx, &plan)
	})
	if err != nil {
		t.Fatal(err)
	}
	return plan
}
