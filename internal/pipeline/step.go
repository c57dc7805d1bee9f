package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/semaphore"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// MaxAttempts is how often a step is begun before its run fails. Crashes count;
// outages of the storage do not.
const MaxAttempts = 5

// Options say how a worker works. The zero value works.
type Options struct {
	Worker string        // names this worker in leases
	Lease  time.Duration // how long a dead worker's step is left alone; 30 s
	Renew  time.Duration // how often a living one says so; a third of Lease
	Retry  time.Duration // before the second attempt, doubled for each further one; 2 s
	Chunk  audio.Samples // the longest chunk aimed at; 5 minutes
	Hold   time.Duration // how long chunks wait for others to be recorded with; 100 ms
	Hooks  Hooks         // sends deliveries; none: steps of that kind are left to other workers
}

func (o Options) withDefaults() Options {
	if o.Lease == 0 {
		o.Lease = 30 * time.Second
	}
	if o.Renew == 0 {
		o.Renew = o.Lease / 3
	}
	if o.Retry == 0 {
		o.Retry = 2 * time.Second
	}
	if o.Chunk == 0 {
		o.Chunk = audio.FromDuration(5 * time.Minute)
	}
	if o.Hold == 0 {
		o.Hold = 100 * time.Millisecond
	}
	return o
}

// Pipeline does the steps.
type Pipeline struct {
	*Dispatcher
	store  Store
	blobs  Blobs
	media  Media
	engine Engine
	slots  *semaphore.Weighted // of the engine, so that waiting for one is not taken for decoding
	o      Options
	hints  hints
}

// New returns a pipeline for a worker.
func New(d *Dispatcher, store Store, blobs Blobs, media Media, engine Engine, o Options) *Pipeline {
	return &Pipeline{
		Dispatcher: d, store: store, blobs: blobs, media: media, engine: engine,
		slots: semaphore.NewWeighted(int64(engine.Slots())), o: o.withDefaults(),
	}
}

// NewCourier returns a pipeline for a worker that does no steps but Deliver.
func NewCourier(d *Dispatcher, store Store, o Options) *Pipeline {
	return &Pipeline{Dispatcher: d, store: store, o: o.withDefaults()}
}

// Do does a step. It returns only when nothing of it runs any more, and nil when
// there is nothing left to do about it: it is done, not ours, handed back, or its
// run has failed. An error means that not even that could be recorded; the
// reconciler takes the step up again when its lease has expired.
func (p *Pipeline) Do(ctx context.Context, s Step) error {
	work, err := p.method(s.Kind)
	if err != nil {
		return err
	}
	l, err := p.store.Claim(ctx, s, p.o.Worker, p.o.Lease)
	if stale(err) {
		zerolog.Ctx(ctx).Debug().Err(err).Msg("not to be done")
		return nil
	}
	if err != nil {
		return fmt.Errorf("claim %s: %w", s, err)
	}
	err = p.underLease(ctx, l, work)
	return p.settle(ctx, l, err)
}

func (p *Pipeline) method(k Kind) (func(context.Context, Lease) error, error) {
	switch k {
	case Prepare:
		return p.prepare, nil
	case Transcribe:
		return p.transcribe, nil
	case Merge:
		return p.merge, nil
	case Deliver:
		return p.deliver, nil
	default:
		return nil, fault.New(fault.Invalid, "There is no step %q.", k)
	}
}

// errLost is the cause of a context whose lease could not be kept.
var errLost = errors.New("the lease is lost")

// underLease calls work with a context that ends when the lease is lost. A hint that
// came before is not missed: all work begins by looking whether the run is over.
func (p *Pipeline) underLease(ctx context.Context, l Lease, work func(context.Context, Lease) error) error {
	hint, done := p.hints.expect(l.Step.Ref.ID)
	defer done()
	ctx, cancel := context.WithCancelCause(ctx)
	ctx = counting(ctx)
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		p.renew(ctx, l, hint, cancel)
	}()
	err := work(ctx, l)
	if err != nil && errors.Is(context.Cause(ctx), errLost) {
		err = errLost
	}
	cancel(nil)
	<-renewed
	return err
}

// renew keeps the lease until ctx ends. It gives the lease up when the store says
// that it is lost, which it asks at once when there is a hint, and also when the
// store has not answered for so long that it may be: another worker might be at it
// by then. With each renewal it tells the store how much was heard.
func (p *Pipeline) renew(ctx context.Context, l Lease, hint <-chan struct{}, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(p.o.Renew)
	defer tick.Stop()
	kept := time.Now()
	told := audio.Samples(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-hint:
		}
		begun := time.Now()
		err := p.renewOnce(ctx, l)
		switch {
		case err == nil:
			kept = begun
			told = p.tell(ctx, l, told)
		case ctx.Err() != nil: // the step has ended meanwhile
			return
		case stale(err):
			zerolog.Ctx(ctx).Info().Err(err).Msg("lease lost")
			cancel(errLost)
			return
		case time.Since(kept) > p.o.Lease-p.o.Renew:
			zerolog.Ctx(ctx).Warn().Err(err).Msg("lease given up: it may be lost")
			cancel(errLost)
			return
		default:
			zerolog.Ctx(ctx).Warn().Err(err).Msg("lease not renewed yet")
		}
	}
}

