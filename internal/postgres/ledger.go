package postgres

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// straggler is how long a worker whose run is over may go on before it notices:
// objects it still writes are swept a second time after that. One that reaches the
// store notices when it renews its lease, one that does not gives up when the lease
// may be over, after TS_LEASE; that is 5 min at most, and a write may be on its way.
const straggler = 6 * time.Minute

// uploadTime is how long an upload may take until its objects are swept.
const uploadTime = 24 * time.Hour

// rescue makes steps of dead workers wait again and records that. Rows that somebody
// else has locked are left for the next time: waiting for a transcription with one of
// its steps locked would be the wrong order.
const rescue = `
	WITH x AS (
		SELECT s.transcription_id, s.run, s.kind, s.index, s.attempts, s.worker, t.run AS present
		FROM steps AS s JOIN transcriptions AS t ON t.id = s.transcription_id
		WHERE s.state = 'running' AND s.lease_until < now() AND s.attempts < s.max_attempts
		ORDER BY s.lease_until LIMIT ? FOR UPDATE OF t, s SKIP LOCKED
	), told AS (
		INSERT INTO events (transcription_id, run, type, actor, who, details)
		SELECT transcription_id, present, ?, ?, ?, jsonb_build_object('step', kind, 'index', index, 'attempt', attempts, 'worker', worker)
			|| CASE WHEN run < 0 THEN jsonb_build_object('range', -run) ELSE '{}' END
		FROM x
	)
	UPDATE steps AS s SET state = 'waiting', next_at = now(), lease_token = NULL, lease_until = NULL FROM x
	WHERE s.transcription_id = x.transcription_id AND s.run = x.run AND s.kind = x.kind AND s.index = x.index
	RETURNING ` + stepColumns

// Rescue makes at most limit steps with an expired lease wait again and returns
// them; those out of attempts are returned as exhausted instead, and will be again
// until their run is failed.
func (db *DB) Rescue(ctx context.Context, limit int) (rescued, exhausted []pipeline.Step, err error) {
	var rows []stepRow
	err = db.bun.NewRaw(rescue, limit, transcription.StepRescued, db.self.Kind, db.self.Name).Scan(ctx, &rows)
	if err != nil {
		return nil, nil, wrap(err, "rescue steps")
	}
	rescued, rows = steps(rows), nil
	err = db.bun.NewRaw("SELECT "+stepColumns+` FROM steps AS s
		WHERE s.state = 'running' AND s.lease_until < now() AND s.attempts >= s.max_attempts
		ORDER BY s.lease_until, s.transcription_id, s.index LIMIT ?`, limit).Scan(ctx, &rows)
	if err != nil {
		return rescued, nil, wrap(err, "find exhausted steps")
	}
	again, over, err := db.rescueDeliveries(ctx, limit)
	return append(rescued, again...), append(steps(rows), over...), err
}

// Stale returns at most limit steps that have been in the queue for longer than age
// without being claimed, oldest first.
func (db *DB) Stale(ctx context.Context, age time.Duration, limit int) ([]pipeline.Step, error) {
	var rows []stepRow
	err := db.bun.NewRaw("SELECT "+stepColumns+` FROM steps AS s
		WHERE s.state = 'dispatched' AND s.dispatched_at < now() - make_interval(secs => ?)
		ORDER BY s.dispatched_at, s.transcription_id, s.index LIMIT ?`, age.Seconds(), limit).Scan(ctx, &rows)
	if err != nil {
		return nil, wrap(err, "find stale steps")
	}
	more, err := db.staleDeliveries(ctx, age, limit)
	return append(steps(rows), more...), err
}

// UndispatchAll puts every step that is in the queue back and returns how many.
func (db *DB) UndispatchAll(ctx context.Context) (int, error) {
	n, err := affected(db.bun.NewUpdate().Model((*stepRow)(nil)).Set("state = ?", waiting).Where("s.state = ?", dispatched).Exec(ctx))
	if err != nil {
		return n, wrap(err, "undispatch everything")
	}
	more, err := db.undispatchDeliveries(ctx)
	return n + more, err
}

// Unadvanced returns at most limit runs that have all chunks done but no merge
// step, those that have waited longest first.
func (db *DB) Unadvanced(ctx context.Context, limit int) ([]transcription.Ref, error) {
	var rows []struct {
		ID  uuid.UUID
		Run int
	}
	err := db.bun.NewRaw(`SELECT t.id, t.run FROM runs AS t
		WHERE t.status = 'transcribing' AND NOT EXISTS (`+unfinished+`)
		ORDER BY t.updated_at, t.id LIMIT ?`, limit).Scan(ctx, &rows)
	refs := make([]transcription.Ref, len(rows))
	for i, r := range rows {
		refs[i] = transcription.Ref{ID: r.ID, Run: r.Run}
	}
	return refs, wrap(err, "find runs that have not advanced")
}

// Epoch returns the last epoch of the queue that SetEpoch recorded, empty when
// there was none.
func (db *DB) Epoch(ctx context.Context) (epoch string, err error) {
	err = db.bun.NewRaw("SELECT epoch FROM queue_epoch").Scan(ctx, &epoch)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return epoch, wrap(err, "read the queue's epoch")
}

// SetEpoch records the epoch of the queue.
func (db *DB) SetEpoch(ctx context.Context, epoch string) error {
	_, err := db.bun.NewRaw("INSERT INTO queue_epoch (epoch) VALUES (?) ON CONFLICT (single) DO UPDATE SET epoch = excluded.epoch", epoch).Exec(ctx)
	return wrap(err, "record the queue's epoch")
}

