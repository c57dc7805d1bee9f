// Package blob keeps media in S3-compatible storage.
//
// # For operators
//
// The access key needs, on the one bucket: s3:ListBucket,
// s3:ListBucketMultipartUploads, s3:PutObject, s3:GetObject, s3:DeleteObject
// and s3:AbortMultipartUpload; s3:CreateBucket only when the bucket is to be
// made at start-up. Nothing needs to be public. Only with a PublicEndpoint do
// browsers reach the bucket, by addresses that were signed for one object each.
//
// Objects are named by the packages that store them. Names hold ids only, never
// a user's file name, and everything that belongs to one transcription lies
// below one prefix, so that deleting it is one DeletePrefix. No key is a folder of
// another ("a" beside "a/b"), which servers that keep objects as files refuse. The
// start-up check writes, reads and deletes one object below "probe/".
//
// An upload that is broken off removes what it stored by itself. What a killed
// process leaves behind is removed by AbortUploads; a lifecycle rule that aborts
// unfinished multipart uploads after two days is a good second net.
//
// Memory: each upload under way holds one part (6 MiB) for itself. The parts
// beyond the first, which make an upload fast, come from a supply shared by all
// uploads (24 MiB), so a hundred slow clients cost 100 × 6 MiB + 24 MiB and none
// of them can hold up the others. How many there are at once is for the caller to
// bound. Parts double in size after 11 GiB of one file.
//
// Servers: tested with versitygw 1.8. Required are multipart uploads, range
// reads with If-Match, ListObjectsV2 and DeleteObjects. Only checksums that the
// protocol demands are sent, because many servers refuse the newer trailing
// ones. Two limits of others: Cloudflare R2 wants equal parts, so keep the limit
// of a file at 11 GiB there; MinIO lists unfinished uploads by exact key only, so
// give its bucket the lifecycle rule named above.
package blob

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/turboscribe/turboscribe/internal/fault"
)

const (
	// callTimeout bounds one small request with all its retries.
	callTimeout = 30 * time.Second
	// extraParts is how many parts beyond their first all uploads share.
	extraParts = 4
)

// Options says where the storage is. Bucket, AccessKey and SecretKey are needed;
// the zero value of the rest works with AWS.
type Options struct {
	Endpoint    string // URL of an S3-compatible server; empty for AWS
	Region      string // us-east-1 when empty
	Bucket      string
	AccessKey   string
	SecretKey   string
	PathStyle   bool  // http://host/bucket/key instead of http://bucket.host/key
	PartSize    int64 // bytes; 6 MiB when 0, never under the 5 MiB that S3 demands
	Concurrency int   // parts of one upload on their way at once; 3 when 0

	PublicEndpoint string         // URL under which browsers reach the same server; empty: they do not
	Roots          *x509.CertPool // who may vouch for an https endpoint; those of the system when nil
}

// Store is one bucket. It is safe for concurrent use and needs no closing.
type Store struct {
	client      *s3.Client
	signer      *s3.PresignClient
	quick       *http.Transport // of the client
	patient     *http.Client    // to join parts with
	endpoint    string
	bucket      string
	region      string
	partSize    int64
	concurrency int
	buffers     sync.Pool     // of *[]byte, each partSize long
	extra       chan struct{} // one token for each part beyond an upload's first
	stall       time.Duration // without a byte, after which a read takes a new connection
}

// Object is what Upload stored.
type Object struct {
	Key    string
	Size   int64  // bytes
	SHA256 string // of the content, in hex
}

// Open returns a store for one bucket. It does not contact the server: use Check
// at start-up.
func Open(_ context.Context, o Options) (*Store, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("open the S3 store: %w", err)
	}
	quick := transport(answerTimeout, o.Roots)
	s := &Store{
		client:      newClient(o, quick),
		signer:      newSigner(o, quick),
		quick:       quick,
		patient:     &http.Client{Transport: transport(joinTimeout, o.Roots)},
		endpoint:    o.Endpoint,
		bucket:      o.Bucket,
		region:      o.region(),
		partSize:    max(o.PartSize, minPartSize),
		concurrency: o.Concurrency,
		extra:       make(chan struct{}, extraParts),
		stall:       stall,
	}
	if o.PartSize == 0 {
		s.partSize = defaultPartSize
	}
	if s.concurrency < 1 {
		s.concurrency = defaultConcurrency
	}
	if s.endpoint == "" {
		s.endpoint = "AWS region " + s.region
	}
	return s, nil
}

