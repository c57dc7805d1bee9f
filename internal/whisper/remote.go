package whisper

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/semaphore"

	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// maxBackoff is the longest pause before a process that keeps crashing is
// started again.
const maxBackoff = 30 * time.Second

// maxAsks bounds how often a call is asked whose process is killed for others that
// were canceled. Each time it loses what was done of it. Then it ends as Unavailable
// engine_interrupted, which is not its fault: whoever counts attempts should not
// count that one.
const maxAsks = 5

// recycleAfter is how many answers a process gives before another takes its place:
// what drivers and allocators lose with every window must not add up for ever.
const recycleAfter = 5000

// everybody is more calls than there ever are.
const everybody = 1 << 30

// remote is the host in an engine process. It starts another one when the first
// is gone and somebody calls: at once after the first crash, later the longer the
// more often it has crashed for nothing. A process is also killed to end a canceled
// call that does not end by itself. That is no crash: the next one is started
// without a pause, and the other calls that were in work are asked again there.
//
// Between calls it ends the process itself: when that has given many answers, and
// when nobody has called for so long that its models have left the memory and as long
// again.
type remote struct {
	o    Options
	args []string
	log  *zerolog.Logger

	limit int64               // of the answers of a process
	work  *semaphore.Weighted // a call holds one, who ends the process all
	idle  *time.Timer         // nil: it may be idle for ever

	turn    chan struct{} // holds one: the right to use what follows
	process *process
	retired string // why the process was ended between calls; empty: it was not
	crashes int    // in a row, without an answer in between
}

func openRemote(ctx context.Context, o Options) (host, setup, error) {
	if err := linked(); err != nil {
		return nil, setup{}, err
	}
	r, err := newRemote(ctx, o, childArgument)
	if err != nil {
		return nil, setup{}, err
	}
	return r, r.process.setup, nil
}

// newRemote starts a process. Those that follow are opened with what the first one
// found out about its machine, so that the worker need not be told anew.
func newRemote(ctx context.Context, o Options, args ...string) (*remote, error) {
	p, err := startProcess(ctx, o, args...)
	if err != nil {
		return nil, err
	}
	found := p.setup.Options
	found.OnRestart = o.OnRestart
	r := &remote{
		o: found, args: args, log: zerolog.Ctx(ctx), limit: recycleAfter, work: semaphore.NewWeighted(everybody),
		turn: make(chan struct{}, 1), process: p,
	}
	if o.IdleUnload > 0 {
		r.idle = time.AfterFunc(2*o.IdleUnload, r.rest)
	}
	return r, nil
}

func (r *remote) detect(ctx context.Context, m transcription.Model, pcm []int16) (found map[string]float64, err error) {
	err = r.ask(ctx, askDetect, request{Model: m}, pcm, &found)
	return found, err
}

func (r *remote) decode(ctx context.Context, m transcription.Model, o pipeline.DecodeOptions, pcm []int16) (found []transcription.Segment, err error) {
	err = r.ask(ctx, askDecode, request{Model: m, Options: o}, pcm, &found)
	return found, err
}

func (r *remote) speech(ctx context.Context, file string, pcm []int16) (found []float32, err error) {
	err = r.ask(ctx, askSpeech, request{Speech: file}, pcm, &found)
	return found, err
}

// ask asks the process, and the next one when that one is killed for another call,
// maxAsks in all.
func (r *remote) ask(ctx context.Context, kind byte, q request, pcm []int16, answer any) error {
	for range maxAsks {
		p, err := r.enter(ctx)
		if err != nil {
			return err
		}
		err = p.ask(ctx, kind, q, pcm, answer)
		r.leave()
		if !errors.Is(err, errSacrificed) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return errSacrificed
}

// enter counts a call in and returns the process for it. Where it is time for another
// process, it waits until the calls in work have ended.
func (r *remote) enter(ctx context.Context) (*process, error) {
	for {
		if err := r.work.Acquire(ctx, 1); err != nil {
			return nil, err
		}
		p, err := r.running(ctx)
		if err == nil && p.answers.Load() < r.limit {
			return p, nil
		}
		r.work.Release(1)
		if err == nil {
			err = r.recycle(ctx)
		}
		if err != nil {
			return nil, err
		}
	}
}

// leave counts a call out.
func (r *remote) leave() {
	r.work.Release(1)
	if r.idle != nil {
		r.idle.Reset(2 * r.o.IdleUnload)
	}
}

// recycle ends a process that has given its answers, unless another call has done so.
func (r *remote) recycle(ctx context.Context) error {
	if err := r.work.Acquire(ctx, everybody); err != nil {
		return err
	}
	defer r.work.Release(everybody)
	return r.retire(RestartRecycle, r.limit)
}

// rest ends a process that nobody has called for a while.
func (r *remote) rest() {
	if !r.work.TryAcquire(everybody) {
		return // and when it ends, that call starts the time anew
	}
	defer r.work.Release(everybody)
	if err := r.retire(RestartIdle, 0); err != nil {
		r.log.Warn().Err(err).Msg("speech engine was not ended properly")
	}
}

// retire ends a process that has given so many answers. There is no call in work.
func (r *remote) retire(reason string, answers int64) error {
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	if r.process.gone() || r.process.answers.Load() < answers {
		return nil
	}
	r.log.Info().Str("reason", reason).Int64("answers", r.process.answers.Load()).Msg("speech engine is ended")
	r.retired = reason
	return r.process.close()
}

// running returns the process, which it starts again when it is gone.
func (r *remote) running(ctx context.Context) (*process, error) {
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-r.turn }()
	if !r.process.gone() {
		return r.process, nil
	}
	if r.process.useful.Swap(false) {
		r.crashes = 0
	}
	if r.process.sacrificed.Load() {
		return r.restart(ctx, RestartCancel)
	}
	if r.retired != "" {
		return r.restart(ctx, r.retired)
	}
	if err := pause(ctx, backoff(r.crashes)); err != nil {
		return nil, err
	}
	r.crashes++
	r.log.Warn().Err(r.process.err).Int("crashes", r.crashes).Msg("speech engine has crashed")
	return r.restart(ctx, RestartCrash)
}

// restart starts another process. One that cannot be started counts as crashed,
// whatever became of the one before.
func (r *remote) restart(ctx context.Context, reason string) (*process, error) {
	r.log.Info().Str("reason", reason).Msg("speech engine is started again")
	if r.o.OnRestart != nil {
		r.o.OnRestart(reason)
	}
	p, err := startProcess(r.log.WithContext(ctx), r.o, r.args...)
	if err == nil {
		r.process, r.retired = p, ""
	} else if ctx.Err() == nil {
		r.process.sacrificed.Store(false)
		r.retired = ""
	}
	return p, err
}

func (r *remote) close() error {
	if r.idle != nil {
		r.idle.Stop()
	}
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	return r.process.close()
}

// backoff is the pause after that many crashes in a row.
func backoff(crashes int) time.Duration {
	if crashes == 0 {
		return 0
	}
	return min(time.Second<<min(crashes-1, 10), maxBackoff)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}
