package transcription

import (
	"strings"
	"time"
	"unicode/utf8"
)

// unit is what texts are compared by: what stands between spaces or, in scripts without
// them, one sign. A word is one unit or several.
type unit struct {
	text  string
	glued bool // no space before it
	loose bool // which is a guess: a line begins with it
	word  int  // of the old text; −1: of none

	speaker string // whom a file names, see voiced
	turn    int
}

// unitsOf returns the units of words.
func unitsOf(words []Word) (found []unit) {
	for i, w := range words {
		for n, text := range signs(w.Text) {
			found = append(found, unit{text: text, glued: n > 0 || w.Glued, word: i})
		}
	}
	return found
}

// unitsIn returns the units of a text.
func unitsIn(text string) (found []unit) {
	for _, f := range fields(text) {
		for n, sign := range signs(f) {
			found = append(found, unit{text: sign, glued: n > 0, word: -1})
		}
	}
	return found
}

// signs cuts what has no spaces in it between the signs of scripts that have none.
func signs(field string) (found []string) {
	from, prev := 0, rune(-1)
	for i, r := range field {
		if i > 0 && !joins(prev, r) && (isSpaceless(prev) || isSpaceless(r)) {
			found = append(found, field[from:i])
			from = i
		}
		prev = r
	}
	return append(found, field[from:])
}

// unitTexts returns what units are compared by. Exports change what players of subtitles
// would read as markup, see srtText, and that is no other word.
func unitTexts(units []unit) []string {
	list := make([]string, len(units))
	for i, u := range units {
		list[i] = asExported.Replace(u.text)
	}
	return list
}

var asExported = strings.NewReplacer("\u2060", "", "-->", "→")

// recognize tells of each unit of a new text which word of the old one it belongs to, and in
// units without a word what was written anew. A word is kept whole or not at all.
func recognize(old []Word, units []unit) {
	before := unitsOf(old)
	to := align(unitTexts(before), unitTexts(units))
	for from := 0; from < len(before); {
		end := from
		for end < len(before) && before[end].word == before[from].word {
			end++
		}
		if unbroken(to[from:end], units) {
			for i := from; i < end; i++ {
				units[to[i]].word = before[i].word
			}
		}
		from = end
	}
}

// unbroken reports whether the units of a word are all there, without anything between.
func unbroken(to []int, units []unit) bool {
	for i, j := range to {
		if j < 0 || j != to[0]+i || i > 0 && !units[j].glued {
			return false
		}
	}
	return true
}

// reworded returns the words of a new text between start and end. Those it has in common
// with the old one keep their times and their confidence. The others share the time of
// those they stand instead of, or a little of the pause they are put into, by their
// letters, and are certain: a person wrote them. The gap is between the old words that were
// kept last before and first behind these units, −1 and len(old) for none.
func reworded(old []Word, units []unit, g gapOf) []Word {
	var words []Word
	for i := 0; i < len(units); {
		u, next := units[i], i+1
		w := Word{Text: u.text, Confidence: 1}
		if u.word >= 0 {
			w = old[u.word]
			for next < len(units) && units[next].word == u.word {
				next++
			}
		}
		if !u.loose || u.word < 0 || i == 0 || units[i-1].word != u.word-1 {
			w.Glued = u.glued
		}
		words = append(words, w)
		i = next
	}
	kept := wordsKept(units)
	for i := 0; i < len(words); {
		if kept[i] >= 0 {
			g.before = kept[i]
			i++
			continue
		}
		to := i
		for to < len(words) && kept[to] < 0 {
			to++
		}
		here := g
		if to < len(words) {
			here.after = kept[to]
		}
		lo, hi := room(old, words, i, to, here)
		spread(words[i:to], lo, hi)
		i = to
	}
	return straightWords(words, g.start, g.end)
}

// wordsKept returns of each word that reworded makes which old one it is.
func wordsKept(units []unit) (kept []int) {
	for i, u := range units {
		if u.word < 0 || i == 0 || units[i-1].word != u.word {
			kept = append(kept, u.word)
		}
	}
	return kept
}

// gapOf is where new words stand: between two old ones, in a segment.
type gapOf struct {
	before, after int
	start, end    time.Duration
}

// letterTime is how long a letter takes that was put where nothing was before.
const letterTime = 80 * time.Millisecond

// room returns the time for words[i:to].
func room(old, words []Word, i, to int, g gapOf) (lo, hi time.Duration) {
	lo, hi = g.start, g.end
	if i == 0 && to == len(words) { // nothing is left of the old ones
		return lo, hi
	}
	if i > 0 {
		lo = max(lo, words[i-1].End)
	}
	if to < len(words) {
		hi = min(hi, words[to].Start)
	}
	if g.before+1 < g.after { // instead of old words
		return min(max(lo, old[g.before+1].Start), hi), max(min(hi, old[g.after-1].End), lo)
	}
	if need := letterCount(words[i:to]) * letterTime; hi-lo > need {
		if i == 0 {
			return hi - need, hi
		}
		return lo, lo + need
	}
	return lo, max(lo, hi)
}

