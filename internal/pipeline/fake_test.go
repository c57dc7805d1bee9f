package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/pipeline/pipelinetest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// world is everything a worker talks to, in memory. A recording is sound in which
// every word is a burst whose loudness is its number, so that what was heard can
// be compared with what was said.
type world struct {
	*pipelinetest.Memory
	mu     sync.Mutex
	blobs  map[string][]byte
	queue  []pipeline.Step
	epoch  string
	breaks func(call string) error // asked before every call that may fail
	hangs  string                  // the call that does not answer
	onPut  func(key string) error  // called by Put before it stores

	decoded audio.Samples // by the engine, in all
	windows []int         // lengths
	models  []transcription.Model
	probs   []map[string]float64                                                        // answers of Detect, in turn
	missing time.Duration                                                               // of every recording
	hears   func(pcm []int16) []audio.Span                                              // what Speech answers; nil: it cannot
	onWord  func()                                                                      // called during Decode
	onCall  func(context.Context)                                                       // called at the beginning of Decode
	onFound func(window []int16, found []transcription.Segment) []transcription.Segment // what Decode makes of what it has found
	release string                                                                      // of the engine
	stereo  int                                                                         // 2: recordings have two channels, sample by sample

	dispatcher *pipeline.Dispatcher
	pipeline   *pipeline.Pipeline
	reconciler *pipeline.Reconciler
}

func newWorld(t *testing.T, o pipeline.Options) *world {
	t.Helper()
	w := &world{Memory: pipelinetest.NewMemory(), blobs: map[string][]byte{}, epoch: "1", breaks: func(string) error { return nil }}
	w.models = []transcription.Model{{Name: "small", Multilingual: true, Translates: true}}
	w.dispatcher = pipeline.NewDispatcher(w.Memory, queue{w}, 0)
	w.pipeline = pipeline.New(w.dispatcher, w.Memory, blobs{w}, media{w}, engine{w}, o)
	w.reconciler = pipeline.NewReconciler(w.dispatcher, w.Memory, queue{w}, queue{w}, blobs{w})
	return w
}

func (w *world) fails(call string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.breaks(call)
}

