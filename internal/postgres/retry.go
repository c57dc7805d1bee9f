package postgres

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// earlier is the run whose text is still shown, as a jsonb column has it. Those who began
// before there was translate do not know it.
type earlier struct {
	Run                int       `json:"run"`
	Model              string    `json:"model"`
	Language           string    `json:"language"`
	LanguageConfidence float64   `json:"languageConfidence"`
	Translate          *bool     `json:"translate"`
	CompletedAt        time.Time `json:"completedAt"`
}

// domain takes of the present run what is not known.
func (e *earlier) domain(translate bool) *transcription.Earlier {
	if e == nil {
		return nil
	}
	if e.Translate != nil {
		translate = *e.Translate
	}
	return &transcription.Earlier{
		Run: e.Run, Model: e.Model, Language: e.Language, LanguageConfidence: e.LanguageConfidence, Translate: translate, CompletedAt: e.CompletedAt.UTC(),
	}
}

// earlierOf is the value of the column for a run that has completed: of the row of that alias.
func earlierOf(alias string) string {
	return strings.ReplaceAll(`jsonb_build_object('run', x.run, 'model', x.model, 'language', x.language, 'languageConfidence', x.language_confidence,
		'translate', x.translate, 'completedAt', x.completed_at)`, "x.", alias+".")
}

// RetryTranscription begins another run, queued, with its prepare step. The text of one
// that was completed stays, with what belongs to it, until there is another. Whoever
// still works on an earlier run has every write refused. NotFound: there is none of that
// id, or it belongs to somebody else. Conflict in_work: that run is not the present one,
// or it has not ended; recording_gone: the recording was the reason of its failure.
// RateLimited too_many_queued: the owner has no place left in the queue.
func (db *DB) RetryTranscription(ctx context.Context, owner uuid.UUID, next transcription.NextRun) error {
	after := next.After
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := db.place(ctx, tx, owner, 0); err != nil {
			return err
		}
		row := new(transcriptionRow)
		err := tx.NewSelect().Model(row).Column(listed...).Relation("File").Relation("DataKey").
			Where("t.id = ?", after.ID).Where("t.owner_id = ?", owner).For("UPDATE OF t").Scan(ctx)
		if err != nil {
			return none(err, "There is no transcription %s.", after.ID)
		}
		t, x, err := db.shown(row)
		if err != nil {
			return err
		}
		if t.Run != after.Run {
			t.Status = transcription.Queued // another has begun
		}
		if err := t.Retriable(); err != nil {
			return err
		}
		ranges, err := rangesInWork(ctx, tx, t.ID)
		if err != nil {
			return err
		}
		if len(ranges) > 0 {
			return transcription.RangesInWork()
		}
		return x.begin(ctx, tx, t, next)
	})
	return wrap(err, "run %s again", after)
}

// begin makes the next run of a locked transcription the present one.
func (x texts) begin(ctx context.Context, tx bun.Tx, t *transcription.Transcription, next transcription.NextRun) error {
	o := next.Options
	o.Prompt = clean(o.Prompt)
	prompt, sealed, err := x.prompt(promptPlace, o.Prompt)
	if err != nil {
		return err
	}
	details := transcription.Changes(t.Options, o)
	details["after"] = t.Status
	if _, ok := details["prompt"]; ok {
		details["prompt"] = prompt // nothing where it is encrypted
	}
	c := change{ref: next.After, to: transcription.Queued, by: user(t.OwnerID), details: details}
	err = move(ctx, tx, c, func(q *bun.UpdateQuery) *bun.UpdateQuery {
		if next.Anew {
			q = q.Set("model = ''").Set("language = ''").Set("language_confidence = 0")
		}
		return q.Set("run = t.run + 1").Set("progress = 0").Set("cut_samples = 0").Set("done_samples = 0").
			Set("failure_code = ''").Set("failure_message = ''").Set("completed_at = NULL").
			Set("earlier = CASE WHEN t.status = 'completed' AND t.earlier IS NULL THEN "+earlierOf("t")+" ELSE t.earlier END").
			Set("asked_model = ?", o.Model).Set("asked_language = ?", o.Language).Set("prompt = ?", prompt).Set("sealed_prompt = ?", sealed).
			Set("translate = ?", o.Translate).Set("split = ?", o.Split).Set("priority = ?", o.Priority)
	})
	if err != nil {
		return err
	}
	ref := transcription.Ref{ID: next.After.ID, Run: next.After.Run + 1}
	if err := book(ctx, tx, t.OwnerID, ref); err != nil {
		return err
	}
	return addSteps(ctx, tx, newStepRow(ref, parent{OwnerID: t.OwnerID, Model: o.Model, Priority: o.Priority}, pipeline.Prepare, 0, 1))
}

// sweepMargin is how long before its time a prefix is left to the collector, who may
// have taken it for garbage already when somebody would still use what is below it.
const sweepMargin = 5 * time.Minute

// fits is true of a chunk c whose result was made by the recipe.
const fits = "(c.made = ?made AND c.segments IS NOT NULL)"

