package task

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"
	"golang.org/x/sync/semaphore"

	"github.com/turboscribe/turboscribe/internal/pipeline"
)

// delayInterval is how often asynq looks for tasks that were put back to be tried
// later.
const delayInterval = time.Second

// Server hands the tasks of the queues to the pipeline.
type Server struct {
	client      redis.UniversalClient
	lane        pipeline.Lane
	do          func(context.Context, pipeline.Step) error
	concurrency map[pipeline.Kind]int
	grace       time.Duration
	idle        time.Duration // see idleInterval
}

// NewServer returns a server that calls do for every task, of the kinds that have
// lanes for those in its lane. Concurrency says how many steps of a kind are worked on
// at once; kinds that are not in it are left to other workers. Grace is how long Run
// waits for steps to be handed back.
func NewServer(r Redis, lane pipeline.Lane, do func(context.Context, pipeline.Step) error, concurrency map[pipeline.Kind]int, grace time.Duration) (*Server, error) {
	client, err := r.connect()
	if err != nil {
		return nil, err
	}
	return &Server{client: client, lane: lane, do: do, concurrency: concurrency, grace: grace, idle: idleInterval}, nil
}

// Run works until ctx ends. Then nothing new is taken, the contexts of running
// steps end so that they are handed back, and Run returns when they have been, or
// when the grace is over. It can be called once.
func (s *Server) Run(ctx context.Context) (err error) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	steps := semaphore.NewWeighted(everyStep)
	wake := map[string]chan struct{}{}
	var servers []*asynq.Server
	defer func() {
		for _, srv := range servers {
			srv.Stop()
		}
		cancel()
		for _, srv := range servers {
			srv.Shutdown()
		}
		s.wait(ctx, steps)
		err = errors.Join(err, s.client.Close())
	}()
	for _, k := range pipeline.Kinds {
		n := s.concurrency[k]
		if n == 0 {
			continue
		}
		queue := s.queue(k)
		wake[queue] = make(chan struct{}, 1)
		srv := asynq.NewServerFromRedisClient(patient{s.client, s.idle, wake[queue], ctx.Done()}, s.config(ctx, queue, n))
		if err := srv.Start(s.handler(work, steps)); err != nil {
			return fmt.Errorf("take %s tasks: %w", k, err)
		}
		servers = append(servers, srv)
	}
	return listen(ctx, s.client, wake)
}

// queue returns the queue of a kind that this server serves.
func (s *Server) queue(k pipeline.Kind) string {
	if slices.Contains(k.Lanes(), s.lane) {
		return k.Queue(s.lane)
	}
	return k.Queue(pipeline.Common)
}

// everyStep is more than all steps that a worker can be at.
const everyStep = 1 << 30

// wait returns when no step runs any more. asynq does not wait for those whose
// task it believes to have lost.
func (s *Server) wait(ctx context.Context, steps *semaphore.Weighted) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.grace)
	defer cancel()
	if err := steps.Acquire(ctx, everyStep); err != nil {
		zerolog.Ctx(ctx).Warn().Dur("grace", s.grace).Msg("steps still run, their leases will expire")
	}
}

// config gives each kind a server of its own: one queue, one set of handlers. The
// end of ctx is not for asynq to see, see handler.
func (s *Server) config(ctx context.Context, queue string, concurrency int) asynq.Config {
	return asynq.Config{
		Concurrency:              concurrency,
		Queues:                   map[string]int{queue: 1},
		BaseContext:              func() context.Context { return context.WithoutCancel(ctx) },
		TaskCheckInterval:        checkInterval,
		DelayedTaskCheckInterval: delayInterval,
		ShutdownTimeout:          s.grace,
		RetryDelayFunc:           retryDelay,
		Logger:                   logger{zerolog.Ctx(ctx)},
		LogLevel:                 asynq.WarnLevel,
	}
}

// handler does steps on the context of the server's work, not on asynq's: that
// one ends when Redis has been gone for half a minute, though the lease in the
// store is still held, and when it ends asynq no longer waits for the step.
func (s *Server) handler(work context.Context, steps *semaphore.Weighted) asynq.Handler {
	return asynq.HandlerFunc(func(_ context.Context, t *asynq.Task) error {
		step, err := decode(t)
		if err != nil {
			zerolog.Ctx(work).Error().Err(err).Msg("task refused")
			return errors.Join(err, asynq.SkipRetry)
		}
		if err := steps.Acquire(work, 1); err != nil {
			return err
		}
		defer steps.Release(1)
		log := named(zerolog.Ctx(work).With(), step)
		begun := time.Now()
		if err := s.do(log.WithContext(work), step); err != nil {
			log.Error().Err(err).Msg("step not settled, the queue tries again")
			return err
		}
		log.Debug().Dur("took", time.Since(begun)).Msg("task done")
		return nil
	})
}

// named returns a log whose lines name the step.
func named(with zerolog.Context, s pipeline.Step) zerolog.Logger {
	with = with.Str("step", string(s.Kind)).Int("gen", s.Gen)
	if s.Kind == pipeline.Deliver {
		return with.Stringer("delivery", s.Ref.ID).Logger()
	}
	return with.Stringer("transcription", s.Ref.ID).Int("run", s.Ref.Run).Int("chunk", s.Index).Logger()
}

// retryDelay doubles from 2 s up to a minute. It is used only when the store
// could not be told how a step ended.
func retryDelay(n int, _ error, _ *asynq.Task) time.Duration {
	return min(2*time.Second<<min(n, 10), time.Minute)
}

// logger writes asynq's own messages.
type logger struct{ log *zerolog.Logger }

func (l logger) Debug(args ...any) { l.log.Debug().Msg(fmt.Sprint(args...)) }
func (l logger) Info(args ...any)  { l.log.Info().Msg(fmt.Sprint(args...)) }
func (l logger) Warn(args ...any)  { l.log.Warn().Msg(fmt.Sprint(args...)) }
func (l logger) Error(args ...any) { l.log.Error().Msg(fmt.Sprint(args...)) }

// Fatal is called by asynq when it cannot go on. It must not end the process from
// in here: daemon decides about that.
func (l logger) Fatal(args ...any) { l.log.Error().Msg(fmt.Sprint(args...)) }
