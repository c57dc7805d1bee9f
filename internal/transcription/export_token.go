package transcription

import (
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A line that holds 42 letters holds 16 ideographs, which are about as wide.
const (
	letterWidth    = 8
	ideographWidth = 21
)

// endless is the width of lines that are never full.
const endless = math.MaxInt

// token is the smallest piece of text that a cue moves as a whole: a word, or
// one character of a script without spaces.
type token struct {
	start, end time.Duration
	text       string
	width      int
	glued      bool // no space before it
	label      bool // part of the speaker's name
	speaker    string
}

func newToken(text string) token { return token{text: text, width: width(text)} }

// gap returns the width of the space before t.
func (t token) gap() int {
	if t.glued {
		return 0
	}
	return letterWidth
}

// tokens returns the text of all segments in order, with times that never go
// back, in pieces that fit on a line. With labels, each turn of a speaker begins with
// the name.
func tokens(segments []Segment, line int, labels bool) (all []token) {
	speaker := ""
	for _, s := range ordered(segments) {
		own := segmentTokens(s, line)
		if len(own) == 0 {
			continue
		}
		name := clean(s.Speaker)
		own[0].glued = len(all) > 0 && joinsWithoutSpace(all[len(all)-1].text, own[0].text)
		if labels && name != "" && name != speaker {
			own[0].glued = false
			own = append(labelTokens(name, own[0].start, line), own...)
		}
		speaker = name
		for _, t := range own {
			t.speaker = name
			all = append(all, t)
		}
	}
	return monotonic(all)
}

// segmentTokens cuts one segment. Its words are used when they spell its text: a
// text that a person has changed comes before the words of the machine.
func segmentTokens(s Segment, line int) []token {
	timed := wordTokens(s, line)
	if text := squeeze(s.Text); text != "" && text != spelled(timed) {
		return textTokens(s.Text, line, s.Start, s.End)
	}
	return timed
}

func wordTokens(s Segment, line int) (found []token) {
	for _, w := range s.Words {
		pieces := textTokens(w.Text, line, w.Start, w.End)
		if len(pieces) > 0 {
			pieces[0].glued = w.Glued
		}
		found = append(found, pieces...)
	}
	return found
}

// textTokens cuts text and shares the time out by width.
func textTokens(text string, line int, start, end time.Duration) (found []token) {
	total := 0
	for _, f := range fields(text) {
		for i, piece := range pieces(f, line) {
			t := newToken(piece)
			t.glued = i > 0
			total += t.width
			found = append(found, t)
		}
	}
	done := 0
	for i := range found {
		found[i].start = start + share(end-start, done, total)
		done += found[i].width
		found[i].end = start + share(end-start, done, total)
	}
	return found
}

// share returns part/whole of d without overflowing on long recordings.
func share(d time.Duration, part, whole int) time.Duration {
	return time.Duration(float64(d) * float64(part) / float64(max(whole, 1)))
}

// labelTokens returns the name of a speaker as subtitles have it.
func labelTokens(name string, at time.Duration, line int) []token {
	label := textTokens(name+":", line, at, at)
	for i := range label {
		label[i].label = true
	}
	return label
}

// monotonic makes times that never go back: a token starts no earlier than the
// one before it and ends no earlier than it starts.
func monotonic(all []token) []token {
	var last time.Duration
	for i := range all {
		t := &all[i]
		t.start = max(t.start, last)
		t.end = max(t.end, t.start)
		last = t.start
	}
	return all
}

// pieces cuts a field where a line may end inside it: between ideographs and,
// when the field is wider than a line, wherever it must be.
func pieces(field string, line int) (found []string) {
	overlong := width(field) > line
	from, wide, prev := 0, 0, rune(-1)
	for i, r := range field {
		full := wide+runeWidth(r) > line
		if full || mayEndBetween(prev, r, overlong) {
			found = append(found, field[from:i])
			from, wide = i, 0
		}
		wide += runeWidth(r)
		prev = r
	}
	return append(found, field[from:])
}

// mayEndBetween reports whether a line may end between two neighbouring
// characters of one field. Scripts such as Thai, whose words only a dictionary
// can tell, are cut only when the field is too long for a line.
func mayEndBetween(prev, next rune, overlong bool) bool {
	if prev < 0 || joins(prev, next) || opens(prev) || closes(next) {
		return false
	}
	return isIdeographic(prev) || isIdeographic(next) || overlong && isSpaceless(next)
}

// joins reports whether two characters make one sign: a mark on a letter, parts
// of an emoji.
func joins(prev, next rune) bool {
	const zeroWidthJoiner = '\u200D'
	return prev == zeroWidthJoiner || unicode.In(next, unicode.M, unicode.Cf) || next >= 0x1F3FB && next <= 0x1F3FF
}

// noLineStart lists what must not begin a line, closing brackets apart: stops,
// small kana, Thai vowels that follow their consonant.
const noLineStart = "!%,.:;?…‥、。，．・：；？！％ーゝゞ々ぁぃぅぇぉっゃゅょァィゥェォッャュョะาำๅๆฯ"

// opens reports whether a line must not end after r.
func opens(r rune) bool {
	return unicode.In(r, unicode.Ps, unicode.Pi) || strings.ContainsRune("เแโใไ", r)
}

// closes reports whether a line must not begin with r.
func closes(r rune) bool {
	return unicode.In(r, unicode.Pe, unicode.Pf) || strings.ContainsRune(noLineStart, r)
}

// joinsWithoutSpace reports whether two texts of neighbouring segments stand
// together without a space.
func joinsWithoutSpace(a, b string) bool {
	last, _ := utf8.DecodeLastRuneInString(a)
	first, _ := utf8.DecodeRuneInString(b)
	return isSpaceless(last) && isSpaceless(first)
}

// width returns how much of a line s takes.
func width(s string) (w int) {
	for _, r := range s {
		w += runeWidth(r)
	}
	return w
}

func runeWidth(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case isIdeographic(r), unicode.Is(unicode.Hangul, r):
		return ideographWidth
	default:
		return letterWidth
	}
}

// squeeze returns s without its spaces.
func squeeze(s string) string { return strings.Join(fields(s), "") }

func spelled(found []token) string {
	var b strings.Builder
	for _, t := range found {
		b.WriteString(t.text)
	}
	return b.String()
}

// joined returns the text of tokens on one line.
func joined(line []token) string {
	var b strings.Builder
	for i, t := range line {
		if i > 0 && !t.glued {
			b.WriteByte(' ')
		}
		b.WriteString(t.text)
	}
	return b.String()
}
