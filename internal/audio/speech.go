package audio

// How frames make utterances.
const (
	bridge    = 20 // frames: a shorter pause does not end an utterance
	shortest  = 3  // frames: anything shorter is a click
	padding   = 15 // frames kept before and behind an utterance
	padLength = padding * FrameSize
)

// Speech returns the utterances among frames, in order and without overlap, with
// a little of the silence around each. The first frame begins at offset and the
// last ends at end.
func Speech(frames []Frame, offset, end Samples) []Span {
	var spans []Span
	for start := 0; start < len(frames); {
		if !frames[start].Voiced {
			start++
			continue
		}
		stop, voiced := utterance(frames, start)
		if voiced >= shortest {
			spans = append(spans, Span{offset + Samples(start)*FrameSize, min(end, offset+Samples(stop)*FrameSize)})
		}
		start = stop
	}
	return pad(spans, Span{offset, end})
}

// How likely speech is where an utterance begins, and below what it may end: who is
// in the middle of a word is given the benefit of the doubt.
const (
	likelyBegins = 0.5
	likelyEnds   = 0.35
)

// Heard is Speech for length samples of which a detector has said, for every step, how
// likely somebody speaks. It is never nil.
func Heard(likely []float32, step, length Samples) []Span {
	frames := make([]Frame, (length+FrameSize-1)/FrameSize)
	voiced := false
	for i := range frames {
		p := likely[min(Samples(i)*FrameSize/step, Samples(len(likely)-1))]
		voiced = p >= likelyBegins || voiced && p >= likelyEnds
		frames[i].Voiced = voiced
	}
	return Speech(frames, 0, length)
}

// utterance returns where the one that begins at start stops, and how many of
// its frames are voiced.
func utterance(frames []Frame, start int) (stop, voiced int) {
	stop = start
	for i := start; i < len(frames) && i-stop < bridge; i++ {
		if frames[i].Voiced {
			voiced++
			stop = i + 1
		}
	}
	return stop, voiced
}

// pad widens each span, by at most half the pause to its neighbour.
func pad(spans []Span, within Span) []Span {
	padded := make([]Span, len(spans))
	for i, s := range spans {
		before, behind := s.Start-within.Start, within.End-s.End
		if i > 0 {
			before = (s.Start - spans[i-1].End) / 2
		}
		if i+1 < len(spans) {
			behind = (spans[i+1].Start - s.End) / 2
		}
		padded[i] = Span{s.Start - min(before, padLength), s.End + min(behind, padLength)}
	}
	return padded
}
