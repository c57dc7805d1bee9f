package postgres

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

type zipRow struct {
	bun.BaseModel `bun:"table:exports,alias:x"`

	ID             uuid.UUID `bun:",pk"`
	OwnerID        uuid.UUID
	State          transcription.ZipState
	Format         string
	Layout         string
	IDs            []uuid.UUID `bun:"ids,array"`
	Total          int         `bun:",scanonly"` // of the ids, where these are not read
	Done           int
	Size           int64
	Key            string
	Sealed         []byte `bun:",scanonly"`
	SealedBy       string `bun:",scanonly"`
	FailureCode    string
	FailureMessage string

	Attempts   int           `bun:",scanonly"`
	NextAt     time.Time     `bun:",scanonly"`
	LeaseToken uuid.NullUUID `bun:",scanonly"`
	LeaseUntil time.Time     `bun:",scanonly"`

	CreatedAt   time.Time `bun:",nullzero,default:clock_timestamp()"`
	CompletedAt time.Time `bun:",nullzero"`
	ExpiresAt   time.Time `bun:",nullzero"`
}

func (r *zipRow) domain() transcription.Zip {
	layout, _ := url.ParseQuery(r.Layout) // as Encode has written it
	z := transcription.Zip{
		ID: r.ID, OwnerID: r.OwnerID, State: r.State, Format: r.Format, Layout: layout, IDs: r.IDs, Total: max(r.Total, len(r.IDs)), Done: r.Done, Size: r.Size, Key: r.Key,
		CreatedAt: r.CreatedAt.UTC(), CompletedAt: utc(r.CompletedAt), ExpiresAt: utc(r.ExpiresAt),
	}
	if r.State == transcription.ZipFailed {
		z.Failure = &transcription.Failure{Code: r.FailureCode, Message: r.FailureMessage}
	}
	return z
}

// zipKept is how long the row of a zip is kept, whatever has become of it.
const zipKept = 7 * 24 * time.Hour

// CreateZip inserts a zip and sets its time. Conflict too_many_exports: others of its owner are
// on their way.
func (db *DB) CreateZip(ctx context.Context, z *transcription.Zip) error {
	row := &zipRow{ID: z.ID, OwnerID: z.OwnerID, State: transcription.ZipWaiting, Format: z.Format, Layout: z.Layout.Encode(), IDs: z.IDs}
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := lockOwner(ctx, tx, z.OwnerID); err != nil {
			return err
		}
		n, err := tx.NewSelect().Model((*zipRow)(nil)).Where("x.owner_id = ?", z.OwnerID).Where("x.state IN ('waiting', 'running')").Count(ctx)
		if err != nil {
			return err
		}
		if n >= transcription.MaxZips {
			return transcription.TooManyZips()
		}
		return ofOwner(tx.NewInsert().Model(row).Returning("created_at").Scan(ctx))
	})
	z.CreatedAt = row.CreatedAt.UTC()
	return wrap(err, "create export %s", z.ID)
}

// counted has zips read with how many ids they have, in the place of these: up to a hundred
// thousand, whenever somebody looks how far one is.
func counted(q *bun.SelectQuery) *bun.SelectQuery {
	return q.ExcludeColumn("ids").ColumnExpr("cardinality(x.ids) AS total")
}

// Zips returns a page of the owner's, newest first, behind the one of that id.
func (db *DB) Zips(ctx context.Context, owner, before uuid.UUID, limit int) ([]transcription.Zip, error) {
	var rows []zipRow
	q := counted(db.bun.NewSelect().Model(&rows)).Where("x.owner_id = ?", owner).Order("x.id DESC").Limit(int64(min(max(limit, 1), transcription.MaxPage)))
	if before != uuid.Nil {
		q = q.Where("x.id < ?", before)
	}
	err := q.Scan(ctx)
	return each(rows, func(r zipRow) transcription.Zip { return r.domain() }), wrap(err, "list exports")
}

