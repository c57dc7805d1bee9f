package transcription

import (
	"encoding/csv"
	"strconv"
	"strings"
	"unicode/utf8"
)

// writeCSV writes a row for each segment, as RFC 4180 has it.
func writeCSV(out *printer, t *Transcription, l Layout) { writeTable(out, ',', t, l) }

// writeTSV writes the same with tabs between the cells.
func writeTSV(out *printer, t *Transcription, l Layout) { writeTable(out, '\t', t, l) }

func writeTable(out *printer, comma rune, t *Transcription, l Layout) {
	w := csv.NewWriter(out)
	w.Comma = comma
	header := []string{"index", "start", "end", "speaker", "text", "confidence"}
	_ = w.Write(row(header, l)) // the printer remembers its errors, and there are no others
	for i, s := range ordered(t.Segments) {
		cells := []string{
			strconv.Itoa(i), Seconds(s.Start).String(), Seconds(s.End).String(),
			cell(clean(s.Speaker)), cell(segmentText(s)), Fraction(s.Confidence).String(),
		}
		_ = w.Write(row(cells, l))
	}
	w.Flush()
}

// row returns the cells that are wanted.
func row(cells []string, l Layout) []string {
	if l.Anonymous {
		return append(cells[:3], cells[4:]...)
	}
	return cells
}

// cell returns a text that spreadsheets take for one: they compute what begins like a
// formula, and a recording may hold anybody's words. They take the sign in front away
// again. Full-width signs count, since some programs fold them.
func cell(text string) string {
	if r, _ := utf8.DecodeRuneInString(text); text != "" && strings.ContainsRune("=+-@\t\r＝＋－＠", r) {
		return "'" + text
	}
	return text
}
