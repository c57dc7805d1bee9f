package seal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// Bucket is where objects are stored as they are given.
type Bucket interface {
	Upload(ctx context.Context, key string, r io.Reader, limit int64) (transcription.Stored, error)
	Put(ctx context.Context, key string, body []byte) error
	Open(ctx context.Context, key string) (io.ReadCloser, int64, error)
	// OpenRange returns length bytes from the byte from on, all of which must be there.
	OpenRange(ctx context.Context, key string, from, length int64) (io.ReadCloser, error)
	Size(ctx context.Context, key string) (int64, error)
	Sign(ctx context.Context, key string, as transcription.Served, lifetime time.Duration) (url string, ok bool, err error)
	Delete(ctx context.Context, keys ...string) error
	DeletePrefix(ctx context.Context, prefix string) error
}

// Seals knows those of transcriptions.
type Seals interface {
	// Seal returns the seal of a transcription, or of an export, the zero value when it has
	// none. NotFound: there is neither.
	Seal(ctx context.Context, id uuid.UUID) (transcription.Seal, error)
}

// Objects is a bucket in which the objects of transcriptions are encrypted, or not, as
// their seals say. It is safe for concurrent use.
type Objects struct {
	Bucket
	seals Seals
	ring  *Keyring
	fresh Extent
}

// Extent is what of a transcription is encrypted.
type Extent int

// The extents.
const (
	Nothing Extent = iota
	Media          // the recording, and what is made of its sound
	All            // what was said in it as well
)

// NewObjects returns a bucket that reads what is encrypted. Of uploads that are new, fresh
// is encrypted, and exports are always.
func NewObjects(bucket Bucket, seals Seals, ring *Keyring, fresh Extent) *Objects {
	return &Objects{Bucket: bucket, seals: seals, ring: ring, fresh: fresh}
}

// Upload stores the recording of a new transcription. Size and SHA-256 are those of r, and
// so is the limit; in all else it does as the bucket does.
func (o *Objects) Upload(ctx context.Context, object string, r io.Reader, limit int64) (transcription.Stored, error) {
	if o.fresh == Nothing {
		return o.Bucket.Upload(ctx, object, r, limit)
	}
	return o.uploadSealed(ctx, newObject{object, o.fresh == All}, r, limit)
}

// UploadSealed stores an export, encrypted whatever is set for uploads: there may be texts in it
// that are encrypted themselves.
func (o *Objects) UploadSealed(ctx context.Context, object string, r io.Reader, limit int64) (transcription.Stored, error) {
	return o.uploadSealed(ctx, newObject{object, false}, r, limit)
}

// newObject is the first object below a prefix, for which a key is made.
type newObject struct {
	key   string
	texts bool // the key is for texts in the database as well
}

func (o *Objects) uploadSealed(ctx context.Context, fresh newObject, r io.Reader, limit int64) (transcription.Stored, error) {
	object := fresh.key
	id, ok := transcription.OfObject(object)
	if !ok {
		return transcription.Stored{}, fmt.Errorf("upload %s: that belongs to no transcription", object)
	}
	s, key := o.ring.New(id, fresh.texts)
	plain := &measured{r: r, limit: limit, sum: sha256.New()}
	sealed, err := key.encrypt(object, plain)
	if err != nil {
		return transcription.Stored{}, err
	}
	if _, err := o.Bucket.Upload(ctx, object, sealed, sealedSize(limit)); err != nil {
		return transcription.Stored{}, err
	}
	return transcription.Stored{Size: plain.size, SHA256: hex.EncodeToString(plain.sum.Sum(nil)), Seal: s}, nil
}

// Put stores a small body whole. NotFound: the transcription was deleted.
func (o *Objects) Put(ctx context.Context, object string, body []byte) error {
	key, err := o.key(ctx, object)
	if err != nil {
		return err
	}
	if key != nil {
		if body, err = key.encryptAll(object, body); err != nil {
			return err
		}
	}
	return o.Bucket.Put(ctx, object, body)
}