// Adopt makes chunks of an earlier run chunks of the lease's: of that which has most to
// give, those before the first that has neither a result of the recipe nor its object
// any more. What has such a result moves; of others the object is used again, and their
// old result stays with the old run. It does nothing when the run has chunks. Conflict:
// the lease is lost or the run is over.
func (db *DB) Adopt(ctx context.Context, l pipeline.Lease, r pipeline.Recipe) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		p, err := lockRun(ctx, tx, l.Step.Ref)
		if err != nil {
			return err
		}
		if err := hold(ctx, tx, l, pipeline.Prepare); err != nil {
			return err
		}
		a := adoption{ID: l.Step.Ref.ID, Run: l.Step.Ref.Run, Cut: r.Cut, Made: r.Made, Margin: sweepMargin.Seconds(), Owner: p.OwnerID, Model: p.Model, Place: p.Priority, Tries: pipeline.MaxAttempts}
		if err := a.choose(ctx, tx); err != nil || a.Count == 0 {
			return err
		}
		if err := a.take(ctx, tx); err != nil {
			return err
		}
		changed(ctx, a.ID)
		return a.tell(ctx, tx, l)
	})
	return wrap(err, "adopt chunks for %s", l.Step.Ref)
}

// adoption is what one run takes over of another: its chunks below Count. The fields
// are the names in the statements.
type adoption struct {
	ID     uuid.UUID
	Run    int
	Cut    string
	Made   string
	Margin float64 // seconds
	Owner  uuid.UUID
	Model  string
	Place  transcription.Priority // in the queue
	Tries  int
	From   int
	Count  int

	reused audio.Samples
	chunks int
}

// choose finds the earlier run and how many of its chunks can be used.
func (a *adoption) choose(ctx context.Context, tx bun.Tx) error {
	err := tx.NewRaw(`SELECT c.run FROM chunks AS c
		WHERE c.transcription_id = ?id AND c.run BETWEEN 1 AND ?run - 1 AND c.cut = ?cut
			AND NOT EXISTS (SELECT FROM chunks WHERE transcription_id = ?id AND run = ?run)
		GROUP BY c.run
		ORDER BY coalesce(sum(c.end_sample - c.start_sample) FILTER (WHERE `+fits+`), 0) DESC, count(*) DESC, c.run DESC LIMIT 1`, a).Scan(ctx, &a.From)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return tx.NewRaw(`SELECT count(*) FILTER (WHERE usable) FROM (
			SELECT bool_and(c.index = c.n AND (`+fits+` OR EXISTS (
				SELECT FROM garbage AS g WHERE g.prefix = `+folder+` AND g.due_at > now() + make_interval(secs => ?margin)))
			) OVER (ORDER BY c.index) AS usable
			FROM (
				SELECT c.*, row_number() OVER (ORDER BY c.index) - 1 AS n
				FROM (SELECT * FROM chunks AS c WHERE c.transcription_id = ?id AND c.run = ?from FOR UPDATE) AS c
			) AS c
		) AS c`, a).Scan(ctx, &a.Count)
}

// take moves what is done, copies the rest with steps of its own, keeps the objects of
// that from being collected, and counts what is done as progress.
func (a *adoption) take(ctx context.Context, tx bun.Tx) error {
	const those = "c.transcription_id = ?id AND c.run = ?from AND c.index < ?count"
	_, err := tx.NewRaw("UPDATE chunks AS c SET run = ?run WHERE "+those+" AND "+fits, a).Exec(ctx)
	if err != nil {
		return err
	}
	_, err = tx.NewRaw(`INSERT INTO chunks (transcription_id, run, index, channel, start_sample, end_sample, from_sample, to_sample, key, cut)
		SELECT transcription_id, ?run, index, channel, start_sample, end_sample, from_sample, to_sample, key, cut FROM chunks AS c WHERE `+those, a).Exec(ctx)
	if err != nil {
		return err
	}
	_, err = tx.NewRaw(`INSERT INTO steps (transcription_id, run, kind, index, owner_id, max_attempts, cost, model, priority)
		SELECT c.transcription_id, ?run, 'transcribe', c.index, ?owner, ?tries, c.to_sample - c.from_sample, ?model, ?place FROM chunks AS c WHERE `+those, a).Exec(ctx)
	if err != nil {
		return err
	}
	_, err = tx.NewRaw("DELETE FROM garbage WHERE prefix IN (SELECT "+folder+" FROM chunks AS c WHERE "+those+")", a).Exec(ctx)
	if err != nil {
		return err
	}
	return tx.NewRaw(`WITH n AS (
			SELECT count(*) FILTER (WHERE done_at IS NOT NULL) AS chunks, coalesce(sum(end_sample - start_sample), 0) AS cut,
				coalesce(sum(end_sample - start_sample) FILTER (WHERE done_at IS NOT NULL), 0) AS done,
				CASE WHEN bool_or(channel > 0) THEN 2 ELSE 1 END AS channels
			FROM chunks WHERE transcription_id = ?id AND run = ?run
		)
		UPDATE transcriptions AS t SET cut_samples = n.cut, done_samples = n.done, updated_at = clock_timestamp(),
			progress = greatest(t.progress, least(0.99, coalesce(n.done::float8 / nullif(n.channels * t.duration_samples, 0), 0)))
		FROM n WHERE t.id = ?id RETURNING n.chunks, n.done`, a).Scan(ctx, &a.chunks, &a.reused)
}

func (a *adoption) tell(ctx context.Context, tx bun.Tx, l pipeline.Lease) error {
	return record(ctx, tx, event{ref: l.Step.Ref, kind: transcription.Reused, by: holder(l), details: map[string]any{
		"from": a.From, "chunks": a.chunks, "of": a.Count, "seconds": a.reused.Duration().Seconds(),
	}})
}
