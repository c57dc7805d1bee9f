//go:build whisper && cgo

package whisper

/*
#include "native.h"
*/
import "C"

import (
	"math"
	"runtime"
	"time"
	"unsafe"

	"github.com/turboscribe/turboscribe/internal/audio"
)

// How Whisper hears: "Robust Speech Recognition via Large-Scale Weak Supervision",
// arXiv:2212.04356, section 2.2, and the preprocessing that was published with it.
const (
	frameLength = 2 * (bins - 1)  // samples that one column of the spectrogram is made of: 25 ms
	frameStep   = 160             // between the middles of two of them
	reach       = frameLength / 2 // of a frame on both sides of its middle

	columnStep    = time.Second * frameStep / audio.SampleRate
	windowColumns = int(audio.MaxWindow) / frameStep // what a model takes at once

	faintest = 1e-10 // power; what is fainter counts as this
	tellable = 8     // powers of ten below the loudest that are told apart
	middle   = 4     // that and the next move what is left about zero
	scaling  = 4
)

// spectrogram is what a model hears of a window.
type spectrogram struct {
	bands, columns int
	heard          int       // columns of the sound; silence is behind them
	values         []float32 // all columns of the first band, then those of the next
}

// spectrogram returns the logarithmic mel spectrogram of more than reach samples, with
// half a minute of silence behind it: what the library computes by itself, but for
// rounding, in a fraction of the time.
func (f *filters) spectrogram(samples []float32) spectrogram {
	s := spectrogram{bands: f.bands(), columns: len(samples)/frameStep + windowColumns, heard: 1 + (len(samples)-reach)/frameStep}
	s.values = make([]float32, s.bands*s.columns)
	silence := float32(math.Log10(faintest))
	for i := range s.values {
		s.values[i] = silence
	}
	padded := mirrored(samples)
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&f.weights[0])
	pin.Pin(&f.spans[0])
	bank := C.ts_filters{
		bands: C.int(s.bands), faintest: faintest,
		weights: (*C.float)(unsafe.Pointer(&f.weights[0])), spans: (*C.int32_t)(unsafe.Pointer(&f.spans[0])),
	}
	sounding := (reach + len(samples) + frameStep - 1) / frameStep // columns whose frame begins before the end
	C.ts_mel((*C.float)(&padded[0]), C.int(sounding), frameStep, &bank, (*C.float)(&s.values[0]), C.int(s.columns))
	s.level()
	return s
}

// level moves logarithms of power to where a model expects them.
func (s *spectrogram) level() {
	loudest := s.values[0]
	for _, v := range s.values {
		if v > loudest {
			loudest = v
		}
	}
	least := loudest - tellable
	for i, v := range s.values {
		if v < least {
			v = least
		}
		s.values[i] = (v + middle) / scaling
	}
}

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
