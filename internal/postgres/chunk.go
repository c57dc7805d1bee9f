package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/webhook"
)

type span struct {
	Start int64 `json:"start"`
	End   int64 `json:"end"`
}

type chunkRow struct {
	bun.BaseModel `bun:"table:chunks,alias:c"`

	TranscriptionID uuid.UUID `bun:",pk"`
	Run             int       `bun:",pk"`
	Index           int       `bun:",pk"`
	Channel         int
	StartSample     audio.Samples
	EndSample       audio.Samples
	FromSample      audio.Samples
	ToSample        audio.Samples
	Key             string
	Cut             string

	Segments       []segment `bun:"type:jsonb"`
	Sealed         []byte    `bun:"type:bytea"`
	Speech         []span    `bun:"type:jsonb"`
	DecodedSamples audio.Samples
	ElapsedUS      int64 `bun:"elapsed_us"`
	Made           string
	Weights        string
	DoneAt         time.Time `bun:",nullzero"`
}

// cut are the columns that are known when a chunk is cut.
var cut = []string{"transcription_id", "run", "index", "channel", "start_sample", "end_sample", "from_sample", "to_sample", "key", "cut"}

func newChunkRow(c pipeline.Chunk) *chunkRow {
	return &chunkRow{
		TranscriptionID: c.Ref.ID, Run: c.Ref.Run, Index: c.Index, Channel: c.Channel,
		StartSample: c.Start, EndSample: c.End, FromSample: c.From, ToSample: c.To, Key: c.Key, Cut: c.Cut,
	}
}

func (r *chunkRow) domain() pipeline.Chunk {
	return pipeline.Chunk{
		Ref: transcription.Ref{ID: r.TranscriptionID, Run: r.Run}, Index: r.Index, Channel: r.Channel,
		Piece: audio.Piece{Start: r.StartSample, End: r.EndSample, From: r.FromSample, To: r.ToSample}, Key: r.Key, Cut: r.Cut,
	}
}

func (r *chunkRow) result() pipeline.ChunkResult {
	return pipeline.ChunkResult{
		Chunk: r.domain(), Segments: each(r.Segments, segment.domain),
		Speech: each(r.Speech, func(s span) audio.Span {
			return audio.Span{Start: audio.Samples(s.Start), End: audio.Samples(s.End)}
		}),
		Decoded: r.DecodedSamples, Elapsed: time.Duration(r.ElapsedUS) * time.Microsecond, Made: r.Made, Weights: r.Weights,
	}
}

// chunks selects the chunks of a run, in order.
func chunks(idb bun.IDB, rows *[]chunkRow, ref transcription.Ref) *bun.SelectQuery {
	return idb.NewSelect().Model(rows).Where("c.transcription_id = ?", ref.ID).Where("c.run = ?", ref.Run).Order("c.index")
}

// Chunks returns the chunks of the run that are cut so far, in order.
func (db *DB) Chunks(ctx context.Context, ref transcription.Ref) ([]pipeline.Chunk, error) {
	var rows []chunkRow
	if err := chunks(db.bun, &rows, ref).Column(cut...).Scan(ctx); err != nil {
		return nil, wrap(err, "read the chunks of %s", ref)
	}
	found := make([]pipeline.Chunk, len(rows))
	for i := range rows {
		found[i] = rows[i].domain()
	}
	return found, nil
}

// Results returns the results of all chunks, in order. Conflict: a chunk is not
// done yet, or the run is over.
func (db *DB) Results(ctx context.Context, ref transcription.Ref) ([]pipeline.ChunkResult, error) {
	if _, err := db.Run(ctx, ref); err != nil {
		return nil, err
	}
	x, err := db.textsOf(ctx, db.bun, ref.ID)
	if err != nil {
		return nil, wrap(err, "read the results of %s", ref)
	}
	var rows []chunkRow
	if err := chunks(db.bun, &rows, ref).Scan(ctx); err != nil {
		return nil, wrap(err, "read the results of %s", ref)
	}
	found := make([]pipeline.ChunkResult, len(rows))
	for i := range rows {
		if rows[i].DoneAt.IsZero() {
			return nil, fault.New(fault.Conflict, "Chunk %d of %s is not done yet.", rows[i].Index, ref)
		}
		if found[i], err = x.result(&rows[i]); err != nil {
			return nil, wrap(err, "read the results of %s", ref)
		}
	}
	return found, nil
}

