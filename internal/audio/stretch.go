package audio

import "slices"

// How speech is told from the background within a stretch that is mostly speech.
const (
	onsetFrames = 10 // looked at together: 100 ms
	onsetVoiced = 6  // … of which so many are loud
	onsetMargin = 5  // frames left before the onset, for a soft consonant
	pauseFrames = 25 // a shorter pause may be part of a word: 250 ms
	pauseShare  = 0.25
)

// Onset returns how much of the beginning of pcm, a stretch that is said to be
// speech, is only the background: until the level first stays above the middle,
// in dB, between the background and the loud frames of the stretch itself. It is 0
// where speech begins at once.
func Onset(pcm []int16) Samples {
	levels := levels(pcm)
	if len(levels) < onsetFrames {
		return 0
	}
	threshold := between(levels, 0.5)
	voiced := 0
	for i, l := range levels {
		if l > threshold {
			voiced++
		}
		if i >= onsetFrames && levels[i-onsetFrames] > threshold {
			voiced--
		}
		if voiced >= onsetVoiced {
			first := max(0, i-onsetFrames+1)
			first += slices.IndexFunc(levels[first:], func(l float32) bool { return l > threshold })
			return Samples(max(0, first-onsetMargin)) * FrameSize
		}
	}
	return 0
}

// Utterances cuts pcm, a stretch that is said to be speech, at its pauses: where the
// level stays below a quarter of the way, in dB, from the background to the loud
// frames of the stretch itself. Both ends of pcm belong to an utterance.
func Utterances(pcm []int16) []Span {
	levels := levels(pcm)
	threshold := between(levels, pauseShare)
	spans := []Span{{End: Samples(len(pcm))}}
	for i := 0; i < len(levels); i++ {
		start := i
		for i < len(levels) && levels[i] <= threshold {
			i++
		}
		if start > 0 && i < len(levels) && i-start >= pauseFrames {
			spans[len(spans)-1].End = Samples(start) * FrameSize
			spans = append(spans, Span{Samples(i) * FrameSize, Samples(len(pcm))})
		}
	}
	return spans
}

// levels returns the level of each frame.
func levels(pcm []int16) []float32 {
	found := make([]float32, 0, len(pcm)/int(FrameSize)+1)
	for frame := range slices.Chunk(pcm, int(FrameSize)) {
		found = append(found, level(frame))
	}
	return found
}

// between returns the level that lies that share of the way from the background,
// the 10th percentile, to the loud frames, the 90th, but so far above the
// background that it cannot be taken for it.
func between(levels []float32, share float32) float32 {
	if len(levels) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(levels))
	background, loud := sorted[len(sorted)/10], sorted[len(sorted)*9/10]
	return background + max(smallestRise, (loud-background)*share)
}
