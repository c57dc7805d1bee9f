package postgres

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/pipeline"
)

// Hear raises the progress by what was heard of the chunk that is being transcribed, in all
// of this attempt. Conflict: the lease is lost, or the run is over.
//
// It waits for nobody: while a transcription is locked its progress stays for now.
func (db *DB) Hear(ctx context.Context, l pipeline.Lease, heard audio.Samples) error {
	err := db.inHaste(ctx, func(ctx context.Context, tx bun.Tx) error {
		n, err := affected(leased(tx.NewUpdate().Model((*stepRow)(nil)).Set("heard_samples = ?", heard), l).Exec(ctx))
		if err != nil {
			return err
		}
		if n == 0 {
			return lost(l)
		}
		if _, ok := l.Step.Ref.Range(); ok {
			return nil
		}
		changed(ctx, l.Step.Ref.ID)
		_, err = tx.NewRaw(`WITH free AS (SELECT id FROM transcriptions WHERE id = ? AND run = ? FOR UPDATE SKIP LOCKED),
			half AS (SELECT sum(heard_samples) AS sound FROM steps JOIN free ON transcription_id = free.id WHERE run = ? AND state = 'running'),
			cut AS (SELECT 1 + max(channel) AS channels FROM chunks JOIN free ON transcription_id = free.id WHERE run = ?)
			UPDATE transcriptions AS t SET updated_at = clock_timestamp(),
				progress = greatest(t.progress, least(0.99, coalesce((t.done_samples + half.sound)::float8 / nullif(
					CASE WHEN t.status <> 'preparing' THEN t.cut_samples ELSE cut.channels * t.duration_samples END, 0), 0)))
			FROM free, half, cut WHERE t.id = free.id`,
			l.Step.Ref.ID, l.Step.Ref.Run, l.Step.Ref.Run, l.Step.Ref.Run).Exec(ctx)
		return err
	})
	return wrap(err, "hear %s", l.Step)
}
