package postgres

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// Admit returns nil when the owner may begin one more recording, of so many bytes at
// least; else what Quota.Admit says.
func (db *DB) Admit(ctx context.Context, owner uuid.UUID, bytes int64) error {
	q, u, err := db.used(ctx, db.bun, owner)
	if err != nil {
		return wrap(err, "count what %s has", owner)
	}
	if q.Backlog > 0 {
		err = db.bun.NewRaw("SELECT count(*) FROM (SELECT FROM steps WHERE kind = 'prepare' AND state = 'waiting' LIMIT ?) AS q", q.Backlog).Scan(ctx, &u.Backlog)
		if err != nil {
			return wrap(err, "count what waits")
		}
	}
	return q.Admit(u, bytes)
}

// place is the part of Admit that holds until the transaction ends: uploads of the same
// owner come one by one. Bytes are those that are to be stored.
func (db *DB) place(ctx context.Context, tx bun.Tx, owner uuid.UUID, bytes int64) error {
	if err := lockOwner(ctx, tx, owner); err != nil {
		return err
	}
	q, u, err := db.used(ctx, tx, owner)
	if err != nil {
		return err
	}
	return q.Admit(u, bytes)
}

// lockOwner orders all who take something of an owner's quota, or a right to what is the
// owner's from others: these do not edit it meanwhile, see lockToEdit. A transcription is locked
// behind its owner, so that two methods cannot wait for each other.
func lockOwner(ctx context.Context, tx bun.Tx, owner uuid.UUID) error {
	_, err := tx.ExecContext(ctx, "SELECT FROM users WHERE id = ? FOR NO KEY UPDATE", owner)
	return err
}

// quotaOf returns what an owner may have: what an administrator has given them, else what
// everybody may.
func (db *DB) quotaOf(ctx context.Context, idb bun.IDB, owner uuid.UUID) (transcription.Quota, error) {
	q := db.quota
	var minutes int64
	err := idb.NewRaw("SELECT coalesce(quota_active, ?), coalesce(quota_bytes, ?), coalesce(quota_minutes, ?) FROM users WHERE id = ?",
		q.Active, q.Bytes, int64(q.Sound/time.Minute), owner).Scan(ctx, &q.Active, &q.Bytes, &minutes)
	q.Sound = time.Duration(minutes) * time.Minute
	if errors.Is(err, sql.ErrNoRows) {
		return db.quota, nil // whoever writes for nobody is refused by a foreign key
	}
	return q, err
}

// used returns the quota of an owner and what they have of that which it bounds.
func (db *DB) used(ctx context.Context, idb bun.IDB, owner uuid.UUID) (transcription.Quota, transcription.Usage, error) {
	q, err := db.quotaOf(ctx, idb, owner)
	if err != nil {
		return q, transcription.Usage{}, err
	}
	u, err := tally(ctx, idb, owner, q)
	return q, u, err
}

// tally counts what an owner has of that which q bounds, and nothing else: it is done
// for every upload.
func tally(ctx context.Context, idb bun.IDB, owner uuid.UUID, q transcription.Quota) (u transcription.Usage, err error) {
	var sound audio.Samples
	err = idb.NewRaw(`SELECT clock_timestamp(),
			CASE WHEN ?0 THEN (SELECT count(*) FROM transcriptions WHERE owner_id = ?4 AND status = 'queued') ELSE 0 END,
			CASE WHEN ?1 THEN (SELECT count(*) FROM transcriptions WHERE owner_id = ?4 AND status NOT IN ('completed', 'failed', 'canceled')) ELSE 0 END,
			CASE WHEN ?2 THEN (SELECT coalesce(sum(size), 0) FROM files WHERE owner_id = ?4 AND NOT gone) ELSE 0 END,
			CASE WHEN ?3 THEN (SELECT coalesce(sum(samples), 0) FROM usage WHERE owner_id = ?4 AND month = `+thisMonth+`) ELSE 0 END`,
		q.Queued > 0, q.Active > 0, q.Bytes > 0, q.Sound > 0, owner).Scan(ctx, &u.At, &u.Queued, &u.Active, &u.Bytes, &sound)
	u.At, u.Sound = u.At.UTC(), sound.Duration()
	return u, err
}

