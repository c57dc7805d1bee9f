package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

type ticketRow struct {
	bun.BaseModel `bun:"table:tickets,alias:t"`

	Hash      []byte `bun:",pk"`
	UserID    uuid.UUID
	Purpose   auth.Purpose
	Email     string
	CreatedAt time.Time
	ExpiresAt time.Time
}

func (r *ticketRow) domain() *auth.Ticket {
	return &auth.Ticket{
		Hash: auth.TokenHash(r.Hash), UserID: r.UserID, Purpose: r.Purpose, Email: r.Email, CreatedAt: r.CreatedAt.UTC(), ExpiresAt: r.ExpiresAt.UTC(),
	}
}

// noTicket is the fault of whoever comes with a ticket that is not there.
func noTicket() error { return fault.New(fault.NotFound, "There is no such ticket.") }

// CreateTicket inserts a ticket and forgets those of the user that expired before it.
func (db *DB) CreateTicket(ctx context.Context, t auth.Ticket) error {
	row := &ticketRow{Hash: t.Hash[:], UserID: t.UserID, Purpose: t.Purpose, Email: t.Email, CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt}
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewDelete().Model((*ticketRow)(nil)).Where("user_id = ?", t.UserID).Where("expires_at < ?", t.CreatedAt).Exec(ctx)
		if err != nil {
			return err
		}
		_, err = tx.NewInsert().Model(row).Exec(ctx)
		return err
	})
	return wrap(err, "create a ticket of %s", t.UserID)
}

// Ticket returns a ticket, one that has expired too. NotFound: none of that purpose has
// that hash.
func (db *DB) Ticket(ctx context.Context, hash auth.TokenHash, p auth.Purpose) (*auth.Ticket, error) {
	row := new(ticketRow)
	err := db.bun.NewSelect().Model(row).Where("t.hash = ?", hash[:]).Where("t.purpose = ?", p).Scan(ctx)
	if err != nil {
		return nil, wrap(none(err, "There is no such ticket."), "read a ticket")
	}
	return row.domain(), nil
}

// useTicket takes a ticket away. NotFound: somebody else has.
func useTicket(ctx context.Context, tx bun.Tx, user uuid.UUID, hash auth.TokenHash) error {
	n, err := affected(tx.NewDelete().Model((*ticketRow)(nil)).Where("hash = ?", hash[:]).Where("user_id = ?", user).Exec(ctx))
	if err == nil && n == 0 {
		return noTicket()
	}
	return err
}

// dropTickets makes all tickets of a user useless, and has none made for another address
// than theirs by a mail that still waits.
func dropTickets(ctx context.Context, tx bun.Tx, user uuid.UUID) error {
	if _, err := tx.NewDelete().Model((*ticketRow)(nil)).Where("user_id = ?", user).Exec(ctx); err != nil {
		return err
	}
	_, err := tx.NewRaw(`DELETE FROM mails AS m USING users AS u
		WHERE u.id = ? AND m.user_id = u.id AND m.recipient <> u.email AND m.kind = ? AND m.finished_at IS NULL`, user, auth.VerificationMail).Exec(ctx)
	return err
}

// ChangePassword changes it, ends sign-ins and, if asked to, API keys, makes every ticket of the user useless,
// forgets waiting verifications of other addresses, and moves the generation on, all or
// nothing. With a ticket the user's address is verified besides, the account is Owned, and
// their identities end.
// Conflict: Old is not the hash any more. NotFound: the ticket is gone.
func (db *DB) ChangePassword(ctx context.Context, c auth.PasswordChange) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := replaceHash(ctx, tx, c); err != nil {
			return err
		}
		if c.Ticket != nil {
			if err := useTicket(ctx, tx, c.UserID, *c.Ticket); err != nil {
				return err
			}
			if err := deleteIdentities(ctx, tx, c.UserID, c.Entry); err != nil {
				return err
			}
		}
		if err := dropTickets(ctx, tx, c.UserID); err != nil {
			return err
		}
		if err := endSignIns(ctx, tx, c.UserID, c.Keep, c.At); err != nil {
			return err
		}
		if c.Keys {
			if err := deleteKeys(ctx, tx, c.UserID, c.Entry); err != nil {
				return err
			}
		}
		return audit(ctx, tx, c.Entry)
	})
	return wrap(err, "change the password of %s", c.UserID)
}

// replaceHash passes the hashes beside the statement. Whoever changes the same password
// at this moment waits for the row, and finds another hash in it.
func replaceHash(ctx context.Context, tx bun.Tx, c auth.PasswordChange) error {
	n, err := affected(tx.Tx.ExecContext(ctx, `UPDATE users SET password_hash = $1, generation = generation + 1, updated_at = clock_timestamp(),
			verified_at = CASE WHEN $2 THEN coalesce(verified_at, $3) ELSE verified_at END, owned_at = CASE WHEN $2 THEN $3 ELSE owned_at END
		WHERE id = $4 AND password_hash = $5`, c.New, c.Ticket != nil, c.At, c.UserID, c.Old))
	if err == nil && n == 0 {
		return fault.New(fault.Conflict, "The password was changed at this moment. Sign in with the new one.").WithCode("password_changed")
	}
	return err
}

// VerifyEmail makes the address of a ticket the verified one of its user and uses the
// ticket up; where that is another address than before, all their other tickets too, and
// the account is not Owned any more unless v says so.
// NotFound: it is gone. Conflict email_taken: somebody else has the address by now.
func (db *DB) VerifyEmail(ctx context.Context, v auth.Verification) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		var before string
		if err := tx.NewRaw("SELECT email FROM users WHERE id = ? FOR NO KEY UPDATE", v.UserID).Scan(ctx, &before); err != nil {
			return none(err, "There is no such account.")
		}
		if err := useTicket(ctx, tx, v.UserID, v.Hash); err != nil {
			return err
		}
		if err := setEmail(ctx, tx, v); err != nil {
			return err
		}
		if before != v.Email {
			if err := dropTickets(ctx, tx, v.UserID); err != nil {
				return err
			}
			if err := takeOutOf(ctx, tx, v.UserID); err != nil { // what was shared is shared with an address
				return err
			}
		}
		return audit(ctx, tx, v.Entry)
	})
	return wrap(err, "verify the address of %s", v.UserID)
}

func setEmail(ctx context.Context, tx bun.Tx, v auth.Verification) error {
	_, err := tx.NewUpdate().Model((*userRow)(nil)).Set("email = ?", v.Email).Set("verified_at = ?", v.At).
		Set("owned_at = CASE WHEN ? THEN ? WHEN email = ? THEN owned_at END", v.Owned, v.At, v.Email).
		Set("updated_at = clock_timestamp()").Where("id = ?", v.UserID).Exec(ctx)
	if sqlState(err) == uniqueViolation {
		return fault.Wrap(err, fault.Conflict, "There is another account with that address by now.").WithCode("email_taken").With("field", "email")
	}
	return err
}
