package transcription_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/transcription/transcriptiontest"
)

// TestService_Import_unchanged takes every text of the corpus out and in again.
func TestService_Import_unchanged(t *testing.T) {
	t.Parallel()
	for name, tr := range transcriptiontest.Corpus() {
		for _, format := range []string{"srt", "vtt", "json", "docx", "txt"} {
			t.Run(name+"."+format, func(t *testing.T) {
				t.Parallel()
				b := setup()
				id := b.completed(tr.Segments)
				got, err := b.Import(t.Context(), b.who, id, nil, format, write(t, tr, format, transcription.Layout{}))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tr.Segments, got.Segments); diff != "" || got.Revision != 0 {
					t.Errorf("revision %d: -want +got\n%s", got.Revision, diff)
				}
			})
		}
	}
}

// layouts are ways in which people have exports laid out.
var layouts = map[string]map[string]string{
	"srt":  {"narrow": "maxChars=10&maxLines=1", "wide": "maxChars=200&maxLines=3", "short": "maxDuration=1&maxChars=20", "windows": "bom=true&lineEnds=crlf", "anonymous": "speakers=false"},
	"vtt":  {"narrow": "maxChars=10&maxLines=1", "highlight": "highlight=true", "anonymous": "speakers=false"},
	"txt":  {"times": "timestamps=true", "short": "paragraph=100&timestamps=true", "windows": "bom=true&lineEnds=crlf&timestamps=true", "anonymous": "speakers=false&timestamps=true"},
	"docx": {"times": "timestamps=true", "short": "paragraph=100", "anonymous": "speakers=false&timestamps=true"},
}

// named gives the segments of a text speakers in turn, some with long names.
func named(segments []transcription.Segment) []transcription.Segment {
	names := []string{"Ann", "Dr. Maximilian von Hohenzollern-Sigmaringen", "Ann", "", "Ann Ann", "王小明教授和他的同事们在办公室里", "a --> <b>", "Donaudampfschifffahrtsgesellschaftskapitän"}
	segments = slices.Clone(segments)
	for i := range segments {
		segments[i].Speaker = names[i%len(names)]
	}
	return segments
}

// The names of speakers that did not fit on one line, and the times of paragraphs, came back
// as words.
func TestService_Import_unchangedLayouts(t *testing.T) {
	t.Parallel()
	for name, tr := range transcriptiontest.Corpus() {
		if len(tr.Segments) > 1000 {
			continue
		}
		tr.Segments = named(tr.Segments)
		for format, list := range layouts {
			for layout, options := range list {
				t.Run(fmt.Sprintf("%s.%s, %s", name, format, layout), func(t *testing.T) {
					t.Parallel()
					unchanged(t, tr, format, options)
				})
			}
		}
	}
}

// unchanged takes a text out in a layout and in again.
func unchanged(t *testing.T, tr *transcription.Transcription, format, options string) {
	t.Helper()
	f, err := transcription.FindFormat(format)
	if err != nil {
		t.Fatal(err)
	}
	asked, err := url.ParseQuery(options)
	if err != nil {
		t.Fatal(err)
	}
	layout, err := transcription.ReadLayout(f, asked)
	if err != nil {
		t.Fatal(err)
	}
	b := setup()
	id := b.completed(tr.Segments)
	file := write(t, tr, format, layout)
	got, err := b.Import(t.Context(), b.who, id, nil, format, file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(tr.Segments, got.Segments); diff != "" || got.Revision != 0 {
		t.Errorf("revision %d: -want +got\n%s", got.Revision, diff)
	}
}

// TestService_Import_edited changes a hundred words of an hour in its export. At least
// 99 % of the others keep their times exactly.
func TestService_Import_edited(t *testing.T) {
	t.Parallel()
	tr := transcriptiontest.Long(time.Hour)
	for _, format := range []string{"srt", "vtt", "docx", "txt"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(15, 16))
			edited := *tr
			edited.Segments = slices.Clone(tr.Segments)
			touched := map[transcription.Word]bool{}
			for len(touched) < 100 {
				s := &edited.Segments[rnd.IntN(len(edited.Segments))]
				if len(s.Words) == 0 {
					continue
				}
				i := rnd.IntN(len(s.Words))
				touched[s.Words[i]] = true
				s.Words = slices.Clone(s.Words)
				s.Words[i].Text += "changed"
				s.Text = spell(s.Words)
			}
			b := setup()
			id := b.completed(tr.Segments)
			got, err := b.Import(t.Context(), b.who, id, nil, format, write(t, &edited, format, transcription.Layout{}))
			if err != nil {
				t.Fatal(err)
			}
			after := map[transcription.Word]bool{}
			changed := 0
			for _, s := range got.Segments {
				for _, w := range s.Words {
					after[w] = true
					changed += strings.Count(w.Text, "changed")
				}
			}
			all, kept := 0, 0
			for _, s := range tr.Segments {
				for _, w := range s.Words {
					if touched[w] {
						continue
					}
					all++
					if after[w] {
						kept++
					}
				}
			}
			if share := float64(kept) / float64(all); share < 0.99 || changed != len(touched) || got.Revision != 1 {
				t.Errorf("%.2f %% of %d words have kept their times, %d of %d are changed", 100*share, all, changed, len(touched))
			}
		})
	}
}

