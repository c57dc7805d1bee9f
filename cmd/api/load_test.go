package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
)

// pollers is how many clients poll at once.
const pollers = 16

// BenchmarkPolling has clients poll over HTTP, as fast as they are answered, and tells how
// many polls a second there are and how long the slowest hundredth takes. Beside it is a
// handler of Echo's that says hello; clients and servers share the cores.
func BenchmarkPolling(b *testing.B) {
	p := newPolled(b)
	hello := echo.New()
	hello.GET("/*", func(c echo.Context) error { return c.String(http.StatusOK, "hello") })
	completed, going := p.complete(b), p.transcribe(b, chunksOf-1)
	tag := func(id uuid.UUID) string { return p.poll(b.Context(), p.handler, id, "").Header().Get("ETag") }
	const path = "/api/v1/transcriptions/"
	for _, bb := range []struct {
		name    string
		handler http.Handler
		path    string
		tag     string
		want    int
	}{
		{"bare echo", hello, "/", "", http.StatusOK},
		{"completed, unchanged", p.handler, path + completed.ID.String(), tag(completed.ID), http.StatusNotModified},
		{"completed", p.handler, path + completed.ID.String(), "", http.StatusOK},
		{"in work, unchanged", p.handler, path + going.ID.String(), tag(going.ID), http.StatusNotModified},
	} {
		b.Run(bb.name, func(b *testing.B) {
			server := httptest.NewServer(bb.handler)
			defer server.Close()
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: pollers}}
			defer client.CloseIdleConnections()
			took := make([]time.Duration, b.N)
			var clients sync.WaitGroup
			b.ResetTimer()
			for n := range pollers {
				clients.Go(func() {
					for i := n; i < b.N; i += pollers {
						took[i] = poll(b, client, server.URL+bb.path, p.token, bb.tag, bb.want)
					}
				})
			}
			clients.Wait()
			b.StopTimer()
			slices.Sort(took)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "polls/s")
			b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
			b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
		})
	}
}

// poll returns how long an answer took.
func poll(b *testing.B, client *http.Client, url, token, tag string, want int) time.Duration {
	begun := time.Now()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
	if err != nil {
		b.Error(err)
		return 0
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if tag != "" {
		r.Header.Set("If-None-Match", tag)
	}
	res, err := client.Do(r)
	if err != nil {
		b.Error(err)
		return 0
	}
	_, err = io.Copy(io.Discard, res.Body)
	if closeErr := res.Body.Close(); err != nil || closeErr != nil || res.StatusCode != want {
		b.Errorf("answered with %d, %v", res.StatusCode, err)
	}
	return time.Since(begun)
}
