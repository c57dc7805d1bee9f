package transcription

import (
	"io"
	"strings"
	"unicode"
)

// vttEscape leaves nothing in a text that a browser would read as markup.
// Without > there is no arrow either.
var vttEscape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// writeVTT writes WebVTT subtitles with a voice on every cue whose speaker is
// known.
func writeVTT(w io.Writer, t *Transcription) error {
	return printed(w, func(out *printer) {
		out.printf("WEBVTT\n")
		for _, c := range cues(t, false) {
			text := strings.Join(c.lines, "\n")
			out.printf("\n%s --> %s%s\n%s%s\n", timestamp(c.start, '.'), timestamp(c.end, '.'), vttSettings(text), vttVoice(c.speaker), vttEscape.Replace(text))
		}
	})
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
	for _, r := range text {
		if unicode.IsLetter(r) {
			if unicode.In(r, unicode.Arabic, unicode.Hebrew, unicode.Syriac, unicode.Thaana, unicode.Nko) {
				return " align:start"
			}
			return ""
		}
	}
	return ""
}
