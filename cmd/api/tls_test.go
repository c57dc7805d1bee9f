package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/turboscribe/turboscribe/internal/daemon/daemontest"
)

// secured serves by https with that certificate until the test ends, and returns where.
func secured(t *testing.T, c daemontest.Certificate) string {
	t.Helper()
	secure, err := tlsConfig(t.Context(), c.CertFile, c.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	unit := httpUnit(t.Context(), l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
	}), secure)
	served := make(chan error, 1)
	go func() { served <- unit.Run(t.Context()) }()
	t.Cleanup(func() {
		if err := errors.Join(unit.Stop(context.WithoutCancel(t.Context())), <-served); err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// visit makes a new connection and returns what is answered.
func visit(t *testing.T, addr string, c *tls.Config, http2 bool) (string, error) {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: http2}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+addr, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := transport.RoundTrip(r)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(res.Body)
	return string(body), errors.Join(err, res.Body.Close())
}

func TestTLS(t *testing.T) {
	t.Parallel()
	cert := daemontest.Certify(t)
	addr := secured(t, cert)
	for want, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2.0": true} {
		if got, err := visit(t, addr, &tls.Config{RootCAs: cert.Roots}, http2); got != want || err != nil {
			t.Errorf("got %q and %v, want %s", got, err, want)
		}
	}
	if _, err := visit(t, addr, &tls.Config{RootCAs: cert.Roots, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false); err == nil {
		t.Error("it speaks TLS 1.1")
	}
	_, err := visit(t, addr, &tls.Config{RootCAs: daemontest.Certify(t).Roots}, false)
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); !ok {
		t.Errorf("got %v, want the certificate to be refused by who does not know its authority", err)
	}
}

// TestTLS_renewed: a certificate that had been renewed in time ran out all the same, because
// nobody had restarted the program.
func TestTLS_renewed(t *testing.T) {
	t.Parallel()
	cert, next := daemontest.Certify(t), daemontest.Certify(t)
	addr := secured(t, cert)
	trusts := func(c daemontest.Certificate) bool {
		_, err := visit(t, addr, &tls.Config{RootCAs: c.Roots}, false)
		return err == nil
	}
	replace(t, next.CertFile, cert.CertFile)
	if !trusts(cert) {
		t.Error("the new certificate does not fit the old key, and the old one is gone")
	}
	replace(t, next.KeyFile, cert.KeyFile)
	if trusts(cert) || !trusts(next) {
		t.Error("the new certificate is not served")
	}
	if err := os.Remove(cert.CertFile); err != nil {
		t.Fatal(err)
	}
	if !trusts(next) {
		t.Error("the files are gone, and the certificate with them")
	}
}

// replace puts a copy of a file in the place of another, as programs do that renew
// certificates.
func replace(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(to+".new", b, 0o600), os.Rename(to+".new", to)); err != nil {
		t.Fatal(err)
	}
}

func TestTLSConfig_bad(t *testing.T) {
	t.Parallel()
	cert, other := daemontest.Certify(t), daemontest.Certify(t)
	for name, files := range map[string][2]string{
		"no file":            {filepath.Join(t.TempDir(), "none"), cert.KeyFile},
		"no key":             {cert.CertFile, filepath.Join(t.TempDir(), "none")},
		"another's key":      {cert.CertFile, other.KeyFile},
		"no PEM in the file": {"tls.go", cert.KeyFile},
	} {
		if c, err := tlsConfig(t.Context(), files[0], files[1]); err == nil || c != nil {
			t.Errorf("%s: it starts", name)
		}
	}
	if c, err := tlsConfig(t.Context(), "", ""); c != nil || err != nil {
		t.Errorf("without files: got %v, %v", c, err)
	}
}
