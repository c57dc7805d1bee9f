package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
)

// sealed are the tables with encrypted columns. Each has a column id, and names in
// sealed_by the key of all that is encrypted in a row.
var sealed = []sealedTable{webhookSecrets, factorSeeds}

type sealedTable struct {
	name    string
	owner   string // the column of the id that the secrets are bound to
	columns []string
}

// place names where the secrets of a row are.
func (t sealedTable) place(owner uuid.UUID) string { return t.name + " " + owner.String() }

// Reseal encrypts everything with the first key that another one or an earlier version has
// encrypted, and returns how many rows that were. It is an error when one cannot be decrypted. Invalid: there is
// no key, or one is too short.
func (db *DB) Reseal(ctx context.Context, keys []string) (n int, err error) {
	s, err := newSealer(keys)
	if err != nil {
		return 0, err
	}
	var errs []error
	for _, t := range sealed {
		var ids []uuid.UUID
		if err := db.bun.NewRaw("SELECT id FROM ? WHERE sealed_by <> ? ORDER BY id", bun.Ident(t.name), s.by()).Scan(ctx, &ids); err != nil {
			return n, wrap(err, "look for secrets of older keys")
		}
		for _, id := range ids {
			err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error { return t.reseal(ctx, tx, s, id) })
			errs = append(errs, wrap(err, "encrypt the secrets of %s in %s anew", id, t.name))
			if err == nil {
				n++
			}
		}
	}
	return n, errors.Join(errs...)
}

// reseal encrypts a row anew. It may be gone by now.
func (t sealedTable) reseal(ctx context.Context, tx bun.Tx, s sealer, id uuid.UUID) error {
	values, by, owner := make([][]byte, len(t.columns)), "", uuid.Nil
	into := []any{&by, &owner}
	for i := range values {
		into = append(into, &values[i])
	}
	err := tx.NewRaw("SELECT sealed_by, ?, ? FROM ? WHERE id = ? FOR NO KEY UPDATE", bun.Ident(t.owner), bun.Safe(strings.Join(t.columns, ", ")), bun.Ident(t.name), id).Scan(ctx, into...)
	if err != nil {
		return settled(none(err, "There is nothing of the id %s.", id))
	}
	q := tx.NewUpdate().Table(t.name).Set("sealed_by = ?", s.by()).Where("id = ?", id)
	for i, value := range values {
		if value == nil {
			continue
		}
		text, err := s.open(ctx, tx.Tx, sealedText{t.place(owner), by, value})
		if err != nil {
			return fmt.Errorf("open the %s: %w", t.columns[i], err)
		}
		if value, err = s.seal(ctx, tx.Tx, t.place(owner), text); err != nil {
			return err
		}
		q = q.Set("? = ?", bun.Ident(t.columns[i]), value)
	}
	_, err = q.Exec(ctx)
	return err
}
