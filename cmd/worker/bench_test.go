package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/hibiken/asynq"
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/kv/kvtest"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/task"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// What the benchmarks of dispatching run: a worker with its database and its queue, and
// an engine and recordings that cost nothing.
const (
	benchSlots  = 8
	benchLength = 24 * benchChunk // of a recording, which becomes as many chunks as one of three hours
	benchChunk  = 10 * audio.SampleRate
	benchModel  = "small"
)

// BenchmarkDispatch has chunks go from prepare to merge, all that a worker does for each
// but hear it. An operation is 10 s of a recording, somewhat more than a chunk. "asynq alone" is as many tasks that do nothing, in
// the same Redis.
func BenchmarkDispatch(b *testing.B) {
	b.Run("asynq alone", func(b *testing.B) {
		url := kvtest.URL(b)
		redis := kvtest.Connect(b, url)
		client := asynq.NewClientFromRedisClient(redis)
		var done sync.WaitGroup
		done.Add(b.N)
		server := asynq.NewServerFromRedisClient(redis, asynq.Config{Concurrency: benchSlots, LogLevel: asynq.ErrorLevel})
		b.ResetTimer()
		if err := server.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error { done.Done(); return nil })); err != nil {
			b.Fatal(err)
		}
		for range b.N {
			if _, err := client.EnqueueContext(b.Context(), asynq.NewTask("nothing", nil)); err != nil {
				b.Fatal(err)
			}
		}
		done.Wait()
		b.StopTimer()
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
		server.Shutdown()
	})
	b.Run("pipeline", func(b *testing.B) {
		r := newRig(b)
		var ids []uuid.UUID
		for made := 0; made < b.N; made += benchLength / benchChunk {
			ids = append(ids, r.create(b))
		}
		b.ResetTimer()
		r.start(b)
		r.wait(b, ids)
		b.StopTimer()
		b.ReportMetric(float64(r.chunks.Load())/b.Elapsed().Seconds(), "chunks/s")
	})
}

// BenchmarkPickUp uploads one recording after the other to a worker that has nothing to
// do, and reports how long it takes until one is looked at.
func BenchmarkPickUp(b *testing.B) {
	r := newRig(b)
	r.start(b)
	var took []time.Duration
	for range b.N {
		<-time.After(pickUpPause)
		begun := time.Now()
		id := r.create(b)
		if err := r.dispatcher.Advance(b.Context(), transcription.Ref{ID: id, Run: 1}); err != nil {
			b.Fatal(err)
		}
		took = append(took, (<-r.opened).Sub(begun))
		r.wait(b, []uuid.UUID{id})
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
	b.ReportMetric(took[len(took)*95/100].Seconds()*1000, "p95-ms")
}

// pickUpPause is long enough for a worker to have nothing to do.
const pickUpPause = 300 * time.Millisecond

// rig is a worker with parts that cost nothing in place of engine, ffmpeg and storage.
type rig struct {
	*postgres.DB
	url        string
	owner      uuid.UUID
	dispatcher *pipeline.Dispatcher
	pipeline   *pipeline.Pipeline
	opened     chan time.Time
	completed  chan uuid.UUID
	chunks     atomic.Int64 // done

	mu      sync.Mutex
	objects map[string][]byte
}

func newRig(b *testing.B) *rig {
	b.Helper()
	r := &rig{
		DB: pgtest.New(b), url: kvtest.URL(b), owner: uuid.New(),
		opened: make(chan time.Time, 1), completed: make(chan uuid.UUID, b.N), objects: map[string][]byte{},
	}
	client, err := task.NewClient(task.Redis{URL: r.url})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := client.Close(); err != nil {
			b.Error(err)
		}
	})
	r.dispatcher = pipeline.NewDispatcher(r, client, 0)
	r.pipeline = pipeline.New(r.dispatcher, r, r, r, deaf{}, pipeline.Options{Worker: "bench", Chunk: benchChunk})
	err = r.CreateUser(b.Context(), &auth.User{ID: r.owner, Email: "bench@example.com", PasswordHash: "hash", Role: auth.Member, CreatedAt: time.Now()})
	if err != nil {
		b.Fatal(err)
	}
	err = r.ReportWorker(b.Context(), transcription.Worker{ID: "bench", Kind: "cpu", Slots: benchSlots, Models: []string{benchModel}})
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// create makes a transcription of a recording that is stored.
func (r *rig) create(b *testing.B) uuid.UUID {
	b.Helper()
	id := uuid.New()
	t := &transcription.Transcription{
		ID: id, OwnerID: r.owner, Run: 1, Options: transcription.Options{Model: benchModel},
		File: transcription.File{
			ID: uuid.New(), OwnerID: r.owner, Name: "talk.mp3", ContentType: "audio/mpeg", Size: 1,
			SHA256: strings.Repeat("ab", 32), Key: transcription.Prefix(r.owner, id) + "source",
		},
	}
	if err := errors.Join(r.Put(b.Context(), t.File.Key, nil), r.CreateTranscription(b.Context(), t)); err != nil {
		b.Fatal(err)
	}
	return id
}

