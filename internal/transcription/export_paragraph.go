package transcription

import (
	"cmp"
	"fmt"
	"iter"
	"strings"
	"time"
	"unicode/utf8"
)

// Paragraph is what one person says without a long pause, on one line.
type Paragraph struct {
	Time    string // at which it begins, as h:m:s; empty unless asked for
	Speaker string // where a turn begins and the name is known and wanted
	Text    string
}

// Paragraphs returns the text of a transcription as it is read: a paragraph ends at a
// pause, where somebody else speaks, and behind the sentence with which it is long enough.
func Paragraphs(t *Transcription, l Layout) iter.Seq[Paragraph] {
	return func(yield func(Paragraph) bool) {
		b := paragraphs{limit: cmp.Or(l.Paragraph, defaultParagraph), layout: l}
		for _, s := range ordered(t.Segments) {
			text := segmentText(s)
			if text == "" {
				continue
			}
			if b.ends(s, text) && !yield(b.take()) {
				return
			}
			b.add(s, text)
		}
		if b.begun {
			yield(b.take())
		}
	}
}

// paragraphs collects segments until a paragraph is complete.
type paragraphs struct {
	limit  int
	layout Layout

	begun   bool
	turn    bool // it begins a turn
	speaker string
	start   time.Duration
	end     time.Duration
	last    string // text of the last segment
	text    strings.Builder
	length  int // of the text, in characters
}

// ends reports whether the paragraph is complete before the segment s.
func (b *paragraphs) ends(s Segment, text string) bool {
	return b.begun && (clean(s.Speaker) != b.speaker || s.Start-b.end > turnPause || b.length+utf8.RuneCountInString(text) > b.limit)
}

func (b *paragraphs) add(s Segment, text string) {
	if speaker := clean(s.Speaker); !b.begun {
		b.begun, b.start = true, s.Start
		b.turn = speaker != b.speaker
		b.speaker = speaker
	}
	if b.text.Len() > 0 && !joinsWithoutSpace(b.last, text) {
		b.text.WriteByte(' ')
	}
	b.text.WriteString(text)
	b.last, b.end = text, max(b.end, s.End)
	b.length += utf8.RuneCountInString(text)
}

// take returns the paragraph and begins another.
func (b *paragraphs) take() Paragraph {
	p := Paragraph{Text: b.text.String()}
	if b.layout.Timestamps {
		p.Time = Clock(b.start)
	}
	if b.turn && !b.layout.Anonymous {
		p.Speaker = b.speaker
	}
	b.begun, b.length = false, 0
	b.text.Reset()
	return p
}

// Clock returns d as people read it, in hours, minutes and seconds that have passed.
func Clock(d time.Duration) string {
	s := int64(max(d, 0) / time.Second)
	return fmt.Sprintf("%02d:%02d:%02d", s/3600, s/60%60, s%60)
}

// segmentText returns the text of a segment on one line: that of its words when
// it has none of its own.
func segmentText(s Segment) string {
	if text := clean(s.Text); text != "" {
		return text
	}
	return joined(wordTokens(s, endless))
}
