package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/webhook"
)

// The steps of the kind Deliver are the rows of deliveries: they belong to no run, and
// go on when that is over. What is done to steps is done to them by what is below.

// deliver returns the step of a delivery.
func deliver(id uuid.UUID, gen int) pipeline.Step {
	return pipeline.Step{Ref: transcription.Ref{ID: id, Run: 1}, Kind: pipeline.Deliver, Gen: gen}
}

// deliverStep is a row of a delivery as a step.
type deliverStep struct {
	ID  uuid.UUID
	Gen int
}

func deliverSteps(rows []deliverStep) []pipeline.Step {
	return each(rows, func(r deliverStep) pipeline.Step { return deliver(r.ID, r.Gen) })
}

// busiest is how many events may be on their way to one webhook at once: one that
// hangs must not keep everybody waiting.
const busiest = 2

// pickDeliveries locks as many deliveries that are due as there is room for in the
// queue, and returns them in order: those of webhooks to which little is on its way go
// first.
const pickDeliveries = `
WITH room AS (
	SELECT greatest(?0 - count(*), 0) AS n FROM deliveries WHERE state = 'dispatched'
), due AS MATERIALIZED (
	SELECT DISTINCT webhook_id FROM deliveries WHERE state = 'waiting' AND next_at <= now() AND (SELECT n FROM room) > 0
), served AS MATERIALIZED (
	SELECT webhook_id, (SELECT count(*) FROM deliveries AS f WHERE f.webhook_id = due.webhook_id AND f.state IN ('dispatched', 'running')) AS n FROM due
), ready AS (
	SELECT d.id, d.next_at, s.n + row_number() OVER (PARTITION BY s.webhook_id ORDER BY d.next_at, d.id) AS share
	FROM served AS s CROSS JOIN LATERAL (
		SELECT id, next_at FROM deliveries
		WHERE webhook_id = s.webhook_id AND state = 'waiting' AND next_at <= now()
		ORDER BY next_at, id LIMIT ?1
	) AS d
), picked AS (
	SELECT * FROM ready WHERE share <= ?1 ORDER BY share, next_at, id LIMIT (SELECT n FROM room)
)
SELECT d.id, d.gen + 1 AS gen FROM picked AS p
CROSS JOIN LATERAL (SELECT * FROM deliveries WHERE id = p.id AND state = 'waiting' FOR UPDATE SKIP LOCKED) AS d
ORDER BY p.share, p.next_at, p.id`

// dispatchDeliveries marks deliveries that are due as being in the queue and returns
// them, with a new generation.
func dispatchDeliveries(ctx context.Context, tx bun.Tx, window int) ([]pipeline.Step, error) {
	var rows []deliverStep
	err := tx.NewRaw(pickDeliveries, or(window, pipeline.LeastWindow), busiest).Scan(ctx, &rows)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	_, err = tx.NewUpdate().Model((*deliveryRow)(nil)).Set("state = ?", dispatched).Set("gen = d.gen + 1").Set("dispatched_at = clock_timestamp()").
		Where("d.id IN (?)", bun.List(each(rows, func(r deliverStep) uuid.UUID { return r.ID }))).Exec(ctx)
	return deliverSteps(rows), err
}

func (db *DB) undispatchDelivery(ctx context.Context, s pipeline.Step) error {
	_, err := db.bun.NewUpdate().Model((*deliveryRow)(nil)).Set("state = ?", waiting).
		Where("d.id = ?", s.Ref.ID).Where("d.state = ?", dispatched).Where("d.gen = ?", s.Gen).Exec(ctx)
	return wrap(err, "undispatch %s", s)
}

func (db *DB) claimDelivery(ctx context.Context, s pipeline.Step, worker string, lease time.Duration) (pipeline.Lease, error) {
	l := pipeline.Lease{Step: s, Worker: worker}
	err := db.bun.NewUpdate().Model((*deliveryRow)(nil)).
		Set("state = ?", running).Set("attempts = d.attempts + 1").Set("worker = ?", worker).
		Set("lease_token = gen_random_uuid()").Set("lease_until = clock_timestamp() + make_interval(secs => ?)", lease.Seconds()).
		Where("d.id = ?", s.Ref.ID).Where("d.state = ?", dispatched).Where("d.gen = ?", s.Gen).Where("d.attempts < d.max_attempts").
		Returning("d.lease_token, d.attempts").Scan(ctx, &l.Token, &l.Attempt)
	if errors.Is(err, sql.ErrNoRows) {
		err = fault.New(fault.Conflict, "There is nothing to do for %s.", s)
	}
	return l, wrap(err, "claim %s", s)
}

