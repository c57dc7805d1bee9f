package config

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Roots returns the certificates of the authorities in a PEM file, the only ones that are
// trusted then. Without a name it returns nil, which stands for those of the system.
func Roots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", file)
	}
	return roots, nil
}

// checkCAFile refuses authorities for a connection that nobody vouches for: who names them
// believes that it is encrypted.
func checkCAFile(name, file, urlName, url string) error {
	_, err := Roots(file)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if file != "" && !strings.HasPrefix(url, "rediss://") && !strings.HasPrefix(url, "https://") {
		return fmt.Errorf("%s is set, but %s says to do without TLS: it must begin with rediss:// or https://", name, urlName)
	}
	return nil
}

// checkTLS wants both files or none, and an address that fits: without it browsers would be
// given cookies that they send unencrypted, too.
func (c API) checkTLS() error {
	switch {
	case (c.TLSCertFile == "") != (c.TLSKeyFile == ""):
		return errors.New("TS_TLS_CERT_FILE and TS_TLS_KEY_FILE belong together: set both or none")
	case c.TLSCertFile != "" && !strings.HasPrefix(c.PublicURL, "https://"):
		return errors.New("TS_TLS_CERT_FILE is set, so TS_PUBLIC_URL must begin with https://")
	}
	return nil
}
