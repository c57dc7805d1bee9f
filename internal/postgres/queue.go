package postgres

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// lane names a queue by what it holds.
type lane struct {
	kind pipeline.Kind
	lane pipeline.Lane
}

// allLanes lists every queue, in the order of a life.
func allLanes() (found []lane) {
	for _, k := range pipeline.Kinds {
		for _, l := range k.Lanes() {
			found = append(found, lane{k, l})
		}
	}
	return found
}

// findLane returns the queue of that name. NotFound: there is none.
func findLane(name string) (lane, error) {
	for _, l := range allLanes() {
		if l.kind.Queue(l.lane) == name {
			return l, nil
		}
	}
	return lane{}, fault.New(fault.NotFound, "There is no queue %q.", name)
}

// Queues returns all queues with their depths.
func (db *DB) Queues(ctx context.Context) (queues []transcription.Queue, err error) {
	err = db.inSnapshot(ctx, func(ctx context.Context, tx bun.Tx) error {
		queues = nil
		for _, l := range allLanes() {
			q, err := depth(ctx, tx, l)
			if err != nil {
				return err
			}
			queues = append(queues, q)
		}
		return nil
	})
	return queues, wrap(err, "list queues")
}

func depth(ctx context.Context, tx bun.Tx, l lane) (transcription.Queue, error) {
	q := transcription.Queue{Name: l.kind.Queue(l.lane)}
	if err := count(ctx, tx, l, &q); err != nil {
		return q, err
	}
	var p struct {
		PausedAt time.Time
		PausedBy uuid.UUID
	}
	err := tx.NewRaw("SELECT paused_at, paused_by FROM queue_pauses WHERE queue = ?", q.Name).Scan(ctx, &p.PausedAt, &p.PausedBy)
	if errors.Is(err, sql.ErrNoRows) {
		return q, nil
	}
	q.Paused = &transcription.Pause{At: p.PausedAt.UTC(), By: p.PausedBy}
	return q, err
}

func count(ctx context.Context, tx bun.Tx, l lane, q *transcription.Queue) error {
	if l.kind == pipeline.Deliver {
		return tx.NewRaw(`SELECT count(*) FILTER (WHERE state = 'waiting'), count(*) FILTER (WHERE state = 'dispatched'), count(*) FILTER (WHERE state = 'running')
			FROM deliveries WHERE state IN (?)`, bun.List(underway)).Scan(ctx, &q.Waiting, &q.Dispatched, &q.Running)
	}
	return tx.NewRaw(`WITH `+fleet+`
		SELECT
			(SELECT count(*) FROM (SELECT kind, ?2::text AS lane, model, worn FROM steps WHERE kind = ?1 AND state = 'waiting') AS s CROSS JOIN fleet AS f WHERE `+belongs+`),
			(SELECT count(*) FROM steps WHERE kind = ?1 AND lane = ?2 AND state = 'dispatched'),
			(SELECT count(*) FROM steps WHERE kind = ?1 AND lane = ?2 AND state = 'running')`,
		alive.Seconds(), l.kind, l.lane).Scan(ctx, &q.Waiting, &q.Dispatched, &q.Running)
}

// PauseQueue lets no step of a queue begin until ResumeQueue: what is in it waits again,
// what is in work ends. It is recorded who did that. One that is paused stays as it is.
// NotFound: there is no queue of that name.
func (db *DB) PauseQueue(ctx context.Context, who uuid.UUID, name string) (transcription.Queue, error) {
	return db.turn(ctx, name, func(ctx context.Context, tx bun.Tx, l lane) error {
		n, err := affected(tx.NewRaw("INSERT INTO queue_pauses (queue, paused_by) VALUES (?, ?) ON CONFLICT DO NOTHING", name, who).Exec(ctx))
		if err != nil || n == 0 {
			return err
		}
		if err := recallAll(ctx, tx, l); err != nil {
			return err
		}
		return note(ctx, tx, who, name, "paused")
	})
}

// recallAll makes wait again what is in a queue.
func recallAll(ctx context.Context, tx bun.Tx, l lane) error {
	q := tx.NewRaw("UPDATE steps SET state = 'waiting' WHERE kind = ? AND lane = ? AND state = 'dispatched'", l.kind, l.lane)
	if l.kind == pipeline.Deliver {
		q = tx.NewRaw("UPDATE deliveries SET state = 'waiting' WHERE state = 'dispatched'")
	}
	_, err := q.Exec(ctx)
	return err
}

// ResumeQueue takes PauseQueue back. NotFound: there is no queue of that name.
func (db *DB) ResumeQueue(ctx context.Context, who uuid.UUID, name string) (transcription.Queue, error) {
	return db.turn(ctx, name, func(ctx context.Context, tx bun.Tx, _ lane) error {
		n, err := affected(tx.NewRaw("DELETE FROM queue_pauses WHERE queue = ?", name).Exec(ctx))
		if err != nil || n == 0 {
			return err
		}
		return note(ctx, tx, who, name, "resumed")
	})
}

// turn changes a queue while nobody dispatches, and returns it as it is then.
func (db *DB) turn(ctx context.Context, name string, change func(context.Context, bun.Tx, lane) error) (q transcription.Queue, err error) {
	l, err := findLane(name)
	if err != nil {
		return q, err
	}
	err = db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(?, ?)", lockClass, lockDispatch); err != nil {
			return err
		}
		if err := change(ctx, tx, l); err != nil {
			return err
		}
		q, err = depth(ctx, tx, l)
		return err
	})
	return q, wrap(err, "change the queue %s", name)
}

func note(ctx context.Context, tx bun.Tx, who uuid.UUID, queue, action string) error {
	_, err := tx.NewRaw("INSERT INTO queue_events (queue, action, who) VALUES (?, ?, ?)", queue, action, who).Exec(ctx)
	return err
}

// openLane is a queue into which something could be put.
type openLane struct {
	Kind   pipeline.Kind
	Lane   pipeline.Lane
	Filled bool // there is something in it
}

// openLanes returns the queues that are not paused and that steps wait for. That of
// deliveries, which are in a table of their own, is among them in any case.
func openLanes(ctx context.Context, tx bun.Tx) (open []openLane, err error) {
	all := make([]openLane, 0, len(pipeline.Kinds)+1)
	var stopped []string
	if err := tx.NewRaw("SELECT queue FROM queue_pauses ORDER BY queue").Scan(ctx, &stopped); err != nil {
		return nil, err
	}
	for _, l := range allLanes() {
		if !slices.Contains(stopped, l.kind.Queue(l.lane)) {
			all = append(all, openLane{Kind: l.kind, Lane: l.lane})
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	err = tx.NewSelect().With("l", tx.NewValues(&all).WithOrder()).TableExpr("l").ColumnExpr("l.kind, l.lane").
		ColumnExpr("EXISTS (SELECT FROM steps AS s WHERE s.kind = l.kind AND s.lane = l.lane AND s.state = 'dispatched') AS filled").
		Where("l.kind = ? OR EXISTS (SELECT FROM steps AS s WHERE s.kind = l.kind AND s.state = 'waiting')", pipeline.Deliver).OrderExpr("l._order").Scan(ctx, &open)
	return open, err
}
