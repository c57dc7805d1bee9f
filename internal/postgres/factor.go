package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// Accounts is what of the database needs the keys of seeds.
type Accounts struct {
	*DB
	keys sealer
}

// factorSeeds are bound to the account.
var factorSeeds = sealedTable{"factors", "user_id", []string{"seed"}}

var _ auth.Store = (*Accounts)(nil)

// Accounts returns those who sign in. Keys encrypt the seeds of their second factors: the
// first one those that are written, all of them those that are read. Invalid: there is
// none, or one is too short.
func (db *DB) Accounts(keys []string) (*Accounts, error) {
	s, err := newSealer(keys)
	return &Accounts{DB: db, keys: s}, err
}

type factorRow struct {
	bun.BaseModel `bun:"table:factors,alias:f"`

	ID          uuid.UUID `bun:",pk"`
	UserID      uuid.UUID
	Seed        []byte
	SealedBy    string
	CreatedAt   time.Time
	ConfirmedAt time.Time `bun:",nullzero"`
}

type recoveryRow struct {
	bun.BaseModel `bun:"table:recovery_codes,alias:c"`

	Hash     []byte `bun:",pk"`
	FactorID uuid.UUID
}

// noFactor is the fault of whoever has none, or not any more.
func noFactor() error { return fault.New(fault.NotFound, "There is no second factor.") }

// BeginFactor inserts a factor that is not confirmed, in place of one that was not either.
// Conflict second_factor_exists: the user has one that is. NotFound: there is no such user.
func (a *Accounts) BeginFactor(ctx context.Context, f auth.Factor) error {
	row := &factorRow{ID: f.ID, UserID: f.UserID, SealedBy: a.keys.by(), CreatedAt: f.CreatedAt}
	err := a.inTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		if row.Seed, err = a.keys.seal(ctx, tx.Tx, factorSeeds.place(f.UserID), f.Seed.Text()); err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model((*factorRow)(nil)).Where("user_id = ?", f.UserID).Where("confirmed_at IS NULL").Exec(ctx); err != nil {
			return err
		}
		n, err := affected(tx.NewInsert().Model(row).On("CONFLICT (user_id) DO NOTHING").Exec(ctx))
		if sqlState(err) == foreignKeyViolation {
			return fault.Wrap(err, fault.NotFound, "There is no such account.")
		}
		if err == nil && n == 0 {
			return fault.New(fault.Conflict, "Your account has a second factor already. Remove it first.").WithCode("second_factor_exists")
		}
		return err
	})
	return wrap(err, "begin a second factor of %s", f.UserID)
}

// Factor returns that of a user, one that is not confirmed, too. NotFound: there is none.
func (a *Accounts) Factor(ctx context.Context, user uuid.UUID) (*auth.Factor, error) {
	row := new(factorRow)
	if err := a.bun.NewSelect().Model(row).Column("id", "user_id", "seed", "sealed_by", "created_at", "confirmed_at").Where("f.user_id = ?", user).Scan(ctx); err != nil {
		return nil, wrap(none(err, "There is no second factor."), "read the second factor of %s", user)
	}
	text, err := a.keys.open(ctx, a.bun.DB, sealedText{factorSeeds.place(user), row.SealedBy, row.Seed})
	if err != nil {
		return nil, wrap(err, "open the second factor of %s", user)
	}
	seed, err := auth.ReadSeed(text)
	return &auth.Factor{ID: row.ID, UserID: row.UserID, Seed: seed, CreatedAt: row.CreatedAt.UTC(), ConfirmedAt: utc(row.ConfirmedAt)}, err
}

// ConfirmFactor confirms a factor, gives its user recovery codes, ends their sign-ins but
// one and moves the generation on. NotFound: it is no more, or was confirmed before.
func (a *Accounts) ConfirmFactor(ctx context.Context, c auth.FactorChange) error {
	err := a.changeFactor(ctx, c, func(ctx context.Context, tx bun.Tx) error {
		n, err := affected(tx.NewUpdate().Model((*factorRow)(nil)).Set("confirmed_at = ?", c.At).Set("last_step = ?", c.Step).
			Where("id = ?", c.Factor).Where("user_id = ?", c.UserID).Where("confirmed_at IS NULL").Exec(ctx))
		if err != nil {
			return err
		}
		if n == 0 {
			return noFactor()
		}
		return addRecoveryCodes(ctx, tx, c.Factor, c.Codes)
	})
	return wrap(err, "confirm the second factor of %s", c.UserID)
}

