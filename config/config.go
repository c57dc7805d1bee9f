// Package config reads the configuration of the programs from the environment.
//
// All variables begin with TS_ and are described in example.env. A secret can
// also be given as a file: TS_JWT_SECRET_FILE names the file that holds
// TS_JWT_SECRET. Everything that is wrong is reported at once.
package config

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"time"
)

// Lookup finds an environment variable; os.LookupEnv is one.
type Lookup func(key string) (string, bool)

// Log says what is logged.
type Log struct {
	Level string `env:"TS_LOG_LEVEL, default=info"`
}

// Postgres says where the database is.
type Postgres struct {
	URL      string `env:"TS_DATABASE_URL, required" secret:"true"`
	MaxConns int    `env:"TS_DATABASE_MAX_CONNS, default=10"`
}

// Redis says where the task queue is.
type Redis struct {
	URL    string `env:"TS_REDIS_URL, required" secret:"true"`
	CAFile string `env:"TS_REDIS_CA_FILE"`
	// Window is how many steps are in each lane of the queue at once; 0 fits it to
	// the workers.
	Window int `env:"TS_QUEUE_WINDOW, default=0"`
}

// S3 says where recordings are kept.
type S3 struct {
	Endpoint string `env:"TS_S3_ENDPOINT"`
	// PublicEndpoint is where browsers reach the same server; empty: they do not.
	PublicEndpoint string `env:"TS_S3_PUBLIC_ENDPOINT"`
	Region         string `env:"TS_S3_REGION, default=us-east-1"`
	Bucket         string `env:"TS_S3_BUCKET, required"`
	AccessKey      string `env:"TS_S3_ACCESS_KEY, required"`
	SecretKey      string `env:"TS_S3_SECRET_KEY, required" secret:"true"`
	PathStyle      bool   `env:"TS_S3_PATH_STYLE, default=true"`
	CAFile         string `env:"TS_S3_CA_FILE"`
}

// Limits bound what is accepted.
type Limits struct {
	MaxUploadBytes int64         `env:"TS_MAX_UPLOAD_BYTES, default=10737418240"`
	MaxDuration    time.Duration `env:"TS_MAX_DURATION, default=12h"`
}

// Quota bounds what is on its way; 0 is no bound.
type Quota struct {
	UserQueued  int   `env:"TS_USER_MAX_QUEUED, default=10000"`
	UserRunning int   `env:"TS_USER_MAX_RUNNING, default=0"`
	UserActive  int   `env:"TS_USER_MAX_ACTIVE, default=0"`
	UserBytes   int64 `env:"TS_USER_MAX_BYTES, default=0"`
	UserMinutes int   `env:"TS_USER_MAX_MINUTES, default=0"`
	Queued      int   `env:"TS_MAX_QUEUED, default=100000"`
}

// Rates bound how many requests a minute has for one account; 0 is no bound. Address is
// how many times as many one address has.
type Rates struct {
	SignIn  int `env:"TS_RATE_SIGN_IN, default=60"`
	Upload  int `env:"TS_RATE_UPLOAD, default=600"`
	Export  int `env:"TS_RATE_EXPORT, default=1200"`
	Media   int `env:"TS_RATE_MEDIA, default=1200"`
	Read    int `env:"TS_RATE_READ, default=12000"`
	Write   int `env:"TS_RATE_WRITE, default=3000"`
	Address int `env:"TS_RATE_ADDRESS, default=10"`
}

// Webhooks say where events may be sent, and what hides the secrets they are signed
// with.
type Webhooks struct {
	EncryptionKey []string `env:"TS_ENCRYPTION_KEY, required" secret:"true"`
	AllowHTTP     bool     `env:"TS_WEBHOOK_ALLOW_HTTP, default=false"`
	Networks      []string `env:"TS_WEBHOOK_NETWORKS"`
}

// Mail says how mail is sent; by nothing when neither is set.
type Mail struct {
	SMTP string `env:"TS_SMTP_URL" secret:"true"`
	Dir  string `env:"TS_MAIL_DIR"`
	From string `env:"TS_MAIL_FROM"`
	// RequireVerified has people confirm their address before they sign in.
	RequireVerified bool `env:"TS_REQUIRE_VERIFIED_EMAIL, default=false"`
}

// AtRest is what of a new transcription is encrypted where it is kept.
type AtRest string

// What may be encrypted.
const (
	Nothing AtRest = "none"
	Media   AtRest = "media" // the recording, and what is made of its sound
	All     AtRest = "all"   // what was said in it as well
)

