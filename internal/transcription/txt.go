package transcription

import (
	"io"
	"strings"
	"time"
)

// writeTXT writes paragraphs: a new one after a pause and where somebody else
// speaks, named by the speaker where one is known.
func writeTXT(w io.Writer, t *Transcription) error {
	return printed(w, func(out *printer) {
		for i, p := range paragraphs(t.Segments) {
			if i > 0 {
				out.printf("\n")
			}
			if p.named && p.speaker != "" {
				out.printf("%s: ", p.speaker)
			}
			out.printf("%s\n", p.text.String())
		}
	})
}

// paragraph is what one person says without a long pause.
type paragraph struct {
	speaker string
	named   bool   // begins a turn
	last    string // text of the last segment
	text    strings.Builder
}

func (p *paragraph) add(text string) {
	if p.text.Len() > 0 && !joinsWithoutSpace(p.last, text) {
		p.text.WriteByte(' ')
	}
	p.text.WriteString(text)
	p.last = text
}

func paragraphs(segments []Segment) (found []*paragraph) {
	p := &paragraph{}
	var end time.Duration
	for _, s := range ordered(segments) {
		text, speaker := segmentText(s), clean(s.Speaker)
		if text == "" {
			continue
		}
		if turn := speaker != p.speaker; turn || len(found) == 0 || s.Start-end > turnPause {
			p = &paragraph{speaker: speaker, named: turn}
			found = append(found, p)
		}
		p.add(text)
		end = max(end, s.End)
	}
	return found
}

// segmentText returns the text of a segment on one line: that of its words when
// it has none of its own.
func segmentText(s Segment) string {
	if text := clean(s.Text); text != "" {
		return text
	}
	return joined(wordTokens(s))
}