// Zip returns one. NotFound: there is none of that id, or it belongs to somebody else.
func (db *DB) Zip(ctx context.Context, owner, id uuid.UUID) (*transcription.Zip, error) {
	row := new(zipRow)
	err := counted(db.bun.NewSelect().Model(row)).Where("x.id = ?", id).Where("x.owner_id = ?", owner).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		err = transcription.NoZip(id)
	}
	z := row.domain()
	return &z, wrap(err, "read export %s", id)
}

// CancelZip ends one that is on its way; whoever writes it has every later write refused. NotFound:
// there is none of that id, or it belongs to somebody else.
func (db *DB) CancelZip(ctx context.Context, owner, id uuid.UUID) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		state, err := lockZip(ctx, tx, owner, id)
		if err != nil || state != transcription.ZipWaiting && state != transcription.ZipRunning {
			return err
		}
		if _, err := unlease(tx.NewUpdate().Model((*zipRow)(nil)).Set("state = ?", transcription.ZipCanceled)).Where("x.id = ?", id).Exec(ctx); err != nil {
			return err
		}
		return discard(ctx, tx, transcription.Prefix(owner, id))
	})
	return wrap(err, "cancel export %s", id)
}

// DeleteZip removes one, whatever it is doing, and leaves its file to be collected. NotFound: there
// is none of that id, or it belongs to somebody else.
func (db *DB) DeleteZip(ctx context.Context, owner, id uuid.UUID) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := lockZip(ctx, tx, owner, id); err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model((*zipRow)(nil)).Where("id = ?", id).Exec(ctx); err != nil {
			return err
		}
		return discard(ctx, tx, transcription.Prefix(owner, id))
	})
	return wrap(err, "delete export %s", id)
}

func lockZip(ctx context.Context, tx bun.Tx, owner, id uuid.UUID) (state transcription.ZipState, err error) {
	err = tx.NewRaw("SELECT state FROM exports WHERE id = ? AND owner_id = ? FOR UPDATE", id, owner).Scan(ctx, &state)
	if errors.Is(err, sql.ErrNoRows) {
		err = transcription.NoZip(id)
	}
	return state, err
}

// claimZip leases what waits longest, of whom the fewest are being written: who has ordered five
// of everything they have keeps nobody waiting for the last. One whose lease has run out after the last attempt is
// what giveUpZips is for.
const claimZip = `UPDATE exports AS x SET state = 'running', attempts = attempts + 1, done = 0,
		lease_token = gen_random_uuid(), lease_until = clock_timestamp() + make_interval(secs => ?0)
	WHERE id = (SELECT w.id FROM exports AS w
		WHERE (w.state = 'waiting' AND w.next_at <= now() OR w.state = 'running' AND w.lease_until < now()) AND w.attempts < ?1
		ORDER BY (SELECT count(*) FROM exports AS r WHERE r.owner_id = w.owner_id AND r.state = 'running' AND r.lease_until >= now()), w.next_at, w.id
		LIMIT 1 FOR UPDATE OF w SKIP LOCKED)
	RETURNING *`

// giveUpZips ends those in whose last attempt their writer has died.
const giveUpZips = `UPDATE exports SET state = 'failed', failure_code = 'gave_up', lease_token = NULL, lease_until = NULL,
		failure_message = 'This did not work after several attempts, in the last of which the server died. Please tell your administrator.'
	WHERE state IN ('waiting', 'running') AND attempts >= ?0 AND coalesce(lease_until, next_at) < now()`