func (a AtRest) validate() error {
	if a != Nothing && a != Media && a != All {
		return fmt.Errorf("TS_ENCRYPT_AT_REST is %q, it must be none, media or all", string(a))
	}
	return nil
}

// API configures cmd/api.
type API struct {
	Log      Log
	Postgres Postgres
	Redis    Redis
	S3       S3
	Quota    Quota
	Limits   Limits
	Webhooks Webhooks
	Rates    Rates
	Mail     Mail
	OIDC     OIDC

	Addr            string        `env:"TS_API_ADDR, default=127.0.0.1:8080"`
	HealthAddr      string        `env:"TS_API_HEALTH_ADDR"`
	PublicURL       string        `env:"TS_PUBLIC_URL, default=http://127.0.0.1:8080"`
	TLSCertFile     string        `env:"TS_TLS_CERT_FILE"`
	TLSKeyFile      string        `env:"TS_TLS_KEY_FILE"`
	InsecureCookies bool          `env:"TS_INSECURE_COOKIES, default=false"`
	HSTSSubdomains  bool          `env:"TS_HSTS_SUBDOMAINS, default=false"`
	AllowedOrigins  []string      `env:"TS_ALLOWED_ORIGINS"`
	TrustedProxies  []string      `env:"TS_TRUSTED_PROXIES"`
	JWTSecret       []string      `env:"TS_JWT_SECRET, required" secret:"true"`
	RequireFactor   []string      `env:"TS_REQUIRE_SECOND_FACTOR"`
	EncryptAtRest   AtRest        `env:"TS_ENCRYPT_AT_REST, default=none"`
	AdminEmail      string        `env:"TS_ADMIN_EMAIL"`
	AdminPassword   string        `env:"TS_ADMIN_PASSWORD" secret:"true"`
	UserStreams     int           `env:"TS_USER_MAX_STREAMS, default=16"`
	MaxUploads      int           `env:"TS_MAX_UPLOADS, default=64"`
	MaxFollowers    int           `env:"TS_MAX_FOLLOWERS, default=10000"`
	FontDir         string        `env:"TS_FONT_DIR"`
	QueuesWritable  bool          `env:"TS_QUEUES_WRITABLE, default=false"`
	RequestTimeout  time.Duration `env:"TS_REQUEST_TIMEOUT, default=30s"`
	Grace           time.Duration `env:"TS_SHUTDOWN_GRACE, default=30s"`
}

// Worker configures cmd/worker.
type Worker struct {
	Log      Log
	Postgres Postgres
	Redis    Redis
	S3       S3
	Quota    Quota
	Limits   Limits
	Webhooks Webhooks

	Name         string        `env:"TS_WORKER_NAME"`
	HealthAddr   string        `env:"TS_WORKER_HEALTH_ADDR, default=127.0.0.1:8081"`
	ModelDir     string        `env:"TS_MODEL_DIR, default=models"`
	SpeechModel  string        `env:"TS_VAD_MODEL"`
	WorkDir      string        `env:"TS_WORK_DIR"`
	GGMLBackends string        `env:"TS_GGML_BACKENDS"`
	Slots        int           `env:"TS_WORKER_SLOTS, default=0"`
	Threads      int           `env:"TS_WORKER_THREADS, default=0"`
	Device       int           `env:"TS_WORKER_DEVICE, default=-1"`
	Prepares     int           `env:"TS_WORKER_PREPARES, default=1"`
	Deliveries   int           `env:"TS_WORKER_DELIVERIES, default=8"`
	BacklogBytes int64         `env:"TS_WORKER_BACKLOG_BYTES, default=600000000"`
	IdleUnload   time.Duration `env:"TS_MODEL_IDLE_UNLOAD, default=10m"`
	ModelMemory  int64         `env:"TS_MODEL_MEMORY, default=0"`
	Weights      string        `env:"TS_WORKER_WEIGHTS"`
	DTW          bool          `env:"TS_WORKER_DTW, default=false"`
	Lease        time.Duration `env:"TS_LEASE, default=30s"`
	Grace        time.Duration `env:"TS_SHUTDOWN_GRACE, default=30s"`
}

// Scheduler configures cmd/scheduler.
type Scheduler struct {
	Log      Log
	Postgres Postgres
	Redis    Redis
	S3       S3
	Quota    Quota

	HealthAddr string        `env:"TS_SCHEDULER_HEALTH_ADDR, default=127.0.0.1:8082"`
	Interval   time.Duration `env:"TS_RECONCILE_INTERVAL, default=3s"`
	Grace      time.Duration `env:"TS_SHUTDOWN_GRACE, default=30s"`
}

