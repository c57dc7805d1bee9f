//go:build e2e

package e2e

import (
	"crypto/tls"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/turboscribe/turboscribe/internal/daemon/daemontest"
)

// TestTLS uploads to an api that serves https itself, over HTTP/2, and follows what becomes
// of it with the client.
func TestTLS(t *testing.T) {
	t.Parallel()
	cert, addr := daemontest.Certify(t), daemontest.Address(t)
	s := *shared
	s.url, s.env = "https://"+addr, maps.Clone(shared.env)
	maps.Copy(s.env, map[string]string{
		"TS_API_ADDR": addr, "TS_PUBLIC_URL": s.url, "TS_TLS_CERT_FILE": cert.CertFile, "TS_TLS_KEY_FILE": cert.KeyFile,
		"TS_API_URL": s.url, "TS_CREDENTIALS": filepath.Join(t.TempDir(), "credentials.json"), "SSL_CERT_FILE": cert.CAFile,
	})
	api, err := launch("api-tls", s.dir, s.environment(nil), filepath.Join(os.Getenv("TS_TEST_BIN"), "api"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := api.stop(grace); err != nil {
			t.Error(err)
		}
	})
	p := s.visitor(t)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: cert.Roots}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	p.client.Transport = s.contract.Transport(known.watch(transport), func(err error) { t.Error(err) })
	eventually(t, "the api answers", func() bool {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/readyz", http.NoBody)
		if err != nil {
			return false
		}
		res, err := transport.RoundTrip(r)
		return err == nil && res.Body.Close() == nil && res.StatusCode == http.StatusOK && res.ProtoMajor == 2
	})
	p.signIn("/auth/register", http.StatusCreated, "tls@example.com", secret)
	p.complete(p.send("short03.flac", demo(t, "test/short03.flac")))

	cmd := s.command(t.Context(), "turboscribe", "doctor")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("doctor: %v\n%s", err, out)
	}
}
