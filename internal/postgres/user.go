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
}

func (r *userRow) domain() *auth.User {
	return &auth.User{ID: r.ID, Email: r.Email, PasswordHash: r.PasswordHash, Role: r.Role, CreatedAt: r.CreatedAt.UTC(), DisabledAt: utc(r.DisabledAt)}
}

// CreateUser inserts a user. Conflict email_taken: somebody has that address,
// however it is written.
func (db *DB) CreateUser(ctx context.Context, u *auth.User) error {
	row := &userRow{ID: u.ID, Email: u.Email, PasswordHash: u.PasswordHash, Role: u.Role, CreatedAt: u.CreatedAt}
	// A violated constraint would make the server log the statement with the hash.
	n, err := affected(db.bun.NewInsert().Model(row).On("CONFLICT DO NOTHING").Exec(ctx))
	if err == nil && n == 0 {
		err = fault.New(fault.Conflict, "There is an account with that address already. Sign in instead.").
			WithCode("email_taken").With("field", "email")
	}
	return wrap(err, "create user %s", u.ID)
}

// User returns a user. NotFound: there is none of that id.
func (db *DB) User(ctx context.Context, id uuid.UUID) (*auth.User, error) {
	row := new(userRow)
	if err := db.bun.NewSelect().Model(row).Where("u.id = ?", id).Scan(ctx); err != nil {
		return nil, wrap(none(err, "There is no such account."), "read user %s", id)
	}
	return row.domain(), nil
}

// UserByEmail returns the user of an address. NotFound: there is none.
func (db *DB) UserByEmail(ctx context.Context, email string) (*auth.User, error) {
	row := new(userRow)
	if err := db.bun.NewSelect().Model(row).Where("lower(u.email) = lower(?)", email).Scan(ctx); err != nil {
		return nil, wrap(none(err, "There is no such account."), "read a user by address")
	}
	return row.domain(), nil
}

// Rights returns what holds for a user and the sign-in of that id. A sign-in that is
// not known has ended. NotFound: there is no such user.
func (db *DB) Rights(ctx context.Context, user, session uuid.UUID) (r auth.Rights, err error) {
	err = db.bun.NewRaw(`SELECT u.email, u.role, ARRAY(SELECT permission FROM role_permissions WHERE role = u.role ORDER BY permission), u.disabled_at IS NOT NULL,
			NOT EXISTS (SELECT FROM sessions WHERE family_id = ? AND user_id = u.id AND replaced_at IS NULL AND revoked_at IS NULL)
		FROM users AS u WHERE u.id = ?`, session, user).Scan(ctx, &r.Email, &r.Role, pgdialect.Array(&r.Permissions), &r.Disabled, &r.Ended)
	return r, wrap(none(err, "There is no such account."), "read the rights of user %s", user)
}

// SetRole gives a user another role. NotFound: there is none of that id. Invalid
// unknown_role. Conflict last_admin: it is the last administrator who is not disabled.
func (db *DB) SetRole(ctx context.Context, id uuid.UUID, r auth.Role) error {
	n, err := affected(db.bun.NewUpdate().Model((*userRow)(nil)).
		Set("role = ?", r).Set("updated_at = clock_timestamp()").Where("id = ?", id).Exec(ctx))
	if err == nil && n == 0 {
		err = fault.New(fault.NotFound, "There is no such account.")
	}
	return wrap(ofUser(err), "set the role of user %s", id)
}

// ofUser gives its meaning to what the constraints of users say.
func ofUser(err error) error {
	switch sqlState(err) {
	case lastAdmin:
		return fault.Wrap(err, fault.Conflict, "That is the last administrator of this installation. Make somebody else one first.").WithCode("last_admin")
	case foreignKeyViolation:
		return fault.Wrap(err, fault.Invalid, "There is no such role.").WithCode("unknown_role").With("field", "role")
	default:
		return err
	}
}

// SetPasswordHash replaces the hash if it still is old; when it is not, the
// password was changed meanwhile and nothing happens.
func (db *DB) SetPasswordHash(ctx context.Context, id uuid.UUID, old, hash string) error {
	_, err := db.bun.NewUpdate().Model((*userRow)(nil)).
		Set("password_hash = ?", hash).Set("updated_at = clock_timestamp()").
		Where("id = ?", id).Where("password_hash = ?", old).Exec(ctx)
	return wrap(err, "set the password of user %s", id)
}
