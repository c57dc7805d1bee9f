package transcription

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/fault"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestFormats_golden(t *testing.T) {
	t.Parallel()
	for name, tr := range map[string]*Transcription{
		"interview": interview(),
		"lecture":   lecture(),
		"chinese":   chinese(),
		"hebrew":    hebrew(),
		"hostile":   hostile(),
		"empty":     {ID: uuid.MustParse("0195d3a4-0000-7000-8000-000000000005")},
	} {
		for _, f := range Formats() {
			if f.Binary {
				continue
			}
			t.Run(name+f.Extension, func(t *testing.T) {
				t.Parallel()
				golden(t, name+f.Extension, export(t, f, tr))
			})
		}
	}
}

// TestSchema holds the schema against transcripts and against what is none.
func TestSchema(t *testing.T) {
	t.Parallel()
	good := string(export(t, mustFormat(t, "json"), interview()))
	checkSchema(t, []byte(good))
	for _, bad := range []struct{ old, instead string }{
		{`"schemaVersion": 1`, `"schemaVersion": 2`},
		{`"start": 0.500`, `"start": "0.500"`},
		{`"confidence": 0.900`, `"confidence": 1.100`},
		{`"suspect": false,`, ``},
		{`"channels": "split"`, `"channels": "both"`},
		{`"createdAt": "2026-03-01T12:00:00Z"`, `"createdAt": "yesterday"`},
		{strings.Repeat("1f", 32), "by the book"},
	} {
		if err := validate(t, []byte(strings.Replace(good, bad.old, bad.instead, 1))); err == nil || !strings.Contains(good, bad.old) {
			t.Errorf("%s passes for %s", bad.instead, bad.old)
		}
	}
}

func checkSchema(t testing.TB, file []byte) {
	t.Helper()
	if err := validate(t, file); err != nil {
		t.Fatalf("%v in\n%s", err, file)
	}
}

// validate asks a library of others whether a file is what the schema says.
func validate(t testing.TB, file []byte) error {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("transcript.json", document); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("transcript.json")
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(file))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

func TestFindFormat(t *testing.T) {
	t.Parallel()
	for _, want := range Formats() {
		got, err := FindFormat(want.Name)
		if err != nil || got.Extension != want.Extension || got.ContentType != want.ContentType {
			t.Errorf("FindFormat(%q) = %+v, %v", want.Name, got, err)
		}
	}
	_, err := FindFormat("exe")
	f := fault.Of(err)
	if f.Kind != fault.Invalid || f.Code != "unknown_format" || !strings.Contains(f.Message, "txt, srt, vtt, json, csv, tsv, md, docx, pdf") {
		t.Errorf("FindFormat(exe) = %+v", f)
	}
	if diff := cmp.Diff([]string{"txt", "srt", "vtt", "json", "csv", "tsv", "md", "docx", "pdf"}, f.Details["allowed"]); diff != "" {
		t.Errorf("allowed (-want +got):\n%s", diff)
	}
}

func TestFormats_reportTheWriter(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	for _, f := range Formats() {
		e := Exporter{Pages: bareTypesetter{}}
		if err := e.Write(failing{full}, f, lecture(), Layout{}); !errors.Is(err, full) {
			t.Errorf("%s: error %v, want %v", f.Name, err, full)
		}
	}
}

func TestTimestamp(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0:                         "00:00:00,000",
		1001 * time.Millisecond:   "00:00:01,001",
		999_600 * time.Nanosecond: "00:00:00,001",
		59_999_500_000:            "00:01:00,000",
		100*time.Hour + 61*time.Second + time.Millisecond: "100:01:01,001",
	} {
		if got := timestamp(d, ','); got != want {
			t.Errorf("timestamp(%v) = %s, want %s", d, got, want)
		}
	}
}