// LoadAPI returns the configuration of cmd/api or all that is wrong with it.
func LoadAPI(ctx context.Context, lookup Lookup) (API, error) {
	var c API
	err := errors.Join(load(ctx, &c, lookup), c.Postgres.validate(), c.Redis.validate(), c.S3.validate(), c.Quota.validate(), c.Limits.validate(), c.Webhooks.validate(),
		c.Mail.validate(), c.Rates.validate(), c.checkTLS(), checkURL("TS_PUBLIC_URL", c.PublicURL),
		atLeast("TS_MAX_UPLOADS", c.MaxUploads, 1), atLeast("TS_USER_MAX_STREAMS", c.UserStreams, 1), atLeast("TS_MAX_FOLLOWERS", c.MaxFollowers, 1),
		atLeast("TS_REQUEST_TIMEOUT", c.RequestTimeout, time.Second), enoughGrace(c.Grace))
	err = errors.Join(err, c.EncryptAtRest.validate(), c.OIDC.load(lookup))
	if (c.AdminEmail == "") != (c.AdminPassword == "") {
		err = errors.Join(err, errors.New("TS_ADMIN_EMAIL and TS_ADMIN_PASSWORD belong together: set both or none"))
	}
	return c, errors.Join(err, longEnough("TS_JWT_SECRET", c.JWTSecret))
}

// LoadWorker returns the configuration of cmd/worker or all that is wrong with it.
func LoadWorker(ctx context.Context, lookup Lookup) (Worker, error) {
	var c Worker
	err := errors.Join(load(ctx, &c, lookup), c.Postgres.validate(), c.Redis.validate(), c.S3.validate(), c.Quota.validate(), c.Limits.validate(), c.Webhooks.validate())
	err = errors.Join(err, atLeast("TS_WORKER_SLOTS", c.Slots, 0), atLeast("TS_WORKER_THREADS", c.Threads, 0),
		atLeast("TS_WORKER_DEVICE", c.Device, -1), atLeast("TS_WORKER_PREPARES", c.Prepares, 1), atLeast("TS_WORKER_DELIVERIES", c.Deliveries, 0), atLeast("TS_WORKER_BACKLOG_BYTES", c.BacklogBytes, 0),
		oneOf("TS_WORKER_WEIGHTS", c.Weights, "", "q8_0", "file"),
		atLeast("TS_MODEL_IDLE_UNLOAD", c.IdleUnload, 0), atLeast("TS_MODEL_MEMORY", c.ModelMemory, -1),
		atLeast("TS_LEASE", c.Lease, 3*time.Second), atMost("TS_LEASE", c.Lease, longestLease), enoughGrace(c.Grace))
	return c, err
}

// LoadScheduler returns the configuration of cmd/scheduler or all that is wrong
// with it.
func LoadScheduler(ctx context.Context, lookup Lookup) (Scheduler, error) {
	var c Scheduler
	err := errors.Join(load(ctx, &c, lookup), c.Postgres.validate(), c.Redis.validate(), c.S3.validate(), c.Quota.validate())
	return c, errors.Join(err, atLeast("TS_RECONCILE_INTERVAL", c.Interval, 100*time.Millisecond), enoughGrace(c.Grace))
}

// longestLease bounds how long a worker that has lost its run may go on. The garbage
// collector comes a second time after that.
const longestLease = 5 * time.Minute

// enoughGrace refuses one that is over before anything could be handed back.
func enoughGrace(d time.Duration) error { return atLeast("TS_SHUTDOWN_GRACE", d, time.Second) }

// minConns is what one program needs at least: one connection may wait for a lock.
const minConns = 3

func (p Postgres) validate() error { return atLeast("TS_DATABASE_MAX_CONNS", p.MaxConns, minConns) }

func (r Redis) validate() error {
	return errors.Join(checkRedisURL(r.URL), checkCAFile("TS_REDIS_CA_FILE", r.CAFile, "TS_REDIS_URL", r.URL), atLeast("TS_QUEUE_WINDOW", r.Window, 0))
}

func (s S3) validate() error {
	err := checkCAFile("TS_S3_CA_FILE", s.CAFile, "TS_S3_ENDPOINT", s.Endpoint)
	if s.PublicEndpoint != "" {
		err = errors.Join(err, checkURL("TS_S3_PUBLIC_ENDPOINT", s.PublicEndpoint))
	}
	return err
}

// mostMinutes can still be reckoned with.
const mostMinutes = 100_000_000

