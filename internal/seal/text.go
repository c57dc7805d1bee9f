package seal

import (
	"crypto/cipher"
	"fmt"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// Texts encrypts what was said in one transcription. It is safe for concurrent use.
type Texts struct{ aead cipher.AEAD }

// Texts returns what encrypts the texts of a transcription.
func (k *Key) Texts() (*Texts, error) {
	key, err := derive(k.data, "turboscribe texts")
	if err != nil {
		return nil, err
	}
	aead, err := newAEAD(key)
	return &Texts{aead}, err
}

// Seal encrypts a text that is to be found at a place.
func (t *Texts) Seal(place string, text []byte) []byte {
	return t.aead.Seal(nil, nil, text, []byte(place)) //nolint:gosec // G407: it makes a random nonce by itself
}

// Open decrypts what was found at a place. Damaged text_damaged: that is not what was
// encrypted for it.
func (t *Texts) Open(place string, sealed []byte) ([]byte, error) {
	text, err := t.aead.Open(nil, nil, sealed, []byte(place))
	if err != nil {
		return nil, transcription.TextDamaged(fmt.Errorf("decrypt the %s: %w", place, err))
	}
	return text, nil
}
