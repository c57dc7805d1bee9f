package postgres

import (
	"context"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
)

// Admit returns nil when there is a place in the queue for one more of the owner's.
// RateLimited too_many_queued: not of theirs. Unavailable queue_full: not of anybody's.
func (db *DB) Admit(ctx context.Context, owner uuid.UUID) error {
	queued, err := db.queued(ctx, db.bun, owner)
	if err != nil {
		return wrap(err, "count what %s has in the queue", owner)
	}
	var backlog int
	if db.quota.Backlog > 0 {
		err = db.bun.NewRaw("SELECT count(*) FROM (SELECT FROM steps WHERE kind = 'prepare' AND state = 'waiting' LIMIT ?) AS q", db.quota.Backlog).Scan(ctx, &backlog)
		if err != nil {
			return wrap(err, "count what waits")
		}
	}
	return db.quota.Admit(queued, backlog)
}

// place is the part of Admit that holds until the transaction ends: uploads of the same
// owner come one by one.
func (db *DB) place(ctx context.Context, tx bun.Tx, owner uuid.UUID) error {
	if db.quota.Queued == 0 {
		return nil
	}
	if _, err := tx.ExecContext(ctx, "SELECT FROM users WHERE id = ? FOR NO KEY UPDATE", owner); err != nil {
		return err
	}
	queued, err := db.queued(ctx, tx, owner)
	if err != nil {
		return err
	}
	return db.quota.Admit(queued, 0)
}

// queued returns how many transcriptions of the owner wait to be begun.
func (db *DB) queued(ctx context.Context, idb bun.IDB, owner uuid.UUID) (n int, err error) {
	if db.quota.Queued == 0 {
		return 0, nil
	}
	err = idb.NewRaw("SELECT count(*) FROM transcriptions WHERE owner_id = ? AND status = 'queued'", owner).Scan(ctx, &n)
	return n, err
}
