package postgres

import (
	"context"
	"time"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// maxAhead bounds how many steps are counted for a queue position.
const maxAhead = 5000

// foresee fills in the queue position and the estimate of a transcription that is
// on its way. Steps of a kind wait for each other, so what is ahead are those of the
// kind that it needs next, of a priority that goes first or, ids sort by age, with a
// smaller id, the owner's other recordings among them; as owners take turns, that is the worst
// case for somebody with few. Nothing is ahead of a transcription that is being
// worked on. Sound is the cost of transcribe; the other kinds take next to no time.
//
// Clients poll this, so no more than maxAhead steps are counted. A position that
// high means that many or more, and there is no estimate then.
func (db *DB) foresee(ctx context.Context, t *transcription.Transcription) error {
	if t.Status.Final() {
		return nil
	}
	var ahead struct {
		Steps int
		Sound audio.Samples
		Own   audio.Samples
	}
	err := db.bun.NewRaw(`
		SELECT o.steps, o.sound, greatest(t.duration_samples - t.done_samples, 0) AS own
		FROM transcriptions AS t
		CROSS JOIN LATERAL (SELECT
			coalesce(bool_or(state = 'running'), false) AS running,
			coalesce(bool_or(state IN ('waiting', 'dispatched')), false) AS ready
			FROM steps WHERE transcription_id = t.id AND run = t.run
		) AS mine
		CROSS JOIN LATERAL (SELECT count(*) AS steps, coalesce(sum(cost), 0) AS sound FROM (
			SELECT cost FROM steps
			WHERE kind = ? AND state IN ('waiting', 'dispatched') AND (priority < t.priority OR priority = t.priority AND transcription_id < t.id) AND mine.ready AND NOT mine.running
			LIMIT ?
		) AS q) AS o
		WHERE t.id = ?`, next(t.Status), maxAhead, t.ID).Scan(ctx, &ahead)
	if err != nil {
		return settled(meaning(err)) // deleted between the two queries
	}
	t.QueuePosition = ahead.Steps
	if t.Duration == 0 || ahead.Steps == maxAhead {
		return nil
	}
	speed, err := db.pace(ctx)
	if err != nil || speed == 0 {
		return err
	}
	t.Estimate = time.Duration(float64((ahead.Own + ahead.Sound).Duration()) / speed).Round(time.Second)
	return nil
}

// next returns the kind of step that a transcription of that status waits for.
func next(s transcription.Status) pipeline.Kind {
	switch s {
	case transcription.Transcribing:
		return pipeline.Transcribe
	case transcription.Merging:
		return pipeline.Merge
	default:
		return pipeline.Prepare
	}
}

// pace returns the speed as it was measured in the last moments: it is the same for
// everybody who polls, and an hour of chunks to add up. Who comes while somebody
// measures waits for the result.
func (db *DB) pace(ctx context.Context) (float64, error) {
	select {
	case db.measuring <- struct{}{}:
		defer func() { <-db.measuring }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if db.measured.at.IsZero() || time.Since(db.measured.at) > paceKept {
		speed, err := db.speed(ctx)
		if err != nil {
			return 0, err
		}
		db.measured = measurement{speed: speed, at: time.Now()}
	}
	return db.measured.speed, nil
}

// measurement is a speed and when it was measured.
type measurement struct {
	speed float64
	at    time.Time
}

// paceKept is how long a measured speed is good for.
const paceKept = 5 * time.Second

// speed returns how many seconds of sound all living workers together turn into
// text in a second, as measured over the last hour; 0 when nothing was done or
// nobody lives.
func (db *DB) speed(ctx context.Context) (speed float64, err error) {
	err = db.bun.NewRaw(`
		SELECT coalesce(sum(end_sample - start_sample)::float8 / ?0 / nullif(sum(elapsed_us)::float8 / 1e6, 0), 0)
			* (SELECT coalesce(sum(slots), 0) FROM workers WHERE seen_at > now() - make_interval(secs => ?1))
		FROM chunks WHERE done_at > now() - interval '1 hour'`, audio.SampleRate, alive.Seconds()).Scan(ctx, &speed)
	return speed, err
}