// answers waits for ctx if it is this call that does not answer.
func (w *world) answers(ctx context.Context, call string) error {
	if w.hangs != call {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

// speech is a recording and the truth about it.
type speech struct {
	pcm   []int16
	words []transcription.Word
}

const (
	faintest = 2000 // loudness of word 0
	louder   = 10   // of each further word
)

// say makes a recording of n words with random pauses, none shorter than
// shortest; some are several seconds long.
func say(seed uint64, n int, shortest time.Duration) *speech {
	r := rand.New(rand.NewPCG(seed, 7))
	s := &speech{}
	s.silence(time.Second)
	for i := range n {
		start := audio.Samples(len(s.pcm))
		for j := range audio.Seconds(0.2 + 0.3*r.Float64()) {
			s.pcm = append(s.pcm, int16((faintest+louder*i)*(1-2*int(j/40%2))))
		}
		end := audio.Samples(len(s.pcm))
		s.words = append(s.words, transcription.Word{Text: fmt.Sprintf("w%d", i), Start: start.Duration(), End: end.Duration()})
		s.silence(shortest + time.Duration(r.IntN(300))*time.Millisecond)
		if r.IntN(15) == 0 {
			s.silence(time.Duration(2+r.IntN(9)) * time.Second)
		}
	}
	return s
}

func (s *speech) silence(d time.Duration) {
	s.pcm = append(s.pcm, make([]int16, audio.FromDuration(d))...)
}

func (s *speech) text() string {
	texts := make([]string, len(s.words))
	for i, w := range s.words {
		texts[i] = w.Text
	}
	return strings.Join(texts, " ")
}

// upload puts a recording into the world as the API does.
func (w *world) upload(t *testing.T, s *speech) *transcription.Transcription {
	t.Helper()
	tr := pipelinetest.NewTranscription(t, uuid.New())
	b := make([]byte, 0, 2*len(s.pcm))
	for _, v := range s.pcm {
		b = append(b, byte(v), byte(v>>8))
	}
	w.mu.Lock()
	w.blobs[tr.File.Key] = b
	w.mu.Unlock()
	if err := w.CreateTranscription(t.Context(), tr); err != nil {
		t.Fatal(err)
	}
	return tr
}

// drain does the queue's tasks, each several times, until none is left, and lets
// the reconciler look after what did not move.
func (w *world) drain(t *testing.T, deliveries int) {
	t.Helper()
	ctx := zerolog.Nop().WithContext(t.Context())
	for range 400 {
		if _, err := w.reconciler.Reconcile(ctx); err != nil && !errors.Is(err, errBroken) {
			t.Fatal(err)
		}
		for s, ok := w.take(); ok; s, ok = w.take() {
			for range deliveries {
				if err := w.pipeline.Do(ctx, s); err != nil && !errors.Is(err, errBroken) {
					t.Fatal(err)
				}
			}
		}
		if w.settled() {
			if _, err := w.reconciler.Reconcile(ctx); err != nil && !errors.Is(err, errBroken) {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatal("the world does not come to rest")
}

func (w *world) take() (pipeline.Step, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		return pipeline.Step{}, false
	}
	s := w.queue[0]
	w.queue = w.queue[1:]
	return s, true
}

// settled reports whether every run is over, and every range.
func (w *world) settled() bool {
	for _, id := range w.IDs() {
		ranges, _ := w.Ranges(context.Background(), uuid.Nil, id, 0, 0)
		if !w.Transcription(id).Status.Final() || slices.ContainsFunc(ranges, func(r transcription.Range) bool { return !r.Status.Final() }) {
			return false
		}
	}
	return true
}

var errBroken = fault.New(fault.Unavailable, "It does not answer.")

type queue struct{ *world }

func (q queue) Enqueue(_ context.Context, s pipeline.Step) error {
	if err := q.fails("Enqueue"); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.queue = append(q.queue, s)
	return nil
}

func (q queue) Holds(ctx context.Context, s pipeline.Step) (bool, error) {
	if err := errors.Join(q.fails("Holds"), q.answers(ctx, "Holds")); err != nil {
		return false, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Contains(q.queue, s), nil
}

func (q queue) Epoch(ctx context.Context) (string, error) { return q.epoch, q.answers(ctx, "Epoch") }

type blobs struct{ *world }

func (b blobs) Open(_ context.Context, key string) (io.ReadCloser, int64, error) {
	if err := b.fails("Open"); err != nil {
		return nil, 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	body, ok := b.blobs[key]
	if !ok {
		return nil, 0, fault.New(fault.NotFound, "There is no object %s.", key)
	}
	return io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
}

func (b blobs) Put(_ context.Context, key string, body []byte) error {
	if err := b.fails("Put"); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.onPut != nil {
		if err := b.onPut(key); err != nil {
			return err
		}
	}
	b.blobs[key] = body
	return nil
}

func (b blobs) DeletePrefix(ctx context.Context, prefix string) error {
	if err := errors.Join(b.fails("DeletePrefix"), b.answers(ctx, "DeletePrefix")); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for key := range b.blobs {
		if strings.HasPrefix(key, prefix) {
			delete(b.blobs, key)
		}
	}
	return nil
}

type media struct{ *world }

func (m media) Listen(_ context.Context, r io.Reader, channels int) (pipeline.Recording, error) {
	if err := m.fails("Listen"); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	channels = min(channels, max(m.stereo, 1))
	length := (audio.Samples(len(b)/channels) / audio.BytesPerSample).Duration() + m.missing
	return &recording{Reader: bytes.NewReader(b), channels: channels, length: length, missing: m.missing}, nil
}

type recording struct {
	*bytes.Reader
	channels        int
	length, missing time.Duration
}

func (r *recording) Channels() int           { return r.channels }
func (r *recording) Duration() time.Duration { return r.length }
func (r *recording) Missing() time.Duration  { return r.missing }
func (r *recording) Joined() bool            { return false }
func (r *recording) Close() error            { return nil }

type engine struct{ *world }

func (engine) Slots() int { return 2 }

func (e engine) Choose(o transcription.Options) (transcription.Model, error) {
	names := make([]string, len(e.models))
	for i, m := range e.models {
		names[i] = m.Name
	}
	return transcription.ChooseModel(o, names)
}

func (e engine) Model(name string) (transcription.Model, error) {
	for _, m := range e.models {
		if m.Name == name || name == "" {
			return m, nil
		}
	}
	return transcription.Model{}, transcription.NotInstalled(name, nil)
}

func (e engine) Identity(model string) (string, error) { return model + e.release, e.fails("Identity") }

func (engine) Checksum(model string) (string, error) { return "sum of " + model, nil }

func (e engine) Detect(_ context.Context, _ string, _ []int16) (map[string]float64, error) {
	if err := e.fails("Detect"); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.probs) == 0 {
		return map[string]float64{"en": 1}, nil
	}
	p := e.probs[0]
	e.probs = e.probs[1:]
	return p, nil
}

// Speech hears what the world says it hears.
func (e engine) Speech(_ context.Context, pcm []int16) ([]audio.Span, bool, error) {
	if err := e.fails("Speech"); err != nil {
		return nil, false, err
	}
	if e.hears == nil {
		return nil, false, nil
	}
	return e.hears(pcm), true, nil
}

// Decode hears the bursts. Like Whisper it makes a segment of a few words.
func (e engine) Decode(ctx context.Context, _ string, o pipeline.DecodeOptions, window []int16) ([]transcription.Segment, error) {
	if err := e.fails("Decode"); err != nil {
		return nil, err
	}
	if o.Language == "" {
		return nil, errors.New("decoding without a language")
	}
	if e.onCall != nil {
		e.onCall(ctx)
	}
	e.mu.Lock()
	e.decoded += audio.Samples(len(window))
	e.windows = append(e.windows, len(window))
	e.mu.Unlock()
	var segments []transcription.Segment
	words := hear(window)
	for group := range slices.Chunk(words, 7) {
		if e.onWord != nil {
			e.onWord()
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		s := transcription.Segment{Start: group[0].Start, End: group[len(group)-1].End, Words: group, Confidence: 0.9}
		for i, w := range group {
			if i > 0 {
				s.Text += " "
			}
			s.Text += w.Text
		}
		segments = append(segments, s)
	}
	if e.onFound != nil {
		segments = e.onFound(window, segments)
	}
	return segments, nil
}

func hear(pcm []int16) (words []transcription.Word) {
	for i := 0; i < len(pcm); i++ {
		if pcm[i] == 0 {
			continue
		}
		start, loud := i, max(int(pcm[i]), -int(pcm[i]))
		for i < len(pcm) && pcm[i] != 0 {
			i++
		}
		words = append(words, transcription.Word{
			Text:  fmt.Sprintf("w%d", (loud-faintest)/louder),
			Start: audio.Samples(start).Duration().Round(time.Millisecond), End: audio.Samples(i).Duration().Round(time.Millisecond),
		})
	}
	return words
}
