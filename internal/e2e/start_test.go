//go:build e2e

package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/daemon/daemontest"
)

// startLimit is how long a program may take to find out that it cannot work.
const startLimit = 5 * time.Minute

// TestStart_refused starts each program while one of its servers is missing or
// unfit: it has to end and say what is wrong, in one line.
func TestStart_refused(t *testing.T) {
	t.Parallel()
	const closed = daemontest.Nobody
	evicting := evictingRedis(t)
	for _, row := range []struct {
		name, setting, value string
		says                 []string
	}{
		{"no database", "TS_DATABASE_URL", "postgres://somebody:hush@" + closed + "/none?sslmode=disable", []string{"PostgreSQL", closed, "connection refused"}},
		{"no Redis", "TS_REDIS_URL", "redis://:hush@" + closed + "/0", []string{"Redis", closed, "connection refused"}},
		{"a Redis URL with a raw password", "TS_REDIS_URL", "redis://:hush%zz@" + closed + "/0", []string{"TS_REDIS_URL", "%XX"}},
		{"no S3", "TS_S3_ENDPOINT", "http://" + closed, []string{"S3", closed, "connection refused"}},
		{"a Redis that drops work", "TS_REDIS_URL", evicting, []string{"Redis", "maxmemory-policy", "allkeys-lru", "noeviction"}},
	} {
		for _, program := range []string{"api", "worker-cpu", "scheduler"} {
			t.Run(row.name+"/"+program, func(t *testing.T) {
				t.Parallel()
				line := refusal(t, program, map[string]string{row.setting: row.value})
				for _, want := range append(row.says, program+": ") {
					if !strings.Contains(line, want) {
						t.Errorf("%q is not in %q", want, line)
					}
				}
				if strings.Contains(line, "hush") {
					t.Errorf("a password is in %q", line)
				}
			})
		}
	}
}

// refusal starts a program that must not come up and returns the one line that it
// says beside its log.
func refusal(t *testing.T, program string, more map[string]string) string {
	t.Helper()
	begun := time.Now()
	p, err := launch(program, t.TempDir(), shared.environment(more), filepath.Join(os.Getenv("TS_TEST_BIN"), program))
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.done:
		t.Logf("ended after %s", time.Since(begun).Round(10*time.Millisecond))
	case <-time.After(startLimit):
		t.Errorf("still runs after %s", startLimit)
		if _, err := p.stop(grace); err != nil {
			t.Fatal(err)
		}
	}
	if err := known.search(filepath.Dir(p.log)); err != nil {
		t.Error(err)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	var said []string
	for line := range bytes.Lines(p.tail()) {
		if !bytes.HasPrefix(line, []byte("{")) {
			said = append(said, strings.TrimSpace(string(line)))
		}
	}
	if len(said) != 1 {
		t.Fatalf("%d lines, want one:\n%s", len(said), strings.Join(said, "\n"))
	}
	return said[0]
}

// evictingRedis returns the URL of a Redis that makes room by forgetting.
func evictingRedis(t *testing.T) string {
	t.Helper()
	addr := daemontest.Address(t)
	p, client, err := startRedis(t.Context(), t.TempDir(), "redis://"+addr, "allkeys-lru")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
		if _, err := p.stop(grace); err != nil {
			t.Error(err)
		}
	})
	return "redis://" + addr + "/0"
}