// leasedDelivery narrows q to the delivery of a lease, if it is still held.
func leasedDelivery(q *bun.UpdateQuery, l pipeline.Lease) *bun.UpdateQuery {
	return q.Where("d.id = ?", l.Step.Ref.ID).Where("d.state = ?", running).Where("d.lease_token = ?", l.Token)
}

func (db *DB) renewDelivery(ctx context.Context, l pipeline.Lease, lease time.Duration) error {
	q := db.bun.NewUpdate().Model((*deliveryRow)(nil)).Set("lease_until = clock_timestamp() + make_interval(secs => ?)", lease.Seconds())
	n, err := affected(leasedDelivery(q, l).Exec(ctx))
	if err == nil && n == 0 {
		err = lost(l)
	}
	return wrap(err, "renew %s", l.Step)
}

// releaseDelivery hands a delivery back whose attempt was interrupted. How others end
// is recorded by Settle.
func (db *DB) releaseDelivery(ctx context.Context, l pipeline.Lease, after time.Duration) error {
	q := unlease(db.bun.NewUpdate().Model((*deliveryRow)(nil)).Set("state = ?", waiting).Set("attempts = d.attempts - 1")).
		Set("next_at = clock_timestamp() + make_interval(secs => ?)", after.Seconds())
	n, err := affected(leasedDelivery(q, l).Exec(ctx))
	if err == nil && n == 0 {
		err = lost(l)
	}
	return wrap(err, "release %s", l.Step)
}

// rescueDeliveries makes deliveries with an expired lease wait again and returns them;
// those out of attempts are returned as exhausted instead.
func (db *DB) rescueDeliveries(ctx context.Context, limit int) (rescued, exhausted []pipeline.Step, err error) {
	var rows []deliverStep
	err = db.bun.NewRaw(`UPDATE deliveries AS d SET state = 'waiting', next_at = now(), lease_token = NULL, lease_until = NULL
		FROM (
			SELECT id FROM deliveries WHERE state = 'running' AND lease_until < now() AND attempts < max_attempts
			ORDER BY lease_until LIMIT ? FOR UPDATE SKIP LOCKED
		) AS x WHERE d.id = x.id RETURNING d.id, d.gen`, limit).Scan(ctx, &rows)
	if err != nil {
		return nil, nil, wrap(err, "rescue deliveries")
	}
	rescued, rows = deliverSteps(rows), nil
	err = db.bun.NewRaw(`SELECT id, gen FROM deliveries WHERE state = 'running' AND lease_until < now() AND attempts >= max_attempts
		ORDER BY lease_until, id LIMIT ?`, limit).Scan(ctx, &rows)
	return rescued, deliverSteps(rows), wrap(err, "find exhausted deliveries")
}

// giveUpDelivery ends a delivery in whose last attempt the worker died. It looks again,
// since that may have come back.
func (db *DB) giveUpDelivery(ctx context.Context, s pipeline.Step) error {
	_, err := unlease(db.bun.NewUpdate().Model((*deliveryRow)(nil)).Set("state = ?", givenUp)).
		Set("failure_code = 'gave_up'").Set("failure_message = 'The last attempt was broken off, so it is not known whether the receiver has the event.'").
		Where("d.id = ?", s.Ref.ID).Where("d.gen = ?", s.Gen).Where("d.state = ?", running).
		Where("d.lease_until < now()").Where("d.attempts >= d.max_attempts").Exec(ctx)
	return wrap(err, "give up %s", s)
}

func (db *DB) staleDeliveries(ctx context.Context, age time.Duration, limit int) ([]pipeline.Step, error) {
	var rows []deliverStep
	err := db.bun.NewRaw(`SELECT id, gen FROM deliveries WHERE state = 'dispatched' AND dispatched_at < now() - make_interval(secs => ?)
		ORDER BY dispatched_at, id LIMIT ?`, age.Seconds(), limit).Scan(ctx, &rows)
	return deliverSteps(rows), wrap(err, "find stale deliveries")
}

