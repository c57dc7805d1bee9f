package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

type identityRow struct {
	bun.BaseModel `bun:"table:identities,alias:i"`

	Provider  string `bun:",pk"`
	Issuer    string `bun:",pk"`
	Subject   string `bun:",pk"`
	UserID    uuid.UUID
	CreatedAt time.Time
	UsedAt    time.Time
}

func (r *identityRow) domain() auth.Identity {
	return auth.Identity{
		IdentityKey: auth.IdentityKey{Provider: r.Provider, Issuer: r.Issuer, Subject: r.Subject},
		UserID:      r.UserID, CreatedAt: r.CreatedAt.UTC(), UsedAt: r.UsedAt.UTC(),
	}
}

// SpendHandshake has a handshake not finished a second time, and forgets those that could
// not be any more. Conflict: it was finished before.
func (db *DB) SpendHandshake(ctx context.Context, state auth.TokenHash, now, expires time.Time) error {
	n, err := affected(db.bun.NewRaw("INSERT INTO handshakes (state, expires_at) VALUES (?, ?) ON CONFLICT DO NOTHING", state[:], expires).Exec(ctx))
	if err == nil && n == 0 {
		err = fault.New(fault.Conflict, "This sign-in was finished before.")
	}
	if err == nil {
		// Those of others are left to them: two that delete the same rows would wait for each other.
		_, err = db.bun.NewRaw(`DELETE FROM handshakes WHERE state IN
			(SELECT state FROM handshakes WHERE expires_at < ? ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED)`, now).Exec(ctx)
	}
	return wrap(err, "spend a handshake")
}

// UseIdentity records that an identity was used and returns whose it is. NotFound: it is
// nobody's.
func (db *DB) UseIdentity(ctx context.Context, k auth.IdentityKey, at time.Time) (*auth.User, error) {
	var user uuid.UUID
	err := db.bun.NewRaw("UPDATE identities SET used_at = ? WHERE provider = ? AND issuer = ? AND subject = ? RETURNING user_id",
		at, k.Provider, k.Issuer, clean(k.Subject)).Scan(ctx, &user)
	if err != nil {
		return nil, wrap(none(err, "There is no such identity."), "find who is known at %s", k.Provider)
	}
	return db.User(ctx, user)
}

// Identities returns those of a user, by name of provider.
func (db *DB) Identities(ctx context.Context, user uuid.UUID) ([]auth.Identity, error) {
	var rows []identityRow
	if err := db.bun.NewSelect().Model(&rows).Where("i.user_id = ?", user).Order("i.provider").Limit(auth.MaxPage).Scan(ctx); err != nil {
		return nil, wrap(err, "list the identities of %s", user)
	}
	found := make([]auth.Identity, len(rows))
	for n := range rows {
		found[n] = rows[n].domain()
	}
	return found, nil
}

// CreateUserWith inserts a user who has no password with their way in, and adds the entry
// to the audit log. Conflict email_taken, identity_taken.
func (db *DB) CreateUserWith(ctx context.Context, u *auth.User, i auth.Identity, e auth.Entry) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := addUser(ctx, tx, u); err != nil {
			return err
		}
		return addIdentity(ctx, tx, i, e)
	})
	return wrap(err, "create user %s", u.ID)
}

// AddIdentity adds a way in, and an entry to the audit log. Conflict identity_taken: it is
// somebody's already; identity_exists: the user has another of that provider;
// password_changed: the generation of the user is another by now. NotFound: there is no such
// user.
func (db *DB) AddIdentity(ctx context.Context, i auth.Identity, generation int, e auth.Entry) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := sameGeneration(ctx, tx, i.UserID, generation, "SHARE"); err != nil {
			return err
		}
		return addIdentity(ctx, tx, i, e)
	})
	return wrap(err, "add an identity to %s", i.UserID)
}

func addIdentity(ctx context.Context, tx bun.Tx, i auth.Identity, e auth.Entry) error {
	row := &identityRow{Provider: i.Provider, Issuer: i.Issuer, Subject: clean(i.Subject), UserID: i.UserID, CreatedAt: i.CreatedAt, UsedAt: i.UsedAt}
	n, err := affected(tx.NewInsert().Model(row).On("CONFLICT DO NOTHING").Exec(ctx))
	if sqlState(err) == foreignKeyViolation {
		return fault.Wrap(err, fault.NotFound, "There is no such account.")
	}
	if err != nil {
		return err
	}
	if n == 0 {
		return identityConflict(ctx, tx, i)
	}
	return audit(ctx, tx, e)
}

