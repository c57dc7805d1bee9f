package postgres

import (
	"context"
	"database/sql"
	"errors"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// Write gives a run that has failed or was canceled a text, which completes it. NotFound:
// there is no transcription of that id that who may edit. Conflict revision_moved: the run is
// not the present one, or has not ended without a text.
func (db *DB) Write(ctx context.Context, who uuid.UUID, f transcription.FirstText) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, _, err := lockToEdit(ctx, tx, who, f.Ref.ID); err != nil {
			return err
		}
		return db.write(ctx, tx, f)
	})
	return wrap(err, "write the text of %s", f.Ref)
}

// write completes a locked run on which nobody works with a text of a person's. No other
// change of status is one from an end to another, so this is none that move makes.
func (db *DB) write(ctx context.Context, tx bun.Tx, f transcription.FirstText) error {
	x, err := db.textsOf(ctx, tx, f.Ref.ID)
	if err != nil {
		return err
	}
	text, err := x.setText(transcription.Text(f.Segments), transcription.Speakers(f.Segments))
	if err != nil {
		return err
	}
	var from transcription.Status
	err = tx.NewUpdate().Model((*transcriptionRow)(nil)).
		TableExpr("(SELECT status AS was FROM transcriptions WHERE id = ? FOR UPDATE) AS old", f.Ref.ID).
		Set("status = ?", transcription.Completed).Set("completed_at = statement_timestamp()").Set("updated_at = clock_timestamp()").
		Set("progress = 1").Set("failure_code = ''").Set("failure_message = ''").Set("edited = true").Set("written = true").
		Set("warnings = ?", newWarnings(f.Warnings)).Apply(text).
		Set("language = coalesce(nullif(t.asked_language, ''), t.language)").
		Set("language_confidence = CASE WHEN t.asked_language = '' THEN t.language_confidence ELSE 1 END").
		Where("t.id = ?", f.Ref.ID).Where("t.run = ?", f.Ref.Run).Where("t.earlier IS NULL").
		Where("(t.status IN ('failed', 'canceled') OR NOT EXISTS (SELECT FROM steps AS s WHERE s.transcription_id = t.id))").
		Returning("old.was").Scan(ctx, &from)
	if errors.Is(err, sql.ErrNoRows) {
		return transcription.RevisionMoved()
	}
	if err != nil {
		return err
	}
	if err := x.writeSegments(ctx, tx, f.Ref.ID, 0, f.Segments); err != nil {
		return err
	}
	if err := addWriting(ctx, tx, f); err != nil {
		return err
	}
	if err := settleUsage(ctx, tx, f.Ref.ID); err != nil {
		return err
	}
	return announce(ctx, tx, change{ref: f.Ref, to: transcription.Completed, by: f.By}, from)
}
