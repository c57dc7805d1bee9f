package blob_test

import (
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/blob"
	"github.com/turboscribe/turboscribe/internal/daemon/daemontest"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// startTLS starts an S3 server of the test's own that speaks nothing but TLS.
func startTLS(t *testing.T) blob.Options {
	t.Helper()
	path := os.Getenv("TS_TEST_VERSITYGW")
	switch {
	case path != "":
	case os.Getenv("CI") == "true":
		t.Fatal("TS_TEST_VERSITYGW is not set: `make test` sets it")
	default:
		t.Skip("needs an S3 server: set TS_TEST_VERSITYGW, or run `make test`")
	}
	cert, addr := daemontest.Certify(t), daemontest.Address(t)
	cmd := exec.Command(path, "--port", addr, "--quiet", "--cert", cert.CertFile, "--key", cert.KeyFile, "posix", "--sidecar", t.TempDir(), t.TempDir())
	cmd.Env = []string{"ROOT_ACCESS_KEY=access", "ROOT_SECRET_KEY=secret of a test"}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // "killed", by us
	})
	return blob.Options{Endpoint: "https://" + addr, Bucket: "tls", AccessKey: "access", SecretKey: "secret of a test", PathStyle: true, Roots: cert.Roots}
}

func TestStore_tls(t *testing.T) {
	t.Parallel()
	o := startTLS(t)
	s, err := blob.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for s.EnsureBucket(ctx) != nil && ctx.Err() == nil { // until it listens
	}
	if err := s.Check(ctx); err != nil {
		t.Fatal(err)
	}
	sound := strings.Repeat("sound", part/2) // more than one part, which another client joins
	if _, err := s.Upload(ctx, "a", strings.NewReader(sound), 1<<30); err != nil {
		t.Fatal(err)
	}
	r, _, err := s.Open(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); string(got) != sound || err != nil {
		t.Errorf("got %d bytes and %v, want %d", len(got), err, len(sound))
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	o.Roots = nil
	stranger, err := blob.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := stranger.Check(ctx); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("got %v from a server nobody vouches for", err)
	}
}
