package seal

import (
	"crypto/cipher"
	"fmt"
)

// Secrets encrypts short texts under a key of the operator's, each for one place. It is safe
// for concurrent use.
type Secrets struct{ aead cipher.AEAD }

// NewSecrets returns what encrypts under a key of the operator's.
func NewSecrets(key string) (*Secrets, error) {
	derived, err := derive([]byte(key), "turboscribe secrets")
	if err != nil {
		return nil, err
	}
	aead, err := newAEAD(derived)
	return &Secrets{aead}, err
}

// Seal encrypts a text that is to be found at a place.
func (s *Secrets) Seal(place, text string) []byte {
	return s.aead.Seal(nil, nil, []byte(text), []byte(place)) //nolint:gosec // G407: it makes a random nonce by itself
}

// Open decrypts what was found at a place. It is an error when that is not what was encrypted
// for it.
func (s *Secrets) Open(place string, sealed []byte) (string, error) {
	text, err := s.aead.Open(nil, nil, sealed, []byte(place))
	if err != nil {
		return "", fmt.Errorf("decrypt the secret of the %s: %w", place, err)
	}
	return string(text), nil
}
