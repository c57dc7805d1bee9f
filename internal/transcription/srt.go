package transcription

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// writeSRT writes SubRip subtitles. The format has no escapes: what a player
// would take for an arrow or for markup is changed so that it stays text.
func writeSRT(out *printer, t *Transcription, l Layout) {
	for i, c := range cues(t, l.Cues, !l.Anonymous) {
		if i > 0 {
			out.printf("\n")
		}
		out.printf("%d\n%s --> %s\n%s\n", i+1, timestamp(c.start, ','), timestamp(c.end, ','), srtText(c.text()))
	}
}

// srtText keeps s from being read as an arrow, a tag or a brace command. A word
// joiner, which shows nothing, is enough for players to see no tag.
func srtText(s string) string {
	s = strings.ReplaceAll(s, "-->", "→")
	var b strings.Builder
	prev := rune(0)
	for _, r := range s {
		if prev == '<' && (unicode.IsLetter(r) || strings.ContainsRune("/!?", r)) || prev == '{' && (unicode.IsLetter(r) || r == '\\') {
			b.WriteRune('\u2060')
		}
		b.WriteRune(r)
		prev = r
	}
	return b.String()
}

// timestamp returns d as hours, minutes, seconds and milliseconds. The milliseconds
// are rounded once, and as a whole number, so that 1.0009 s is 1.001 and not
// 1.000 s.
func timestamp(d time.Duration, point rune) string {
	ms := d.Round(time.Millisecond).Milliseconds()
	return fmt.Sprintf("%02d:%02d:%02d%c%03d", ms/3_600_000, ms/60_000%60, ms/1000%60, point, ms%1000)
}
