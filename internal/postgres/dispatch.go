package postgres

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/pipeline"
)

// fleet is what the living workers can do together. A lane's slots are those of the
// workers that serve it.
const fleet = `
living AS MATERIALIZED (
	SELECT kind = 'gpu' AS gpu, slots, models, spare FROM workers WHERE seen_at > now() - make_interval(secs => ?0)
), fleet AS MATERIALIZED (
	SELECT ARRAY(SELECT unnest(models) FROM living WHERE gpu) AS gpu,
		ARRAY(SELECT unnest(models) FROM living WHERE NOT gpu) AS cpu,
		ARRAY(SELECT unnest(spare) FROM living WHERE NOT gpu) AS spare,
		(SELECT coalesce(sum(slots), 0) FROM living WHERE gpu) AS gpu_slots,
		(SELECT coalesce(sum(slots), 0) FROM living WHERE NOT gpu) AS cpu_slots
)`

// belongs is true of a step s that may be in its lane. A GPU comes first: what it can
// decode is its own, until that has failed too often there and a CPU can do it.
// Everything else is for the CPUs, and they take their share of the GPU's backlog
// where the model is small enough for that.
const belongs = `CASE s.lane
	WHEN 'gpu' THEN s.model = ANY(f.gpu) AND NOT (s.worn AND s.model = ANY(f.cpu))
	WHEN 'cpu' THEN s.model <> ALL(f.gpu) OR (s.worn AND s.model = ANY(f.cpu)) OR s.model = ANY(f.spare)
	ELSE s.kind <> 'transcribe' END`

// recall makes steps wait again whose lane is no longer theirs: a GPU has come or gone.
const recall = `WITH ` + fleet + `
UPDATE steps AS s SET state = 'waiting' FROM fleet AS f WHERE s.state = 'dispatched' AND NOT ` + belongs

// mayBegin is true of a step s, the begun-th of its owner's that would begin a
// transcription, if that is no more than one may have in work at once, those included
// whose prepare step is in flight.
const mayBegin = `(?4 = 0 OR s.kind <> 'prepare' OR ?4 >= s.begun +
	(SELECT count(*) FROM transcriptions WHERE owner_id = s.owner_id AND status IN ('preparing', 'transcribing', 'merging'))
	+ (SELECT count(*) FROM steps AS p JOIN transcriptions AS t ON t.id = p.transcription_id
		WHERE p.kind = 'prepare' AND p.owner_id = s.owner_id AND p.state IN ('dispatched', 'running') AND t.status = 'queued'))`

// groups are what steps wait for a lane: they are found by skipping through the index.
const groups = `groups AS (
	(SELECT kind, ?3 AS lane, priority, owner_id, model, worn, 1 AS begun FROM steps
		WHERE kind = ?2 AND state = 'waiting' AND %s
		ORDER BY priority, owner_id, model, worn LIMIT 1)
	UNION ALL
	SELECT n.* FROM groups AS g CROSS JOIN LATERAL (
		SELECT kind, ?3 AS lane, priority, owner_id, model, worn, 1 AS begun FROM steps
		WHERE kind = ?2 AND state = 'waiting' AND (priority, owner_id, model, worn) > (g.priority, g.owner_id, g.model, g.worn)
		ORDER BY priority, owner_id, model, worn LIMIT 1
	) AS n
)`