// soFar fills in the text of a run that is on its way: that of the chunks done so
// far, in order. What lies between them is simply not there yet. The words,
// nine tenths of the whole and not final, are left out.
func (x texts) soFar(ctx context.Context, tx bun.Tx, t *transcription.Transcription) error {
	var rows []chunkRow
	if err := chunks(tx, &rows, t.Ref()).Column(partial...).Where("c.done_at IS NOT NULL").Scan(ctx); err != nil {
		return err
	}
	parts, err := tried(rows, func(r chunkRow) (transcription.Part, error) {
		err := x.hear(&r)
		return r.part(), err
	})
	if err != nil {
		return err
	}
	t.Segments, _ = transcription.Transcript(parts)
	t.Text = transcription.Text(t.Segments)
	dropWords(t.Segments)
	return nil
}

// partial names the columns that part needs.
var partial = []string{"start_sample", "end_sample", "from_sample", "to_sample", "index", "channel", "segments", "sealed"}

// part returns what was heard in a chunk; nil segments when that is not known.
func (r *chunkRow) part() transcription.Part {
	return transcription.Part{Piece: r.domain().Piece, Channel: r.Channel, Segments: each(r.Segments, segment.domain)}
}

func dropWords(segments []transcription.Segment) {
	for i := range segments {
		segments[i].Words = nil
	}
}

// Chunk returns the chunk of that index. NotFound: it is not cut yet.
func (db *DB) Chunk(ctx context.Context, ref transcription.Ref, index int) (pipeline.Chunk, error) {
	row := &chunkRow{TranscriptionID: ref.ID, Run: ref.Run, Index: index}
	err := db.bun.NewSelect().Model(row).Column(cut...).WherePK().Scan(ctx)
	return row.domain(), wrap(none(err, "There is no chunk %d.", index), "read chunk %d of %s", index, ref)
}

// AddChunks records chunks that follow each other, together with their Transcribe steps.
// The same chunk may be added twice. It is an error when chunks before them are missing.
// Conflict: the lease is lost or the run is over.
func (db *DB) AddChunks(ctx context.Context, l pipeline.Lease, cs ...pipeline.Chunk) error {
	if len(cs) == 0 {
		return nil
	}
	err := db.inHaste(ctx, func(ctx context.Context, tx bun.Tx) error {
		p, err := lockRun(ctx, tx, l.Step.Ref)
		if err != nil {
			return err
		}
		if err := hold(ctx, tx, l, pipeline.Prepare); err != nil {
			return err
		}
		added, err := addChunks(ctx, tx, cs)
		if err != nil || len(added) == 0 {
			return err
		}
		if err := tiled(ctx, tx, l.Step.Ref, cs[len(cs)-1].Index+1); err != nil {
			return err
		}
		var sound audio.Samples
		steps := make([]*stepRow, len(added))
		for i, c := range added {
			sound += c.End - c.Start
			steps[i] = newStepRow(c.Ref, p, pipeline.Transcribe, c.Index, int64(c.Len()))
		}
		if err := grow(ctx, tx, l.Step.Ref, sound); err != nil {
			return err
		}
		return addSteps(ctx, tx, steps...)
	})
	return wrap(err, "add %d chunks of %s", len(cs), l.Step.Ref)
}

// grow counts sound of a locked run that was cut.
func grow(ctx context.Context, tx bun.Tx, ref transcription.Ref, sound audio.Samples) error {
	if number, ok := ref.Range(); ok {
		return growRange(ctx, tx, ref.ID, number, sound, 0)
	}
	_, err := tx.NewRaw("UPDATE transcriptions SET cut_samples = cut_samples + ?, updated_at = clock_timestamp() WHERE id = ?", sound, ref.ID).Exec(ctx)
	return err
}

// addChunks inserts chunks and returns those that were not there yet. Those that were must
// be the same.
func addChunks(ctx context.Context, tx bun.Tx, cs []pipeline.Chunk) (added []pipeline.Chunk, err error) {
	var fresh []int
	rows := each(cs, newChunkRow)
	err = tx.NewInsert().Model(&rows).Column(cut...).On("CONFLICT DO NOTHING").Returning("index").Scan(ctx, &fresh)
	if err != nil {
		return nil, err
	}
	for i, c := range cs {
		if slices.Contains(fresh, c.Index) {
			added = append(added, c)
		} else if err := sameChunk(ctx, tx, rows[i]); err != nil {
			return nil, err
		}
	}
	return added, nil
}

// tiled returns an error unless a run has that many chunks. A worker may outlive a crash
// of the server of the database, which may have forgotten the chunk that was added last,
// see inHaste. It must not go on behind the hole: another attempt takes up cutting behind
// what is there.
func tiled(ctx context.Context, tx bun.Tx, ref transcription.Ref, want int) error {
	n, err := tx.NewSelect().Model((*chunkRow)(nil)).Where("c.transcription_id = ?", ref.ID).Where("c.run = ?", ref.Run).Count(ctx)
	if err == nil && int(n) < want {
		err = fmt.Errorf("only %d of %d chunks of %s are recorded", n, want, ref)
	}
	return err
}