// identityConflict says which of the two constraints was in the way.
func identityConflict(ctx context.Context, tx bun.Tx, i auth.Identity) error {
	mine, err := tx.NewSelect().Model((*identityRow)(nil)).Where("user_id = ?", i.UserID).Where("provider = ?", i.Provider).Exists(ctx)
	if err != nil {
		return err
	}
	if mine {
		return fault.New(fault.Conflict, "Your account is linked with that provider already. Remove that link first.").WithCode("identity_exists")
	}
	return fault.New(fault.Conflict, "Another account is linked with you there. Sign in to that one, and remove the link first.").WithCode("identity_taken")
}

// deleteIdentities deletes all identities of a user, with an entry for each.
func deleteIdentities(ctx context.Context, tx bun.Tx, user uuid.UUID, e auth.Entry) error {
	var rows []identityRow
	if err := tx.NewDelete().Model(&rows).Where("user_id = ?", user).Returning("*").Scan(ctx); err != nil {
		return err
	}
	e.Action = auth.IdentityUnlinked
	for i := range rows {
		gone := rows[i].domain()
		e.Details = gone.Facts()
		if err := audit(ctx, tx, e); err != nil {
			return err
		}
	}
	return nil
}

// RemoveIdentity removes a user's identity of a provider, and adds an entry to the audit
// log. NotFound: there is none. Conflict last_way_in: the user has no password, and no
// identity of the others.
func (db *DB) RemoveIdentity(ctx context.Context, r auth.IdentityRemoval) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		var password bool // of two at once the second waits, and sees what the first has left
		if err := tx.NewRaw("SELECT password_hash <> '' FROM users WHERE id = ? FOR NO KEY UPDATE", r.UserID).Scan(ctx, &password); err != nil {
			return none(err, "There is no such account.")
		}
		n, err := affected(tx.NewDelete().Model((*identityRow)(nil)).Where("user_id = ?", r.UserID).Where("provider = ?", r.Provider).Exec(ctx))
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.New(fault.NotFound, "Your account is not linked with a provider of that name.")
		}
		left, err := tx.NewSelect().Model((*identityRow)(nil)).Where("user_id = ?", r.UserID).Where("provider = ANY(?)", pgdialect.Array(r.Others)).Exists(ctx)
		if err != nil {
			return err
		}
		if !password && !left {
			return fault.New(fault.Conflict, "You could not sign in any more without it. Set a password first, or link another provider.").WithCode("last_way_in")
		}
		return audit(ctx, tx, r.Entry)
	})
	return wrap(err, "remove an identity of %s", r.UserID)
}

// HandOver makes an identity the one way into an account: its password, keys, other
// identities, sign-ins and tickets end, and it is Owned. Conflict identity_taken;
// password_changed: the generation of the user is another by now.
func (db *DB) HandOver(ctx context.Context, i auth.Identity, generation int, e auth.Entry) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := sameGeneration(ctx, tx, i.UserID, generation, "NO KEY UPDATE"); err != nil {
			return err
		}
		_, err := tx.NewUpdate().Model((*userRow)(nil)).Set("password_hash = ''").Set("owned_at = ?", i.CreatedAt).Set("generation = generation + 1").
			Set("updated_at = clock_timestamp()").Where("id = ?", i.UserID).Exec(ctx)
		if err != nil {
			return err
		}
		if err := dropTickets(ctx, tx, i.UserID); err != nil {
			return err
		}
		if err := endSignIns(ctx, tx, i.UserID, uuid.Nil, i.CreatedAt); err != nil {
			return err
		}
		if err := deleteKeys(ctx, tx, i.UserID, e); err != nil {
			return err
		}
		if err := deleteIdentities(ctx, tx, i.UserID, e); err != nil {
			return err
		}
		return addIdentity(ctx, tx, i, e)
	})
	return wrap(err, "hand over %s", i.UserID)
}
