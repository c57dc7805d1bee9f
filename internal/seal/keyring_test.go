package seal_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/seal"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

func TestNewKeyring_refuses(t *testing.T) {
	t.Parallel()
	for _, secrets := range [][]string{nil, {}, {""}, {"short"}, {secret, "short"}} {
		if _, err := seal.NewKeyring(secrets); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: got %v", secrets, err)
		}
	}
}

// A key is exchanged in three steps: the new one before the old, all seals renewed, the
// old one taken away. What is encrypted can be read at any moment, and is not touched.
func TestKeyring_Renew(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	body := sound(1000)
	key := r.upload(t, body)
	before := r.stored(t, key)
	id, _ := transcription.OfObject(key)
	both := newRing(t, another, secret)
	if !bytes.Equal(read(t, r.open(t, true, another, secret), key), body) {
		t.Error("it cannot be read before its seal is renewed")
	}
	if _, _, err := r.open(t, true, another).Open(t.Context(), key); !isFault(err, fault.Unavailable, "encryption_key_missing") {
		t.Errorf("without the old key: %v", err)
	}
	for range 2 { // once more changes nothing
		renewed, err := both.Renew(id, r.seals[id])
		if err != nil || renewed.By != both.By() {
			t.Fatalf("got %+v, %v", renewed, err)
		}
		r.seals[id] = renewed
	}
	if !bytes.Equal(read(t, r.open(t, true, another), key), body) {
		t.Error("it cannot be read with the new key alone")
	}
	if !bytes.Equal(r.stored(t, key), before) {
		t.Error("the object was written anew")
	}
}

// A seal that was changed, or is another's, is not renewed: it would look sound then.
func TestKeyring_Renew_refuses(t *testing.T) {
	t.Parallel()
	ring := newRing(t, secret)
	id := uuid.New()
	s, _ := ring.New(id, false)
	changed := transcription.Seal{Key: bytes.Clone(s.Key), By: s.By}
	changed.Key[20] ^= 1
	for name, attempt := range map[string]struct {
		id uuid.UUID
		s  transcription.Seal
	}{
		"of another": {uuid.New(), s},
		"changed":    {id, changed},
		"cut off":    {id, transcription.Seal{Key: s.Key[:10], By: s.By}},
		"nothing":    {id, transcription.Seal{By: s.By}},
	} {
		if _, err := newRing(t, another, secret).Renew(attempt.id, attempt.s); !isFault(err, fault.Damaged, "recording_damaged") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if strings.Contains(s.By, secret) || bytes.Contains(s.Key, []byte(secret)) {
		t.Error("the seal tells the key")
	}
}
