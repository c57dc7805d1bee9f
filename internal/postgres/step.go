package postgres

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// The states of a step.
const (
	waiting    = "waiting"    // for its turn
	dispatched = "dispatched" // in the queue
	running    = "running"    // under a lease
	done       = "done"
	failed     = "failed"   // out of attempts
	canceled   = "canceled" // the run ended without it
)

type stepRow struct {
	bun.BaseModel `bun:"table:steps,alias:s"`

	TranscriptionID uuid.UUID     `bun:",pk,type:uuid"`
	Run             int           `bun:",pk"`
	Kind            pipeline.Kind `bun:",pk"`
	Index           int           `bun:",pk"`
	OwnerID         uuid.UUID
	MaxAttempts     int
	Cost            int64
	Model           string
	Priority        transcription.Priority
	Lane            pipeline.Lane
	Gen             int
}

func newStepRow(ref transcription.Ref, p parent, k pipeline.Kind, index int, cost int64) *stepRow {
	return &stepRow{
		TranscriptionID: ref.ID, Run: ref.Run, Kind: k, Index: index,
		OwnerID: p.OwnerID, Model: p.Model, Priority: p.Priority, MaxAttempts: pipeline.MaxAttempts, Cost: max(cost, 1),
	}
}

func (r *stepRow) domain() pipeline.Step {
	return pipeline.Step{
		Ref:  transcription.Ref{ID: r.TranscriptionID, Run: r.Run},
		Kind: r.Kind, Index: r.Index, Lane: r.Lane, Gen: r.Gen,
	}
}

// stepColumns are the columns that name a step, in the order of stepRow.domain.
const stepColumns = "s.transcription_id, s.run, s.kind, s.index, s.lane, s.gen"

func steps(rows []stepRow) []pipeline.Step {
	found := make([]pipeline.Step, len(rows))
	for i := range rows {
		found[i] = rows[i].domain()
	}
	return found
}

// addSteps inserts waiting steps. Those that exist already stay as they are.
func addSteps(ctx context.Context, tx bun.Tx, rows ...*stepRow) error {
	_, err := tx.NewInsert().Model(&rows).On("CONFLICT DO NOTHING").Exec(ctx)
	return err
}

// named narrows q to one step.
func named(q *bun.UpdateQuery, s pipeline.Step) *bun.UpdateQuery {
	return q.Where("s.transcription_id = ?", s.Ref.ID).Where("s.run = ?", s.Ref.Run).
		Where("s.kind = ?", s.Kind).Where("s.index = ?", s.Index)
}

// leased narrows q to the step of a lease, if it is still held. A lease that has
// expired is held until somebody takes it away: its result is as good as any.
func leased(q *bun.UpdateQuery, l pipeline.Lease) *bun.UpdateQuery {
	return named(q, l.Step).Where("s.state = ?", running).Where("s.lease_token = ?", l.Token)
}

// unlease makes a step give up its lease, as every state but running demands.
func unlease(q *bun.UpdateQuery) *bun.UpdateQuery {
	return q.Set("lease_token = NULL").Set("lease_until = NULL")
}

func lost(l pipeline.Lease) error {
	return fault.New(fault.Conflict, "The lease on %s is lost.", l.Step)
}

// hold locks the step of a lease until the transaction ends. Conflict: the lease is
// lost, or is on another kind of step than the caller thinks.
func hold(ctx context.Context, tx bun.Tx, l pipeline.Lease, k pipeline.Kind) error {
	if l.Step.Kind != k {
		return lost(l)
	}
	var index int
	err := tx.NewSelect().Model((*stepRow)(nil)).Column("index").
		Where("s.transcription_id = ?", l.Step.Ref.ID).Where("s.run = ?", l.Step.Ref.Run).
		Where("s.kind = ?", k).Where("s.index = ?", l.Step.Index).
		Where("s.state = ?", running).Where("s.lease_token = ?", l.Token).For("UPDATE").Scan(ctx, &index)
	if errors.Is(err, sql.ErrNoRows) {
		return lost(l)
	}
	return err
}

// holdExhausted locks a step until the transaction ends, if its last attempt was
// begun and its lease has expired. Else it returns sql.ErrNoRows.
func holdExhausted(ctx context.Context, tx bun.Tx, s pipeline.Step) error {
	var index int
	return tx.NewSelect().Model((*stepRow)(nil)).Column("index").
		Where("s.transcription_id = ?", s.Ref.ID).Where("s.run = ?", s.Ref.Run).
		Where("s.kind = ?", s.Kind).Where("s.index = ?", s.Index).Where("s.gen = ?", s.Gen).
		Where("s.state = ?", running).Where("s.lease_until < now()").Where("s.attempts >= s.max_attempts").
		For("UPDATE").Scan(ctx, &index)
}

// finish ends the step of a lease. Conflict: the lease is lost.
func finish(ctx context.Context, tx bun.Tx, l pipeline.Lease) error {
	n, err := affected(leased(unlease(tx.NewUpdate().Model((*stepRow)(nil)).Set("state = ?", done)), l).Exec(ctx))
	if err == nil && n == 0 {
		return lost(l)
	}
	return err
}

