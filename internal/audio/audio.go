// Package audio finds speech in samples and decides where to cut them.
//
// All sound inside TurboScribe is 16 kHz mono, signed 16 bit. Positions are
// integer samples, so that nothing drifts however long a recording is.
package audio

import (
	"encoding/binary"
	"io"
	"time"
)

// SampleRate is the number of samples in a second, the rate Whisper listens at.
const SampleRate = 16000

// BytesPerSample is the size of one sample of signed 16-bit sound.
const BytesPerSample = 2

// readBlock is how much Read holds besides the samples, in bytes.
const readBlock = 1 << 16

// Samples is a position on a recording's time line, or a length of it.
type Samples int64

// Seconds returns the number of samples in s seconds, rounded to the nearest.
func Seconds(s float64) Samples { return Samples(s*SampleRate + 0.5) }

// FromDuration returns the number of whole samples in d.
func FromDuration(d time.Duration) Samples {
	return Samples(d / (time.Second / SampleRate))
}

// Duration returns n as a duration. It is exact: a sample is 62.5 µs.
func (n Samples) Duration() time.Duration {
	return time.Duration(n) * (time.Second / SampleRate)
}

// Span is a stretch of a recording: from Start up to but not including End.
type Span struct{ Start, End Samples }

// Len returns the number of samples in s.
func (s Span) Len() Samples { return s.End - s.Start }

// Decode reads signed 16-bit little-endian sound. Half a sample at the end is left
// out.
func Decode(b []byte) []int16 {
	pcm := make([]int16, len(b)/BytesPerSample)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(b[i*BytesPerSample:])) //nolint:gosec // the same 16 bits, read as signed
	}
	return pcm
}

// Read fills pcm with signed 16-bit little-endian sound from r. It returns io.EOF or
// io.ErrUnexpectedEOF when there is less.
func Read(r io.Reader, pcm []int16) error {
	block := make([]byte, readBlock)
	for len(pcm) > 0 {
		b := block[:min(len(block), len(pcm)*BytesPerSample)]
		if _, err := io.ReadFull(r, b); err != nil {
			return err
		}
		pcm = pcm[copy(pcm, Decode(b)):]
	}
	return nil
}

// Encode is the inverse of Decode.
func Encode(pcm []int16) []byte {
	b := make([]byte, len(pcm)*BytesPerSample)
	for i, s := range pcm {
		binary.LittleEndian.PutUint16(b[i*BytesPerSample:], uint16(s)) //nolint:gosec // the same 16 bits, read as unsigned
	}
	return b
}
