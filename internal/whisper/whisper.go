// Package whisper turns speech into text with whisper.cpp.
//
// The library is linked only under the build tag "whisper"; without it Open says
// how to build with it. Weights are shared: a model is loaded once and decoded
// with one whisper state per slot. Open runs all of that in a child process, a
// second run of the same program, because a failed assertion inside ggml or a
// GPU fault ends the process it happens in: isolated it costs the windows in
// work, never the worker. Killing the child is also the only way to stop an
// encoder in the middle of a pass.
package whisper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/semaphore"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

var _ pipeline.Engine = (*Engine)(nil)

// Options is what an engine is opened with. Only ModelDir is required.
type Options struct {
	ModelDir   string // holds the files of transcription.Models
	BackendDir string // holds ggml's backends; empty: where ggml looks by itself

	// SpeechModel is the file of the model by which Speech hears; empty: the last
	// ggml-silero-*.bin in ModelDir, if there is one.
	SpeechModel string

	// Slots is how many windows are decoded at once, Threads how many threads
	// each of them computes with. 0 chooses: on a CPU as many slots as cores with
	// one thread each, because several threads wait for each other at every
	// layer; on a GPU two slots; fewer where the model that is used by default would
	// not fit the memory. Threads are lowered until all slots together fit the cores.
	Slots, Threads int

	// Weights is how the weights of a model are held: as they are in its file, or
	// packed into 8 bits each while it is loaded, which takes half the memory and on
	// a CPU a fifth less time. Empty chooses: packed on a CPU, as they are on a GPU.
	Weights string

	GPU    bool // decode on a GPU; Open fails where there is none
	Device int  // which one, counted from 0; below 0 the one with the most free memory

	// Memory is how many bytes all loaded models may take with their slots: one
	// that nobody uses is unloaded to make room for another, and a model that alone
	// needs more is refused. 0 chooses three quarters of what the machine or the
	// container has, or nine tenths of the GPU's own; below 0 there is no bound.
	Memory int64

	// IdleUnload is how long a model stays in memory after its last use. An engine
	// process without models ends as long after that, and with it what the GPU's
	// driver keeps; the next call starts another. 0 keeps both.
	IdleUnload time.Duration

	// DTW times words by dynamic time warping over the attention of the decoder,
	// which does without flash attention, rather than by their letters. Words for
	// which that gives no time share it by their letters.
	DTW bool

	// Isolated keeps the engine in a child process, whose main function must call
	// RunChild first. Otherwise the library runs in this process and may end it.
	Isolated bool

	// OnRestart is called each time the child has to be started again, with the
	// reason, one of RestartReasons. It must not block.
	OnRestart func(reason string) `json:"-"`
}

// How weights can be held.
const (
	FileWeights   = "file"
	PackedWeights = "q8_0"
)

// The reasons to start the child again.
const (
	RestartCrash   = "crash"   // it ended by itself
	RestartCancel  = "cancel"  // it was killed, because a canceled call did not end by itself
	RestartRecycle = "recycle" // it had given so many answers that another took its place
	RestartIdle    = "idle"    // it was ended, because nobody called it
)

// RestartReasons are all of them.
func RestartReasons() []string {
	return []string{RestartCrash, RestartCancel, RestartRecycle, RestartIdle}
}

// Engine decodes speech. Its methods may be called from any goroutine.
type Engine struct {
	slots  int
	models *catalog
	ear    ear
	id     string              // of the engine itself
	gate   *semaphore.Weighted // first come, first served
	host   host

	mu     sync.Mutex
	closed bool
	calls  sync.WaitGroup
}

// host is where the library runs: in this process or in a child.
type host interface {
	detect(ctx context.Context, m transcription.Model, pcm []int16) (map[string]float64, error)
	decode(ctx context.Context, m transcription.Model, o pipeline.DecodeOptions, pcm []int16) ([]transcription.Segment, error)
	speech(ctx context.Context, file string, pcm []int16) ([]float32, error) // by speechStep
	close() error
}

