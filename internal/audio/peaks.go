package audio

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	// peakBin is how much sound one bin of peaks stands for: there are 20 in a second.
	peakBin = SampleRate / 20
	// maxPeakBins bounds what peaks take, 2 bytes a bin and channel: as many as a day has.
	// What is longer has longer bins.
	maxPeakBins = 24 * 60 * 60 * SampleRate / peakBin
	// peakScale is what a sample is divided by, so that it fits into 8 bits.
	peakScale = 256
)

// Peaks is the outline of a recording: how far the sound goes down and up in each of many
// bins of the same length. It is what audiowaveform calls waveform data of 8 bits.
type Peaks struct {
	channels int
	bin      Samples
	data     []int8 // lowest and highest of each channel, bin by bin

	limit     int // bins
	low, high []int16
	filled    Samples // of the bin that low and high are of
}

// NewPeaks returns the peaks of nothing yet.
func NewPeaks(channels int) *Peaks {
	return &Peaks{channels: channels, bin: peakBin, limit: maxPeakBins, low: make([]int16, channels), high: make([]int16, channels)}
}

// Channels is how many there are.
func (p *Peaks) Channels() int { return p.channels }

// Bin is the length of a bin.
func (p *Peaks) Bin() Samples { return p.bin }

// Len is the number of bins.
func (p *Peaks) Len() int { return len(p.data) / (2 * p.channels) }

// Data is the lowest and the highest value of each channel in turn, bin by bin, −128 to 127.
func (p *Peaks) Data() []int8 { return p.data }

// Write takes the next samples of each channel, of which there are as many in each.
func (p *Peaks) Write(apart [][]int16) {
	for at, total := 0, len(apart[0]); at < total; {
		n := min(total-at, int(p.bin-p.filled))
		for i, pcm := range apart {
			p.hear(i, pcm[at:at+n])
		}
		at += n
		if p.filled += Samples(n); p.filled == p.bin {
			p.Flush()
		}
	}
}

func (p *Peaks) hear(channel int, pcm []int16) {
	low, high := p.low[channel], p.high[channel]
	if p.filled == 0 {
		low, high = pcm[0], pcm[0]
	}
	for _, s := range pcm {
		low, high = min(low, s), max(high, s)
	}
	p.low[channel], p.high[channel] = low, high
}

// Flush ends the last bin where it is. It is called once, when there is no more to come.
func (p *Peaks) Flush() {
	if p.filled == 0 {
		return
	}
	p.filled = 0
	for i := range p.channels {
		p.data = append(p.data, int8(p.low[i]/peakScale), int8(p.high[i]/peakScale)) //nolint:gosec // G115: 16 bits less 8
	}
	if p.Len() >= p.limit {
		p.bin, p.data = 2*p.bin, p.joined(2)
	}
}

// Fit returns peaks of at most that many bins, each of as many as it takes.
func (p *Peaks) Fit(width int) *Peaks {
	n := max(1, (p.Len()+width-1)/width)
	return &Peaks{channels: p.channels, bin: p.bin * Samples(n), data: p.joined(n)}
}

// joined returns the data of bins that are n of the present ones. The peak of what is joined
// is that of its parts: nothing is lost by doing it in several steps.
func (p *Peaks) joined(n int) []int8 {
	step := 2 * p.channels
	all := make([]int8, 0, (p.Len()+n-1)/n*step)
	for first := 0; first < len(p.data); first += n * step {
		last := min(first+n*step, len(p.data))
		for c := 0; c < step; c += 2 {
			low, high := p.data[first+c], p.data[first+c+1]
			for at := first + c; at < last; at += step {
				low, high = min(low, p.data[at]), max(high, p.data[at+1])
			}
			all = append(all, low, high)
		}
	}
	return all
}

// The header of waveform data, version 2: version, flags (1: 8 bits), sample rate, samples
// of a bin, bins and channels, 32 bits each, little-endian.
const (
	peaksVersion = 2
	peaksFlags   = 1
	peaksHeader  = 24
)

// Encode returns waveform data as audiowaveform has it in its binary form, version 2.
func (p *Peaks) Encode() []byte {
	b := make([]byte, 0, peaksHeader+len(p.data))
	for _, v := range []int{peaksVersion, peaksFlags, SampleRate, int(p.bin), p.Len(), p.channels} {
		b = binary.LittleEndian.AppendUint32(b, uint32(v)) //nolint:gosec // G115: all are small
	}
	for _, v := range p.data {
		b = append(b, byte(v)) //nolint:gosec // G115: the same 8 bits, read as unsigned
	}
	return b
}

// DecodePeaks is the inverse of Encode.
func DecodePeaks(b []byte) (*Peaks, error) {
	if len(b) < peaksHeader {
		return nil, errors.New("decode peaks: the header is missing")
	}
	var h [peaksHeader / 4]int64
	for i := range h {
		h[i] = int64(binary.LittleEndian.Uint32(b[4*i:]))
	}
	body := b[peaksHeader:]
	if h[0] != peaksVersion || h[1] != peaksFlags || h[2] != SampleRate || h[3] < 1 || h[5] < 1 || h[5] > 2 || h[4]*h[5]*2 != int64(len(body)) {
		return nil, fmt.Errorf("decode peaks: %v is no header of %d bytes", h, len(body))
	}
	p := &Peaks{bin: Samples(h[3]), channels: int(h[5]), data: make([]int8, len(body))}
	for i, v := range body {
		p.data[i] = int8(v) //nolint:gosec // G115: the same 8 bits, read as signed
	}
	return p, nil
}
