package apitest

import (
	"bytes"
	"context"
	"sync"
	"testing"

	"github.com/turboscribe/turboscribe/internal/api"
)

var _ api.Cache = (*Cache)(nil)

// maxValue is the size of the largest value that a cache keeps.
const maxValue = 1 << 20

// Cache is an api.Cache in memory. Its zero value is empty and ready.
type Cache struct {
	mu     sync.Mutex
	kept   map[string]cached
	broken error
}

type cached struct {
	version string
	value   []byte
}

// BreakWith makes every call return err; nil mends the cache.
func (c *Cache) BreakWith(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = err
}

// Recall implements api.Cache.
func (c *Cache) Recall(_ context.Context, id, version string) ([]byte, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.kept[id]
	if c.broken != nil || !ok || k.version != version {
		return nil, false, c.broken
	}
	return bytes.Clone(k.value), true, nil
}

// Keep implements api.Cache.
func (c *Cache) Keep(_ context.Context, id, version string, value []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken != nil || len(value) > maxValue {
		return c.broken
	}
	if c.kept == nil {
		c.kept = map[string]cached{}
	}
	c.kept[id] = cached{version, bytes.Clone(value)}
	return nil
}

// Forget implements api.Cache.
func (c *Cache) Forget(_ context.Context, id string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.kept, id)
	return c.broken
}

// Len returns how many values are kept.
func (c *Cache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.kept)
}

// TestCache checks that an empty cache that works keeps the promises of api.Cache.
func TestCache(t *testing.T, c api.Cache) {
	t.Helper()
	recall := func(id, version string, want []byte) {
		t.Helper()
		got, found, err := c.Recall(t.Context(), id, version)
		if err != nil || found != (want != nil) || !bytes.Equal(got, want) {
			t.Errorf("%s in version %s: got %.20q, %v, %v, want %.20q", id, version, got, found, err, want)
		}
	}
	keep := func(id, version string, value []byte) {
		t.Helper()
		if err := c.Keep(t.Context(), id, version, value); err != nil {
			t.Error(err)
		}
	}
	first, second, large := []byte("\x00first\xff"), []byte("second"), bytes.Repeat([]byte("x"), maxValue)
	recall("a", "1", nil)
	keep("a", "1", first)
	recall("a", "1", first)
	recall("a", "2", nil)
	recall("b", "1", nil)
	keep("a", "2", second)
	recall("a", "2", second)
	recall("a", "1", nil)
	keep("a", "3", large)
	recall("a", "3", large)
	keep("a", "4", append(large, 'x'))
	recall("a", "4", nil)
	for range 2 {
		if err := c.Forget(t.Context(), "a"); err != nil {
			t.Error(err)
		}
		recall("a", "3", nil)
	}
}
