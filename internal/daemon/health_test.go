package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/daemon/daemontest"
)

// ask returns the status and the answer to one question.
func ask(t *testing.T, h http.Handler, path string) (int, map[string]any) {
	t.Helper()
	return askAs(t.Context(), t, h, path)
}

func askAs(ctx context.Context, t *testing.T, h http.Handler, path string) (int, map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil))
	var body map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("%s: %v: %s", path, err, w.Body)
	}
	return w.Code, body
}

func TestHealth_ready(t *testing.T) {
	t.Parallel()
	good := func(context.Context) error { return nil }
	bad := func(context.Context) error { return errors.New("refused\nby the server") }
	for name, tt := range map[string]struct {
		checks map[string]Check
		code   int
		want   map[string]any
	}{
		"nothing to check": {nil, 200, map[string]any{"status": "ready", "checks": map[string]any{}}},
		"all pass":         {map[string]Check{"a": good, "b": good}, 200, map[string]any{"status": "ready", "checks": map[string]any{"a": "ok", "b": "ok"}}},
		"one fails":        {map[string]Check{"a": good, "b": bad}, 503, map[string]any{"status": "not_ready", "checks": map[string]any{"a": "ok", "b": "refused; by the server"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := NewHealth(NewRegistry(), tt.checks).Handler()
			code, body := ask(t, h, "/readyz")
			if diff := cmp.Diff(body, tt.want); code != tt.code || diff != "" {
				t.Errorf("got %d: %s", code, diff)
			}
			if code, _ := ask(t, h, "/livez"); code != 200 {
				t.Errorf("alive: got %d", code)
			}
		})
	}
}

// Strangers learn that a check fails; why stands in the log, once.
func TestHealth_public(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	h := NewHealth(NewRegistry(), map[string]Check{
		"good": func(context.Context) error { return nil },
		"server": func(context.Context) error {
			if broken.Load() {
				return errors.New("dial 10.0.0.7:5432: refused")
			}
			return nil
		},
	})
	var out bytes.Buffer
	log := zerolog.New(&out)
	ctx := log.WithContext(t.Context())
	handler := h.Public()
	ready := map[string]any{"status": "ready", "checks": map[string]any{"good": "ok", "server": "ok"}}
	failed := map[string]any{"status": "not_ready", "checks": map[string]any{"good": "ok", "server": "failed"}}
	const why = `{"level":"warn","error":"dial 10.0.0.7:5432: refused","check":"server","message":"a check fails: not ready"}` + "\n"
	for i, tt := range []struct {
		broken bool
		code   int
		want   map[string]any
		logged string
	}{
		{false, 200, ready, ""},
		{true, 503, failed, why},
		{true, 503, failed, ""},
		{false, 200, ready, `{"level":"info","check":"server","message":"a check passes again"}` + "\n"},
	} {
		broken.Store(tt.broken)
		h.asked = time.Time{}
		out.Reset()
		code, body := askAs(ctx, t, handler, "/readyz")
		if diff := cmp.Diff(body, tt.want); code != tt.code || diff != "" || out.String() != tt.logged {
			t.Errorf("%d: got %d: %s\nlogged %s", i, code, diff, &out)
		}
	}
	if code, _ := ask(t, handler, "/livez"); code != 200 {
		t.Errorf("alive: got %d", code)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if w.Code != 404 {
		t.Errorf("the figures are for strangers: got %d", w.Code)
	}
}

// A check that hangs, even one that ignores its context, is an answer too.
func TestHealth_hangingCheck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		never := make(chan struct{})
		t.Cleanup(func() { close(never) })
		h := NewHealth(NewRegistry(), map[string]Check{
			"deaf": func(context.Context) error { <-never; return nil },
			"good": func(context.Context) error { return nil },
		})
		code, body := ask(t, h.Handler(), "/readyz")
		want := map[string]any{"deaf": "no answer within 3s", "good": "ok"}
		if diff := cmp.Diff(body["checks"], any(want)); code != 503 || diff != "" {
			t.Errorf("got %d: %s", code, diff)
		}
	})
}