// sameChunk returns an error when the chunk of that index is not the one in row:
// two attempts that cut differently would lose sound between their chunks.
func sameChunk(ctx context.Context, tx bun.Tx, row *chunkRow) error {
	old := &chunkRow{TranscriptionID: row.TranscriptionID, Run: row.Run, Index: row.Index}
	if err := tx.NewSelect().Model(old).Column(cut...).WherePK().Scan(ctx); err != nil {
		return err
	}
	if had, got := old.domain(), row.domain(); had.Piece != got.Piece || had.Channel != got.Channel {
		return fmt.Errorf("chunk %d was cut as %v of channel %d before and is %v of channel %d now",
			row.Index, had.Piece, had.Channel, got.Piece, got.Channel)
	}
	return nil
}

// FinishChunk records the result of a chunk and raises the progress. Conflict: the lease
// is lost or the run is over.
func (db *DB) FinishChunk(ctx context.Context, l pipeline.Lease, r pipeline.ChunkResult) error {
	if l.Step.Kind != pipeline.Transcribe || l.Step.Index != r.Chunk.Index || l.Step.Ref != r.Chunk.Ref {
		return fault.New(fault.Conflict, "The lease on %s is not one on chunk %d.", l.Step, r.Chunk.Index)
	}
	err := db.inHaste(ctx, func(ctx context.Context, tx bun.Tx) error {
		x, err := db.textsOf(ctx, tx, l.Step.Ref.ID)
		if err != nil {
			return err
		}
		row := newResultRow(r)
		if err := x.heard(row); err != nil {
			return err
		}
		if number, ok := l.Step.Ref.Range(); ok {
			return finishRangeChunk(ctx, tx, l, number, row)
		}
		changed(ctx, l.Step.Ref.ID)
		n, err := affected(finishChunk(tx, l, row).Exec(ctx))
		if err != nil {
			return err
		}
		if n == 0 {
			return lost(l)
		}
		return notify(ctx, tx, l.Step.Ref, webhook.Progress)
	})
	return wrap(err, "finish chunk %d of %s", r.Chunk.Index, r.Chunk.Ref)
}

// finishChunk locks the transcription, ends the step of a lease, records the result and
// adds its sound to the progress, all in one statement, since everybody else who has
// finished a chunk of the recording waits meanwhile. It changes nothing when the lease is
// lost, as every lease is when the run is over. While more is being cut, all is what the
// container promises, for each channel that is kept apart; afterwards it is what was cut,
// since nobody works on the silence between. Progress never goes back, and reaches 1 only
// with the text.
func finishChunk(tx bun.Tx, l pipeline.Lease, row *chunkRow) *bun.UpdateQuery {
	lock := tx.NewSelect().Model((*transcriptionRow)(nil)).Column("id").Where("t.id = ?", l.Step.Ref.ID).For("UPDATE")
	step := leased(unlease(tx.NewUpdate().Model((*stepRow)(nil)).Set("state = ?", done)), l).
		TableExpr("run").Where("s.transcription_id = run.id").Returning("s.index")
	result := tx.NewUpdate().Model(row).Column("segments", "sealed", "speech", "decoded_samples", "elapsed_us", "made", "weights").
		Set("done_at = clock_timestamp()").TableExpr("step").WherePK().Where("c.index = step.index").
		Returning("c.channel, c.end_sample - c.start_sample AS sound")
	return tx.NewUpdate().With("run", lock).With("step", step).With("chunk", result).Model((*transcriptionRow)(nil)).TableExpr("chunk AS c").
		Set("done_samples = t.done_samples + c.sound").
		Set(`progress = greatest(t.progress, least(0.99, coalesce((t.done_samples + c.sound)::float8 / nullif(
			CASE WHEN t.status <> 'preparing' THEN t.cut_samples WHEN c.channel > 0 THEN 2 * t.duration_samples ELSE t.duration_samples END, 0), 0)))`).
		Set("updated_at = clock_timestamp()").Where("t.id = ?", l.Step.Ref.ID)
}

func newResultRow(r pipeline.ChunkResult) *chunkRow {
	row := newChunkRow(r.Chunk)
	row.Segments = append([]segment{}, each(r.Segments, newSegment)...)
	row.Speech = append([]span{}, each(r.Speech, func(s audio.Span) span { return span{Start: int64(s.Start), End: int64(s.End)} })...)
	row.DecodedSamples, row.ElapsedUS, row.Made, row.Weights = r.Decoded, r.Elapsed.Microseconds(), r.Made, r.Weights
	return row
}
