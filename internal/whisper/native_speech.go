//go:build whisper && cgo

package whisper

/*
#include <stdlib.h>
#include "native.h"
*/
import "C"

import (
	"context"
	"errors"
	"slices"
	"sync"
	"unsafe"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// earful is how much is heard between two looks at whether anybody still wants to
// know: 16 s, a multiple of speechStep.
const earful = 500 * int(speechStep)

// ears are detectors of one file that nobody uses: one hears for one call at a time.
type ears struct {
	mu   sync.Mutex
	file string
	idle []*C.struct_whisper_vad_context
}

// take returns a detector of that file.
func (e *ears) take(file string, threads int) (*C.struct_whisper_vad_context, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if file != e.file {
		e.free()
		e.file = file
	}
	if last := len(e.idle) - 1; last >= 0 {
		v := e.idle[last]
		e.idle = e.idle[:last]
		return v, nil
	}
	path := C.CString(file)
	defer C.free(unsafe.Pointer(path))
	p := C.whisper_vad_default_context_params()
	p.n_threads = C.int(threads)
	p.use_gpu = false
	v := C.whisper_vad_init_from_file_with_params(path, p)
	if v == nil {
		return nil, fault.New(fault.Unavailable, "The model that detects speech cannot be loaded: its file is damaged, or there is not enough memory.").
			WithCode("model_not_loaded")
	}
	return v, nil
}

// putBack keeps a detector for the next call, unless another file has taken its place.
func (e *ears) putBack(file string, v *C.struct_whisper_vad_context) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if file != e.file {
		C.whisper_vad_free(v)
		return
	}
	e.idle = append(e.idle, v)
}

func (e *ears) free() {
	for _, v := range e.idle {
		C.whisper_vad_free(v)
	}
	e.idle = nil
}

// speech returns how likely somebody speaks in each speechStep of pcm.
func (n *native) speech(ctx context.Context, file string, pcm []int16) ([]float32, error) {
	v, err := n.ears.take(file, n.o.Threads)
	if err != nil {
		return nil, err
	}
	defer n.ears.putBack(file, v)
	C.whisper_vad_reset_state(v)
	var found []float32
	for part := range slices.Chunk(pcm, earful) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		samples := scale(make([]float32, len(part)), part)
		if !C.whisper_vad_detect_speech_no_reset(v, (*C.float)(&samples[0]), C.int(len(samples))) {
			return nil, errors.New("detect speech: whisper.cpp does not say why it cannot")
		}
		found = append(found, unsafe.Slice((*float32)(C.whisper_vad_probs(v)), int(C.whisper_vad_n_probs(v)))...)
	}
	if want := (audio.Samples(len(pcm)) + speechStep - 1) / speechStep; audio.Samples(len(found)) != want {
		return nil, errors.New("detect speech: whisper.cpp answers for another length")
	}
	return found, nil
}
