package seal_test

import (
	"bytes"
	"testing"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/seal"
)

// texts returns what encrypts the texts of a new transcription, twice.
func texts(t *testing.T) (wrote, reads *seal.Texts) {
	t.Helper()
	ring, id := newRing(t, secret), uuid.New()
	s, key := ring.New(id, true)
	again, err := ring.Open(id, s)
	if err != nil {
		t.Fatal(err)
	}
	for k, into := range map[*seal.Key]**seal.Texts{key: &wrote, again: &reads} {
		if *into, err = k.Texts(); err != nil {
			t.Fatal(err)
		}
	}
	return wrote, reads
}

func TestTexts(t *testing.T) {
	t.Parallel()
	wrote, reads := texts(t)
	_, another := texts(t)
	text := []byte("What was said.")
	sealed := wrote.Seal("segment 1", text)
	if bytes.Contains(sealed, text) || bytes.Equal(sealed, wrote.Seal("segment 1", text)) {
		t.Error("it tells something of the text")
	}
	if got, err := reads.Open("segment 1", sealed); err != nil || !bytes.Equal(got, text) {
		t.Errorf("got %q, %v", got, err)
	}
	changed := bytes.Clone(sealed)
	changed[len(changed)-1] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"another place":         func() ([]byte, error) { return reads.Open("segment 2", sealed) },
		"another transcription": func() ([]byte, error) { return another.Open("segment 1", sealed) },
		"changed":               func() ([]byte, error) { return reads.Open("segment 1", changed) },
		"cut off":               func() ([]byte, error) { return reads.Open("segment 1", sealed[:5]) },
		"nothing":               func() ([]byte, error) { return reads.Open("segment 1", nil) },
	} {
		if got, err := open(); !isFault(err, fault.Damaged, "text_damaged") || got != nil {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

// What a data key is for cannot be changed without it.
func TestKeyring_Open_purpose(t *testing.T) {
	t.Parallel()
	ring, id := newRing(t, secret), uuid.New()
	for _, texts := range []bool{false, true} {
		s, _ := ring.New(id, texts)
		s.Texts = !texts
		if _, err := ring.Open(id, s); !isFault(err, fault.Damaged, "recording_damaged") {
			t.Errorf("texts %v: got %v", texts, err)
		}
	}
}
