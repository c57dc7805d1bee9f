package transcription

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// Layout is how a person wants an export to look. The zero value of each field is
// what its format does when nobody asks.
type Layout struct {
	Anonymous  bool     // speakers are left out
	Timestamps bool     // every paragraph begins with its time
	Paragraph  int      // characters of one, see defaultParagraph
	Highlight  bool     // every word of a subtitle has its time
	BOM        bool     // the file begins with a byte order mark, which Excel needs
	LineEnds   LineEnds // empty: those that programs expect of the format
	Cues       CueRules
}

// LineEnds is how the lines of a file end.
type LineEnds string

// The line ends: of everything but Windows, and of Windows.
const (
	LF   LineEnds = "lf"
	CRLF LineEnds = "crlf"
)

// CueRules bound a subtitle. Characters, lines and the longest time always hold; the
// shortest time and the reading speed give way where speech is faster than reading.
type CueRules struct {
	MaxChars    int           // in a line; an ideograph counts as 21/8 of one
	MaxLines    int           // in a cue
	MaxCPS      float64       // characters that are read in a second
	MinDuration time.Duration // of a cue
	MaxDuration time.Duration
}

// defaultCues are those of subtitles that can be read: two lines, neither flashing
// by nor staying on, slow enough to follow.
var defaultCues = CueRules{MaxChars: 42, MaxLines: 2, MaxCPS: 20, MinDuration: time.Second * 5 / 6, MaxDuration: 7 * time.Second}

// defaultParagraph is how many characters make a page of somebody who never pauses
// one that can be read.
const defaultParagraph = 1000

// filled returns r with the defaults in the place of what is not said. Somebody who
// shortens the longest time has said nothing of the shortest, which follows.
func (r CueRules) filled() CueRules {
	d := defaultCues
	r.MaxChars, r.MaxLines = cmp.Or(r.MaxChars, d.MaxChars), cmp.Or(r.MaxLines, d.MaxLines)
	r.MaxCPS = cmp.Or(r.MaxCPS, d.MaxCPS)
	if r.MinDuration == 0 {
		r.MinDuration = min(d.MinDuration, cmp.Or(r.MaxDuration, d.MaxDuration))
	}
	r.MaxDuration = cmp.Or(r.MaxDuration, max(d.MaxDuration, r.MinDuration))
	return r
}

// lineWidth is how wide a line may be, see width.
func (r CueRules) lineWidth() int { return r.MaxChars * letterWidth }

// reading returns how long it takes to read text of that width.
func (r CueRules) reading(wide int) time.Duration {
	return time.Duration(float64(wide) / (r.MaxCPS * letterWidth) * float64(time.Second))
}

// layoutOption is a field of Layout as people ask for it.
type layoutOption struct {
	name    string
	formats []string // that have it
	want    string   // what its value has to be
	read    func(l *Layout, value string) (ok bool)
}

var (
	paged     = []string{"txt", "md", "docx", "pdf"}
	subtitles = []string{"srt", "vtt"}
	plain     = []string{"txt", "srt", "vtt", "csv", "tsv", "md"}
	speaking  = []string{"txt", "srt", "vtt", "csv", "tsv", "md", "docx", "pdf"}
)

// layoutOptions is ordered as people are told of them.
var layoutOptions = []layoutOption{
	{"speakers", speaking, "true or false", func(l *Layout, v string) bool {
		l.Anonymous = v == "false"
		return isBool(v)
	}},
	{"timestamps", paged, "true or false", func(l *Layout, v string) bool { return readBool(&l.Timestamps, v) }},
	{"paragraph", paged, "a number of characters from 100 to 100000", func(l *Layout, v string) bool { return readInt(&l.Paragraph, v, 100, 100_000) }},
	{"maxChars", subtitles, "a number of characters from 10 to 200", func(l *Layout, v string) bool { return readInt(&l.Cues.MaxChars, v, 10, 200) }},
	{"maxLines", subtitles, "1, 2 or 3", func(l *Layout, v string) bool { return readInt(&l.Cues.MaxLines, v, 1, 3) }},
	{"maxCps", subtitles, "a number of characters a second from 5 to 60", func(l *Layout, v string) bool { return readFloat(&l.Cues.MaxCPS, v, 5, 60) }},
	{"minDuration", subtitles, "a number of seconds from 0.1 to 10", func(l *Layout, v string) bool { return readSeconds(&l.Cues.MinDuration, v, 0.1, 10) }},
	{"maxDuration", subtitles, "a number of seconds from 1 to 60", func(l *Layout, v string) bool { return readSeconds(&l.Cues.MaxDuration, v, 1, 60) }},
	{"highlight", []string{"vtt"}, "true or false", func(l *Layout, v string) bool { return readBool(&l.Highlight, v) }},
	{"bom", plain, "true or false", func(l *Layout, v string) bool { return readBool(&l.BOM, v) }},
	{"lineEnds", plain, "lf or crlf", func(l *Layout, v string) bool {
		l.LineEnds = LineEnds(v)
		return l.LineEnds == LF || l.LineEnds == CRLF
	}},
}

// LayoutOptions returns the names of all options of exports.
func LayoutOptions() []string {
	names := make([]string, len(layoutOptions))
	for i, o := range layoutOptions {
		names[i] = o.name
	}
	return names
}

// ReadLayout reads the options of an export to f. What is asked and is none of them is
// left alone. Invalid invalid_layout says all that is wrong with them at once, with the
// names in the detail fields: one that the format does not have, a value that cannot
// be, several that do not go together.
func ReadLayout(f Format, asked map[string][]string) (Layout, error) {
	var l Layout
	var complaints, fields []string
	complain := func(field, format string, args ...any) {
		complaints, fields = append(complaints, fmt.Sprintf(format, args...)), append(fields, field)
	}
	for _, o := range layoutOptions {
		values := asked[o.name]
		switch {
		case len(values) == 0:
		case !slices.Contains(o.formats, f.Name):
			complain(o.name, "%s has no option %s: leave it out, or export as %s.", f.Name, o.name, strings.Join(o.formats, ", "))
		case len(values) > 1 || !o.read(&l, values[0]):
			complain(o.name, "%s must be %s.", o.name, o.want)
		}
	}
	if c := l.Cues; c.MaxDuration > 0 && c.MinDuration > c.MaxDuration {
		complain("minDuration", "minDuration is longer than maxDuration: lower the one or raise the other.")
	}
	if len(complaints) == 0 {
		return l, nil
	}
	return Layout{}, fault.New(fault.Invalid, "%s", strings.Join(complaints, " ")).
		WithCode("invalid_layout").With("field", fields[0]).With("fields", fields)
}

func isBool(v string) bool { return v == "true" || v == "false" }

func readBool(into *bool, v string) bool {
	*into = v == "true"
	return isBool(v)
}

func readInt(into *int, v string, least, most int) bool {
	n, err := strconv.Atoi(v)
	*into = n
	return err == nil && n >= least && n <= most
}

func readFloat(into *float64, v string, least, most float64) bool {
	x, err := strconv.ParseFloat(v, 64)
	*into = x
	return err == nil && x >= least && x <= most
}

func readSeconds(into *time.Duration, v string, least, most float64) bool {
	var seconds float64
	ok := readFloat(&seconds, v, least, most)
	*into = time.Duration(math.Round(seconds*1000)) * time.Millisecond
	return ok
}
