package transcription

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// Format is a kind of file that a transcription can be exported as.
type Format struct {
	Name        string // as people ask for it
	ContentType string
	Extension   string                                              // with the dot
	Binary      bool                                                // it is no text
	manifest    bool                                                // it tells how the text came to be
	write       func(w io.Writer, t *Transcription, l Layout) error // nil: a Typesetter does
}

// formats is ordered as people are shown it.
var formats = []Format{
	{Name: "txt", ContentType: "text/plain; charset=utf-8", Extension: ".txt", write: lined(LF, writeTXT)},
	{Name: "srt", ContentType: "application/x-subrip; charset=utf-8", Extension: ".srt", write: lined(LF, writeSRT)},
	{Name: "vtt", ContentType: "text/vtt; charset=utf-8", Extension: ".vtt", write: lined(LF, writeVTT)},
	{Name: "json", ContentType: "application/json", Extension: ".json", manifest: true, write: writeJSON},
	{Name: "csv", ContentType: "text/csv; charset=utf-8", Extension: ".csv", write: lined(CRLF, writeCSV)},
	{Name: "tsv", ContentType: "text/tab-separated-values; charset=utf-8", Extension: ".tsv", write: lined(LF, writeTSV)},
	{Name: "md", ContentType: "text/markdown; charset=utf-8", Extension: ".md", write: lined(LF, writeMarkdown)},
	{Name: "docx", ContentType: "application/vnd.openxmlformats-officedocument.wordprocessingml.document", Extension: ".docx", Binary: true, write: writeDOCX},
	{Name: "pdf", ContentType: "application/pdf", Extension: ".pdf", Binary: true},
}

// Typesetter sets documents on pages.
type Typesetter interface {
	// Write writes a PDF file. Unavailable missing_font: there is no font for the text,
	// and nothing is written.
	Write(w io.Writer, d Document) error
}

// Exporter writes transcriptions as files. Its zero value makes no PDF files.
type Exporter struct{ Pages Typesetter }

// Write writes a transcription, which it leaves as it is. The layout has to be one of the
// format, see ReadLayout. Besides errors of w it returns those of the typesetter, before it
// has written anything.
func (e Exporter) Write(w io.Writer, f Format, t *Transcription, l Layout) error {
	if f.write != nil {
		return f.write(w, t, l)
	}
	if e.Pages == nil {
		return fault.New(fault.Unavailable, "This installation makes no PDF files. Export the text as docx instead.").WithCode("no_pdf")
	}
	return e.Pages.Write(w, NewDocument(t, l))
}

// Formats returns every format that can be exported.
func Formats() []Format { return slices.Clone(formats) }

// FindFormat returns the format of that name. Invalid unknown_format lists the
// names otherwise.
func FindFormat(name string) (Format, error) {
	names := make([]string, len(formats))
	for i, f := range formats {
		if f.Name == name {
			return f, nil
		}
		names[i] = f.Name
	}
	return Format{}, fault.New(fault.Invalid, "There is no export format %q. Choose one of %s.", name, strings.Join(names, ", ")).
		WithCode("unknown_format").With("field", "format").With("allowed", names)
}

// ordered returns the segments by start. Those that start together keep their order.
func ordered(segments []Segment) []Segment {
	sorted := slices.Clone(segments)
	slices.SortStableFunc(sorted, func(a, b Segment) int { return cmp.Compare(a.Start, b.Start) })
	return sorted
}

// lined makes a writer of files that consist of lines, which end with ends unless the
// layout says otherwise.
func lined(ends LineEnds, write func(out *printer, t *Transcription, l Layout)) func(io.Writer, *Transcription, Layout) error {
	return func(w io.Writer, t *Transcription, l Layout) error {
		if cmp.Or(l.LineEnds, ends) == CRLF {
			w = crlfWriter{w}
		}
		p := &printer{w: bufio.NewWriter(w)}
		if l.BOM {
			p.printf("\uFEFF")
		}
		write(p, t, l)
		if p.err != nil {
			return p.err
		}
		return p.w.Flush()
	}
}

// crlfWriter ends lines as Windows does. What it is given ends them with a line feed,
// and has no carriage returns.
type crlfWriter struct{ w io.Writer }

// Write returns the number of bytes of p.
func (c crlfWriter) Write(p []byte) (int, error) {
	if _, err := c.w.Write(bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n"))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// printer writes text and remembers the first error, so that the many small
// writes need not look at theirs.
type printer struct {
	w   *bufio.Writer
	err error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

// Write is for writers that want an io.Writer.
func (p *printer) Write(b []byte) (n int, err error) {
	if p.err == nil {
		_, p.err = p.w.Write(b)
	}
	return len(b), p.err
}

// clean returns s on one line: valid UTF-8, without control characters, single
// spaces between its words and none around them.
func clean(s string) string { return strings.Join(fields(s), " ") }

// fields splits s at spaces and control characters. No-break spaces hold
// together what they join, and a field always has something to see.
func fields(s string) []string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\uFEFF", "")
	found := strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.IsSpace(r) && r != '\u00A0' && r != '\u202F'
	})
	return slices.DeleteFunc(found, func(f string) bool { return strings.IndexFunc(f, visible) < 0 })
}

func visible(r rune) bool { return !unicode.IsSpace(r) && !unicode.Is(unicode.Cf, r) }

// isSpaceless reports whether r belongs to a script that sets no spaces between
// words.
func isSpaceless(r rune) bool {
	return isIdeographic(r) || unicode.In(r, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tibetan)
}

// isIdeographic reports whether r belongs to a script in which a line may end
// after nearly every character.
func isIdeographic(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) || isWideMark(r)
}

// isWideMark reports whether r is punctuation or a symbol of the width of an
// ideograph.
func isWideMark(r rune) bool {
	return r >= 0x3000 && r <= 0x303F || r >= 0x30FB && r <= 0x30FC || r >= 0xFF00 && r <= 0xFF60
}
