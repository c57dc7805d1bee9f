package postgres

import (
	"context"
	"database/sql"
	"errors"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/webhook"
)

// before says from which statuses each status can be reached. Nothing leads out of
// completed, failed or canceled but another run, which begins queued.
var before = map[transcription.Status][]transcription.Status{
	transcription.Queued:       append(ended(), transcription.Uploading),
	transcription.Preparing:    {transcription.Queued, transcription.Preparing},
	transcription.Transcribing: {transcription.Preparing},
	transcription.Merging:      {transcription.Transcribing},
	transcription.Completed:    {transcription.Merging},
	transcription.Failed:       living(),
	transcription.Canceled:     living(),
}

// living returns the statuses of a run that is not over.
func living() (found []transcription.Status) {
	for _, s := range transcription.Statuses {
		if !s.Final() {
			found = append(found, s)
		}
	}
	return found
}

// ended returns the statuses of a run that is over.
func ended() []transcription.Status {
	return []transcription.Status{transcription.Completed, transcription.Failed, transcription.Canceled}
}

// change is a change of status.
type change struct {
	ref     transcription.Ref
	to      transcription.Status
	by      transcription.Actor
	details map[string]any
}

// move is the one place where a status changes, but for write. Set may add what belongs to the new
// status, in the same statement. Conflict: the run is not in a status that leads
// there.
func move(ctx context.Context, tx bun.Tx, c change, set ...func(*bun.UpdateQuery) *bun.UpdateQuery) error {
	if number, ok := c.ref.Range(); ok {
		return moveRange(ctx, tx, number, c, set...)
	}
	var from transcription.Status
	err := tx.NewUpdate().Model((*transcriptionRow)(nil)).
		TableExpr("(SELECT status AS was FROM transcriptions WHERE id = ? FOR UPDATE) AS old", c.ref.ID).
		Set("status = ?", c.to).Set("updated_at = clock_timestamp()").Apply(set...).
		Where("t.id = ?", c.ref.ID).Where("t.run = ?", c.ref.Run).Where("t.status IN (?)", bun.List(before[c.to])).
		Returning("old.was, t.run").Scan(ctx, &from, &c.ref.Run)
	if errors.Is(err, sql.ErrNoRows) {
		return fault.New(fault.Conflict, "Transcription %s cannot become %s now.", c.ref, c.to)
	}
	if err != nil || from == c.to {
		return err
	}
	if c.to.Final() {
		if err := settleUsage(ctx, tx, c.ref.ID); err != nil {
			return err
		}
	}
	return announce(ctx, tx, c, from)
}

// announce writes what others learn of a change by, in the same transaction. What
// shall be there if and only if a status has changed is written here and nowhere
// else. From is empty for a transcription that was just created.
func announce(ctx context.Context, tx bun.Tx, c change, from transcription.Status) error {
	changed(ctx, c.ref.ID)
	if err := record(ctx, tx, event{ref: c.ref, kind: eventType(from, c.to), by: c.by, details: c.details}); err != nil {
		return err
	}
	typ, told := webhook.TypeOf(c.to)
	if !told {
		return nil
	}
	if err := notify(ctx, tx, c.ref, typ); err != nil {
		return err
	}
	if err := overtake(ctx, tx, c.ref.ID); err != nil {
		return err
	}
	return settleBatch(ctx, tx, c.ref.ID)
}

// parent is what a locked transcription tells about itself and, when it is locked for a
// range, about that.
type parent struct {
	OwnerID  uuid.UUID
	Run      int                  // the present one of the transcription
	Status   transcription.Status // of the run
	Model    string               // of the run, chosen by prepare
	Earlier  bool                 // there is the text of an earlier run
	Revision int                  // of that
	Edited   bool                 // a person has a part in it
	Priority transcription.Priority
}

// lockRun locks the transcription until the transaction ends and thereby orders
// everybody who changes the run. NotFound: it was deleted. Conflict: the run is
// over, or another has begun.
func lockRun(ctx context.Context, tx bun.Tx, ref transcription.Ref) (parent, error) {
	var p parent
	err := tx.NewRaw("SELECT owner_id, status, model, earlier IS NOT NULL, revision, edited, priority, run FROM transcriptions WHERE id = ? FOR UPDATE", ref.ID).
		Scan(ctx, &p.OwnerID, &p.Status, &p.Model, &p.Earlier, &p.Revision, &p.Edited, &p.Priority, &p.Run)
	if err != nil {
		return p, none(err, "The transcription was deleted.")
	}
	run := p.Run
	if number, ok := ref.Range(); ok {
		row, err := readRange(ctx, tx, ref.ID, number)
		if err != nil {
			return p, err
		}
		run, p.Status, p.Model = ref.Run, row.Status, row.Model
	}
	return p, current(ref, run, p.Status)
}

// current returns a Conflict unless ref is the present run and not over.
func current(ref transcription.Ref, run int, s transcription.Status) error {
	if run != ref.Run || s.Final() {
		return fault.New(fault.Conflict, "Run %s is over.", ref).With("run", run).With("status", string(s))
	}
	return nil
}
