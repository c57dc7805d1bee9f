package pipeline

import (
	"context"
	"errors"
	"io"
	"math"
	"slices"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// mixed is the channel of a chunk in which all channels of the recording sound.
// Those that are kept apart count from 1.
const mixed = 0

// track is the sound of one channel, or of all mixed, on its way into chunks. It
// holds no more of it than one chunk and its overlap.
type track struct {
	channel int
	cutter  *audio.Cutter
	pcm     []int16 // sound that may still become part of a chunk
	offset  audio.Samples
	reach   reach
}

// reach is what of a recording is cut.
type reach struct {
	audio.Span
	before, behind audio.Samples // sound of what lies around it that is heard as well
}

// reachOf returns all of a recording, or the range that a run is about, with a little more
// at its ends: words there are cut off, as at seams in speech.
func reachOf(t *transcription.Transcription) reach {
	if t.Range == nil {
		return reach{Span: audio.Span{End: math.MaxInt64}}
	}
	span := audio.Span{Start: audio.FromDuration(t.Range.From), End: audio.FromDuration(t.Range.To)}
	return reach{span, min(span.Start, chunkOverlap), chunkOverlap}
}

// over reports whether nothing that is still to come from position at on is heard.
func (r reach) over(at audio.Samples) bool { return at-r.behind >= r.End }

// newTrack returns a track that begins behind the chunks of its channel that were
// cut in earlier attempts.
func newTrack(channel int, o audio.CutOptions, r reach, done []Chunk) *track {
	start, overlap := r.Start, r.before
	for _, c := range done {
		if c.Channel == channel {
			start, overlap = c.End, max(0, c.To-c.End)
		}
	}
	return &track{channel: channel, cutter: audio.NewCutter(o, start, overlap), offset: start - overlap, reach: r}
}

// write takes the samples at position at, which follow those before without a gap, and
// returns the pieces that are complete by now. What is cut already is left out, but
// for the overlap.
func (k *track) write(at audio.Samples, pcm []int16) []audio.Piece {
	had := k.offset + audio.Samples(len(k.pcm))
	k.pcm = append(k.pcm, behind(pcm, had-at)...)
	own := pcm[:min(max(k.reach.End-at, 0), audio.Samples(len(pcm)))]
	return k.cutter.Write(behind(own, k.cutter.Total()-at))
}

// flush returns the pieces that are left. Who speaks at the end of a range is heard beyond it.
func (k *track) flush() []audio.Piece {
	pieces := k.cutter.Flush()
	if n := len(pieces) - 1; n >= 0 && pieces[n].End == k.reach.End && pieces[n].To == k.reach.End {
		pieces[n].To = min(k.reach.End+k.reach.behind, k.offset+audio.Samples(len(k.pcm)))
	}
	return pieces
}

// behind returns pcm without its first n samples, all of it where n is negative.
func behind(pcm []int16, n audio.Samples) []int16 {
	return pcm[min(max(n, 0), audio.Samples(len(pcm))):]
}

// sound returns that of a piece.
func (k *track) sound(p audio.Piece) []int16 { return k.pcm[p.From-k.offset : p.To-k.offset] }

// forget drops what can no longer become part of a chunk.
func (k *track) forget() {
	kept := k.cutter.Kept()
	if drop := kept - k.offset; drop > shortestChunk {
		k.pcm = append(k.pcm[:0], k.pcm[drop:]...)
		k.offset = kept
	}
}

// tracks returns those of a recording of so many channels, behind the chunks of
// earlier attempts. Had those found the channels to be the same, they still are.
func tracks(channels int, o audio.CutOptions, r reach, done []Chunk) []*track {
	if channels == 1 || slices.ContainsFunc(done, func(c Chunk) bool { return c.Channel == mixed }) {
		return []*track{newTrack(mixed, o, r, done)}
	}
	all := make([]*track, channels)
	for i := range all {
		all[i] = newTrack(i+1, o, r, done)
	}
	return all
}

// sameness tells a stereo recording of one sound from one of two. Codecs leave small
// differences between channels that were the same.
type sameness struct{ common, apart float64 }

// leastApart is how much of the sound has to be in the difference of two channels for
// them to be two: −30 dB.
const leastApart = 1e-3

func (s *sameness) hear(left, right []int16) {
	for i := range left {
		sum, difference := float64(left[i])+float64(right[i]), float64(left[i])-float64(right[i])
		s.common += sum * sum
		s.apart += difference * difference
	}
}

func (s *sameness) same() bool { return s.apart < leastApart*s.common }

// read cuts the recording, as far as its tracks reach. What is cut already is heard too, for its outline.
func (c *chunker) read(ctx context.Context, sound Recording) error {
	channels := sound.Channels()
	block := make([]byte, blockSize)
	for at := audio.Samples(0); ; {
		n, err := io.ReadFull(sound, block)
		apart := channelsOf(audio.Decode(block[:n]), channels)
		c.peaks.Write(apart)
		if werr := c.write(ctx, at, apart); werr != nil {
			return werr
		}
		at += audio.Samples(len(apart[0]))
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || err == nil && c.tracks[0].reach.over(at) {
			return c.finish(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// channelsOf takes samples that alternate between channels apart.
func channelsOf(pcm []int16, channels int) [][]int16 {
	if channels == 1 {
		return [][]int16{pcm}
	}
	apart := make([][]int16, channels)
	for i, s := range pcm[:len(pcm)-len(pcm)%channels] {
		apart[i%channels] = append(apart[i%channels], s)
	}
	return apart
}

// found is a piece of a track.
type found struct {
	*track
	audio.Piece
}

func (k *track) found(pieces []audio.Piece) []found {
	all := make([]found, len(pieces))
	for i, p := range pieces {
		all[i] = found{k, p}
	}
	return all
}

// write takes the next samples of each channel.
func (c *chunker) write(ctx context.Context, at audio.Samples, apart [][]int16) error {
	if len(c.tracks) > 1 && c.next == 0 {
		c.sameness.hear(apart[0], apart[1])
	}
	var all []found
	for i, k := range c.tracks {
		all = append(all, k.found(k.write(at, apart[i]))...)
	}
	if err := c.cut(ctx, all); err != nil {
		return err
	}
	for _, k := range c.tracks {
		k.forget()
	}
	return nil
}

// finish cuts what is left. Who has said little by then is not asked for more.
func (c *chunker) finish(ctx context.Context) error {
	var all []found
	for _, k := range c.tracks {
		all = append(all, k.found(k.flush())...)
	}
	if err := c.cut(ctx, all); err != nil {
		return err
	}
	return c.record(ctx)
}

// cut makes chunks of the pieces. Before the first, two channels that turn out to be
// the same become one: nobody wants everything twice.
func (c *chunker) cut(ctx context.Context, all []found) error {
	if len(c.tracks) > 1 && c.next == 0 && len(all) > 0 && c.sameness.same() {
		c.tracks = c.tracks[:1]
		c.tracks[0].channel = mixed
	}
	for _, f := range all {
		if !slices.Contains(c.tracks, f.track) {
			continue
		}
		if err := c.add(ctx, f); err != nil {
			return err
		}
	}
	return c.release(ctx)
}
