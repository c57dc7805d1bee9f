// Package backend opens the three servers that every program works with.
package backend

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/config"
	"github.com/turboscribe/turboscribe/internal/blob"
	"github.com/turboscribe/turboscribe/internal/daemon"
	"github.com/turboscribe/turboscribe/internal/kv"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/seal"
	"github.com/turboscribe/turboscribe/internal/task"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// Backend holds the open clients.
type Backend struct {
	DB    *postgres.DB
	Redis *kv.KV
	Queue *task.Client
	Blobs *blob.Store
	Ring  *seal.Keyring // of TS_ENCRYPTION_KEY; nil without one

	QueueAt task.Redis // where Queue is, for those who open it in their own way
}

// Servers says where they are, what is let into the queue, and what is encrypted with.
type Servers struct {
	Postgres config.Postgres
	Redis    config.Redis
	S3       config.S3
	Quota    config.Quota
	Keys     []string // TS_ENCRYPTION_KEY; none: what is encrypted cannot be read

	Statement, Lock time.Duration // bounds of what the database does, see postgres.Options
}

// Open returns clients that have not connected yet. Name is shown to those who
// look at the servers' connections; it and kind name the program in events.
func Open(ctx context.Context, kind transcription.ActorKind, name string, o Servers) (b *Backend, err error) {
	b = &Backend{}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.Close())
		}
	}()
	if len(o.Keys) > 0 {
		if b.Ring, err = seal.NewKeyring(o.Keys); err != nil {
			return b, fmt.Errorf("TS_ENCRYPTION_KEY: %w", err)
		}
	}
	b.QueueAt.URL = o.Redis.URL
	if b.QueueAt.Roots, err = config.Roots(o.Redis.CAFile); err != nil {
		return b, fmt.Errorf("TS_REDIS_CA_FILE: %w", err)
	}
	if b.Redis, err = kv.Open(ctx, o.Redis.URL, kv.Options{Roots: b.QueueAt.Roots}); err != nil {
		return b, err
	}
	b.DB, err = postgres.Open(postgres.Options{
		URL: o.Postgres.URL, Name: name, Kind: kind, MaxConns: o.Postgres.MaxConns, Ring: b.Ring, Statement: o.Statement, Lock: o.Lock,
		Quota: transcription.Quota{
			Queued: o.Quota.UserQueued, Running: o.Quota.UserRunning, Active: o.Quota.UserActive, Backlog: o.Quota.Queued,
			Bytes: o.Quota.UserBytes, Sound: time.Duration(o.Quota.UserMinutes) * time.Minute,
		},
		Tell: func(id uuid.UUID) { b.Redis.Tell(id.String()) },
	})
	if err != nil {
		return b, err
	}
	if b.Queue, err = task.NewClient(b.QueueAt); err != nil {
		return b, err
	}
	b.Blobs, err = openBlobs(ctx, o.S3)
	return b, err
}

func openBlobs(ctx context.Context, c config.S3) (*blob.Store, error) {
	roots, err := config.Roots(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("TS_S3_CA_FILE: %w", err)
	}
	return blob.Open(ctx, blob.Options{
		Endpoint: c.Endpoint, PublicEndpoint: c.PublicEndpoint, Region: c.Region, Bucket: c.Bucket,
		AccessKey: c.AccessKey, SecretKey: c.SecretKey, PathStyle: c.PathStyle, Roots: roots,
	})
}

// Close ends the connections, those opened last first.
func (b *Backend) Close() error {
	var errs []error
	if b.Queue != nil {
		errs = append(errs, b.Queue.Close())
	}
	if b.DB != nil {
		errs = append(errs, b.DB.Close())
	}
	if b.Redis != nil {
		errs = append(errs, b.Redis.Close())
	}
	return errors.Join(errs...)
}

// Check asks every server whether it is there and fit for use, and returns all
// that is wrong. It is made for the start of a program.
func (b *Backend) Check(ctx context.Context) error {
	redis, redisErr := b.Redis.Check(ctx)
	for _, w := range redis.Warnings {
		zerolog.Ctx(ctx).Warn().Msg(w)
	}
	if redisErr == nil { // or it would be told twice
		redisErr = b.Queue.Check(ctx)
	}
	return errors.Join(b.DB.Check(ctx), redisErr, b.Blobs.Check(ctx))
}

// Checks returns a cheap check of each server by its name, for readiness.
func (b *Backend) Checks() map[string]daemon.Check {
	return map[string]daemon.Check{"postgres": b.DB.Check, "redis": b.Redis.Ping, "s3": b.Blobs.Ping}
}
