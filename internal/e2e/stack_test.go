//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/turboscribe/turboscribe/internal/api/apitest"
	"github.com/turboscribe/turboscribe/internal/blob"
	"github.com/turboscribe/turboscribe/internal/daemon/daemontest"
)

// grace is how long a program may take to stop.
const grace = time.Minute

// The administrator of every stack.
const (
	adminEmail    = "admin@example.com"
	adminPassword = "correct horse battery staple"
)

// stack is one installation: a database, a bucket and a Redis of its own, and
// the programs.
type stack struct {
	dir      string
	database string
	env      map[string]string // settings of the programs
	url      string            // of the api

	db        *sql.DB
	redis     *redis.Client
	blobs     *blob.Store
	contract  *apitest.Contract
	processes []*process
	api       *process
	worker    *process
	workers   int            // started so far
	release   []func() error // the addresses
}

// newStack opens a stack for one test. More are settings that differ.
func newStack(t *testing.T, more map[string]string) *stack {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := open(ctx, more)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			s.showLogs(t.Output())
		}
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func open(ctx context.Context, more map[string]string) (s *stack, err error) {
	s = &stack{database: "ts_e2e_" + strings.ToLower(rand.Text())}
	defer func() { //nolint:contextcheck // cleaning up takes its own time
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.dir, err = os.MkdirTemp("", "turboscribe-e2e-"); err != nil {
		return s, err
	}
	if s.contract, err = apitest.NewContract(ctx); err != nil {
		return s, err
	}
	if s.env, err = s.settings(); err != nil {
		return s, err
	}
	maps.Copy(s.env, more)
	known.addSettings(s.env)
	s.url = s.env["TS_PUBLIC_URL"]
	if err := s.connect(ctx); err != nil {
		return s, err
	}
	out, err := s.command(ctx, "api", "migrate").CombinedOutput()
	if err != nil {
		return s, fmt.Errorf("api migrate: %w\n%s", err, out)
	}
	return s, s.startAll(ctx)
}

// settings returns those of a stack with everything of its own.
func (s *stack) settings() (map[string]string, error) {
	addr := map[string]string{}
	for _, name := range []string{"api", "worker", "scheduler", "redis"} {
		free, release, err := daemontest.Reserve()
		if err != nil {
			return nil, err
		}
		addr[name], s.release = free, append(s.release, release)
	}
	database, err := url.Parse(os.Getenv("TS_TEST_DATABASE_URL"))
	if err != nil {
		return nil, err
	}
	database.Path = "/" + s.database
	work := filepath.Join(s.dir, "work")
	return map[string]string{
		"TS_DATABASE_URL": database.String(), "TS_REDIS_URL": "redis://:" + rand.Text() + "@" + addr["redis"] + "/0",
		"TS_S3_ENDPOINT": os.Getenv("TS_TEST_S3_ENDPOINT"), "TS_S3_BUCKET": strings.ReplaceAll(s.database, "_", "-"),
		"TS_S3_ACCESS_KEY": os.Getenv("TS_TEST_S3_ACCESS_KEY"), "TS_S3_SECRET_KEY": os.Getenv("TS_TEST_S3_SECRET_KEY"),
		"TS_API_ADDR": addr["api"], "TS_PUBLIC_URL": "http://" + addr["api"], "TS_JWT_SECRET": rand.Text() + rand.Text(),
		"TS_ENCRYPTION_KEY": rand.Text() + rand.Text(), "TS_WEBHOOK_ALLOW_HTTP": "true", "TS_WEBHOOK_NETWORKS": "127.0.0.0/8",
		"TS_API_URL": "http://" + addr["api"], "TS_CREDENTIALS": filepath.Join(s.dir, "credentials.json"),
		"TS_ADMIN_EMAIL": adminEmail, "TS_ADMIN_PASSWORD": adminPassword,
		"TS_WORKER_HEALTH_ADDR": addr["worker"], "TS_SCHEDULER_HEALTH_ADDR": addr["scheduler"],
		"TS_MODEL_DIR": filepath.Dir(os.Getenv("TS_TEST_MODEL")), "TS_GGML_BACKENDS": os.Getenv("TS_GGML_BACKENDS"),
		"TS_WORK_DIR": work, "TS_WORKER_SLOTS": "2", "TS_WORKER_THREADS": "1",
		// All the people of a test come from one address.
		"TS_RATE_SIGN_IN": "0", "TS_RATE_UPLOAD": "0", "TS_RATE_EXPORT": "0", "TS_RATE_READ": "0", "TS_RATE_WRITE": "0",
		"TS_LEASE": "10s", "TS_RECONCILE_INTERVAL": "500ms", "TS_LOG_LEVEL": "debug",
	}, os.Mkdir(work, 0o700)
}

// connect starts Redis and makes the database.
func (s *stack) connect(ctx context.Context) error {
	p, client, err := startRedis(ctx, s.dir, s.env["TS_REDIS_URL"], "noeviction")
	if p != nil {
		s.processes, s.redis = append(s.processes, p), client
	}
	if err != nil {
		return err
	}
	if err := administer(ctx, "CREATE DATABASE "+s.database); err != nil {
		return err
	}
	if s.db, err = sql.Open("pgx", s.env["TS_DATABASE_URL"]); err != nil {
		return err
	}
	s.blobs, err = blob.Open(ctx, blob.Options{
		Endpoint: s.env["TS_S3_ENDPOINT"], Bucket: s.env["TS_S3_BUCKET"], PathStyle: true,
		AccessKey: s.env["TS_S3_ACCESS_KEY"], SecretKey: s.env["TS_S3_SECRET_KEY"],
	})
	return err
}

// startRedis starts a Redis that keeps nothing on disk, and returns a client of it.
func startRedis(ctx context.Context, dir, address, policy string) (*process, *redis.Client, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, nil, err
	}
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, nil, err
	}
	password, _ := u.User.Password()
	p, err := launch("redis", dir, nil, path, "--bind", "127.0.0.1", "--port", u.Port(), "--requirepass", password, "--save", "", "--maxmemory-policy", policy)
	if err != nil {
		return nil, nil, err
	}
	client := redis.NewClient(&redis.Options{
		Addr: u.Host, Password: password, MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	if err := poll(ctx, 20*time.Millisecond, func() bool { return client.Ping(ctx).Err() == nil }); err != nil {
		return p, client, fmt.Errorf("redis: %w\n%s", err, p.tail())
	}
	return p, client, nil
}

func (s *stack) startAll(ctx context.Context) error {
	if err := s.startAPI(ctx); err != nil {
		return err
	}
	if err := s.startWorker(ctx); err != nil {
		return err
	}
	scheduler, err := s.start("scheduler", "scheduler", nil)
	if err != nil {
		return err
	}
	return scheduler.await(ctx, "http://"+s.env["TS_SCHEDULER_HEALTH_ADDR"]+"/readyz")
}

func (s *stack) startAPI(ctx context.Context) (err error) {
	if s.api, err = s.start("api", "api", nil); err != nil {
		return err
	}
	return s.api.await(ctx, s.url+"/readyz")
}

// startWorker starts a worker that takes the place of the last one.
func (s *stack) startWorker(ctx context.Context) (err error) {
	s.workers++
	name := fmt.Sprintf("worker-%d", s.workers)
	if s.worker, err = s.start(name, "worker-cpu", map[string]string{"TS_WORKER_NAME": name}); err != nil {
		return err
	}
	if err := s.worker.await(ctx, "http://"+s.env["TS_WORKER_HEALTH_ADDR"]+"/readyz"); err != nil {
		return err
	}
	// What the worker can do is known to the api once it is in the database.
	err = poll(ctx, 20*time.Millisecond, func() bool { return s.count(ctx, "SELECT count(*) FROM workers WHERE id = $1", name) == 1 })
	if err != nil {
		return fmt.Errorf("%s does not report: %w\n%s", name, err, s.worker.tail())
	}
	return nil
}

func (s *stack) start(name, program string, more map[string]string) (*process, error) {
	p, err := launch(name, s.dir, s.environment(more), filepath.Join(os.Getenv("TS_TEST_BIN"), program))
	if err == nil {
		s.processes = append(s.processes, p)
	}
	return p, err
}

// command returns one of the programs, to be run to its end.
func (s *stack) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(os.Getenv("TS_TEST_BIN"), program), args...)
	cmd.Env, cmd.Dir = s.environment(nil), s.dir
	return cmd
}

