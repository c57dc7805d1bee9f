package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// LeastWindow is how many steps of a kind may be in the queue at once however few
// workers there are. The rest waits in the store, where it can be ordered fairly and
// survives the queue.
const LeastWindow = 16

// Dispatcher puts into the queue what is ready.
type Dispatcher struct {
	store  Steps
	queue  Queue
	window int
}

// NewDispatcher returns a dispatcher that keeps at most window steps in each lane of
// the queue; 0 leaves it to the store to fit that to the workers.
func NewDispatcher(store Steps, queue Queue, window int) *Dispatcher {
	return &Dispatcher{store: store, queue: queue, window: window}
}

// Advance looks at the rows of a run, makes the steps that have become ready and
// fills up the queue. It may be called at any time, as often as one likes.
func (d *Dispatcher) Advance(ctx context.Context, ref transcription.Ref) error {
	if err := d.store.Advance(ctx, ref); err != nil && !stale(err) {
		return fmt.Errorf("advance %s: %w", ref, err)
	}
	return d.dispatch(ctx)
}

// dispatch fills up the queue from everybody's waiting steps. A step that the
// queue does not take waits again.
func (d *Dispatcher) dispatch(ctx context.Context) error {
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
