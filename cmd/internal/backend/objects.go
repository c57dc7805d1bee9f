package backend

import (
	"context"
	"io"
	"time"

	"github.com/turboscribe/turboscribe/internal/blob"
	"github.com/turboscribe/turboscribe/internal/seal"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// Objects returns the storage as those use it who read and write recordings: what is
// encrypted they see as it is. Of new uploads, fresh is encrypted.
func (b *Backend) Objects(fresh seal.Extent) *seal.Objects {
	return seal.NewObjects(bucket{b.Blobs}, b.DB, b.Ring, fresh)
}

// bucket is the storage as it is.
type bucket struct{ *blob.Store }

func (b bucket) Upload(ctx context.Context, key string, r io.Reader, limit int64) (transcription.Stored, error) {
	o, err := b.Store.Upload(ctx, key, r, limit)
	return transcription.Stored{Size: o.Size, SHA256: o.SHA256}, err
}

func (b bucket) Sign(ctx context.Context, key string, as transcription.Served, lifetime time.Duration) (string, bool, error) {
	return b.Store.Sign(ctx, key, blob.Headers{ContentType: as.ContentType, ContentDisposition: as.Disposition, CacheControl: "private, no-cache"}, lifetime)
}