// environment returns the settings of the stack and those that differ.
func (s *stack) environment(more map[string]string) []string {
	all := map[string]string{"PATH": os.Getenv("PATH"), "HOME": s.dir}
	maps.Copy(all, s.env)
	maps.Copy(all, more)
	var env []string
	for name, value := range all {
		env = append(env, name+"="+value)
	}
	return env
}

// count returns the number that a query finds, -1 when it fails.
func (s *stack) count(ctx context.Context, query string, args ...any) int {
	n := -1
	if err := s.db.QueryRowContext(ctx, query, args...).Scan(&n); err != nil {
		return -1
	}
	return n
}

// close stops everything and removes what the stack had.
func (s *stack) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var errs []error
	for i := len(s.processes) - 1; i >= 0; i-- {
		_, err := s.processes[i].stop(grace)
		errs = append(errs, err)
	}
	if b, err := os.ReadFile(s.env["TS_CREDENTIALS"]); err == nil { // of the client, once it has signed in
		known.addJSON(bytes.ReplaceAll(b, []byte(`"value"`), []byte(`"token"`))) // cookies, too
	}
	errs = append(errs, known.search(s.dir))
	if s.blobs != nil {
		keys, err := s.blobs.Keys(ctx, "")
		errs = append(errs, err, s.blobs.Delete(ctx, keys...))
	}
	if s.redis != nil {
		errs = append(errs, s.redis.Close())
	}
	if s.db != nil {
		errs = append(errs, s.db.Close(), administer(ctx, "DROP DATABASE IF EXISTS "+s.database+" WITH (FORCE)"))
	}
	for _, release := range s.release {
		errs = append(errs, release())
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}

// administer runs a statement on the database server.
func administer(ctx context.Context, statement string) error {
	db, err := sql.Open("pgx", os.Getenv("TS_TEST_DATABASE_URL"))
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, statement)
	return errors.Join(err, db.Close())
}

// showLogs writes the end of what each program has said.
func (s *stack) showLogs(w io.Writer) {
	for _, p := range s.processes {
		_, _ = fmt.Fprintf(w, "--- %s\n%s\n", p.name, p.tail())
	}
}
