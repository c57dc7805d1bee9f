package blob_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/turboscribe/turboscribe/internal/blob"
	"github.com/turboscribe/turboscribe/internal/blob/blobtest"
)

// misbehave may answer a request itself, and then returns true.
type misbehave func(w http.ResponseWriter, r *http.Request, server http.Handler) bool

// behind returns a store that reaches the real server through a proxy, and one
// that reaches the same bucket directly.
func behind(t *testing.T, m misbehave) (proxied, direct *blob.Store) {
	t.Helper()
	o := blobtest.Options(t)
	target, err := url.Parse(o.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	server := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // it is signed
	}}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !m(w, r, server) {
			server.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(proxy.Close)
	direct = open(t, o)
	blobtest.MakeBucket(t, direct)
	o.Endpoint = proxy.URL
	return open(t, o), direct
}

func open(t *testing.T, o blob.Options) *blob.Store {
	t.Helper()
	s, err := blob.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// cutWriter passes on the first bytes of an answer and then does what cut says;
// an error makes the proxy break the connection.
type cutWriter struct {
	http.ResponseWriter
	left int
	cut  func() error
}

func (w *cutWriter) Write(p []byte) (int, error) {
	n := min(len(p), w.left)
	if _, err := w.ResponseWriter.Write(p[:n]); err != nil {
		return 0, err
	}
	if w.left -= n; w.left > 0 {
		return n, nil
	}
	if err := http.NewResponseController(w.ResponseWriter).Flush(); err != nil {
		return 0, err
	}
	return n, w.cut()
}

func breakOff() error { return errors.New("cut") }

// unheard is where an answer goes that the client does not get.
type unheard http.Header

func (u unheard) Header() http.Header         { return http.Header(u) }
func (u unheard) WriteHeader(int)             {}
func (u unheard) Write(p []byte) (int, error) { return len(p), nil }