// start has the worker work, and the queue filled, until the benchmark ends.
func (r *rig) start(b *testing.B) {
	b.Helper()
	server, err := task.NewServer(task.Redis{URL: r.url}, pipeline.CPU, r.pipeline.Do,
		map[pipeline.Kind]int{pipeline.Prepare: 1, pipeline.Transcribe: benchSlots, pipeline.Merge: 1}, time.Minute)
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(zerolog.Nop().WithContext(b.Context()))
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	b.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
	if err := r.dispatcher.Advance(b.Context(), transcription.Ref{ID: uuid.New(), Run: 1}); err != nil {
		b.Fatal(err)
	}
}

// wait returns when all are completed.
func (r *rig) wait(b *testing.B, ids []uuid.UUID) {
	b.Helper()
	for left := len(ids); left > 0; left-- {
		select {
		case <-r.completed:
		case <-time.After(time.Minute):
			b.Fatalf("%d of %d are not completed", left, len(ids))
		}
	}
}

// FinishChunk implements pipeline.Store.
func (r *rig) FinishChunk(ctx context.Context, l pipeline.Lease, result pipeline.ChunkResult) error {
	defer r.chunks.Add(1)
	return r.DB.FinishChunk(ctx, l, result)
}

// Complete implements pipeline.Store.
func (r *rig) Complete(ctx context.Context, l pipeline.Lease, t pipeline.Transcript) error {
	if err := r.DB.Complete(ctx, l, t); err != nil {
		return err
	}
	r.completed <- l.Step.Ref.ID
	return nil
}

// Open implements pipeline.Blobs.
func (r *rig) Open(_ context.Context, key string) (io.ReadCloser, int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	body, ok := r.objects[key]
	if !ok {
		return nil, 0, errors.New("there is no object " + key)
	}
	return io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
}

// Put implements pipeline.Blobs.
func (r *rig) Put(_ context.Context, key string, body []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.objects[key] = body
	return nil
}

// DeletePrefix implements pipeline.Blobs.
func (r *rig) DeletePrefix(context.Context, string) error { return nil }

// Listen implements pipeline.Media.
func (r *rig) Listen(context.Context, io.Reader, int) (pipeline.Recording, error) {
	select {
	case r.opened <- time.Now():
	default: // nobody waits for it
	}
	return talk{bytes.NewReader(talking)}, nil
}

// talk is a recording.
type talk struct{ *bytes.Reader }

// talking is its sound: loud, with a pause at the end of each chunk.
var talking = func() []byte {
	pcm := make([]int16, benchLength)
	for i := range pcm {
		if i%benchChunk < benchChunk-audio.SampleRate/2 {
			pcm[i] = int16(8000 * (1 - 2*(i/40%2)))
		}
	}
	return audio.Encode(pcm)
}()

func (talk) Channels() int           { return 1 }
func (talk) Duration() time.Duration { return 0 }
func (talk) Missing() time.Duration  { return 0 }
func (talk) Joined() bool            { return false }
func (talk) Close() error            { return nil }

// deaf is an engine that hears the same in every window.
type deaf struct{}

func (deaf) Slots() int { return benchSlots }

func (deaf) Choose(transcription.Options) (transcription.Model, error) {
	return transcription.FindModel(benchModel)
}

func (deaf) Model(name string) (transcription.Model, error) { return transcription.FindModel(name) }
func (deaf) Identity(string) (string, error)                { return "deaf", nil }
func (deaf) Checksum(string) (string, error)                { return "deaf", nil }

func (deaf) Detect(context.Context, string, []int16) (map[string]float64, error) {
	return map[string]float64{"en": 1}, nil
}

func (deaf) Speech(context.Context, []int16) ([]audio.Span, bool, error) { return nil, false, nil }

func (deaf) Decode(_ context.Context, _ string, _ pipeline.DecodeOptions, window []int16) ([]transcription.Segment, error) {
	end := audio.Samples(len(window)).Duration()
	words := []transcription.Word{{Text: "Hello.", End: end, Confidence: 1}}
	return []transcription.Segment{{Text: "Hello.", End: end, Confidence: 1, Words: words}}, nil
}
