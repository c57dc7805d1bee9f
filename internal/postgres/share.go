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

type shareRow struct {
	bun.BaseModel `bun:"table:shares,alias:s"`

	ID              uuid.UUID `bun:",pk"`
	OwnerID         uuid.UUID
	TranscriptionID uuid.UUID `bun:",nullzero"`
	FolderID        uuid.UUID `bun:",nullzero"`
	Email           string
	Access          transcription.Access
	CreatedAt       time.Time `bun:",nullzero,default:clock_timestamp()"`
	SharedBy        string    `bun:",scanonly"`
}

func (r shareRow) domain() transcription.Share {
	return transcription.Share{
		ID: r.ID, Target: transcription.Target{TranscriptionID: r.TranscriptionID, FolderID: r.FolderID}, Email: r.Email, Access: r.Access, By: r.SharedBy,
		CreatedAt: r.CreatedAt.UTC(),
	}
}

// of narrows a query of shares to those of one thing.
func of(q *bun.SelectQuery, t transcription.Target) *bun.SelectQuery {
	if t.FolderID != uuid.Nil {
		return q.Where("s.folder_id = ?", t.FolderID)
	}
	return q.Where("s.transcription_id = ?", t.TranscriptionID)
}

// lockTarget locks the rights to what is the owner's, and looks for one thing of theirs.
func lockTarget(ctx context.Context, tx bun.Tx, owner uuid.UUID, t transcription.Target) error {
	if t.FolderID == uuid.Nil {
		return lockOwn(ctx, tx, owner, t.TranscriptionID)
	}
	if err := lockOwner(ctx, tx, owner); err != nil {
		return err
	}
	return ownFolder(ctx, tx, owner, t.FolderID)
}

// PutShare inserts a share of something of the owner's, or changes the access of the one with
// the same address, whose ID and time s then has; the audit log tells that. NotFound: there is nothing of that id.
// Conflict too_many_shares.
func (db *DB) PutShare(ctx context.Context, owner uuid.UUID, s *transcription.Share) error {
	row := &shareRow{ID: s.ID, OwnerID: owner, TranscriptionID: s.TranscriptionID, FolderID: s.FolderID, Email: clean(s.Email), Access: s.Access}
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := lockTarget(ctx, tx, owner, s.Target); err != nil {
			return err
		}
		n, err := of(tx.NewSelect().Model((*shareRow)(nil)), s.Target).Where("s.email <> ?", row.Email).Count(ctx)
		if err == nil && n >= transcription.MaxShares {
			err = transcription.TooManyShares()
		}
		if err != nil {
			return err
		}
		key := "CONFLICT (transcription_id, email) DO UPDATE"
		if s.FolderID != uuid.Nil {
			key = "CONFLICT (folder_id, email) DO UPDATE"
		}
		if err := tx.NewInsert().Model(row).On(key).Set("access = EXCLUDED.access").Returning("id, created_at").Scan(ctx); err != nil {
			return err
		}
		return auditRequest(ctx, tx, auth.Entry{Action: auth.ShareGiven, UserID: owner, Details: map[string]any{"access": s.Access}})
	})
	s.ID, s.CreatedAt = row.ID, row.CreatedAt.UTC()
	return wrap(err, "share with somebody")
}

// Shares returns the shares of something of the owner's, by address. NotFound: there is
// nothing of that id.
func (db *DB) Shares(ctx context.Context, owner uuid.UUID, t transcription.Target) ([]transcription.Share, error) {
	query, id := "SELECT true FROM transcriptions WHERE id = ? AND owner_id = ?", t.TranscriptionID
	if t.FolderID != uuid.Nil {
		query, id = "SELECT true FROM folders WHERE id = ? AND owner_id = ?", t.FolderID
	}
	if err := db.bun.NewRaw(query, id, owner).Scan(ctx, new(bool)); err != nil {
		return nil, wrap(none(err, "There is nothing of yours of the id %s.", id), "list shares")
	}
	var rows []shareRow
	err := of(db.bun.NewSelect().Model(&rows), t).Order("s.email").Limit(transcription.MaxShares).Scan(ctx)
	return each(rows, shareRow.domain), wrap(err, "list shares")
}

// DeleteShare deletes a share of something of the owner's, which the audit log tells. NotFound: there is none.
func (db *DB) DeleteShare(ctx context.Context, owner uuid.UUID, t transcription.Target, id uuid.UUID) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := lockTarget(ctx, tx, owner, t); err != nil {
			return err
		}
		q := tx.NewDelete().Model((*shareRow)(nil)).Where("id = ?", id)
		if t.FolderID != uuid.Nil {
			q = q.Where("folder_id = ?", t.FolderID)
		} else {
			q = q.Where("transcription_id = ?", t.TranscriptionID)
		}
		n, err := affected(q.Exec(ctx))
		if err == nil && n == 0 {
			err = fault.New(fault.NotFound, "There is no share %s.", id)
		}
		if err != nil {
			return err
		}
		if err := auditRequest(ctx, tx, auth.Entry{Action: auth.ShareRevoked, UserID: owner}); err != nil {
			return err
		}
		if t.FolderID != uuid.Nil {
			return unshared(ctx, tx, t.FolderID)
		}
		if err := takeOut(ctx, tx, t.TranscriptionID); err != nil {
			return err
		}
		return shake(ctx, tx, "SELECT id FROM transcriptions WHERE id = ? AND status NOT IN ('completed', 'failed', 'canceled') FOR UPDATE", t.TranscriptionID)
	})
	return wrap(err, "take back share %s", id)
}

// unshared is called behind what a folder is shared no more by: it is somewhere else, or a share
// of it is gone.
func unshared(ctx context.Context, tx bun.Tx, folder uuid.UUID) error {
	ids, err := below(ctx, tx, folder)
	if err != nil {
		return err
	}
	if err := takeOut(ctx, tx, ids...); err != nil {
		return err
	}
	return shakeOff(ctx, tx, folder)
}

// maxReceived bounds what is told of everything that others share with somebody.
const maxReceived = 1000

// Received returns what others share with somebody, at most a thousand.
func (db *DB) Received(ctx context.Context, who uuid.UUID) ([]transcription.Share, error) {
	var rows []shareRow
	err := db.bun.NewSelect().Model(&rows).ModelTableExpr("shares_of(?) AS s", who).ColumnExpr("s.*").ColumnExpr("address_of(s.owner_id) AS shared_by").
		Order("s.id").Limit(maxReceived).Scan(ctx)
	return each(rows, shareRow.domain), wrap(err, "list what is shared with %s", who)
}
