package transcription

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// cueReader reads subtitles line by line.
type cueReader struct {
	lines []string
	at    int
	time  *regexp.Regexp
	text  func(lines []string) []voiced // without markup
	found []readCue
}

// readCue is a subtitle as it was read.
type readCue struct {
	start, end time.Duration
	lines      []voiced
}

var (
	srtTiming = regexp.MustCompile(`^\s*(\d{1,3}):(\d{2}):(\d{2})[,.](\d{1,3})\s*-->\s*(\d{1,3}):(\d{2}):(\d{2})[,.](\d{1,3})(\s.*)?$`)
	vttTiming = regexp.MustCompile(`^\s*(?:(\d{2,}):)?(\d{2}):(\d{2})\.(\d{3})\s+-->\s+(?:(\d{2,}):)?(\d{2}):(\d{2})\.(\d{3})(\s.*)?$`)
)

// readSRT reads SubRip subtitles: blocks of a number, a time and text, with empty lines
// between.
func readSRT(body []byte, before []Segment) (imported, error) {
	lines, err := linesOf(body)
	if err != nil {
		return imported{}, err
	}
	r := &cueReader{lines: lines, time: srtTiming, text: srtLines}
	for r.skipEmpty() {
		if _, err := strconv.Atoi(strings.TrimSpace(r.line())); err == nil {
			r.at++
		}
		if err := r.cue(); err != nil {
			return imported{}, err
		}
	}
	unlabel(r.found, before, func(name string) string { return srtPlain(srtText(clean(name))) })
	return importedCues(r.found), nil
}

// readVTT reads WebVTT subtitles (W3C Recommendation, section 6): a header, and blocks of
// cues, notes, styles and regions, with empty lines between. Where no voice is named, names
// may stand in front of the text as in SubRip.
func readVTT(body []byte, before []Segment) (imported, error) {
	lines, err := linesOf(body)
	if err != nil {
		return imported{}, err
	}
	var v voices
	r := &cueReader{lines: lines, time: vttTiming, text: v.lines}
	if !vttHeader.MatchString(r.line()) {
		return imported{}, malformed(1, "a WebVTT file begins with WEBVTT.")
	}
	r.skipHeader()
	for r.skipEmpty() {
		if vttOther.MatchString(r.line()) {
			r.skipBlock()
			continue
		}
		if !strings.Contains(r.line(), "-->") {
			r.at++ // the name of the cue
		}
		if err := r.cue(); err != nil {
			return imported{}, err
		}
	}
	if v.turns == 0 {
		unlabel(r.found, before, clean)
	}
	return importedCues(r.found), nil
}

// importedCues returns what subtitles say.
func importedCues(cues []readCue) (in imported) {
	for _, c := range cues {
		var lines []voiced
		for _, line := range c.lines {
			if line.text = clean(line.text); line.text != "" {
				lines = append(lines, line)
			}
		}
		in.lines = append(in.lines, lines...)
		in.cues = append(in.cues, c.segments(lines)...)
	}
	return in
}

// segments returns the lines of a subtitle as segments, one of each who speaks in it: they
// share its time by what they say.
func (c readCue) segments(lines []voiced) []NewSegment {
	var turns []voiced
	for _, line := range lines {
		if last := len(turns) - 1; last >= 0 && turns[last].turn == line.turn {
			turns[last].text += " " + line.text
			continue
		}
		turns = append(turns, line)
	}
	if len(turns) == 0 {
		return nil
	}
	if len(turns) == 1 || c.end-c.start < time.Duration(len(turns))*shortestSegment {
		whole := NewSegment{Start: c.start, End: c.end, Text: turns[0].text, Speaker: turns[0].speaker}
		for _, t := range turns[1:] {
			whole.Text += " " + t.text
		}
		return []NewSegment{whole}
	}
	found := timed(turns, c.end-c.start)
	for i := range found {
		found[i].Start += c.start
		found[i].End += c.start
	}
	return found
}

var (
	vttHeader = regexp.MustCompile(`^WEBVTT([ \t].*)?$`)
	vttOther  = regexp.MustCompile(`^(NOTE|STYLE|REGION)([ \t].*)?$`)
)

// line returns the present line, empty behind the last.
func (r *cueReader) line() string {
	if r.at >= len(r.lines) {
		return ""
	}
	return r.lines[r.at]
}

