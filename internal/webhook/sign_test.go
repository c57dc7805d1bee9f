package webhook

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const body = `{"type":"transcription.completed","timestamp":"2026-03-01T12:00:00.000Z","data":{"id":"ä"}}`

// verify is what a receiver does with the reference library.
func verify(t *testing.T, s Secret, h http.Header, body string) error {
	t.Helper()
	receiver, err := standardwebhooks.NewWebhook(string(s))
	if err != nil {
		t.Fatal(err)
	}
	return receiver.Verify([]byte(body), h)
}

func signed(t *testing.T, at time.Time, secrets ...Secret) http.Header {
	t.Helper()
	signature, err := Sign("msg", at, body, secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return http.Header{"Webhook-Id": {"msg"}, "Webhook-Timestamp": {unix(at)}, "Webhook-Signature": {signature}}
}

func TestSign_referenceVerifies(t *testing.T) {
	t.Parallel()
	s := NewSecret()
	h := signed(t, time.Now(), s)
	if err := verify(t, s, h, body); err != nil {
		t.Error(err)
	}
	if err := verify(t, s, h, strings.Replace(body, "ä", "a", 1)); err == nil {
		t.Error("another body was verified")
	}
	if err := verify(t, NewSecret(), h, body); err == nil {
		t.Error("another secret verified it")
	}
	if err := verify(t, s, signed(t, time.Now().Add(-time.Hour), s), body); err == nil {
		t.Error("an old message was verified")
	}
	h.Set("Webhook-Id", "other")
	if err := verify(t, s, h, body); err == nil {
		t.Error("another id was verified")
	}
}

// While a secret is exchanged, a receiver may know either.
func TestSign_rotation(t *testing.T) {
	t.Parallel()
	fresh, old := NewSecret(), NewSecret()
	h := signed(t, time.Now(), fresh, old)
	for _, s := range []Secret{fresh, old} {
		if err := verify(t, s, h, body); err != nil {
			t.Error(err)
		}
	}
	if got := strings.Count(h.Get("Webhook-Signature"), "v1,"); got != 2 {
		t.Errorf("got %d signatures, want 2", got)
	}
	if err := verify(t, old, signed(t, time.Now(), fresh), body); err == nil {
		t.Error("the old secret verifies what the new one has signed")
	}
}

// The example of the specification's own test suite.
func TestSign_knownAnswer(t *testing.T) {
	t.Parallel()
	got, err := Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), `{"test": 2432232314}`, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want || err != nil {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func TestSign_badSecret(t *testing.T) {
	t.Parallel()
	if got, err := Sign("msg", time.Now(), body, "whsec_!"); err == nil {
		t.Errorf("got %s, want an error", got)
	}
}

func TestSecret_hidden(t *testing.T) {
	t.Parallel()
	s := NewSecret()
	if len(s) != len("whsec_")+44 || s == NewSecret() {
		t.Errorf("%q is no fresh secret of 32 bytes", string(s))
	}
	if text := fmt.Sprintf("%v %s %+v", s, s, struct{ S Secret }{s}); strings.Contains(text, string(s)) {
		t.Errorf("the secret is printed: %s", text)
	}
}
