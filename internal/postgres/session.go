package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

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
	BeganAt    time.Time
	IP         string
	UserAgent  string
}

func newSessionRow(s *auth.Session) *sessionRow {
	return &sessionRow{
		ID: s.ID, FamilyID: s.FamilyID, UserID: s.UserID, TokenHash: s.TokenHash[:],
		CreatedAt: s.CreatedAt, ExpiresAt: s.ExpiresAt, ReplacedAt: s.ReplacedAt, RevokedAt: s.RevokedAt,
		BeganAt: s.BeganAt, IP: s.IP, UserAgent: clean(s.UserAgent),
	}
}

func (r *sessionRow) domain() *auth.Session {
	return &auth.Session{
		ID: r.ID, FamilyID: r.FamilyID, UserID: r.UserID, TokenHash: auth.TokenHash(r.TokenHash),
		CreatedAt: r.CreatedAt.UTC(), ExpiresAt: r.ExpiresAt.UTC(), ReplacedAt: utc(r.ReplacedAt), RevokedAt: utc(r.RevokedAt),
		BeganAt: r.BeganAt.UTC(), Client: auth.Client{IP: r.IP, UserAgent: r.UserAgent},
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
// is known. Conflict: the generation of the user is another by now.
func (db *DB) CreateSession(ctx context.Context, s *auth.Session, generation int) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := sameGeneration(ctx, tx, s.UserID, generation, "SHARE"); err != nil {
			return err
		}
		_, err := tx.NewDelete().Model((*sessionRow)(nil)).Where("user_id = ?", s.UserID).Where("expires_at < ?", s.CreatedAt).Exec(ctx)
		if err != nil {
			return err
		}
		return addSession(ctx, tx, s)
	})
	return wrap(err, "create session %s", s.ID)
}

// sameGeneration locks the user: a change of the password waits for the session, and ends
// it, or is waited for, and seen. Those who lock by more than SHARE queue up.
func sameGeneration(ctx context.Context, tx bun.Tx, user uuid.UUID, want int, lock bun.Safe) error {
	var got int
	if err := tx.NewRaw("SELECT generation FROM users WHERE id = ? FOR ?", user, lock).Scan(ctx, &got); err != nil {
		return none(err, "There is no such account.")
	}
	if got != want {
		return fault.New(fault.Conflict, "The password was changed at this moment. Sign in with the new one.").WithCode("password_changed")
	}
	return nil
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

// SignIns returns the living families of a user, those that began last first.
func (db *DB) SignIns(ctx context.Context, user uuid.UUID, f auth.SignInFilter) ([]auth.SignIn, error) {
	var rows []sessionRow
	q := db.bun.NewSelect().Model(&rows).Where("s.user_id = ?", user).Where("s.replaced_at IS NULL").Where("s.revoked_at IS NULL").
		Where("s.expires_at > ?", f.Now).Order("s.began_at DESC", "s.family_id DESC").Limit(f.Limit)
	if f.After != (auth.Cursor{}) {
		q = q.Where("(s.began_at, s.family_id) < (?, ?)", f.After.CreatedAt, f.After.ID)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, wrap(err, "list the sign-ins of %s", user)
	}
	found := make([]auth.SignIn, len(rows))
	for i := range rows {
		s := rows[i].domain()
		found[i] = auth.SignIn{ID: s.FamilyID, BeganAt: s.BeganAt, UsedAt: s.CreatedAt, ExpiresAt: s.ExpiresAt, Client: s.Client}
	}
	return found, nil
}

// EndSignIn revokes a family as RevokeFamily does. NotFound: it is none of the user's,
// or has been revoked.
func (db *DB) EndSignIn(ctx context.Context, user, family uuid.UUID, at time.Time) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		n, err := endSignIn(ctx, tx, user, family, at)
		if err == nil && n == 0 {
			err = fault.New(fault.NotFound, "There is no sign-in %s.", family)
		}
		return err
	})
	return wrap(err, "end sign-in %s", family)
}

// EndSignIns revokes all families of a user but one.
func (db *DB) EndSignIns(ctx context.Context, user, except uuid.UUID, at time.Time) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error { return endSignIns(ctx, tx, user, except, at) })
	return wrap(err, "end the sign-ins of %s", user)
}

// endSignIns locks one family after the other in the order of their ids, so that two who
// do this cannot wait for each other.
func endSignIns(ctx context.Context, tx bun.Tx, user, except uuid.UUID, at time.Time) error {
	var families []uuid.UUID
	err := tx.NewSelect().Model((*sessionRow)(nil)).Column("family_id").Where("user_id = ?", user).Where("family_id <> ?", except).
		Where("replaced_at IS NULL").Where("revoked_at IS NULL").Order("family_id").Scan(ctx, &families)
	if err != nil {
		return err
	}
	for _, family := range families {
		if _, err := endSignIn(ctx, tx, user, family, at); err != nil {
			return err
		}
	}
	return nil
}

// endSignIn returns how many sessions it has revoked.
func endSignIn(ctx context.Context, tx bun.Tx, user, family uuid.UUID, at time.Time) (int, error) {
	if err := lockSignIn(ctx, tx, family); err != nil {
		return 0, err
	}
	return affected(tx.NewUpdate().Model((*sessionRow)(nil)).Set("revoked_at = ?", at).
		Where("family_id = ?", family).Where("user_id = ?", user).Where("revoked_at IS NULL").Exec(ctx))
}