// Many who ask at once, or one who went away, must not turn into many checks or
// a wrong answer for the others.
func TestHealth_oneCheckForMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var checks atomic.Int32
		h := NewHealth(NewRegistry(), map[string]Check{"a": func(ctx context.Context) error {
			checks.Add(1)
			return ctx.Err()
		}})
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		h.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(gone, http.MethodGet, "/readyz", nil))
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				w := httptest.NewRecorder()
				h.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
				if w.Code != 200 {
					t.Errorf("got %d: %s", w.Code, w.Body)
				}
			})
		}
		wg.Wait()
		if n := checks.Load(); n != 1 {
			t.Errorf("21 questions at once made %d checks", n)
		}
		time.Sleep(checkKept)
		if h.check(t.Context()); checks.Load() != 2 {
			t.Error("an old answer was given again")
		}
	})
}

func TestHealth_drain(t *testing.T) {
	t.Parallel()
	h := NewHealth(NewRegistry(), nil)
	handler := h.Handler()
	drain := h.Drain(time.Hour)
	patience, cancel := context.WithCancel(t.Context())
	stopped := make(chan error)
	if code, _ := ask(t, handler, "/readyz"); code != 200 {
		t.Fatalf("got %d before draining", code)
	}
	go func() { stopped <- drain.Stop(patience) }()
	for !h.draining.Load() {
		select {
		case err := <-stopped:
			t.Fatalf("it did not wait: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	if code, body := ask(t, handler, "/readyz"); code != 503 || body["status"] != "draining" {
		t.Errorf("got %d %v while draining", code, body)
	}
	if code, _ := ask(t, handler, "/livez"); code != 200 {
		t.Errorf("got %d: a draining process is alive", code)
	}
	cancel()
	if err := <-stopped; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Run(ended, time.Minute, h.Drain(time.Millisecond)); err != nil {
		t.Error(err)
	}
}

func TestHealth_metrics(t *testing.T) {
	t.Parallel()
	registry := NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "ts_test_total", Help: "Counts."})
	registry.MustRegister(counter)
	counter.Add(7)
	w := httptest.NewRecorder()
	NewHealth(registry, nil).Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	for _, want := range []string{"ts_test_total 7", "go_goroutines", "process_resident_memory_bytes", "go_build_info"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestServe(t *testing.T) {
	t.Parallel()
	addr := daemontest.Address(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- Run(ctx, time.Minute, Serve(addr, NewHealth(NewRegistry(), nil).Handler())) }()
	for {
		res, err := http.Get("http://" + addr + "/livez")
		if err == nil {
			body, err := io.ReadAll(res.Body)
			if err := errors.Join(err, res.Body.Close()); err != nil || res.StatusCode != http.StatusOK || !json.Valid(body) {
				t.Errorf("got %d %s, %v", res.StatusCode, body, err)
			}
			break
		}
		select {
		case err := <-ended:
			t.Fatalf("it ended: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestServe_addressInUse(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // nothing was written to it
	err = Run(t.Context(), time.Minute, Serve(l.Addr().String(), http.NotFoundHandler()))
	if err == nil || !strings.HasPrefix(err.Error(), "health: listen for health checks: ") {
		t.Errorf("got %v", err)
	}
}

func TestLogger(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log, err := Logger(&out, "info", "api")
	if err != nil {
		t.Fatal(err)
	}
	log.Debug().Msg("not this")
	log.Info().Str("unit", "x").Msg("this")
	line := map[string]string{}
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	if _, err := time.Parse(time.RFC3339, line["time"]); err != nil {
		t.Error(err)
	}
	delete(line, "time")
	if diff := cmp.Diff(line, map[string]string{"level": "info", "process": "api", "unit": "x", "message": "this"}); diff != "" {
		t.Error(diff)
	}
	for _, level := range []string{"", "INFO", "loud"} {
		if _, err := Logger(io.Discard, level, "api"); err == nil {
			t.Errorf("the level %q was accepted", level)
		}
	}
	for level, want := range map[string]zerolog.Level{"debug": zerolog.DebugLevel, "warn": zerolog.WarnLevel, "error": zerolog.ErrorLevel} {
		if log, err := Logger(io.Discard, level, "api"); err != nil || log.GetLevel() != want {
			t.Errorf("%s: got %s, %v", level, log.GetLevel(), err)
		}
	}
}
