package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Secret is a key that a webhook's events are signed with, as people copy it: whsec_
// and 32 random bytes in base64.
type Secret string

const (
	secretPrefix = "whsec_"
	secretBytes  = 32
)

// NewSecret returns a fresh secret.
func NewSecret() Secret {
	key := make([]byte, secretBytes)
	_, _ = rand.Read(key) // never fails
	return Secret(secretPrefix + base64.StdEncoding.EncodeToString(key))
}

// String hides the secret from logs.
func (s Secret) String() string { return secretPrefix + "…" }

func (s Secret) key() ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(string(s), secretPrefix))
	if err != nil {
		return nil, fmt.Errorf("decode a secret: %w", err)
	}
	return key, nil
}

// Sign returns the header webhook-signature of a message: a signature by each secret,
// so that a receiver may know the old one or the new one while they are exchanged.
func Sign(id string, at time.Time, body string, secrets ...Secret) (string, error) {
	signatures := make([]string, len(secrets))
	for i, s := range secrets {
		key, err := s.key()
		if err != nil {
			return "", err
		}
		mac := hmac.New(sha256.New, key)
		_, _ = mac.Write([]byte(id + "." + unix(at) + "." + body)) // never fails
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(signatures, " "), nil
}

func unix(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }
