package blob

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// deleteBatch is the number of keys that S3 takes in one request.
const deleteBatch = 1000

// Keys returns the keys of all objects that begin with prefix, in order.
func (s *Store) Keys(ctx context.Context, prefix string) ([]string, error) {
	var keys []string
	err := s.eachPage(ctx, prefix, func(page []string) error {
		keys = append(keys, page...)
		return nil
	})
	return keys, err
}

// Delete removes objects. One that does not exist is no error.
func (s *Store) Delete(ctx context.Context, keys ...string) error {
	for batch := range slices.Chunk(keys, deleteBatch) {
		if err := s.deleteBatch(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

// DeletePrefix removes all objects below a prefix, which must end in "/": an
// empty one would be the whole bucket, and "a/1" would take "a/10" along.
func (s *Store) DeletePrefix(ctx context.Context, prefix string) error {
	if err := checkPrefix(prefix); err != nil {
		return err
	}
	return s.eachPage(ctx, prefix, func(keys []string) error { return s.Delete(ctx, keys...) })
}

func checkPrefix(prefix string) error {
	if len(prefix) < 2 || !strings.HasSuffix(prefix, "/") {
		return fmt.Errorf("delete objects below %q: a prefix must name something and end in a slash", prefix)
	}
	return nil
}

// AbortUploads removes the unfinished multipart uploads below prefix that were
// begun more than olderThan ago, and returns how many. Choose it longer than any
// upload may take: an upload that is still running fails when it is aborted.
func (s *Store) AbortUploads(ctx context.Context, prefix string, olderThan time.Duration) (int, error) {
	before, aborted := time.Now().Add(-olderThan), 0
	pages := s3.NewListMultipartUploadsPaginator(s.client, &s3.ListMultipartUploadsInput{Bucket: &s.bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := next(ctx, pages.NextPage)
		if err != nil {
			return aborted, fail(ctx, err, "list the unfinished uploads below %q", prefix)
		}
		for _, u := range page.Uploads {
			if aws.ToTime(u.Initiated).After(before) {
				continue
			}
			if err := s.abort(ctx, aws.ToString(u.Key), aws.ToString(u.UploadId)); err != nil {
				return aborted, err
			}
			aborted++
		}
	}
	return aborted, nil
}

func (s *Store) eachPage(ctx context.Context, prefix string, do func(keys []string) error) error {
	pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := next(ctx, pages.NextPage)
		if err != nil {
			return fail(ctx, err, "list the objects below %q", prefix)
		}
		keys := make([]string, len(page.Contents))
		for i, o := range page.Contents {
			keys[i] = aws.ToString(o.Key)
		}
		if err := do(keys); err != nil {
			return err
		}
	}
	return nil
}

// next fetches one page within the time of one call.
func next[P any](ctx context.Context, fetch func(context.Context, ...func(*s3.Options)) (P, error)) (P, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return fetch(ctx)
}

func (s *Store) deleteBatch(ctx context.Context, keys []string) error {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	ids := make([]types.ObjectIdentifier, len(keys))
	for i := range keys {
		ids[i].Key = &keys[i]
	}
	out, err := s.client.DeleteObjects(call, &s3.DeleteObjectsInput{
		Bucket: &s.bucket,
		Delete: &types.Delete{Objects: ids, Quiet: aws.Bool(true)},
	})
	if err != nil {
		return fail(ctx, err, "delete %d objects from %s on", len(keys), keys[0])
	}
	var errs []error
	for _, e := range out.Errors {
		if aws.ToString(e.Code) != "NoSuchKey" {
			errs = append(errs, fmt.Errorf("delete %s: %s %s", aws.ToString(e.Key), aws.ToString(e.Code), aws.ToString(e.Message)))
		}
	}
	return errors.Join(errs...)
}

// abort removes an unfinished upload with its parts. One that is gone is no
// error.
func (s *Store) abort(ctx context.Context, key, id string) error {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := s.client.AbortMultipartUpload(call, &s3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: &key, UploadId: &id})
	if err != nil && codeOf(err) != "NoSuchUpload" {
		return fail(ctx, err, "abort the upload of %s", key)
	}
	return nil
}
