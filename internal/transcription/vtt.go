package transcription

import (
	"regexp"
	"strings"
	"time"
)

// vttEscape leaves nothing in a text that a browser would read as markup.
// Without > there is no arrow either.
var vttEscape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// writeVTT writes WebVTT subtitles with a voice on every cue whose speaker is
// known.
func writeVTT(out *printer, t *Transcription, l Layout) {
	out.printf("WEBVTT\n")
	for _, c := range cues(t, l.Cues, false) {
		if l.Anonymous {
			c.speaker = ""
		}
		out.printf("\n%s --> %s%s\n%s", timestamp(c.start, '.'), timestamp(c.end, '.'), vttSettings(c.text()), vttVoice(c.speaker))
		text := vttEscape.Replace(c.text())
		if l.Highlight {
			text = vttHighlight(c)
		}
		out.printf("%s\n", vttBlock.ReplaceAllString(text, "\u2060$0"))
	}
}

// vttBlock is the beginning of a line that readers take for a comment or a style sheet,
// though only the first line of a block is one. A word joiner, which shows nothing, is
// enough for them to see the text.
var vttBlock = regexp.MustCompile(`(?m)^(NOTE|STYLE|REGION)`)

// vttHighlight returns the text of a cue with a time before each word, at which players
// begin to show it as spoken. The times only rise, and lie inside the cue.
func vttHighlight(c cue) string {
	var b strings.Builder
	last := c.start
	for i, line := range c.lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		for j, tok := range line {
			if j > 0 && !tok.glued {
				b.WriteByte(' ')
			}
			if at := tok.start.Round(time.Millisecond); at > last && at < c.end {
				b.WriteString("<" + timestamp(at, '.') + ">")
				last = at
			}
			b.WriteString(vttEscape.Replace(tok.text))
		}
	}
	return b.String()
}

// vttVoice returns the tag that names the speaker. It spans the whole cue, so it
// needs no end.
func vttVoice(speaker string) string {
	if speaker == "" {
		return ""
	}
	return "<v " + vttEscape.Replace(speaker) + ">"
}

// vttSettings lets text from right to left begin at its own side.
func vttSettings(text string) string {
	if RightToLeft(text) {
		return " align:start"
	}
	return ""
}
