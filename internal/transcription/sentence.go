package transcription

import (
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// longestSegment bounds what is joined where no sentence ends, as in text
	// without punctuation.
	longestSegment = 20 * time.Second

	// sentencePause ends a segment even where no mark does: who paused where Whisper
	// ends a segment had come to the end of something. Half of the shortest pause
	// between two sentences of the demo model's recordings is 0.2 s.
	sentencePause = 250 * time.Millisecond

	// speechPause ends a segment even in its middle. The windows that are decoded have
	// no such pauses, so that Whisper may take two sentences for one.
	speechPause = time.Second
)

// abbreviations end with a full stop and no sentence with them. Letters by
// themselves, and words with a full stop inside, such as e.g., need not be here.
var abbreviations = set("mr mrs ms dr prof sr jr st messrs mme mlle vs etc al approx dept est fig inc ltd vol " +
	"bzw ca evtl ggf nr str usw vgl hr fr sra srta dña av núm pág sig dott ing dhr mevr blz")

// Sentences cuts segments anew, so that they end where sentences do, and none reaches
// over a long pause. Whisper ends them where it likes: in the middle of a sentence, or
// behind several.
//
// Words, their order and their times stay as they are. Segments are joined only
// where the same speaker goes on with the same sentence, without a long pause, and
// where both are doubted or neither is.
func Sentences(segments []Segment) []Segment {
	var found []Segment
	for _, s := range segments {
		for _, part := range sentences(s) {
			if last := len(found) - 1; last >= 0 && continues(found[last], part) {
				found[last] = join(found[last], part)
				continue
			}
			found = append(found, part)
		}
	}
	return found
}

// sentences cuts a segment behind each word that ends a sentence or is followed by a
// long pause. The first part begins and the last one ends where the segment does.
func sentences(s Segment) []Segment {
	var parts []Segment
	start := 0
	for i, w := range s.Words {
		if last := i == len(s.Words)-1; !last && !ends(w.Text) && s.Words[i+1].Start-w.End < speechPause {
			continue
		}
		part := s.withWords(s.Words[start : i+1])
		part.Confidence = confidence(part.Words)
		parts = append(parts, part)
		start = i + 1
	}
	if len(parts) < 2 {
		return []Segment{s}
	}
	parts[0].Start, parts[len(parts)-1].End = s.Start, s.End
	return parts
}

// continues reports whether b goes on with the sentence of a.
func continues(a, b Segment) bool {
	if len(a.Words) == 0 || len(b.Words) == 0 || a.Speaker != b.Speaker || a.Suspect != b.Suspect {
		return false
	}
	pause := b.Words[0].Start - a.Words[len(a.Words)-1].End
	return !ends(a.Words[len(a.Words)-1].Text) && pause < sentencePause && b.End-a.Start <= longestSegment
}

func join(a, b Segment) Segment {
	start, end := a.Start, b.End
	a = a.withWords(append(a.Words[:len(a.Words):len(a.Words)], b.Words...))
	a.Start, a.End = start, end
	a.Confidence = confidence(a.Words)
	return a
}

// confidence returns the mean of the words'.
func confidence(words []Word) (mean float64) {
	for _, w := range words {
		mean += w.Confidence / float64(len(words))
	}
	return min(mean, 1)
}

// ends reports whether a word ends a sentence. A full stop may also stand behind an
// abbreviation, an initial or a number: they end none, since a segment that goes on
// too long reads better than one that is cut in the middle.
func ends(word string) bool {
	if !endsSentence(word) {
		return false
	}
	stem, stopped := strings.CutSuffix(strings.TrimLeft(word, "\"'([«“‘"), ".")
	if !stopped {
		return true
	}
	return utf8.RuneCountInString(stem) != 1 && !strings.Contains(stem, ".") && !abbreviations[strings.ToLower(stem)] && !isNumber(stem)
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
