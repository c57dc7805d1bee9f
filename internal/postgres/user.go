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

type sessionRow struct {
	bun.BaseModel `bun:"table:sessions,alias:s"`

	ID         uuid.UUID `bun:",pk"`
	FamilyID   uuid.UUID
	UserID     uuid.UUID
	TokenHash  []byte
	CreatedAt  time.Time
	ExpiresAt  time.Time
	ReplacedAt time.Time `bun:",nullzero"`
	RevokedAt  time.Time `bun:",nullzero"`
}

func newSessionRow(s *auth.Session) *sessionRow {
	return &sessionRow{
		ID: s.ID, FamilyID: s.FamilyID, UserID: s.UserID, TokenHash: s.TokenHash[:],
		CreatedAt: s.CreatedAt, ExpiresAt: s.ExpiresAt, ReplacedAt: s.ReplacedAt, RevokedAt: s.RevokedAt,
	}
}

func (r *sessionRow) domain() *auth.Session {
	return &auth.Session{
		ID: r.ID, FamilyID: r.FamilyID, UserID: r.UserID, TokenHash: auth.TokenHash(r.TokenHash),
		CreatedAt: r.CreatedAt.UTC(), ExpiresAt: r.ExpiresAt.UTC(), ReplacedAt: utc(r.ReplacedAt), RevokedAt: utc(r.RevokedAt),
	}
}

// utc returns t in UTC, and a zero time unchanged.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}

// CreateSession inserts the first session of a family and forgets those of the
// user that have expired before it: an expired token is refused whether or not it
// is known.
func (db *DB) CreateSession(ctx context.Context, s *auth.Session) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewDelete().Model((*sessionRow)(nil)).Where("user_id = ?", s.UserID).Where("expires_at < ?", s.CreatedAt).Exec(ctx)
		if err != nil {
			return err
		}
		return addSession(ctx, tx, s)
	})
	return wrap(err, "create session %s", s.ID)
}

// addSession inserts a session. NotFound: its user was deleted meanwhile.
func addSession(ctx context.Context, tx bun.Tx, s *auth.Session) error {
	_, err := tx.NewInsert().Model(newSessionRow(s)).Exec(ctx)
	if sqlState(err) == foreignKeyViolation {
		return fault.Wrap(err, fault.NotFound, "There is no such account.")
	}
	return err
}

// SessionByToken returns a session, replaced and revoked ones too. NotFound: no
// session has that hash.
func (db *DB) SessionByToken(ctx context.Context, hash auth.TokenHash) (*auth.Session, error) {
	row := new(sessionRow)
	if err := db.bun.NewSelect().Model(row).Where("s.token_hash = ?", hash[:]).Scan(ctx); err != nil {
		return nil, wrap(none(err, "There is no such session."), "read a session")
	}
	return row.domain(), nil
}

// RotateSession marks the session of that id as replaced at next.CreatedAt and
// inserts next, both or neither. Conflict: it was replaced or revoked before.
func (db *DB) RotateSession(ctx context.Context, id uuid.UUID, next *auth.Session) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := lockSignIn(ctx, tx, next.FamilyID); err != nil {
			return err
		}
		n, err := affected(tx.NewUpdate().Model((*sessionRow)(nil)).Set("replaced_at = ?", next.CreatedAt).
			Where("id = ?", id).Where("family_id = ?", next.FamilyID).
			Where("replaced_at IS NULL").Where("revoked_at IS NULL").Exec(ctx))
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.New(fault.Conflict, "This sign-in was used before. Sign in again.")
		}
		return addSession(ctx, tx, next)
	})
	return wrap(err, "rotate session %s", id)
}

// RevokeFamily revokes every session of the family that is not revoked yet, also
// one that a RotateSession is inserting at this moment. Revoking a family twice,
// or one that is gone, is no error.
func (db *DB) RevokeFamily(ctx context.Context, family uuid.UUID, at time.Time) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := lockSignIn(ctx, tx, family); err != nil {
			return err
		}
		_, err := tx.NewUpdate().Model((*sessionRow)(nil)).Set("revoked_at = ?", at).
			Where("family_id = ?", family).Where("revoked_at IS NULL").Exec(ctx)
		return err
	})
	return wrap(err, "revoke sign-in %s", family)
}

// lockSignIn orders the rotations and the revocation of one sign-in. Row locks do
// not: a revocation that waits for a rotation's row still does not see the row that
// the rotation has inserted, and would leave it alive.
func lockSignIn(ctx context.Context, tx bun.Tx, family uuid.UUID) error {
	_, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(?, hashtext(?))", lockFamily, family.String())
	return err
}
