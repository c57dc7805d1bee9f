package blob_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/blob"
	"github.com/turboscribe/turboscribe/internal/blob/blobtest"
	"github.com/turboscribe/turboscribe/internal/fault"
)

const part = 8 << 20

// blobs is what other packages use of a store.
type blobs interface {
	Check(ctx context.Context) error
	Ping(ctx context.Context) error
	EnsureBucket(ctx context.Context) error
	Upload(ctx context.Context, key string, r io.Reader, limit int64) (blob.Object, error)
	Put(ctx context.Context, key string, body []byte) error
	Open(ctx context.Context, key string) (io.ReadCloser, int64, error)
	OpenRange(ctx context.Context, key string, from, length int64) (io.ReadCloser, error)
	Size(ctx context.Context, key string) (int64, error)
	Delete(ctx context.Context, keys ...string) error
	DeletePrefix(ctx context.Context, prefix string) error
	AbortUploads(ctx context.Context, prefix string, olderThan time.Duration) (int, error)
	Keys(ctx context.Context, prefix string) ([]string, error)
}

func TestMemory(t *testing.T) {
	t.Parallel()
	testBlobs(t, func(*testing.T) blobs { return new(blobtest.Memory) })
}

func TestStore(t *testing.T) {
	t.Parallel()
	testBlobs(t, func(t *testing.T) blobs { return blobtest.Open(t) })
}

// testBlobs is what every store must do; it keeps the one in memory honest.
func testBlobs(t *testing.T, open func(*testing.T) blobs) {
	for name, test := range map[string]func(*testing.T, blobs){
		"upload sizes":    testUploadSizes,
		"upload failures": testUploadFailures,
		"put and read":    testPutAndRead,
		"read a range":    testReadRange,
		"missing object":  testMissing,
		"delete":          testDelete,
		"delete prefix":   testDeletePrefix,
		"check":           testCheck,
		"ended context":   testEnded,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func testUploadSizes(t *testing.T, s blobs) {
	for _, tt := range []struct {
		name  string
		size  int
		limit int64
		code  string
	}{
		{"empty", 0, 100, "empty_file"},
		{"one byte", 1, 1, ""},
		{"at the limit", 1000, 1000, ""},
		{"one over the limit", 1001, 1000, "file_too_large"},
		{"one under a part", part - 1, 10 * part, ""},
		{"a part", part, 10 * part, ""},
		{"a part, at the limit", part, part, ""},
		{"a part, one over the limit", part + 1, part, "file_too_large"},
		{"one over a part", part + 1, 10 * part, ""},
		{"three parts", 3 * part, 3 * part, ""},
		{"three parts, one over the limit", 3*part + 1, 3 * part, "file_too_large"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := randomBytes(tt.size)
			key := "sizes/" + strings.ReplaceAll(tt.name, " ", "-")
			got, err := s.Upload(t.Context(), key, bytes.NewReader(body), tt.limit)
			if tt.code != "" {
				if f := fault.Of(err); f == nil || f.Code != tt.code || !fault.Permanent(err) {
					t.Errorf("got %v, want the code %s", err, tt.code)
				}
				wantNothing(t, s, key)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(body)
			if diff := cmp.Diff(got, blob.Object{Key: key, Size: int64(tt.size), SHA256: hex.EncodeToString(sum[:])}); diff != "" {
				t.Error(diff)
			}
			if !bytes.Equal(content(t, s, key), body) {
				t.Error("what is stored is not what was sent")
			}
		})
	}
	var f *fault.Error
	if _, err := s.Upload(t.Context(), "sizes/x", strings.NewReader("12345"), 4); !errors.As(err, &f) || f.Details["limitBytes"] != int64(4) {
		t.Errorf("the limit is not in the details of %v", err)
	}
	if _, err := s.Upload(t.Context(), "sizes/x", strings.NewReader("1"), 0); err == nil {
		t.Error("an upload without a limit was accepted")
	}
}

// A connection that breaks is reported by net/http as io.ErrUnexpectedEOF, which
// is also how io.ReadFull reports a short read. Taken for the end of the file,
// half a recording would be stored as a whole one.
func testUploadFailures(t *testing.T, s blobs) {
	gone := errors.New("connection reset by peer")
	tooSlow := fault.New(fault.Invalid, "Too slow.")
	for _, tt := range []struct {
		name string
		size int
		err  error
	}{
		{"at once", 0, gone},
		{"within the first part", 1000, gone},
		{"within the first part, as net/http does", 1000, io.ErrUnexpectedEOF},
		{"after the first part", part, io.ErrUnexpectedEOF},
		{"within the fifth part", 4*part + 1, io.ErrUnexpectedEOF},
		{"with a fault", 2*part + 1, tooSlow},
	} {
		t.Run(tt.name, func(t *testing.T) {
			key := "failures/" + strings.ReplaceAll(tt.name, " ", "-")
			r := io.MultiReader(bytes.NewReader(randomBytes(tt.size)), iotest.ErrReader(tt.err))
			if _, err := s.Upload(t.Context(), key, r, 100*part); !errors.Is(err, tt.err) {
				t.Errorf("got %v, want %v", err, tt.err)
			}
			wantNothing(t, s, key)
		})
	}
	t.Run("canceled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := io.MultiReader(bytes.NewReader(randomBytes(3*part)), readerFunc(func(p []byte) (int, error) {
			cancel()
			return len(p), nil
		}))
		if _, err := s.Upload(ctx, "failures/canceled", r, 6*part); !errors.Is(err, context.Canceled) && !fault.Is(err, fault.TooLarge) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
		wantNothing(t, s, "failures/canceled")
	})
}

