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
	text  func(line string) string // without markup
	found []readCue
}

// readCue is a subtitle as it was read.
type readCue struct {
	start, end time.Duration
	lines      []string
}

var (
	srtTiming = regexp.MustCompile(`^\s*(\d{1,3}):(\d{2}):(\d{2})[,.](\d{1,3})\s*-->\s*(\d{1,3}):(\d{2}):(\d{2})[,.](\d{1,3})(\s.*)?$`)
	vttTiming = regexp.MustCompile(`^\s*(?:(\d{2,}):)?(\d{2}):(\d{2})\.(\d{3})\s+-->\s+(?:(\d{2,}):)?(\d{2}):(\d{2})\.(\d{3})(\s.*)?$`)
)

// readSRT reads SubRip subtitles: blocks of a number, a time and text, with empty lines
// between.
func readSRT(body []byte, speakers []string) (imported, error) {
	lines, err := linesOf(body)
	if err != nil {
		return imported{}, err
	}
	r := &cueReader{lines: lines, time: srtTiming, text: srtPlain}
	for r.skipEmpty() {
		if _, err := strconv.Atoi(strings.TrimSpace(r.line())); err == nil {
			r.at++
		}
		if err := r.cue(); err != nil {
			return imported{}, err
		}
	}
	return importedCues(r.found, speakers), nil
}

// readVTT reads WebVTT subtitles (W3C Recommendation, section 6): a header, and blocks of
// cues, notes, styles and regions, with empty lines between.
func readVTT(body []byte, speakers []string) (imported, error) {
	lines, err := linesOf(body)
	if err != nil {
		return imported{}, err
	}
	r := &cueReader{lines: lines, time: vttTiming, text: vttPlain}
	if !vttHeader.MatchString(r.line()) {
		return imported{}, malformed(1, "a WebVTT file begins with WEBVTT.")
	}
	r.skipBlock()
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
	return importedCues(r.found, speakers), nil
}

// importedCues returns what subtitles say, without the names of those who speak.
func importedCues(cues []readCue, speakers []string) (in imported) {
	unlabel(cues, speakers)
	for _, c := range cues {
		var text []string
		for _, line := range c.lines {
			if line = clean(line); line != "" {
				text = append(text, line)
			}
		}
		if len(text) > 0 {
			in.lines = append(in.lines, text...)
			in.cues = append(in.cues, NewSegment{Start: c.start, End: c.end, Text: strings.Join(text, " ")})
		}
	}
	return in
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
	for r.at++; r.at < len(r.lines) && !r.empty(); r.at++ {
		c.lines = append(c.lines, clean(r.text(r.line())))
	}
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

func srtPlain(line string) string {
	return strings.ReplaceAll(srtMarkup.ReplaceAllString(line, ""), wordJoiner, "")
}

func vttPlain(line string) string {
	return strings.ReplaceAll(vttEntities.Replace(vttMarkup.ReplaceAllString(line, "")), wordJoiner, "")
}

// vttEntities are those of WebVTT, which differ little from HTML's.
var vttEntities = strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">", "&lrm;", "\u200e", "&rlm;", "\u200f", "&nbsp;", "\u00a0")
