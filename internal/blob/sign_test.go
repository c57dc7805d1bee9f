package blob_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/blob"
	"github.com/turboscribe/turboscribe/internal/blob/blobtest"
)

// TestSign: an address opens one object, with our headers, for a while.
func TestSign(t *testing.T) {
	t.Parallel()
	o := blobtest.Options(t)
	o.PublicEndpoint = o.Endpoint
	s := open(t, o)
	blobtest.MakeBucket(t, s)
	put(t, s, "u/1/source", "u/2/source")
	headers := blob.Headers{ContentType: "audio/mpeg", ContentDisposition: `attachment; filename="a b.mp3"`, CacheControl: "private, no-cache"}
	url, ok, err := s.Sign(t.Context(), "u/1/source", headers, time.Minute)
	if err != nil || !ok {
		t.Fatalf("got %v, %v", ok, err)
	}
	status, header, body := fetch(t, url, "bytes=2-4")
	if status != http.StatusPartialContent || body != "1/s" {
		t.Errorf("got %d, %q", status, body)
	}
	if header.Get("Content-Type") != headers.ContentType || header.Get("Content-Disposition") != headers.ContentDisposition || header.Get("Cache-Control") != headers.CacheControl {
		t.Errorf("got the headers %v", header)
	}
	for name, other := range map[string]string{
		"another object": strings.Replace(url, "u/1/", "u/2/", 1),
		"another type":   strings.Replace(url, "audio%2Fmpeg", "text%2Fhtml", 1),
		"a longer time":  strings.Replace(url, "X-Amz-Expires=60", "X-Amz-Expires=600", 1),
		"no signature":   url[:strings.Index(url, "?")],
	} {
		if status, _, body := fetch(t, other, ""); other == url || status != http.StatusForbidden {
			t.Errorf("%s: got %d, %s", name, status, body)
		}
	}
}

// TestSign_notReachable: without an endpoint for browsers nothing is signed.
func TestSign_notReachable(t *testing.T) {
	t.Parallel()
	s := open(t, blob.Options{Bucket: "b", AccessKey: "a", SecretKey: "s"})
	if url, ok, err := s.Sign(t.Context(), "k", blob.Headers{}, time.Minute); ok || err != nil {
		t.Errorf("got %q, %v", url, err)
	}
}

func fetch(t *testing.T, url, part string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if part != "" {
		r.Header.Set("Range", part)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, res.Body)
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(body)
}
