package transcription

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// imported is what a file says of a text.
type imported struct {
	lines    []voiced     // as they stand on the screen or the page
	cues     []NewSegment // with their times; nil: the format has none
	complete bool         // the cues are segments, and all that is known of the text
}

// voiced is a line without the name of who speaks. A turn begins where the file has a name, and
// goes on to the next; 0: there was none yet.
type voiced struct {
	text    string
	speaker string
	turn    int
}

// reader reads a text, knowing the one that it is to become; nil: there is none yet.
type reader func(body []byte, before []Segment) (imported, error)

// importers are the readers of the formats.
var importers = map[string]reader{
	"srt": readSRT, "vtt": readVTT, "json": readJSON, "docx": readDOCX, "txt": readTXT,
}

// Importable returns the names of the formats that can be imported.
func Importable() []string {
	names := make([]string, 0, len(importers))
	for name := range importers {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Import makes what a file says the text of a transcription, as Edit does: an export that
// was changed with another program. Words that stay keep their times, and their speakers
// unless the file has another name in front of them. JSON has segments with all that belongs
// to them; of the other formats text and names count, and only if there is no text yet the
// times of cues. One that has ended without a text is
// completed by that. Invalid unknown_format; malformed_import with the line.
func (s *Service) Import(ctx context.Context, who auth.Actor, id uuid.UUID, base *int, format string, body []byte) (*Transcription, error) {
	if err := who.Require(auth.WriteTranscriptions); err != nil {
		return nil, err
	}
	read, err := importer(format)
	if err != nil {
		return nil, err
	}
	t, err := s.store.Transcription(ctx, who.ID(), id)
	if err != nil {
		return nil, err
	}
	if t.empty() {
		if t, err = s.write(ctx, who, t, base, Written{format, body}); !overtaken(err) {
			return t, err
		} // else there is a text by now, or a run
	}
	return s.change(ctx, who, id, base, func(d *draft) error {
		in, err := read(body, d.segments)
		if err != nil {
			return err
		}
		letters := 0
		for _, l := range in.lines {
			letters += utf8.RuneCountInString(l.text)
		}
		if err := checkLength(letters); err != nil {
			return err
		}
		switch {
		case len(in.lines) == 0 && len(in.cues) == 0 && len(d.segments) > 0:
			return emptyImport()
		case in.complete || len(d.segments) == 0 && len(in.cues) > 0:
			return d.rewrite(in.cues)
		case len(d.segments) == 0 && len(in.lines) > 0:
			return noSegments()
		case d.says(format, in):
			return nil
		}
		return d.say(format, in.lines)
	})
}

// say makes lines of a file the text.
func (d *draft) say(format string, lines []voiced) error {
	for _, l := range lines {
		if _, err := checkSpeaker(l.speaker); err != nil {
			return err
		}
	}
	if escaped := escapes[format]; spells(d.segments, escaped, lines) {
		d.segments = renamed(d.segments, escaped, lines)
	} else {
		d.segments = retext(d.segments, unitsOfLines(lines))
	}
	d.sort()
	return nil
}

func noSegments() error {
	return fault.New(fault.Invalid, "There are no segments that this text could go to. Send segments with their times.").WithCode("no_segments")
}

// says reports whether a file is the export of the text, so that nothing was changed.
func (d *draft) says(format string, in imported) bool {
	f, err := FindFormat(format)
	if err != nil {
		return false
	}
	var own bytes.Buffer
	if err := (Exporter{}).Write(&own, f, &Transcription{Segments: d.segments, Duration: d.duration}, Layout{}); err != nil {
		return false
	}
	same, err := importers[format](own.Bytes(), d.segments)
	return err == nil && slices.Equal(same.lines, in.lines)
}

// escapes change a text as formats do in which not all can be said.
var escapes = map[string]func(string) string{
	"srt": func(s string) string { return srtPlain(srtText(s)) },
	"vtt": func(s string) string { return vttPlain(vttEscape.Replace(s)) },
}

// spells reports whether lines have the text of segments, however that is laid out: a line
// ends anywhere, also within a word that is wider.
func spells(segments []Segment, escaped func(string) string, lines []voiced) bool {
	texts := make([]string, len(lines))
	for i, l := range lines {
		texts[i] = l.text
	}
	rest := strings.Join(texts, "\n")
	for p := range Paragraphs(&Transcription{Segments: segments}, Layout{Paragraph: math.MaxInt}) {
		text := p.Text
		if escaped != nil {
			text = clean(escaped(text))
		}
		var ok bool
		if rest, ok = spelt(text, rest); !ok {
			return false
		}
		rest = strings.TrimPrefix(rest, "\n")
	}
	return rest == ""
}

// spelt returns what of lines is behind a paragraph that they begin with.
func spelt(paragraph, lines string) (rest string, ok bool) {
	for _, r := range paragraph {
		if after, broken := strings.CutPrefix(lines, "\n"); broken {
			if lines = after; r == ' ' {
				continue
			}
		}
		if lines, ok = strings.CutPrefix(lines, string(r)); !ok {
			return "", false
		}
	}
	return lines, true
}

// unitsOfLines returns the units of lines. Whether there is a space where a line ends can
// only be guessed; where somebody else speaks there is one.
func unitsOfLines(lines []voiced) (units []unit) {
	for _, line := range lines {
		found := unitsIn(line.text)
		for i := range found {
			found[i].speaker, found[i].turn = line.speaker, line.turn
		}
		if len(found) > 0 && len(units) > 0 {
			last := units[len(units)-1]
			found[0].glued = last.speaker == line.speaker && joinsWithoutSpace(last.text, found[0].text)
			found[0].loose = true
		}
		units = append(units, found...)
	}
	return units
}

// malformed is the fault of a file with something wrong on a line, from 1.
func malformed(line int, format string, args ...any) error {
	return fault.New(fault.Invalid, "Line %d: %s", line, fmt.Sprintf(format, args...)).WithCode("malformed_import").With("line", line)
}

// mostLines is more than the subtitles of a text of MaxSegments take. Each line costs memory,
// however short it is.
const mostLines = 5 * MaxSegments

// linesOf returns the lines of a text file.
func linesOf(body []byte) ([]string, error) {
	if bytes.Count(body, []byte("\n"))+bytes.Count(body, []byte("\r"))-bytes.Count(body, []byte("\r\n")) > mostLines {
		return nil, malformed(mostLines, "there are more lines than any text has.")
	}
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(body))
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if !utf8.ValidString(l) || strings.ContainsRune(l, 0) {
			return nil, malformed(i+1, "this is not UTF-8. Save the file as UTF-8 and try again.")
		}
	}
	return lines, nil
}

