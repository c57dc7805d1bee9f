package whisper

import (
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// setup is how a host runs, as it has found its machine.
type setup struct {
	Options Options // with what was left to choose
	GPU     gpu     // that it decodes on, if it does
	Library string  // version of whisper.cpp
}

// MarshalZerologObject is what the log says when the engine is ready.
func (s setup) MarshalZerologObject(e *zerolog.Event) {
	e.Int("slots", s.Options.Slots).Int("threads", s.Options.Threads).Str("weights", s.Options.Weights).Int64("model_memory", s.Options.Memory).
		Bool("isolated", s.Options.Isolated).Bool("gpu", s.Options.GPU)
	if s.Options.GPU {
		e.Int("device", s.GPU.Number).Str("device_name", s.GPU.Name).
			Int64("device_memory", s.GPU.Total).Int64("device_memory_free", s.GPU.Free)
	}
}

// gpu is what ggml says of a GPU.
type gpu struct {
	Number      int // as the library counts, from 0
	Name        string
	Free, Total int64 // bytes of its memory; 0: not known
}

// chooseGPU returns the one of that number, or the one with the most free memory for
// a number below 0. Otherwise Unavailable no_gpu.
func chooseGPU(found []gpu, number int) (gpu, error) {
	if len(found) == 0 {
		return gpu{}, fault.New(fault.Unavailable, "There is no GPU: ggml found none. "+
			"Check the driver and ggml's GPU backend, or use the CPU worker.").WithCode("no_gpu")
	}
	if number >= len(found) {
		return gpu{}, fault.New(fault.Unavailable, "There is no GPU number %d: ggml found %d, counted from 0. "+
			"Set TS_WORKER_DEVICE to one of them, or to -1.", number, len(found)).WithCode("no_gpu")
	}
	if number >= 0 {
		return found[number], nil
	}
	best := found[0]
	for _, g := range found {
		if g.Free > best.Free {
			best = g
		}
	}
	return best, nil
}

// maxSlots bounds the slots chosen automatically: beyond it whisper.cpp was seen
// to fail, and memory bandwidth is used up long before.
const maxSlots = 8

// gpuSlots is enough to prepare one window while another is being computed.
const gpuSlots = 2

// fit fills in what was left to choose, for a machine with that many cores and
// bytes of memory, which with GPU is that of the device; 0: not known.
func (o Options) fit(cores int, memory int64) Options {
	if o.Memory == 0 {
		o.Memory = memory / 4 * 3
		if o.GPU {
			o.Memory = memory / 10 * 9
		}
	}
	if o.Weights == "" {
		o.Weights = PackedWeights
		if o.GPU {
			o.Weights = FileWeights
		}
	}
	if o.Slots <= 0 {
		o.Slots = min(cores, maxSlots)
		if o.GPU {
			o.Slots = gpuSlots
		}
		o.Slots = o.affordable()
	}
	share := max(1, cores/o.Slots)
	if o.Threads <= 0 || o.Threads > share {
		o.Threads = share
	}
	return o
}

// affordable returns how many of the slots fit the memory with the model that is
// used by default.
func (o Options) affordable() int {
	one := o
	one.Slots = 1
	m, err := newCatalog(one).choose(transcription.Options{})
	if err != nil {
		return o.Slots // nothing can be decoded with now, and Open says why
	}
	for o.Slots > 1 {
		if g, _ := newCatalog(o).look(m); g.err == nil {
			break
		}
		o.Slots--
	}
	return o.Slots
}
