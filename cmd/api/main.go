// Command api serves the HTTP API.
//
//	api          serves
//	api migrate  brings the database up to date, makes the bucket and the first administrator
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/cmd/internal/backend"
	"github.com/turboscribe/turboscribe/cmd/internal/build"
	"github.com/turboscribe/turboscribe/config"
	"github.com/turboscribe/turboscribe/internal/api"
	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/daemon"
	"github.com/turboscribe/turboscribe/internal/mail"
	"github.com/turboscribe/turboscribe/internal/oidc"
	"github.com/turboscribe/turboscribe/internal/rate"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

func main() { daemon.Main(run) }

// headroom is how much garbage may gather, in percent of what is in use: most of that are
// parts of uploads, a few for each.
const headroom = 60

func run(ctx context.Context, args []string, lookup func(string) (string, bool), stderr io.Writer) (err error) {
	c, err := config.LoadAPI(ctx, lookup)
	if err != nil {
		return err
	}
	log, err := daemon.Logger(stderr, c.Log.Level, "api")
	if err != nil {
		return err
	}
	log.Info().Str("version", build.Version()).Msg("starting")
	ctx = log.WithContext(ctx)
	servers := backend.Servers{Postgres: c.Postgres, Redis: c.Redis, S3: c.S3, Quota: c.Quota, Keys: c.Webhooks.EncryptionKey}
	if len(args) == 0 { // migrations take as long as they take
		servers.Statement, servers.Lock = c.RequestTimeout, c.RequestTimeout/lockShare
	}
	b, err := backend.Open(ctx, transcription.ByAPI, "api", servers)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	accounts, err := newAuth(ctx, c, b)
	if err != nil {
		return err
	}
	switch {
	case len(args) == 0:
		daemon.Headroom(lookup, headroom)
		return serve(ctx, c, b, accounts)
	case len(args) == 1 && args[0] == "migrate":
		return migrate(ctx, c, b, accounts)
	default:
		return fmt.Errorf("usage: api [migrate]; %q is neither", args)
	}
}

// lockShare is the part of the time of a request that it may wait for a lock: who waits longer
// would not be done in time behind it, and keeps a connection from others.
const lockShare = 3

func newAuth(ctx context.Context, c config.API, b *backend.Backend) (*auth.Service, error) {
	secrets := make([][]byte, len(c.JWTSecret))
	for i, s := range c.JWTSecret {
		secrets[i] = []byte(s)
	}
	mailer, err := newMailer(c.Mail)
	if err != nil {
		return nil, err
	}
	store, err := b.DB.Accounts(c.Webhooks.EncryptionKey)
	if err != nil {
		return nil, fmt.Errorf("TS_ENCRYPTION_KEY: %w", err)
	}
	roles := make([]auth.Role, len(c.RequireFactor))
	for i, r := range c.RequireFactor {
		roles[i] = auth.Role(r)
	}
	return auth.NewService(ctx, store, auth.Options{
		Secrets: secrets, Issuer: c.PublicURL, Attempts: rate.NewLimiter(b.Redis, nil), Mailer: mailer, RequireVerified: c.Mail.RequireVerified,
		RequireFactor: roles,
		Providers:     newProviders(c), NoRegistration: !c.OIDC.Register,
	})
}

// newMailer returns what sends mail, nil when nothing does.
func newMailer(c config.Mail) (auth.Mailer, error) {
	if c.Dir != "" {
		return mail.Directory{Path: c.Dir, From: c.From}, nil
	}
	if c.SMTP == "" {
		return nil, nil //nolint:nilnil // mail is an option
	}
	server, err := mail.NewSMTP(c.SMTP, c.From)
	if err != nil {
		return nil, fmt.Errorf("TS_SMTP_URL, TS_MAIL_FROM: %w", err)
	}
	return server, nil
}

// newProviders asks nobody anything yet.
func newProviders(c config.API) []auth.Provider {
	found := make([]auth.Provider, len(c.OIDC.Providers))
	for i, p := range c.OIDC.Providers {
		o := oidc.Options{
			Name: p.Name, Label: p.Label, Issuer: p.Issuer, ClientID: p.ClientID, ClientSecret: p.ClientSecret, Scopes: p.Scopes,
			Redirect: strings.TrimSuffix(c.PublicURL, "/") + api.ProviderPath(p.Name),
		}
		found[i] = oidc.NewOpenID(o)
		if p.Kind == config.GitHub {
			found[i] = oidc.NewGitHub(o)
		}
	}
	return found
}

// reseal encrypts secrets and data keys with the first key that an older one has encrypted,
// so that that one can be thrown away.
func reseal(ctx context.Context, c config.API, b *backend.Backend) error {
	n, err := b.DB.Reseal(ctx, c.Webhooks.EncryptionKey)
	if n > 0 {
		zerolog.Ctx(ctx).Info().Int("rows", n).Msg("secrets are encrypted with the first key of TS_ENCRYPTION_KEY now")
	}
	renewed, renewErr := b.DB.RenewSeals(ctx, b.Ring)
	if renewed > 0 {
		zerolog.Ctx(ctx).Info().Int("transcriptions", renewed).Msg("data keys are encrypted with the first key of TS_ENCRYPTION_KEY now")
	}
	return errors.Join(err, renewErr)
}

// migrate is safe to run at any time, also by several at once.
func migrate(ctx context.Context, c config.API, b *backend.Backend, accounts *auth.Service) error {
	if err := b.DB.Migrate(ctx); err != nil {
		return err
	}
	if err := reseal(ctx, c, b); err != nil {
		return err
	}
	if err := b.Blobs.EnsureBucket(ctx); err != nil {
		return err
	}
	if c.AdminEmail != "" {
		if err := accounts.EnsureAdmin(ctx, c.AdminEmail, c.AdminPassword); err != nil {
			return fmt.Errorf("TS_ADMIN_EMAIL: %w", err)
		}
	}
	zerolog.Ctx(ctx).Info().Msg("database, bucket and administrator are in place")
	return nil
}
