package audio

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// plainPeaks goes through the whole sound for every bin.
func plainPeaks(apart [][]int16, bin int) (data []int8) {
	for from := 0; from < len(apart[0]); from += bin {
		for _, pcm := range apart {
			part := pcm[from:min(from+bin, len(pcm))]
			data = append(data, int8(slices.Min(part)/256), int8(slices.Max(part)/256))
		}
	}
	return data
}

// hiss returns so many samples of each channel, with the farthest values among them.
func hiss(r *rand.Rand, channels, n int) [][]int16 {
	apart := make([][]int16, channels)
	for i := range apart {
		apart[i] = make([]int16, n)
		for k := range apart[i] {
			apart[i][k] = int16(r.IntN(1<<16) - 1<<15)
		}
	}
	return apart
}

// TestPeaks: however the sound comes, in whatever pieces, its peaks are those of a plain
// computation over all of it; also where they were joined on the way, or are to be fewer.
func TestPeaks(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		channels, n := 1+r.IntN(2), r.IntN(60*peakBin)
		apart := hiss(r, channels, n)
		p := NewPeaks(channels)
		if seed%2 == 0 {
			p.limit = 2 << r.IntN(5)
		}
		for at := 0; at < n; {
			size := min(n-at, 1+r.IntN(3*peakBin))
			piece := make([][]int16, channels)
			for i := range piece {
				piece[i] = apart[i][at : at+size]
			}
			p.Write(piece)
			at += size
		}
		p.Flush()
		if !slices.Equal(p.Data(), plainPeaks(apart, int(p.Bin()))) {
			t.Fatalf("seed %d: the peaks of %d samples of %d channels in bins of %d are others", seed, n, channels, p.Bin())
		}
		if p.Len() >= p.limit || seed%2 == 1 && p.Bin() != peakBin {
			t.Errorf("seed %d: %d bins of %d, at most %d are allowed", seed, p.Len(), p.Bin(), p.limit)
		}
		got, err := DecodePeaks(p.Encode())
		if err != nil || got.Bin() != p.Bin() || got.Channels() != channels || !slices.Equal(got.Data(), p.Data()) {
			t.Errorf("seed %d: got %v back, %v", seed, got, err)
		}
		width := 1 + r.IntN(80)
		few := p.Fit(width)
		if few.Len() > width || few.Bin()%p.Bin() != 0 || !slices.Equal(few.Data(), plainPeaks(apart, int(few.Bin()))) {
			t.Errorf("seed %d: of %d bins that shall be %d came %d of %d", seed, p.Len(), width, few.Len(), few.Bin())
		}
	}
}

// TestPeaks_day: what a day takes is bounded, and so is what is longer.
func TestPeaks_day(t *testing.T) {
	t.Parallel()
	p := NewPeaks(1)
	minute := [][]int16{make([]int16, 60*SampleRate)}
	for range 24*60 - 1 {
		p.Write(minute)
	}
	if p.Bin() != peakBin || p.Len() != (24*60-1)*60*20 {
		t.Errorf("a day less a minute: got %d bins of %d", p.Len(), p.Bin())
	}
	for range 10 {
		p.Write(minute)
	}
	if p.Flush(); p.Bin() != 2*peakBin || p.Len() != (24*60+9)*60*10 {
		t.Errorf("a day and nine minutes: got %d bins of %d", p.Len(), p.Bin())
	}
}

// FuzzDecodePeaks: an object may be damaged.
func FuzzDecodePeaks(f *testing.F) {
	p := NewPeaks(2)
	p.Write([][]int16{{1, 2, 300}, {4, 5, -600}})
	p.Flush()
	f.Add(p.Encode())
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := DecodePeaks(b)
		if err != nil {
			return
		}
		if got := p.Encode(); !slices.Equal(got, b) {
			t.Errorf("%v became %v", b, got)
		}
		if few := p.Fit(3); few.Len() > 3 {
			t.Errorf("got %d bins", few.Len())
		}
	})
}

// BenchmarkPeaks is an hour of sound.
func BenchmarkPeaks(b *testing.B) {
	block := [][]int16{make([]int16, 1<<15)}
	const hour = 3600 * SampleRate
	for b.Loop() {
		p := NewPeaks(1)
		for range hour / len(block[0]) {
			p.Write(block)
		}
		p.Flush()
	}
	b.ReportMetric(float64(b.N)*3600/b.Elapsed().Seconds(), "x-realtime")
}
