package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/pipeline/pipelinetest"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/whisper"
)

// workbench is a worker's pipeline and engine without what is around them: the
// store is in memory, chunks are files, the sound is a WAV file's. What is left is
// what any program has to do to turn sound into text.
type workbench struct {
	store  *ledger
	engine *whisper.Engine
	dir    string
	path   string // of the recording
	queues map[pipeline.Kind]chan pipeline.Step
}

// ledger is a store that adds up how long chunks were decoded.
type ledger struct {
	*pipelinetest.Memory
	decoding atomic.Int64
}

// FinishChunk implements pipeline.Store.
func (l *ledger) FinishChunk(ctx context.Context, lease pipeline.Lease, r pipeline.ChunkResult) error {
	l.decoding.Add(int64(r.Elapsed))
	return l.Memory.FinishChunk(ctx, lease, r)
}

var (
	_ pipeline.Queue = (*workbench)(nil)
	_ pipeline.Blobs = (*workbench)(nil)
	_ pipeline.Media = (*workbench)(nil)
)

// lookAgain is how often what has not moved is looked at.
const lookAgain = time.Second

// transcribe returns the text of a recording, and how long was spent on decoding
// its chunks.
func (w *workbench) transcribe(ctx context.Context, model string) (text string, decoding time.Duration, err error) {
	w.store = &ledger{Memory: pipelinetest.NewMemory()}
	w.queues = map[pipeline.Kind]chan pipeline.Step{}
	for _, k := range pipeline.Kinds {
		w.queues[k] = make(chan pipeline.Step, 2*pipeline.LeastWindow)
	}
	id := uuid.New()
	t := &transcription.Transcription{ID: id, OwnerID: uuid.New(), Run: 1, Options: transcription.Options{Model: model}}
	if err := w.store.CreateTranscription(ctx, t); err != nil {
		return "", 0, err
	}
	dispatcher := pipeline.NewDispatcher(w.store, w, 0)
	p := pipeline.New(dispatcher, w.store, w, w, w.engine, pipeline.Options{Worker: "bench"})
	if err := w.work(ctx, p, t.Ref()); err != nil {
		return "", 0, err
	}
	done := w.store.Transcription(id)
	if done.Status != transcription.Completed {
		return "", 0, fmt.Errorf("ended as %s: %+v", done.Status, done.Failure)
	}
	return done.Text, time.Duration(w.store.decoding.Load()), nil
}

// work does steps, as many at once as a worker does, until the run is over.
func (w *workbench) work(ctx context.Context, p *pipeline.Pipeline, ref transcription.Ref) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	for kind, n := range map[pipeline.Kind]int{pipeline.Prepare: 1, pipeline.Transcribe: w.engine.Slots(), pipeline.Merge: 1} {
		for range n {
			g.Go(func() error { return w.serve(ctx, p, kind, cancel) })
		}
	}
	g.Go(func() error {
		tick := time.NewTicker(lookAgain)
		defer tick.Stop()
		for {
			if err := p.Advance(ctx, ref); err != nil && ctx.Err() == nil {
				return err
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return nil
			}
		}
	})
	return g.Wait()
}

// serve does steps of a kind, and calls over behind the one that ends the run.
func (w *workbench) serve(ctx context.Context, p *pipeline.Pipeline, kind pipeline.Kind, over func()) error {
	for {
		select {
		case s := <-w.queues[kind]:
			if err := p.Do(ctx, s); err != nil {
				return err
			}
			if w.store.Transcription(s.Ref.ID).Status.Final() {
				over()
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// Enqueue hands a step to whoever does steps of its kind.
func (w *workbench) Enqueue(ctx context.Context, s pipeline.Step) error {
	select {
	case w.queues[s.Kind] <- s:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Holds is not asked: there is no reconciler.
func (w *workbench) Holds(context.Context, pipeline.Step) (bool, error) { return true, nil }

// Open opens a chunk. The recording itself is opened by Listen.
func (w *workbench) Open(_ context.Context, key string) (io.ReadCloser, int64, error) {
	if key == "" {
		return io.NopCloser(strings.NewReader("")), 0, nil
	}
	f, err := os.Open(w.file(key))
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// Put writes a chunk.
func (w *workbench) Put(_ context.Context, key string, body []byte) error {
	return os.WriteFile(w.file(key), body, 0o600)
}

// DeletePrefix leaves everything where it is: the directory is removed in the end.
func (w *workbench) DeletePrefix(context.Context, string) error { return nil }

func (w *workbench) file(key string) string {
	return filepath.Join(w.dir, strings.ReplaceAll(key, "/", "-"))
}

// Listen opens the recording.
func (w *workbench) Listen(context.Context, io.Reader, int) (pipeline.Recording, error) {
	f, err := os.Open(w.path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.Seek(headerSize, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return sound{f, audio.Samples((info.Size() - headerSize) / audio.BytesPerSample).Duration()}, nil
}

// sound is a WAV file behind its header.
type sound struct {
	*os.File
	duration time.Duration
}

func (s sound) Channels() int           { return 1 }
func (s sound) Duration() time.Duration { return s.duration }
func (s sound) Missing() time.Duration  { return 0 }
func (s sound) Joined() bool            { return false }
