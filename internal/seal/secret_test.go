package seal_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/turboscribe/turboscribe/internal/seal"
)

func newSecrets(t *testing.T, key string) *seal.Secrets {
	t.Helper()
	s, err := seal.NewSecrets(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	s, other := newSecrets(t, strings.Repeat("a", 32)), newSecrets(t, strings.Repeat("b", 32))
	sealed := s.Seal("webhook 1", "whsec_x")
	if bytes.Contains(sealed, []byte("whsec_x")) || bytes.Equal(sealed, s.Seal("webhook 1", "whsec_x")) {
		t.Error("it tells something of the secret")
	}
	if got, err := s.Open("webhook 1", sealed); err != nil || got != "whsec_x" {
		t.Errorf("got %q, %v", got, err)
	}
	changed := bytes.Clone(sealed)
	changed[len(changed)-1] ^= 1
	for name, open := range map[string]func() (string, error){
		"another place": func() (string, error) { return s.Open("webhook 2", sealed) },
		"another key":   func() (string, error) { return other.Open("webhook 1", sealed) },
		"changed":       func() (string, error) { return s.Open("webhook 1", changed) },
		"cut off":       func() (string, error) { return s.Open("webhook 1", sealed[:5]) },
		"nothing":       func() (string, error) { return s.Open("webhook 1", nil) },
	} {
		if got, err := open(); err == nil || got != "" {
			t.Errorf("%s: got %q, %v, want an error", name, got, err)
		}
	}
}