// renewOnce gives up soon on a store that does not answer, so that renew can tell
// how long ago it last did.
func (p *Pipeline) renewOnce(ctx context.Context, l Lease) error {
	ctx, cancel := context.WithTimeout(ctx, p.o.Renew)
	defer cancel()
	return p.store.Renew(ctx, l, p.o.Lease)
}

// settle records how the work on a step ended.
func (p *Pipeline) settle(ctx context.Context, l Lease, err error) error {
	log := zerolog.Ctx(ctx)
	stopped := ctx.Err() != nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.o.Lease)
	defer cancel()
	switch {
	case err == nil:
		p.advance(ctx, l.Step.Ref)
		return nil
	case errors.Is(err, errLost), stale(err):
		log.Info().Err(err).Msg("result dropped: the run is over or the step somebody else's")
		return nil
	case stopped:
		log.Info().Msg("handed back")
		err = p.store.Release(ctx, l, 0, true)
	case blameless(err), l.Step.Kind == Deliver:
		after := p.retryAfter(outageAttempt)
		log.Warn().Err(err).Dur("retry_in", after).Msg("step put off, the attempt does not count")
		err = p.store.Release(ctx, l, after, true)
	case p.handsOn(ctx, l, err):
		after := p.retryAfter(1)
		log.Info().Err(err).Dur("retry_in", after).Msg("step left to a worker that has the model")
		err = p.store.Release(ctx, l, after, true)
	case fault.Permanent(err) && !elsewhere(err), l.Attempt >= MaxAttempts:
		log.Warn().Err(err).Int("attempt", l.Attempt).Msg("run failed")
		err = p.store.Fail(ctx, l, failure(err))
	default:
		after := p.retryAfter(l.Attempt)
		log.Warn().Err(err).Int("attempt", l.Attempt).Dur("retry_in", after).Msg("step failed")
		err = p.store.Release(ctx, l, after, false)
	}
	if err != nil && !stale(err) {
		return fmt.Errorf("settle %s: %w", l.Step, err)
	}
	p.advance(ctx, l.Step.Ref)
	return nil
}

// handsOn reports whether the step is for another worker, one that is known to have
// the model that this one lacks. When nobody can be asked, it is not: the attempt
// counts then.
func (p *Pipeline) handsOn(ctx context.Context, l Lease, err error) bool {
	if !elsewhere(err) {
		return false
	}
	there, err := p.store.Elsewhere(ctx, l)
	if err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("not known who has the model")
	}
	return there
}

// advance enqueues what has become ready. What cannot be enqueued now is left to
// the reconciler.
func (p *Pipeline) advance(ctx context.Context, ref transcription.Ref) {
	if err := p.Advance(ctx, ref); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("not advanced, left to the reconciler")
	}
}

// fillUp is advance where no step of its own can have become ready.
func (p *Pipeline) fillUp(ctx context.Context) {
	if err := p.dispatch(ctx); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("not dispatched, left to the reconciler")
	}
}

// retryAfter doubles with every attempt. It is spread by half, so that steps that
// failed together, say with the engine they shared, do not meet again.
func (p *Pipeline) retryAfter(attempt int) time.Duration {
	after := p.o.Retry << (attempt - 1)
	return after + rand.N(after/2+1) //nolint:gosec // nobody gains by foreseeing it
}

// outageAttempt is the attempt after which a step waits as long as after an outage:
// 16 s, and up to half more.
const outageAttempt = 4

// blameless reports whether neither the step nor the recording has a part in err: the
// storage does not answer, the operator has not given this worker a key, or the engine was
// stopped for what others have canceled.
// Attempts are there to find out what can never work, so these do not count; a run
// survives an outage of any length. A missing object is no outage.
func blameless(err error) bool {
	switch fault.Of(err).Code {
	case "storage_unavailable", "encryption_key_missing", "engine_interrupted":
		return true
	default:
		return false
	}
}

// elsewhere reports whether another worker may succeed: it may have the model
// that this one lacks, a sound file of it, or the memory.
func elsewhere(err error) bool {
	switch fault.Of(err).Code {
	case "model_not_installed", "model_unreadable", "model_damaged", "wrong_model", "model_too_large":
		return true
	default:
		return false
	}
}

// stale reports whether err means that the step is not ours to write about.
func stale(err error) bool {
	return fault.Is(err, fault.Conflict) || fault.Is(err, fault.NotFound)
}

// failure is what the owner of a run is told of err.
func failure(err error) transcription.Failure {
	f := fault.Of(err)
	if !fault.Permanent(err) {
		return transcription.Failure{
			Code:    "gave_up",
			Message: fmt.Sprintf("This did not work after %d attempts. Please try again later or tell your administrator.", MaxAttempts),
		}
	}
	return transcription.Failure{Code: f.Code, Message: f.Message}
}
