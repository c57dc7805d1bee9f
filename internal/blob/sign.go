package blob

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Headers are what the server sends with an object, whatever it would say by itself.
type Headers struct {
	ContentType        string
	ContentDisposition string
	CacheControl       string
}

// Sign returns an address under which anybody may read an object until lifetime has
// passed, with these headers, which are part of what is signed. False: browsers do not
// reach the storage. Whether there is such an object is not looked at.
func (s *Store) Sign(ctx context.Context, key string, h Headers, lifetime time.Duration) (url string, ok bool, err error) {
	if s.signer == nil {
		return "", false, nil
	}
	signed, err := s.signer.PresignGetObject(ctx, &s3.GetObjectInput{
		Bucket: &s.bucket, Key: &key,
		ResponseContentType: &h.ContentType, ResponseContentDisposition: &h.ContentDisposition, ResponseCacheControl: &h.CacheControl,
	}, s3.WithPresignExpires(lifetime))
	if err != nil {
		return "", false, fmt.Errorf("sign an address of %s: %w", key, err)
	}
	return signed.URL, true, nil
}