// Claim gives a lease on the step and counts the attempt. Conflict: the step is
// done, somebody else's, of an older generation or run, or out of attempts. Only
// the generation that was put in the queue last can be claimed.
func (db *DB) Claim(ctx context.Context, s pipeline.Step, worker string, lease time.Duration) (pipeline.Lease, error) {
	if s.Kind == pipeline.Deliver {
		return db.claimDelivery(ctx, s, worker, lease)
	}
	l := pipeline.Lease{Step: s, Worker: worker}
	q := db.bun.NewUpdate().Model((*stepRow)(nil)).TableExpr("runs AS t").
		Set("state = ?", running).Set("attempts = s.attempts + 1").Set("heard_samples = 0").Set("worker = ?", worker).
		Set("lease_token = gen_random_uuid()").Set("lease_until = clock_timestamp() + make_interval(secs => ?)", lease.Seconds()).
		Where("t.id = s.transcription_id").Where("t.run = s.run").Where("t.status IN (?)", bun.List(living())).
		Where("s.state = ?", dispatched).Where("s.gen = ?", s.Gen).Where("s.attempts < s.max_attempts").Where(hasty)
	err := named(q, s).Returning("s.lease_token, s.attempts").Scan(ctx, &l.Token, &l.Attempt)
	if errors.Is(err, sql.ErrNoRows) {
		err = fault.New(fault.Conflict, "There is nothing to do for %s.", s)
	}
	return l, wrap(err, "claim %s", s)
}

// Renew extends the lease. Conflict: it is lost, or the run is over.
func (db *DB) Renew(ctx context.Context, l pipeline.Lease, lease time.Duration) error {
	if l.Step.Kind == pipeline.Deliver {
		return db.renewDelivery(ctx, l, lease)
	}
	q := db.bun.NewUpdate().Model((*stepRow)(nil)).
		Set("lease_until = clock_timestamp() + make_interval(secs => ?)", lease.Seconds())
	n, err := affected(leased(q, l).Exec(ctx))
	if err == nil && n == 0 {
		err = lost(l)
	}
	return wrap(err, "renew %s", l.Step)
}

// Release hands the step back to be dispatched again after the delay. An attempt
// that was merely interrupted does not count. A step that is out of attempts stays
// where it is with its lease run out, so that Rescue reports it as exhausted.
// Conflict: the lease is lost or the run is over.
func (db *DB) Release(ctx context.Context, l pipeline.Lease, after time.Duration, interrupted bool) error {
	if l.Step.Kind == pipeline.Deliver {
		return db.releaseDelivery(ctx, l, after)
	}
	spared := 0
	if interrupted {
		spared = 1
	}
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		p, err := lockRun(ctx, tx, l.Step.Ref)
		if err != nil {
			return err
		}
		again := tx.NewUpdate().Model((*stepRow)(nil)).Set("state = ?", waiting).Set("attempts = s.attempts - ?", spared).
			Set("next_at = clock_timestamp() + make_interval(secs => ?)", after.Seconds()).
			Where("s.attempts - ? < s.max_attempts", spared)
		n, err := affected(leased(unlease(again), l).Exec(ctx))
		if err != nil || n > 0 && interrupted {
			return err
		}
		if n > 0 {
			return record(ctx, tx, stepFailed(p, l))
		}
		over := tx.NewUpdate().Model((*stepRow)(nil)).Set("lease_until = now() - interval '1 second'")
		n, err = affected(leased(over, l).Exec(ctx))
		if err == nil && n == 0 {
			return lost(l)
		}
		return err
	})
	return wrap(err, "release %s", l.Step)
}

// stepFailed is the event of an attempt that has failed.
func stepFailed(p parent, l pipeline.Lease) event {
	e := event{ref: transcription.Ref{ID: l.Step.Ref.ID, Run: p.Run}, kind: transcription.StepFailed, by: holder(l), details: map[string]any{
		"step": l.Step.Kind, "index": l.Step.Index, "attempt": l.Attempt,
	}}
	if number, ok := l.Step.Ref.Range(); ok {
		e.details["range"] = number
	}
	return e
}

// Elsewhere reports whether a living worker other than the lease's has the model that
// its step needs.
func (db *DB) Elsewhere(ctx context.Context, l pipeline.Lease) (there bool, err error) {
	err = db.bun.NewRaw(`SELECT EXISTS (SELECT FROM steps AS s JOIN workers AS w ON w.id <> s.worker AND s.model = ANY(w.models)
		WHERE s.transcription_id = ? AND s.run = ? AND s.kind = ? AND s.index = ? AND w.seen_at > now() - make_interval(secs => ?))`,
		l.Step.Ref.ID, l.Step.Ref.Run, l.Step.Kind, l.Step.Index, alive.Seconds()).Scan(ctx, &there)
	return there, wrap(err, "ask who can do %s", l.Step)
}

// Undispatch puts a step back that the queue did not accept. It is no error when
// the step has moved on meanwhile.
func (db *DB) Undispatch(ctx context.Context, s pipeline.Step) error {
	if s.Kind == pipeline.Deliver {
		return db.undispatchDelivery(ctx, s)
	}
	_, err := named(db.bun.NewUpdate().Model((*stepRow)(nil)).Set("state = ?", waiting), s).
		Where("s.state = ?", dispatched).Where("s.gen = ?", s.Gen).Exec(ctx)
	return wrap(err, "undispatch %s", s)
}
