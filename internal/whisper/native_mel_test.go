//go:build whisper && cgo

package whisper

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"github.com/turboscribe/turboscribe/internal/audio"
)

// triangles returns filters that overlap as those of a mel scale do.
func triangles(n int) []float32 {
	weights := make([]float32, n*bins)
	for i := range n {
		middle := float64(i+1) * bins / float64(n+1)
		for k := range bins {
			weights[i*bins+k] = float32(max(0, 1-math.Abs(float64(k)-middle)*float64(n)/bins))
		}
	}
	return weights
}

// published computes a column as Whisper's preprocessing is described: short-time
// Fourier transform about a middle, the beginning mirrored, squares, filters, logarithm.
func published(samples, weights []float32, column int) []float64 {
	at := func(i int) float64 {
		if i < 0 {
			i = -i
		}
		if i >= len(samples) {
			return 0
		}
		return float64(samples[i])
	}
	power := make([]float64, bins)
	for k := range power {
		var sum complex128
		for j := range frameLength {
			window := 0.5 - 0.5*math.Cos(2*math.Pi*float64(j)/frameLength)
			turn := cmplx.Exp(complex(0, -2*math.Pi*float64(k*j%frameLength)/frameLength))
			sum += complex(window*at(column*frameStep-reach+j), 0) * turn
		}
		power[k] = real(sum)*real(sum) + imag(sum)*imag(sum)
	}
	values := make([]float64, len(weights)/bins)
	for i := range values {
		for k, p := range power {
			values[i] += p * float64(weights[i*bins+k])
		}
		values[i] = math.Log10(max(values[i], 1e-10))
	}
	return values
}

func TestFilters_spectrogram(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{audio.SampleRate * 11 / 10, audio.SampleRate + 4321, 2*audio.SampleRate + 159} {
		samples := make([]float32, n)
		for i := range samples {
			loud := math.Pow(10, -4*float64(i)/float64(n)) // down to what does not count
			samples[i] = float32(loud * (math.Sin(float64(i)*0.3) + 0.1*r.NormFloat64()))
		}
		weights := triangles(20)
		got := newFilters(weights).spectrogram(samples)
		if got.bands != 20 || got.columns != n/frameStep+3000 || got.heard != 1+(n-200)/160 || len(got.values) != got.bands*got.columns {
			t.Fatalf("%d samples: %d bands, %d columns, %d heard, %d values", n, got.bands, got.columns, got.heard, len(got.values))
		}
		want := make([][]float64, got.columns)
		loudest := math.Inf(-1)
		for i := range want {
			if i > n/frameStep+2 {
				want[i] = want[i-1] // silence
				continue
			}
			want[i] = published(samples, weights, i)
			for _, v := range want[i] {
				loudest = max(loudest, v)
			}
		}
		for i, column := range want {
			for j, v := range column {
				v = (max(v, loudest-8) + 4) / 4
				if d := math.Abs(v - float64(got.values[j*got.columns+i])); d > 1e-4 {
					t.Fatalf("%d samples, column %d, band %d: got %g, want %g", n, i, j, got.values[j*got.columns+i], v)
				}
			}
		}
	}
}

func BenchmarkFilters_spectrogram(b *testing.B) {
	f, samples := newFilters(triangles(80)), make([]float32, audio.MaxWindow)
	for i := range samples {
		samples[i] = float32(math.Sin(float64(i) * 0.01))
	}
	for b.Loop() {
		f.spectrogram(samples)
	}
}
