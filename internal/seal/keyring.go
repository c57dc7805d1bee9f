// Package seal encrypts what is kept of a transcription: its objects, and on request its
// texts.
//
// Each transcription has a data key of its own, which is kept beside its row, encrypted
// with a key of the operator's: a Seal. Whoever deletes the row destroys all copies of
// what the data key has encrypted, wherever they are. A transcription is encrypted from
// its beginning or never, so nothing that lacks its encryption is taken for one that has
// none.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

const (
	// minSecret is the shortest key that an operator may give, in bytes.
	minSecret = 32
	// keyLength is that of all keys made here, in bytes.
	keyLength = 32
)

// Keyring is what an operator has to encrypt data keys with. It is safe for concurrent
// use.
type Keyring struct {
	keys []master // the first encrypts, all decrypt
}

// master is a key of the operator's.
type master struct {
	id     string
	secret []byte
	aead   cipher.AEAD // for data keys
}

// NewKeyring returns a keyring of secrets, the first of which encrypts. Invalid: there is
// none, or one is too short.
func NewKeyring(secrets []string) (*Keyring, error) {
	if len(secrets) == 0 {
		return nil, fault.New(fault.Invalid, "There is no key to encrypt with.")
	}
	k := &Keyring{}
	for _, s := range secrets {
		m, err := newMaster(s)
		if err != nil {
			return nil, err
		}
		k.keys = append(k.keys, m)
	}
	return k, nil
}

func newMaster(secret string) (master, error) {
	id, err := Name(secret)
	if err != nil {
		return master{}, err
	}
	key, err := derive([]byte(secret), "turboscribe key of data keys")
	if err != nil {
		return master{}, err
	}
	aead, err := newAEAD(key)
	return master{id: id, secret: []byte(secret), aead: aead}, err
}

// Name returns what a key of the operator's is called where it was used, which tells
// nothing of it. Invalid: it is too short.
func Name(secret string) (string, error) {
	if len(secret) < minSecret {
		return "", fault.New(fault.Invalid, "A key to encrypt with has %d bytes, at least %d are needed.", len(secret), minSecret)
	}
	id, err := hkdf.Key(sha256.New, []byte(secret), nil, "turboscribe encryption key id", 6)
	if err != nil {
		return "", fmt.Errorf("derive the name of a key: %w", err)
	}
	return hex.EncodeToString(id), nil
}

// By returns the name of the key that encrypts.
func (k *Keyring) By() string { return k.keys[0].id }

// New makes a data key for a transcription, which is for its texts as well if texts is true.
func (k *Keyring) New(id uuid.UUID, texts bool) (transcription.Seal, *Key) {
	data := make([]byte, keyLength)
	_, _ = rand.Read(data) // never fails
	return k.wrap(id, transcription.Seal{Texts: texts}, data), &Key{data: data}
}

// Open returns the data key of a transcription. Unavailable encryption_key_missing: the
// key is not on the ring that has encrypted it. Damaged recording_damaged: that is no
// seal of this transcription.
func (k *Keyring) Open(id uuid.UUID, s transcription.Seal) (*Key, error) {
	data, err := k.unwrap(id, s)
	if err != nil {
		return nil, err
	}
	return &Key{data: data}, nil
}

// Renew returns a seal of the same data key by the key that encrypts now. Faults are
// those of Open.
func (k *Keyring) Renew(id uuid.UUID, s transcription.Seal) (transcription.Seal, error) {
	data, err := k.unwrap(id, s)
	if err != nil {
		return s, err
	}
	return k.wrap(id, s, data), nil
}

// wrap puts a data key into a seal, whose other fields cannot be changed from then on.
func (k *Keyring) wrap(id uuid.UUID, s transcription.Seal, data []byte) transcription.Seal {
	m := k.keys[0]
	s.Key, s.By = m.aead.Seal(nil, nil, data, purpose(id, s)), m.id //nolint:gosec // G407: it makes a random nonce by itself
	return s
}

func (k *Keyring) unwrap(id uuid.UUID, s transcription.Seal) ([]byte, error) {
	for _, m := range k.keys {
		if m.id != s.By {
			continue
		}
		data, err := m.aead.Open(nil, nil, s.Key, purpose(id, s))
		if err != nil || len(data) != keyLength {
			return nil, transcription.RecordingDamaged(fmt.Errorf("open the seal of %s: %w", id, err))
		}
		return data, nil
	}
	return nil, fault.New(fault.Unavailable, "This is encrypted with a key that is not at hand at the moment. Please tell whoever runs this installation.").
		WithCode("encryption_key_missing").With("key", s.By)
}

// purpose binds a data key to its transcription, and to what it is for.
func purpose(id uuid.UUID, s transcription.Seal) []byte {
	if s.Texts {
		return []byte("data key and texts of " + id.String())
	}
	return []byte("data key of " + id.String())
}

func derive(secret []byte, purpose string) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, purpose, keyLength)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	return key, nil
}

// newAEAD returns AES-256-GCM that puts a random nonce before what it encrypts.
func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make a cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("make a cipher: %w", err)
	}
	return aead, nil
}