// TestWriteJSON_seconds guards against times in other units or with float noise:
// programs read these numbers as seconds.
func TestWriteJSON_seconds(t *testing.T) {
	t.Parallel()
	var got struct {
		Duration float64
		Segments []struct {
			Start, End float64
			Words      []struct{ Start, End float64 }
		}
	}
	tr := &Transcription{Duration: 3*time.Hour + time.Millisecond, Segments: []Segment{{
		Start: 100 * time.Millisecond, End: 1001 * time.Millisecond, Text: "hello",
		Words: []Word{{Start: 300 * time.Millisecond, End: 700 * time.Millisecond, Text: "hello"}},
	}}}
	if err := json.Unmarshal(export(t, mustFormat(t, "json"), tr), &got); err != nil {
		t.Fatal(err)
	}
	s := got.Segments[0]
	if got.Duration != 10800.001 || s.Start != 0.1 || s.End != 1.001 || s.Words[0].Start != 0.3 || s.Words[0].End != 0.7 {
		t.Errorf("times = %+v", got)
	}
}

func export(t testing.TB, f Format, tr *Transcription) []byte {
	t.Helper()
	return exportAs(t, f, tr, Layout{})
}

func exportAs(t testing.TB, f Format, tr *Transcription, l Layout) []byte {
	t.Helper()
	var b bytes.Buffer
	e := Exporter{}
	if err := e.Write(&b, f, tr, l); err != nil {
		t.Fatalf("write %s: %v", f.Name, err)
	}
	return b.Bytes()
}

