//go:build e2e && chaos

package e2e

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/turboscribe/turboscribe/internal/api/apitest"
	"github.com/turboscribe/turboscribe/internal/daemon/daemontest"
)

// fleet is an installation to do harm to: servers that nobody else uses, an api, three
// workers and two schedulers. Like a host's, its supervisor starts again what has ended.
type fleet struct {
	*stack
	t        *testing.T
	drill    drill
	run      string // directory of the servers
	storage  *saboteur
	programs []*program
	stop     context.CancelFunc
	running  sync.WaitGroup
}

// program is one that the supervisor keeps running.
type program struct {
	name, binary string
	more         map[string]string // settings that differ

	mu      sync.Mutex
	process *process // the latest
	starts  int
}

// pause is how long the supervisor waits before it starts a program again.
const pause = 300 * time.Millisecond

// newFleet starts one. More are settings that differ.
func newFleet(t *testing.T, d drill, more map[string]string) *fleet {
	t.Helper()
	dir, err := os.MkdirTemp("", "turboscribe-fleet-")
	if err != nil {
		t.Fatal(err)
	}
	f := &fleet{stack: &stack{dir: dir}, t: t, drill: d, run: filepath.Join(dir, "run"), stop: func() {}}
	t.Cleanup(func() {
		if err := f.close(); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := f.open(ctx, more); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fleet) open(ctx context.Context, more map[string]string) (err error) {
	if err := f.servers(ctx, "up", "postgres", "redis", "s3"); err != nil {
		return err
	}
	if f.env, err = f.settings(ctx); err != nil {
		return err
	}
	maps.Copy(f.env, more)
	known.addSettings(f.env)
	if f.storage, err = newSaboteur(f.env["TS_S3_ENDPOINT"]); err != nil {
		return err
	}
	f.env["TS_S3_ENDPOINT"] = f.storage.url
	f.url = f.env["TS_PUBLIC_URL"]
	if f.contract, err = apitest.NewContract(ctx); err != nil {
		return err
	}
	if f.db, err = sql.Open("pgx", f.env["TS_DATABASE_URL"]); err != nil {
		return err
	}
	options, err := redis.ParseURL(f.env["TS_REDIS_URL"])
	if err != nil {
		return err
	}
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	f.redis = redis.NewClient(options)
	if out, err := f.command(ctx, "api", "migrate").CombinedOutput(); err != nil {
		return fmt.Errorf("api migrate: %w\n%s", err, out)
	}
	return f.supervise(ctx)
}

// servers runs the script that starts and stops the servers.
func (f *fleet) servers(ctx context.Context, args ...string) error {
	script, err := filepath.Abs("../../scripts/stack")
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, script, args...)
	cmd.Env = append(os.Environ(), "TS_RUN_DIR="+f.run)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("stack %q: %w\n%s", args, err, out)
	}
	return nil
}

// settings returns those that the script has written, but for the addresses of programs.
func (f *fleet) settings(ctx context.Context) (map[string]string, error) {
	cmd := exec.CommandContext(ctx, "bash", "-c", `source "$1/env" && env -0`, "bash", f.run)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("read the settings: %w", err)
	}
	env := map[string]string{}
	for line := range bytes.SplitSeq(out, []byte{0}) {
		if name, value, ok := strings.Cut(string(line), "="); ok && strings.HasPrefix(name, "TS_") {
			env[name] = value
		}
	}
	maps.Copy(env, map[string]string{
		"TS_MODEL_DIR": filepath.Dir(os.Getenv("TS_TEST_MODEL")), "TS_GGML_BACKENDS": os.Getenv("TS_GGML_BACKENDS"),
		"TS_WORKER_SLOTS": "1", "TS_WORKER_THREADS": "1",
		"TS_WEBHOOK_ALLOW_HTTP": "true", "TS_WEBHOOK_NETWORKS": "127.0.0.0/8",
	})
	return env, nil
}

// supervise starts the programs, and keeps them running until the fleet is closed.
func (f *fleet) supervise(ctx context.Context) error {
	f.programs = []*program{{name: "api", binary: "api"}}
	for i := range 3 {
		f.programs = append(f.programs, &program{name: fmt.Sprint("worker-", i), binary: "worker-cpu"})
	}
	for i := range 2 {
		f.programs = append(f.programs, &program{name: fmt.Sprint("scheduler-", i), binary: "scheduler"})
	}
	keep, stop := context.WithCancel(context.WithoutCancel(ctx))
	f.stop = stop
	var errs []error
	for _, p := range f.programs {
		health := "TS_PUBLIC_URL"
		if p.binary != "api" {
			addr := daemontest.Address(f.t)
			health = map[string]string{"worker-cpu": "TS_WORKER_HEALTH_ADDR", "scheduler": "TS_SCHEDULER_HEALTH_ADDR"}[p.binary]
			p.more = map[string]string{health: addr}
		}
		f.running.Go(func() { f.keep(keep, p) })
		url := f.environmentOf(p)[health]
		if !strings.HasPrefix(url, "http") {
			url = "http://" + url
		}
		errs = append(errs, poll(ctx, 50*time.Millisecond, func() bool { return answers(ctx, url+"/readyz") }))
	}
	return errors.Join(errs...)
}

func (f *fleet) environmentOf(p *program) map[string]string {
	all := maps.Clone(f.env)
	maps.Copy(all, p.more)
	return all
}

// keep starts a program again whenever it ends.
func (f *fleet) keep(ctx context.Context, p *program) {
	for ctx.Err() == nil {
		p.mu.Lock()
		p.starts++
		name := fmt.Sprintf("%s-%d", p.name, p.starts)
		more := maps.Clone(p.more)
		if p.binary == "worker-cpu" {
			more["TS_WORKER_NAME"] = name
		}
		var err error
		p.process, err = launch(name, f.dir, f.environment(more), filepath.Join(os.Getenv("TS_TEST_BIN"), p.binary))
		latest := p.process
		p.mu.Unlock()
		if err != nil {
			f.t.Errorf("start %s: %v", name, err)
			return
		}
		select {
		case <-latest.done:
		case <-ctx.Done():
			if _, err := latest.stop(grace); err != nil {
				f.t.Error(err)
			}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// current returns the latest process of a program.
func (p *program) current() *process {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.process
}

// each returns the programs of a binary.
func (f *fleet) each(binary string) (found []*program) {
	for _, p := range f.programs {
		if p.binary == binary {
			found = append(found, p)
		}
	}
	return found
}

// killServer kills a server with all its processes, as a power cut would.
func (f *fleet) killServer(name string) error {
	b, err := os.ReadFile(filepath.Join(f.run, name+".pid"))
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return err
	}
	return syscall.Kill(-pid, syscall.SIGKILL) // it was started in a session of its own
}

// close ends everything and removes what it had.
func (f *fleet) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	f.stop()
	f.running.Wait()
	var errs []error
	if f.db != nil {
		errs = append(errs, f.db.Close())
	}
	if f.redis != nil {
		errs = append(errs, f.redis.Close())
	}
	if f.storage != nil {
		errs = append(errs, f.storage.close())
	}
	errs = append(errs, known.search(f.dir, filepath.Join(f.run, "log")))
	return errors.Join(append(errs, f.servers(ctx, "wipe"), os.RemoveAll(f.dir))...)
}
