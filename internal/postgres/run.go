package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path"

	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// Run returns the run of ref without its text. Conflict: it is over, or another
// has begun. NotFound: it was deleted.
func (db *DB) Run(ctx context.Context, ref transcription.Ref) (*transcription.Transcription, error) {
	row := new(transcriptionRow)
	err := db.bun.NewSelect().Model(row).Column(listed...).Relation("File").Relation("DataKey").Where("t.id = ?", ref.ID).Scan(ctx)
	if err != nil {
		return nil, wrap(none(err, "The transcription was deleted."), "read run %s", ref)
	}
	t, x, err := db.shown(row)
	if err != nil {
		return nil, wrap(err, "read run %s", ref)
	}
	if number, ok := ref.Range(); ok {
		if err := x.runOfRange(ctx, db.bun, t, number); err != nil {
			return nil, wrap(err, "read run %s", ref)
		}
	}
	if err := current(ref, t.Run, t.Status); err != nil {
		return nil, wrap(err, "read run %s", ref)
	}
	return t, nil
}

// SaveSource records what is known of the recording; the status becomes preparing.
// It may be called again as more is known: what s leaves empty stays as it was.
// Conflict: the lease is lost or the run is over. TooLarge quota_minutes: its owner has
// not so much left this month.
func (db *DB) SaveSource(ctx context.Context, l pipeline.Lease, s pipeline.Source) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		return db.saveSource(ctx, tx, l, s)
	})
	return wrap(err, "save the source of %s", l.Step.Ref)
}

func (db *DB) saveSource(ctx context.Context, tx bun.Tx, l pipeline.Lease, s pipeline.Source) error {
	if _, ok := l.Step.Ref.Range(); ok {
		s.Duration, s.Missing = 0, 0 // its length is booked, and what is missing of the recording is known
	}
	if s.Duration > 0 {
		if err := db.afford(ctx, tx, l.Step.Ref, s.Duration); err != nil {
			return err
		}
	}
	if _, err := lockRun(ctx, tx, l.Step.Ref); err != nil {
		return err
	}
	if err := hold(ctx, tx, l, pipeline.Prepare); err != nil {
		return err
	}
	err := move(ctx, tx, change{ref: l.Step.Ref, to: transcription.Preparing, by: holder(l)}, func(q *bun.UpdateQuery) *bun.UpdateQuery {
		if s.Duration > 0 {
			q = q.Set("duration_samples = ?", s.Duration)
		}
		if s.Missing > 0 {
			q = q.Set("missing_samples = ?", s.Missing)
		}
		if s.Joined {
			q = q.Set("joined = true")
		}
		if s.Model != "" {
			q = q.Set("model = ?", s.Model)
		}
		if s.Language != "" {
			q = q.Set("language = ?", s.Language).Set("language_confidence = ?", unit(s.LanguageConfidence))
		}
		return q
	})
	if err != nil || s.Duration == 0 {
		return err
	}
	return bookLength(ctx, tx, l.Step.Ref, s.Duration)
}

// FinishPrepare records that there are no more chunks, the true length and where the
// outline is; that of an earlier run is garbage then. The
// status becomes transcribing. Advance does the rest, also when there is no chunk
// at all. It is an error when chunks are missing. Conflict: the lease is lost or the run
// is over.
func (db *DB) FinishPrepare(ctx context.Context, l pipeline.Lease, s pipeline.Source) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := db.saveSource(ctx, tx, l, s); err != nil {
			return err
		}
		if err := tiled(ctx, tx, l.Step.Ref, s.Chunks); err != nil {
			return err
		}
		if err := finish(ctx, tx, l); err != nil {
			return err
		}
		if err := replacePeaks(ctx, tx, l.Step.Ref, s.Peaks); err != nil {
			return err
		}
		return move(ctx, tx, change{ref: l.Step.Ref, to: transcription.Transcribing, by: holder(l)})
	})
	return wrap(err, "finish preparing %s", l.Step.Ref)
}

// replacePeaks makes the object under key the outline of a locked transcription, and the
// one so far garbage. Without a key the one so far stays: a range has none.
func replacePeaks(ctx context.Context, tx bun.Tx, ref transcription.Ref, key string) error {
	if key == "" {
		return nil
	}
	var former string
	err := tx.NewRaw("UPDATE transcriptions AS t SET peaks_key = ? FROM transcriptions AS old WHERE t.id = ? AND old.id = t.id RETURNING old.peaks_key", key, ref.ID).
		Scan(ctx, &former)
	if err != nil || former == "" || path.Dir(former) == path.Dir(key) {
		return err
	}
	return discard(ctx, tx, path.Dir(former)+"/")
}