// RemoveFactor removes the confirmed one of a user with its recovery codes, ends their
// sign-ins but one and moves the generation on. NotFound: there is none.
func (a *Accounts) RemoveFactor(ctx context.Context, c auth.FactorChange) error {
	err := a.changeFactor(ctx, c, func(ctx context.Context, tx bun.Tx) error {
		n, err := affected(tx.NewDelete().Model((*factorRow)(nil)).Where("user_id = ?", c.UserID).Where("confirmed_at IS NOT NULL").Exec(ctx))
		if err == nil && n == 0 {
			return noFactor()
		}
		return err
	})
	return wrap(err, "remove the second factor of %s", c.UserID)
}

// changeFactor locks the user first: a sign-in that was begun without the factor is ended
// here, or finds another generation.
func (a *Accounts) changeFactor(ctx context.Context, c auth.FactorChange, change func(context.Context, bun.Tx) error) error {
	return a.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewUpdate().Model((*userRow)(nil)).Set("generation = generation + 1").Set("updated_at = clock_timestamp()").Where("id = ?", c.UserID).Exec(ctx)
		if err != nil {
			return err
		}
		if err := change(ctx, tx); err != nil {
			return err
		}
		if err := endSignIns(ctx, tx, c.UserID, c.Keep, c.At); err != nil {
			return err
		}
		return audit(ctx, tx, c.Entry)
	})
}

func addRecoveryCodes(ctx context.Context, tx bun.Tx, factor uuid.UUID, hashes []auth.TokenHash) error {
	rows := make([]recoveryRow, len(hashes))
	for i := range hashes {
		rows[i] = recoveryRow{Hash: hashes[i][:], FactorID: factor}
	}
	_, err := tx.NewInsert().Model(&rows).Exec(ctx)
	return err
}

// SpendStep has the code of a step and those of steps before work no more, in one
// statement: of two who bring the same one, one is let in. Conflict: they did not any more,
// or the factor is gone.
func (a *Accounts) SpendStep(ctx context.Context, factor uuid.UUID, step int64) error {
	n, err := affected(a.bun.NewUpdate().Model((*factorRow)(nil)).Set("last_step = ?", step).
		Where("id = ?", factor).Where("confirmed_at IS NOT NULL").Where("last_step < ?", step).Exec(ctx))
	if err == nil && n == 0 {
		err = fault.New(fault.Conflict, "That code was used before.")
	}
	return wrap(err, "spend a code of factor %s", factor)
}

// SpendRecoveryCode removes a recovery code of the user's, and adds an entry to the audit
// log. NotFound: they have none of that hash.
func (a *Accounts) SpendRecoveryCode(ctx context.Context, user uuid.UUID, hash auth.TokenHash, e auth.Entry) error {
	err := a.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		n, err := affected(tx.NewRaw("DELETE FROM recovery_codes AS c USING factors AS f WHERE c.hash = ? AND f.id = c.factor_id AND f.user_id = ?", hash[:], user).Exec(ctx))
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.New(fault.NotFound, "There is no such recovery code.")
		}
		return audit(ctx, tx, e)
	})
	return wrap(err, "spend a recovery code of %s", user)
}

// RenewRecoveryCodes replaces all of a user's, and adds an entry to the audit log.
// NotFound: they have no confirmed factor.
func (a *Accounts) RenewRecoveryCodes(ctx context.Context, user uuid.UUID, codes []auth.TokenHash, e auth.Entry) error {
	err := a.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		var factor uuid.UUID // of two at once the second waits, and replaces what the first has made
		if err := tx.NewRaw("SELECT id FROM factors WHERE user_id = ? AND confirmed_at IS NOT NULL FOR UPDATE", user).Scan(ctx, &factor); err != nil {
			return none(err, "There is no second factor.")
		}
		if _, err := tx.NewDelete().Model((*recoveryRow)(nil)).Where("factor_id = ?", factor).Exec(ctx); err != nil {
			return err
		}
		if err := addRecoveryCodes(ctx, tx, factor, codes); err != nil {
			return err
		}
		return audit(ctx, tx, e)
	})
	return wrap(err, "renew the recovery codes of %s", user)
}
