package seal_test

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
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/blob/blobtest"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/seal"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

const (
	secret  = "a secret of an operator, which is long enough"
	another = "another secret of an operator, for later on"
	block   = 1 << 16
)

// extent is what is encrypted where encryption is on, or off.
var extent = map[bool]seal.Extent{false: seal.Nothing, true: seal.Media}

// bucket stores objects in memory.
type bucket struct{ *blobtest.Memory }

func (b bucket) Upload(ctx context.Context, key string, r io.Reader, limit int64) (transcription.Stored, error) {
	o, err := b.Memory.Upload(ctx, key, r, limit)
	return transcription.Stored{Size: o.Size, SHA256: o.SHA256}, err
}

func (bucket) Sign(_ context.Context, key string, _ transcription.Served, _ time.Duration) (string, bool, error) {
	return "https://s3.example.com/" + key, true, nil
}

// seals are those of the transcriptions that there are.
type seals map[uuid.UUID]transcription.Seal

func (s seals) Seal(_ context.Context, id uuid.UUID) (transcription.Seal, error) {
	found, ok := s[id]
	if !ok {
		return found, fault.New(fault.NotFound, "There is no transcription %s.", id)
	}
	return found, nil
}

// rig is an installation that encrypts what is new.
type rig struct {
	*seal.Objects
	bucket bucket
	seals  seals
}

func newRig(t testing.TB) rig {
	t.Helper()
	r := rig{bucket: bucket{&blobtest.Memory{}}, seals: seals{}}
	r.Objects = r.open(t, true, secret)
	return r
}

// open returns its objects as a program with that configuration has them.
func (r rig) open(t testing.TB, on bool, secrets ...string) *seal.Objects {
	t.Helper()
	return seal.NewObjects(r.bucket, r.seals, newRing(t, secrets...), extent[on])
}

