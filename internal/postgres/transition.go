package postgres

import (
	"context"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// before says from which statuses each status can be reached. Nothing leads out of
// completed, failed or canceled but a new run.
var before = map[transcription.Status][]transcription.Status{
	transcription.Queued:       {transcription.Uploading},
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

// move is the one place where a status changes. Set may add what belongs to the new
// status, in the same statement. Conflict: the run is not in a status that leads
// there.
func move(ctx context.Context, tx bun.Tx, ref transcription.Ref, to transcription.Status, set ...func(*bun.UpdateQuery) *bun.UpdateQuery) error {
	n, err := affected(tx.NewUpdate().Model((*transcriptionRow)(nil)).
		Set("status = ?", to).Set("updated_at = clock_timestamp()").Apply(set...).
		Where("id = ?", ref.ID).Where("run = ?", ref.Run).Where("status IN (?)", bun.List(before[to])).Exec(ctx))
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.New(fault.Conflict, "Transcription %s cannot become %s now.", ref, to)
	}
	return nil
}

// parent is what a locked transcription tells about itself.
type parent struct {
	OwnerID uuid.UUID
	Status  transcription.Status
	Model   string // chosen by prepare
}

// lockRun locks the transcription until the transaction ends and thereby orders
// everybody who changes the run. NotFound: it was deleted. Conflict: the run is
// over, or another has begun.
func lockRun(ctx context.Context, tx bun.Tx, ref transcription.Ref) (parent, error) {
	var p parent
	var run int
	err := tx.NewRaw("SELECT owner_id, status, model, run FROM transcriptions WHERE id = ? FOR UPDATE", ref.ID).
		Scan(ctx, &p.OwnerID, &p.Status, &p.Model, &run)
	if err != nil {
		return p, none(err, "The transcription was deleted.")
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