// letterCount counts the letters of words, as a span of time of one each.
func letterCount(words []Word) (n time.Duration) {
	for _, w := range words {
		n += time.Duration(utf8.RuneCountInString(w.Text))
	}
	return n
}

// spread shares a time among words by their letters.
func spread(words []Word, lo, hi time.Duration) {
	all, done := letterCount(words), time.Duration(0)
	at := func(n time.Duration) time.Duration {
		return (lo + time.Duration(float64(hi-lo)*float64(n)/float64(all))).Round(time.Millisecond)
	}
	for i := range words {
		words[i].Start = at(done)
		done += letterCount(words[i : i+1])
		words[i].End = at(done)
	}
}

// reword returns a segment with another text. What it has in common with the old one
// keeps its times.
func reword(s Segment, text string) Segment {
	units := unitsIn(text)
	if len(units) > 0 && len(s.Words) > 0 {
		units[0].glued = s.Words[0].Glued
	}
	recognize(s.Words, units)
	s.Words = reworded(s.Words, units, gapOf{-1, len(s.Words), s.Start, s.End})
	s.Text, s.Confidence, s.Suspect = joinWords(s.Words), confidence(s.Words), false
	return s
}

// Retext returns segments with another text as a whole. What it has in common with the
// old one keeps its times and its segment; what is new goes to the segment of what it
// stands instead of, or behind. Segments of which nothing is left are gone.
func Retext(segments []Segment, text string) []Segment { return retext(segments, unitsIn(text)) }

func retext(segments []Segment, units []unit) []Segment {
	if len(segments) == 0 {
		return nil
	}
	old, home := wordsAtHome(segments)
	recognize(old, units)
	return resegment(segments, old, units, housed(units, home))
}

// wordsAtHome returns all words, and of each the segment in which it is.
func wordsAtHome(segments []Segment) (words []Word, home []int) {
	for i, s := range segments {
		s = worded(s)
		words = append(words, s.Words...)
		for range s.Words {
			home = append(home, i)
		}
	}
	return words, home
}

// resegment returns segments with the units that are at home in them.
func resegment(segments []Segment, old []Word, units []unit, homes []int) (found []Segment) {
	kept, speakers := neighbours(units, len(old)), speakersOf(segments, units, homes)
	for from := 0; from < len(units); {
		to := from
		for to < len(units) && homes[to] == homes[from] {
			to++
		}
		s := segments[homes[from]]
		words := reworded(old, units[from:to], gapOf{kept.before[from], kept.behind[to], s.Start, s.End})
		if joinWords(words) != s.Text {
			s.Text, s.Words, s.Confidence, s.Suspect = joinWords(words), words, confidence(words), false
		}
		found = append(found, shareOut(s, words, units[from:to], speakers[from:to])...)
		from = to
	}
	return found
}

// nearest tells of each place between units which old word was kept last before it, and
// which first behind it; −1 and the number of all where there is none.
type nearest struct{ before, behind []int }

func neighbours(units []unit, all int) nearest {
	n := nearest{make([]int, len(units)+1), make([]int, len(units)+1)}
	n.before[0], n.behind[len(units)] = -1, all
	for i, u := range units {
		n.before[i+1] = max(n.before[i], u.word)
	}
	for i := len(units) - 1; i >= 0; i-- {
		if n.behind[i] = units[i].word; n.behind[i] < 0 {
			n.behind[i] = n.behind[i+1]
		}
	}
	return n
}

// housed tells of each unit which segment it goes to: with the word that it is; with those
// that it stands instead of, in proportion; else with what is before it.
func housed(units []unit, home []int) []int {
	homes := make([]int, len(units))
	before := -1 // the last old word that was kept
	for from := 0; from < len(units); {
		if w := units[from].word; w >= 0 {
			homes[from], before = home[w], w
			from++
			continue
		}
		to := from
		for to < len(units) && units[to].word < 0 {
			to++
		}
		after := len(home)
		if to < len(units) {
			after = units[to].word
		}
		instead := home[before+1 : after]
		for i := from; i < to; i++ {
			switch {
			case len(instead) == 0 && after < len(home) && begins(units, from, i, to): // the first words of a turn
				homes[i] = home[after]
			case len(instead) > 0:
				homes[i] = instead[(i-from)*len(instead)/(to-from)]
			case before >= 0:
				homes[i] = home[before]
			case after < len(home):
				homes[i] = home[after]
			}
		}
		from = to
	}
	return homes
}

// worded returns a segment with words that spell its text.
func worded(s Segment) Segment {
	if len(s.Words) > 0 && joinWords(s.Words) == s.Text {
		return s
	}
	suspect, sure := s.Suspect, s.Confidence
	s = reword(s, s.Text)
	s.Suspect, s.Confidence = suspect, sure
	return s
}