func (db *DB) undispatchDeliveries(ctx context.Context) (int, error) {
	n, err := affected(db.bun.NewUpdate().Model((*deliveryRow)(nil)).Set("state = ?", waiting).Where("d.state = ?", dispatched).Exec(ctx))
	return n, wrap(err, "undispatch all deliveries")
}

// forgetAfter is how long a delivery that has ended is kept.
const forgetAfter = 30 * 24 * time.Hour

// ForgetDeliveries removes deliveries that were made a month ago and have ended, and
// returns how many.
func (db *DB) ForgetDeliveries(ctx context.Context) (int, error) {
	n, err := affected(db.bun.NewRaw("DELETE FROM deliveries WHERE created_at < now() - make_interval(secs => ?) AND state NOT IN (?)",
		forgetAfter.Seconds(), bun.List(underway)).Exec(ctx))
	return n, wrap(err, "forget deliveries")
}

// overtake cancels what was still to be said of the progress of a run that has ended.
func overtake(ctx context.Context, tx bun.Tx, id uuid.UUID) error {
	_, err := unlease(tx.NewUpdate().Model((*deliveryRow)(nil)).Set("state = ?", withdrawn)).
		Where("d.transcription_id = ?", id).Where("d.type = ?", webhook.Progress).Where("d.state IN (?)", bun.List(underway)).Exec(ctx)
	return err
}

// target is where an event is to be sent.
type target struct {
	WebhookID uuid.UUID
	URL       string // empty: the webhook's own
}

// progressEvery is how often a webhook is told at most of the progress of one
// transcription.
const progressEvery = 10 * time.Second

// notify writes what its owner's receivers are to be sent of a transcription, which
// the caller has locked and changed. Of its progress a webhook is told nothing new
// before it has taken in what was said last: a slow one gets less, and never a heap of
// what is no longer true.
func notify(ctx context.Context, tx bun.Tx, ref transcription.Ref, typ webhook.Type) error {
	var to []target
	err := tx.NewRaw(`SELECT w.id AS webhook_id, CASE WHEN w.url = '' THEN t.webhook_url ELSE '' END AS url
		FROM transcriptions AS t JOIN webhooks AS w ON w.owner_id = t.owner_id
		WHERE t.id = ?0 AND w.active AND CASE WHEN w.url = '' THEN t.webhook_url <> '' AND ?1 <> ?2 ELSE ?1 = ANY(w.events) END
			AND (?1 <> ?2 OR NOT EXISTS (SELECT FROM deliveries AS d WHERE d.webhook_id = w.id AND d.transcription_id = t.id AND d.type = ?2
				AND (d.state IN (?3) OR d.created_at > now() - make_interval(secs => ?4))))
		ORDER BY w.id FOR SHARE OF w`, ref.ID, typ, webhook.Progress, bun.List(underway), progressEvery.Seconds()).Scan(ctx, &to)
	if err != nil || len(to) == 0 {
		return err
	}
	row := new(transcriptionRow)
	if err := tx.NewSelect().Model(row).Column(listed...).Relation("File").Where("t.id = ?", ref.ID).Scan(ctx); err != nil {
		return err
	}
	payload, err := webhook.Payload(typ, row.UpdatedAt, row.domain())
	if err != nil {
		return err
	}
	return addDeliveries(ctx, tx, to, webhook.Delivery{OwnerID: row.OwnerID, TranscriptionID: ref.ID, Type: typ, Payload: payload})
}

// addDeliveries inserts one that goes to several.
func addDeliveries(ctx context.Context, tx bun.Tx, to []target, d webhook.Delivery) (err error) {
	rows := make([]*deliveryRow, len(to))
	for i, t := range to {
		if d.ID, err = uuid.NewV7(); err != nil {
			return fmt.Errorf("make an id: %w", err)
		}
		d.WebhookID, d.URL = t.WebhookID, t.URL
		rows[i] = newDeliveryRow(&d)
	}
	_, err = tx.NewInsert().Model(&rows).Exec(ctx)
	return err
}
