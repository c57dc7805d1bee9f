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

type userRow struct {
	bun.BaseModel `bun:"table:users,alias:u"`

	ID           uuid.UUID `bun:",pk"`
	Email        string
	PasswordHash string
	Role         auth.Role
	CreatedAt    time.Time
	DisabledAt   time.Time `bun:",nullzero"`
	QuotaBytes   *int64
	QuotaMinutes *int64
	QuotaActive  *int64
	VerifiedAt   time.Time `bun:",nullzero"`
	OwnedAt      time.Time `bun:",nullzero"`
	Generation   int

	FactorSince   time.Time `bun:",scanonly,nullzero"`
	RecoveryCodes int       `bun:",scanonly"`
}

// selectUsers reads accounts with what is known of their second factors.
func selectUsers(db bun.IDB, model any) *bun.SelectQuery {
	return db.NewSelect().Model(model).ColumnExpr("?TableColumns").ColumnExpr("f.confirmed_at AS factor_since").
		ColumnExpr("(SELECT count(*) FROM recovery_codes WHERE factor_id = f.id) AS recovery_codes").
		Join("LEFT JOIN factors AS f ON f.user_id = u.id AND f.confirmed_at IS NOT NULL")
}

func (r *userRow) domain() *auth.User {
	return &auth.User{
		ID: r.ID, Email: r.Email, PasswordHash: r.PasswordHash, Role: r.Role, CreatedAt: r.CreatedAt.UTC(), DisabledAt: utc(r.DisabledAt),
		Quota:      auth.Quota{Bytes: r.QuotaBytes, Minutes: r.QuotaMinutes, Active: r.QuotaActive},
		VerifiedAt: utc(r.VerifiedAt), OwnedAt: utc(r.OwnedAt), Generation: r.Generation, FactorSince: utc(r.FactorSince), RecoveryCodes: r.RecoveryCodes,
	}
}

// CreateUser inserts a user. Conflict email_taken: somebody has that address,
// however it is written.
func (db *DB) CreateUser(ctx context.Context, u *auth.User) error {
	return wrap(addUser(ctx, db.bun, u), "create user %s", u.ID)
}

func addUser(ctx context.Context, db bun.IDB, u *auth.User) error {
	row := &userRow{ID: u.ID, Email: u.Email, PasswordHash: u.PasswordHash, Role: u.Role, CreatedAt: u.CreatedAt, VerifiedAt: u.VerifiedAt, OwnedAt: u.OwnedAt}
	// A violated constraint would make the server log the statement with the hash.
	n, err := affected(db.NewInsert().Model(row).On("CONFLICT DO NOTHING").Exec(ctx))
	if err == nil && n == 0 {
		err = fault.New(fault.Conflict, "There is an account with that address already. Sign in instead.").
			WithCode("email_taken").With("field", "email")
	}
	return err
}

// User returns a user. NotFound: there is none of that id.
func (db *DB) User(ctx context.Context, id uuid.UUID) (*auth.User, error) {
	row := new(userRow)
	if err := selectUsers(db.bun, row).Where("u.id = ?", id).Scan(ctx); err != nil {
		return nil, wrap(none(err, "There is no such account."), "read user %s", id)
	}
	return row.domain(), nil
}

// UserByEmail returns the user of an address. NotFound: there is none.
func (db *DB) UserByEmail(ctx context.Context, email string) (*auth.User, error) {
	row := new(userRow)
	if err := selectUsers(db.bun, row).Where("lower(u.email) = lower(?)", email).Scan(ctx); err != nil {
		return nil, wrap(none(err, "There is no such account."), "read a user by address")
	}
	return row.domain(), nil
}

