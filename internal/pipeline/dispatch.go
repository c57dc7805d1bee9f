package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// LeastWindow is how many steps of a kind may be in the queue at once however few
// workers there are. The rest waits in the store, where it can be ordered fairly and
// survives the queue.
const LeastWindow = 16

// Dispatcher puts into the queue what is ready. It may be used by many goroutines.
type Dispatcher struct {
	store  Steps
	queue  Queue
	window int

	asked atomic.Bool         // somebody is about to fill it
	turn  *semaphore.Weighted // who fills it, one at a time
	last  time.Time           // when that was done; under turn
}

// fillTime bounds a filling, and the wait for its turn.
const fillTime = 30 * time.Second

// fillPause is how long the queue is left alone once it was filled. Of what ends meanwhile
// one filling makes good.
const fillPause = 10 * time.Millisecond

// NewDispatcher returns a dispatcher that keeps at most window steps in each lane of
// the queue; 0 leaves it to the store to fit that to the workers.
func NewDispatcher(store Steps, queue Queue, window int) *Dispatcher {
	return &Dispatcher{store: store, queue: queue, window: window, turn: semaphore.NewWeighted(1)}
}

// Advance looks at the rows of a run, makes the steps that have become ready and
// fills up the queue. It may be called at any time, as often as one likes.
func (d *Dispatcher) Advance(ctx context.Context, ref transcription.Ref) error {
	if err := d.store.Advance(ctx, ref); err != nil && !stale(err) {
		return fmt.Errorf("advance %s: %w", ref, err)
	}
	return d.dispatch(ctx)
}

// dispatch fills up the queue, or leaves that to somebody who is about to: it costs as
// much for a single step as for many. Others count on it, so it does not end with ctx.
func (d *Dispatcher) dispatch(ctx context.Context) error {
	if !d.asked.CompareAndSwap(false, true) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fillTime)
	defer cancel()
	if err := d.wait(ctx); err != nil {
		d.asked.Store(false)
		return err
	}
	defer d.turn.Release(1)
	d.asked.Store(false) // what becomes ready from here on may be missed
	err := d.fill(ctx)
	d.last = time.Now()
	return err
}

// wait returns when it is our turn to fill the queue.
func (d *Dispatcher) wait(ctx context.Context) error {
	if err := d.turn.Acquire(ctx, 1); err != nil {
		return err
	}
	select {
	case <-time.After(fillPause - time.Since(d.last)):
		return nil
	case <-ctx.Done():
		d.turn.Release(1)
		return ctx.Err()
	}
}

// fill fills up the queue from everybody's waiting steps. A step that the queue does
// not take waits again.
func (d *Dispatcher) fill(ctx context.Context) error {
	steps, err := d.store.Dispatch(ctx, d.window)
	if err != nil {
		return fmt.Errorf("dispatch: %w", err)
	}
	for i, s := range steps {
		if err := d.queue.Enqueue(ctx, s); err != nil {
			return errors.Join(fmt.Errorf("enqueue %s: %w", s, err), d.undispatch(ctx, steps[i:]))
		}
	}
	return nil
}

func (d *Dispatcher) undispatch(ctx context.Context, steps []Step) error {
	ctx = context.WithoutCancel(ctx)
	var errs []error
	for _, s := range steps {
		if err := d.store.Undispatch(ctx, s); err != nil && !stale(err) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