// makeRoom empties the queue of a lane in which somebody has several steps, when an
// owner comes who has none in flight there, or in which there is what can wait, when
// something comes that goes first: it is dealt anew then. Else who comes new would wait
// for all that is in the queue already.
var makeRoom = `
WITH RECURSIVE ` + fleet + `, queue AS MATERIALIZED (
	SELECT priority, owner_id, count(*) AS n FROM steps WHERE kind = ?2 AND lane = ?3 AND state = 'dispatched' GROUP BY priority, owner_id
), ` + fmt.Sprintf(groups, "EXISTS (SELECT FROM queue)") + `, newcomer AS MATERIALIZED (
	SELECT s.owner_id FROM groups AS s CROSS JOIN fleet AS f
	WHERE ` + belongs + ` AND EXISTS (SELECT FROM queue AS q WHERE q.priority > s.priority OR q.priority = s.priority AND q.n > 1 AND q.owner_id <> s.owner_id)
		AND NOT EXISTS (SELECT FROM steps AS i
			WHERE i.kind = ?2 AND i.lane = ?3 AND i.owner_id = s.owner_id AND i.priority <= s.priority AND i.state IN ('dispatched', 'running'))
		AND EXISTS (SELECT FROM steps AS w
			WHERE w.kind = ?2 AND w.state = 'waiting' AND w.priority = s.priority AND w.owner_id = s.owner_id AND w.model = s.model AND w.worn = s.worn AND w.next_at <= now())
		AND ` + mayBegin + `
	LIMIT 1
)
UPDATE steps SET state = 'waiting' WHERE kind = ?2 AND lane = ?3 AND state = 'dispatched' AND EXISTS (SELECT FROM newcomer)`

// pickLane locks as many waiting steps of a lane as there is room for in its queue,
// and returns them in order. All of a priority go before any of the next. Within one, an
// owner's share is the cost of what they have in flight there, of what was done for
// them in the last five minutes (the latest fifty steps), and of their own steps ahead;
// the smallest share goes first, and among equals whoever was served longest ago. So
// owners take turns by the audio they get, however many recordings one of them has sent,
// and who comes with one has it done before the next of somebody who has had a lot.
//
// The owners and models are found by skipping through the index, of each only as many
// steps are looked at as there is room, and what was picked is looked up one by one:
// the backlog may be a hundred thousand steps, and this runs after every chunk.
var pickLane = `
WITH RECURSIVE ` + fleet + `, room AS (
	SELECT greatest(CASE
			WHEN ?3 = 'gpu' THEN 2 * f.gpu_slots
			WHEN ?1 > 0 THEN ?1
			ELSE greatest(?5, 2 * f.cpu_slots + CASE ?3 WHEN '' THEN 2 * f.gpu_slots ELSE 0 END) END
		- (SELECT count(*) FROM steps WHERE kind = ?2 AND lane = ?3 AND state = 'dispatched'), 0) AS n
	FROM fleet AS f
), ` + fmt.Sprintf(groups, "(SELECT n FROM room) > 0") + `, waiting AS MATERIALIZED (
	SELECT s.priority, s.owner_id, s.model, s.worn FROM groups AS s CROSS JOIN fleet AS f WHERE ` + belongs + `
), served AS MATERIALIZED (
	SELECT o.priority, o.owner_id,
		(SELECT coalesce(sum(cost), 0) FROM steps
			WHERE kind = ?2 AND lane = ?3 AND owner_id = o.owner_id AND priority = o.priority AND state IN ('dispatched', 'running'))
		+ (SELECT coalesce(sum(cost), 0) FROM (
			SELECT cost, state FROM steps
			WHERE kind = ?2 AND lane = ?3 AND owner_id = o.owner_id AND priority = o.priority AND dispatched_at > now() - interval '5 minutes'
			ORDER BY dispatched_at DESC LIMIT 50
		) AS lately WHERE state = 'done') AS cost,
		(SELECT max(dispatched_at) FROM steps WHERE kind = ?2 AND lane = ?3 AND owner_id = o.owner_id) AS at
	FROM (SELECT DISTINCT priority, owner_id FROM waiting) AS o
), ready AS (
	SELECT w.transcription_id, w.run, w.index, w.kind, w.owner_id, w.priority, o.at,
		o.cost + sum(w.cost) OVER (PARTITION BY o.priority, o.owner_id ORDER BY w.transcription_id, w.run, w.index) - w.cost AS share,
		count(*) FILTER (WHERE w.fresh) OVER (PARTITION BY o.owner_id ORDER BY o.priority, w.transcription_id, w.run, w.index) AS begun, w.fresh
	FROM waiting AS g JOIN served AS o ON o.owner_id = g.owner_id AND o.priority = g.priority
	CROSS JOIN LATERAL (
		SELECT *, ?4 > 0 AND kind = 'prepare' AND 'queued' = (SELECT status FROM transcriptions WHERE id = transcription_id) AS fresh FROM steps
		WHERE kind = ?2 AND state = 'waiting' AND priority = g.priority AND owner_id = g.owner_id AND model = g.model AND worn = g.worn AND next_at <= now()
		ORDER BY transcription_id, run, index LIMIT (SELECT n FROM room)
	) AS w
), picked AS (
	SELECT * FROM ready AS s WHERE NOT s.fresh OR ` + mayBegin + `
	ORDER BY priority, share, at NULLS FIRST, transcription_id, run, index LIMIT (SELECT n FROM room)
)
SELECT s.transcription_id, s.run, s.kind, s.index, ?3 AS lane, s.gen + 1 AS gen
FROM picked AS p
CROSS JOIN LATERAL (
	SELECT * FROM steps
	WHERE transcription_id = p.transcription_id AND run = p.run AND kind = ?2 AND index = p.index AND state = 'waiting'
	LIMIT 1 FOR UPDATE SKIP LOCKED
) AS s
ORDER BY p.priority, p.share, p.at NULLS FIRST, p.transcription_id, p.run, p.index`

