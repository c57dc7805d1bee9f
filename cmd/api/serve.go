package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/cmd/internal/backend"
	"github.com/turboscribe/turboscribe/config"
	"github.com/turboscribe/turboscribe/internal/api"
	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/daemon"
	"github.com/turboscribe/turboscribe/internal/kv"
	"github.com/turboscribe/turboscribe/internal/media"
	"github.com/turboscribe/turboscribe/internal/pdf"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/privacy"
	"github.com/turboscribe/turboscribe/internal/rate"
	"github.com/turboscribe/turboscribe/internal/seal"
	"github.com/turboscribe/turboscribe/internal/task"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/webhook"
)

// extents says what is encrypted of new uploads.
var extents = map[config.AtRest]seal.Extent{config.Nothing: seal.Nothing, config.Media: seal.Media, config.All: seal.All}

// queuesRoot is where administrators watch the queues.
const queuesRoot = "/admin/queues"

func serve(ctx context.Context, c config.API, b *backend.Backend, accounts *auth.Service) (err error) {
	if err := b.Check(ctx); err != nil {
		return err
	}
	if err := accounts.CheckRoles(ctx); err != nil {
		return fmt.Errorf("TS_REQUIRE_SECOND_FACTOR: %w", err)
	}
	monitor, closeMonitor, err := task.NewMonitor(b.QueueAt, queuesRoot, !c.QueuesWritable)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeMonitor()) }()
	proxies, err := prefixes(c.TrustedProxies)
	if err != nil {
		return err
	}
	health := daemon.NewHealth(daemon.NewRegistry(), b.Checks())
	transcriptions := transcription.NewService(b.DB, b.Objects(extents[c.EncryptAtRest]),
		workers{pipeline.NewDispatcher(b.DB, b.Queue, c.Redis.Window), b.Redis}, media.Sniff,
		transcription.Limits{MaxBytes: c.Limits.MaxUploadBytes, MaxDuration: c.Limits.MaxDuration, NoSearch: c.EncryptAtRest == config.All})
	webhooks, err := newWebhooks(c, b)
	if err != nil {
		return err
	}
	pages, err := pdf.Open(c.FontDir)
	if err != nil {
		return fmt.Errorf("TS_FONT_DIR: %w", err)
	}
	cache, err := seal.NewCache(b.Redis, b.Ring)
	if err != nil {
		return err
	}
	feed := transcription.NewFeed(b.DB, transcription.FeedOptions{Followers: c.MaxFollowers})
	limiter := rate.NewLimiter(b.Redis, nil)
	server, err := api.New(api.Options{ //nolint:contextcheck // each request has a context of its own
		PublicURL: c.PublicURL, InsecureCookies: c.InsecureCookies, Auth: accounts, Transcriptions: transcriptions, Webhooks: webhooks,
		Privacy: privacy.NewService(b.DB, accounts),
		Logger:  *zerolog.Ctx(ctx), HSTSSubdomains: c.HSTSSubdomains, AllowedOrigins: c.AllowedOrigins, TrustedProxies: proxies, MaxUploads: c.MaxUploads, UserStreams: c.UserStreams, RequestTimeout: c.RequestTimeout,
		Limiter: limiter, Rates: api.Rates(c.Rates),
		Feed: feed, Pages: pages, Queues: monitor, Cache: cache, Live: health.Public(), Ready: health.Public(),
	})
	if err != nil {
		return err
	}
	packer := transcription.NewPacker(transcriptions, b.DB, transcription.Exporter{Pages: pages})
	return listen(ctx, c, server.Handler(), health, daemon.Unit{Name: "exports", Run: packer.Run},
		daemon.Unit{Name: "hints", Run: backend.Hints(b.Redis.Changes, feed.Hint)}, daemon.Unit{Name: "feed", Run: feed.Run},
		daemon.Unit{Name: "limits", Run: limiter.Run}, daemon.Unit{Name: "mail", Run: accounts.DeliverMail})
}

func newWebhooks(c config.API, b *backend.Backend) (*webhook.Service, error) {
	hooks, err := b.Webhooks(c.Webhooks)
	if err != nil {
		return nil, err
	}
	rules, err := backend.Rules(c.Webhooks)
	return webhook.NewService(hooks, pipeline.NewDispatcher(b.DB, b.Queue, c.Redis.Window), rules), err
}

// listen serves until ctx ends. The others are stopped before requests are waited for:
// those that follow something would not end by themselves.
func listen(ctx context.Context, c config.API, h http.Handler, health *daemon.Health, others ...daemon.Unit) error {
	secure, err := tlsConfig(ctx, c.TLSCertFile, c.TLSKeyFile)
	if err != nil {
		return fmt.Errorf("TS_TLS_CERT_FILE, TS_TLS_KEY_FILE: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("listen on TS_API_ADDR: %w", err)
	}
	zerolog.Ctx(ctx).Info().Stringer("addr", listener.Addr()).Str("public_url", c.PublicURL).Msg("serving")
	var units []daemon.Unit
	if c.HealthAddr != "" {
		units = append(units, daemon.Serve(c.HealthAddr, health.Handler()))
	}
	units = append(append(units, httpUnit(ctx, listener, h, secure)), others...)
	return daemon.Run(ctx, c.Grace, append(units, health.Drain(0))...)
}

func prefixes(texts []string) ([]netip.Prefix, error) {
	var found []netip.Prefix
	for _, s := range texts {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("TS_TRUSTED_PROXIES: %w", err)
		}
		found = append(found, p)
	}
	return found, nil
}

// workers is the queue and the hints as the transcription service wants them.
type workers struct {
	*pipeline.Dispatcher
	redis *kv.KV
}

func (w workers) Stop(ctx context.Context, id uuid.UUID) error {
	return w.redis.Publish(ctx, id.String())
}
