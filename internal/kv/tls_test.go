package kv

import (
	"crypto/x509"
	"os/exec"
	"strings"
	"testing"

	"github.com/turboscribe/turboscribe/internal/daemon/daemontest"
)

// startTLS starts a Redis that speaks nothing but TLS, and returns its URL and who vouches
// for it.
func startTLS(t *testing.T) (url string, roots *x509.CertPool) {
	t.Helper()
	cert, addr := daemontest.Certify(t), daemontest.Address(t)
	_, port, _ := strings.Cut(addr, ":")
	cmd := exec.CommandContext(t.Context(), lookServer(t), "--bind", "127.0.0.1", "--port", "0", "--tls-port", port, "--save", "", "--dir", t.TempDir(),
		"--tls-cert-file", cert.CertFile, "--tls-key-file", cert.KeyFile, "--tls-ca-cert-file", cert.CAFile, "--tls-auth-clients", "no")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() }) // "killed", by the end of the context
	return "rediss://" + addr, cert.Roots
}

func TestOpen_tls(t *testing.T) {
	t.Parallel()
	url, roots := startTLS(t)
	k, err := Open(t.Context(), url, Options{Roots: roots})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	waitFor(t, "the server to answer", func() bool { return k.Ping(t.Context()) == nil })
	if _, err := k.Check(t.Context()); err != nil {
		t.Error(err)
	}
	// A server that nobody vouches for is not spoken to, nor one that wants TLS without it.
	_, err = openKV(t, url).Check(t.Context())
	wantUnavailable(t, err)
	if err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("got %v, want it to say that the authority is unknown", err)
	}
	_, err = openKV(t, strings.Replace(url, "rediss:", "redis:", 1)).Check(t.Context())
	wantUnavailable(t, err)
}