func newRing(t testing.TB, secrets ...string) *seal.Keyring {
	t.Helper()
	k, err := seal.NewKeyring(secrets)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// upload stores a recording of a transcription that is new, and returns its key.
func (r rig) upload(t testing.TB, body []byte) (key string) {
	t.Helper()
	id := uuid.New()
	key = transcription.Prefix(uuid.New(), id) + "source"
	stored, err := r.Upload(t.Context(), key, bytes.NewReader(body), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(body)
	if stored.Size != int64(len(body)) || stored.SHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("%d bytes are told to be %d with the sum %s", len(body), stored.Size, stored.SHA256)
	}
	r.seals[id] = stored.Seal
	return key
}

// stored returns an object as it is in the bucket.
func (r rig) stored(t testing.TB, key string) []byte {
	t.Helper()
	return read(t, r.bucket, key)
}

type opener interface {
	Open(ctx context.Context, key string) (io.ReadCloser, int64, error)
}

func read(t testing.TB, o opener, key string) []byte {
	t.Helper()
	got, size, err := tryRead(t.Context(), o, key)
	if err != nil {
		t.Fatal(err)
	}
	if size != int64(len(got)) {
		t.Errorf("%s has %d bytes, of which %d were read", key, size, len(got))
	}
	return got
}

func tryRead(ctx context.Context, o opener, key string) (got []byte, size int64, err error) {
	body, size, err := o.Open(ctx, key)
	if err != nil {
		return nil, 0, err
	}
	got, err = io.ReadAll(body)
	return got, size, errors.Join(err, body.Close())
}

func sound(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

func isFault(err error, kind fault.Kind, code string) bool {
	f := fault.Of(err)
	return f != nil && f.Kind == kind && f.Code == code
}

// What is uploaded and put comes back, and is not in the bucket.
func TestObjects(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, n := range []int{1, 100, block - 1, block, block + 1, 3*block - 7, 3 * block} {
		body := sound(n)
		key := r.upload(t, body)
		chunk := strings.TrimSuffix(key, "source") + "chunks/1/00000-a.s16"
		if err := r.Put(t.Context(), chunk, body); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{key, chunk} {
			if !bytes.Equal(read(t, r, key), body) {
				t.Errorf("%d bytes come back as others", n)
			}
			sealed := r.stored(t, key)
			if piece := body[:min(n, 32)]; n > 1 && bytes.Contains(sealed, piece) {
				t.Errorf("%d bytes are in the bucket as they are", n)
			}
			if more := len(sealed) - n; more != (n+block-1)/block*32 {
				t.Errorf("%d bytes have become %d more", n, more)
			}
		}
		if bytes.Equal(r.stored(t, key), r.stored(t, chunk)) {
			t.Error("two objects are encrypted alike")
		}
	}
}

// Whether a transcription is encrypted is settled when it begins: both kinds are read by
// programs that are configured either way.
func TestObjects_switched(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	body := sound(block + 5)
	for _, on := range []bool{true, false} {
		r.Objects = r.open(t, on, secret)
		key := r.upload(t, body)
		if sealed := !bytes.Equal(r.stored(t, key), body); sealed != on {
			t.Errorf("encrypted: %v, want %v", sealed, on)
		}
		after := r.open(t, !on, secret)
		if !bytes.Equal(read(t, after, key), body) {
			t.Errorf("what was stored while it was %v cannot be read afterwards", on)
		}
		chunk := strings.TrimSuffix(key, "source") + "chunks/1/00000-a.s16"
		if err := after.Put(t.Context(), chunk, body); err != nil {
			t.Fatal(err)
		}
		if sealed := !bytes.Equal(r.stored(t, chunk), body); sealed != on {
			t.Errorf("the chunk of a recording that is encrypted %v is so %v", on, sealed)
		}
	}
}

// An export has texts of transcriptions that were encrypted from their beginning, whatever is set
// by then: with a setting of none it lay in the bucket as it is. Where texts are encrypted in the
// database as well, what was stored could not be opened again.
func TestObjects_UploadSealed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	body := sound(block + 5)
	for _, fresh := range []seal.Extent{seal.Nothing, seal.Media, seal.All} {
		objects := seal.NewObjects(r.bucket, r.seals, newRing(t, secret), fresh)
		id := uuid.New()
		key := transcription.Prefix(uuid.New(), id) + "a/texts.zip"
		stored, err := objects.UploadSealed(t.Context(), key, bytes.NewReader(body), 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		if stored.Seal.Key == nil || stored.Seal.Texts || stored.Size != int64(len(body)) {
			t.Errorf("with %d: got %+v", fresh, stored)
		}
		r.seals[id] = transcription.Seal{Key: stored.Seal.Key, By: stored.Seal.By} // as the row of an export has it
		if bytes.Contains(r.stored(t, key), body[:32]) {
			t.Errorf("with %d: it is in the bucket as it is", fresh)
		}
		if !bytes.Equal(read(t, objects, key), body) {
			t.Errorf("with %d: it comes back as another", fresh)
		}
	}
}

// A transcription that is gone has no key: nothing of it is read or written any more.
func TestObjects_deleted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	key := r.upload(t, sound(100))
	clear(r.seals)
	if _, _, err := r.Open(t.Context(), key); !fault.Is(err, fault.NotFound) {
		t.Errorf("open: %v", err)
	}
	if err := r.Put(t.Context(), key, sound(100)); !fault.Is(err, fault.NotFound) {
		t.Errorf("put: %v", err)
	}
	if err := r.Put(t.Context(), "probe/it", sound(100)); err != nil {
		t.Errorf("what belongs to no transcription: %v", err)
	}
}

// Who can write to the bucket or to the database makes a recording unreadable, but makes
// nobody take something else for it.
func TestObjects_tampered(t *testing.T) {
	t.Parallel()
	body := sound(3*block + 100)
	for name, tamper := range map[string]func(t *testing.T, r rig, key string, sealed []byte) []byte{
		"nothing left":       func(*testing.T, rig, string, []byte) []byte { return nil },
		"a bit of the head":  func(_ *testing.T, _ rig, _ string, b []byte) []byte { b[0] ^= 1; return b },
		"another cipher":     func(_ *testing.T, _ rig, _ string, b []byte) []byte { b[1] ^= 1; return b },
		"a bit of the nonce": func(_ *testing.T, _ rig, _ string, b []byte) []byte { b[9] ^= 1; return b },
		"a bit":              func(_ *testing.T, _ rig, _ string, b []byte) []byte { b[block+2000] ^= 1; return b },
		"the last bit":       func(_ *testing.T, _ rig, _ string, b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"a byte less":        func(_ *testing.T, _ rig, _ string, b []byte) []byte { return b[:len(b)-1] },
		"a byte more":        func(_ *testing.T, _ rig, _ string, b []byte) []byte { return append(b, 0) },
		"a block less":       func(_ *testing.T, _ rig, _ string, b []byte) []byte { return b[:3*(block+32)] },
		"a block in between": func(_ *testing.T, _ rig, _ string, b []byte) []byte { return append(b[:block+32], b[2*(block+32):]...) },
		"blocks exchanged": func(_ *testing.T, _ rig, _ string, b []byte) []byte {
			return bytes.Join([][]byte{b[block+32 : 2*(block+32)], b[:block+32], b[2*(block+32):]}, nil)
		},
		"more behind it": func(_ *testing.T, _ rig, _ string, b []byte) []byte { return append(b, b...) },
		"not encrypted":  func(_ *testing.T, _ rig, _ string, _ []byte) []byte { return body },
		"another recording": func(t *testing.T, r rig, _ string, _ []byte) []byte {
			return r.stored(t, r.upload(t, body))
		},
		"another object of the same": func(t *testing.T, r rig, key string, _ []byte) []byte {
			other := key + "/../chunk"
			if err := r.Put(t.Context(), other, body); err != nil {
				t.Fatal(err)
			}
			return r.stored(t, other)
		},
		"the seal of another": func(t *testing.T, r rig, key string, b []byte) []byte {
			id, _ := transcription.OfObject(key)
			other, _ := transcription.OfObject(r.upload(t, body))
			r.seals[id] = r.seals[other]
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			key := r.upload(t, body)
			if err := r.bucket.Put(t.Context(), key, tamper(t, r, key, r.stored(t, key))); err != nil {
				t.Fatal(err)
			}
			got, _, err := tryRead(t.Context(), r, key)
			if !isFault(err, fault.Damaged, "recording_damaged") {
				t.Errorf("got %d bytes and %v", len(got), err)
			}
			if !bytes.HasPrefix(body, got) {
				t.Error("what was read is not what was stored")
			}
		})
	}
}

// Reading can begin and end anywhere, and needs no more than the blocks in between.
func TestObjects_OpenRange(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, n := range []int64{1, 1000, block, 2*block + 1, 3 * block} {
		body := sound(int(n))
		key := r.upload(t, body)
		for _, from := range []int64{0, 1, 999, block - 1, block, block + 1, 2*block - 1, 2 * block, n - 1} {
			for _, length := range []int64{1, 2, block - 1, block, block + 1, n - from} {
				got, err := readRange(t.Context(), r, key, from, length)
				if from+length > n || length < 1 {
					if err == nil {
						t.Errorf("of %d bytes there are %d from %d on", n, length, from)
					}
					continue
				}
				if err != nil || !bytes.Equal(got, body[from:from+length]) {
					t.Errorf("of %d bytes %d from %d on: got %d, %v", n, length, from, len(got), err)
				}
			}
		}
	}
}

func readRange(ctx context.Context, r rig, key string, from, length int64) ([]byte, error) {
	body, err := r.OpenRange(ctx, key, from, length)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(body)
	return got, errors.Join(err, body.Close())
}

// What was changed is not given out, and what is beside it is.
func TestObjects_OpenRange_tampered(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	body := sound(3 * block)
	key := r.upload(t, body)
	sealed := r.stored(t, key)
	sealed[block+100] ^= 1 // in the second block
	if err := r.bucket.Put(t.Context(), key, sealed); err != nil {
		t.Fatal(err)
	}
	for _, from := range []int64{block - 1, block, 2*block - 1} {
		if got, err := readRange(t.Context(), r, key, from, 2); !isFault(err, fault.Damaged, "recording_damaged") || bytes.Contains(got, body[block:block+1]) && from >= block {
			t.Errorf("from %d on: got %d bytes, %v", from, len(got), err)
		}
	}
	for _, from := range []int64{0, 2 * block} {
		if got, err := readRange(t.Context(), r, key, from, block); err != nil || !bytes.Equal(got, body[from:from+block]) {
			t.Errorf("from %d on: got %d bytes, %v", from, len(got), err)
		}
	}
	clear(r.seals)
	if _, err := r.OpenRange(t.Context(), key, 0, 1); !fault.Is(err, fault.NotFound) {
		t.Errorf("deleted: %v", err)
	}
}

// An address of the storage would lead to what nobody can read.
func TestObjects_Sign(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	key := r.upload(t, sound(10))
	if url, ok, err := r.Sign(t.Context(), key, transcription.Served{}, time.Minute); ok || err != nil {
		t.Errorf("encrypted: %q, %v", url, err)
	}
	r.Objects = r.open(t, false, secret)
	key = r.upload(t, sound(10))
	if url, ok, err := r.Sign(t.Context(), key, transcription.Served{}, time.Minute); !ok || err != nil {
		t.Errorf("plain: %q, %v", url, err)
	}
}

// A client that breaks off leaves nothing, above all not half a recording that counts as a
// whole: the library for the encryption would take io.ErrUnexpectedEOF for the end.
func TestObjects_Upload_brokenOff(t *testing.T) {
	t.Parallel()
	for _, broken := range []error{io.ErrUnexpectedEOF, io.ErrClosedPipe, fault.New(fault.Unauthenticated, "The account is gone.")} {
		for _, n := range []int{1, 100, block, block + 1} {
			r := newRig(t)
			body := io.MultiReader(bytes.NewReader(sound(n)), failing{broken})
			_, err := r.Upload(t.Context(), transcription.Prefix(uuid.New(), uuid.New())+"source", body, 1<<30)
			if !errors.Is(err, broken) {
				t.Errorf("%d bytes, %v: got %v", n, broken, err)
			}
			if keys, err := r.bucket.Keys(t.Context(), ""); err != nil || len(keys) > 0 {
				t.Errorf("%d bytes, %v: %q are left, %v", n, broken, keys, err)
			}
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// The limit is one of what is uploaded, not of what becomes of it.
func TestObjects_Upload_limit(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{100, block, 2*block + 1} {
		for more, code := range map[int]string{-limit: "empty_file", 0: "", 1: "file_too_large", block: "file_too_large"} {
			r := newRig(t)
			_, err := r.Upload(t.Context(), transcription.Prefix(uuid.New(), uuid.New())+"source", bytes.NewReader(sound(limit+more)), int64(limit))
			if f := fault.Of(err); (f == nil) != (code == "") || f != nil && f.Code != code {
				t.Errorf("%d bytes of %d: %v", limit+more, limit, err)
			}
			if f := fault.Of(err); code == "file_too_large" && f.Details["limitBytes"] != int64(limit) {
				t.Errorf("the limit is told to be %v", f.Details["limitBytes"])
			}
		}
	}
}

// FuzzObjects_Open reads objects that somebody else has written: none is taken for one of
// ours, and none makes a program fail.
func FuzzObjects_Open(f *testing.F) {
	r := newRig(f)
	key := r.upload(f, sound(block+100))
	sealed := r.stored(f, key)
	f.Add(sealed[:60])
	f.Add(sealed[:block+32])
	f.Add(append(bytes.Clone(sealed[:16]), 0, 1, 2))
	f.Fuzz(func(t *testing.T, body []byte) {
		if bytes.Equal(body, sealed) {
			return
		}
		r := rig{bucket: bucket{&blobtest.Memory{}}, seals: r.seals}
		if err := r.bucket.Put(t.Context(), key, body); err != nil {
			t.Fatal(err)
		}
		if _, _, err := tryRead(t.Context(), r.open(t, true, secret), key); !isFault(err, fault.Damaged, "recording_damaged") {
			t.Errorf("got %v", err)
		}
	})
}
