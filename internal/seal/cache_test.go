package seal_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/turboscribe/turboscribe/internal/seal"
)

// memory remembers one value.
type memory struct {
	id, version string
	value       []byte
	err         error
}

func (m *memory) Recall(_ context.Context, id, version string) ([]byte, bool, error) {
	return m.value, m.err == nil && id == m.id && version == m.version, m.err
}

func (m *memory) Keep(_ context.Context, id, version string, value []byte) error {
	m.id, m.version, m.value = id, version, value
	return m.err
}

func (m *memory) Forget(context.Context, string) error {
	*m = memory{}
	return nil
}

func newCache(t *testing.T, m seal.Memory, key string) *seal.Cache {
	t.Helper()
	c, err := seal.NewCache(m, newRing(t, key))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The memory is told no text, and what it tells is believed only if it was kept as that.
func TestCache_sealed(t *testing.T) {
	t.Parallel()
	m := &memory{}
	c, text, ctx := newCache(t, m, secret), []byte("What was said."), t.Context()
	if err := c.Keep(ctx, "a", "1", text); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(m.value, text) {
		t.Error("the memory has the text")
	}
	recalls := func(c *seal.Cache, id, version string) bool {
		t.Helper()
		got, found, err := c.Recall(ctx, id, version)
		if err != nil || found && !bytes.Equal(got, text) {
			t.Errorf("got %q, %v", got, err)
		}
		return found
	}
	if !recalls(c, "a", "1") || !recalls(newCache(t, m, secret), "a", "1") {
		t.Error("what was kept is not found")
	}
	if recalls(newCache(t, m, another), "a", "1") {
		t.Error("another key opens it")
	}
	if m.id = "b"; recalls(c, "b", "1") {
		t.Error("it is taken for another text")
	}
	m.id, m.value = "a", text
	if recalls(c, "a", "1") {
		t.Error("what is not encrypted is believed")
	}
	m.err = errors.New("away")
	if _, found, err := c.Recall(ctx, "a", "1"); found || !errors.Is(err, m.err) {
		t.Errorf("away: %v, %v", found, err)
	}
}

// BenchmarkCache keeps and recalls the largest text that is kept.
func BenchmarkCache(b *testing.B) {
	c, err := seal.NewCache(&memory{}, newRing(b, secret))
	if err != nil {
		b.Fatal(err)
	}
	text := sound(1 << 20)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if err := c.Keep(b.Context(), "a", "1", text); err != nil {
			b.Fatal(err)
		}
		if _, found, err := c.Recall(b.Context(), "a", "1"); !found || err != nil {
			b.Fatal(found, err)
		}
	}
}