// Open returns the content of an object and its size. NotFound: it is gone, or its
// transcription is. Damaged recording_damaged, also from Read: it is not what was stored.
// Unavailable encryption_key_missing: it cannot be decrypted here.
func (o *Objects) Open(ctx context.Context, object string) (io.ReadCloser, int64, error) {
	key, err := o.key(ctx, object)
	if err != nil {
		return nil, 0, err
	}
	body, size, err := o.Bucket.Open(ctx, object)
	if err != nil || key == nil {
		return body, size, err
	}
	if size, err = plainSize(size); err != nil {
		return nil, 0, errors.Join(err, body.Close())
	}
	plain, err := key.decrypt(object, body, 0)
	if err != nil {
		return nil, 0, errors.Join(err, body.Close())
	}
	return plain, size, nil
}

// OpenRange returns length bytes of an object, from the byte from on, all of which must be
// there. Its faults are those of Open.
func (o *Objects) OpenRange(ctx context.Context, object string, from, length int64) (io.ReadCloser, error) {
	key, err := o.key(ctx, object)
	if err != nil {
		return nil, err
	}
	if key == nil {
		return o.Bucket.OpenRange(ctx, object, from, length)
	}
	sealed, err := o.Size(ctx, object)
	if err != nil {
		return nil, err
	}
	size, err := plainSize(sealed)
	if err != nil {
		return nil, err
	}
	if from < 0 || length < 1 || length > size-from {
		return nil, fmt.Errorf("get %s: there are no %d bytes from %d on", object, length, from)
	}
	return o.openRange(ctx, sealedObject{key, object, sealed}, from, length)
}

// sealedObject is an object that is encrypted.
type sealedObject struct {
	key  *Key
	name string
	size int64 // as it is stored
}

// openRange reads all blocks that the range is in.
func (o *Objects) openRange(ctx context.Context, of sealedObject, from, length int64) (io.ReadCloser, error) {
	first, behind := from/block, (from+length-1)/block+1
	begin, end := first*sealedBlock, min(behind*sealedBlock, of.size)
	body, err := o.Bucket.OpenRange(ctx, of.name, begin, end-begin)
	if err != nil {
		return nil, err
	}
	plain, err := of.key.decrypt(of.name, body, uint32(first)) //nolint:gosec // blocks are counted in 32 bits
	if err != nil {
		return nil, errors.Join(err, body.Close())
	}
	if _, err := io.CopyN(io.Discard, plain, from-first*block); err != nil {
		return nil, errors.Join(fmt.Errorf("read %s up to byte %d: %w", of.name, from, err), body.Close())
	}
	return &part{Reader: io.LimitReader(plain, length), Closer: body}, nil
}

// part is a range of an object.
type part struct {
	io.Reader
	io.Closer
}

// Sign returns an address under which anybody may read an object for a while. False: nobody
// but us can reach it, or understand it.
func (o *Objects) Sign(ctx context.Context, object string, as transcription.Served, lifetime time.Duration) (url string, ok bool, err error) {
	key, err := o.key(ctx, object)
	if err != nil || key != nil {
		return "", false, err
	}
	return o.Bucket.Sign(ctx, object, as, lifetime)
}

// key returns the data key of an object, nil when it is not encrypted.
func (o *Objects) key(ctx context.Context, object string) (*Key, error) {
	id, ok := transcription.OfObject(object)
	if !ok {
		return nil, nil //nolint:nilnil // there is none
	}
	s, err := o.seals.Seal(ctx, id)
	if err != nil || s.Key == nil {
		return nil, err
	}
	return o.ring.Open(id, s)
}

// measured reads a body, counting and hashing.
type measured struct {
	r     io.Reader
	limit int64
	size  int64
	sum   hash.Hash
}

// Read implements io.Reader.
func (m *measured) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if m.size += int64(n); m.size > m.limit {
		return 0, transcription.FileTooLarge(m.limit)
	}
	_, _ = m.sum.Write(p[:n]) // never fails
	return n, err
}