// readTXT reads paragraphs.
func readTXT(body []byte, before []Segment) (imported, error) {
	lines, err := linesOf(body)
	if err != nil {
		return imported{}, err
	}
	var paragraphs []readCue
	for _, l := range withoutTimes(lines) {
		if l = clean(l); l != "" {
			paragraphs = append(paragraphs, readCue{lines: []voiced{{text: l}}})
		}
	}
	unlabel(paragraphs, before, clean)
	return imported{lines: importedCues(paragraphs).lines}, nil
}

// paragraphTime is the time in front of a paragraph, as exports have it.
var paragraphTime = regexp.MustCompile(`^\[\d{2,}:\d{2}:\d{2}\] `)

// withoutTimes returns lines without the times in front of them, if all paragraphs have one:
// somebody may have said such a thing.
func withoutTimes(lines []string) []string {
	bare := make([]string, len(lines))
	for i, l := range lines {
		if bare[i] = paragraphTime.ReplaceAllString(l, ""); bare[i] == l && strings.TrimSpace(l) != "" {
			return lines
		}
	}
	return bare
}

// importedDocument is what counts of the JSON export.
type importedDocument struct {
	SchemaVersion int `json:"schemaVersion"`
	Segments      *[]struct {
		Start   float64 `json:"start"`
		End     float64 `json:"end"`
		Text    string  `json:"text"`
		Speaker *string `json:"speaker"`
		Words   []struct {
			Start      float64 `json:"start"`
			End        float64 `json:"end"`
			Text       string  `json:"text"`
			Confidence float64 `json:"confidence"`
			Glued      bool    `json:"glued"`
		} `json:"words"`
	} `json:"segments"`
}

// readJSON reads what the JSON export writes.
func readJSON(body []byte, _ []Segment) (imported, error) {
	var doc importedDocument
	if err := json.Unmarshal(bytes.TrimPrefix(body, []byte("\ufeff")), &doc); err != nil {
		return imported{}, malformedJSON(body, err)
	}
	if doc.SchemaVersion != schemaVersion || doc.Segments == nil {
		return imported{}, malformed(1, "this is no JSON export of schema version %d with segments.", schemaVersion)
	}
	in := imported{complete: true, cues: make([]NewSegment, len(*doc.Segments))}
	for i, s := range *doc.Segments {
		n := NewSegment{Start: FromSeconds(s.Start), End: FromSeconds(s.End), Text: s.Text}
		if s.Speaker != nil {
			n.Speaker = *s.Speaker
		}
		for _, w := range s.Words {
			n.Words = append(n.Words, Word{Start: FromSeconds(w.Start), End: FromSeconds(w.End), Text: w.Text, Confidence: w.Confidence, Glued: w.Glued})
		}
		in.cues[i] = n
	}
	return in, nil
}

// malformedJSON says on which line a document breaks off.
func malformedJSON(body []byte, err error) error {
	var offset int64
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = syntax.Offset
	}
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return malformed(1+bytes.Count(body[:min(kind.Offset, int64(len(body)))], []byte("\n")), "%s must not be a %s.", kind.Field, kind.Value)
	}
	return malformed(1+bytes.Count(body[:min(offset, int64(len(body)))], []byte("\n")), "this is not valid JSON.")
}
