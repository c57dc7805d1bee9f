package transcription

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/turboscribe/turboscribe/internal/audio"
)

// Part is the result of one chunk, or of one window of it, on the recording's time
// line. The piece says which tile is its own and which sound it was made from.
type Part struct {
	audio.Piece
	Channel  int // from 1; 0: all of them, mixed
	Segments []Segment
	Speech   []audio.Span
}

// shortestSegment keeps End behind Start.
const shortestSegment = 10 * time.Millisecond

// Within returns s restricted to the words whose middle lies from start up to
// but not including end, and whether anything is left. A segment without words
// is kept whole or not at all.
func (s Segment) Within(start, end time.Duration) (Segment, bool) {
	if len(s.Words) == 0 {
		middle := (s.Start + s.End) / 2
		return s, start <= middle && middle < end
	}
	words := slices.DeleteFunc(slices.Clone(s.Words), func(w Word) bool {
		middle := (w.Start + w.End) / 2
		return middle < start || middle >= end
	})
	if len(words) == len(s.Words) {
		return s, true
	}
	if len(words) == 0 {
		return Segment{}, false
	}
	return s.withWords(words), true
}

// withWords returns s with its text and times made from words, which are some of
// its own.
func (s Segment) withWords(words []Word) Segment {
	s.Words = words
	s.Text = joinWords(words)
	s.Start, s.End = words[0].Start, words[len(words)-1].End
	return s
}

func joinWords(words []Word) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 && !w.Glued {
			b.WriteByte(' ')
		}
		b.WriteString(w.Text)
	}
	return b.String()
}

// Merge joins the parts of a recording, in order, into segments that follow each
// other in time: Start never goes back, End > Start. Parts have words in common only
// where they share sound, at a seam that had to fall into speech; each of those
// words is kept once. Nothing else is dropped: a doubled word is better than a lost
// one.
func Merge(parts []Part) []Segment {
	var merged []Segment
	var before audio.Piece
	for _, p := range parts {
		found := p.Segments
		if shared(before, p.Piece) {
			merged, found = atSeam(merged, found, p.Start.Duration())
		}
		before = p.Piece
		merged = append(merged, slices.DeleteFunc(slices.Clone(found), func(s Segment) bool { return s.Text == "" })...)
	}
	slices.SortStableFunc(merged, func(a, b Segment) int { return int(a.Start - b.Start) })
	straighten(merged)
	return merged
}

// straighten makes times follow each other in place, moving as little as
// possible.
func straighten(segments []Segment) {
	var at time.Duration
	for i := range segments {
		s := &segments[i]
		s.Start = max(s.Start, at)
		s.End = max(s.End, s.Start+shortestSegment)
		if i+1 < len(segments) && segments[i+1].Start > s.Start+shortestSegment {
			s.End = min(s.End, max(segments[i+1].Start, s.Start+shortestSegment))
		}
		at = s.Start
		s.Words = straightWords(s.Words, s.Start, s.End)
	}
}

func straightWords(words []Word, start, end time.Duration) []Word {
	straight := slices.Clone(words)
	at := start
	for i := range straight {
		w := &straight[i]
		w.Start = min(max(w.Start, at), end)
		w.End = min(max(w.End, w.Start), end)
		at = w.Start
	}
	return straight
}

// Text returns the whole text of segments.
func Text(segments []Segment) string {
	var b strings.Builder
	for i, s := range segments {
		glued := len(s.Words) > 0 && s.Words[0].Glued
		if i > 0 && !glued {
			b.WriteByte(' ')
		}
		b.WriteString(s.Text)
	}
	return b.String()
}

// Cover works out the receipt of a result. Speech that two parts share counts once,
// for the part whose tile it is in.
func Cover(parts []Part, segments []Segment) Coverage {
	var c Coverage
	words := wordsOf(segments)
	for i, p := range parts {
		if i > 0 {
			c.Seams = append(c.Seams, p.Start.Duration())
		}
		for _, span := range p.Speech {
			c.addSpeech(max(span.Start, p.Start).Duration(), min(span.End, p.End).Duration(), words)
		}
	}
	for _, s := range segments {
		if s.Suspect {
			c.Suspect++
		}
	}
	return c
}

