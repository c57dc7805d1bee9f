package main

import (
	"context"
	"errors"

	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/cmd/internal/backend"
	"github.com/turboscribe/turboscribe/config"
	"github.com/turboscribe/turboscribe/internal/daemon"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/task"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// courier is what a worker decodes on that was built without whisper.
const courier = "nothing"

// deliver is all the work of such a worker: it sends events, and may be where there is
// a way out, which recordings are better kept away from.
func deliver(ctx context.Context, c config.Worker) (err error) {
	if c.Deliveries == 0 {
		return errors.New("TS_WORKER_DELIVERIES is 0, but this worker does nothing else: it was built without the tag whisper")
	}
	b, err := backend.Open(ctx, transcription.ByWorker, c.Name, backend.Servers{Postgres: c.Postgres, Redis: c.Redis, S3: c.S3, Quota: c.Quota, Keys: c.Webhooks.EncryptionKey})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if err := b.Check(ctx); err != nil {
		return err
	}
	registry := daemon.NewRegistry()
	sender, err := b.Sender(c.Webhooks, registry)
	if err != nil {
		return err
	}
	steps := pipeline.NewCourier(pipeline.NewDispatcher(b.DB, b.Queue, c.Redis.Window), b.DB,
		pipeline.Options{Worker: c.Name, Lease: c.Lease, Hooks: sender})
	tasks, err := task.NewServer(b.QueueAt, pipeline.Common, steps.Do, map[pipeline.Kind]int{pipeline.Deliver: c.Deliveries}, c.Grace)
	if err != nil {
		return err
	}
	health := daemon.NewHealth(registry, b.Checks())
	zerolog.Ctx(ctx).Info().Str("worker", c.Name).Int("deliveries", c.Deliveries).Msg("delivering")
	return daemon.Run(ctx, c.Grace, daemon.Serve(c.HealthAddr, health.Handler()),
		daemon.Unit{Name: "tasks", Run: tasks.Run}, health.Drain(0))
}
