package task

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/turboscribe/turboscribe/internal/kv/kvtest"
	"github.com/turboscribe/turboscribe/internal/pipeline"
)

// A short recording goes through three queues. While asynq polled each of them every
// 150 ms, it waited longer for workers that had nothing to do than for all they did
// besides decoding.
func TestServer_isWoken(t *testing.T) {
	t.Parallel()
	url := kvtest.URL(t)
	c := newClient(t, url)
	got := make(chan pipeline.Step)
	srv, err := NewServer(Redis{URL: url}, pipeline.CPU, func(_ context.Context, s pipeline.Step) error { got <- s; return nil }, everything, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	srv.idle = 20 * time.Second // longer than a busy machine takes for a task
	run(t, srv)
	const rounds = 5
	woken := 0
	for i := range rounds {
		begun := time.Now()
		if err := c.Enqueue(t.Context(), step(pipeline.Transcribe, i)); err != nil {
			t.Fatal(err)
		}
		<-got
		took := time.Since(begun)
		t.Logf("%v for a task", took)
		if took < srv.idle/2 {
			woken++
		}
	}
	if woken < rounds-2 { // the first may come before anybody listens
		t.Errorf("%d of %d tasks woke somebody, the others were waited for", woken, rounds)
	}
}

// Tasks that asynq puts back by itself come without a hint, and one may get lost.
func TestServer_missesHint(t *testing.T) {
	t.Parallel()
	url := kvtest.URL(t)
	c := newClient(t, url)
	got := make(chan pipeline.Step, 1)
	serve(t, url, func(_ context.Context, s pipeline.Step) error { got <- s; return nil }, everything)
	for i := range 3 {
		want := step(pipeline.Merge, 0)
		task, err := encode(want)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.client.EnqueueContext(t.Context(), task, asynq.Queue(want.Kind.Queue(want.Lane))); err != nil {
			t.Fatal(err)
		}
		if s := <-got; s != want {
			t.Errorf("%d: got %s, want %s", i, s, want)
		}
	}
}

// empty is a Redis without tasks.
type empty struct {
	redis.UniversalClient
	asked chan struct{}
}

func (e empty) EvalSha(ctx context.Context, _ string, _ []string, _ ...any) *redis.Cmd {
	e.asked <- struct{}{}
	cmd := redis.NewCmd(ctx)
	cmd.SetErr(redis.Nil)
	return cmd
}

func TestPatient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := empty{asked: make(chan struct{}, 10)}
		wake, stop := make(chan struct{}, 1), make(chan struct{})
		p := patient{e, idleInterval, wake, stop}
		begun := time.Now()
		if err := p.EvalSha(t.Context(), "", nil).Err(); err != redis.Nil { //nolint:errorlint // as asynq compares it
			t.Errorf("got %v, want redis.Nil", err)
		}
		if n, took := len(e.asked), time.Since(begun); n != 1 || took != idleInterval {
			t.Errorf("asked %d times in %v, want once in %v", n, took, idleInterval)
		}
		<-e.asked
		wake <- struct{}{} // while nobody waits
		answer := make(chan error)
		go func() { answer <- p.EvalSha(t.Context(), "", nil).Err() }()
		<-e.asked
		<-e.asked
		close(stop)
		if err := <-answer; err != redis.Nil { //nolint:errorlint // as asynq compares it
			t.Errorf("got %v, want redis.Nil", err)
		}
	})
}