// thisMonth is the first day of the month, in UTC.
const thisMonth = "date_trunc('month', now() AT TIME ZONE 'UTC')::date"

// Usage returns what an owner has used, and the quota that holds for them.
func (db *DB) Usage(ctx context.Context, owner uuid.UUID) (transcription.Usage, transcription.Quota, error) {
	q, err := db.quotaOf(ctx, db.bun, owner)
	if err != nil {
		return transcription.Usage{}, q, wrap(err, "read the quota of %s", owner)
	}
	u, err := tally(ctx, db.bun, owner, transcription.Quota{Queued: 1, Active: 1, Bytes: 1, Sound: 1})
	return u, q, wrap(err, "count what %s has used", owner)
}

// book opens the account of a run, whose length is not known yet.
func book(ctx context.Context, tx bun.Tx, owner uuid.UUID, ref transcription.Ref) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO usage (owner_id, transcription_id, run, month, samples) VALUES (?, ?, ?, "+thisMonth+", 0)", owner, ref.ID, ref.Run)
	return err
}

// afford returns nil when the owner of a run has so much left of the month. TooLarge
// quota_minutes: they have not. It is asked before the transcription is locked, and keeps
// others of the owner from taking the same minutes until this one has booked them.
func (db *DB) afford(ctx context.Context, tx bun.Tx, ref transcription.Ref, length audio.Samples) error {
	var owner uuid.UUID
	err := tx.NewRaw("SELECT owner_id FROM transcriptions WHERE id = ? AND run = ?", ref.ID, ref.Run).Scan(ctx, &owner)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // which is told to whoever locks it
	}
	if err != nil {
		return err
	}
	q, err := db.quotaOf(ctx, tx, owner)
	if err != nil || q.Sound == 0 {
		return err
	}
	return left(ctx, tx, owner, ref, q, length)
}

// bookLength books the length of a locked run.
func bookLength(ctx context.Context, tx bun.Tx, ref transcription.Ref, length audio.Samples) error {
	_, err := tx.ExecContext(ctx, "UPDATE usage SET samples = ? WHERE transcription_id = ? AND run = ? AND NOT settled", length, ref.ID, ref.Run)
	return err
}

// left returns nil when so much is left beside what the owner's other runs have booked in
// the month of this one.
func left(ctx context.Context, tx bun.Tx, owner uuid.UUID, ref transcription.Ref, q transcription.Quota, length audio.Samples) error {
	if err := lockOwner(ctx, tx, owner); err != nil {
		return err
	}
	var u transcription.Usage
	var others audio.Samples
	err := tx.NewRaw(`SELECT clock_timestamp(), coalesce(sum(o.samples), 0) FROM usage AS mine
		LEFT JOIN usage AS o ON o.owner_id = mine.owner_id AND o.month = mine.month AND o.id <> mine.id
		WHERE mine.transcription_id = ? AND mine.run = ?`, ref.ID, ref.Run).Scan(ctx, &u.At, &others)
	if err != nil {
		return err
	}
	u.Sound = others.Duration()
	return q.Afford(u, length.Duration())
}

// settleUsage closes the account of a run that has ended or is about to be deleted: what was
// completed costs its length, what has failed nothing, all else what was done of it.
func settleUsage(ctx context.Context, tx bun.Tx, id uuid.UUID) error {
	_, err := tx.ExecContext(ctx, `UPDATE usage AS u SET settled = true,
			samples = CASE t.status WHEN 'completed' THEN t.duration_samples WHEN 'failed' THEN 0 ELSE least(t.done_samples, u.samples) END
		FROM transcriptions AS t WHERE t.id = ? AND u.transcription_id = t.id AND u.run > 0 AND NOT u.settled`, id)
	return err
}

// throwAway has the file of a transcription no longer count: its recording goes.
func throwAway(ctx context.Context, tx bun.Tx, id uuid.UUID) error {
	_, err := tx.ExecContext(ctx, "UPDATE files SET gone = true FROM transcriptions AS t WHERE t.id = ? AND files.id = t.file_id", id)
	return err
}
