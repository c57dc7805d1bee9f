// Command worker does the steps: it prepares, transcribes, merges and delivers. Built
// with -tags whisper it is worker-cpu, with -tags whisper,gpu worker-gpu, and without
// them worker-hooks, which only delivers.
//
// The engine runs in a child process of the same program.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/cmd/internal/backend"
	"github.com/turboscribe/turboscribe/cmd/internal/build"
	"github.com/turboscribe/turboscribe/config"
	"github.com/turboscribe/turboscribe/internal/daemon"
	"github.com/turboscribe/turboscribe/internal/media"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/seal"
	"github.com/turboscribe/turboscribe/internal/task"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/whisper"
)

func main() { daemon.Main(run) }

func run(ctx context.Context, args []string, lookup func(string) (string, bool), stderr io.Writer) (err error) {
	if ran, err := whisper.RunChild(ctx, args); ran {
		return err
	}
	if len(args) > 0 {
		return fmt.Errorf("usage: %s, without %q", program, args)
	}
	c, err := config.LoadWorker(ctx, lookup)
	if err != nil {
		return err
	}
	log, err := daemon.Logger(stderr, c.Log.Level, program)
	if err != nil {
		return err
	}
	log.Info().Str("version", build.Version()).Msg("starting")
	ctx = log.WithContext(ctx)
	if c.Name == "" {
		host, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("find the host's name: %w", err)
		}
		c.Name = fmt.Sprintf("%s-%s-%d", program, host, os.Getpid())
	}
	if device == courier {
		return deliver(ctx, c)
	}
	daemon.Headroom(lookup, headroom)
	return work(ctx, c)
}

// headroom is how much garbage may gather, in percent of what is in use. The sound of
// chunks comes and goes by 10 MB, and the time is the engine's anyway.
const headroom = 40

// work opens everything, bottom-up, and does steps until ctx ends.
func work(ctx context.Context, c config.Worker) (err error) {
	registry := daemon.NewRegistry()
	restarts, err := daemon.Counter(registry, "turboscribe_engine_restarts_total",
		"How often the engine process was started again: after a crash, after it was killed to end what was canceled, "+
			"after many answers, and after nobody had called it.",
		"reason", whisper.RestartReasons()...)
	if err != nil {
		return err
	}
	engine, err := whisper.Open(ctx, whisper.Options{
		ModelDir: c.ModelDir, SpeechModel: c.SpeechModel, BackendDir: c.GGMLBackends, Slots: c.Slots, Threads: c.Threads,
		GPU: gpu, Device: c.Device, IdleUnload: c.IdleUnload, Memory: c.ModelMemory, Weights: c.Weights, DTW: c.DTW, Isolated: true,
		OnRestart: restarts,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	m, err := media.Open(ctx, media.Options{TempDir: c.WorkDir, MaxDuration: c.Limits.MaxDuration})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	b, err := backend.Open(ctx, transcription.ByWorker, c.Name, backend.Servers{Postgres: c.Postgres, Redis: c.Redis, S3: c.S3, Quota: c.Quota, Keys: c.Webhooks.EncryptionKey})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if err := b.Check(ctx); err != nil {
		return err
	}
	sender, err := b.Sender(c.Webhooks, registry)
	if err != nil {
		return err
	}
	steps := pipeline.New(pipeline.NewDispatcher(b.DB, b.Queue, c.Redis.Window), b.DB, b.Objects(seal.Nothing), m, engine,
		pipeline.Options{Worker: c.Name, Lease: c.Lease, Hooks: sender})
	tasks, err := task.NewServer(b.QueueAt, pipeline.Lane(device), steps.Do, map[pipeline.Kind]int{
		pipeline.Prepare: c.Prepares, pipeline.Transcribe: engine.Slots(), pipeline.Merge: 1, pipeline.Deliver: c.Deliveries,
	}, c.Grace)
	if err != nil {
		return err
	}
	health := daemon.NewHealth(registry, b.Checks())
	zerolog.Ctx(ctx).Info().Str("worker", c.Name).Int("slots", engine.Slots()).Strs("models", engine.Installed()).
		Str("isolation", m.Isolation()).Msg("working")
	return daemon.Run(ctx, c.Grace, daemon.Serve(c.HealthAddr, health.Handler()),
		daemon.Unit{Name: "presence", Run: presence{b.DB, engine, c.Name, c.BacklogBytes}.run},
		daemon.Unit{Name: "hints", Run: backend.Hints(b.Redis.Hints, steps.Hint)},
		daemon.Unit{Name: "tasks", Run: tasks.Run}, health.Drain(0))
}
