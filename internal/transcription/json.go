package transcription

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// schemaVersion changes when a program that reads the JSON export would have to
// change, and with it the name of the schema.
const schemaVersion = 1

//go:embed schema/transcript-1.json
var schema []byte

// Schema returns the JSON Schema of the JSON export.
func Schema() []byte { return slices.Clone(schema) }

// writeJSON writes everything that is known about the result: one object, of which
// only a segment at a time is in memory.
func writeJSON(w io.Writer, t *Transcription, _ Layout) error {
	out := &jsonWriter{w: bufio.NewWriter(w)}
	head, tail := out.indented("", newDocumentHead(t)), out.indented("", newDocumentTail(t))
	out.write(bytes.TrimSuffix(head, []byte("\n}")), []byte(",\n  \"segments\": ["))
	between := []byte("\n    ")
	for i, s := range ordered(t.Segments) {
		out.write(between, out.indented("    ", newDocumentSegment(i, s)))
		between = []byte(",\n    ")
	}
	if len(t.Segments) > 0 {
		out.write([]byte("\n  "))
	}
	out.write([]byte("],"), bytes.TrimPrefix(tail, []byte("{")), []byte("\n"))
	if out.err != nil {
		return out.err
	}
	return out.w.Flush()
}

// jsonWriter writes pieces of JSON and remembers the first error.
type jsonWriter struct {
	w   *bufio.Writer
	err error
}

func (j *jsonWriter) write(pieces ...[]byte) {
	for _, p := range pieces {
		if j.err == nil {
			_, j.err = j.w.Write(p)
		}
	}
}

// indented returns v with a prefix before every line but the first.
func (j *jsonWriter) indented(prefix string, v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent(prefix, "  ")
	if err := e.Encode(v); err != nil && j.err == nil {
		j.err = fmt.Errorf("encode a transcript: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// documentHead is the JSON export up to the segments.
type documentHead struct {
	SchemaVersion      int       `json:"schemaVersion"`
	ID                 uuid.UUID `json:"id"`
	FileName           string    `json:"fileName"`
	Language           string    `json:"language"`
	LanguageConfidence *Fraction `json:"languageConfidence"` // null: no language
	Model              string    `json:"model"`
	Duration           Seconds   `json:"duration"`
	Revision           int       `json:"revision"`
	Text               string    `json:"text"`
}

// documentTail is the rest.
type documentTail struct {
	Warnings    []documentWarning `json:"warnings"`
	Coverage    *documentCoverage `json:"coverage"`
	CreatedAt   time.Time         `json:"createdAt"`
	CompletedAt time.Time         `json:"completedAt,omitzero"`
	Manifest    *documentManifest `json:"manifest"`
}

type documentSegment struct {
	Index      int            `json:"index"`
	Start      Seconds        `json:"start"`
	End        Seconds        `json:"end"`
	Text       string         `json:"text"`
	Speaker    *string        `json:"speaker"`
	Confidence Fraction       `json:"confidence"`
	Suspect    bool           `json:"suspect"`
	Words      []documentWord `json:"words"`
}

type documentWord struct {
	Start      Seconds  `json:"start"`
	End        Seconds  `json:"end"`
	Text       string   `json:"text"`
	Confidence Fraction `json:"confidence"`
	Glued      bool     `json:"glued,omitempty"`
}

type documentWarning struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type documentCoverage struct {
	Speech  Seconds       `json:"speech"`
	Covered Seconds       `json:"covered"`
	Gaps    []documentGap `json:"gaps"`
	Suspect int           `json:"suspect"`
	Seams   []Seconds     `json:"seams"`
}

type documentGap struct {
	Start Seconds `json:"start"`
	End   Seconds `json:"end"`
}

// LatestTime is in seconds later than any recording is long, and not too much for a
// time.Duration.
const LatestTime = 1e8

// FromSeconds returns a time that somebody has sent, to the millisecond.
func FromSeconds(s float64) time.Duration {
	return time.Duration(math.Round(min(max(s, -LatestTime), LatestTime)*1000)) * time.Millisecond
}

// Seconds is a time or a span as JSON has it everywhere: seconds with three
// decimals.
type Seconds time.Duration

// String rounds once, to whole milliseconds.
func (s Seconds) String() string {
	ms := time.Duration(s).Round(time.Millisecond).Milliseconds()
	return strconv.FormatFloat(float64(ms)/1000, 'f', 3, 64)
}

// MarshalJSON is the number that String writes.
func (s Seconds) MarshalJSON() ([]byte, error) { return []byte(s.String()), nil }

// Fraction is a confidence or a share as JSON has it everywhere: 0–1 with three
// decimals.
type Fraction float64

// String rounds once and bounds the number. What is none is written as 0: an
// engine may divide by zero, and JSON has no word for the result.
func (f Fraction) String() string {
	v := min(max(float64(f), 0), 1)
	if math.IsNaN(v) {
		v = 0
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}

// MarshalJSON is the number that String writes.
func (f Fraction) MarshalJSON() ([]byte, error) { return []byte(f.String()), nil }

func newDocumentHead(t *Transcription) documentHead {
	d := documentHead{
		SchemaVersion: schemaVersion, ID: t.ID, FileName: t.File.Name, Language: t.Language, Model: t.Model,
		Duration: Seconds(t.Duration), Revision: t.Revision, Text: t.Text,
	}
	if t.Language != "" {
		d.LanguageConfidence = (*Fraction)(&t.LanguageConfidence)
	}
	return d
}

func newDocumentTail(t *Transcription) documentTail {
	d := documentTail{
		Warnings: []documentWarning{}, Coverage: newDocumentCoverage(t.Coverage), CreatedAt: t.CreatedAt, CompletedAt: t.CompletedAt,
		Manifest: newDocumentManifest(t),
	}
	for _, w := range t.Warnings {
		d.Warnings = append(d.Warnings, documentWarning(w))
	}
	return d
}

func newDocumentSegment(index int, s Segment) documentSegment {
	d := documentSegment{
		Index: index, Start: Seconds(s.Start), End: Seconds(s.End), Text: s.Text,
		Confidence: Fraction(s.Confidence), Suspect: s.Suspect, Words: []documentWord{},
	}
	if s.Speaker != "" {
		d.Speaker = &s.Speaker
	}
	for _, w := range s.Words {
		d.Words = append(d.Words, documentWord{
			Start: Seconds(w.Start), End: Seconds(w.End), Text: w.Text, Confidence: Fraction(w.Confidence), Glued: w.Glued,
		})
	}
	return d
}

func newDocumentCoverage(c *Coverage) *documentCoverage {
	if c == nil {
		return nil
	}
	d := &documentCoverage{Speech: Seconds(c.Speech), Covered: Seconds(c.Covered), Gaps: []documentGap{}, Suspect: c.Suspect, Seams: []Seconds{}}
	for _, g := range c.Gaps {
		d.Gaps = append(d.Gaps, documentGap{Start: Seconds(g.Start), End: Seconds(g.End)})
	}
	for _, s := range c.Seams {
		d.Seams = append(d.Seams, Seconds(s))
	}
	return d
}
