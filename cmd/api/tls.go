package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"sync"

	"github.com/rs/zerolog"
)

// keyPair is the server's certificate, read anew once its files have changed: whoever renews
// it need not know of this program, and no connection is broken off for it.
type keyPair struct {
	certFile, keyFile string
	log               *zerolog.Logger

	mu          sync.Mutex
	cert, key   []byte // what was read last, fit or not
	certificate *tls.Certificate
	complaint   string // what was wrong the last time, so that it is said once
}

// tlsConfig returns the settings of a server with that certificate, nil without one.
func tlsConfig(ctx context.Context, certFile, keyFile string) (*tls.Config, error) {
	if certFile == "" {
		return nil, nil
	}
	k := &keyPair{certFile: certFile, keyFile: keyFile, log: zerolog.Ctx(ctx)}
	if err := k.reload(); err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: k.current}, nil
}

// current returns the certificate for a new connection: the last that was fit. Reading two
// small files costs less than the signature that follows.
func (k *keyPair) current(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.reload(); err != nil && err.Error() != k.complaint {
		k.complaint = err.Error()
		k.log.Error().Err(err).Msg("the new certificate cannot be used, the last one stays")
	}
	return k.certificate, nil
}

// reload reads the files and takes over what is new in them. While they are being replaced,
// they may not fit each other for a moment.
func (k *keyPair) reload() error {
	cert, err := os.ReadFile(k.certFile)
	if err != nil {
		return err
	}
	key, err := os.ReadFile(k.keyFile)
	if err != nil {
		return err
	}
	if bytes.Equal(cert, k.cert) && bytes.Equal(key, k.key) {
		return nil
	}
	k.cert, k.key = cert, key
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("read the certificate: %w", err)
	}
	k.certificate, k.complaint = &pair, ""
	k.log.Info().Time("until", pair.Leaf.NotAfter).Msg("certificate read")
	return nil
}
