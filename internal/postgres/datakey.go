package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/seal"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

var _ seal.Seals = (*DB)(nil)

// sealBatch bounds how many seals are renewed in one transaction: whoever deletes one of
// these transcriptions waits for it.
const sealBatch = 500

type dataKeyRow struct {
	bun.BaseModel `bun:"table:data_keys,alias:k"`

	TranscriptionID uuid.UUID `bun:",pk,type:uuid"`
	Sealed          []byte    `bun:"type:bytea"`
	SealedBy        string    `bun:"type:text"`
	Texts           bool
}

func newDataKeyRow(id uuid.UUID, s transcription.Seal) dataKeyRow {
	return dataKeyRow{TranscriptionID: id, Sealed: s.Key, SealedBy: s.By, Texts: s.Texts}
}

func (r *dataKeyRow) seal() transcription.Seal {
	return transcription.Seal{Key: r.Sealed, By: r.SealedBy, Texts: r.Texts}
}

// addSeal records the seal of a transcription that is new, if it has one.
func addSeal(ctx context.Context, tx bun.Tx, t *transcription.Transcription) error {
	if t.File.Seal.Key == nil {
		return nil
	}
	row := newDataKeyRow(t.ID, t.File.Seal)
	_, err := tx.NewInsert().Model(&row).Exec(ctx)
	return err
}

// Seal returns the seal of a transcription, or of an export, the zero value when it has none.
// NotFound: there is neither.
func (db *DB) Seal(ctx context.Context, id uuid.UUID) (s transcription.Seal, err error) {
	err = db.bun.NewRaw(`SELECT k.sealed, coalesce(k.sealed_by, ''), coalesce(k.texts, false) FROM transcriptions AS t
		LEFT JOIN data_keys AS k ON k.transcription_id = t.id WHERE t.id = ?0
		UNION ALL SELECT sealed, sealed_by, false FROM exports WHERE id = ?0 AND state = 'completed' AND expires_at > now()`, id).Scan(ctx, &s.Key, &s.By, &s.Texts)
	return s, wrap(none(err, "There is no transcription %s.", id), "read the seal of %s", id)
}

// renewals renew the data keys of a batch of transcriptions, or exports, behind an id, and return
// that of the last; the zero one when there are no more.
var renewals = []func(ctx context.Context, tx bun.Tx, ring *seal.Keyring, after uuid.UUID) (last uuid.UUID, n int, failed []error, err error){renewSeals, renewExports}

// RenewSeals has all data keys encrypted with the key of the ring that encrypts, and returns how
// many were not. What it has done stays done when it is broken off; several may do it at
// once, and others work meanwhile. It is an error when one cannot be decrypted: that stays
// as it is, and the others are renewed.
func (db *DB) RenewSeals(ctx context.Context, ring *seal.Keyring) (n int, err error) {
	var errs []error
	for _, renew := range renewals {
		for more, last := true, uuid.Nil; more; more = last != uuid.Nil {
			var renewed int
			var failed []error
			err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
				last, renewed, failed, err = renew(ctx, tx, ring, last)
				return err
			})
			if err != nil {
				return n, errors.Join(append(errs, wrap(err, "renew seals"))...)
			}
			errs, n = append(errs, failed...), n+renewed
		}
	}
	return n, errors.Join(errs...)
}

func renewSeals(ctx context.Context, tx bun.Tx, ring *seal.Keyring, after uuid.UUID) (last uuid.UUID, n int, failed []error, err error) {
	var rows []dataKeyRow
	err = tx.NewSelect().Model(&rows).Where("k.sealed_by <> ?", ring.By()).Where("k.transcription_id > ?", after).
		Order("k.transcription_id").Limit(sealBatch).For("NO KEY UPDATE").Scan(ctx)
	if err != nil || len(rows) == 0 {
		return uuid.Nil, 0, nil, err
	}
	var renewed []dataKeyRow
	for _, r := range rows {
		s, err := ring.Renew(r.TranscriptionID, r.seal())
		if err != nil {
			failed = append(failed, fmt.Errorf("renew the seal of %s: %w", r.TranscriptionID, err))
			continue
		}
		renewed = append(renewed, newDataKeyRow(r.TranscriptionID, s))
	}
	if len(renewed) > 0 {
		_, err = tx.NewUpdate().Model(&renewed).Column("sealed", "sealed_by").Bulk().Exec(ctx)
	}
	return rows[len(rows)-1].TranscriptionID, len(renewed), failed, err
}

// renewExports does so for exports, of which there are few.
func renewExports(ctx context.Context, tx bun.Tx, ring *seal.Keyring, after uuid.UUID) (last uuid.UUID, n int, failed []error, err error) {
	var rows []zipRow
	err = tx.NewSelect().Model(&rows).Column("id", "sealed", "sealed_by").Where("x.sealed IS NOT NULL").Where("x.sealed_by <> ?", ring.By()).
		Where("x.id > ?", after).Order("x.id").Limit(sealBatch).For("NO KEY UPDATE").Scan(ctx)
	for i := 0; i < len(rows) && err == nil; i++ {
		last = rows[i].ID
		s, failure := ring.Renew(last, transcription.Seal{Key: rows[i].Sealed, By: rows[i].SealedBy})
		if failure != nil {
			failed = append(failed, fmt.Errorf("renew the seal of export %s: %w", last, failure))
			continue
		}
		n++
		_, err = tx.NewRaw("UPDATE exports SET sealed = ?, sealed_by = ? WHERE id = ?", s.Key, s.By, last).Exec(ctx)
	}
	return last, n, failed, err
}
