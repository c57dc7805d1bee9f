package postgres

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/privacy"
)

var _ privacy.Store = (*DB)(nil)

// searchAgain is how long after something was found it is looked for the next time.
const searchAgain = 10 * time.Second

type receiptRow struct {
	bun.BaseModel `bun:"table:receipts,alias:r"`

	ID         uuid.UUID      `bun:",pk"`
	DeletedAt  time.Time      `bun:",nullzero,default:clock_timestamp()"`
	Counts     map[string]int `bun:"type:jsonb"`
	OwnerID    uuid.NullUUID  `bun:"type:uuid"`
	VerifiedAt time.Time      `bun:",nullzero"`
}

func (r *receiptRow) domain() *privacy.Receipt {
	return &privacy.Receipt{ID: r.ID, DeletedAt: r.DeletedAt.UTC(), Counts: r.Counts, VerifiedAt: utc(r.VerifiedAt)}
}

// belongings counts what is deleted with an account.
const belongings = `SELECT jsonb_build_object(
		'transcriptions', (SELECT count(*) FROM transcriptions WHERE owner_id = ?0),
		'recordings', (SELECT count(*) FROM files WHERE owner_id = ?0),
		'revisions', (SELECT count(*) FROM revisions WHERE transcription_id IN (SELECT id FROM transcriptions WHERE owner_id = ?0)),
		'events', (SELECT count(*) FROM events WHERE transcription_id IN (SELECT id FROM transcriptions WHERE owner_id = ?0)),
		'links', (SELECT count(*) FROM links WHERE transcription_id IN (SELECT id FROM transcriptions WHERE owner_id = ?0)),
		'batches', (SELECT count(*) FROM batches WHERE owner_id = ?0),
		'shares', (SELECT count(*) FROM shares AS s WHERE owner_id = ?0 OR email = (SELECT lower(email) FROM users WHERE id = ?0)),
		'folders', (SELECT count(*) FROM folders WHERE owner_id = ?0),
		'webhooks', (SELECT count(*) FROM webhooks WHERE owner_id = ?0),
		'deliveries', (SELECT count(*) FROM deliveries WHERE owner_id = ?0),
		'sessions', (SELECT count(DISTINCT family_id) FROM sessions WHERE user_id = ?0),
		'apiKeys', (SELECT count(*) FROM api_keys WHERE user_id = ?0))`

// DeleteAccount removes an account with everything that is its owner's, takes it out of
// the audit log, adds e to that, and writes the receipt. NotFound: there is no such
// account. Conflict last_admin: nobody would be left to administer the installation.
//
// The lock comes first: whatever would be new of the account refers to its row, and
// waits to be told that there is none.
func (db *DB) DeleteAccount(ctx context.Context, user, receipt uuid.UUID, e auth.Entry) (*privacy.Receipt, error) {
	row := &receiptRow{ID: receipt, OwnerID: optional(user)}
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.ExecContext(ctx, "SET LOCAL statement_timeout = 0"); err != nil { // an account may have any number of rows
			return err
		}
		var there bool
		if err := tx.NewRaw("SELECT true FROM users WHERE id = ? FOR UPDATE", user).Scan(ctx, &there); err != nil {
			return none(err, "There is no such account.")
		}
		var err error
		if row.Counts, err = countBelongings(ctx, tx, user); err != nil {
			return err
		}
		if err := deleteBelongings(ctx, tx, user); err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model((*userRow)(nil)).Where("id = ?", user).Exec(ctx); err != nil {
			return err
		}
		if err := disown(ctx, tx, user); err != nil {
			return err
		}
		if _, err := tx.NewInsert().Model(row).Returning("deleted_at").Exec(ctx); err != nil {
			return err
		}
		return audit(ctx, tx, e)
	})
	if err != nil {
		return nil, wrap(err, "delete account %s", user)
	}
	return row.domain(), nil
}

func countBelongings(ctx context.Context, tx bun.Tx, user uuid.UUID) (counts map[string]int, err error) {
	var text []byte
	if err := tx.NewRaw(belongings, user).Scan(ctx, &text); err != nil {
		return nil, err
	}
	return counts, json.Unmarshal(text, &counts)
}