// wordsOf returns where there are words, in order: a segment may reach over a pause,
// or over speech that was not understood.
func wordsOf(segments []Segment) (words []Word) {
	for _, s := range segments {
		if len(s.Words) == 0 {
			words = append(words, Word{Start: s.Start, End: s.End})
		}
		words = append(words, s.Words...)
	}
	return words
}

// addSpeech counts a stretch of speech and what of it has words.
func (c *Coverage) addSpeech(start, end time.Duration, words []Word) {
	if start >= end {
		return
	}
	c.Speech += end - start
	first, _ := slices.BinarySearchFunc(words, start, func(w Word, at time.Duration) int { return int(w.End - at) })
	at := start
	for _, w := range words[first:] {
		if w.Start >= end {
			break
		}
		c.addGap(at, min(w.Start, end))
		c.Covered += max(0, min(w.End, end)-max(w.Start, at))
		at = max(at, min(w.End, end))
	}
	c.addGap(at, end)
}

func (c *Coverage) addGap(start, end time.Duration) {
	if end-start >= MinGap {
		c.Gaps = append(c.Gaps, Gap{start, end})
	}
}

// Fill puts segments that were found in a gap between the others. One that reaches
// into the gap ends, or begins, with its words; one that reaches across it is cut in
// two.
func Fill(segments []Segment, gap Gap, found []Segment) []Segment {
	if len(found) == 0 {
		return segments
	}
	filled := slices.Clone(found)
	for _, s := range segments {
		for _, side := range [2]Gap{{math.MinInt64, gap.Start}, {gap.Start, math.MaxInt64}} {
			part, ok := s.Within(side.Start, side.End)
			if ok && len(part.Words) > 0 {
				part = part.withWords(part.Words)
			}
			if ok {
				filled = append(filled, part)
			}
		}
	}
	return Merge([]Part{{Segments: filled}})
}

// sureLanguage is the confidence below which a detected language is doubtful: all
// others together are as likely then.
const sureLanguage = 0.5

// Warnings returns what the owner should know about a result.
func Warnings(t *Transcription, segments []Segment, c Coverage) []Warning {
	w := demoWarnings(t)
	if t.Missing > 0 {
		w = append(w, Warning{"truncated", fmt.Sprintf("The recording breaks off at %s: by its file it should be %s long. "+
			"If it should be whole, upload it again.", position(t.Duration), position(t.Duration+t.Missing))})
	}
	if t.Joined {
		w = append(w, Warning{"joined", "The file is several recordings that were put behind each other, and only the first was read, as by any player. Upload the others as files of their own."})
	}
	if t.Language != "" && t.Options.Language == "" && t.LanguageConfidence < sureLanguage {
		w = append(w, Warning{"language_unsure", fmt.Sprintf("The language was taken for %s with a confidence of %.0f %% only. "+
			"If it is another one, run this again with the right one.", LanguageName(t.Language), 100*t.LanguageConfidence)})
	}
	if t.Options.Split && len(segments) > 0 && segments[0].Speaker == "" {
		w = append(w, Warning{"not_stereo", "The recording has only one channel, or the same sound on both, so there is nothing to tell speakers apart by."})
	}
	if len(segments) == 0 {
		w = append(w, Warning{"no_speech", "No speech was found in this recording."})
	}
	if c.Suspect > 0 {
		w = append(w, Warning{"suspect", fmt.Sprintf("The engine is unsure about %d of %d segments. The JSON export marks them.", c.Suspect, len(segments))})
	}
	if len(c.Gaps) > 0 {
		w = append(w, Warning{"gaps", fmt.Sprintf("%d stretches that sound like speech have no text, the first at %s.", len(c.Gaps), position(c.Gaps[0].Start))})
	}
	return w
}

// demoWarnings says what a result of the demo model is worth.
func demoWarnings(t *Transcription) []Warning {
	if t.Model != DemoModel {
		return nil
	}
	w := []Warning{{"demo_model", "This text was made with the demo model, which knows only 634 English words of synthetic speech. " +
		"For real recordings install a Whisper model in the workers' model directory, for example with turboscribe models pull base.en for English, or small for other languages."}}
	if t.Options.Prompt != "" {
		w = append(w, Warning{"prompt_ignored", "The demo model cannot use a prompt; yours was left out."})
	}
	return w
}

// position writes a time as h:mm:ss.
func position(d time.Duration) string {
	s := int(d.Seconds())
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}
