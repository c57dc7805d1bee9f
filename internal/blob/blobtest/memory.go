package blobtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/turboscribe/turboscribe/internal/blob"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// Memory keeps objects in memory and behaves as blob.Store does: one suite of
// tests runs on both. The zero value is ready for use, also concurrently.
type Memory struct {
	mu      sync.Mutex
	objects map[string][]byte
}

// Check reports nothing but the end of ctx: memory always works.
func (m *Memory) Check(ctx context.Context) error { return ctx.Err() }

// Ping does as Check.
func (m *Memory) Ping(ctx context.Context) error { return ctx.Err() }

// EnsureBucket does as Check: there is nothing to create.
func (m *Memory) EnsureBucket(ctx context.Context) error { return ctx.Err() }

// Upload reads r to its end and stores it, under the rules of blob.Store.
func (m *Memory) Upload(ctx context.Context, key string, r io.Reader, limit int64) (blob.Object, error) {
	if limit < 1 {
		return blob.Object{}, fmt.Errorf("upload %s: the limit is %d bytes, it must be positive", key, limit)
	}
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	switch {
	case ctx.Err() != nil:
		return blob.Object{}, fmt.Errorf("upload %s: %w", key, ctx.Err())
	case err != nil:
		return blob.Object{}, fmt.Errorf("read the file: %w", err)
	case int64(len(body)) > limit:
		return blob.Object{}, transcription.FileTooLarge(limit)
	case len(body) == 0:
		return blob.Object{}, fault.New(fault.Invalid, "The file is empty.").WithCode("empty_file")
	}
	sum := sha256.Sum256(body)
	return blob.Object{Key: key, Size: int64(len(body)), SHA256: hex.EncodeToString(sum[:])}, m.Put(ctx, key, body)
}

// Put stores a copy of body in place of what was there.
func (m *Memory) Put(ctx context.Context, key string, body []byte) error {
	if ctx.Err() != nil {
		return fmt.Errorf("put %s: %w", key, ctx.Err())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.objects == nil {
		m.objects = map[string][]byte{}
	}
	m.objects[key] = bytes.Clone(body)
	return nil
}

// Open returns the content of an object and its size; fault.NotFound when there
// is none.
func (m *Memory) Open(ctx context.Context, key string) (io.ReadCloser, int64, error) {
	if ctx.Err() != nil {
		return nil, 0, fmt.Errorf("get %s: %w", key, ctx.Err())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	body, ok := m.objects[key]
	if !ok {
		return nil, 0, fault.New(fault.NotFound, "The stored file is no longer there.").WithCode("file_not_found")
	}
	return io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
}

// Size returns how many bytes an object has.
func (m *Memory) Size(ctx context.Context, key string) (int64, error) {
	_, size, err := m.Open(ctx, key)
	return size, err
}

// OpenRange returns some bytes of an object, under the rules of blob.Store.
func (m *Memory) OpenRange(ctx context.Context, key string, from, length int64) (io.ReadCloser, error) {
	if from < 0 || length < 1 {
		return nil, fmt.Errorf("get %s: there are no %d bytes from %d on", key, length, from)
	}
	r, size, err := m.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	if from+length > size {
		return nil, fmt.Errorf("get %s: there are %d bytes only", key, size)
	}
	_, err = io.CopyN(io.Discard, r, from)
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(r, length), r}, err
}

// Delete removes objects. One that does not exist is no error.
func (m *Memory) Delete(ctx context.Context, keys ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range keys {
		delete(m.objects, key)
	}
	return ctx.Err()
}

// DeletePrefix removes all objects below a prefix that ends in "/".
func (m *Memory) DeletePrefix(ctx context.Context, prefix string) error {
	if len(prefix) < 2 || !strings.HasSuffix(prefix, "/") {
		return errors.New("delete objects: a prefix must name something and end in a slash")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.objects, func(key string, _ []byte) bool { return strings.HasPrefix(key, prefix) })
	return ctx.Err()
}

// AbortUploads returns 0: an upload into memory is whole or nothing.
func (m *Memory) AbortUploads(ctx context.Context, _ string, _ time.Duration) (int, error) {
	return 0, ctx.Err()
}

// Keys returns the keys of all objects that begin with prefix, in order.
func (m *Memory) Keys(ctx context.Context, prefix string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []string
	for key := range m.objects {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys, ctx.Err()
}
