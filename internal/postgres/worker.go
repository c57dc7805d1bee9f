package postgres

import (
	"context"
	"database/sql"
	"maps"
	"time"

	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// A worker that was not heard of for alive, three reports, has stopped or lost its
// connection, and what was meant for it goes to others. Its models are still offered
// for remembered: a restart must not make uploads fail.
const (
	alive      = 45 * time.Second
	remembered = 24 * time.Hour
)

type workerRow struct {
	bun.BaseModel `bun:"table:workers,alias:w"`

	ID      string `bun:",pk"`
	Kind    string
	Slots   int
	Models  []string          `bun:",array"`
	Spare   []string          `bun:",array"`
	Refused map[string]string `bun:"type:jsonb"`
	SeenAt  time.Time         `bun:",nullzero,default:now()"`
}

// newWorkerRow returns the row of a worker. What there is none of is empty, not NULL.
func newWorkerRow(w transcription.Worker) *workerRow {
	refused := map[string]string{}
	maps.Copy(refused, w.Refused)
	return &workerRow{
		ID: w.ID, Kind: w.Kind, Slots: w.Slots, Models: append([]string{}, w.Models...), Spare: append([]string{}, w.Spare...), Refused: refused,
	}
}

// ReportWorker records that a worker lives, and what it can do. The time is the
// database's. Workers not heard of for a day are forgotten on the way.
func (db *DB) ReportWorker(ctx context.Context, w transcription.Worker) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewInsert().Model(newWorkerRow(w)).On("CONFLICT (id) DO UPDATE").
			Set("kind = excluded.kind").Set("slots = excluded.slots").Set("models = excluded.models").
			Set("spare = excluded.spare").Set("refused = excluded.refused").Set("seen_at = now()").Exec(ctx)
		if err != nil {
			return err
		}
		_, err = tx.NewRaw("DELETE FROM workers WHERE seen_at < now() - make_interval(secs => ?)", remembered.Seconds()).Exec(ctx)
		return err
	})
	return wrap(err, "report worker %s", w.ID)
}

// RetireWorker records that a worker has stopped in order, so that what was meant for
// it goes to others at once.
func (db *DB) RetireWorker(ctx context.Context, id string) error {
	_, err := db.bun.NewRaw("UPDATE workers SET seen_at = least(seen_at, now() - make_interval(secs => ?)) WHERE id = ?", alive.Seconds(), id).Exec(ctx)
	return wrap(err, "retire worker %s", id)
}

// Workers returns the workers heard of within the last day, by id.
func (db *DB) Workers(ctx context.Context) ([]transcription.Worker, error) {
	var rows []workerRow
	err := db.bun.NewSelect().Model(&rows).Where("w.seen_at > now() - make_interval(secs => ?)", remembered.Seconds()).
		Order("w.id").Limit(maxWorkers).Scan(ctx)
	workers := make([]transcription.Worker, len(rows))
	for i, r := range rows {
		workers[i] = transcription.Worker{ID: r.ID, Kind: r.Kind, Slots: r.Slots, Models: r.Models, Spare: r.Spare, Refused: r.Refused, SeenAt: r.SeenAt.UTC()}
	}
	return workers, wrap(err, "list workers")
}

// maxWorkers bounds the list of workers.
const maxWorkers = 1000

// InstalledModels returns the names of the models of all workers heard of within
// the last day, in alphabetical order.
func (db *DB) InstalledModels(ctx context.Context) (names []string, err error) {
	err = db.bun.NewRaw(`SELECT DISTINCT model FROM workers, unnest(models) AS model
		WHERE seen_at > now() - make_interval(secs => ?) ORDER BY model LIMIT ?`, remembered.Seconds(), maxWorkers).Scan(ctx, &names)
	return names, wrap(err, "list installed models")
}

// RefusedModels returns the codes of why living workers cannot use files that they
// have, by model.
func (db *DB) RefusedModels(ctx context.Context) (map[string]string, error) {
	var rows []struct{ Model, Code string }
	err := db.bun.NewRaw(`SELECT DISTINCT ON (r.key) r.key AS model, r.value AS code FROM workers, jsonb_each_text(refused) AS r
		WHERE seen_at > now() - make_interval(secs => ?) ORDER BY r.key, r.value LIMIT ?`, alive.Seconds(), maxWorkers).Scan(ctx, &rows)
	codes := map[string]string{}
	for _, r := range rows {
		codes[r.Model] = r.Code
	}
	return codes, wrap(err, "list refused models")
}

// ReportScheduler records that a scheduler lives. The time is the database's.
func (db *DB) ReportScheduler(ctx context.Context) error {
	_, err := db.bun.NewRaw("INSERT INTO scheduler DEFAULT VALUES ON CONFLICT (single) DO UPDATE SET seen_at = now()").Exec(ctx)
	return wrap(err, "report scheduler")
}

// Presence returns what was last heard of workers and schedulers.
func (db *DB) Presence(ctx context.Context) (transcription.Presence, error) {
	var worker, scheduler sql.NullFloat64 // seconds of silence
	err := db.bun.NewRaw(`SELECT (SELECT extract(epoch FROM now() - max(seen_at)) FROM workers),
		(SELECT extract(epoch FROM now() - seen_at) FROM scheduler)`).Scan(ctx, &worker, &scheduler)
	return transcription.Presence{Worker: newSign(worker), Scheduler: newSign(scheduler)}, wrap(err, "look who is there")
}

// newSign judges how long somebody has been silent.
func newSign(seconds sql.NullFloat64) transcription.Sign {
	silence := time.Duration(seconds.Float64 * float64(time.Second))
	if !seconds.Valid || silence > remembered {
		return transcription.Sign{}
	}
	return transcription.Sign{Known: true, Alive: silence < alive, Silence: silence}
}
