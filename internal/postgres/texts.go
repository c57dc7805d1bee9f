package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/seal"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// texts makes rows of what was said in one transcription, and reads them. Where these are
// encrypted, the columns for plain texts are empty: a row that is not as it should be was
// not written here.
type texts struct{ seal *seal.Texts } // nil: they are not encrypted

// textsOf returns how the texts of a transcription are kept.
func (db *DB) textsOf(ctx context.Context, idb bun.IDB, id uuid.UUID) (texts, error) {
	row := new(dataKeyRow)
	err := idb.NewSelect().Model(row).Where("k.transcription_id = ?", id).Where("k.texts").Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return texts{}, nil
	}
	if err != nil {
		return texts{}, err
	}
	return db.texts(row)
}

// texts returns how the texts of a transcription with that data key, if any, are kept.
func (db *DB) texts(k *dataKeyRow) (texts, error) {
	if k == nil || !k.Texts {
		return texts{}, nil
	}
	if db.ring == nil {
		return texts{}, fault.New(fault.Unavailable, "Texts are encrypted, and this program has no key.").WithCode("encryption_key_missing")
	}
	key, err := db.ring.Open(k.TranscriptionID, k.seal())
	if err != nil {
		return texts{}, err
	}
	s, err := key.Texts()
	return texts{s}, err
}

// put encrypts a value for a place, which no other row of the transcription is.
func (x texts) put(place string, value any) ([]byte, error) {
	plain, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode the %s: %w", place, err)
	}
	return x.seal.Seal(place, plain), nil
}

// take reads what was put. Nothing has been put if the texts are not encrypted.
func (x texts) take(place string, sealed []byte, into any) error {
	if (x.seal == nil) != (sealed == nil) {
		return transcription.TextDamaged(fmt.Errorf("the %s is encrypted: %v, the texts are: %v", place, sealed != nil, x.seal != nil))
	}
	if x.seal == nil {
		return nil
	}
	plain, err := x.seal.Open(place, sealed)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(plain, into); err != nil {
		return transcription.TextDamaged(fmt.Errorf("decode the %s: %w", place, err))
	}
	return nil
}

// said is what of a segment is encrypted. Its times are not.
type said struct {
	Text    string `json:"text"`
	Speaker string `json:"speaker,omitempty"`
	Words   []word `json:"words,omitempty"`
}

func segmentPlace(index int) string { return fmt.Sprintf("segment %d", index) }

// segmentRow returns the row of a segment.
func (x texts) segmentRow(id uuid.UUID, index int, s transcription.Segment) (segmentRow, error) {
	r := newSegmentRow(id, index, s)
	if x.seal == nil {
		return r, nil
	}
	var err error
	r.Sealed, err = x.put(segmentPlace(index), said{r.Text, r.Speaker, r.Words})
	r.Text, r.Speaker, r.Words = "", "", []word{}
	return r, err
}

// segment reads the row of a segment.
func (x texts) segment(r segmentRow) (transcription.Segment, error) {
	s := said{r.Text, r.Speaker, r.Words}
	err := x.take(segmentPlace(r.Index), r.Sealed, &s)
	r.Text, r.Speaker, r.Words = s.Text, s.Speaker, s.Words
	return r.domain(), err
}

// A chunk may become one of another run, at the same index.
func (r *chunkRow) place() string { return fmt.Sprintf("chunk %d", r.Index) }

// heard puts what was heard in a chunk into its row.
func (x texts) heard(r *chunkRow) (err error) {
	if x.seal == nil {
		return nil
	}
	r.Sealed, err = x.put(r.place(), r.Segments)
	r.Segments = []segment{}
	return err
}

// hear reads what was heard in a chunk, if that is known.
func (x texts) hear(r *chunkRow) error {
	if r.Segments == nil {
		return nil
	}
	return x.take(r.place(), r.Sealed, &r.Segments)
}

func (r *revisionRow) place() string { return fmt.Sprintf("revision %d", r.Number) }

// changed puts what a revision has changed into its row.
func (x texts) changed(r *revisionRow) (err error) {
	if x.seal == nil {
		return nil
	}
	r.Sealed, err = x.put(r.place(), r.Splices)
	r.Splices = []splice{}
	return err
}

const (
	textPlace   = "text"
	promptPlace = "prompt"
)

// setText returns what sets the text of a transcription, and who speaks in it.
func (x texts) setText(text string, names []string) (func(*bun.UpdateQuery) *bun.UpdateQuery, error) {
	text = clean(text)
	var sealed []byte
	if x.seal != nil {
		var err error
		if sealed, err = x.put(textPlace, text); err != nil {
			return nil, err
		}
		text, names = "", nil
	}
	return func(q *bun.UpdateQuery) *bun.UpdateQuery {
		return q.Set("text = ?", text).Set("speakers = ?", speakers(names)).Set("sealed_text = ?", sealed)
	}, nil
}

// writeText sets the text of a locked transcription to that of its segments.
func (x texts) writeText(ctx context.Context, tx bun.Tx, id uuid.UUID, list []transcription.Segment) error {
	text, err := x.setText(transcription.Text(list), transcription.Speakers(list))
	if err != nil {
		return err
	}
	_, err = tx.NewUpdate().Model((*transcriptionRow)(nil)).Apply(text).Where("t.id = ?", id).Exec(ctx)
	return err
}

// prompt returns both columns of a prompt.
func (x texts) prompt(place, prompt string) (plain string, sealed []byte, err error) {
	plain = clean(prompt)
	if x.seal == nil {
		return plain, nil, nil
	}
	sealed, err = x.put(place, plain)
	return "", sealed, err
}

// shown reads the row of a transcription, which was read with its data key, but without its
// text.
func (db *DB) shown(r *transcriptionRow) (*transcription.Transcription, texts, error) {
	x, err := db.texts(r.DataKey)
	if err != nil {
		return nil, x, err
	}
	if err := x.take(promptPlace, r.SealedPrompt, &r.Prompt); err != nil {
		return nil, x, err
	}
	return r.domain(), x, nil
}

// shownWithText is shown for a row that was read with its text.
func (db *DB) shownWithText(r *transcriptionRow) (*transcription.Transcription, texts, error) {
	t, x, err := db.shown(r)
	if err == nil && (x.seal == nil || r.SealedText != nil) { // one that has no text yet has none that is encrypted
		err = x.take(textPlace, r.SealedText, &t.Text)
	}
	return t, x, err
}

// speakers returns names as a column has them.
func speakers(names []string) any { return pgdialect.Array(append([]string{}, each(names, clean)...)) }

// tried returns f of every element, up to the first that fails; nil stays nil.
func tried[A, B any](list []A, f func(A) (B, error)) ([]B, error) {
	if list == nil {
		return nil, nil
	}
	out := make([]B, len(list))
	for i, a := range list {
		var err error
		if out[i], err = f(a); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// results reads the rows of chunks that are done.
func (x texts) result(r *chunkRow) (pipeline.ChunkResult, error) {
	err := x.hear(r)
	return r.result(), err
}
