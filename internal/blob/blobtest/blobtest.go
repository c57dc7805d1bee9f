// Package blobtest gives tests a place for blobs: a bucket of their own on a
// real server, or memory.
package blobtest

import (
	"crypto/rand"
	"os"
	"strings"
	"testing"

	"github.com/turboscribe/turboscribe/internal/blob"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// Options returns options for a bucket that belongs to the test alone and does
// not exist yet. Without TS_TEST_S3_ENDPOINT the test is skipped, in CI it fails.
func Options(t testing.TB) blob.Options {
	t.Helper()
	o := blob.Options{
		Endpoint:  env("TS_TEST_S3_ENDPOINT"),
		AccessKey: env("TS_TEST_S3_ACCESS_KEY"),
		SecretKey: env("TS_TEST_S3_SECRET_KEY"),
		Bucket:    "test-" + strings.ToLower(rand.Text()),
		PathStyle: true,
	}
	switch {
	case o.Endpoint != "":
	case env("CI") == "true":
		t.Fatal("TS_TEST_S3_ENDPOINT is not set: `make test` starts an S3 server and sets it")
	default:
		t.Skip("needs an S3 server: set TS_TEST_S3_ENDPOINT, TS_TEST_S3_ACCESS_KEY and TS_TEST_S3_SECRET_KEY, or run `make test`")
	}
	return o
}

// Open returns a store over an empty bucket that belongs to the test alone.
func Open(t testing.TB) *blob.Store {
	t.Helper()
	s, err := blob.Open(t.Context(), Options(t))
	if err != nil {
		t.Fatal(err)
	}
	MakeBucket(t, s)
	return s
}

// MakeBucket makes the bucket of a store. A server that is busy is asked again, for
// some minutes.
func MakeBucket(t testing.TB, s *blob.Store) {
	t.Helper()
	err := s.EnsureBucket(t.Context())
	for try := 1; try < 10 && fault.Is(err, fault.Unavailable); try++ {
		err = s.EnsureBucket(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func env(name string) string {
	return os.Getenv(name) //nolint:forbidigo // tests learn from their environment where the servers are
}
