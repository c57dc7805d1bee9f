package whisper

import (
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// token is a piece of text as the model wrote it: often a whole word, sometimes
// one byte of a letter. Special and time tokens are not among them.
type token struct {
	text       string
	start, end time.Duration // relative to the window; where unknown, negative
	p, logprob float64
}

// passage is a segment as the library returns it.
type passage struct {
	start, end time.Duration
	tokens     []token
}

// minWord is the shortest a word can be, so that it can be shown and clicked.
const minWord = 10 * time.Millisecond

// glyph is a letter and the token it began in.
type glyph struct {
	r     rune
	token int
}

// glyphs joins the tokens' texts. A letter may be spread over several tokens;
// bytes that make no letter are left out, as databases refuse them.
func glyphs(tokens []token) []glyph {
	var text strings.Builder
	var owner []int
	for i, t := range tokens {
		text.WriteString(t.text)
		for range len(t.text) {
			owner = append(owner, i)
		}
	}
	all := text.String()
	found := make([]glyph, 0, len(all))
	for i, r := range all {
		if _, size := utf8.DecodeRuneInString(all[i:]); r == utf8.RuneError && size < 2 || r == 0 {
			continue
		}
		found = append(found, glyph{r, owner[i]})
	}
	return found
}

// text returns the segment's text without the spaces around it.
func text(letters []glyph) string {
	var b strings.Builder
	for _, g := range letters {
		b.WriteRune(g.r)
	}
	return strings.TrimSpace(b.String())
}

// words cuts a segment at its spaces. Scripts that write none are cut between
// tokens; the parts are glued. Joining the words, with a space before each that
// is not glued, gives the segment's text again.
func words(letters []glyph, tokens []token) (found []transcription.Word) {
	start := -1 // of the word being read
	for i, g := range letters {
		space := unicode.IsSpace(g.r)
		switch {
		case start < 0 && !space:
			start = i
		case start >= 0 && space:
			found = append(found, word(letters[start:i], tokens, glued(letters, start)))
			start = -1
		case start >= 0 && cuts(letters[i-1], g):
			found = append(found, word(letters[start:i], tokens, glued(letters, start)))
			start = i
		}
	}
	if start >= 0 {
		found = append(found, word(letters[start:], tokens, glued(letters, start)))
	}
	return found
}

func glued(letters []glyph, at int) bool { return at > 0 && !unicode.IsSpace(letters[at-1].r) }

// cuts reports whether a word ends between two letters that no space parts.
// Marks and closing punctuation stay with what is before them, opening
// punctuation with what follows.
func cuts(before, after glyph) bool {
	if before.token == after.token || !spaceless(before.r) && !spaceless(after.r) {
		return false
	}
	opens := unicode.In(before.r, unicode.Ps, unicode.Pi)
	joins := unicode.In(after.r, unicode.M, unicode.P, unicode.S) && !unicode.In(after.r, unicode.Ps, unicode.Pi)
	return !opens && !joins
}

// spaceless reports whether r belongs to a script that is written without spaces
// between words, or to its punctuation.
func spaceless(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer,
		unicode.Myanmar, unicode.Tibetan) || r >= 0x3000 && r <= 0x30ff || r >= 0xff00 && r <= 0xffef
}

// word joins letters of one word; its times still have to be fitted.
func word(letters []glyph, tokens []token, glued bool) transcription.Word {
	own := tokens[letters[0].token : letters[len(letters)-1].token+1]
	return transcription.Word{
		Start: own[0].start, End: own[len(own)-1].end,
		Text: text(letters), Confidence: mean(own, func(t token) float64 { return t.p }), Glued: glued,
	}
}

// mean averages a value over tokens; 0 where that is not a number.
func mean(tokens []token, value func(token) float64) float64 {
	sum := 0.0
	for _, t := range tokens {
		sum += value(t)
	}
	if m := sum / float64(len(tokens)); !math.IsNaN(m) && !math.IsInf(m, 0) {
		return m
	}
	return 0
}

// withText leaves out passages that say nothing.
func withText(passages []passage) (found []passage) {
	for _, p := range passages {
		if text(glyphs(p.tokens)) != "" {
			found = append(found, p)
		}
	}
	return found
}

// assemble makes a segment of each passage, all of which have text. All times are
// whole milliseconds inside the window, in order, and no two words or segments
// overlap.
func assemble(passages []passage, length time.Duration) []transcription.Segment {
	found := make([]transcription.Segment, len(passages))
	spans := make([]span, len(passages))
	for i, p := range passages {
		letters := glyphs(p.tokens)
		found[i] = transcription.Segment{
			Start: p.start, End: p.end, Text: text(letters), Words: words(letters, p.tokens),
			Confidence: mean(p.tokens, func(t token) float64 { return t.p }),
		}
		spans[i] = span{&found[i].Start, &found[i].End, time.Duration(len(found[i].Words)) * minWord}
	}
	fit(spans, 0, length.Truncate(time.Millisecond))
	for _, s := range found {
		fitWords(s)
	}
	return found
}

// fitWords fits the words of a segment into it.
func fitWords(s transcription.Segment) {
	spans := make([]span, len(s.Words))
	for i := range s.Words {
		spans[i] = span{&s.Words[i].Start, &s.Words[i].End, minWord}
	}
	fit(spans, s.Start, s.End)
}

// span is a stretch of time to be fitted, and the least it may last.
type span struct {
	start, end *time.Duration
	least      time.Duration
}

// fit moves spans into [from, to], in order and without overlap, as little as
// possible. Where they cannot all last their least, they share what there is;
// at worst, with a millisecond a word, they reach beyond it.
func fit(spans []span, from, to time.Duration) {
	needed := time.Duration(0)
	for _, s := range spans {
		needed += s.least
	}
	if room := to - from; needed > room {
		for i := range spans {
			share := spans[i].least * max(room, 0) / needed
			spans[i].least = max(spans[i].least*time.Millisecond/minWord, share.Truncate(time.Millisecond))
		}
		needed = 0
		for _, s := range spans {
			needed += s.least
		}
		to = max(to, from+needed)
	}
	for _, s := range spans {
		*s.start = clamp(s.start.Truncate(time.Millisecond), from, to-needed)
		needed -= s.least
		*s.end = clamp(s.end.Truncate(time.Millisecond), *s.start+s.least, to-needed)
		from = *s.end
	}
}

func clamp(d, least, most time.Duration) time.Duration { return min(max(d, least), most) }
