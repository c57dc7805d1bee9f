// Command scheduler repairs what has stopped and does periodic work. Several may
// run; one leads.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/cmd/internal/backend"
	"github.com/turboscribe/turboscribe/cmd/internal/build"
	"github.com/turboscribe/turboscribe/config"
	"github.com/turboscribe/turboscribe/internal/daemon"
	"github.com/turboscribe/turboscribe/internal/kv"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/privacy"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

func main() { daemon.Main(run) }

func run(ctx context.Context, args []string, lookup func(string) (string, bool), stderr io.Writer) (err error) {
	if len(args) > 0 {
		return fmt.Errorf("usage: scheduler, without %q", args)
	}
	c, err := config.LoadScheduler(ctx, lookup)
	if err != nil {
		return err
	}
	log, err := daemon.Logger(stderr, c.Log.Level, "scheduler")
	if err != nil {
		return err
	}
	log.Info().Str("version", build.Version()).Msg("starting")
	ctx = log.WithContext(ctx)
	b, err := backend.Open(ctx, transcription.ByScheduler, "scheduler", backend.Servers{Postgres: c.Postgres, Redis: c.Redis, S3: c.S3, Quota: c.Quota})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if err := b.Check(ctx); err != nil {
		return err
	}
	registry := daemon.NewRegistry()
	if err := register(ctx, registry, b.DB); err != nil {
		return err
	}
	health := daemon.NewHealth(registry, b.Checks())
	r := pipeline.NewReconciler(pipeline.NewDispatcher(b.DB, b.Queue, c.Redis.Window), b.DB, b.Queue, memory{b.Redis}, b.Blobs)
	lead := leader{db: b.DB, interval: c.Interval, duty: duty(r, privacy.NewSearcher(b.DB, b.Blobs, b.Queue), b)}
	return daemon.Run(ctx, c.Grace, daemon.Serve(c.HealthAddr, health.Handler()),
		daemon.Unit{Name: "presence", Run: presence{b.DB}.run}, daemon.Unit{Name: "reconcile", Run: lead.run}, health.Drain(0))
}

// unfinishedAfter is how old an upload without an end has to be to be removed:
// nobody waits for it any more.
const (
	unfinishedAfter = 24 * time.Hour
	sweepEvery      = time.Hour
)

// searchTime bounds how long what is to be mended waits for the storage to be searched.
// What was not reached is the next time.
const searchTime = 10 * time.Second

// duty returns what the leader does at every tick.
func duty(r *pipeline.Reconciler, s *privacy.Searcher, b *backend.Backend) func(context.Context) error {
	var swept time.Time
	return func(ctx context.Context) error {
		_, err := r.Reconcile(ctx)
		err = errors.Join(err, search(ctx, s))
		if time.Since(swept) < sweepEvery {
			return err
		}
		swept = time.Now()
		return errors.Join(err, sweep(ctx, b))
	}
}

// search looks for what deleted accounts have left.
func search(ctx context.Context, s *privacy.Searcher) error {
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	return s.Search(ctx)
}

// sweep removes what nobody waits for or asks about any more.
func sweep(ctx context.Context, b *backend.Backend) error {
	uploads, err := b.Blobs.AbortUploads(ctx, "u/", unfinishedAfter)
	deliveries, forgetErr := b.DB.ForgetDeliveries(ctx)
	if uploads+deliveries > 0 {
		zerolog.Ctx(ctx).Info().Int("uploads", uploads).Int("deliveries", deliveries).Msg("unfinished uploads and old deliveries removed")
	}
	return errors.Join(err, forgetErr)
}

// memory is Redis as the reconciler sees it.
type memory struct{ redis *kv.KV }

func (m memory) Epoch(ctx context.Context) (string, error) {
	epoch, _, err := m.redis.Epoch(ctx)
	return epoch, err
}