func (o Options) validate() error {
	var errs []error
	if o.Bucket == "" {
		errs = append(errs, errors.New("the bucket has no name"))
	}
	if o.AccessKey == "" || o.SecretKey == "" {
		errs = append(errs, errors.New("an access key and a secret key are both needed"))
	}
	for _, endpoint := range []string{o.Endpoint, o.PublicEndpoint} {
		if u, err := url.Parse(endpoint); err != nil || (endpoint != "" && (u.Host == "" || u.Scheme != "http" && u.Scheme != "https")) {
			errs = append(errs, fmt.Errorf("the endpoint %q is not a URL like https://s3.example.com", endpoint))
		}
	}
	return errors.Join(errs...)
}

func (o Options) region() string {
	if o.Region == "" {
		return "us-east-1"
	}
	return o.Region
}

// Check writes, reads and deletes one small object. What does not work comes
// back as fault.Unavailable, in one line that names the server and the bucket.
func (s *Store) Check(ctx context.Context) error {
	key := "probe/" + rand.Text()
	if err := s.Put(ctx, key, []byte(key)); err != nil {
		return s.unfit(ctx, "write to", err)
	}
	got, err := s.read(ctx, key)
	if err == nil && string(got) != key {
		err = errors.New("what was read is not what was written")
	}
	if err != nil {
		return errors.Join(s.unfit(ctx, "read from", err), s.Delete(ctx, key))
	}
	if err := s.Delete(ctx, key); err != nil {
		return s.unfit(ctx, "delete from", err)
	}
	return nil
}

func (s *Store) read(ctx context.Context, key string) ([]byte, error) {
	r, _, err := s.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(r)
	return got, errors.Join(err, r.Close())
}

// Ping asks whether the bucket is there, with one cheap request. It is meant for
// readiness checks; the faults are those of Check.
func (s *Store) Ping(ctx context.Context) error {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if _, err := s.client.HeadBucket(call, &s3.HeadBucketInput{Bucket: &s.bucket}); err != nil {
		return s.unfit(ctx, "reach", err)
	}
	return nil
}

// EnsureBucket creates the bucket when it does not exist. Several processes may
// call it at once.
func (s *Store) EnsureBucket(ctx context.Context) error {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := s.client.HeadBucket(call, &s3.HeadBucketInput{Bucket: &s.bucket})
	if err == nil {
		return nil
	}
	if statusOf(err) != 404 {
		return s.unfit(ctx, "reach", err)
	}
	in := &s3.CreateBucketInput{Bucket: &s.bucket}
	if s.region != "us-east-1" { // S3 refuses to be told its default by name
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(s.region)}
	}
	if _, err := s.client.CreateBucket(call, in); err != nil && codeOf(err) != "BucketAlreadyOwnedByYou" {
		return s.unfit(ctx, "create", err)
	}
	return nil
}

// Put stores a small body whole, in place of what was there. The fault is
// fault.Unavailable when the server does not answer.
func (s *Store) Put(ctx context.Context, key string, body []byte) error {
	call, cancel := context.WithTimeout(ctx, transferTimeout)
	defer cancel()
	_, err := s.client.PutObject(call, &s3.PutObjectInput{
		Bucket:        &s.bucket,
		Key:           &key,
		Body:          bytes.NewReader(body),
		ContentLength: aws.Int64(int64(len(body))),
	})
	if err != nil {
		return fail(ctx, err, "put %s", key)
	}
	return nil
}

// unfit turns a failed start-up or readiness check into one line for operators.
func (s *Store) unfit(ctx context.Context, verb string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s bucket %s: %w", verb, s.bucket, err)
	}
	return fault.New(fault.Unavailable, "Cannot %s the bucket %q of the S3 server at %s: %s.", verb, s.bucket, s.endpoint, reason(err)).
		WithCode(codeUnavailable)
}
