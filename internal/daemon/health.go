package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"
)

const (
	checkTimeout = 3 * time.Second
	checkKept    = time.Second // how long an answer is given again
)

// Check asks whether something the process depends on works.
type Check = func(ctx context.Context) error

// NewRegistry returns a registry with the figures of the Go runtime and of the
// process. Whoever has figures of its own is given it as a prometheus.Registerer.
func NewRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
	)
	return r
}

// Health answers the questions of whoever runs the process: all of them on a
// listener for the inside, see Handler, and the two of a balancer to anybody, see
// Public. Why a check fails is logged once, and again only after it has passed.
type Health struct {
	checks   map[string]Check
	registry *prometheus.Registry
	draining atomic.Bool

	mu    sync.Mutex // held while checking: many who ask at once cause one check
	asked time.Time
	last  map[string]error
}

// NewHealth returns the health of a process that is ready when all checks pass.
func NewHealth(registry *prometheus.Registry, checks map[string]Check) *Health {
	return &Health{registry: registry, checks: checks}
}

// SetDraining makes the process count as not ready for the rest of its life.
func (h *Health) SetDraining() { h.draining.Store(true) }

// Drain returns a unit that is to be the last in the list, hence the first to be
// stopped: it makes the process count as not ready and then waits, so that
// balancers stop sending to it before it stops to listen.
func (h *Health) Drain(wait time.Duration) Unit {
	return Unit{
		Name: "drain",
		Run: func(ctx context.Context) error {
			<-ctx.Done()
			return nil
		},
		Stop: func(ctx context.Context) error {
			h.SetDraining()
			timer := time.NewTimer(wait)
			defer timer.Stop()
			select {
			case <-timer.C:
				return nil
			case <-ctx.Done():
				return fmt.Errorf("wait %s for balancers: %w", wait, ctx.Err())
			}
		},
	}
}

// Handler serves /livez, /readyz and /metrics to the inside: the answers name
// servers and errors. /livez is 200 for as long as the process can answer:
// restarting it mends no other server. /readyz names each check with "ok" or its
// error and is 503 while one fails or the process drains.
func (h *Health) Handler() http.Handler {
	mux := h.mux(oneLine)
	mux.Handle("GET /metrics", promhttp.InstrumentMetricHandler(h.registry, promhttp.HandlerFor(h.registry, promhttp.HandlerOpts{})))
	return mux
}

// Public serves /livez and /readyz to anybody, like Handler, but of a check that
// does not pass it says "failed" and no more.
func (h *Health) Public() http.Handler {
	return h.mux(func(error) string { return "failed" })
}

// mux serves what both have, with the words for a check that does not pass.
func (h *Health) mux(failure func(error) string) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, r *http.Request) {
		write(w, r, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { h.ready(w, r, failure) })
	return mux
}

func (h *Health) ready(w http.ResponseWriter, r *http.Request, failure func(error) string) {
	answer := struct {
		Status string            `json:"status"`
		Checks map[string]string `json:"checks"`
	}{"ready", map[string]string{}}
	code := http.StatusOK
	for name, err := range h.check(r.Context()) {
		answer.Checks[name] = "ok"
		if err != nil {
			answer.Checks[name] = failure(err)
			answer.Status, code = "not_ready", http.StatusServiceUnavailable
		}
	}
	if h.draining.Load() {
		answer.Status, code = "draining", http.StatusServiceUnavailable
	}
	write(w, r, code, answer)
}

// check runs all checks at once and keeps the answer for a moment. It does not
// end with the request, whose end says nothing about the servers.
func (h *Health) check(ctx context.Context) map[string]error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last != nil && time.Since(h.asked) < checkKept {
		return h.last
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer cancel()
	type answer struct {
		name string
		err  error
	}
	answers := make(chan answer, len(h.checks))
	errs := make(map[string]error, len(h.checks))
	for name, check := range h.checks {
		errs[name] = fmt.Errorf("no answer within %s", checkTimeout)
		go func() { answers <- answer{name, check(ctx)} }()
	}
	for range h.checks {
		select {
		case a := <-answers:
			errs[a.name] = a.err
		case <-ctx.Done(): // a check that ignores its context must not hold up the answer
		}
	}
	logChanges(ctx, h.last, errs)
	h.last, h.asked = errs, time.Now()
	return errs
}

// logChanges logs which checks pass no longer, and why, and which pass again.
func logChanges(ctx context.Context, before, now map[string]error) {
	log := zerolog.Ctx(ctx)
	for name, err := range now {
		switch {
		case err != nil && before[name] == nil:
			log.Warn().Err(err).Str("check", name).Msg("a check fails: not ready")
		case err == nil && before[name] != nil:
			log.Info().Str("check", name).Msg("a check passes again")
		}
	}
}

func write(w http.ResponseWriter, r *http.Request, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		zerolog.Ctx(r.Context()).Debug().Err(err).Msg("the answer to a health check was not taken")
	}
}