func testPutAndRead(t *testing.T, s blobs) {
	for _, body := range []string{"first", "", "another length"} {
		if err := s.Put(t.Context(), "a/ö b+c&d", []byte(body)); err != nil {
			t.Fatal(err)
		}
		if got := content(t, s, "a/ö b+c&d"); string(got) != body {
			t.Errorf("got %q, want %q", got, body)
		}
	}
}

func testReadRange(t *testing.T, s blobs) {
	body := randomBytes(1000)
	if err := s.Put(t.Context(), "k", body); err != nil {
		t.Fatal(err)
	}
	if size, err := s.Size(t.Context(), "k"); err != nil || size != 1000 {
		t.Errorf("it is told to have %d bytes, %v", size, err)
	}
	for _, tt := range []struct{ from, length int64 }{{0, 1}, {0, 1000}, {1, 998}, {999, 1}, {500, 500}} {
		r, err := s.OpenRange(t.Context(), "k", tt.from, tt.length)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, body[tt.from:tt.from+tt.length]) {
			t.Errorf("%d from %d on: got %d bytes, %v", tt.length, tt.from, len(got), err)
		}
	}
	for _, tt := range []struct{ from, length int64 }{{-1, 5}, {0, 0}, {0, 1001}, {999, 2}, {1000, 1}, {5000, 1}} {
		if r, err := s.OpenRange(t.Context(), "k", tt.from, tt.length); err == nil {
			t.Errorf("there are %d bytes from %d on: %v", tt.length, tt.from, r.Close())
		}
	}
	if _, err := s.OpenRange(t.Context(), "nobody/put/this", 0, 1); !fault.Is(err, fault.NotFound) {
		t.Errorf("got %v, want file_not_found", err)
	}
	if _, err := s.Size(t.Context(), "nobody/put/this"); !fault.Is(err, fault.NotFound) {
		t.Errorf("size: got %v, want file_not_found", err)
	}
}

