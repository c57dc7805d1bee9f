package transcription

import (
	"slices"
	"unicode/utf8"
)

// renamed returns segments with the speakers that lines name which spell their text, however
// it is laid out.
func renamed(segments []Segment, escaped func(string) string, lines []voiced) []Segment {
	words, home := wordsAtHome(segments)
	units := unitsOf(words)
	homes := make([]int, len(units))
	line, behind, at := 0, 0, 0 // the line that a unit is on, and where that ends and the unit begins, in letters
	for i := range units {
		for line < len(lines) && at >= behind+lettersIn(lines[line].text) {
			behind += lettersIn(lines[line].text)
			line++
		}
		if line == len(lines) {
			return segments
		}
		units[i].speaker, units[i].turn = lines[line].speaker, lines[line].turn
		homes[i] = home[units[i].word]
		text := units[i].text
		if escaped != nil {
			text = escaped(text)
		}
		at += lettersIn(text)
	}
	for i, name := range speakersOf(segments, units, homes) {
		if name != segments[homes[i]].Speaker {
			return resegment(segments, words, units, homes)
		}
	}
	return segments
}

// lettersIn counts what is no space in a text.
func lettersIn(text string) int { return utf8.RuneCountInString(squeeze(clean(text))) }

// speakersOf tells of each unit who says it. Names stand at the beginning of a turn only, and
// nowhere where nobody is known: so a name is that of all in the turn that one person has said
// before. Words that are new at its beginning are theirs as well.
func speakersOf(segments []Segment, units []unit, homes []int) []string {
	names := make([]string, len(units))
	for from := 0; from < len(units); {
		to := from
		for to < len(units) && units[to].turn == units[from].turn {
			names[to] = segments[homes[to]].Speaker
			to++
		}
		if units[from].turn > 0 {
			rename(names[from:to], units[from:to])
		}
		from = to
	}
	return names
}

// rename gives the turn that units are to who is named in front of it.
func rename(names []string, units []unit) {
	first := max(slices.IndexFunc(units, func(u unit) bool { return u.word >= 0 }), 0)
	was := names[first]
	for i, u := range units {
		if i < first || names[i] == was {
			names[i] = u.speaker
		}
	}
}

// begins reports whether unit i of those between others is the beginning of a turn that goes
// on behind them.
func begins(units []unit, from, i, to int) bool {
	turn := units[i].turn
	return turn > 0 && turn == units[to].turn && (from == 0 || units[from-1].turn != turn)
}

// shareOut returns a segment with those who say its units, cut where somebody else goes on.
func shareOut(s Segment, words []Word, units []unit, speakers []string) (found []Segment) {
	s.Speaker = speakers[0]
	word, done := -1, 0 // of all words, those before this unit and those in segments that are found
	for i, u := range units {
		if u.word >= 0 && i > 0 && units[i-1].word == u.word {
			continue
		}
		word++
		if i == 0 || speakers[i] == speakers[i-1] || s.End-s.Start < 2*shortestSegment {
			continue
		}
		if found == nil {
			s.Words = words
		}
		var first Segment
		first, s = halves(s, word-done, nil)
		s.Speaker, done = speakers[i], word
		found = append(found, first)
	}
	return append(found, s)
}