// unfinished selects the chunks of a run t that are not done.
const unfinished = `SELECT FROM steps AS s WHERE s.transcription_id = t.id AND s.run = t.run AND s.kind = 'transcribe' AND s.state <> 'done'`

// Advance makes steps that have become ready: Merge once all chunks are done. It is
// idempotent, and no error when the run is over or deleted. Most find without a lock that
// chunks are left: of several that are finished at once, whoever looks last sees all.
func (db *DB) Advance(ctx context.Context, ref transcription.Ref) error {
	var ready bool
	err := db.bun.NewRaw("SELECT t.status = ? AND NOT EXISTS ("+unfinished+") FROM runs AS t WHERE t.id = ? AND t.run = ?",
		transcription.Transcribing, ref.ID, ref.Run).Scan(ctx, &ready)
	if err != nil || !ready {
		return wrap(settled(none(err, "Run %s is over.", ref)), "look at %s", ref)
	}
	err = db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		p, err := lockRun(ctx, tx, ref)
		if err != nil || p.Status != transcription.Transcribing {
			return settled(err)
		}
		var left bool
		err = tx.NewRaw("SELECT EXISTS ("+unfinished+") FROM runs AS t WHERE t.id = ? AND t.run = ?", ref.ID, ref.Run).Scan(ctx, &left)
		if err != nil || left {
			return err
		}
		if err := move(ctx, tx, change{ref: ref, to: transcription.Merging, by: db.self}); err != nil {
			return err
		}
		return addSteps(ctx, tx, newStepRow(ref, p, pipeline.Merge, 0, 1))
	})
	return wrap(err, "advance %s", ref)
}

// Complete records the transcript; the status becomes completed. The text of an earlier run
// becomes an earlier revision; if a person has changed it, it stays, and the new one is the
// earlier revision. What was heard of a range becomes a revision, too. The objects of the chunks are garbage at once, what was heard in
// them is kept for another run as long as Forget says. Conflict: the lease is lost or
// the run is over.
func (db *DB) Complete(ctx context.Context, l pipeline.Lease, t pipeline.Transcript) error {
	ref := l.Step.Ref
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		p, err := lockRun(ctx, tx, ref)
		if err != nil {
			return err
		}
		if err := hold(ctx, tx, l, pipeline.Merge); err != nil {
			return err
		}
		if err := finish(ctx, tx, l); err != nil {
			return err
		}
		if err := discardChunks(ctx, tx, p, ref, 0); err != nil {
			return err
		}
		x, err := db.textsOf(ctx, tx, ref.ID)
		if err != nil {
			return err
		}
		if _, ok := ref.Range(); ok {
			return x.completeRange(ctx, tx, l, p, t.Segments)
		}
		text, err := x.settle(ctx, tx, l, p, t)
		if err != nil {
			return err
		}
		err = move(ctx, tx, change{ref: ref, to: transcription.Completed, by: holder(l)}, func(q *bun.UpdateQuery) *bun.UpdateQuery {
			return q.Set("completed_at = statement_timestamp()").Set("progress = 1").Apply(text)
		})
		if err != nil {
			return err
		}
		return addMaking(ctx, tx, ref, t)
	})
	return wrap(err, "complete %s", ref)
}

// settle writes the segments of a transcript, and returns what sets the text, with all that
// is known of it. Where what a person has written stays instead, so does that, and a warning
// says so.
func (x texts) settle(ctx context.Context, tx bun.Tx, l pipeline.Lease, p parent, t pipeline.Transcript) (func(*bun.UpdateQuery) *bun.UpdateQuery, error) {
	ref := l.Step.Ref
	text, err := x.setText(t.Text, transcription.Speakers(t.Segments))
	if err != nil {
		return nil, err
	}
	set := func(q *bun.UpdateQuery) *bun.UpdateQuery {
		return q.Apply(text).Set("warnings = ?", newWarnings(t.Warnings)).Set("coverage = ?", newCoverage(t.Coverage)).Set("earlier = NULL")
	}
	if !p.Earlier {
		return set, x.writeSegments(ctx, tx, ref.ID, 0, t.Segments)
	}
	kept, err := x.renew(ctx, tx, ref, p, t.Segments, holder(l))
	if err != nil || !kept {
		return set, err
	}
	written, err := isWritten(ctx, tx, ref.ID)
	if err != nil {
		return nil, err
	}
	if written {
		return warnOfEdits(transcription.WrittenKept(p.Revision + 1)), nil
	}
	return warnOfEdits(transcription.EditsKept(p.Revision + 1)), nil
}

