package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// Ranges are runs whose number is below zero: their steps, chunks and accounts are in the
// same tables, and what is done to a run is done to them by the same methods. Only what is
// a column of transcriptions is one of ranges here. The lock is that of the transcription.

type rangeRow struct {
	bun.BaseModel `bun:"table:ranges,alias:r"`

	TranscriptionID uuid.UUID `bun:",pk"`
	Number          int       `bun:",pk"`
	Status          transcription.Status
	StartMS         int64 `bun:"start_ms"`
	EndMS           int64 `bun:"end_ms"`
	After           int

	AskedModel    string
	AskedLanguage string
	Prompt        string
	SealedPrompt  []byte `bun:"type:bytea"`
	Translate     bool
	Split         bool
	Priority      transcription.Priority

	Model              string
	Language           string
	LanguageConfidence float64
	Progress           float64

	Revision       int
	Kept           bool
	FailureCode    string
	FailureMessage string

	CreatedAt   time.Time `bun:",nullzero,default:now()"`
	UpdatedAt   time.Time `bun:",nullzero,default:now()"`
	CompletedAt time.Time `bun:",nullzero"`
}

func newRangeRow(r *transcription.Range) *rangeRow {
	o := r.Options
	return &rangeRow{
		TranscriptionID: r.ID, Number: r.Number, Status: transcription.Queued, StartMS: ms(r.From), EndMS: ms(r.To), After: r.After,
		AskedModel: o.Model, AskedLanguage: o.Language, Prompt: clean(o.Prompt), Translate: o.Translate, Split: o.Split, Priority: o.Priority,
	}
}

func (r *rangeRow) domain() transcription.Range {
	d := transcription.Range{
		ID: r.TranscriptionID, Number: r.Number, From: fromMS(r.StartMS), To: fromMS(r.EndMS), After: r.After, Status: r.Status,
		Options: transcription.Options{Model: r.AskedModel, Language: r.AskedLanguage, Prompt: r.Prompt, Translate: r.Translate, Split: r.Split, Priority: r.Priority},
		Model:   r.Model, Language: r.Language, LanguageConfidence: r.LanguageConfidence, Progress: r.Progress, Revision: r.Revision, Kept: r.Kept,
		CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(), CompletedAt: utc(r.CompletedAt),
	}
	if r.Status == transcription.Failed {
		d.Failure = &transcription.Failure{Code: r.FailureCode, Message: r.FailureMessage}
	}
	return d
}

func (r *rangeRow) place() string { return fmt.Sprintf("prompt of range %d", r.Number) }

// rangeOf reads the row of a range.
func (x texts) rangeOf(r rangeRow) (transcription.Range, error) {
	err := x.take(r.place(), r.SealedPrompt, &r.Prompt)
	return r.domain(), err
}

// readRange returns a range. NotFound: it is not there.
func readRange(ctx context.Context, idb bun.IDB, id uuid.UUID, number int) (*rangeRow, error) {
	row := &rangeRow{TranscriptionID: id, Number: number}
	err := idb.NewSelect().Model(row).WherePK().Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		err = transcription.NoRange(number)
	}
	return row, err
}

// CreateRange inserts a range, queued, with its prepare step, books its length, and sets its
// number and its times. NotFound: there is no transcription of that id, or it belongs to
// somebody else. Conflict in_work: its text is another than that the range is of, or a run
// is on its way; what Range.MayBegin says. TooLarge quota_minutes: its owner has not so much
// left this month.
func (db *DB) CreateRange(ctx context.Context, owner uuid.UUID, r *transcription.Range) error {
	var created transcription.Range
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := lockOwner(ctx, tx, owner); err != nil {
			return err
		}
		t := new(transcriptionRow)
		err := tx.NewSelect().Model(t).Column(listed...).Relation("File").Relation("DataKey").Where("t.id = ?", r.ID).Where("t.owner_id = ?", owner).For("UPDATE OF t").Scan(ctx)
		if err != nil {
			return none(err, "There is no transcription %s.", r.ID)
		}
		shown, x, err := db.shown(t)
		if err != nil {
			return err
		}
		if err := shown.Retriable(); err != nil {
			return err
		}
		others, err := rangesInWork(ctx, tx, r.ID)
		if err != nil {
			return err
		}
		if err := r.MayBegin(others); err != nil {
			return err
		}
		if err := tx.NewRaw("SELECT coalesce(max(number), 0) + 1 FROM ranges WHERE transcription_id = ?", r.ID).Scan(ctx, &r.Number); err != nil {
			return err
		}
		row := newRangeRow(r)
		if row.Prompt, row.SealedPrompt, err = x.prompt(row.place(), r.Options.Prompt); err != nil {
			return err
		}
		if err := tx.NewInsert().Model(row).Returning("created_at, updated_at").Scan(ctx); err != nil {
			return err
		}
		if err := db.bookRange(ctx, tx, owner, r); err != nil {
			return err
		}
		p := parent{OwnerID: owner, Model: r.Options.Model, Priority: r.Options.Priority}
		if err := addSteps(ctx, tx, newStepRow(r.Ref(), p, pipeline.Prepare, 0, 1)); err != nil {
			return err
		}
		created, err = x.rangeOf(*row)
		return err
	})
	if err != nil {
		return wrap(err, "create a range of %s", r.ID)
	}
	*r = created
	return nil
}

