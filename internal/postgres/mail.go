package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/auth"
)

type mailRow struct {
	bun.BaseModel `bun:"table:mails,alias:m"`

	ID        uuid.UUID `bun:",pk"`
	Kind      auth.MailKind
	Recipient string
	UserID    uuid.NullUUID `bun:"type:uuid"`
	CreatedAt time.Time
	NextAt    time.Time
	Attempts  int
}

func (r *mailRow) domain() *auth.Mail {
	return &auth.Mail{ID: r.ID, Kind: r.Kind, To: r.Recipient, UserID: r.UserID.UUID, CreatedAt: r.CreatedAt.UTC(), Attempts: r.Attempts}
}

// QueueMail inserts m, unless one of the kind waits for that address already or
// auth.MailsPerHour were queued in the hour before. It does the same work whoever has the
// address.
func (db *DB) QueueMail(ctx context.Context, m auth.Mail) error {
	_, err := db.bun.NewRaw(`INSERT INTO mails (id, kind, recipient, user_id, created_at, next_at)
		SELECT ?, ?, ?, ?::uuid, ?::timestamptz, ?::timestamptz
		WHERE (SELECT count(*) FROM mails WHERE recipient = ? AND kind = ? AND created_at > ?) < ?
		ON CONFLICT DO NOTHING`,
		m.ID, m.Kind, m.To, optional(m.UserID), m.CreatedAt, m.CreatedAt,
		m.To, m.Kind, m.CreatedAt.Add(-time.Hour), auth.MailsPerHour).Exec(ctx)
	return wrap(err, "queue mail %s", m.ID)
}

// ClaimMail returns a mail that is due, and has it due again at the time that again
// returns for its attempts. NotFound: none is.
func (db *DB) ClaimMail(ctx context.Context, now time.Time, again func(attempts int) time.Time) (*auth.Mail, error) {
	row := new(mailRow)
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		err := tx.NewSelect().Model(row).Where("m.finished_at IS NULL").Where("m.next_at <= ?", now).
			Order("m.next_at", "m.id").Limit(1).For("UPDATE SKIP LOCKED").Scan(ctx)
		if err != nil {
			return err
		}
		row.NextAt = again(row.Attempts)
		row.Attempts++
		_, err = tx.NewUpdate().Model(row).Column("next_at", "attempts").WherePK().Exec(ctx)
		return err
	})
	if err != nil {
		return nil, wrap(none(err, "No mail is due."), "claim a mail")
	}
	return row.domain(), nil
}

// FinishMail has a mail not sent any more, and forgets those of an hour before.
func (db *DB) FinishMail(ctx context.Context, id uuid.UUID, at time.Time) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewUpdate().Model((*mailRow)(nil)).Set("finished_at = ?", at).Where("id = ?", id).Exec(ctx); err != nil {
			return err
		}
		_, err := tx.NewDelete().Model((*mailRow)(nil)).Where("finished_at IS NOT NULL").Where("created_at < ?", at.Add(-time.Hour)).Exec(ctx)
		return err
	})
	return wrap(err, "finish mail %s", id)
}
