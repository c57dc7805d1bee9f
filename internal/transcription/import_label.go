package transcription

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What is read as a name in front of what is said, where nobody of that name is known.
const (
	maxLabelWords = 5
	maxLabels     = 100 // different ones; a text with more has none
)

var (
	labelForm   = regexp.MustCompile(`^([\p{Lu}\p{Lt}\p{Lo}][^:,;?!…"“”„«»()\[\]]{0,59}):(?:\s|$)`)
	machineName = regexp.MustCompile(`^Speaker \d+$`) // that of a channel
)

// place is a letter of subtitles.
type place struct{ cue, line, at int }

// label is a name with a colon in front of what is said.
type label struct {
	name string // empty: there is none
	text string // as it stands there, without spaces
	end  place
}

// unlabel takes the names of those who speak out of subtitles or paragraphs, and says who
// speaks. A name with a colon stands at the beginning of one. Those known before are found
// as they are written; they go on over as many lines and subtitles as they need, which may
// break within a word. For others see mayLabel.
func unlabel(cues []readCue, before []Segment, written func(name string) string) {
	known := labelsOf(Speakers(before), written)
	labels := make([]label, len(cues))
	var others []int
	for i, within := 0, -1; i < len(cues); i++ {
		if l, ok := knownLabel(cues, i, known); ok {
			cut(cues, i, l.end)
			labels[i], within = l, l.end.cue
			continue
		}
		if i > within {
			if labels[i] = mayLabel(cues, i); labels[i].name != "" {
				others = append(others, i)
			}
		}
	}
	notLabels(labels, others, cues, before)
	for _, i := range others {
		if labels[i].name != "" {
			cut(cues, i, labels[i].end)
		}
	}
	assign(cues, labels)
}

// assign tells of all lines who says them.
func assign(cues []readCue, labels []label) {
	var now voiced
	for i := range cues {
		if labels[i].name != "" {
			now = voiced{speaker: labels[i].name, turn: now.turn + 1}
		}
		for j := range cues[i].lines {
			now.text = cues[i].lines[j].text
			cues[i].lines[j] = now
		}
	}
}

// labelsOf returns names as they stand in front of what is said, the longest first: one may
// be the beginning of another.
func labelsOf(speakers []string, written func(name string) string) (labels []label) {
	for _, name := range speakers {
		if text := squeeze(written(name)); text != "" {
			labels = append(labels, label{name: name, text: text + ":"})
		}
	}
	slices.SortFunc(labels, func(a, b label) int { return cmp.Compare(len(b.text), len(a.text)) })
	return labels
}

// knownLabel returns which of the labels what is said from a subtitle on begins with.
func knownLabel(cues []readCue, from int, labels []label) (label, bool) {
	for _, l := range labels {
		var ok bool
		if l.end, ok = labeled(cues, from, l.text); ok {
			return l, true
		}
	}
	return label{}, false
}

// mayLabel returns what a subtitle begins with if it looks like a name with a colon.
func mayLabel(cues []readCue, from int) label {
	for j, line := range cues[from].lines {
		if line.text == "" {
			continue
		}
		m := labelForm.FindStringSubmatch(line.text)
		if m == nil || m[1] != clean(m[1]) || len(strings.Fields(m[1])) > maxLabelWords {
			return label{}
		}
		return label{name: m[1], end: place{from, j, len(m[1]) + len(":")}}
	}
	return label{}
}

// notLabels takes away those of the labels of unknown people that are words: what the text
// has said before; and what stands neither in a text with labels nor, where speakers are
// known, in front of a segment.
func notLabels(labels []label, others []int, cues []readCue, before []Segment) {
	words := wordsWithColon(labels, others, before)
	for _, i := range others {
		if words[labels[i].name] {
			labels[i] = label{}
		}
	}
	names := throughout(labels)
	starts := map[string]bool{}
	if len(Speakers(before)) > 0 {
		for _, s := range before {
			starts[firstLetters(segmentText(s))] = true
		}
	}
	for _, i := range others {
		if l := labels[i]; !names[i] && !machineName.MatchString(l.name) && !starts[firstLetters(behind(cues, l.end))] {
			labels[i] = label{}
		}
	}
}

// wordsWithColon tells which names are words of the text before.
func wordsWithColon(labels []label, others []int, before []Segment) map[string]bool {
	words := map[string]bool{}
	for _, i := range others {
		words[labels[i].name] = true
	}
	if len(words) > maxLabels { // to look for each would take too long
		return words
	}
	text := Text(before)
	for name := range words {
		words[name] = strings.Contains(text, name+":")
	}
	return words
}

// throughout tells which labels are names because the text has labels throughout: it begins
// with one, and all has one or one is there again. Then those are names that are there again,
// the first, and one between two that are the same, as who goes on has no label.
func throughout(labels []label) map[int]bool {
	times := map[string]int{}
	again := false
	for _, l := range labels {
		times[l.name]++
		again = again || l.name != "" && times[l.name] > 1
	}
	bare := times[""]
	names := map[int]bool{}
	if len(labels) < 2 || labels[0].name == "" || bare > 0 && !again {
		return names
	}
	last, once := "", -1 // the last that is there again, and the first behind it that is not
	for i, l := range labels {
		switch {
		case l.name == "":
		case bare == 0 || i == 0:
			names[i], last = true, l.name
		case times[l.name] == 1:
			if once < 0 {
				once = i
			}
		default:
			names[i] = true
			if once >= 0 && last == l.name {
				names[once] = true
			}
			last, once = l.name, -1
		}
	}
	return names
}

// firstLetters returns the first letters of a text.
func firstLetters(text string) string {
	letters := []rune(squeeze(text[:min(len(text), 100)]))
	return string(letters[:min(len(letters), 4)])
}

// behind returns what a subtitle says behind a place or, where that is nothing, the next.
func behind(cues []readCue, end place) string {
	var b strings.Builder
	b.WriteString(cues[end.cue].lines[end.line].text[end.at:])
	from := end.line + 1
	for _, c := range cues[end.cue:] {
		for _, line := range c.lines[from:] {
			b.WriteString(" " + line.text)
		}
		if strings.TrimSpace(b.String()) != "" {
			break
		}
		from = 0
	}
	return b.String()
}

// labeled reports whether what is said from a subtitle on begins with a label, and where
// that ends.
func labeled(cues []readCue, from int, label string) (end place, ok bool) {
	for i := from; i < len(cues); i++ {
		for j, line := range cues[i].lines {
			for k, r := range line.text {
				if unicode.IsSpace(r) {
					continue
				}
				rest, found := strings.CutPrefix(label, string(r))
				if !found {
					return place{}, false
				}
				if label = rest; label == "" {
					return place{i, j, k + utf8.RuneLen(r)}, true
				}
			}
		}
	}
	return place{}, false
}

// cut removes what is said from a subtitle on up to a place.
func cut(cues []readCue, from int, end place) {
	for i := from; i <= end.cue; i++ {
		for j := range cues[i].lines {
			if i == end.cue && j == end.line {
				cues[i].lines[j].text = cues[i].lines[j].text[end.at:]
				return
			}
			cues[i].lines[j].text = ""
		}
	}
}
