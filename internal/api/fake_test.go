package api_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/transcription/transcriptiontest"
)

var _ transcription.Objects = (*fakeObjects)(nil)

// store is the one in memory, into which tests put what they need.
type store struct {
	transcriptiontest.Store
	texts   atomic.Int64 // how many texts were read
	reading func()       // called before a text is read
}

func (s *store) Transcription(ctx context.Context, owner, id uuid.UUID) (*transcription.Transcription, error) {
	s.texts.Add(1)
	if s.reading != nil {
		s.reading()
	}
	return s.Store.Transcription(ctx, owner, id)
}

// add puts a transcription of the owner into the store.
func (s *store) add(t *testing.T, owner uuid.UUID, change func(*transcription.Transcription)) uuid.UUID {
	t.Helper()
	row := transcription.Transcription{
		ID: newID(t), OwnerID: owner, Run: 1, Status: transcription.Queued, CreatedAt: start,
		File: transcription.File{ID: newID(t), OwnerID: owner, Name: "interview.mp3"},
	}
	row.File.Key = transcription.Prefix(owner, row.ID) + "source"
	row.File.ContentType, row.File.SHA256, row.File.CreatedAt = "audio/mpeg", strings.Repeat("ab", 32), start
	row.File.Size = int64(len(new(fakeObjects).content(row.File.Key)))
	if change != nil {
		change(&row)
	}
	s.Insert(row)
	return row.ID
}

func newID(t *testing.T) uuid.UUID {
	t.Helper()
	id, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// fakeObjects keeps recordings in memory, large ones by their hash only.
type fakeObjects struct {
	mu      sync.Mutex
	sums    map[string]string
	reading func(n int64)     // called while an upload is read, with the bytes so far
	bodies  map[string]string // of those that are no recordings
	public  bool              // browsers reach them
	ranging func(ctx context.Context, from, length int64) (io.ReadCloser, error)
	joining func() // called when all of it was read
}

func (o *fakeObjects) Upload(_ context.Context, key string, r io.Reader, limit int64) (transcription.Stored, error) {
	sum := sha256.New()
	buffer := make([]byte, 64<<10)
	var size int64
	for {
		n, err := io.ReadFull(r, buffer) // as a store of parts does
		sum.Write(buffer[:n])
		if size += int64(n); size > limit {
			return transcription.Stored{}, fault.New(fault.TooLarge, "The file is too large.").WithCode("file_too_large").With("limit", limit)
		}
		if o.reading != nil {
			o.reading(size)
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			break
		}
		if err != nil {
			return transcription.Stored{}, err
		}
	}
	if o.joining != nil {
		o.joining()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sums[key] = hex.EncodeToString(sum.Sum(nil))
	return transcription.Stored{Size: size, SHA256: o.sums[key]}, nil
}

func (o *fakeObjects) UploadSealed(ctx context.Context, key string, r io.Reader, limit int64) (transcription.Stored, error) {
	return o.Upload(ctx, key, r, limit)
}

func (o *fakeObjects) Open(_ context.Context, key string) (io.ReadCloser, int64, error) {
	text := o.content(key)
	return io.NopCloser(strings.NewReader(text)), int64(len(text)), nil
}

func (o *fakeObjects) OpenRange(ctx context.Context, key string, from, length int64) (io.ReadCloser, error) {
	if o.ranging != nil {
		return o.ranging(ctx, from, length)
	}
	text := o.content(key)
	if from < 0 || length < 1 || from+length > int64(len(text)) {
		return nil, fmt.Errorf("there are no %d bytes from %d on", length, from)
	}
	return io.NopCloser(strings.NewReader(text[from : from+length])), nil
}

func (o *fakeObjects) Sign(_ context.Context, key string, as transcription.Served, lifetime time.Duration) (string, bool, error) {
	q := url.Values{"type": {as.ContentType}, "disposition": {as.Disposition}, "lifetime": {lifetime.String()}}
	return "https://s3.example.com/" + key + "?" + q.Encode(), o.public, nil
}

// content is what an object holds.
func (o *fakeObjects) content(key string) string {
	if body, ok := o.bodies[key]; ok {
		return body
	}
	return "recording of " + key
}

func (o *fakeObjects) Delete(_ context.Context, keys ...string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, key := range keys {
		delete(o.sums, key)
	}
	return nil
}

func (o *fakeObjects) DeletePrefix(_ context.Context, prefix string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for key := range o.sums {
		if strings.HasPrefix(key, prefix) {
			delete(o.sums, key)
		}
	}
	return nil
}

// stored returns the hashes of what is kept.
func (o *fakeObjects) stored() (found []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, sum := range o.sums {
		found = append(found, sum)
	}
	return found
}

// fakeQueue takes note of what it is to advance and to stop.
type fakeQueue struct {
	mu      sync.Mutex
	refs    []transcription.Ref
	stopped []uuid.UUID
}

func (q *fakeQueue) Stop(_ context.Context, id uuid.UUID) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stopped = append(q.stopped, id)
	return nil
}

func (q *fakeQueue) Advance(_ context.Context, ref transcription.Ref) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.refs = append(q.refs, ref)
	return nil
}

// advanced returns the ids of what it was to advance.
func (q *fakeQueue) advanced() (ids []uuid.UUID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, ref := range q.refs {
		ids = append(ids, ref.ID)
	}
	return ids
}

// sniff refuses what is empty or text.
func sniff(head []byte) (string, error) {
	switch {
	case len(head) == 0:
		return "", fault.New(fault.Invalid, "The file is empty.").WithCode("empty_file")
	case bytes.HasPrefix(head, []byte("text")):
		return "", fault.New(fault.Unsupported, "That is no recording.").WithCode("unsupported_media")
	default:
		return "audio/mpeg", nil
	}
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
