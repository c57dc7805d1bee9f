package task

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/daemon/daemontest"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
)

// startTLS starts a Redis that speaks nothing but TLS.
func startTLS(t *testing.T) Redis {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal(err)
	default:
		t.Skip("needs redis-server")
	}
	cert, addr := daemontest.Certify(t), daemontest.Address(t)
	_, port, _ := strings.Cut(addr, ":")
	cmd := exec.CommandContext(t.Context(), path, "--bind", "127.0.0.1", "--port", "0", "--tls-port", port, "--save", "", "--dir", t.TempDir(),
		"--tls-cert-file", cert.CertFile, "--tls-key-file", cert.KeyFile, "--tls-ca-cert-file", cert.CAFile, "--tls-auth-clients", "no")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() }) // "killed", by the end of the context
	return Redis{URL: "rediss://" + addr, Roots: cert.Roots}
}

// TestTLS: all three that speak to Redis do so by TLS, and to nobody without a voucher.
func TestTLS(t *testing.T) {
	t.Parallel()
	at := startTLS(t)
	c, err := NewClient(at)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(5 * time.Minute); c.Check(t.Context()) != nil && time.Now().Before(end); { // until it listens
	}
	got := make(chan pipeline.Step, 1)
	srv, err := NewServer(at, pipeline.CPU, func(_ context.Context, s pipeline.Step) error { got <- s; return nil }, everything, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(ctx) }()
	want := step(pipeline.Prepare, 0)
	if err := c.Enqueue(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	if s := <-got; s != want {
		t.Errorf("got %v, want %v", s, want)
	}
	h, closeMonitor, err := NewMonitor(at, "/admin/queues", true)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/admin/queues/api/queues", http.NoBody))
	if w.Code != http.StatusOK {
		t.Errorf("the dashboard answers with %d: %s", w.Code, w.Body)
	}
	stop()
	for _, err := range []error{<-ended, c.Close(), closeMonitor()} {
		if err != nil {
			t.Error(err)
		}
	}
	stranger, err := NewClient(Redis{URL: at.URL})
	if err != nil {
		t.Fatal(err)
	}
	if err := stranger.Check(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v from a server nobody vouches for", err)
	}
	if err := stranger.Close(); err != nil {
		t.Error(err)
	}
}
