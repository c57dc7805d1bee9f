package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

type linkRow struct {
	bun.BaseModel `bun:"table:links,alias:l"`

	ID              uuid.UUID `bun:",pk"`
	TranscriptionID uuid.UUID
	Hash            []byte
	Label           string
	Access          transcription.Access
	PasswordHash    string
	CreatedAt       time.Time `bun:",nullzero,default:clock_timestamp()"`
	ExpiresAt       time.Time `bun:",nullzero"`
	Uses            int64
	UsedAt          time.Time `bun:",nullzero"`
}

func (r linkRow) domain() transcription.Link {
	return transcription.Link{
		ID: r.ID, TranscriptionID: r.TranscriptionID, Hash: auth.TokenHash(r.Hash), Label: r.Label, Access: r.Access, PasswordHash: r.PasswordHash,
		CreatedAt: r.CreatedAt.UTC(), ExpiresAt: utc(r.ExpiresAt), Uses: r.Uses, UsedAt: utc(r.UsedAt),
	}
}

// lockOwn locks the rights to what is the owner's, and looks for a transcription of theirs.
func lockOwn(ctx context.Context, tx bun.Tx, owner, id uuid.UUID) error {
	if err := lockOwner(ctx, tx, owner); err != nil {
		return err
	}
	err := tx.NewRaw("SELECT true FROM transcriptions WHERE id = ? AND owner_id = ? FOR KEY SHARE", id, owner).Scan(ctx, new(bool))
	return none(err, "There is no transcription %s.", id)
}

// CreateLink inserts a link to a transcription of the owner's, which the audit log tells, and sets its time. NotFound:
// there is no such transcription. Conflict too_many_links.
func (db *DB) CreateLink(ctx context.Context, owner uuid.UUID, l *transcription.Link) error {
	row := &linkRow{
		ID: l.ID, TranscriptionID: l.TranscriptionID, Hash: l.Hash[:], Label: clean(l.Label), Access: l.Access, PasswordHash: l.PasswordHash, ExpiresAt: l.ExpiresAt,
	}
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := lockOwn(ctx, tx, owner, l.TranscriptionID); err != nil {
			return err
		}
		n, err := tx.NewSelect().Model((*linkRow)(nil)).Where("l.transcription_id = ?", l.TranscriptionID).Count(ctx)
		if err == nil && n >= transcription.MaxLinks {
			err = transcription.TooManyLinks()
		}
		if err != nil {
			return err
		}
		if err := tx.NewInsert().Model(row).Returning("created_at").Scan(ctx); err != nil {
			return err
		}
		return auditRequest(ctx, tx, auth.Entry{Action: auth.LinkCreated, UserID: owner, Details: map[string]any{"access": l.Access}})
	})
	l.CreatedAt = row.CreatedAt.UTC()
	return wrap(err, "create link %s", l.ID)
}

// Links returns the links to a transcription of the owner's, newest first. NotFound: there is
// no such transcription.
func (db *DB) Links(ctx context.Context, owner, id uuid.UUID) ([]transcription.Link, error) {
	err := db.bun.NewRaw("SELECT true FROM transcriptions WHERE id = ? AND owner_id = ?", id, owner).Scan(ctx, new(bool))
	if err != nil {
		return nil, wrap(none(err, "There is no transcription %s.", id), "list the links to %s", id)
	}
	var rows []linkRow
	err = db.bun.NewSelect().Model(&rows).Where("l.transcription_id = ?", id).Order("l.id DESC").Limit(transcription.MaxLinks).Scan(ctx)
	return each(rows, linkRow.domain), wrap(err, "list the links to %s", id)
}

// DeleteLink deletes a link to a transcription of the owner's, which the audit log tells. NotFound: there is none.
func (db *DB) DeleteLink(ctx context.Context, owner, id, link uuid.UUID) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := lockOwn(ctx, tx, owner, id); err != nil {
			return err
		}
		n, err := affected(tx.NewDelete().Model((*linkRow)(nil)).Where("id = ?", link).Where("transcription_id = ?", id).Exec(ctx))
		if err == nil && n == 0 {
			err = fault.New(fault.NotFound, "There is no link %s.", link)
		}
		if err != nil {
			return err
		}
		return auditRequest(ctx, tx, auth.Entry{Action: auth.LinkRevoked, UserID: owner})
	})
	return wrap(err, "delete link %s", link)
}

// LinkByHash returns a link that has not expired. NotFound: there is none, or its owner was
// disabled.
func (db *DB) LinkByHash(ctx context.Context, hash auth.TokenHash) (*transcription.Link, error) {
	row := new(linkRow)
	err := db.bun.NewSelect().Model(row).Join("JOIN transcriptions AS t ON t.id = l.transcription_id").Join("JOIN users AS u ON u.id = t.owner_id").
		Where("l.hash = ?", hash[:]).Where("l.expires_at IS NULL OR l.expires_at > now()").Where("u.disabled_at IS NULL").Scan(ctx)
	if err != nil {
		return nil, wrap(none(err, "There is no such link."), "read a link")
	}
	l := row.domain()
	return &l, nil
}

// UseLink counts one use of a link.
func (db *DB) UseLink(ctx context.Context, id uuid.UUID) error {
	_, err := db.bun.NewRaw("UPDATE links SET uses = uses + 1, used_at = now() WHERE id = ? AND "+hasty, id).Exec(ctx)
	return wrap(err, "record the use of link %s", id)
}
