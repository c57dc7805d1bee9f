package postgres

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// The types below are what a transcript looks like in jsonb columns, with times in
// whole milliseconds. They are apart from the domain's, so that renaming a field
// there does not make old rows unreadable.

type word struct {
	Start      int64   `json:"start"`
	End        int64   `json:"end"`
	Text       string  `json:"text"`
	Confidence float64 `json:"confidence"`
	Glued      bool    `json:"glued,omitempty"`
}

type segment struct {
	Start      int64   `json:"start"`
	End        int64   `json:"end"`
	Text       string  `json:"text"`
	Speaker    string  `json:"speaker,omitempty"`
	Confidence float64 `json:"confidence"`
	Suspect    bool    `json:"suspect,omitempty"`
	Words      []word  `json:"words,omitempty"`
}

type warning struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type gap struct {
	Start int64 `json:"start"`
	End   int64 `json:"end"`
}

type coverage struct {
	Speech  int64   `json:"speech"`
	Covered int64   `json:"covered"`
	Gaps    []gap   `json:"gaps,omitempty"`
	Suspect int     `json:"suspect"`
	Seams   []int64 `json:"seams,omitempty"`
}

type warningList []warning

func ms(d time.Duration) int64 { return d.Round(time.Millisecond).Milliseconds() }

func fromMS(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// clean removes what PostgreSQL refuses in a text. A model may emit half a letter.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
}

// unit bounds a confidence to 0–1. An engine may divide by zero.
func unit(x float64) float64 {
	if math.IsNaN(x) {
		return 0
	}
	return min(max(x, 0), 1)
}

// each returns f of every element; nil stays nil.
func each[A, B any](list []A, f func(A) B) []B {
	if list == nil {
		return nil
	}
	out := make([]B, len(list))
	for i, a := range list {
		out[i] = f(a)
	}
	return out
}

func newWord(w transcription.Word) word {
	return word{Start: ms(w.Start), End: ms(w.End), Text: clean(w.Text), Confidence: unit(w.Confidence), Glued: w.Glued}
}

func (w word) domain() transcription.Word {
	return transcription.Word{Start: fromMS(w.Start), End: fromMS(w.End), Text: w.Text, Confidence: w.Confidence, Glued: w.Glued}
}

func newSegment(s transcription.Segment) segment {
	return segment{
		Start: ms(s.Start), End: ms(s.End), Text: clean(s.Text), Speaker: clean(s.Speaker),
		Confidence: unit(s.Confidence), Suspect: s.Suspect, Words: each(s.Words, newWord),
	}
}

func (s segment) domain() transcription.Segment {
	return transcription.Segment{
		Start: fromMS(s.Start), End: fromMS(s.End), Text: s.Text, Speaker: s.Speaker,
		Confidence: s.Confidence, Suspect: s.Suspect, Words: each(s.Words, word.domain),
	}
}

func newWarnings(list []transcription.Warning) warningList {
	out := each(list, func(w transcription.Warning) warning { return warning{Code: w.Code, Message: clean(w.Message)} })
	return append(warningList{}, out...)
}

func (l warningList) domain() []transcription.Warning {
	if len(l) == 0 {
		return nil
	}
	return each(l, func(w warning) transcription.Warning { return transcription.Warning(w) })
}

func newCoverage(c transcription.Coverage) *coverage {
	return &coverage{
		Speech: ms(c.Speech), Covered: ms(c.Covered), Suspect: c.Suspect, Seams: each(c.Seams, ms),
		Gaps: each(c.Gaps, func(g transcription.Gap) gap { return gap{Start: ms(g.Start), End: ms(g.End)} }),
	}
}

func (c *coverage) domain() *transcription.Coverage {
	if c == nil {
		return nil
	}
	return &transcription.Coverage{
		Speech: fromMS(c.Speech), Covered: fromMS(c.Covered), Suspect: c.Suspect, Seams: each(c.Seams, fromMS),
		Gaps: each(c.Gaps, func(g gap) transcription.Gap {
			return transcription.Gap{Start: fromMS(g.Start), End: fromMS(g.End)}
		}),
	}
}

type segmentRow struct {
	bun.BaseModel `bun:"table:segments,alias:g"`

	TranscriptionID uuid.UUID `bun:",pk"`
	Index           int       `bun:",pk"`
	StartMS         int64     `bun:"start_ms"`
	EndMS           int64     `bun:"end_ms"`
	Text            string
	Speaker         string
	Confidence      float64
	Suspect         bool
	Words           []word `bun:"type:jsonb"`
	Sealed          []byte `bun:"type:bytea"`
}

func newSegmentRow(id uuid.UUID, index int, s transcription.Segment) segmentRow {
	j := newSegment(s)
	return segmentRow{
		TranscriptionID: id, Index: index, StartMS: j.Start, EndMS: j.End, Text: j.Text, Speaker: j.Speaker,
		Confidence: j.Confidence, Suspect: j.Suspect, Words: append([]word{}, j.Words...),
	}
}

func (r *segmentRow) domain() transcription.Segment {
	s := transcription.Segment{
		Start: fromMS(r.StartMS), End: fromMS(r.EndMS), Text: r.Text, Speaker: r.Speaker,
		Confidence: r.Confidence, Suspect: r.Suspect,
	}
	if len(r.Words) > 0 {
		s.Words = each(r.Words, word.domain)
	}
	return s
}

// segments returns the segments of a transcription from an index on, in order.
func (x texts) segments(ctx context.Context, tx bun.Tx, id uuid.UUID, from int) ([]transcription.Segment, error) {
	var rows []segmentRow
	err := tx.NewSelect().Model(&rows).Where("g.transcription_id = ?", id).Where("g.index >= ?", from).Order("g.index").Scan(ctx)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return tried(rows, x.segment)
}

// segmentBatch bounds how many segments one statement inserts: a day of speech
// would make a statement of tens of megabytes.
const segmentBatch = 500

// replaceSegments puts segments into the place of others. In one statement for many: a
// speaker who gets another name has every second segment of hours.
func replaceSegments(ctx context.Context, tx bun.Tx, rows []segmentRow) error {
	for batch := range slices.Chunk(rows, segmentBatch) {
		if _, err := tx.NewInsert().Model(&batch).On("CONFLICT (transcription_id, index) DO UPDATE").Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// writeSegments puts list into the place of the segments from index from on.
func (x texts) writeSegments(ctx context.Context, tx bun.Tx, id uuid.UUID, from int, list []transcription.Segment) error {
	_, err := tx.NewDelete().Model((*segmentRow)(nil)).Where("transcription_id = ?", id).Where("index >= ?", from).Exec(ctx)
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(list, segmentBatch) {
		rows := make([]segmentRow, len(batch))
		for i, s := range batch {
			if rows[i], err = x.segmentRow(id, from+i, s); err != nil {
				return err
			}
		}
		if _, err := tx.NewInsert().Model(&rows).Exec(ctx); err != nil {
			return err
		}
		from += len(batch)
	}
	return nil
}
