//go:build whisper

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/media"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/pipeline/pipelinetest"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/whisper"
)

// TestMain lets the test binary be its own engine process, as the worker is.
func TestMain(m *testing.M) {
	if ran, err := whisper.RunChild(context.Background(), os.Args[1:]); ran {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// studio is a worker without its servers: the real pipeline, ffmpeg and engine with
// the demo model, the store and the queue in memory.
type studio struct {
	*pipelinetest.Memory
	media  *media.Media
	engine *whisper.Engine
	tasks  chan pipeline.Step

	mu    sync.Mutex
	blobs map[string][]byte
}

func newStudio(t *testing.T) *studio {
	t.Helper()
	model := os.Getenv("TS_TEST_MODEL")
	if model == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("TS_TEST_MODEL is not set")
		}
		t.Skip("TS_TEST_MODEL is not set; make test sets it")
	}
	ctx := zerolog.Nop().WithContext(t.Context())
	engine, err := whisper.Open(ctx, whisper.Options{ModelDir: filepath.Dir(model), BackendDir: os.Getenv("TS_GGML_BACKENDS"), Isolated: true})
	if err != nil {
		t.Fatal(err)
	}
	m, err := media.Open(ctx, media.Options{TempDir: t.TempDir(), MaxDuration: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return &studio{Memory: pipelinetest.NewMemory(), media: m, engine: engine, tasks: make(chan pipeline.Step, 1000), blobs: map[string][]byte{}}
}

// transcribe does all steps of a recording, in chunks of about that length.
func (s *studio) transcribe(t *testing.T, recording []byte, chunk audio.Samples) transcription.Transcription {
	t.Helper()
	tr := pipelinetest.NewTranscription(t, uuid.New())
	tr.Options.Model = ""
	s.store(tr.File.Key, recording)
	if err := s.CreateTranscription(t.Context(), tr); err != nil {
		t.Fatal(err)
	}
	d := pipeline.NewDispatcher(s, s, 0)
	p := pipeline.New(d, s, s, s.media, s.engine, pipeline.Options{Chunk: chunk, Retry: 10 * time.Millisecond})
	r := pipeline.NewReconciler(d, s, s, s, s)
	ctx, cancel := context.WithCancel(zerolog.Nop().WithContext(t.Context()))
	defer cancel()
	var workers errgroup.Group
	for range s.engine.Slots() {
		workers.Go(func() error { return s.work(ctx, p) })
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !s.Transcription(tr.ID).Status.Final() {
		if _, err := r.Reconcile(ctx); err != nil {
			t.Fatal(err)
		}
		<-tick.C
	}
	cancel()
	if err := workers.Wait(); err != nil {
		t.Fatal(err)
	}
	return s.Transcription(tr.ID)
}

func (s *studio) work(ctx context.Context, p *pipeline.Pipeline) error {
	for {
		select {
		case step := <-s.tasks:
			if err := p.Do(ctx, step); err != nil && ctx.Err() == nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// Enqueue implements pipeline.Queue.
func (s *studio) Enqueue(_ context.Context, step pipeline.Step) error {
	s.tasks <- step
	return nil
}

// Holds implements pipeline.Queue: no task is ever lost.
func (s *studio) Holds(context.Context, pipeline.Step) (bool, error) { return true, nil }

func (s *studio) store(key string, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blobs[key] = body
}

// Open implements pipeline.Blobs.
func (s *studio) Open(_ context.Context, key string) (io.ReadCloser, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, ok := s.blobs[key]
	if !ok {
		return nil, 0, fault.New(fault.NotFound, "There is no object %s.", key)
	}
	return io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
}

// Put implements pipeline.Blobs.
func (s *studio) Put(_ context.Context, key string, body []byte) error {
	s.store(key, body)
	return nil
}

// DeletePrefix implements pipeline.Blobs.
func (s *studio) DeletePrefix(_ context.Context, prefix string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.blobs {
		if strings.HasPrefix(key, prefix) {
			delete(s.blobs, key)
		}
	}
	return nil
}

// repository returns a path within the repository.
func repository(path ...string) string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(append([]string{filepath.Dir(file), "..", ".."}, path...)...)
}

// demo reads the sound of a recording that comes with the demo model.
func (s *studio) demo(t *testing.T, name string) []int16 {
	t.Helper()
	stream, err := s.media.Decode(zerolog.Nop().WithContext(t.Context()), repository("models", "demo", name+".flac"), 1)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(stream)
	if err == nil {
		err = stream.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return audio.Decode(b)
}

// truth reads what is said in a recording that comes with the demo model, and when.
func truth(t *testing.T, name string) (said []transcription.Segment) {
	t.Helper()
	b, err := os.ReadFile(repository("models", "demo", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var in struct {
		Segments []struct {
			T0, T1 float64
			Text   string
		}
	}
	if err := json.Unmarshal(b, &in); err != nil {
		t.Fatal(err)
	}
	for _, s := range in.Segments {
		said = append(said, transcription.Segment{Start: audio.Seconds(s.T0).Duration(), End: audio.Seconds(s.T1).Duration(), Text: s.Text})
	}
	return said
}

// wav makes a WAV file, as RIFF calls for it, of mono sound.
func wav(pcm []int16) []byte {
	const rate, header = audio.SampleRate, 36
	body := audio.Encode(pcm)
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt ")
	binary.LittleEndian.PutUint32(b[4:], uint32(header+len(body)))
	b = binary.LittleEndian.AppendUint32(b, 16)
	for _, v := range []uint16{1, 1} {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	b = binary.LittleEndian.AppendUint32(b, rate)
	b = binary.LittleEndian.AppendUint32(b, rate*audio.BytesPerSample)
	for _, v := range []uint16{audio.BytesPerSample, 16} {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(body)))
	return append(b, body...)
}
