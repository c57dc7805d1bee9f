package transcription

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// Format is a kind of file that a transcription can be exported as. Write leaves
// the transcription as it is and returns only errors of w.
type Format struct {
	Name        string // as people ask for it
	ContentType string
	Extension   string // with the dot
	Write       func(w io.Writer, t *Transcription) error
}

// formats is ordered as people are shown it.
var formats = []Format{
	{Name: "txt", ContentType: "text/plain; charset=utf-8", Extension: ".txt", Write: writeTXT},
	{Name: "srt", ContentType: "application/x-subrip; charset=utf-8", Extension: ".srt", Write: writeSRT},
	{Name: "vtt", ContentType: "text/vtt; charset=utf-8", Extension: ".vtt", Write: writeVTT},
	{Name: "json", ContentType: "application/json", Extension: ".json", Write: writeJSON},
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

// printed runs write on a printer in front of w and returns the first error.
func printed(w io.Writer, write func(*printer)) error {
	p := &printer{w: bufio.NewWriter(w)}
	write(p)
	if p.err != nil {
		return p.err
	}
	return p.w.Flush()
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
