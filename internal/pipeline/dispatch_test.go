package pipeline_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// shelf is a store in which steps become ready, and a queue that takes a while. What is
// dispatched is gone from it.
type shelf struct {
	pipeline.Steps
	ready, queued atomic.Int64
	fillings      atomic.Int64
	broken        atomic.Bool
}

func (s *shelf) Advance(context.Context, transcription.Ref) error { return nil }

func (s *shelf) Dispatch(ctx context.Context, _ int) ([]pipeline.Step, error) {
	s.fillings.Add(1)
	found := make([]pipeline.Step, s.ready.Swap(0))
	select {
	case <-time.After(5 * time.Millisecond):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s.broken.Load() {
		s.ready.Add(int64(len(found)))
		return nil, errors.New("broken")
	}
	return found, nil
}

func (s *shelf) Enqueue(context.Context, pipeline.Step) error       { s.queued.Add(1); return nil }
func (s *shelf) Holds(context.Context, pipeline.Step) (bool, error) { return true, nil }

// What becomes ready is in the queue soon after, and many who have something share a
// filling.
func TestDispatcher_sharesFillings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		d := pipeline.NewDispatcher(s, s, 0)
		const callers, steps = 8, 100
		var all sync.WaitGroup
		for i := range callers {
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				for range steps {
					s.ready.Add(1)
					if err := d.Advance(t.Context(), transcription.Ref{}); err != nil {
						t.Error(err)
					}
					time.Sleep(time.Millisecond)
				}
			})
		}
		all.Wait()
		synctest.Wait()
		if queued := s.queued.Load(); queued != callers*steps {
			t.Errorf("%d of %d steps are in the queue", queued, callers*steps)
		}
		if n := s.fillings.Load(); n < 2 || n > callers*steps/4 {
			t.Errorf("%d fillings", n)
		}
	})
}

// Nobody has to wait where nothing was filled for a while.
func TestDispatcher_fillsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		d := pipeline.NewDispatcher(s, s, 0)
		for range 3 {
			time.Sleep(time.Second)
			s.ready.Add(1)
			begun := time.Now()
			if err := d.Advance(t.Context(), transcription.Ref{}); err != nil {
				t.Error(err)
			}
			if took := time.Since(begun); took != 5*time.Millisecond || s.ready.Load() != 0 {
				t.Errorf("it took %v, %d steps are left", took, s.ready.Load())
			}
		}
	})
}

// Who was to fill the queue and could not is told, and the next does it.
func TestDispatcher_fails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		d := pipeline.NewDispatcher(s, s, 0)
		s.ready.Add(1)
		s.broken.Store(true)
		if err := d.Advance(t.Context(), transcription.Ref{}); err == nil {
			t.Error("a filling that failed is no error")
		}
		s.broken.Store(false)
		if err := d.Advance(t.Context(), transcription.Ref{}); err != nil || s.queued.Load() != 1 {
			t.Errorf("%d steps are in the queue: %v", s.queued.Load(), err)
		}
	})
}

// Whoever had left it to somebody whose request was broken off waited for the reconciler.
func TestDispatcher_isCanceled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		d := pipeline.NewDispatcher(s, s, 0)
		if err := d.Advance(t.Context(), transcription.Ref{}); err != nil { // so that the next waits
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var first sync.WaitGroup
		first.Go(func() {
			if err := d.Advance(ctx, transcription.Ref{}); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		s.ready.Add(1)
		if err := d.Advance(t.Context(), transcription.Ref{}); err != nil || s.queued.Load() != 0 {
			t.Errorf("%d steps are in the queue already: %v", s.queued.Load(), err)
		}
		cancel()
		first.Wait()
		if s.queued.Load() != 1 {
			t.Error("the step is not in the queue")
		}
	})
}