// bookRange takes the length of a range from the month of its owner, who is locked.
func (db *DB) bookRange(ctx context.Context, tx bun.Tx, owner uuid.UUID, r *transcription.Range) error {
	length := audio.FromDuration(r.To - r.From)
	if err := book(ctx, tx, owner, r.Ref()); err != nil {
		return err
	}
	q, err := db.quotaOf(ctx, tx, owner)
	if err != nil {
		return err
	}
	if q.Sound > 0 {
		if err := left(ctx, tx, owner, r.Ref(), q, length); err != nil {
			return err
		}
	}
	return bookLength(ctx, tx, r.Ref(), length)
}

// rangesInWork returns the ranges of a locked transcription that are on their way, without
// their prompts.
func rangesInWork(ctx context.Context, tx bun.Tx, id uuid.UUID) ([]transcription.Range, error) {
	var rows []rangeRow
	err := tx.NewSelect().Model(&rows).ExcludeColumn("prompt", "sealed_prompt").Where("r.transcription_id = ?", id).Where("r.status IN (?)", bun.List(living())).Order("r.number").Scan(ctx)
	return each(rows, func(r rangeRow) transcription.Range { return r.domain() }), err
}

// Ranges returns a page of the ranges of a transcription, newest first, below a number; 0:
// from the newest. NotFound: there is no transcription of that id, or it belongs to somebody
// else.
func (db *DB) Ranges(ctx context.Context, owner, id uuid.UUID, before, limit int) ([]transcription.Range, error) {
	var there bool
	if err := db.bun.NewRaw("SELECT true FROM transcriptions WHERE id = ? AND owner_id = ?", id, owner).Scan(ctx, &there); err != nil {
		return nil, wrap(none(err, "There is no transcription %s.", id), "read the ranges of %s", id)
	}
	var rows []rangeRow
	q := db.bun.NewSelect().Model(&rows).Where("r.transcription_id = ?", id).Order("r.number DESC").Limit(int64(min(max(limit, 1), transcription.MaxPage)))
	if before > 0 {
		q = q.Where("r.number < ?", before)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, wrap(err, "read the ranges of %s", id)
	}
	x, err := db.textsOf(ctx, db.bun, id)
	if err != nil {
		return nil, wrap(err, "read the ranges of %s", id)
	}
	found, err := tried(rows, x.rangeOf)
	return found, wrap(err, "read the ranges of %s", id)
}

// CancelRange ends a range in the status canceled, with all its steps. Whoever works on it has
// every later write refused. One that is canceled already stays as it is. NotFound: there is
// none of that number, or it belongs to somebody else. Conflict already_ended: it has completed
// or failed.
func (db *DB) CancelRange(ctx context.Context, owner, id uuid.UUID, number int) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		var there bool
		if err := tx.NewRaw("SELECT true FROM transcriptions WHERE id = ? AND owner_id = ? FOR UPDATE", id, owner).Scan(ctx, &there); err != nil {
			return none(err, "There is no transcription %s.", id)
		}
		row, err := readRange(ctx, tx, id, number)
		if err != nil || row.Status == transcription.Canceled {
			return err
		}
		if row.Status.Final() {
			return transcription.AlreadyEnded(row.Status)
		}
		c := change{ref: transcription.Range{ID: id, Number: number}.Ref(), to: transcription.Canceled, by: user(owner)}
		if err := move(ctx, tx, c); err != nil {
			return err
		}
		if err := stop(ctx, tx, c.ref); err != nil {
			return err
		}
		return discardChunks(ctx, tx, parent{OwnerID: owner}, c.ref, 0)
	})
	return wrap(err, "cancel range %d of %s", number, id)
}

// moveRange is move for a range. Its transcription, which the caller has locked, stays as it is.
func moveRange(ctx context.Context, tx bun.Tx, number int, c change, set ...func(*bun.UpdateQuery) *bun.UpdateQuery) error {
	n, err := affected(tx.NewUpdate().Model((*rangeRow)(nil)).
		Set("status = ?", c.to).Set("updated_at = clock_timestamp()").Apply(set...).
		Where("r.transcription_id = ?", c.ref.ID).Where("r.number = ?", number).Where("r.status IN (?)", bun.List(before[c.to])).Exec(ctx))
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.New(fault.Conflict, "Range %s cannot become %s now.", c.ref, c.to)
	}
	if !c.to.Final() {
		return nil
	}
	return settleRanges(ctx, tx, c.ref.ID, number)
}

// settleRanges closes the accounts of ranges that have ended or are about to be deleted, as
// settleUsage does; number 0 is all of a transcription's.
func settleRanges(ctx context.Context, tx bun.Tx, id uuid.UUID, number int) error {
	_, err := tx.NewRaw(`UPDATE usage AS u SET settled = true,
			samples = CASE r.status WHEN 'completed' THEN u.samples WHEN 'failed' THEN 0 ELSE least(r.done_samples, u.samples) END
		FROM ranges AS r WHERE r.transcription_id = ?0 AND (?1 = 0 OR r.number = ?1) AND u.transcription_id = ?0 AND u.run = -r.number AND NOT u.settled`, id, number).Exec(ctx)
	return err
}