func (r *cueReader) empty() bool { return strings.TrimSpace(r.line()) == "" }

// skipEmpty goes to the next line that is not empty, and reports whether there is one.
func (r *cueReader) skipEmpty() bool {
	for r.at < len(r.lines) && r.empty() {
		r.at++
	}
	return r.at < len(r.lines)
}

// skipHeader goes to the end of the header of a WebVTT file: an empty line, or the first
// subtitle (WebVTT, section 6.1, "WebVTT parser algorithm").
func (r *cueReader) skipHeader() {
	for r.at < len(r.lines) && strings.TrimSpace(r.line()) != "" && !strings.Contains(r.line(), "-->") {
		r.at++
	}
}

// skipBlock goes to the next empty line.
func (r *cueReader) skipBlock() {
	for r.at < len(r.lines) && !r.empty() {
		r.at++
	}
}

// cue reads a time and the lines behind it.
func (r *cueReader) cue() error {
	m := r.time.FindStringSubmatch(r.line())
	if m == nil {
		return malformed(r.at+1, "here should be a time such as %s, but there is %.40q.", "00:00:01.000 --> 00:00:02.500", r.line())
	}
	start, end := cueTime(m[1:5]), cueTime(m[5:9])
	if end <= start {
		return malformed(r.at+1, "this subtitle ends before it starts.")
	}
	if last := len(r.found) - 1; last >= 0 && start < r.found[last].start {
		return malformed(r.at+1, "this subtitle starts before the one above it.")
	}
	c := readCue{start: start, end: end}
	r.at++
	from := r.at
	r.skipBlock()
	c.lines = r.text(r.lines[from:r.at])
	r.found = append(r.found, c)
	return nil
}

// cueTime reads hours, minutes, seconds and milliseconds; the expressions let numbers
// through only.
func cueTime(parts []string) time.Duration {
	var n [4]int64
	for i, p := range parts {
		n[i], _ = strconv.ParseInt(p, 10, 32)
	}
	for range 3 - len(parts[3]) { // ,5 is half a second
		n[3] *= 10
	}
	return time.Duration(n[0])*time.Hour + time.Duration(n[1])*time.Minute + time.Duration(n[2])*time.Second + time.Duration(n[3])*time.Millisecond
}

// markup of subtitles that shows nothing.
var (
	srtMarkup = regexp.MustCompile(`(?i)</?(?:b|i|u|s|font)(?:\s[^<>]*)?>|\{\\[^{}]*\}`)
	vttMarkup = regexp.MustCompile(`<[^<>]*>`)
)

// wordJoiner keeps players from reading text as markup, see srtText.
const wordJoiner = "\u2060"

func srtLines(lines []string) (found []voiced) {
	for _, line := range lines {
		found = append(found, voiced{text: clean(srtPlain(line))})
	}
	return found
}

func srtPlain(line string) string {
	return strings.ReplaceAll(srtMarkup.ReplaceAllString(line, ""), wordJoiner, "")
}

func vttPlain(line string) string {
	return strings.ReplaceAll(vttEntities.Replace(vttMarkup.ReplaceAllString(line, "")), wordJoiner, "")
}

// vttEntities are those of WebVTT, which differ little from HTML's.
var vttEntities = strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">", "&lrm;", "\u200e", "&rlm;", "\u200f", "&nbsp;", "\u00a0")

// voiceTag is where a voice begins, with its name, or ends.
var voiceTag = regexp.MustCompile(`<v(?:\.[^\s<>]*)?[ \t]+([^<>]*)>|</v>`)

// voices counts the voices of WebVTT.
type voices struct{ turns int }

// lines returns what a cue says: a voice begins a line of its own, and goes on until it ends,
// until the next or with the cue.
func (v *voices) lines(lines []string) (found []voiced) {
	var now voiced
	add := func(text string) {
		now.text = clean(vttPlain(text))
		found = append(found, now)
	}
	for _, line := range lines {
		at := 0
		for _, m := range voiceTag.FindAllStringSubmatchIndex(line, -1) {
			add(line[at:m[0]])
			now, at = voiced{}, m[1]
			if m[2] < 0 {
				continue
			}
			if name := clean(vttEntities.Replace(line[m[2]:m[3]])); name != "" {
				v.turns++
				now = voiced{speaker: name, turn: v.turns}
			}
		}
		add(line[at:])
	}
	return found
}
