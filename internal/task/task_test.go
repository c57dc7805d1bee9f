package task

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/hibiken/asynq"
	"golang.org/x/sync/semaphore"

	"github.com/turboscribe/turboscribe/internal/daemon/daemontest"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/kv/kvtest"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

func newClient(t *testing.T, url string) *Client {
	t.Helper()
	c, err := NewClient(Redis{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func step(k pipeline.Kind, index int) pipeline.Step {
	s := pipeline.Step{Ref: transcription.Ref{ID: uuid.Must(uuid.NewV7()), Run: 1}, Kind: k, Index: index, Gen: 1}
	if k == pipeline.Transcribe {
		s.Lane = pipeline.CPU
	}
	return s
}

// serve runs a server and returns a function that stops it and waits.
func serve(t *testing.T, url string, do func(context.Context, pipeline.Step) error, concurrency map[pipeline.Kind]int) (stop func()) {
	t.Helper()
	srv, err := NewServer(Redis{URL: url}, pipeline.CPU, do, concurrency, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, srv)
}

func run(t *testing.T, srv *Server) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- srv.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}

var everything = map[pipeline.Kind]int{pipeline.Prepare: 1, pipeline.Transcribe: 2, pipeline.Merge: 1, pipeline.Deliver: 1}

func TestServer_carriesSteps(t *testing.T) {
	t.Parallel()
	url := kvtest.URL(t)
	c := newClient(t, url)
	got := make(chan pipeline.Step, 10)
	serve(t, url, func(_ context.Context, s pipeline.Step) error { got <- s; return nil }, everything)
	for _, k := range pipeline.Kinds {
		want := step(k, 3)
		if err := c.Enqueue(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		if s := <-got; s != want {
			t.Errorf("got %s, want %s", s, want)
		}
	}
}

// What is for a GPU is left to its workers, and the queue is named for it.
func TestServer_lane(t *testing.T) {
	t.Parallel()
	url := kvtest.URL(t)
	c := newClient(t, url)
	got := make(chan pipeline.Step, 10)
	serve(t, url, func(_ context.Context, s pipeline.Step) error { got <- s; return nil }, everything)
	forGPU, forCPU := step(pipeline.Transcribe, 0), step(pipeline.Transcribe, 1)
	forGPU.Lane = pipeline.GPU
	for _, s := range []pipeline.Step{forGPU, forCPU} {
		if err := c.Enqueue(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if s := <-got; s != forCPU {
		t.Errorf("got %s, want %s", s, forCPU)
	}
	if info, err := c.inspector.GetQueueInfo("transcribe-gpu"); err != nil || info.Pending != 1 {
		t.Errorf("got %+v, %v, want the step for a GPU to wait", info, err)
	}
	if held, err := c.Holds(t.Context(), forGPU); err != nil || !held {
		t.Errorf("held %v, %v", held, err)
	}
}

func TestClient_enqueueTwiceIsOnce(t *testing.T) {
	t.Parallel()
	url := kvtest.URL(t)
	c := newClient(t, url)
	s := step(pipeline.Transcribe, 0)
	for range 3 {
		if err := c.Enqueue(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	info, err := c.inspector.GetQueueInfo(s.Kind.Queue(s.Lane))
	if err != nil {
		t.Fatal(err)
	}
	if info.Pending != 1 {
		t.Errorf("%d tasks wait, want 1", info.Pending)
	}
}

func TestClient_Holds(t *testing.T) {
	t.Parallel()
	url := kvtest.URL(t)
	c := newClient(t, url)
	s := step(pipeline.Merge, 0)
	holds := func() bool {
		t.Helper()
		ok, err := c.Holds(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if holds() {
		t.Error("a queue that does not exist holds the step")
	}
	if err := c.Enqueue(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if !holds() {
		t.Error("an enqueued step is not held")
	}
	working, release := make(chan struct{}), make(chan struct{})
	stop := serve(t, url, func(context.Context, pipeline.Step) error {
		close(working)
		<-release
		return nil
	}, everything)
	<-working
	if holds() {
		t.Error("a step that is being worked on counts as waiting")
	}
	close(release)
	stop()
	if holds() {
		t.Error("a step that is done is held")
	}
}

// asynq does not end the contexts of running tasks before its shutdown timeout,
// and does not wait for a handler whose context has ended. Steps have to be handed
// back at once, and before the database is closed, or another worker waits for the
// lease.
func TestServer_stopWaitsForStepsToBeHandedBack(t *testing.T) {
	t.Parallel()
	url := kvtest.URL(t)
	c := newClient(t, url)
	working, handedBack := make(chan struct{}), make(chan struct{})
	stop := serve(t, url, func(ctx context.Context, _ pipeline.Step) error {
		close(working)
		<-ctx.Done()
		slow := time.NewTimer(500 * time.Millisecond) // the engine takes its time to stop
		defer slow.Stop()
		<-slow.C
		close(handedBack)
		return nil
	}, everything)
	if err := c.Enqueue(t.Context(), step(pipeline.Prepare, 0)); err != nil {
		t.Fatal(err)
	}
	<-working
	begun := time.Now()
	stop()
	select {
	case <-handedBack:
	default:
		t.Fatal("the server stopped before its step")
	}
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("stopping took %v", took)
	}
}

// A step that does not end must not keep the worker for ever.
func TestServer_stopGivesUpAfterTheGrace(t *testing.T) {
	t.Parallel()
	url := kvtest.URL(t)
	c := newClient(t, url)
	srv, err := NewServer(Redis{URL: url}, pipeline.CPU, nil, everything, 100*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	working, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	srv.do = func(context.Context, pipeline.Step) error {
		close(working)
		<-release
		return nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- srv.Run(ctx) }()
	if err := c.Enqueue(t.Context(), step(pipeline.Prepare, 0)); err != nil {
		t.Fatal(err)
	}
	<-working
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestServer_unsettledStepIsTriedAgain(t *testing.T) {
	t.Parallel()
	url := kvtest.URL(t)
	c := newClient(t, url)
	calls := make(chan pipeline.Step, 10)
	var n atomic.Int32
	serve(t, url, func(_ context.Context, s pipeline.Step) error {
		calls <- s
		if n.Add(1) == 1 {
			return fault.New(fault.Unavailable, "The database does not answer.")
		}
		return nil
	}, everything)
	want := step(pipeline.Merge, 0)
	if err := c.Enqueue(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := <-calls; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestServer_refusesWhatIsNoStep(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "{}", `{"id":"x"}`, `{"id":"00000000-0000-0000-0000-000000000000","run":1,"gen":1}`, `{"id":"0198c0de-0000-7000-8000-000000000001","run":0,"gen":1}`} {
		if s, err := decode(asynq.NewTask("prepare", []byte(body))); err == nil {
			t.Errorf("%q was taken for %s", body, s)
		}
	}
	srv := &Server{do: func(context.Context, pipeline.Step) error { return errors.New("called") }}
	if err := srv.handler(t.Context(), semaphore.NewWeighted(1)).ProcessTask(t.Context(), asynq.NewTask("prepare", nil)); !errors.Is(err, asynq.SkipRetry) {
		t.Errorf("got %v, want a refusal without retry", err)
	}
}

func TestNewClient_badURL(t *testing.T) {
	t.Parallel()
	if _, err := NewClient(Redis{URL: "http://localhost"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("got %v, want Invalid", err)
	}
	if _, err := NewServer(Redis{URL: "nonsense"}, pipeline.CPU, nil, nil, 0); !fault.Is(err, fault.Invalid) {
		t.Errorf("got %v, want Invalid", err)
	}
	if _, _, err := NewMonitor(Redis{URL: "nonsense"}, "/admin/queues", true); !fault.Is(err, fault.Invalid) {
		t.Errorf("got %v, want Invalid", err)
	}
}

func TestClient_redisGone(t *testing.T) {
	t.Parallel()
	c := newClient(t, "redis://"+daemontest.Nobody)
	if err := c.Enqueue(t.Context(), step(pipeline.Merge, 0)); !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v, want Unavailable", err)
	}
	if _, err := c.Holds(t.Context(), step(pipeline.Merge, 0)); !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v, want Unavailable", err)
	}
}

func TestMonitor_readOnly(t *testing.T) {
	t.Parallel()
	url := kvtest.URL(t)
	if err := newClient(t, url).Enqueue(t.Context(), step(pipeline.Merge, 0)); err != nil {
		t.Fatal(err)
	}
	h, closeMonitor, err := NewMonitor(Redis{URL: url}, "/admin/queues", true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = closeMonitor() })
	for _, tt := range []struct {
		method, path string
		want         int
	}{
		{http.MethodGet, "/admin/queues", http.StatusOK},
		{http.MethodGet, "/admin/queues/api/queues", http.StatusOK},
		{http.MethodDelete, "/admin/queues/api/queues/merge", http.StatusMethodNotAllowed},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, nil))
		if w.Code != tt.want {
			t.Errorf("%s %s: got %d, want %d", tt.method, tt.path, w.Code, tt.want)
		}
	}
}

func TestRetryDelay(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]time.Duration{0: 2 * time.Second, 3: 16 * time.Second, 5: time.Minute, 100: time.Minute} {
		if got := retryDelay(n, nil, nil); got != want {
			t.Errorf("%d: got %v, want %v", n, got, want)
		}
	}
}
