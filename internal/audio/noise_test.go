package audio

import (
	"maps"
	"math"
	"slices"
	"testing"
	"time"
)

// colours are ways to colour the samples of a white noise.
var colours = map[string]func() func(white float64) float64{
	"white": func() func(float64) float64 { return func(white float64) float64 { return white } },
	"brown": func() func(float64) float64 { return pole(0.99) },
	"violet": func() func(float64) float64 {
		last := 0.0
		return func(white float64) float64 {
			slope := white - last
			last = white
			return slope
		}
	},
	// The sum of three is within 0.05 dB of a slope of 3 dB an octave.
	"pink": func() func(float64) float64 {
		a, b, c := pole(0.99765), pole(0.963), pole(0.57)
		return func(white float64) float64 {
			return a(0.099*white) + b(0.2965*white) + c(1.0527*white) + 0.1848*white
		}
	},
}

func pole(at float64) func(float64) float64 {
	last := 0.0
	return func(white float64) float64 {
		last = at*last + white
		return last
	}
}

// coloured returns noise in whose samples the level is that many, by position.
func (s *sound) coloured(n Samples, colour func(float64) float64, level func(at Samples) float64) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(max(-32000, min(32000, level(Samples(i))*colour(s.r.NormFloat64()))))
	}
	return pcm
}

// The demo model heard "discuss special" and much more in swelling noise and in bursts
// of it, and was sure of it.
func TestNoise(t *testing.T) {
	t.Parallel()
	every := slices.Sorted(maps.Keys(colours))
	for _, tt := range []struct {
		name    string
		level   func(at Samples) float64
		colours []string
	}{
		{"steady", func(Samples) float64 { return 2000 }, every},
		{"swelling", func(at Samples) float64 { return 20 + 300*float64(at/SampleRate%8) }, every},
		// In a fifth of a second, the colour of brown noise is not sure enough.
		{"bursts", func(at Samples) float64 {
			if at/1600%7 < 2 {
				return 2500
			}
			return 30
		}, []string{"white", "pink", "violet"}},
	} {
		for _, colour := range tt.colours {
			t.Run(tt.name+" "+colour, func(t *testing.T) {
				t.Parallel()
				for seed := range uint64(5) {
					pcm := newSound(seed).coloured(30*SampleRate, colours[colour](), tt.level)
					if found := find(pcm); len(found) > 0 {
						t.Errorf("seed %d: speech at %v", seed, found)
					}
				}
			})
		}
	}
}

// Without a voice, what is said is in how the colour changes.
func TestNoise_whisper(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		s := newSound(seed).pause(time.Second)
		for range 3 {
			for _, resonance := range []float64{500, 4000, 1500, 6000} { // Hz
				s.pcm = append(s.pcm, s.coloured(SampleRate/8, resonator(resonance), func(Samples) float64 { return 800 })...)
			}
		}
		s.pause(time.Second)
		if found := find(s.pcm); len(found) != 1 {
			t.Errorf("seed %d: found %v, want one utterance", seed, found)
		}
	}
}

// resonator rings at a frequency, as a mouth does.
func resonator(frequency float64) func(float64) float64 {
	const radius = 0.95
	a, b := 0.0, 0.0
	turn := 2 * radius * math.Cos(2*math.Pi*frequency/float64(SampleRate))
	return func(white float64) float64 {
		a, b = white+turn*a-radius*radius*b, a
		return a
	}
}

// A cut may leave the end of a word, which is too short to be judged.
func TestNoise_short(t *testing.T) {
	t.Parallel()
	s := newSound(3)
	s.noise(2*padLength-1, 8000)
	if noise(s.pcm) {
		t.Error("less than an utterance is called noise")
	}
	s.noise(1, 8000)
	if !noise(s.pcm) {
		t.Error("noise is called speech")
	}
}

// BenchmarkNoise is the worst case: all of it is looked at.
func BenchmarkNoise(b *testing.B) {
	s := newSound(10)
	s.noise(60*SampleRate, 8000)
	b.SetBytes(int64(len(s.pcm) * BytesPerSample))
	for b.Loop() {
		noise(s.pcm)
	}
}