// runOfRange makes a transcription the run of one of its ranges.
func (x texts) runOfRange(ctx context.Context, idb bun.IDB, t *transcription.Transcription, number int) error {
	row, err := readRange(ctx, idb, t.ID, number)
	if err != nil {
		return err
	}
	r, err := x.rangeOf(*row)
	if err != nil {
		return err
	}
	t.Run, t.Status, t.Options, t.Range = r.Ref().Run, r.Status, r.Options, &r
	t.Model, t.Language, t.LanguageConfidence, t.Progress = r.Model, r.Language, r.LanguageConfidence, r.Progress
	return nil
}

// growRange counts sound of a locked range that was cut, or done.
func growRange(ctx context.Context, tx bun.Tx, id uuid.UUID, number int, cut, done audio.Samples) error {
	_, err := tx.NewRaw(`UPDATE ranges SET cut_samples = cut_samples + ?0, done_samples = done_samples + ?1, updated_at = clock_timestamp(),
			progress = greatest(progress, least(0.99, coalesce((done_samples + ?1)::float8 / nullif(
				CASE status WHEN 'preparing' THEN greatest(cut_samples + ?0, (end_ms - start_ms) * ?2 / 1000) ELSE cut_samples + ?0 END, 0), 0)))
		WHERE transcription_id = ?3 AND number = ?4`, cut, done, audio.SampleRate, id, number).Exec(ctx)
	return err
}

// finishRangeChunk is FinishChunk for a range.
func finishRangeChunk(ctx context.Context, tx bun.Tx, l pipeline.Lease, number int, row *chunkRow) error {
	if _, err := lockRun(ctx, tx, l.Step.Ref); err != nil {
		return err
	}
	if err := finish(ctx, tx, l); err != nil {
		return err
	}
	_, err := tx.NewUpdate().Model(row).Column("segments", "sealed", "speech", "decoded_samples", "elapsed_us", "made", "weights").Set("done_at = clock_timestamp()").WherePK().Exec(ctx)
	if err != nil {
		return err
	}
	return growRange(ctx, tx, l.Step.Ref.ID, number, 0, row.EndSample-row.StartSample)
}

// completeRange makes what was heard of a range a revision of the present text of a locked
// transcription. A part that was edited since comes back, as renew has it.
func (x texts) completeRange(ctx context.Context, tx bun.Tx, l pipeline.Lease, p parent, heard []transcription.Segment) error {
	ref := l.Step.Ref
	number, _ := ref.Range()
	row, err := readRange(ctx, tx, ref.ID, number)
	if err != nil {
		return err
	}
	r := row.domain()
	text, err := x.segments(ctx, tx, ref.ID, 0)
	if err != nil {
		return err
	}
	asked, err := transcription.Before(text, p.Revision, r.After, func(f transcription.RevisionFilter) ([]transcription.Revision, error) {
		return x.revisions(ctx, tx, ref.ID, f)
	})
	if err != nil {
		return err
	}
	now := r.Into(text, heard)
	splices := transcription.Splices(text, now)
	r.Revision, r.Kept = p.Revision, len(splices) > 0 && r.Touched(asked, text)
	if len(splices) > 0 {
		r.Revision++
		in := transcription.Ref{ID: ref.ID, Run: p.Run}
		err = x.reviseRange(ctx, tx, remade{in: in, after: p.Revision, kept: r.Kept, by: holder(l), now: now, splices: splices})
	}
	if err != nil {
		return err
	}
	return move(ctx, tx, change{ref: ref, to: transcription.Completed, by: holder(l)}, func(q *bun.UpdateQuery) *bun.UpdateQuery {
		return q.Set("completed_at = statement_timestamp()").Set("progress = 1").Set("revision = ?", r.Revision).Set("kept = ?", r.Kept)
	})
}

// remade is a text in which a range was heard anew.
type remade struct {
	in      transcription.Ref // the present run of the recording
	after   int               // the revision that it was heard in the place of
	kept    bool              // what was there stays
	by      transcription.Actor
	now     []transcription.Segment
	splices []transcription.Splice // of what was there
}

// reviseRange records what was heard of a range, and puts it into the text unless what was
// there is kept.
func (x texts) reviseRange(ctx context.Context, tx bun.Tx, r remade) error {
	c := transcription.Change{After: r.after, Kind: transcription.ByRange, Splices: r.splices}
	if err := x.addRevision(ctx, tx, r.in, c, r.by); err != nil {
		return err
	}
	if r.kept {
		back := transcription.Change{After: r.after + 1, Kind: transcription.ByKeeping, Of: r.after, Splices: transcription.Reverse(r.splices)}
		return x.addRevision(ctx, tx, r.in, back, r.by)
	}
	if err := x.spliceSegments(ctx, tx, r.in.ID, r.splices); err != nil {
		return err
	}
	return x.writeText(ctx, tx, r.in.ID, r.now)
}
