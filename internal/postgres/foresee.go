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
	var a ahead
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
		WHERE t.id = ?`, next(t.Status), maxAhead, t.ID).Scan(ctx, &a)
	if err != nil {
		return settled(meaning(err)) // deleted between the two queries
	}
	return db.forecast(ctx, t, a)
}

// ahead is what is to be done before a transcription is completed: steps and sound of
// others, and its own sound.
type ahead struct {
	Steps int
	Sound audio.Samples
	Own   audio.Samples
}

// forecast fills in what foresee does.
func (db *DB) forecast(ctx context.Context, t *transcription.Transcription, a ahead) error {
	if t.Status.Final() {
		return nil
	}
	t.QueuePosition = a.Steps
	if t.Duration == 0 || a.Steps == maxAhead {
		return nil
	}
	m, err := db.pace(ctx)
	if err != nil || m.speed == 0 {
		return err
	}
	t.Estimate = after(a.Own+a.Sound, m.speed)
	t.Soonest = min(after(a.Own, max(m.fast, m.speed)), t.Estimate)
	t.Latest = max(after(a.Own+a.Sound, min(m.slow, m.speed)), t.Estimate)
	return nil
}

// after returns how long so much sound takes at that speed.
func after(n audio.Samples, speed float64) time.Duration {
	return time.Duration(float64(n.Duration()) / speed).Round(time.Second)
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
func (db *DB) pace(ctx context.Context) (measurement, error) {
	select {
	case db.measuring <- struct{}{}:
		defer func() { <-db.measuring }()
	case <-ctx.Done():
		return measurement{}, ctx.Err()
	}
	if db.measured.at.IsZero() || time.Since(db.measured.at) > paceKept {
		m, err := db.measure(ctx)
		if err != nil {
			return m, err
		}
		db.measured = m
	}
	return db.measured, nil
}

// measurement is how many seconds of sound all living workers together turn into text in
// a second, on average, and as a tenth of the chunks were faster or slower than; 0 when
// nothing was done lately or nobody lives.
type measurement struct {
	speed, fast, slow float64

	at time.Time
}

// paceKept is how long a measured speed is good for.
const paceKept = 5 * time.Second

// measure adds up the last hour.
func (db *DB) measure(ctx context.Context) (measurement, error) {
	m := measurement{at: time.Now()}
	err := db.bun.NewRaw(`
		SELECT coalesce(sum(sound) / nullif(sum(elapsed), 0), 0) * slots,
			coalesce(percentile_cont(0.9) WITHIN GROUP (ORDER BY sound / nullif(elapsed, 0)), 0) * slots,
			coalesce(percentile_cont(0.1) WITHIN GROUP (ORDER BY sound / nullif(elapsed, 0)), 0) * slots
		FROM (SELECT coalesce(sum(slots), 0) AS slots FROM workers WHERE seen_at > now() - make_interval(secs => ?1)) AS w
		LEFT JOIN (SELECT (end_sample - start_sample)::float8 / ?0 AS sound, elapsed_us::float8 / 1e6 AS elapsed
			FROM chunks WHERE done_at > now() - interval '1 hour') AS c ON true
		GROUP BY slots`, audio.SampleRate, alive.Seconds()).Scan(ctx, &m.speed, &m.fast, &m.slow)
	return m, err
}
