//go:build whisper && cgo

package whisper

/*
#cgo CFLAGS: -O3
#cgo LDFLAGS: -lwhisper -lggml -lggml-base -lm
#include <stdlib.h>
#include "native.h"
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"
	"unsafe"

	bindings "github.com/ggerganov/whisper.cpp/bindings/go"
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// leastSamples is what shorter windows are filled up to with silence: the library
// decodes nothing of a second or less.
const leastSamples = audio.SampleRate * 11 / 10

// promptTokens is how much of a prompt is used, its end: half of what a decoder
// reads, less the token that announces it.
const promptTokens = 223

func linked() error { return nil }

// native is the host in this process.
type native struct {
	o        Options
	language map[string]int // ids by code
	files    *catalog
	models   *cache[*weights]
	ears     ears
	log      *os.File // where the library writes its messages
}

// openNative makes the library ready; its messages go to log as lines.
func openNative(o Options, log *os.File) (host, setup, error) {
	C.ts_log_to(C.int(log.Fd()))
	dir := C.CString(o.BackendDir)
	defer C.free(unsafe.Pointer(dir))
	if C.ts_load_backends(dir) == 0 {
		return nil, setup{}, fault.New(fault.Unavailable, "ggml found nothing to compute on in %q. "+
			"Set TS_GGML_BACKENDS to the directory with libggml-cpu-*.so.", o.BackendDir).WithCode("no_backend")
	}
	var device gpu
	memory := machineMemory()
	if o.GPU {
		var err error
		if device, err = chooseGPU(gpus(), o.Device); err != nil {
			return nil, setup{}, err
		}
		o.Device, memory = device.Number, device.Total
	}
	o = o.fit(runtime.GOMAXPROCS(0), memory)
	n := &native{o: o, language: map[string]int{}, log: log}
	for id := range bindings.Whisper_lang_max_id() + 1 {
		n.language[bindings.Whisper_lang_str(id)] = id
	}
	n.files = newCatalog(o)
	n.models = &cache[*weights]{
		load: n.load, free: (*weights).free, cost: n.cost, budget: n.files.budget,
		idle: o.IdleUnload, patience: patience, entries: map[string]*entry[*weights]{},
	}
	return n, setup{Options: o, GPU: device, Library: C.GoString(C.ts_version())}, nil
}

// gpus returns the GPUs that ggml has found.
func gpus() []gpu {
	found := make([]gpu, C.ts_gpus())
	for i := range found {
		g := C.ts_gpu_at(C.int(i))
		found[i] = gpu{Number: i, Name: C.GoString(g.name), Free: int64(g.free), Total: int64(g.total)}
	}
	return found
}

func (n *native) close() error {
	n.models.close()
	n.ears.free()
	C.ts_log_stop(C.int(n.log.Fd()))
	return nil
}

// cost returns what a model takes when it is loaded, in bytes.
func (n *native) cost(name string) (int64, error) {
	m, err := transcription.FindModel(name)
	if err != nil {
		return 0, err
	}
	file, there := n.files.look(m)
	if !there {
		return 0, transcription.NotInstalled(name, n.files.installed())
	}
	return file.cost, file.err
}

// alignment names the heads of a model whose attention follows the sound.
var alignment = map[string]uint32{
	transcription.DemoModel: C.WHISPER_AHEADS_N_TOP_MOST,
	"tiny.en":               C.WHISPER_AHEADS_TINY_EN,
	"tiny":                  C.WHISPER_AHEADS_TINY,
	"base.en":               C.WHISPER_AHEADS_BASE_EN,
	"base":                  C.WHISPER_AHEADS_BASE,
	"small.en":              C.WHISPER_AHEADS_SMALL_EN,
	"small":                 C.WHISPER_AHEADS_SMALL,
	"medium.en":             C.WHISPER_AHEADS_MEDIUM_EN,
	"medium":                C.WHISPER_AHEADS_MEDIUM,
	"large-v1":              C.WHISPER_AHEADS_LARGE_V1,
	"large-v2":              C.WHISPER_AHEADS_LARGE_V2,
	"large-v3":              C.WHISPER_AHEADS_LARGE_V3,
	"large-v3-turbo":        C.WHISPER_AHEADS_LARGE_V3_TURBO,
}

// load reads the file of a model, which was looked into for its cost.
func (n *native) load(name string) (*weights, error) {
	m, err := transcription.FindModel(name)
	if err != nil {
		return nil, err
	}
	p := C.whisper_context_default_params()
	p.use_gpu = C.bool(n.o.GPU)
	p.gpu_device = C.int(n.o.Device)
	p.flash_attn = C.bool(!n.o.DTW)
	if n.o.DTW {
		p.dtw_token_timestamps = true
		p.dtw_aheads_preset = alignment[name]
		p.dtw_n_top = 1 // of the layers, where no heads are known: of the demo model
		p.dtw_mem_size = dtwMemory
	}
	ctx, mel, err := loadFile(n.files.path(m), p, n.o.Weights == PackedWeights)
	if ctx == nil {
		return nil, fault.Wrap(err, fault.Unavailable, "The speech model %s cannot be loaded: its file is damaged, or there is not enough memory.", name).
			WithCode("model_not_loaded")
	}
	return &weights{ctx: ctx, mel: mel, unspoken: unspoken(ctx), dtw: n.o.DTW}, nil
}

// slot is a whisper state with the wish to stop it.
type slot = C.ts_slot

// weights is a loaded model with the slots made for it so far.
type weights struct {
	ctx      *C.struct_whisper_context
	mel      *filters
	unspoken []C.whisper_token
	dtw      bool // words are timed by dynamic time warping

	mu   sync.Mutex
	idle []*slot
}

func (w *weights) free() {
	for _, s := range w.idle {
		C.ts_slot_free(s)
	}
	C.whisper_free(w.ctx)
	C.ts_trim()
}

// api is the same model for the official bindings.
func (w *weights) api() *bindings.Context { return (*bindings.Context)(unsafe.Pointer(w.ctx)) }

// slot returns one that nobody uses. The engine's gate bounds how many there are.
func (w *weights) slot() (*slot, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if last := len(w.idle) - 1; last >= 0 {
		s := w.idle[last]
		w.idle = w.idle[:last]
		return s, nil
	}
	s := C.ts_slot_new(w.ctx, unsafe.SliceData(w.unspoken), C.int(len(w.unspoken)))
	if s == nil {
		return nil, fault.New(fault.Unavailable, "There is not enough memory to decode with this model. Use fewer slots or a smaller model.").
			WithCode("out_of_memory")
	}
	return s, nil
}

func (w *weights) putBack(s *slot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.idle = append(w.idle, s)
}

// with calls f with a model and a slot of it, which ctx stops.
func (n *native) with(ctx context.Context, m transcription.Model, f func(*weights, *slot) error) error {
	w, done, err := n.models.use(ctx, m.Name)
	if err != nil {
		return err
	}
	defer done()
	s, err := w.slot()
	if err != nil {
		return err
	}
	defer w.putBack(s)
	C.ts_slot_stop(s, false)
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		C.ts_slot_stop(s, true)
	})
	err = f(w, s)
	if !stop() {
		<-stopped // or the flag would be set on the next user of the slot
		return ctx.Err()
	}
	return err
}

func (n *native) detect(ctx context.Context, m transcription.Model, pcm []int16) (found map[string]float64, err error) {
	samples := floats(pcm)
	err = n.with(ctx, m, func(w *weights, s *slot) error {
		if _, err := w.hear(s, samples); err != nil {
			return err
		}
		state, threads := C.ts_slot_state(s), C.int(n.o.Threads)
		probabilities := make([]C.float, len(n.language))
		if code := C.whisper_lang_auto_detect_with_state(w.ctx, state, 0, threads, &probabilities[0]); code < 0 {
			return fmt.Errorf("detect the language of a window: whisper.cpp answers %d", int(code))
		}
		found = make(map[string]float64, len(n.language))
		for code, id := range n.language {
			found[code] = float64(probabilities[id])
		}
		return nil
	})
	return found, err
}

func (n *native) decode(ctx context.Context, m transcription.Model, o pipeline.DecodeOptions, pcm []int16) (found []transcription.Segment, err error) {
	length := audio.Samples(len(pcm)).Duration()
	err = n.with(ctx, m, func(w *weights, s *slot) error {
		r, err := transcribe(func(from time.Duration, temperature float32) ([]passage, error) {
			p, err := n.params(w, m, o, temperature)
			if err != nil {
				return nil, err
			}
			return w.decode(s, p, o.Prompt, floats(within(pcm, from, length)))
		}, length)
		found = settle(r.segments, r.timed, pcm)
		return err
	})
	return found, err
}

// decode lets the library decode once. The prompt stands before each stretch that it
// decodes of the window, and nothing else does: where there is room behind the prompt
// it fills that with its own text of the stretch before.
func (w *weights) decode(s *slot, p bindings.Params, prompt string, samples []float32) ([]passage, error) {
	var text *C.char
	if prompt != "" {
		text = C.CString(prompt)
		defer C.free(unsafe.Pointer(text))
		p.SetCarryInitialPrompt(true)
		p.SetMaxContext(1 + min(int(C.whisper_token_count(w.ctx, text)), promptTokens))
	}
	if w.dtw {
		samples = append(samples, make([]float32, C.TS_WARP_SILENCE)...)
	}
	heard, err := w.hear(s, samples)
	if err != nil {
		return nil, err
	}
	p.SetDuration(heard * int(columnStep.Milliseconds()))
	if code := C.ts_decode(w.ctx, s, (*C.struct_whisper_full_params)(unsafe.Pointer(&p)), text,
		C.int(len(samples)), C.bool(w.dtw)); code != 0 {
		return nil, fmt.Errorf("decode a window: whisper.cpp answers %d", int(code))
	}
	return w.passages(s), nil
}

// hear gives a slot the spectrogram of samples, and returns how many of its columns are
// not the silence behind them.
func (w *weights) hear(s *slot, samples []float32) (columns int, err error) {
	heard := w.mel.spectrogram(samples)
	if C.whisper_set_mel_with_state(w.ctx, C.ts_slot_state(s), (*C.float)(&heard.values[0]), C.int(heard.columns), C.int(heard.bands)) != 0 {
		return 0, errors.New("the model takes another spectrogram")
	}
	return heard.heard, nil
}

// params sets what differs from whisper.cpp's defaults. Nothing is carried from
// window to window, or within one: a wrong word would breed others.
func (n *native) params(w *weights, m transcription.Model, o pipeline.DecodeOptions, temperature float32) (bindings.Params, error) {
	p := w.api().Whisper_full_default_params(bindings.SAMPLING_GREEDY)
	p.SetThreads(n.o.Threads)
	p.SetPrintProgress(false)
	p.SetPrintTimestamps(false)
	p.SetNoContext(true)
	p.SetMaxContext(0)
	p.SetTemperature(temperature)
	p.SetTemperatureFallback(0) // what is doubtful is decoded again by transcribe
	p.SetTranslate(o.Translate)
	language := -1
	switch {
	case !m.Multilingual:
		language = n.language["en"]
	case o.Language != "":
		language = n.language[o.Language]
	}
	return p, p.SetLanguage(language)
}

// passages copies the result of a decode.
func (w *weights) passages(s *slot) []passage {
	state := C.ts_slot_state(s)
	firstSpecial := w.api().Whisper_token_eot()
	found := make([]passage, C.whisper_full_n_segments_from_state(state))
	for i := range found {
		found[i].start = centiseconds(C.whisper_full_get_segment_t0_from_state(state, C.int(i)))
		found[i].end = centiseconds(C.whisper_full_get_segment_t1_from_state(state, C.int(i)))
		for j := range C.whisper_full_n_tokens_from_state(state, C.int(i)) {
			t := C.ts_token_at(w.ctx, s, C.int(i), j)
			if bindings.Token(t.id) >= firstSpecial {
				continue
			}
			found[i].tokens = append(found[i].tokens, token{
				text: C.GoString(t.text), start: centiseconds(t.dtw), end: centiseconds(t.dtw),
				p: float64(t.p), logprob: float64(t.plog),
			})
		}
	}
	return found
}

func centiseconds[T ~int64](n T) time.Duration { return time.Duration(n) * 10 * time.Millisecond }

// floats converts samples to what the library takes, and fills up with silence
// what it would find too short.
func floats(pcm []int16) []float32 { return scale(make([]float32, max(len(pcm), leastSamples)), pcm) }

// scale writes samples as the library takes them.
func scale(into []float32, pcm []int16) []float32 {
	for i, s := range pcm {
		into[i] = float32(s) / 32768
	}
	return into
}

// inProcess is native with a reader for its messages.
type inProcess struct {
	*native
	read sync.WaitGroup
	in   *os.File
}

func openInProcess(ctx context.Context, o Options) (host, setup, error) {
	in, out, err := os.Pipe()
	if err != nil {
		return nil, setup{}, fmt.Errorf("make a pipe for the engine's messages: %w", err)
	}
	p := &inProcess{in: in}
	p.read.Go(func() { readLog(in, zerolog.Ctx(ctx), &tail{}) })
	h, s, err := openNative(o, out)
	if err != nil {
		C.ts_log_stop(C.int(out.Fd()))
		return nil, setup{}, errors.Join(err, p.end(out))
	}
	p.native = h.(*native) //nolint:errcheck,forcetypeassert // that is what openNative returns
	return p, s, nil
}

func (p *inProcess) close() error {
	return errors.Join(p.native.close(), p.end(p.log))
}

// end closes the pipe and waits for its reader.
func (p *inProcess) end(out *os.File) error {
	err := out.Close()
	p.read.Wait()
	return errors.Join(err, p.in.Close())
}