func (q Quota) validate() error {
	return errors.Join(atLeast("TS_USER_MAX_QUEUED", q.UserQueued, 0), atLeast("TS_USER_MAX_RUNNING", q.UserRunning, 0), atLeast("TS_MAX_QUEUED", q.Queued, 0),
		atLeast("TS_USER_MAX_ACTIVE", q.UserActive, 0), atLeast("TS_USER_MAX_BYTES", q.UserBytes, 0),
		atLeast("TS_USER_MAX_MINUTES", q.UserMinutes, 0), atMost("TS_USER_MAX_MINUTES", q.UserMinutes, mostMinutes))
}

// maxRate is the most that can be told from no bound.
const maxRate = 1000000

func (r Rates) validate() (err error) {
	for name, n := range map[string]int{
		"TS_RATE_SIGN_IN": r.SignIn, "TS_RATE_UPLOAD": r.Upload, "TS_RATE_EXPORT": r.Export, "TS_RATE_MEDIA": r.Media, "TS_RATE_READ": r.Read, "TS_RATE_WRITE": r.Write,
	} {
		err = errors.Join(err, atLeast(name, n, 0), atMost(name, n, maxRate))
	}
	return errors.Join(err, atLeast("TS_RATE_ADDRESS", r.Address, 1), atMost("TS_RATE_ADDRESS", r.Address, 60))
}

// checkRedisURL lets through what all clients of Redis understand alike. The
// value is never shown: there is a password in it.
func checkRedisURL(s string) error {
	if s == "" {
		return nil // said already
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return errors.New("TS_REDIS_URL cannot be read: it must look like redis://user:password@host:6379/0, " +
			"with all signs of the password but letters and digits as %XX")
	case u.Scheme != "redis" && u.Scheme != "rediss":
		return errors.New("TS_REDIS_URL must begin with redis:// or, for TLS, rediss://: the queue knows no other way")
	case u.RawQuery != "" || u.Fragment != "":
		return errors.New("TS_REDIS_URL goes on behind a ? or #, which the queue would not heed: take that away, " +
			"or write the sign as %3F or %23 if it belongs to the password")
	case u.Hostname() == "" || !databaseNumber.MatchString(u.Path):
		return errors.New("TS_REDIS_URL must have a host and end in nothing but a database's number, as in redis://user:password@host:6379/0; " +
			"write all signs of the password but letters and digits as %XX")
	}
	return nil
}

var databaseNumber = regexp.MustCompile(`^(/[0-9]{0,4})?$`)

func (m Mail) validate() error {
	switch {
	case m.SMTP != "" && m.Dir != "":
		return errors.New("TS_SMTP_URL and TS_MAIL_DIR are two ways for the same mail: set one of them")
	case (m.SMTP != "" || m.Dir != "") && m.From == "":
		return errors.New("TS_MAIL_FROM is not set: mail needs a sender, such as TurboScribe <scribe@example.com>")
	case m.RequireVerified && m.SMTP == "" && m.Dir == "":
		return errors.New("TS_REQUIRE_VERIFIED_EMAIL needs TS_SMTP_URL: without mail nobody could confirm an address")
	default:
		return nil
	}
}

func (w Webhooks) validate() error {
	err := longEnough("TS_ENCRYPTION_KEY", w.EncryptionKey)
	for _, s := range w.Networks {
		if _, bad := netip.ParsePrefix(s); bad != nil {
			err = errors.Join(err, fmt.Errorf("TS_WEBHOOK_NETWORKS has %q, it must have networks such as 10.1.0.0/16", s))
		}
	}
	return err
}

// longEnough refuses secrets that can be guessed.
func longEnough(name string, secrets []string) (err error) {
	for _, s := range secrets {
		if n := len(s); n < 32 {
			err = errors.Join(err, fmt.Errorf("%s has %d bytes, at least 32 are needed: openssl rand -hex 32 makes one", name, n))
		}
	}
	return err
}

func (l Limits) validate() error {
	return errors.Join(atLeast("TS_MAX_UPLOAD_BYTES", l.MaxUploadBytes, 1), atLeast("TS_MAX_DURATION", l.MaxDuration, time.Second))
}

func atLeast[T int | int64 | time.Duration](name string, v, least T) error {
	if v < least {
		return fmt.Errorf("%s is %v, it must be at least %v", name, v, least)
	}
	return nil
}

func oneOf(name, v string, allowed ...string) error {
	if !slices.Contains(allowed, v) {
		return fmt.Errorf("%s is %q, it must be one of %q", name, v, allowed)
	}
	return nil
}

func atMost[T int | int64 | time.Duration](name string, v, most T) error {
	if v > most {
		return fmt.Errorf("%s is %v, it must be at most %v", name, v, most)
	}
	return nil
}

func checkURL(name, s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("%s is %q, it must look like https://scribe.example.com", name, s)
	}
	return nil
}
