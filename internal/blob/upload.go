package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

const (
	defaultPartSize    = 6 << 20
	minPartSize        = 5 << 20
	maxParts           = 10_000
	growEvery          = 2_000 // parts, after which the next are twice as large
	defaultConcurrency = 3

	transferTimeout = 5 * time.Minute  // one part, with its retries
	joinTimeout     = 10 * time.Minute // some servers copy every part when joining them
	finishTime      = 10 * time.Second // for a request on its way when the upload is given up
	cleanupTimeout  = 30 * time.Second
)

// Upload stores what r yields under key, which must be new, and returns its size
// and SHA-256. It reads r once, keeps no more than a few parts in memory and
// writes no file.
//
// A body over limit bytes is fault.TooLarge with the code file_too_large, an
// empty one fault.Invalid with the code empty_file, a storage that does not
// answer fault.Unavailable; an error of r is returned as it is. After any
// failure, also when ctx ends, neither an object nor a part is left. Upload
// returns only when r.Read has.
func (s *Store) Upload(ctx context.Context, key string, r io.Reader, limit int64) (Object, error) {
	if limit < 1 {
		return Object{}, fmt.Errorf("upload %s: the limit is %d bytes, it must be positive", key, limit)
	}
	u := &upload{
		store: s,
		key:   key,
		body:  body{r: r, limit: limit, sum: sha256.New()},
		first: firstPartSize(s.partSize, limit),
		own:   make(chan struct{}, 1),
	}
	err := u.run(ctx)
	if err == nil && ctx.Err() != nil {
		err = fmt.Errorf("upload %s: %w", key, context.Cause(ctx))
	}
	if err != nil {
		return Object{}, u.undo(ctx, err)
	}
	return Object{Key: key, Size: u.body.size, SHA256: hex.EncodeToString(u.body.sum.Sum(nil))}, nil
}

// upload is one body on its way into the bucket.
type upload struct {
	store *Store
	key   string
	body  body
	first int64         // size of the first part, in bytes
	own   chan struct{} // the token of the part that is always this upload's

	id     string // of the multipart upload, empty when there is none
	parts  []*part
	placed bool // an object may exist under key
}

// part is a piece of the body. Its buffer goes back when it is stored.
type part struct {
	number  int32
	data    []byte
	etag    *string
	release func()
}

// run stores a body that fits into one part with one request and anything longer
// part by part.
func (u *upload) run(ctx context.Context) error {
	first, err := u.read(ctx, 1)
	if err != nil {
		return err
	}
	if u.body.ended {
		defer first.release()
		return u.putWhole(ctx, first)
	}
	if err := u.create(ctx); err != nil {
		first.release()
		return err
	}
	if err := u.putParts(ctx, first); err != nil {
		return err
	}
	return u.complete(ctx)
}

func (u *upload) putWhole(ctx context.Context, p *part) error {
	if len(p.data) == 0 {
		return fault.New(fault.Invalid, "The file is empty. Please choose a recording with sound in it.").WithCode("empty_file")
	}
	u.placed = true
	call, cancel := finishing(ctx, transferTimeout)
	defer cancel()
	return u.store.Put(call, u.key, p.data)
}

// finishing returns a context for a request that stores something. When ctx ends
// the request has a little time left: a server that is cut off in the middle may
// still be writing when it is told to remove what it wrote, and then keeps it.
func finishing(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	call, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(finishTime, cancel) })
	return call, func() {
		stop()
		cancel()
	}
}

func (u *upload) create(ctx context.Context) error {
	call, cancel := finishing(ctx, callTimeout)
	defer cancel()
	out, err := u.store.client.CreateMultipartUpload(call, &s3.CreateMultipartUploadInput{Bucket: &u.store.bucket, Key: &u.key})
	if err != nil {
		return fail(ctx, err, "start the upload of %s", u.key)
	}
	if u.id = aws.ToString(out.UploadId); u.id == "" {
		return fmt.Errorf("start the upload of %s: the server named no upload id", u.key)
	}
	return nil
}

// putParts reads on while earlier parts are on their way. It returns when
// nothing is.
func (u *upload) putParts(ctx context.Context, p *part) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(u.store.concurrency)
	for len(p.data) > 0 {
		sent := p
		u.parts = append(u.parts, sent)
		g.Go(func() error {
			defer sent.release()
			return u.putPart(ctx, sent)
		})
		if u.body.ended {
			return g.Wait()
		}
		next, err := u.read(ctx, len(u.parts)+1)
		if err != nil {
			stop()
			_ = g.Wait() // a consequence of err, or its cause and then within it
			return err
		}
		p = next
	}
	p.release() // the body ended just where a part did
	return g.Wait()
}

func (u *upload) putPart(ctx context.Context, p *part) error {
	if ctx.Err() != nil {
		return fmt.Errorf("put part %d of %s: %w", p.number, u.key, context.Cause(ctx))
	}
	call, cancel := finishing(ctx, transferTimeout)
	defer cancel()
	out, err := u.store.client.UploadPart(call, &s3.UploadPartInput{
		Bucket:        &u.store.bucket,
		Key:           &u.key,
		UploadId:      &u.id,
		PartNumber:    &p.number,
		Body:          bytes.NewReader(p.data), // seekable: it is signed, and sent again after a failure
		ContentLength: aws.Int64(int64(len(p.data))),
	})
	if err != nil {
		return fail(ctx, err, "put part %d of %s", p.number, u.key)
	}
	p.etag = out.ETag
	return nil
}

