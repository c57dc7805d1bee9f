//go:build e2e

// Package e2e tests TurboScribe as its users meet it: through the built
// programs, on real servers, with the demo model. `make test` brings all of that.
package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// patience is how long a test waits for what has to happen: much longer than it
// takes, because machines that run tests are busy.
const patience = 20 * time.Minute

// shared is the stack of all tests that do no harm to it.
var shared *stack

func TestMain(m *testing.M) {
	if missing := missing(); missing != "" {
		fmt.Fprintf(os.Stderr, "not set: %s; `make test` starts the servers and sets them\n", missing)
		if os.Getenv("CI") == "true" {
			os.Exit(1)
		}
		os.Exit(0)
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// missing returns the variables that the tests need and do not have.
func missing() string {
	var names []string
	for _, name := range []string{
		"TS_TEST_DATABASE_URL", "TS_TEST_S3_ENDPOINT", "TS_TEST_S3_ACCESS_KEY", "TS_TEST_S3_SECRET_KEY",
		"TS_TEST_MODEL", "TS_TEST_BIN", "TS_TEST_LOGS", "TS_GGML_BACKENDS",
	} {
		if os.Getenv(name) == "" {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

func run(m *testing.M) (code int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if shared, err = open(ctx, nil); err != nil {
		return 1, err
	}
	code = m.Run()
	if code != 0 {
		shared.showLogs(os.Stderr)
	}
	// What the servers say of all stacks is searched last; their logs are not those of a stack.
	return code, errors.Join(shared.close(), known.search(os.Getenv("TS_TEST_LOGS")))
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	within(t, patience, what, condition)
}

// within is eventually for what may take longer.
func within(t *testing.T, limit time.Duration, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if err := poll(ctx, 20*time.Millisecond, condition); err != nil {
		t.Fatalf("%s: not within %s", what, limit)
	}
}

// poll returns once the condition holds, or with an error when ctx ends.
func poll(ctx context.Context, every time.Duration, condition func() bool) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.New("waited in vain")
		}
	}
	return nil
}
