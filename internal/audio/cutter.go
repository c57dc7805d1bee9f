package audio

// CutOptions say where a Cutter may cut.
type CutOptions struct {
	Min, Max Samples // every cut falls between these distances from the last one; Max > Min > 0
	Overlap  Samples // sound shared by both sides of a cut that falls into speech
	Window   Samples // size of the windows that pieces are packed into; 0: any
}

// minSilence is the shortest pause, in frames, that a cut may use without
// overlap.
const minSilence = 20

// quietSpan is the width, in frames, over which the quietest place is looked for
// where there is no pause.
const quietSpan = 20

// Cutter cuts a recording into pieces while it is still being decoded: in the last
// pause within reach at which a window is full, else in the longest or, where there is
// none, at the quietest place with an overlap. Pieces that hold no speech are left out, and the silence at both
// ends of a piece is not given on.
type Cutter struct {
	o      CutOptions
	det    *Detector
	frames []Frame // from start on
	start  Samples // of the piece that is being gathered
	spoken Samples // where its first sound is, when the cut before fell into speech
	total  Samples
}

// NewCutter returns a cutter whose first piece begins at from: 0, or the end of
// the last piece when cutting is taken up again. Overlap is how far that piece
// reached beyond its end, 0 if it was cut in a pause.
func NewCutter(o CutOptions, from, overlap Samples) *Cutter {
	return &Cutter{o: o, det: NewDetector(), start: from, spoken: from - overlap, total: from}
}

// Write takes the next samples and returns the pieces that are complete by now.
func (c *Cutter) Write(pcm []int16) []Piece {
	c.total += Samples(len(pcm))
	c.frames = append(c.frames, c.det.Write(pcm)...)
	var pieces []Piece
	for Samples(len(c.frames))*FrameSize >= c.o.Max {
		pieces = c.cut(pieces)
	}
	return pieces
}

// Flush ends the recording and returns the remaining pieces. The end of the last
// one is the length of the recording, unless only silence follows.
func (c *Cutter) Flush() []Piece {
	c.frames = append(c.frames, c.det.Flush()...)
	var pieces []Piece
	for Samples(len(c.frames))*FrameSize > c.o.Max {
		pieces = c.cut(pieces)
	}
	return c.emit(pieces, len(c.frames), c.total, 0)
}

// Kept returns the first sample that may still become part of a piece: all
// before it can be forgotten.
func (c *Cutter) Kept() Samples { return c.spoken }

// Total returns the number of samples written, counted from the beginning of the
// recording.
func (c *Cutter) Total() Samples { return c.total }

// cut takes one piece off the gathered frames.
func (c *Cutter) cut(pieces []Piece) []Piece {
	lo, hi := int(c.o.Min/FrameSize), int(c.o.Max/FrameSize)
	at, ok := c.full(c.frames[:hi], lo)
	if !ok {
		at, ok = pause(c.frames[:hi], lo)
	}
	if ok {
		return c.emit(pieces, at, c.start+Samples(at)*FrameSize, 0)
	}
	reach := int(c.o.Overlap / FrameSize)
	at = quietPlace(c.frames[:hi-reach], min(lo, hi-reach-quietSpan))
	return c.emit(pieces, at, c.start+Samples(at)*FrameSize, c.o.Overlap)
}

// emit ends the gathered piece at frame at, position end, and appends it unless
// it is silent.
func (c *Cutter) emit(pieces []Piece, at int, end, overlap Samples) []Piece {
	if spans := Speech(c.frames[:at], c.start, end); len(spans) > 0 {
		p := Piece{Start: c.start, End: end, From: spans[0].Start, To: spans[len(spans)-1].End}
		if c.spoken < c.start {
			p.From = c.spoken
		}
		if overlap > 0 {
			p.To = end + overlap
		}
		pieces = append(pieces, p)
	}
	c.frames = append([]Frame(nil), c.frames[at:]...)
	c.start = end
	c.spoken = end - overlap
	return pieces
}

// full returns the last place at or behind frame lo where Windows, when it packs the
// frames, is done with a window and the next one begins behind a pause. A piece that
// ends there has no window that is nearly empty, and costs as much as a full one.
func (c *Cutter) full(frames []Frame, lo int) (at int, ok bool) {
	if c.o.Window == 0 {
		return 0, false
	}
	all := Span{End: Samples(len(frames)) * FrameSize}
	w := pack(frames, 0, all, Speech(frames, 0, all.End), c.o.Window)
	runs(frames, lo, func(start, stop int) {
		for _, full := range w.windows {
			if border := int(full.End / FrameSize); stop-start >= minSilence && start < border && border < stop {
				at, ok = border, true
			}
		}
	})
	return at, ok
}

// pause returns the middle of the pause at or behind frame lo that a cut should
// use: the last of those at least half as long as the longest, so that pieces
// are as full as good cuts allow.
func pause(frames []Frame, lo int) (at int, ok bool) {
	longest := 0
	runs(frames, lo, func(start, stop int) { longest = max(longest, stop-start) })
	runs(frames, lo, func(start, stop int) {
		if n := stop - start; n >= minSilence && 2*n >= longest {
			at, ok = start+n/2, true
		}
	})
	return at, ok
}

// runs calls f for every stretch of unvoiced frames at or behind frame lo.
func runs(frames []Frame, lo int, f func(start, stop int)) {
	for i := lo; i < len(frames); i++ {
		if frames[i].Voiced {
			continue
		}
		start := i
		for i < len(frames) && !frames[i].Voiced {
			i++
		}
		f(start, i)
	}
}

// quietPlace returns the middle of the quietest quietSpan frames at or behind
// frame lo.
func quietPlace(frames []Frame, lo int) int {
	lo = max(lo, 0)
	var sum, best float64
	at := lo
	for i := lo; i < len(frames); i++ {
		sum += float64(frames[i].Level)
		if i-lo < quietSpan {
			best = sum
			at = (lo + i + 1) / 2
			continue
		}
		sum -= float64(frames[i-quietSpan].Level)
		if sum < best {
			best, at = sum, i-quietSpan/2+1
		}
	}
	return at
}
