package whisper

import (
	"math"
	"time"

	"gonum.org/v1/gonum/dsp/fourier"

	"github.com/turboscribe/turboscribe/internal/audio"
)

// How Whisper hears: "Robust Speech Recognition via Large-Scale Weak Supervision",
// arXiv:2212.04356, section 2.2, and the preprocessing that was published with it.
const (
	frameLength = 400               // samples that one column of the spectrogram is made of: 25 ms
	frameStep   = 160               // between the middles of two of them
	reach       = frameLength / 2   // of a frame on both sides of its middle
	bins        = 1 + frameLength/2 // frequencies

	columnStep    = time.Second * frameStep / audio.SampleRate
	windowColumns = int(audio.MaxWindow) / frameStep // what a model takes at once

	faintest = 1e-10 // power; what is fainter counts as this
	tellable = 8     // powers of ten below the loudest that are told apart
	middle   = 4     // that and the next move what is left about zero
	scaling  = 4
)

// filters sum up frequencies to the bands of the mel scale.
type filters struct{ bands []band }

// band is one of them: only a few neighbouring frequencies count.
type band struct {
	first   int
	weights []float64
}

// newFilters takes the weights of all frequencies in the first band, then those in the next.
func newFilters(weights []float32) *filters {
	f := &filters{bands: make([]band, len(weights)/bins)}
	for i := range f.bands {
		row := weights[i*bins : (i+1)*bins]
		b := band{}
		for b.first < len(row) && row[b.first] == 0 {
			b.first++
		}
		for k := b.first; k < len(row); k++ {
			b.weights = append(b.weights, float64(row[k]))
		}
		for len(b.weights) > 0 && b.weights[len(b.weights)-1] == 0 {
			b.weights = b.weights[:len(b.weights)-1]
		}
		f.bands[i] = b
	}
	return f
}

// spectrogram is what a model hears of a window.
type spectrogram struct {
	bands, columns int
	heard          int       // columns of the sound; silence is behind them
	values         []float32 // all columns of the first band, then those of the next
}

// spectrogram returns the logarithmic mel spectrogram of more than reach samples, with
// half a minute of silence behind it: what the library computes by itself, but for
// rounding, in a third of the time.
func (f *filters) spectrogram(samples []float32) spectrogram {
	s := spectrogram{bands: len(f.bands), columns: len(samples)/frameStep + windowColumns, heard: 1 + (len(samples)-reach)/frameStep}
	s.values = make([]float32, s.bands*s.columns)
	for i := range s.values {
		s.values[i] = float32(math.Log10(faintest))
	}
	padded := mirrored(samples)
	fft, frame, spectrum, power := fourier.NewFFT(frameLength), make([]float64, frameLength), make([]complex128, bins), make([]float64, bins)
	loudest := math.Log10(faintest)
	for i := 0; i*frameStep < reach+len(samples); i++ {
		for k := range frame {
			frame[k] = hann[k] * float64(padded[i*frameStep+k])
		}
		for k, c := range fft.Coefficients(spectrum, frame) {
			power[k] = real(c)*real(c) + imag(c)*imag(c)
		}
		for j, b := range f.bands {
			v := math.Log10(max(b.sum(power), faintest))
			loudest = max(loudest, v)
			s.values[j*s.columns+i] = float32(v)
		}
	}
	for i, v := range s.values {
		s.values[i] = (max(v, float32(loudest-tellable)) + middle) / scaling
	}
	return s
}

func (b band) sum(power []float64) (sum float64) {
	for k, p := range power[b.first : b.first+len(b.weights)] {
		sum += b.weights[k] * p
	}
	return sum
}

// hann is the window of a frame.
var hann = func() (w [frameLength]float64) {
	for i := range w {
		w[i] = 0.5 * (1 - math.Cos(2*math.Pi*float64(i)/frameLength))
	}
	return w
}()

// mirrored returns samples with their beginning mirrored before it, so that the first
// frame has a middle, and silence behind them that the last ones reach into.
func mirrored(samples []float32) []float32 {
	padded := make([]float32, reach+len(samples)+frameLength)
	for i := range reach {
		padded[i] = samples[reach-i]
	}
	copy(padded[reach:], samples)
	return padded
}
