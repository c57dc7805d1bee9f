package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const (
	maxResumes  = 5                // breaks in a row without resumeReset bytes between them
	resumeReset = 8 << 20          // bytes
	stall       = 30 * time.Second // without a sign of life, after which a connection counts as broken
)

// Open returns the content of an object and its size in bytes. The caller closes
// it; ctx covers the reading too.
//
// A connection that breaks or stalls while reading is taken up again where it
// was, a bounded number of times. A missing object is fault.NotFound, from Open
// or, when it is deleted meanwhile, from Read; a storage that does not answer is
// fault.Unavailable.
func (s *Store) Open(ctx context.Context, key string) (io.ReadCloser, int64, error) {
	o := &object{ctx: ctx, store: s, key: key, end: unknown}
	if err := o.connect(ctx); err != nil {
		return nil, 0, err
	}
	return o, o.end, nil
}

// OpenRange returns length bytes of an object, from the byte from on, all of which must
// be there. Whatever else holds for Open holds for it.
func (s *Store) OpenRange(ctx context.Context, key string, from, length int64) (io.ReadCloser, error) {
	if from < 0 || length < 1 {
		return nil, fmt.Errorf("get %s: there are no %d bytes from %d on", key, length, from)
	}
	o := &object{ctx: ctx, store: s, key: key, off: from, brokeAt: from, end: from + length}
	if err := o.connect(ctx); err != nil {
		return nil, err
	}
	return o, nil
}

// Size returns how many bytes an object has, with the faults of Open.
func (s *Store) Size(ctx context.Context, key string) (int64, error) {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := s.client.HeadObject(call, &s3.HeadObjectInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		return 0, fail(ctx, err, "look at %s", key)
	}
	return aws.ToInt64(out.ContentLength), nil
}

// unknown is where an object ends of which nothing is known yet.
const unknown = -1

// object reads one object, or a range of it, over as many connections as it takes.
type object struct {
	ctx   context.Context //nolint:containedctx // io.Reader has no other way to be told
	store *Store
	key   string
	etag  *string
	off   int64 // of the next byte
	end   int64 // behind the last byte that is wanted

	body    io.ReadCloser
	watch   *time.Timer // ends the connection when it stalls
	cancel  context.CancelFunc
	breaks  int
	brokeAt int64
}

// Read implements io.Reader.
func (o *object) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for o.off < o.end {
		o.watch.Reset(o.store.stall)
		n, err := o.body.Read(p)
		o.watch.Stop()
		if o.off += int64(n); n > 0 {
			return n, nil // an error that came with data comes again
		}
		if err == nil {
			return 0, nil
		}
		if err := o.resume(err); err != nil {
			return 0, err
		}
	}
	return 0, io.EOF
}

// Close ends the connection.
func (o *object) Close() error {
	o.watch.Stop()
	o.cancel()
	return o.body.Close()
}

// resume opens a connection for the rest, after one broke with cause.
func (o *object) resume(cause error) error {
	if errors.Is(cause, io.EOF) {
		cause = io.ErrUnexpectedEOF
	}
	cause = fmt.Errorf("read %s at byte %d of %d: %w", o.key, o.off, o.end, cause)
	if o.ctx.Err() != nil {
		return cause
	}
	if o.off-o.brokeAt >= resumeReset {
		o.breaks = 0
	}
	o.brokeAt = o.off
	if o.breaks++; o.breaks > maxResumes {
		return outage(cause)
	}
	broken := o.body
	o.cancel()
	if err := o.connect(o.ctx); err != nil {
		return err
	}
	_ = broken.Close() // it has failed already, and said why
	return nil
}

// connect asks for what is left. The object must still be the one that was
// begun: a reader never mixes two.
func (o *object) connect(parent context.Context) error {
	ctx, cancel := context.WithCancel(parent)
	watch := time.AfterFunc(o.store.stall, cancel)
	in := &s3.GetObjectInput{Bucket: &o.store.bucket, Key: &o.key, IfMatch: o.etag}
	if o.end != unknown {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-%d", o.off, o.end-1))
	}
	out, err := o.store.client.GetObject(ctx, in)
	if err != nil && !watch.Stop() && parent.Err() == nil {
		err = fmt.Errorf("%w within %s: %w", context.DeadlineExceeded, o.store.stall, err)
	}
	if err != nil {
		cancel()
		return fail(parent, err, "get %s", o.key)
	}
	watch.Stop()
	o.body, o.watch, o.cancel, o.etag = out.Body, watch, cancel, out.ETag
	if o.end == unknown {
		o.end = aws.ToInt64(out.ContentLength)
	}
	if got := aws.ToInt64(out.ContentLength); got != o.end-o.off {
		return errors.Join(fmt.Errorf("get %s: the server has %d bytes from %d on, not %d", o.key, got, o.off, o.end-o.off), o.Close())
	}
	return nil
}
