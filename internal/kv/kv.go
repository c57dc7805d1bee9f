// Package kv keeps short-lived facts in Redis.
//
// Nothing here is the truth: Postgres has that. Redis may be emptied at any time;
// Epoch tells when it was.
package kv

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/turboscribe/turboscribe/internal/fault"
)

const epochKey = "ts:epoch"

// Options tune a connection. The zero value works.
type Options struct {
	PoolSize int    // connections; ten for each processor when 0
	Name     string // shown by CLIENT LIST, to tell processes apart

	Roots *x509.CertPool // who may vouch for a server by rediss://; those of the system when nil
}

// KV is a connection pool to one Redis. It is safe for concurrent use.
type KV struct {
	client *redis.Client
	addr   string
	closed chan struct{}
	once   sync.Once
	hints  sync.WaitGroup
	untold chan string // ids that are to be published

	tellWait    time.Duration // see the constants
	cacheWait   time.Duration
	pausedUntil atomic.Int64 // when the cache is asked again, in nanoseconds since 1970
}

// Open returns a pool for a URL such as redis://user:password@host:6379/0, or
// rediss:// for TLS. It does not contact the server: use Check at start-up.
// Invalid: it is no such URL. What is wrong with it is not told, because the
// library's words for that quote the URL, and with it the password.
func Open(ctx context.Context, url string, o Options) (*KV, error) {
	ro, err := redis.ParseURL(url)
	if err != nil {
		return nil, fault.New(fault.Invalid, "The Redis URL is not understood. Write redis://user:password@host:6379/0, "+
			"with all signs of the password but letters and digits as %%XX.")
	}
	redis.SetLogger(silent{})
	if ro.TLSConfig != nil {
		ro.TLSConfig.RootCAs = o.Roots
	}
	ro.ClientName = o.Name
	ro.PoolSize = o.PoolSize
	ro.DialTimeout = 3 * time.Second
	ro.ReadTimeout = 3 * time.Second
	ro.WriteTimeout = 3 * time.Second
	ro.ConnMaxIdleTime = 5 * time.Minute
	ro.ContextTimeoutEnabled = true
	// Only one vendor's servers know these; the others log an error for each connection.
	ro.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	k := &KV{
		client: redis.NewClient(ro), addr: ro.Addr, closed: make(chan struct{}), untold: make(chan string, maxUntold),
		tellWait: tellWait, cacheWait: cacheWait,
	}
	k.hints.Go(func() { k.publishChanges(context.WithoutCancel(ctx)) })
	return k, nil
}

// silent keeps the library from writing to standard error, past our log: what it
// has to say comes back as errors, too.
type silent struct{}

// Printf drops the message.
func (silent) Printf(context.Context, string, ...any) {}

// Close publishes what is left, ends all subscriptions and closes the connections. It may be called
// twice.
func (k *KV) Close() error {
	var err error
	k.once.Do(func() {
		close(k.closed)
		k.hints.Wait()
		err = k.client.Close()
	})
	return err
}

// Ping asks whether the server answers; fault.Unavailable when it does not. It
// is meant for readiness checks.
func (k *KV) Ping(ctx context.Context) error {
	return k.fail(ctx, k.client.Ping(ctx).Err(), "ping")
}

// Epoch returns a value that stays the same for as long as Redis keeps its data.
// A changed one means that it was flushed, or failed over to a server without it:
// what was enqueued is gone. It tells nothing of a failover to a replica that has
// the value and lacks the latest writes; the steps lost that way are found one by
// one. created reports whether this call made the value, so that exactly one of
// several callers learns it first-hand.
func (k *KV) Epoch(ctx context.Context) (epoch string, created bool, err error) {
	fresh := rand.Text()
	for range 3 { // it can be flushed between the two commands
		created, err = k.client.SetNX(ctx, epochKey, fresh, 0).Result()
		if err != nil {
			return "", false, k.fail(ctx, err, "set the epoch")
		}
		if created {
			return fresh, true, nil
		}
		epoch, err = k.client.Get(ctx, epochKey).Result()
		if !errors.Is(err, redis.Nil) {
			return epoch, false, k.fail(ctx, err, "read the epoch")
		}
	}
	return "", false, k.fail(ctx, errors.New("it is removed as soon as it is set"), "read the epoch")
}

// fail makes a failed command fault.Unavailable, unless the caller gave up.
func (k *KV) fail(ctx context.Context, err error, doing string) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("redis at %s: %s: %w", k.addr, doing, err)
	if ctx.Err() != nil {
		return err
	}
	return fault.Wrap(err, fault.Unavailable, "The queue does not answer at the moment. Please try again in a few minutes.").
		WithCode("queue_unavailable")
}
