package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"
)

// lastCall is what a unit gets to stop in when those before it have used up the
// grace.
const lastCall = 500 * time.Millisecond

// Unit is a part of a process that runs until it is stopped.
type Unit struct {
	Name string
	// Run blocks until the unit is done. Its context ends only after Stop has
	// returned, so work in hand can be finished; a unit without Stop is stopped by
	// the end of the context.
	Run func(ctx context.Context) error
	// Stop, which may be nil, asks the unit to take nothing new, and waits for what
	// it has in hand until its own context ends.
	Stop func(ctx context.Context) error
}

// Run runs all units. When ctx ends, or a unit fails, it stops those that still
// run in reverse order, one after the other, all of them within grace, and
// returns the errors of all, each with the unit's name. A unit that does not stop
// in time is one of them; Run does not wait for it any longer. A unit that
// returns nil on its own leaves the others running.
func Run(ctx context.Context, grace time.Duration, units ...Unit) error {
	running := make([]*started, len(units))
	failed := make(chan struct{}, len(units))
	for i, u := range units {
		running[i] = start(ctx, u, failed)
	}
	waitForEnd(ctx, running, failed)
	deadline := time.Now().Add(grace)
	var errs []error
	for i := len(running) - 1; i >= 0; i-- {
		errs = append(errs, running[i].stop(ctx, deadline))
	}
	return errors.Join(errs...)
}

// started is a unit with its goroutine.
type started struct {
	Unit
	cancel context.CancelFunc
	done   chan struct{}
	err    error // of Run; to be read, as is failed, when done is closed
	failed bool  // it ended before it was told to
}

func start(ctx context.Context, u Unit, failed chan<- struct{}) *started {
	log := zerolog.Ctx(ctx)
	log.Info().Str("unit", u.Name).Msg("started")
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &started{Unit: u, cancel: cancel, done: make(chan struct{})}
	go func() {
		s.err = u.Run(run)
		if s.failed = s.err != nil && run.Err() == nil; s.failed {
			log.Error().Str("unit", u.Name).Err(s.err).Msg("failed")
		}
		close(s.done) // before somebody hears of it, or what has ended would be stopped
		if s.failed {
			failed <- struct{}{}
		}
	}()
	return s
}

// waitForEnd returns when the process is told to stop, when a unit fails, and
// when none runs any more.
func waitForEnd(ctx context.Context, running []*started, failed <-chan struct{}) {
	for _, s := range running {
		select {
		case <-s.done:
			select {
			case <-failed:
				return
			default:
			}
		case <-failed:
			return
		case <-ctx.Done():
			return
		}
	}
}

// stop asks the unit to stop, waits until it has and returns what went wrong.
func (s *started) stop(ctx context.Context, deadline time.Time) error {
	defer s.cancel()
	begun := time.Now()
	if earliest := begun.Add(lastCall); deadline.Before(earliest) {
		deadline = earliest
	}
	stopping, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline)
	defer cancel()
	var err error
	if s.Stop != nil && !s.isDone() {
		err = s.Stop(stopping)
	}
	s.cancel()
	select {
	case <-s.done:
	case <-stopping.Done():
	}
	if !s.isDone() {
		err = errors.Join(err, fmt.Errorf("it still ran after %s", time.Since(begun).Round(time.Millisecond)))
	} else if s.failed || !errors.Is(s.err, context.Canceled) {
		err = errors.Join(s.err, err)
	}
	return s.report(ctx, err, time.Since(begun))
}

func (s *started) isDone() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

func (s *started) report(ctx context.Context, err error, took time.Duration) error {
	log := zerolog.Ctx(ctx)
	if err != nil {
		log.Error().Str("unit", s.Name).Dur("took", took).Err(err).Msg("stopped with an error")
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	log.Info().Str("unit", s.Name).Dur("took", took).Msg("stopped")
	return nil
}