func (u *upload) complete(ctx context.Context) error {
	if ctx.Err() != nil {
		return fmt.Errorf("complete the upload of %s: %w", u.key, context.Cause(ctx))
	}
	call, cancel := finishing(ctx, joinTimeout)
	defer cancel()
	done := make([]types.CompletedPart, len(u.parts))
	for i, p := range u.parts {
		done[i] = types.CompletedPart{PartNumber: &p.number, ETag: p.etag}
	}
	u.placed = true
	_, err := u.store.client.CompleteMultipartUpload(call, &s3.CompleteMultipartUploadInput{
		Bucket:          &u.store.bucket,
		Key:             &u.key,
		UploadId:        &u.id,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: done},
	}, func(o *s3.Options) { o.HTTPClient = u.store.patient })
	if codeOf(err) == "NoSuchUpload" && u.isPlaced(call) {
		return nil // the answer to an earlier attempt was lost on its way
	}
	if err != nil {
		return fail(ctx, err, "complete the upload of %s", u.key)
	}
	return nil
}

func (u *upload) isPlaced(ctx context.Context) bool {
	out, err := u.store.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &u.store.bucket, Key: &u.key})
	return err == nil && aws.ToInt64(out.ContentLength) == u.body.size
}

// undo removes what a failed upload may have left and returns the failure, with
// what went wrong while removing.
func (u *upload) undo(ctx context.Context, failure error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	if u.id != "" {
		if err := u.store.abort(ctx, u.key, u.id); err != nil {
			failure = fmt.Errorf("%w; what was stored of it is left: %w", failure, err)
		}
	}
	if u.placed {
		if err := u.store.Delete(ctx, u.key); err != nil {
			failure = fmt.Errorf("%w; the object may be left: %w", failure, err)
		}
	}
	return failure
}

// read fills the next part. A part without data means that the body has ended.
func (u *upload) read(ctx context.Context, number int) (*part, error) {
	if number > maxParts {
		return nil, u.body.tooLarge()
	}
	p, err := u.newPart(ctx, number)
	if err != nil {
		return nil, err
	}
	n, err := u.body.fill(p.data)
	if err != nil {
		p.release()
		return nil, err
	}
	p.data = p.data[:n]
	return p, nil
}

// newPart waits for room: either the part that is always this upload's, or one
// of those shared by all.
func (u *upload) newPart(ctx context.Context, number int) (*part, error) {
	if ctx.Err() != nil {
		return nil, fmt.Errorf("upload %s: %w", u.key, context.Cause(ctx))
	}
	tokens := u.own
	select {
	case u.own <- struct{}{}:
	default: // a shared one is taken only by those who use their own
		select {
		case u.own <- struct{}{}:
		case u.store.extra <- struct{}{}:
			tokens = u.store.extra
		case <-ctx.Done():
			return nil, fmt.Errorf("upload %s: %w", u.key, context.Cause(ctx))
		}
	}
	p := &part{number: int32(number)} //nolint:gosec // at most maxParts
	buffer := u.store.buffer(partSize(u.first, number))
	p.data = *buffer
	p.release = func() {
		p.data, p.release = nil, nil // the list of parts must not keep the buffers
		u.store.recycle(buffer)
		<-tokens
	}
	return p, nil
}

func (s *Store) buffer(size int64) *[]byte {
	if size == s.partSize {
		if b, ok := s.buffers.Get().(*[]byte); ok {
			return b
		}
	}
	b := make([]byte, size)
	return &b
}

func (s *Store) recycle(b *[]byte) {
	if int64(len(*b)) == s.partSize {
		s.buffers.Put(b)
	}
}

// partSize returns the size of a part. The length of a body is not known before
// it has ended, so the parts grow on the way to fit into the 10,000 that S3
// allows, and small files stay cheap.
func partSize(first int64, number int) int64 {
	return first << ((number - 1) / growEvery)
}

// firstPartSize returns the size to begin with so that limit bytes fit.
func firstPartSize(size, limit int64) int64 {
	for size*growEvery*(1<<(maxParts/growEvery)-1) < limit {
		size *= 2
	}
	return size
}

// body reads once, counting and hashing.
type body struct {
	r     io.Reader
	limit int64
	size  int64
	sum   hash.Hash
	ended bool
}

// fill reads until buf is full or the body has ended. It does not use
// io.ReadFull, which reports a short body with the very error that a broken
// connection does, io.ErrUnexpectedEOF: half a recording would pass for a whole.
func (b *body) fill(buf []byte) (int, error) {
	n, idle := 0, 0
	for n < len(buf) && !b.ended {
		m, err := b.r.Read(buf[n:])
		n += m
		if b.size+int64(n) > b.limit {
			return 0, b.tooLarge()
		}
		if idle++; m > 0 {
			idle = 0
		}
		switch {
		case err == io.EOF:
			b.ended = true
		case err != nil:
			return 0, fmt.Errorf("read the file: %w", err)
		case idle > 100:
			return 0, fmt.Errorf("read the file: %w", io.ErrNoProgress)
		}
	}
	b.size += int64(n)
	b.sum.Write(buf[:n])
	return n, nil
}

func (b *body) tooLarge() error { return transcription.FileTooLarge(b.limit) }