// Dispatch marks waiting steps as being in the queue and returns them with a new
// generation, in the order in which they should be queued. In each lane it keeps at
// most window steps in the queue, or twice the slots of the living workers that serve
// it; the lane of the GPUs always has that. It takes owners in turn; when one comes
// anew, what waits in the queue is dealt anew. What is for a queue that is paused waits. Callers queue up, so that no two of them
// fill the same room.
func (db *DB) Dispatch(ctx context.Context, window int) (found []pipeline.Step, err error) {
	err = db.inHaste(ctx, func(ctx context.Context, tx bun.Tx) error {
		found = nil
		if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(?, ?)", lockClass, lockDispatch); err != nil {
			return err
		}
		if _, err := tx.NewRaw(recall, alive.Seconds()).Exec(ctx); err != nil {
			return err
		}
		open, err := openLanes(ctx, tx)
		if err != nil {
			return err
		}
		for _, l := range open {
			picked, err := db.dispatchKind(ctx, tx, window, l)
			if err != nil {
				return err
			}
			found = append(found, picked...)
		}
		return nil
	})
	return found, wrap(err, "dispatch")
}

func (db *DB) dispatchKind(ctx context.Context, tx bun.Tx, window int, l openLane) ([]pipeline.Step, error) {
	if l.Kind == pipeline.Deliver {
		return dispatchDeliveries(ctx, tx, window)
	}
	return db.dispatchLane(ctx, tx, window, l)
}

func (db *DB) dispatchLane(ctx context.Context, tx bun.Tx, window int, l openLane) ([]pipeline.Step, error) {
	if l.Filled {
		if _, err := tx.NewRaw(makeRoom, alive.Seconds(), window, l.Kind, l.Lane, db.quota.Running).Exec(ctx); err != nil {
			return nil, err
		}
	}
	var rows []stepRow
	err := tx.NewRaw(pickLane, alive.Seconds(), window, l.Kind, l.Lane, db.quota.Running, pipeline.LeastWindow).Scan(ctx, &rows)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	_, err = tx.NewUpdate().With("p", tx.NewValues(&rows).Column("transcription_id", "run", "kind", "index", "lane", "gen")).
		Model((*stepRow)(nil)).TableExpr("p").
		Set("state = ?", dispatched).Set("lane = p.lane").Set("gen = p.gen").Set("dispatched_at = clock_timestamp()").
		Where("s.transcription_id = p.transcription_id").Where("s.run = p.run").Where("s.kind = p.kind").Where("s.index = p.index").Exec(ctx)
	return steps(rows), err
}