// deleteBelongings removes what the constraints do not remove with the user: recordings,
// of which objects are left, and what is kept of people without a reference to them.
func deleteBelongings(ctx context.Context, tx bun.Tx, user uuid.UUID) error {
	if _, err := tx.NewRaw("DELETE FROM exports WHERE owner_id = ?", user).Exec(ctx); err != nil {
		return err // below whose prefix all is looked for
	}
	var transcriptions []uuid.UUID
	if err := tx.NewRaw("DELETE FROM transcriptions WHERE owner_id = ? RETURNING id", user).Scan(ctx, &transcriptions); err != nil {
		return err
	}
	for _, id := range transcriptions {
		changed(ctx, id)
	}
	if err := takeOut(ctx, tx, transcriptions...); err != nil {
		return err
	}
	for _, statement := range []string{
		"DELETE FROM files WHERE owner_id = ?0",
		"DELETE FROM batches WHERE owner_id = ?0",
		"DELETE FROM garbage WHERE starts_with(prefix, 'u/' || ?0::text || '/')", // all below u/<owner>/ is looked for
		`UPDATE audit SET user_id = nullif(user_id, ?0), subject_id = nullif(subject_id, ?0), ip = '', request_id = '', details = details - 'prefix'
			WHERE user_id = ?0 OR subject_id = ?0 AND user_id IS NULL`,
		"DELETE FROM shares WHERE email IN (SELECT lower(email) FROM users WHERE id = ?0)", // whether or not it was proved
		"DELETE FROM mails WHERE recipient IN (SELECT email FROM users WHERE id = ?0)",     // anybody may have asked for them
		"UPDATE queue_pauses SET paused_by = ?1 WHERE paused_by = ?0",
		"UPDATE queue_events SET who = ?1 WHERE who = ?0",
	} {
		if _, err := tx.NewRaw(statement, user, uuid.Nil).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// disown takes somebody whose row is gone out of what they have done to texts of others.
func disown(ctx context.Context, tx bun.Tx, user uuid.UUID) error {
	for _, statement := range []string{
		"UPDATE events SET who = '' WHERE type = 'edited' AND actor = 'user' AND who = ?",
		"UPDATE revisions SET who = '' WHERE actor = 'user' AND who = ?",
	} {
		if _, err := tx.NewRaw(statement, user.String()).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Receipt returns a receipt. NotFound: there is none of that id.
func (db *DB) Receipt(ctx context.Context, id uuid.UUID) (*privacy.Receipt, error) {
	row := new(receiptRow)
	if err := db.bun.NewSelect().Model(row).Where("r.id = ?", id).Scan(ctx); err != nil {
		return nil, wrap(none(err, "There is no receipt of that id."), "read a receipt")
	}
	return row.domain(), nil
}

// Departures returns at most limit deleted accounts that are to be looked for now. One
// that is there, whatever has come into the table, is never among them.
func (db *DB) Departures(ctx context.Context, limit int) (found []privacy.Departure, err error) {
	err = db.bun.NewRaw(`SELECT r.id AS receipt, r.owner_id AS owner, r.deleted_at + make_interval(secs => ?) < now() AS settled
		FROM receipts AS r WHERE r.owner_id IS NOT NULL AND r.next_at <= now() AND NOT EXISTS (SELECT FROM users WHERE id = r.owner_id)
		ORDER BY r.next_at, r.id LIMIT ?`, straggler.Seconds(), limit).Scan(ctx, &found)
	return found, wrap(err, "find deleted accounts")
}

// Searched records that an account was looked for: something was left, or it is not
// settled yet and is looked for again, or the receipt is verified and the id of the
// account forgotten.
func (db *DB) Searched(ctx context.Context, d privacy.Departure, left bool) error {
	q := db.bun.NewUpdate().Model((*receiptRow)(nil)).Where("id = ?", d.Receipt).Where("owner_id IS NOT NULL")
	switch {
	case left:
		q = q.Set("next_at = now() + make_interval(secs => ?)", searchAgain.Seconds())
	case !d.Settled:
		q = q.Set("next_at = greatest(now(), deleted_at + make_interval(secs => ?))", straggler.Seconds())
	default:
		q = q.Set("owner_id = NULL").Set("verified_at = clock_timestamp()")
	}
	_, err := q.Exec(ctx)
	return wrap(err, "record the search of receipt %s", d.Receipt)
}

// Gone returns which of the ids are of no transcription and no delivery.
func (db *DB) Gone(ctx context.Context, ids []uuid.UUID) (gone []uuid.UUID, err error) {
	err = db.bun.NewRaw(`SELECT x.id FROM unnest(?::uuid[]) AS x (id)
		WHERE NOT EXISTS (SELECT FROM transcriptions WHERE id = x.id) AND NOT EXISTS (SELECT FROM deliveries WHERE id = x.id)`,
		pgdialect.Array(ids)).Scan(ctx, &gone)
	return gone, wrap(err, "find what is gone")
}
