package audio

import (
	"slices"
	"sort"
)

// MaxWindow is the longest window Whisper decodes at once: 30 s.
const MaxWindow Samples = 30 * SampleRate

// windowOverlap is decoded on both sides of a cut that falls into speech.
const windowOverlap Samples = SampleRate

// Window is what is decoded at once: stretches of speech, put next to each other. Of a
// pause between them their margins are left: enough to hear that a sentence has ended,
// and no silence to invent words for. Times within the window lead back to the recording
// by Origin.
type Window struct {
	Start, End Samples // as in Piece: the tile that a word's middle has to lie in
	Parts      []Part
}

// Part is a stretch of a recording inside a window.
type Part struct {
	At   Samples // where it begins within the window
	Span         // where it comes from
}

// Piece returns the window's tile and the reach of its sound.
func (w Window) Piece() Piece {
	return Piece{Start: w.Start, End: w.End, From: w.Parts[0].Start, To: w.Parts[len(w.Parts)-1].End}
}

// Len returns the length of the window, at most MaxWindow.
func (w Window) Len() Samples {
	last := w.Parts[len(w.Parts)-1]
	return last.At + last.Len()
}

// Origin returns the position in the recording of a position in the window. It
// is exact, and never goes back as at grows.
func (w Window) Origin(at Samples) Samples {
	i := sort.Search(len(w.Parts), func(i int) bool { return w.Parts[i].At > at }) - 1
	p := w.Parts[max(i, 0)]
	return min(max(p.Start+at-p.At, p.Start), p.End)
}

// PCM returns the sound of the window out of pcm, whose first sample is at
// position offset of the recording.
func (w Window) PCM(pcm []int16, offset Samples) []int16 {
	out := make([]int16, 0, w.Len())
	for _, p := range w.Parts {
		out = append(out, pcm[p.Start-offset:p.End-offset]...)
	}
	return out
}

// Windows packs the speech in a piece of a recording into windows of at most size
// samples. It returns the windows and the speech, both in order; pcm is the sound from
// p.From to p.To. Heard is where somebody speaks between those, if that is known; nil
// has it found by level, and what is noise left out.
func Windows(pcm []int16, p Piece, size Samples, heard []Span) ([]Window, []Span) {
	det := NewDetector()
	frames := append(det.Write(pcm), det.Flush()...)
	speech := heard
	if speech == nil {
		speech = slices.DeleteFunc(Speech(frames, p.From, p.To), func(s Span) bool { return noise(pcm[s.Start-p.From : s.End-p.From]) })
	}
	w := pack(frames, p.From, Span{p.Start, p.End}, speech, size)
	w.close(p.End)
	return w.windows, speech
}

// pack returns the windows that the speech of a tile fills, but for the last, which is
// still open. The first of frames begins at offset.
func pack(frames []Frame, offset Samples, tile Span, speech []Span, size Samples) *packer {
	w := &packer{size: size, start: tile.Start, tile: tile}
	for _, s := range speech {
		w.add(split(frames, offset, s, size))
	}
	return w
}

// split returns s cut into stretches of at most size: itself when it is short
// enough. The first of frames begins at offset.
func split(frames []Frame, offset Samples, s Span, size Samples) []Piece {
	if s.Len() <= size {
		return []Piece{{Start: s.Start, End: s.End, From: s.Start, To: s.End}}
	}
	first := int((s.Start - offset) / FrameSize)
	last := min(int((s.End-offset)/FrameSize), len(frames))
	c := Cutter{
		o:      CutOptions{Min: size / 2, Max: size - windowOverlap, Overlap: windowOverlap},
		det:    NewDetector(),
		frames: frames[first:last], start: s.Start, spoken: s.Start, total: s.End,
	}
	return c.Flush()
}

// packer fills windows.
type packer struct {
	size    Samples
	tile    Span    // of the piece: windows own nothing outside it
	start   Samples // of the tile of the window that is being filled
	parts   []Part
	windows []Window
}

// add puts an utterance into the present window if it fits, else into the next
// one. An utterance that had to be cut has a window for each of its pieces, since
// they share sound.
func (w *packer) add(pieces []Piece) {
	if len(pieces) > 1 {
		for _, p := range pieces {
			w.close(p.Start)
			w.put(Span{p.From, p.To})
			w.close(p.End)
		}
		return
	}
	for _, p := range pieces {
		s := Span{p.From, p.To}
		if len(w.parts) > 0 && w.filled()+s.Len() > w.size {
			w.close((w.parts[len(w.parts)-1].End + s.Start) / 2)
		}
		w.put(s)
	}
}

// filled returns how much of the window is taken.
func (w *packer) filled() Samples {
	if len(w.parts) == 0 {
		return 0
	}
	last := w.parts[len(w.parts)-1]
	return last.At + last.Len()
}

func (w *packer) put(s Span) { w.parts = append(w.parts, Part{w.filled(), s}) }

// close ends the window, and its tile at end. A window whose tile would lie
// outside the piece's is dropped: its words are the neighbour's.
func (w *packer) close(end Samples) {
	start, stop := max(w.start, w.tile.Start), min(end, w.tile.End)
	if len(w.parts) > 0 && start < stop {
		w.windows = append(w.windows, Window{Start: start, End: stop, Parts: w.parts})
	}
	w.parts = nil
	w.start = end
}
