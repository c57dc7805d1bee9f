package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// batch bounds what one rule of Reconcile acts on at a time.
const batch = 100

// lostAfter is how long a step may be in the queue before its task is asked after.
// A worker that dies between taking a task and claiming its step leaves no lease
// behind that would tell.
const lostAfter = 20 * time.Second

// ruleTime bounds each rule of Reconcile, so that a dependency that hangs does not
// keep the others from being applied.
const ruleTime = 10 * time.Second

// Report counts what Reconcile found amiss and mended.
type Report struct {
	QueueLost    int // steps put back because the queue had lost its memory
	Rescued      int // steps of dead workers
	Exhausted    int // steps that were begun too often: their runs failed
	Lost         int // tasks that the queue no longer had
	Advanced     int // runs that were ready for their next step
	MediaExpired int // recordings that were kept no longer
	Expired      int // transcriptions as a whole
	Collected    int // prefixes of objects removed
	Forgotten    int // chunks whose results nobody will need
}

// Reconciler repairs what has stopped, whatever the reason: a lost enqueue, a
// dead worker, a queue without memory. It looks at the state, never at events, so
// a repair that is interrupted is simply done the next time.
type Reconciler struct {
	*Dispatcher
	store  Store
	queue  Queue
	memory Memory
	blobs  Blobs
}

// NewReconciler returns a reconciler. Several may run; it is enough that one
// does.
func NewReconciler(d *Dispatcher, store Store, queue Queue, memory Memory, blobs Blobs) *Reconciler {
	return &Reconciler{Dispatcher: d, store: store, queue: queue, memory: memory, blobs: blobs}
}

// Reconcile applies every rule once, each for at most ruleTime. One that fails, or
// waits for something that does not answer, does not keep the others from being
// applied. Garbage comes last: nobody waits for it.
func (r *Reconciler) Reconcile(ctx context.Context) (Report, error) {
	var rep Report
	var errs []error
	for _, rule := range []func(context.Context, *Report) error{r.epoch, r.rescue, r.lost, r.unadvanced, r.waiting, r.expire, r.collect, r.forget} {
		errs = append(errs, apply(ctx, rule, &rep))
	}
	if rep != (Report{}) {
		zerolog.Ctx(ctx).Info().Interface("mended", rep).Msg("reconciled")
	}
	return rep, errors.Join(errs...)
}

func apply(ctx context.Context, rule func(context.Context, *Report) error, rep *Report) error {
	ctx, cancel := context.WithTimeout(ctx, ruleTime)
	defer cancel()
	return rule(ctx, rep)
}

// each calls do for every item. One that fails does not keep the others from their
// turn, unless it shows that whom they all need does not answer, or time is up.
func each[T any](ctx context.Context, items []T, do func(T) error) error {
	var errs []error
	for _, item := range items {
		if ctx.Err() != nil {
			return errors.Join(append(errs, ctx.Err())...)
		}
		err := do(item)
		errs = append(errs, err)
		if fault.Is(err, fault.Unavailable) {
			break
		}
	}
	return errors.Join(errs...)
}

// epoch puts everything back when the queue's memory is not the one that the
// steps were put into.
func (r *Reconciler) epoch(ctx context.Context, rep *Report) error {
	now, err := r.memory.Epoch(ctx)
	if err != nil {
		return fmt.Errorf("ask the queue's epoch: %w", err)
	}
	known, err := r.store.Epoch(ctx)
	if err != nil || known == now {
		return err
	}
	if rep.QueueLost, err = r.store.UndispatchAll(ctx); err != nil {
		return err
	}
	return r.store.SetEpoch(ctx, now)
}

// rescue takes steps away from workers that no longer renew their lease.
func (r *Reconciler) rescue(ctx context.Context, rep *Report) error {
	rescued, exhausted, err := r.store.Rescue(ctx, batch)
	if err != nil {
		return fmt.Errorf("rescue: %w", err)
	}
	rep.Rescued = len(rescued)
	return each(ctx, exhausted, func(s Step) error {
		zerolog.Ctx(ctx).Error().Stringer("step", s).Msg("begun too often, giving up")
		rep.Exhausted++
		return r.store.GiveUp(ctx, s, transcription.Failure{
			Code:    "gave_up",
			Message: fmt.Sprintf("This did not work after %d attempts, in the last of which the worker died. Please tell your administrator.", MaxAttempts),
		})
	})
}

// lost puts back steps whose task the queue does not have, though it accepted it.
func (r *Reconciler) lost(ctx context.Context, rep *Report) error {
	steps, err := r.store.Stale(ctx, lostAfter, batch)
	if err != nil {
		return wrap(err, "look for lost tasks")
	}
	err = each(ctx, steps, func(s Step) error {
		held, err := r.queue.Holds(ctx, s)
		if err != nil || held {
			return err
		}
		rep.Lost++
		return r.store.Undispatch(ctx, s)
	})
	return wrap(err, "look for lost tasks")
}

func (r *Reconciler) unadvanced(ctx context.Context, rep *Report) error {
	refs, err := r.store.Unadvanced(ctx, batch)
	if err != nil {
		return wrap(err, "advance runs")
	}
	err = each(ctx, refs, func(ref transcription.Ref) error {
		if err := r.store.Advance(ctx, ref); err != nil {
			return err
		}
		rep.Advanced++
		return nil
	})
	return wrap(err, "advance runs")
}

// waiting fills up the queue.
func (r *Reconciler) waiting(ctx context.Context, _ *Report) error { return r.dispatch(ctx) }

// collect removes what nobody needs, and writes each prefix off as it is gone: time
// may be up before all are.
func (r *Reconciler) collect(ctx context.Context, rep *Report) error {
	prefixes, err := r.store.Garbage(ctx, batch)
	if err != nil {
		return wrap(err, "collect garbage")
	}
	err = each(ctx, prefixes, func(p string) error {
		if err := r.blobs.DeletePrefix(ctx, p); err != nil {
			return err
		}
		rep.Collected++
		return r.store.Collected(ctx, []string{p})
	})
	return wrap(err, "collect garbage")
}

// expire deletes what is kept no longer.
func (r *Reconciler) expire(ctx context.Context, rep *Report) (err error) {
	rep.MediaExpired, rep.Expired, err = r.store.DeleteExpired(ctx, batch)
	return wrap(err, "delete what has expired")
}

// forget removes results that were kept for another run long enough.
func (r *Reconciler) forget(ctx context.Context, rep *Report) (err error) {
	rep.Forgotten, err = r.store.Forget(ctx, batch)
	return wrap(err, "forget results")
}

func wrap(err error, doing string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
