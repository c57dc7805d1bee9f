package seal

import (
	"context"
	"crypto/cipher"
)

// Memory is what forgets values before long.
type Memory interface {
	Recall(ctx context.Context, id, version string) (value []byte, found bool, err error)
	Keep(ctx context.Context, id, version string, value []byte) error
	Forget(ctx context.Context, id string) error
}

// Cache keeps values in a memory that knows nothing of them. It is safe for concurrent use.
type Cache struct {
	Memory
	aead cipher.AEAD
}

// NewCache returns a cache in m. All that share it have the same first key.
func NewCache(m Memory, ring *Keyring) (*Cache, error) {
	key, err := derive(ring.keys[0].secret, "turboscribe cache")
	if err != nil {
		return nil, err
	}
	aead, err := newAEAD(key)
	return &Cache{m, aead}, err
}

// Recall returns what was kept as that version of id.
func (c *Cache) Recall(ctx context.Context, id, version string) ([]byte, bool, error) {
	sealed, found, err := c.Memory.Recall(ctx, id, version)
	if !found {
		return nil, false, err
	}
	value, err := c.aead.Open(nil, nil, sealed, place(id, version))
	if err != nil {
		return nil, false, nil //nolint:nilerr // another key's, or nobody's: it is not found then
	}
	return value, true, nil
}

// Keep makes value the only version of id that is kept, under the rules of the memory.
func (c *Cache) Keep(ctx context.Context, id, version string, value []byte) error {
	return c.Memory.Keep(ctx, id, version, c.aead.Seal(nil, nil, value, place(id, version))) //nolint:gosec // G407: it makes a random nonce by itself
}

func place(id, version string) []byte { return []byte(id + " " + version) }
