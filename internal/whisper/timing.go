package whisper

import (
	"slices"
	"time"
	"unicode"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

const (
	// lateOnset is how far behind the start of a segment its speech has to set in
	// for the start to be wrong rather than unsure. Beyond tooLateOnset it is more
	// likely that somebody else speaks softly first.
	lateOnset    = 300 * time.Millisecond
	tooLateOnset = 2 * time.Second
)

// What a word takes to be spoken, in letters. The last one is drawn out, as people
// do at the end of a phrase.
const (
	betweenWords = 1
	digit        = 4
	drawnOut     = 1.25
)

// settle puts segments and their words where they are in the sound. Whisper takes a
// noise that begins a while before somebody speaks for the beginning of the speech,
// and only guesses at words: where timed says for a segment that it has measured when
// they begin, they end at the next one or at a pause, elsewhere they share the time
// by their letters. What has no time for its words is left as it is. Times are
// relative to pcm, the window.
func settle(segments []transcription.Segment, timed []bool, pcm []int16) []transcription.Segment {
	settled := slices.Clone(segments)
	for i := range settled {
		s := &settled[i]
		spare := s.End - s.Start - time.Duration(len(s.Words))*minWord
		if spare < 0 {
			continue
		}
		if late := audio.Onset(within(pcm, s.Start, s.End)).Duration(); late >= lateOnset && late < min(tooLateOnset, spare) {
			s.Start += late
		}
		utterances := audio.Utterances(within(pcm, s.Start, s.End))
		if len(timed) > 0 && timed[i] {
			s.Words = draw(s.Words, *s, utterances)
		} else {
			s.Words = spell(s.Words, s.Start, utterances)
		}
		fitWords(*s)
	}
	return settled
}

func within(pcm []int16, start, end time.Duration) []int16 {
	from := min(int(audio.FromDuration(start)), len(pcm))
	to := min(int(audio.FromDuration(end)), len(pcm))
	return pcm[from:max(from, to)]
}

// draw draws words out to where the next one begins, the last to the end of the
// segment, without the pause that lies between, if one does.
func draw(words []transcription.Word, s transcription.Segment, utterances []audio.Span) []transcription.Word {
	drawn := slices.Clone(words)
	for i := range drawn {
		w := &drawn[i]
		w.Start, w.End = max(w.Start, s.Start), s.End
		if i+1 < len(words) {
			w.End = max(w.Start, words[i+1].Start)
		}
		best := time.Duration(0)
		start, end := w.Start, w.End
		for _, u := range utterances {
			from, to := max(start, s.Start+u.Start.Duration()), min(end, s.Start+u.End.Duration())
			if to-from > best {
				w.Start, w.End, best = from, to, to-from
			}
		}
	}
	return drawn
}

// spell shares the time of the utterances, which are relative to start, among
// words by their length. A word that would lie across a pause is put on the side
// with the larger part of it. The shortest may come out without length.
func spell(words []transcription.Word, start time.Duration, utterances []audio.Span) []transcription.Word {
	shares, sum := shares(words)
	total := audio.Samples(0)
	for _, u := range utterances {
		total += u.Len()
	}
	spelt := slices.Clone(words)
	at := 0.0
	for i, share := range shares {
		from, to := audio.Samples(at/sum*float64(total)), audio.Samples((at+share)/sum*float64(total))
		where := locate(audio.Span{Start: from, End: to}, utterances)
		spelt[i].Start = start + where.Start.Duration().Round(time.Millisecond)
		spelt[i].End = start + where.End.Duration().Round(time.Millisecond)
		at += share
	}
	return spelt
}

// shares returns how long each word is, and all of them.
func shares(words []transcription.Word) (shares []float64, sum float64) {
	shares = make([]float64, len(words))
	for i, w := range words {
		for _, r := range w.Text {
			switch {
			case unicode.IsLetter(r):
				shares[i]++
			case unicode.IsNumber(r):
				shares[i] += digit
			}
		}
		if !w.Glued || shares[i] == 0 {
			shares[i] += betweenWords
		}
		if i == len(words)-1 {
			shares[i] *= drawnOut
		}
		sum += shares[i]
	}
	return shares, sum
}

// locate leads a position in the utterances, put next to each other, back to where
// the utterance is that holds most of it.
func locate(s audio.Span, utterances []audio.Span) audio.Span {
	best := audio.Span{Start: 1} // even a stretch without length is longer
	at := audio.Samples(0)       // of the utterance, when all are put next to each other
	for _, u := range utterances {
		from, to := max(s.Start, at), min(s.End, at+u.Len())
		if to-from > best.Len() {
			best = audio.Span{Start: u.Start + from - at, End: u.Start + to - at}
		}
		at += u.Len()
	}
	return best
}