// discard records that nobody needs the objects below prefix any more.
func discard(ctx context.Context, tx bun.Tx, prefix string) error {
	_, err := tx.NewRaw(`INSERT INTO garbage (prefix) VALUES (?)
		ON CONFLICT (prefix) DO UPDATE SET recorded_at = now(), due_at = now()`, prefix).Exec(ctx)
	return err
}

// kept is how long the chunks of a run that failed or was canceled, and what was heard
// in those of any run, wait for another run to use them.
const kept = 7 * 24 * time.Hour

// discardChunks records that nobody needs the objects of a run's chunks for longer than
// that. Those that it has adopted lie where the earlier run has put them.
func discardChunks(ctx context.Context, tx bun.Tx, p parent, ref transcription.Ref, keep time.Duration) error {
	_, err := tx.NewRaw(`INSERT INTO garbage (prefix, due_at)
		SELECT prefix, now() + make_interval(secs => ?) FROM (
			SELECT ?::text AS prefix UNION SELECT `+folder+` FROM chunks AS c WHERE c.transcription_id = ? AND c.run = ?
		) AS p ON CONFLICT (prefix) DO UPDATE SET recorded_at = now(), due_at = excluded.due_at`,
		keep.Seconds(), chunkPrefix(p, ref), ref.ID, ref.Run).Exec(ctx)
	return err
}

// folder is the prefix below which the object of a chunk c lies.
const folder = `regexp_replace(c.key, '[^/]*$', '')`

// Forget removes what was heard in at most limit chunks that are kept no longer, and
// returns in how many.
func (db *DB) Forget(ctx context.Context, limit int) (int, error) {
	n, err := affected(db.bun.NewRaw(`UPDATE chunks AS c SET segments = NULL, sealed = NULL, speech = NULL FROM (
			SELECT c.transcription_id, c.run, c.index FROM chunks AS c JOIN transcriptions AS t ON t.id = c.transcription_id
			WHERE c.segments IS NOT NULL AND c.done_at < now() - make_interval(secs => ?0)
				AND t.status IN (?1) AND t.updated_at < now() - make_interval(secs => ?0)
			ORDER BY c.done_at LIMIT ?2 FOR UPDATE OF c SKIP LOCKED
		) AS x WHERE c.transcription_id = x.transcription_id AND c.run = x.run AND c.index = x.index`,
		kept.Seconds(), bun.List(ended()), limit).Exec(ctx))
	return n, wrap(err, "forget results")
}

// BeginUpload records that the objects of a transcription are to be swept in a day,
// unless CreateTranscription or ForgetUpload comes before. Conflict: there is an
// upload of that id. Unauthenticated account_gone: the owner's account was deleted.
func (db *DB) BeginUpload(ctx context.Context, owner, id uuid.UUID) error {
	n, err := affected(db.bun.NewRaw(`INSERT INTO garbage (prefix, due_at) SELECT ?, now() + make_interval(secs => ?)
		FROM users WHERE id = ? FOR KEY SHARE`, transcription.Prefix(owner, id), uploadTime.Seconds(), owner).Exec(ctx))
	if err == nil && n == 0 {
		err = auth.AccountGone(nil)
	}
	return wrap(err, "begin the upload %s", id)
}

// KnowsOwner returns nil as long as there is the account. Unauthenticated account_gone:
// it was deleted.
func (db *DB) KnowsOwner(ctx context.Context, owner uuid.UUID) error {
	var there bool
	err := db.bun.NewRaw("SELECT true FROM users WHERE id = ?", owner).Scan(ctx, &there)
	if errors.Is(err, sql.ErrNoRows) {
		err = auth.AccountGone(nil)
	}
	return wrap(err, "look for account %s", owner)
}

// ForgetUpload takes BeginUpload back once no object is left.
func (db *DB) ForgetUpload(ctx context.Context, owner, id uuid.UUID) error {
	return wrap(spare(ctx, db.bun, transcription.Prefix(owner, id)), "forget the upload %s", id)
}

// spare records that the objects below prefix are no garbage.
func spare(ctx context.Context, db bun.IDB, prefix string) error {
	_, err := db.NewRaw("DELETE FROM garbage WHERE prefix = ?", prefix).Exec(ctx)
	return err
}

// Garbage returns at most limit prefixes of objects nobody needs any more: those of
// deleted transcriptions and the chunks of runs that are over, and those of uploads
// that broke off with their process. A prefix comes twice, at once and again after
// every worker must have noticed that the run is over; one that waited longer than
// that, of an upload or of kept chunks, comes once.
func (db *DB) Garbage(ctx context.Context, limit int) (prefixes []string, err error) {
	err = db.bun.NewRaw("SELECT prefix FROM garbage WHERE due_at <= now() ORDER BY due_at, prefix LIMIT ?", limit).Scan(ctx, &prefixes)
	return prefixes, wrap(err, "find garbage")
}

// Collected forgets prefixes whose objects are gone, once they have been swept for
// the second time.
func (db *DB) Collected(ctx context.Context, prefixes []string) error {
	if len(prefixes) == 0 {
		return nil
	}
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewRaw("DELETE FROM garbage WHERE prefix IN (?) AND due_at > recorded_at AND due_at <= now()", bun.List(prefixes)).Exec(ctx)
		if err != nil {
			return err
		}
		_, err = tx.NewRaw("UPDATE garbage SET due_at = recorded_at + make_interval(secs => ?) WHERE prefix IN (?)",
			straggler.Seconds(), bun.List(prefixes)).Exec(ctx)
		return err
	})
	return wrap(err, "forget garbage")
}