// Open starts an engine. It fails when the program was built without one, when
// ggml finds nothing to compute on, when the model that hears speech is damaged and,
// with GPU set, when there is no GPU of that number. The library's messages go to the logger of ctx. Models are loaded
// when they are first needed.
func Open(ctx context.Context, o Options) (*Engine, error) {
	open := openInProcess
	if o.Isolated {
		open = openRemote
	}
	h, s, err := open(ctx, o)
	if err != nil {
		return nil, err
	}
	zerolog.Ctx(ctx).Info().EmbedObject(s).Msg("speech engine is ready")
	e := newEngine(s.Options, h)
	e.id = fmt.Sprintf("whisper.cpp %s, weights %s, dtw %t", s.Library, s.Options.Weights, s.Options.DTW)
	for name, err := range e.models.refused() {
		zerolog.Ctx(ctx).Warn().Err(err).Str("model", name).Str("code", fault.Of(err).Code).Msg("model cannot be used")
	}
	if _, err := e.ear.file(); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

func newEngine(o Options, h host) *Engine {
	return &Engine{slots: o.Slots, models: newCatalog(o), ear: ear{o.ModelDir, o.SpeechModel}, gate: semaphore.NewWeighted(int64(o.Slots)), host: h}
}

// Close ends the engine after the calls in progress; cancel their contexts to
// make that soon.
func (e *Engine) Close() error {
	e.mu.Lock()
	closed := e.closed
	e.closed = true
	e.mu.Unlock()
	if closed {
		return nil
	}
	e.calls.Wait()
	return e.host.close()
}

// Slots is how many windows are decoded at once.
func (e *Engine) Slots() int { return e.slots }

// Installed returns the names of the models that can be used, lowest rank first:
// their files are there and whole, and memory suffices.
func (e *Engine) Installed() []string { return e.models.installed() }

// Sizes returns how many bytes the files of the installed models have, by name.
func (e *Engine) Sizes() map[string]int64 { return e.models.sizes() }

// Refused returns the codes of why files that are there cannot be used, by the name
// of the model.
func (e *Engine) Refused() map[string]string {
	codes := map[string]string{}
	for name, err := range e.models.refused() {
		codes[name] = fault.Of(err).Code
	}
	return codes
}

// Choose returns the installed model that does what o asks for, as
// transcription.ChooseModel does. Further faults: Invalid model_unreadable,
// model_damaged or wrong_model for its file, Invalid model_too_large for the
// memory, Unavailable no_model when there is none at all.
func (e *Engine) Choose(o transcription.Options) (transcription.Model, error) {
	return e.models.choose(o)
}

// Model returns the facts of the installed model of that name: of the default for
// an empty name. Faults are those of Choose.
func (e *Engine) Model(name string) (transcription.Model, error) {
	return e.Choose(transcription.Options{Model: name})
}

// Identity stands for all that a text depends on besides the sound and what is asked:
// the version of the library, the files of the model and of the detector of speech, and
// how words are timed. Faults are those of Choose.
func (e *Engine) Identity(model string) (string, error) {
	m, err := e.Model(model)
	if err != nil {
		return "", err
	}
	weights, err := e.models.print(m)
	if err != nil {
		return "", err
	}
	file, err := e.ear.file()
	if err != nil || file == "" {
		return e.id + ", model " + weights, err
	}
	heard, err := fingerprint(file)
	return e.id + ", model " + weights + ", speech " + heard, err
}

// Checksum returns the SHA-256 of the file of a model, in hexadecimal. It is worked out when it is
// asked for first, which takes some seconds for the largest ones. Faults are those of Choose.
func (e *Engine) Checksum(model string) (string, error) {
	m, err := e.Model(model)
	if err != nil {
		return "", err
	}
	return e.models.sum(m)
}

// Detect returns the probability of each language the model knows in a window of
// at most 30 s, by ISO 639-1 code. A model that knows only English is always sure.
// Faults are those of Decode.
func (e *Engine) Detect(ctx context.Context, model string, window []int16) (map[string]float64, error) {
	m, err := e.check(model, pipeline.DecodeOptions{}, window)
	if err != nil {
		return nil, err
	}
	if !m.Multilingual {
		return map[string]float64{"en": 1}, nil
	}
	done, err := e.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	found, err := e.host.detect(ctx, m, window)
	return among(found, m.Knows), err
}

// among shares out the probabilities among the languages that are known. The library
// also states one for a language the model has no token for: that of the token which
// stands in its place, as the one for translating does in Cantonese's.
func among(found map[string]float64, known func(language string) bool) map[string]float64 {
	sum := 0.0
	for language, p := range found {
		if known(language) {
			sum += p
		}
	}
	shared := make(map[string]float64, len(found))
	for language, p := range found {
		if known(language) && sum > 0 {
			shared[language] = p / sum
		}
	}
	return shared
}

// Speech returns where somebody speaks in pcm, of any length, as a neural detector
// hears it; ok is false when none is installed. The utterances are in order, do not
// overlap, and are relative to the start of pcm. It takes a slot as Decode does. Faults:
// Unavailable speech_model_damaged, and those of the engine that Decode has.
func (e *Engine) Speech(ctx context.Context, pcm []int16) (spans []audio.Span, ok bool, err error) {
	file, err := e.ear.file()
	if err != nil || file == "" {
		return nil, false, err
	}
	done, err := e.begin(ctx)
	if err != nil {
		return nil, false, err
	}
	defer done()
	likely := make([]float32, 0, len(pcm)/int(speechStep)+1)
	for part := range slices.Chunk(pcm, maxSpeech) {
		found, err := e.host.speech(ctx, file, part)
		if err != nil {
			return nil, false, err
		}
		likely = append(likely, found...)
	}
	return audio.Heard(likely, speechStep, audio.Samples(len(pcm))), true, nil
}

// Decode returns the segments of one window of at most 30 s, times relative to
// its start. It blocks until a slot is free, in the order of the calls. When ctx
// ends, it returns its error once the slot is free again, where the engine is
// isolated within two seconds.
//
// Text the engine doubts is decoded a second time, and the better reading is
// kept with what is still doubtful flagged. The demo model is not given the
// prompt: it has never seen one and answers with noise.
//
// Faults: those of Choose; Invalid for a window that is too long or options the
// model cannot follow; Unavailable engine_crashed, model_not_loaded, out_of_memory
// or engine_closed; Unavailable engine_interrupted when others were canceled again and
// again, which says nothing about this window; Internal otherwise.
func (e *Engine) Decode(ctx context.Context, model string, o pipeline.DecodeOptions, window []int16) ([]transcription.Segment, error) {
	m, err := e.check(model, o, window)
	if err != nil || len(window) == 0 {
		return nil, err
	}
	if m.Demo {
		o.Prompt = ""
	}
	done, err := e.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	return e.host.decode(ctx, m, o, window)
}

func (e *Engine) check(model string, o pipeline.DecodeOptions, window []int16) (transcription.Model, error) {
	m, err := e.Model(model)
	if err != nil {
		return m, err
	}
	if n := audio.Samples(len(window)); n > audio.MaxWindow {
		return m, fault.New(fault.Invalid, "A window of %v is too long to decode; at most %v are possible.",
			n.Duration(), audio.MaxWindow.Duration()).WithCode("window_too_long")
	}
	if o.Language != "" && !transcription.KnownLanguage(o.Language) {
		return m, fault.New(fault.Invalid, "%q is not a language Whisper knows.", o.Language).WithCode("unknown_language")
	}
	return m, m.Accept(transcription.Options{Language: o.Language, Translate: o.Translate})
}

// begin waits for a slot; done gives it back.
func (e *Engine) begin(ctx context.Context) (done func(), err error) {
	if !e.enter() {
		return nil, fault.New(fault.Unavailable, "The speech engine is being shut down. Try again.").WithCode("engine_closed")
	}
	if err := e.gate.Acquire(ctx, 1); err != nil {
		e.calls.Done()
		return nil, err
	}
	return func() { e.gate.Release(1); e.calls.Done() }, nil
}

// enter counts a call in, unless the engine is closed.
func (e *Engine) enter() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		e.calls.Add(1)
	}
	return !e.closed
}