// spell returns the text of words.
func spell(words []transcription.Word) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 && !w.Glued {
			b.WriteByte(' ')
		}
		b.WriteString(w.Text)
	}
	return b.String()
}

// What other programs write is read as well.
func TestService_Import_ofOthers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ format, body, want string }{
		"markup":              {"srt", "1\r\n00:00:00,000 --> 00:00:02,000\r\n{\\an8}<i>One</i> <font color=\"red\">too</font>.\r\n\r\n2\r\n00:00:03,000 --> 00:00:08,000 X1:40\r\nthree four\r\nfive six.", "One too. three four five six."},
		"no numbers":          {"srt", "\ufeff0:00:00.0 --> 0:00:02.5\nOne two.\n\n\n0:00:03,000 --> 00:00:08,000\nthree for five six.\n", "One two. three for five six."},
		"names and settings":  {"vtt", "WEBVTT - a title\nKind: captions\n\nNOTE\nnot this --> nor this\n\nSTYLE\n::cue { color: red }\n\nfirst\n00:00.000 --> 00:02.000 align:start position:0%\n<v.loud Ann>One <00:01.000><c.x>two</c> &amp; more.\n\n00:00:03.000 --> 00:00:08.000\nthree four five six.\n", "One two & more. three four five six."},
		"a speaker":           {"txt", "Ann: One two.\n\nthree four\n\nBob: five six.", "One two. three four five six."},
		"segments":            {"json", `{"schemaVersion":1,"segments":[{"start":0.5,"end":2,"text":"All new.","speaker":"Cleo","words":[]}],"more":{}}`, "All new."},
		"times of other cues": {"srt", "1\n00:00:10,000 --> 00:00:12,000\nOne two.\n\n2\n00:00:13,000 --> 00:00:18,000\nthree four five six.\n", "One two. three four five six."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup()
			before := talking("One two.", "three four", "five six.")
			before[0].Speaker = "Ann"
			id := b.completed(before)
			got, err := b.Import(t.Context(), b.who, id, nil, tt.format, []byte(tt.body))
			if err != nil || got.Text != tt.want {
				t.Fatalf("got %q, %v, want %q", got.Text, err, tt.want)
			}
			if tt.format != "json" && (got.Segments[0].Speaker != "Ann" || got.Segments[0].Words[0] != before[0].Words[0]) {
				t.Errorf("got %+v", got.Segments[0])
			}
		})
	}
}

// Where there is no text yet, cues have the times.
func TestService_Import_intoSilence(t *testing.T) {
	t.Parallel()
	b := setup()
	id := b.completed(nil)
	got, err := b.Import(t.Context(), b.who, id, nil, "srt", []byte("1\n00:00:01,000 --> 00:00:02,000\nHello\nyou.\n"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1-2 : Hello you."}, lines(got.Segments)); diff != "" || len(got.Segments[0].Words) != 2 {
		t.Errorf("-want +got\n%s", diff)
	}
	empty := b.completed(nil)
	if _, err := b.Import(t.Context(), b.who, empty, nil, "txt", []byte("Hello.")); fault.Of(err) == nil || fault.Of(err).Code != "no_segments" {
		t.Errorf("got %v", err)
	}
}

func TestService_Import_refused(t *testing.T) {
	t.Parallel()
	const cue = "1\n00:00:01,000 --> 00:00:02,000\nx\n\n"
	for name, tt := range map[string]struct {
		format, body, code string
		line               any
	}{
		"nothing":           {"srt", "", "empty_import", nil},
		"no paragraph":      {"txt", "\n \n", "empty_import", nil},
		"lines upon lines":  {"txt", strings.Repeat("\r\n", 5*transcription.MaxSegments+1), "malformed_import", 5 * transcription.MaxSegments},
		"no segments":       {"json", `{"schemaVersion":1,"segments":[]}`, "empty_import", nil},
		"no such format":    {"pdf", "", "unknown_format", nil},
		"no time":           {"srt", cue + "2\nhere\n", "malformed_import", 6},
		"garbage":           {"srt", cue + "and so on\n", "malformed_import", 5},
		"back in time":      {"srt", cue + "2\n00:00:00,000 --> 00:00:02,000\ny\n", "malformed_import", 6},
		"ends too early":    {"srt", cue + "\n\n2\n00:00:03,000 --> 00:00:03,000\ny\n", "malformed_import", 8},
		"no header":         {"vtt", "00:01.000 --> 00:02.000\nx\n", "malformed_import", 1},
		"a comma":           {"vtt", "WEBVTT\n\n00:01,000 --> 00:02.000\nx\n", "malformed_import", 3},
		"not UTF-8":         {"srt", "1\n00:00:01,000 --> 00:00:02,000\ncaf\xe9\n", "malformed_import", 3},
		"UTF-16":            {"srt", "1\x00\n\x00", "malformed_import", 1},
		"no JSON":           {"json", "{\n\n\"segments\": ]\n", "malformed_import", 3},
		"another JSON":      {"json", "{}", "malformed_import", 1},
		"a number for text": {"json", "{\"schemaVersion\":1,\n\"segments\":[{\"start\":0,\n\"text\":1}]}", "malformed_import", 3},
		"no document":       {"docx", "PK", "malformed_import", nil},
		"reversed":          {"json", `{"schemaVersion":1,"segments":[{"start":2,"end":1,"text":"x"}]}`, "times_reversed", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup()
			id := b.completed(talking("One two."))
			_, err := b.Import(t.Context(), b.who, id, nil, tt.format, []byte(tt.body))
			f := fault.Of(err)
			if f == nil || f.Code != tt.code || f.Kind != fault.Invalid || tt.line != nil && f.Details["line"] != tt.line {
				t.Errorf("got %v with %v, want %s on line %v", err, f, tt.code, tt.line)
			}
		})
	}
}

