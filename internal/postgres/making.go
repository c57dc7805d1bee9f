package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// lineage has the revisions that the present text of transcription ?id goes back to, down to
// the one that a run has made; number 0 is the first text of all.
const lineage = `WITH RECURSIVE lineage (number) AS (
		SELECT revision FROM transcriptions WHERE id = ?id
		UNION ALL
		SELECT CASE WHEN r.kind IN ('restore', 'kept') THEN r.of ELSE r.number - 1 END
		FROM lineage AS l JOIN revisions AS r ON r.transcription_id = ?id AND r.number = l.number AND r.kind <> 'machine'
	) `

// origin is the run that those of a lineage are of. That of the first text is the first
// that has completed, if it is known.
const origin = `SELECT coalesce(
		(SELECT run FROM revisions WHERE transcription_id = ?id AND number = (SELECT min(number) FROM lineage) AND kind = 'machine'),
		(SELECT min(m.run) FROM makings AS m WHERE m.transcription_id = ?id AND NOT EXISTS (
			SELECT FROM revisions AS r WHERE r.transcription_id = ?id AND r.kind = 'machine' AND r.run <= m.run)))`

// ofText names the transcription in the statements above.
type ofText struct{ ID uuid.UUID }

// addMaking records what is known of the text of a run that has completed. Another may take
// its chunks over, so their plan is kept with it.
func addMaking(ctx context.Context, tx bun.Tx, ref transcription.Ref, t pipeline.Transcript) error {
	_, err := tx.NewRaw(`INSERT INTO makings (transcription_id, run, model, language, language_confidence, translate, warnings, coverage, plan, completed_at)
		SELECT t.id, t.run, t.model, t.language, t.language_confidence, t.translate, ?, ?, (
			SELECT coalesce(jsonb_agg(jsonb_build_object('index', index, 'channel', channel, 'start', start_sample, 'end', end_sample,
				'from', from_sample, 'to', to_sample, 'made', made, 'weights', weights) ORDER BY index), '[]')
			FROM chunks WHERE transcription_id = t.id AND run = t.run
		), t.completed_at FROM transcriptions AS t WHERE t.id = ?`, newWarnings(t.Warnings), newCoverage(t.Coverage), ref.ID).Exec(ctx)
	return err
}

// addWriting is addMaking of a text that a person has written.
func addWriting(ctx context.Context, tx bun.Tx, f transcription.FirstText) error {
	_, err := tx.NewRaw(`INSERT INTO makings (transcription_id, run, model, language, language_confidence, translate, warnings, plan, completed_at)
		SELECT t.id, t.run, '', t.language, t.language_confidence, false, t.warnings, '[]', t.completed_at FROM transcriptions AS t WHERE t.id = ?`, f.Ref.ID).Exec(ctx)
	return err
}

// isWritten reports whether the present text is the first one, as a person has brought it
// along: nobody has edited it.
func isWritten(ctx context.Context, tx bun.Tx, id uuid.UUID) (written bool, err error) {
	err = tx.NewRaw(lineage+`SELECT written AND EXISTS (SELECT FROM lineage WHERE number = 0)
		AND NOT EXISTS (SELECT FROM revisions AS r JOIN lineage AS l ON l.number = r.number WHERE r.transcription_id = ?id AND r.kind IN ('edit', 'range'))
		FROM transcriptions WHERE id = ?id`, ofText{id}).Scan(ctx, &written)
	return written, err
}

// bringBack makes what is known of the run that the present text is of, which came back,
// what the transcription says of its text. Of runs that have completed before such things
// were kept nothing is known.
func bringBack(ctx context.Context, tx bun.Tx, id uuid.UUID) error {
	_, err := tx.NewRaw(lineage+`UPDATE transcriptions AS t SET warnings = m.warnings, coverage = m.coverage,
			earlier = CASE WHEN m.run < t.run THEN `+earlierOf("m")+` END
		FROM makings AS m WHERE t.id = ?id AND m.transcription_id = t.id AND m.run = (`+origin+`) AND m.run <> coalesce((t.earlier->>'run')::int, t.run)`,
		ofText{id}).Exec(ctx)
	return err
}

// planned is a chunk of a run that has completed, as a jsonb column has it.
type planned struct {
	Index   int           `json:"index"`
	Channel int           `json:"channel"`
	Start   audio.Samples `json:"start"`
	End     audio.Samples `json:"end"`
	From    audio.Samples `json:"from"`
	To      audio.Samples `json:"to"`
	Made    string        `json:"made"`
	Weights string        `json:"weights"`
}

func (p planned) domain() transcription.PlannedChunk {
	return transcription.PlannedChunk{
		Index: p.Index, Channel: p.Channel, Piece: audio.Piece{Start: p.Start, End: p.End, From: p.From, To: p.To}, Made: p.Made, Weights: p.Weights,
	}
}

// Plan returns what the present text is of when a run has made it. NotFound: there is no
// transcription of that id that who may read.
func (db *DB) Plan(ctx context.Context, who uuid.UUID, ref transcription.Ref) (p transcription.Plan, err error) {
	if err := isReadable(ctx, db.bun, who, ref.ID); err != nil {
		return p, wrap(err, "read the plan of %s", ref)
	}
	if p.Chunks, err = db.plannedChunks(ctx, ref); err != nil {
		return p, wrap(err, "read the plan of %s", ref)
	}
	p.Ranges, err = db.rangesWithin(ctx, ref.ID)
	return p, wrap(err, "read the plan of %s", ref)
}

// plannedChunks returns the chunks that a recording was cut into for a run.
func (db *DB) plannedChunks(ctx context.Context, ref transcription.Ref) ([]transcription.PlannedChunk, error) {
	var plan []byte
	err := db.bun.NewRaw("SELECT plan FROM makings WHERE transcription_id = ? AND run = ?", ref.ID, ref.Run).Scan(ctx, &plan)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	if plan != nil {
		var list []planned
		err := json.Unmarshal(plan, &list)
		return each(list, planned.domain), err
	}
	var rows []chunkRow
	err = chunks(db.bun, &rows, ref).Column("made", "weights").Column(cut...).Scan(ctx)
	return each(rows, func(r chunkRow) transcription.PlannedChunk {
		return transcription.PlannedChunk{Index: r.Index, Channel: r.Channel, Piece: r.domain().Piece, Made: r.Made, Weights: r.Weights}
	}), err
}

// rangesWithin returns the ranges that the present text has been given.
func (db *DB) rangesWithin(ctx context.Context, id uuid.UUID) ([]transcription.Range, error) {
	var rows []rangeRow
	err := db.bun.NewSelect().Model(&rows).ExcludeColumn("prompt", "sealed_prompt").Where("r.transcription_id = ?", id).
		Where("r.revision IN ("+lineage+"SELECT v.number FROM lineage AS l JOIN revisions AS v ON v.transcription_id = ?id AND v.number = l.number AND v.kind = 'range')", ofText{id}).
		Order("r.number").Scan(ctx)
	return each(rows, func(r rangeRow) transcription.Range { return r.domain() }), err
}
