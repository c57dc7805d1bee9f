package transcription

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// place is a letter of subtitles.
type place struct{ cue, line, at int }

// unlabel takes the names of those who speak out of subtitles. A name with a colon stands at
// the beginning of a subtitle, and goes on over as many lines and subtitles as it needs: they
// may break within a word.
func unlabel(cues []readCue, speakers []string) {
	labels := labelsOf(speakers)
	if len(labels) == 0 {
		return
	}
	for i := range cues {
		for _, label := range labels {
			if end, ok := labeled(cues, i, label); ok {
				cut(cues, i, end)
				break
			}
		}
	}
}

// labelsOf returns names as they stand in front of what is said, without spaces, the longest
// first: one may be the beginning of another.
func labelsOf(speakers []string) (labels []string) {
	for _, name := range speakers {
		if name = squeeze(srtPlain(srtText(clean(name)))); name != "" {
			labels = append(labels, name+":")
		}
	}
	slices.SortFunc(labels, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return labels
}

// labeled reports whether what is said from a subtitle on begins with a label, and where
// that ends.
func labeled(cues []readCue, from int, label string) (end place, ok bool) {
	for i := from; i < len(cues); i++ {
		for j, line := range cues[i].lines {
			for k, r := range line {
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
				cues[i].lines[j] = cues[i].lines[j][end.at:]
				return
			}
			cues[i].lines[j] = ""
		}
	}
}