// A document of a few KiB unpacks to any size: to a text that the memory does not hold, or
// to one that was cut off where the reader stopped, and taken for the whole.
func TestService_Import_bomb(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, behind, code string }{
		"text":  {strings.Repeat("a ", transcription.MaxText), "", "text_too_long"},
		"white": {"One.", strings.Repeat(" ", 64<<20), "malformed_import"},
	} {
		file := document(t, fmt.Sprintf("<w:document><w:p><w:r><w:t>%s</w:t></w:r></w:p>%s<w:p><w:r><w:t>two.</w:t></w:r></w:p></w:document>", tt.text, tt.behind))
		b := setup()
		id := b.completed(talking("One two."))
		if got, err := b.Import(t.Context(), b.who, id, nil, "docx", file); fault.Of(err) == nil || fault.Of(err).Code != tt.code || fault.Of(err).Details["limit"] == nil {
			t.Errorf("%s of %d bytes: got %v, %v", name, len(file), got, err)
		}
	}
}

// document is a DOCX file with that as its text.
func document(t *testing.T, text string) []byte {
	t.Helper()
	var file bytes.Buffer
	z := zip.NewWriter(&file)
	w, err := z.Create("word/document.xml")
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// Half of a document was taken for the whole.
func TestService_Import_cutOff(t *testing.T) {
	t.Parallel()
	b := setup()
	id := b.completed(talking("One two."))
	for _, text := range []string{
		"<w:document><w:body><w:p><w:r><w:t>One two.</w:t></w:r></w:p><w:p><w:r><w:t>Th",
		"<w:document><w:body><w:p><w:r><w:t>One two.</w:t></w:r></w:p>",
	} {
		if got, err := b.Import(t.Context(), b.who, id, nil, "docx", document(t, text)); fault.Of(err) == nil || fault.Of(err).Code != "malformed_import" {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
}

// The header of a WebVTT file ends where the first subtitle begins, with an empty line or
// without.
func TestService_Import_vttWithoutEmptyLine(t *testing.T) {
	t.Parallel()
	b := setup()
	id := b.completed(talking("One two."))
	got, err := b.Import(t.Context(), b.who, id, nil, "vtt", []byte("WEBVTT\nKind: captions\n00:00.000 --> 00:01.000\nOne two.\n\n00:01.000 --> 00:02.000\nThree.\n"))
	if err != nil || got.Text != "One two. Three." {
		t.Errorf("got %+v, %v", got, err)
	}
}

// FuzzImport looks for files that break a reader, or leave times that go back.
func FuzzImport(f *testing.F) {
	corpus := transcriptiontest.Corpus()
	for _, name := range slices.Sorted(maps.Keys(corpus)) {
		for i, format := range transcription.Importable() {
			if corpus[name].Duration < time.Hour {
				f.Add(i, write(f, corpus[name], format, transcription.Layout{}))
			}
		}
	}
	f.Fuzz(func(t *testing.T, i int, body []byte) {
		formats := transcription.Importable()
		format := formats[uint(i)%uint(len(formats))]
		b := setup()
		id := b.completed(talking("One two.", "three four", "five six."))
		before, err := b.Transcription(t.Context(), b.who, id)
		if err != nil {
			t.Fatal(err)
		}
		after, err := b.Import(t.Context(), b.who, id, nil, format, bytes.Clone(body))
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("%s: %v", format, err)
			}
			return
		}
		sound(t, fmt.Sprint("0: import of ", format), before, after)
	})
}
