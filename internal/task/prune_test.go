package task

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/hibiken/asynq"

	"github.com/turboscribe/turboscribe/internal/daemon/daemontest"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/kv/kvtest"
	"github.com/turboscribe/turboscribe/internal/pipeline"
)

// Tasks about what is no more leave every queue, whatever their state; those that are
// being worked on are told, and all others stay.
func TestClient_Prune(t *testing.T) {
	t.Parallel()
	url := kvtest.URL(t)
	c := newClient(t, url)
	running, release := make(chan struct{}), make(chan struct{})
	stop := serve(t, url, func(ctx context.Context, s pipeline.Step) error {
		if s.Kind != pipeline.Merge {
			return errors.New("again later")
		}
		close(running)
		select {
		case <-release:
		case <-ctx.Done():
		}
		return nil
	}, map[pipeline.Kind]int{pipeline.Merge: 1, pipeline.Prepare: 1})
	kept, active, pending, retried := step(pipeline.Transcribe, 0), step(pipeline.Merge, 0), step(pipeline.Transcribe, 1), step(pipeline.Prepare, 0)
	for _, s := range []pipeline.Step{kept, active, pending, retried} {
		if err := c.Enqueue(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	<-running
	for retries := 0; retries == 0; { // until it was tried
		list, err := c.inspector.ListRetryTasks("prepare")
		if err != nil {
			t.Fatal(err)
		}
		retries = len(list)
	}
	if err := c.inspector.ArchiveTask("prepare", retried.String()); err != nil {
		t.Fatal(err)
	}
	gone := func(_ context.Context, ids []uuid.UUID) ([]uuid.UUID, error) {
		return slices.DeleteFunc(ids, func(id uuid.UUID) bool { return id == kept.Ref.ID }), nil
	}
	want(t, c, 3, gone)
	want(t, c, 1, gone)
	close(release)
	stop()
	if _, err := c.inspector.GetTaskInfo("merge", active.String()); !errors.Is(err, asynq.ErrTaskNotFound) {
		t.Errorf("what has ended: got %v", err)
	}
	if held, err := c.Holds(t.Context(), kept); err != nil || !held {
		t.Errorf("what is there is not in the queue any more: %v", err)
	}
}

func want(t *testing.T, c *Client, n int, gone func(context.Context, []uuid.UUID) ([]uuid.UUID, error)) {
	t.Helper()
	if found, err := c.Prune(t.Context(), gone); err != nil || found != n {
		t.Errorf("found %d, %v, want %d", found, err, n)
	}
}

// A queue that does not answer has not said that it is empty.
func TestClient_Prune_unavailable(t *testing.T) {
	t.Parallel()
	c := newClient(t, "redis://"+daemontest.Nobody)
	_, err := c.Prune(t.Context(), func(context.Context, []uuid.UUID) ([]uuid.UUID, error) { return nil, nil })
	if !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v, want unavailable", err)
	}
}