// Rights returns what holds for a user and the sign-in of that id. A sign-in that is
// not known has ended. NotFound: there is no such user.
func (db *DB) Rights(ctx context.Context, user, session uuid.UUID) (r auth.Rights, err error) {
	var until bun.NullTime
	err = db.bun.NewRaw(`SELECT u.email, u.role, ARRAY(SELECT permission FROM role_permissions WHERE role = u.role ORDER BY permission), u.disabled_at IS NOT NULL,
			(SELECT max(expires_at) FROM sessions WHERE family_id = ? AND user_id = u.id AND replaced_at IS NULL AND revoked_at IS NULL),
			EXISTS (SELECT FROM factors WHERE user_id = u.id AND confirmed_at IS NOT NULL), u.generation
		FROM users AS u WHERE u.id = ?`, session, user).Scan(ctx, &r.Email, &r.Role, pgdialect.Array(&r.Permissions), &r.Disabled, &until, &r.Factor, &r.Generation)
	r.Until = utc(until.Time)
	return r, wrap(none(err, "There is no such account."), "read the rights of user %s", user)
}

// Roles returns the names of all roles.
func (db *DB) Roles(ctx context.Context) (found []auth.Role, err error) {
	err = db.bun.NewRaw("SELECT name FROM roles ORDER BY name").Scan(ctx, &found)
	return found, wrap(err, "list the roles")
}

// Users returns a page of users, newest first.
func (db *DB) Users(ctx context.Context, f auth.UserFilter) ([]auth.User, error) {
	var rows []userRow
	q := selectUsers(db.bun, &rows).Order("u.id DESC").Limit(int64(min(max(f.Limit, 1), auth.MaxPage)))
	if f.Email != "" {
		q = q.Where("strpos(lower(u.email), lower(?)) > 0", clean(f.Email))
	}
	if f.Role != "" {
		q = q.Where("u.role = ?", f.Role)
	}
	if f.Disabled != nil {
		q = q.Where("(u.disabled_at IS NOT NULL) = ?", *f.Disabled)
	}
	if f.Before != uuid.Nil {
		q = q.Where("u.id < ?", f.Before)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, wrap(err, "list users")
	}
	page := make([]auth.User, len(rows))
	for i := range rows {
		page[i] = *rows[i].domain()
	}
	return page, nil
}

// ChangeUser changes a user and returns them as they are then. It adds c.Entries to the
// audit log, and ends every sign-in of who is disabled, or was. NotFound: there is none
// of that id. Invalid unknown_role. Conflict last_admin: it is the last administrator who
// is not disabled.
func (db *DB) ChangeUser(ctx context.Context, id uuid.UUID, c auth.UserChange, by auth.Entry) (*auth.User, error) {
	var u auth.User
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		row := new(userRow)
		if err := selectUsers(tx, row).Where("u.id = ?", id).For("NO KEY UPDATE OF u").Scan(ctx); err != nil {
			return none(err, "There is no such account.")
		}
		old := row.domain()
		u = c.Apply(*old)
		_, err := tx.NewUpdate().Model((*userRow)(nil)).Set("role = ?", u.Role).Set("disabled_at = ?", bun.NullTime{Time: u.DisabledAt}).
			Set("quota_bytes = ?", u.Quota.Bytes).Set("quota_minutes = ?", u.Quota.Minutes).Set("quota_active = ?", u.Quota.Active).
			Set("updated_at = clock_timestamp()").Where("id = ?", id).Exec(ctx)
		if sqlState(err) == foreignKeyViolation {
			return fault.Wrap(err, fault.Invalid, "There is no such role.").WithCode("unknown_role").With("field", "role")
		}
		if err != nil {
			return err
		}
		if u.Disabled() || old.Disabled() {
			if err := endSignIns(ctx, tx, id, uuid.Nil, c.At); err != nil {
				return err
			}
		}
		for _, e := range c.Entries(by, old) {
			if err := audit(ctx, tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	return &u, wrap(err, "change user %s", id)
}

// SetPasswordHash replaces the hash if it still is old; when it is not, the
// password was changed meanwhile and nothing happens.
func (db *DB) SetPasswordHash(ctx context.Context, id uuid.UUID, old, hash string) error {
	// Beside the statement, which may end in the server's log.
	_, err := db.bun.DB.ExecContext(ctx, "UPDATE users SET password_hash = $1, updated_at = clock_timestamp() WHERE id = $2 AND password_hash = $3", hash, id, old)
	return wrap(err, "set the password of user %s", id)
}
