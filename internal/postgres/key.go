package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

type keyRow struct {
	bun.BaseModel `bun:"table:api_keys,alias:k"`

	ID        uuid.UUID `bun:",pk"`
	UserID    uuid.UUID
	Name      string
	Prefix    string
	Hash      []byte
	Scopes    []auth.Permission `bun:",array"`
	CreatedAt time.Time
	ExpiresAt time.Time `bun:",nullzero"`
	UsedAt    time.Time `bun:",nullzero"`
}

func (r *keyRow) domain() *auth.Key {
	return &auth.Key{
		ID: r.ID, UserID: r.UserID, Name: r.Name, Prefix: r.Prefix, Hash: auth.TokenHash(r.Hash), Scopes: r.Scopes,
		CreatedAt: r.CreatedAt.UTC(), ExpiresAt: utc(r.ExpiresAt), UsedAt: utc(r.UsedAt),
	}
}

// CreateKey inserts a key and adds an entry to the audit log. Conflict too_many_keys: the
// owner has auth.MaxKeys; password_changed: the generation of the owner is another by now.
func (db *DB) CreateKey(ctx context.Context, k *auth.Key, generation int, e auth.Entry) error {
	row := &keyRow{
		ID: k.ID, UserID: k.UserID, Name: clean(k.Name), Prefix: k.Prefix, Hash: k.Hash[:], Scopes: k.Scopes, CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt,
	}
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		var n int
		if err := sameGeneration(ctx, tx, k.UserID, generation, "NO KEY UPDATE"); err != nil {
			return err
		}
		if err := tx.NewRaw("SELECT count(*) FROM api_keys WHERE user_id = ?", k.UserID).Scan(ctx, &n); err != nil {
			return err
		}
		if n >= auth.MaxKeys {
			return fault.New(fault.Conflict, "You have %d API keys, and may have no more. Revoke one that is not used.", n).
				WithCode("too_many_keys").With("limit", auth.MaxKeys)
		}
		_, err := tx.NewInsert().Model(row).Exec(ctx)
		if sqlState(err) == foreignKeyViolation {
			return fault.Wrap(err, fault.NotFound, "There is no such account.")
		}
		if err != nil {
			return err
		}
		return audit(ctx, tx, e)
	})
	return wrap(err, "create key %s", k.ID)
}

// Keys returns a page of the owner's, newest first; only keys older than before, unless
// that is zero.
func (db *DB) Keys(ctx context.Context, owner, before uuid.UUID, limit int) ([]auth.Key, error) {
	var rows []keyRow
	q := db.bun.NewSelect().Model(&rows).Where("k.user_id = ?", owner).Order("k.id DESC").Limit(int64(min(max(limit, 1), auth.MaxPage)))
	if before != uuid.Nil {
		q = q.Where("k.id < ?", before)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, wrap(err, "list keys")
	}
	page := make([]auth.Key, len(rows))
	for i := range rows {
		page[i] = *rows[i].domain()
	}
	return page, nil
}

// DeleteKey deletes a key of the owner's and adds an entry with its Facts to the audit
// log. NotFound: there is none of that id, or it is somebody else's.
func (db *DB) DeleteKey(ctx context.Context, owner, id uuid.UUID, e auth.Entry) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		row := new(keyRow)
		if err := tx.NewDelete().Model(row).Where("id = ?", id).Where("user_id = ?", owner).Returning("*").Scan(ctx); err != nil {
			return none(err, "There is no key %s.", id)
		}
		e.Details = row.domain().Facts()
		return audit(ctx, tx, e)
	})
	return wrap(err, "delete key %s", id)
}

// deleteKeys deletes all keys of an owner, with an entry for each.
func deleteKeys(ctx context.Context, tx bun.Tx, owner uuid.UUID, e auth.Entry) error {
	var rows []keyRow
	if err := tx.NewDelete().Model(&rows).Where("user_id = ?", owner).Returning("*").Scan(ctx); err != nil {
		return err
	}
	e.Action = auth.KeyRevoked
	for i := range rows {
		e.Details = rows[i].domain().Facts()
		if err := audit(ctx, tx, e); err != nil {
			return err
		}
	}
	return nil
}

// KeyByHash returns a key and the rights of its owner. NotFound: there is none.
func (db *DB) KeyByHash(ctx context.Context, hash auth.TokenHash) (*auth.Key, auth.Rights, error) {
	row := new(struct {
		keyRow
		Email       string
		Role        auth.Role
		Disabled    bool
		Factor      bool
		Permissions []auth.Permission `bun:",array"`
	})
	err := db.bun.NewSelect().TableExpr("api_keys AS k").Join("JOIN users AS u ON u.id = k.user_id").
		ColumnExpr("k.*").ColumnExpr("u.email, u.role").ColumnExpr("u.disabled_at IS NOT NULL AS disabled").
		ColumnExpr("EXISTS (SELECT FROM factors WHERE user_id = u.id AND confirmed_at IS NOT NULL) AS factor").
		ColumnExpr("ARRAY(SELECT permission FROM role_permissions WHERE role = u.role ORDER BY permission) AS permissions").
		Where("k.hash = ?", hash[:]).Scan(ctx, row)
	if err != nil {
		return nil, auth.Rights{}, wrap(none(err, "There is no such key."), "read a key")
	}
	return row.domain(), auth.Rights{Email: row.Email, Role: row.Role, Permissions: row.Permissions, Disabled: row.Disabled, Factor: row.Factor}, nil
}

// UseKey records that a key was used, unless it was since a moment: of many requests at
// once one writes.
func (db *DB) UseKey(ctx context.Context, id uuid.UUID, at, unlessSince time.Time) error {
	_, err := db.bun.NewRaw("UPDATE api_keys SET used_at = ? WHERE id = ? AND (used_at IS NULL OR used_at <= ?) AND "+hasty, at, id, unlessSince).Exec(ctx)
	return wrap(err, "record the use of key %s", id)
}