// ClaimZip leases a zip that waits or whose lease has run out, and counts the attempt. Its
// objects are garbage from then on, with a date behind which nobody reads them. NotFound: there is none.
func (db *DB) ClaimZip(ctx context.Context, lease time.Duration) (l *transcription.ZipLease, err error) {
	err = db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewRaw(giveUpZips, transcription.ZipTries).Exec(ctx); err != nil {
			return err
		}
		if _, err := tx.NewRaw("DELETE FROM exports WHERE created_at < now() - make_interval(secs => ?)", zipKept.Seconds()).Exec(ctx); err != nil {
			return err
		}
		row := new(zipRow)
		l = nil
		err := tx.NewRaw(claimZip, lease.Seconds(), transcription.ZipTries).Scan(ctx, row)
		if errors.Is(err, sql.ErrNoRows) {
			return nil // what was given up stays so
		}
		if err != nil {
			return err
		}
		l = &transcription.ZipLease{Zip: row.domain(), Token: row.LeaseToken.UUID, Attempt: row.Attempts}
		_, err = tx.NewRaw(`INSERT INTO garbage (prefix, due_at) VALUES (?, now() + make_interval(secs => ?))
			ON CONFLICT (prefix) DO UPDATE SET recorded_at = now(), due_at = excluded.due_at`,
			transcription.Prefix(row.OwnerID, row.ID), zipKept.Seconds()).Exec(ctx)
		return err
	})
	if err == nil && l == nil {
		err = fault.New(fault.NotFound, "There is no export to be written.")
	}
	return l, wrap(err, "claim an export")
}

// heldZip changes the zip of a lease. Conflict: the lease is lost.
func heldZip(ctx context.Context, q *bun.UpdateQuery, l transcription.ZipLease) error {
	n, err := affected(q.Where("x.id = ?", l.Zip.ID).Where("x.state = ?", transcription.ZipRunning).Where("x.lease_token = ?", l.Token).Exec(ctx))
	if err == nil && n == 0 {
		err = fault.New(fault.Conflict, "The lease on export %s is lost.", l.Zip.ID)
	}
	return err
}

// RenewZip extends a lease and records how much is done. Conflict: it is lost.
func (db *DB) RenewZip(ctx context.Context, l transcription.ZipLease, done int, lease time.Duration) error {
	q := db.bun.NewUpdate().Model((*zipRow)(nil)).Set("done = ?", done).Set("lease_until = clock_timestamp() + make_interval(secs => ?)", lease.Seconds())
	return wrap(heldZip(ctx, q, l), "renew export %s", l.Zip.ID)
}

// ReleaseZip has a zip tried again after the delay. Conflict: the lease is lost.
func (db *DB) ReleaseZip(ctx context.Context, l transcription.ZipLease, after time.Duration) error {
	q := unlease(db.bun.NewUpdate().Model((*zipRow)(nil)).Set("state = ?", transcription.ZipWaiting)).
		Set("next_at = clock_timestamp() + make_interval(secs => ?)", after.Seconds())
	return wrap(heldZip(ctx, q, l), "release export %s", l.Zip.ID)
}

// FinishZip completes a zip, whose file is kept for a day. Conflict: the lease is lost.
func (db *DB) FinishZip(ctx context.Context, l transcription.ZipLease, key string, s transcription.Stored) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		q := unlease(tx.NewUpdate().Model((*zipRow)(nil)).Set("state = ?", transcription.ZipCompleted)).
			Set("done = cardinality(ids)").Set("key = ?", key).Set("size = ?", s.Size).Set("sealed = ?", s.Seal.Key).Set("sealed_by = ?", s.Seal.By).
			Set("completed_at = now()").Set("expires_at = now() + make_interval(secs => ?)", transcription.ZipKept.Seconds())
		if err := heldZip(ctx, q, l); err != nil {
			return err
		}
		_, err := tx.NewRaw("UPDATE garbage SET due_at = now() + make_interval(secs => ?) WHERE prefix = ?",
			transcription.ZipKept.Seconds(), transcription.Prefix(l.Zip.OwnerID, l.Zip.ID)).Exec(ctx)
		return err
	})
	return wrap(err, "finish export %s", l.Zip.ID)
}

// FailZip ends a zip. Conflict: the lease is lost.
func (db *DB) FailZip(ctx context.Context, l transcription.ZipLease, f transcription.Failure) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		q := unlease(tx.NewUpdate().Model((*zipRow)(nil)).Set("state = ?", transcription.ZipFailed)).
			Set("failure_code = ?", or(f.Code, string(fault.Internal))).Set("failure_message = ?", clean(f.Message))
		if err := heldZip(ctx, q, l); err != nil {
			return err
		}
		return discard(ctx, tx, transcription.Prefix(l.Zip.OwnerID, l.Zip.ID))
	})
	return wrap(err, "fail export %s", l.Zip.ID)
}