// warnOfEdits returns what adds that warning to those of a text, instead of what it said before.
func warnOfEdits(w transcription.Warning) func(*bun.UpdateQuery) *bun.UpdateQuery {
	return func(q *bun.UpdateQuery) *bun.UpdateQuery {
		return q.Set(`warnings = ?::jsonb || coalesce((SELECT jsonb_agg(w ORDER BY n) FROM jsonb_array_elements(t.warnings) WITH ORDINALITY AS x (w, n)
			WHERE w->>'code' <> ?), '[]')`, newWarnings([]transcription.Warning{w}), w.Code)
	}
}

// Fail ends the run of the lease's step, whatever its kind. Conflict: the lease is
// lost or the run is over.
func (db *DB) Fail(ctx context.Context, l pipeline.Lease, f transcription.Failure) error {
	ref := l.Step.Ref
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		p, err := lockFailing(ctx, tx, ref, f)
		if err != nil {
			return err
		}
		if err := hold(ctx, tx, l, l.Step.Kind); err != nil {
			return err
		}
		return fail(ctx, tx, p, change{ref: ref, by: holder(l)}, f)
	})
	return wrap(err, "fail %s", ref)
}

// GiveUp ends the run of a step that Rescue called exhausted. It looks again, since
// the worker may have come back: when the step has moved on, its lease was renewed
// or the run is over, nothing happens and that is no error.
func (db *DB) GiveUp(ctx context.Context, s pipeline.Step, f transcription.Failure) error {
	if s.Kind == pipeline.Deliver {
		return db.giveUpDelivery(ctx, s)
	}
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		p, err := lockFailing(ctx, tx, s.Ref, f)
		if err != nil {
			return settled(err)
		}
		err = holdExhausted(ctx, tx, s)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		return fail(ctx, tx, p, change{ref: s.Ref, by: db.self}, f)
	})
	return wrap(err, "give up %s", s)
}

// lockFailing locks a run that is to fail. Where the recording would go with it, the owner is
// locked before, as whoever puts something under a hold does: nothing goes behind one that was
// promised.
func lockFailing(ctx context.Context, tx bun.Tx, ref transcription.Ref, f transcription.Failure) (parent, error) {
	if f.Hopeless() {
		_, err := tx.ExecContext(ctx, "SELECT FROM users WHERE id = (SELECT owner_id FROM transcriptions WHERE id = ?) FOR NO KEY UPDATE", ref.ID)
		if err != nil {
			return parent{}, err
		}
	}
	return lockRun(ctx, tx, ref)
}

// fail ends a locked run. A recording that nothing can be made of goes with it, unless it is
// held.
func fail(ctx context.Context, tx bun.Tx, p parent, c change, f transcription.Failure) error {
	f.Code = or(f.Code, string(fault.Internal))
	c.to, c.details = transcription.Failed, map[string]any{"code": f.Code}
	err := move(ctx, tx, c, func(q *bun.UpdateQuery) *bun.UpdateQuery {
		return q.Set("failure_code = ?", f.Code).Set("failure_message = ?", clean(f.Message))
	})
	if err != nil {
		return err
	}
	if err := stop(ctx, tx, c.ref); err != nil {
		return err
	}
	if _, ok := c.ref.Range(); ok {
		return discardChunks(ctx, tx, p, c.ref, 0)
	}
	if !f.Hopeless() || p.Earlier {
		return discardChunks(ctx, tx, p, c.ref, kept)
	}
	var held bool
	if err := tx.NewRaw("SELECT "+underHold+" FROM transcriptions AS t WHERE t.id = ?", c.ref.ID).Scan(ctx, &held); err != nil {
		return err
	}
	if held {
		return discardChunks(ctx, tx, p, c.ref, kept)
	}
	if err := throwAway(ctx, tx, c.ref.ID); err != nil {
		return err
	}
	return discard(ctx, tx, transcription.Prefix(p.OwnerID, c.ref.ID))
}

// stop ends all steps of a run that are not done.
func stop(ctx context.Context, tx bun.Tx, ref transcription.Ref) error {
	_, err := unlease(tx.NewUpdate().Model((*stepRow)(nil))).
		Set("state = CASE WHEN s.attempts >= s.max_attempts THEN ? ELSE ? END", failed, canceled).
		Where("s.transcription_id = ?", ref.ID).Where("s.run = ?", ref.Run).
		Where("s.state IN (?)", bun.List([]string{waiting, dispatched, running})).Exec(ctx)
	return err
}

// chunkPrefix returns the prefix of the objects that prepare makes for a run.
func chunkPrefix(p parent, ref transcription.Ref) string {
	return fmt.Sprintf("%schunks/%d/", transcription.Prefix(p.OwnerID, ref.ID), ref.Run)
}