func testMissing(t *testing.T, s blobs) {
	_, _, err := s.Open(t.Context(), "nobody/put/this")
	if !fault.Is(err, fault.NotFound) || fault.Of(err).Code != "file_not_found" {
		t.Errorf("got %v, want file_not_found", err)
	}
	if err := s.Delete(t.Context(), "nobody/put/this"); err != nil {
		t.Errorf("deleting nothing: %v", err)
	}
	if err := s.Delete(t.Context()); err != nil {
		t.Errorf("deleting no key: %v", err)
	}
	if err := s.DeletePrefix(t.Context(), "nobody/"); err != nil {
		t.Errorf("deleting below nothing: %v", err)
	}
}

func testDelete(t *testing.T, s blobs) {
	put(t, s, "a", "b", "c")
	if err := s.Delete(t.Context(), "a", "c", "d"); err != nil {
		t.Fatal(err)
	}
	wantKeys(t, s, "", "b")
}

func testDeletePrefix(t *testing.T, s blobs) {
	put(t, s, "t/1/media", "t/1/chunk/0", "t/10/media")
	for _, prefix := range []string{"", "/", "t", "t/1"} {
		if err := s.DeletePrefix(t.Context(), prefix); err == nil {
			t.Errorf("the prefix %q was accepted", prefix)
		}
	}
	wantKeys(t, s, "", "t/1/chunk/0", "t/1/media", "t/10/media")
	wantKeys(t, s, "t/1/", "t/1/chunk/0", "t/1/media")
	if err := s.DeletePrefix(t.Context(), "t/1/"); err != nil {
		t.Fatal(err)
	}
	wantKeys(t, s, "", "t/10/media")
}

func testCheck(t *testing.T, s blobs) {
	for range 2 {
		if err := errors.Join(s.EnsureBucket(t.Context()), s.Check(t.Context()), s.Ping(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	wantKeys(t, s, "")
}

// testEnded holds that a caller that gave up is not told that the storage is
// down.
func testEnded(t *testing.T, s blobs) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, uploadErr := s.Upload(ctx, "k", strings.NewReader("x"), 9)
	_, _, openErr := s.Open(ctx, "k")
	_, rangeErr := s.OpenRange(ctx, "k", 0, 1)
	_, sizeErr := s.Size(ctx, "k")
	_, keysErr := s.Keys(ctx, "k")
	_, abortErr := s.AbortUploads(ctx, "k", 0)
	for name, err := range map[string]error{
		"Upload": uploadErr, "Open": openErr, "OpenRange": rangeErr, "Size": sizeErr, "Keys": keysErr, "AbortUploads": abortErr,
		"Put": s.Put(ctx, "k", nil), "Delete": s.Delete(ctx, "k"), "DeletePrefix": s.DeletePrefix(ctx, "k/"),
		"Check": s.Check(ctx), "Ping": s.Ping(ctx), "EnsureBucket": s.EnsureBucket(ctx),
	} {
		if !errors.Is(err, context.Canceled) || fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: got %v, want %v", name, err, context.Canceled)
		}
	}
	wantKeys(t, s, "")
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// randomBytes returns the same bytes for the same size, different in each part.
func randomBytes(size int) []byte {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(size)}).Read(b) // never fails
	return b
}

func put(t *testing.T, s blobs, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if err := s.Put(t.Context(), key, []byte(key)); err != nil {
			t.Fatal(err)
		}
	}
}

func content(t *testing.T, s blobs, key string) []byte {
	t.Helper()
	r, size, err := s.Open(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	if int64(len(got)) != size {
		t.Errorf("%s has %d bytes, %d were announced", key, len(got), size)
	}
	return got
}

func wantKeys(t *testing.T, s blobs, prefix string, want ...string) {
	t.Helper()
	got, err := s.Keys(t.Context(), prefix)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("keys below %q: %s", prefix, diff)
	}
}

// wantNothing demands that neither an object nor an unfinished upload is left.
func wantNothing(t *testing.T, s blobs, key string) {
	t.Helper()
	wantKeys(t, s, key)
	if n, err := s.AbortUploads(t.Context(), key, 0); err != nil || n != 0 {
		t.Errorf("%d unfinished uploads were left (%v)", n, err)
	}
}