func mustFormat(t testing.TB, name string) Format {
	t.Helper()
	f, err := FindFormat(name)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// bareTypesetter writes nothing but the title.
type bareTypesetter struct{}

func (bareTypesetter) Write(w io.Writer, d Document) error {
	_, err := io.WriteString(w, d.Title)
	return err
}

func TestExporter_withoutTypesetter(t *testing.T) {
	t.Parallel()
	none := Exporter{}
	err := none.Write(io.Discard, mustFormat(t, "pdf"), lecture(), Layout{})
	if f := fault.Of(err); f.Kind != fault.Unavailable || f.Code != "no_pdf" {
		t.Errorf("got %+v", f)
	}
	var b bytes.Buffer
	e := Exporter{Pages: bareTypesetter{}}
	if err := e.Write(&b, mustFormat(t, "pdf"), lecture(), Layout{}); err != nil || b.String() != "lecture" {
		t.Errorf("got %q, %v", b.String(), err)
	}
}

type failing struct{ err error }

func (w failing) Write([]byte) (int, error) { return 0, w.err }

// interview has two speakers with words, a pause and warnings.
func interview() *Transcription {
	return &Transcription{
		ID: uuid.MustParse("0195d3a4-0000-7000-8000-000000000001"), File: File{Name: "interview.mp3"}, Status: Completed, Run: 1,
		Language: "en", LanguageConfidence: 0.9876, Model: "base.en", Duration: 31 * time.Second,
		Text: "Where did you learn to cook? From my grandmother.",
		Segments: []Segment{
			spoken("Anna", 500, 90, "Where did you learn to cook so well, and who was it that taught you?"),
			spoken("Ben", 6000, 110, "From my grandmother. She had a small kitchen in the old town with a window to the harbour, "+
				"and every morning before the boats came in she let me taste what she had made for the fishermen."),
			spoken("Ben", 26000, 100, "I still use her pan."),
			spoken("Anna", 28200, 90, "R&D, you could say <laughs>."),
		},
		Warnings:    []Warning{{Code: "suspect_segments", Message: "1 segment may be wrong."}},
		Coverage:    &Coverage{Speech: 24 * time.Second, Covered: 22 * time.Second, Gaps: []Gap{{Start: 23 * time.Second, End: 25500 * time.Millisecond}}, Suspect: 1, Seams: []time.Duration{15 * time.Second}},
		CreatedAt:   time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		CompletedAt: time.Date(2026, 3, 1, 12, 1, 0, 0, time.UTC),
		Manifest: &Manifest{
			Options: &Options{Model: "balanced", Prompt: "pan", Split: true},
			Plan: Plan{
				Chunks: []PlannedChunk{{Index: 0, Channel: 0, Piece: audio.Piece{End: 496_000, From: 7200, To: 482_400}, Made: strings.Repeat("1f", 32), Weights: strings.Repeat("2e", 32)}, {Index: 1, Channel: 1}},
				Ranges: []Range{{Number: 2, From: 26 * time.Second, To: 28 * time.Second, Revision: 3, Model: "small.en", Language: "en"}},
			},
		},
	}
}

// lecture has neither words nor speakers, and a person has changed its text.
func lecture() *Transcription {
	edited := spoken("", 12000, 90, "the machine heard something else here")
	edited.Text = "This sentence was corrected by a person."
	return &Transcription{
		ID: uuid.MustParse("0195d3a4-0000-7000-8000-000000000002"), File: File{Name: "lecture.wav"}, Language: "en",
		Segments: []Segment{
			{Start: 0, End: 11 * time.Second, Text: "A queue is a promise. Whatever enters it leaves it once, in order, or somebody is told why " +
				"it did not, and the hardest part of that sentence is the word once."},
			edited,
			{Start: 20 * time.Second, End: 20300 * time.Millisecond, Text: "Questions?", Suspect: true},
		},
		Revision: 1,
	}
}

func chinese() *Transcription {
	return &Transcription{
		ID: uuid.MustParse("0195d3a4-0000-7000-8000-000000000003"), Language: "zh",
		Segments: []Segment{
			{Start: time.Second, End: 9 * time.Second, Text: "今天我们讨论语音识别系统的设计，首先要说明的是，任务队列决定了整个系统的可靠性。"},
			{
				Start: 9 * time.Second, End: 12 * time.Second, Text: "谢谢大家。",
				Words: []Word{
					{Start: 9 * time.Second, End: 10 * time.Second, Text: "谢谢"},
					{Start: 10 * time.Second, End: 12 * time.Second, Text: "大家。", Glued: true},
				},
			},
		},
	}
}

func hebrew() *Transcription {
	return &Transcription{
		ID: uuid.MustParse("0195d3a4-0000-7000-8000-000000000004"), Language: "he",
		Segments: []Segment{{Start: time.Second, End: 5 * time.Second, Text: "שלום לכולם, וברוכים הבאים להרצאה על תורים ועל אמינות.", Speaker: "דנה"}},
	}
}

// hostile holds what breaks careless writers.
func hostile() *Transcription {
	return &Transcription{
		ID: uuid.MustParse("0195d3a4-0000-7000-8000-000000000006"), File: File{Name: "a\"b.wav"},
		Segments: []Segment{
			{Start: 5 * time.Second, End: 6 * time.Second, Text: "00:00:01,000 --> 00:00:02,000", Speaker: "A --> B\n\n<v x>"},
			{Start: 1 * time.Second, End: 4 * time.Second, Text: "first\r\n\r\n2\n\nsecond\x00\x1b line \u2028end"},
			{Start: 3 * time.Second, End: 3 * time.Second, Text: "<b>bold</b> & {\\an8}top"},
			{Start: 6 * time.Second, End: 5 * time.Second, Text: "back in time \U0001F468\u200d\U0001F469\u200d\U0001F467"},
			{Start: 7 * time.Second, End: 8 * time.Second, Text: " \t\n"},
			{Start: 8 * time.Second, End: 9 * time.Second, Text: "https://example.org/a/very/long/address/that/does/not/fit/on/any/line/of/a/subtitle"},
			{Start: 9 * time.Second, End: 40 * time.Second, Text: "bad \xff\xfe bytes", Confidence: 2},
		},
	}
}

// spoken returns a segment whose words follow each other evenly.
func spoken(speaker string, start, perChar int, text string) Segment {
	s := Segment{Start: time.Duration(start) * time.Millisecond, Text: text, Speaker: speaker, Confidence: 0.9}
	at := s.Start
	for w := range strings.FieldsSeq(text) {
		end := at + time.Duration(len(w)*perChar)*time.Millisecond*8/10
		s.Words = append(s.Words, Word{Start: at, End: end, Text: w, Confidence: 0.9})
		at = end + 20*time.Millisecond
	}
	s.End = s.Words[len(s.Words)-1].End
	return s
}
