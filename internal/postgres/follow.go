package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// Standing returns how a transcription stands for those who follow it, with the
// segments behind a place, all of one moment. NotFound: there is none of that id that who
// may read.
func (db *DB) Standing(ctx context.Context, who, id uuid.UUID, after transcription.Place) (*transcription.Standing, error) {
	s := new(transcription.Standing)
	err := db.inSnapshot(ctx, func(ctx context.Context, tx bun.Tx) error {
		row := new(transcriptionRow)
		err := readable(tx.NewSelect().Model(row).Column(listed...).Relation("File").Relation("DataKey").Where("t.id = ?", id), who).Scan(ctx)
		if err != nil {
			return none(err, "There is no transcription %s.", id)
		}
		t, x, err := db.shown(row)
		if err != nil {
			return err
		}
		s.Transcription = *t
		if after.Run == s.Run {
			s.First = after.Segments
		}
		if s.Changes, err = changes(ctx, tx, s.Ref()); err != nil {
			return err
		}
		s.Settled, err = x.lasting(ctx, tx, s)
		return err
	})
	if err == nil {
		err = db.foresee(ctx, &s.Transcription)
	}
	return s, wrap(err, "read how %s stands", id)
}

// changes returns the changes of status of a run, in order.
func changes(ctx context.Context, tx bun.Tx, ref transcription.Ref) ([]transcription.Event, error) {
	var rows []eventRow
	err := tx.NewSelect().Model(&rows).Where("e.transcription_id = ?", ref.ID).Where("e.run = ?", ref.Run).Order("e.id").Scan(ctx)
	var found []transcription.Event
	for i := range rows {
		if e := rows[i].domain(); e.Status() != "" {
			found = append(found, e)
		}
	}
	return found, err
}

// lasting returns the segments of the present run from number s.First on that stay as
// they are. What is completed has only such; of others, whose table of segments is still
// that of an earlier run, they are in the chunks.
func (x texts) lasting(ctx context.Context, tx bun.Tx, s *transcription.Standing) ([]transcription.Segment, error) {
	if s.Status == transcription.Completed {
		return x.segmentsFrom(ctx, tx, s.ID, s.First)
	}
	var rows []chunkRow
	if err := chunks(tx, &rows, s.Ref()).Column(partial...).Scan(ctx); err != nil {
		return nil, err
	}
	known, err := tried(rows, func(r chunkRow) (transcription.Known, error) {
		err := x.hear(&r)
		return transcription.Known{Part: r.part(), Done: r.Segments != nil}, err // nil, too, when it was forgotten
	})
	if err != nil {
		return nil, err
	}
	whole := s.Status == transcription.Transcribing || s.Status == transcription.Merging
	all := transcription.Settled(known, whole)
	all = all[min(s.First, len(all)):]
	dropWords(all)
	return all, nil
}

// segmentsFrom returns segments without their words, from that number on.
func (x texts) segmentsFrom(ctx context.Context, tx bun.Tx, id uuid.UUID, first int) ([]transcription.Segment, error) {
	var rows []segmentRow
	err := tx.NewSelect().Model(&rows).ExcludeColumn("words").Where("g.transcription_id = ?", id).Where("g.index >= ?", first).Order("g.index").Scan(ctx)
	if err != nil {
		return nil, err
	}
	found, err := tried(rows, x.segment)
	dropWords(found)
	return found, err
}

// outlookRow is what Outlooks reads of one transcription.
type outlookRow struct {
	ID        uuid.UUID
	Run       int
	Status    transcription.Status
	UpdatedAt time.Time
	Duration  audio.Samples
	Steps     int
	Sound     audio.Samples
	Own       audio.Samples
}

// Outlooks returns what is foreseen for all these transcriptions, and when they changed
// last. Their owners were asked for when somebody began to follow them. What is ahead is
// counted as foresee does, in one go.
func (db *DB) Outlooks(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]transcription.Outlook, error) {
	var rows []outlookRow
	err := db.bun.NewRaw(`
		WITH queued AS (
			SELECT transcription_id, kind, priority, count(*) AS steps, sum(cost) AS sound
			FROM steps WHERE state IN ('waiting', 'dispatched') GROUP BY 1, 2, 3
		), queue AS (
			SELECT transcription_id, kind, sum(steps) OVER earlier AS steps, sum(sound) OVER earlier AS sound FROM queued
			WINDOW earlier AS (PARTITION BY kind ORDER BY priority, transcription_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
		)
		SELECT t.id, t.run, t.status, t.updated_at, t.duration_samples AS duration, greatest(t.duration_samples - t.done_samples, 0) AS own,
			least(coalesce(q.steps, 0), ?1) AS steps, coalesce(q.sound, 0) AS sound
		FROM transcriptions AS t LEFT JOIN queue AS q ON q.transcription_id = t.id
			AND q.kind = CASE t.status WHEN 'transcribing' THEN 'transcribe' WHEN 'merging' THEN 'merge' ELSE 'prepare' END
			AND NOT EXISTS (SELECT FROM steps WHERE transcription_id = t.id AND run = t.run AND state = 'running')
		WHERE t.id IN (?0)`, bun.List(ids), maxAhead).Scan(ctx, &rows)
	if err != nil {
		return nil, wrap(err, "look at what is followed")
	}
	found := make(map[uuid.UUID]transcription.Outlook, len(rows))
	for _, r := range rows {
		t := transcription.Transcription{Status: r.Status, Duration: r.Duration.Duration()}
		if err := db.forecast(ctx, &t, ahead{r.Steps, r.Sound, r.Own}); err != nil {
			return nil, wrap(err, "look at what is followed")
		}
		found[r.ID] = transcription.Outlook{
			Run: r.Run, UpdatedAt: r.UpdatedAt.UTC(), QueuePosition: t.QueuePosition, Estimate: t.Estimate, Soonest: t.Soonest, Latest: t.Latest,
		}
	}
	return found, nil
}
