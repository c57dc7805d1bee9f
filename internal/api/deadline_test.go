package api_test

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/api"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// tooMuch is more than the buffers of both ends of a connection take.
const tooMuch = 32 << 20

// long makes a transcription whose answer is long.
func long(t *transcription.Transcription) {
	t.Status, t.Text = transcription.Completed, strings.Repeat("x", tooMuch)
}

// TestAnswer_isNeverRead: who asks and does not take the answer holds nothing of
// the server for longer than a timeout.
func TestAnswer_isNeverRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.BodyTimeout = 200 * time.Millisecond })
	id := w.store.add(t, w.ids["user"], long)
	l := w.dial(t)
	l.send("GET /api/v1/transcriptions/", id.String(), " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ", w.tokens["user"], "\r\n\r\n")
	w.waitForLog(t, `"route":"/api/v1/transcriptions/:id"`)
	if log := w.log.String(); !strings.Contains(log, "answer broke off") || strings.Contains(log, `"level":"error"`) {
		t.Errorf("got %s", log)
	}
}

// TestAnswer_isReadSlowly takes longer than any pause may be, but never pauses.
func TestAnswer_isReadSlowly(t *testing.T) {
	t.Parallel()
	const pause = 10 * time.Second // longer than a busy machine may hold the test up
	w := newWorld(t, func(o *api.Options) { o.BodyTimeout = pause })
	id := w.store.add(t, w.ids["user"], long)
	l := w.dial(t)
	l.send("GET /api/v1/transcriptions/", id.String(), " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ", w.tokens["user"], "\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(l), nil)
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(pause / 8)
	defer tick.Stop()
	read := int64(0)
	for range 12 {
		<-tick.C
		n, err := io.CopyN(io.Discard, res.Body, tooMuch/12)
		if read += n; err != nil {
			t.Fatalf("broke off after %d bytes: %v", read, err)
		}
	}
	rest := whole(t, res)
	if !strings.HasSuffix(rest.body, "}}\n") {
		t.Errorf("the answer ends with %.100q", rest.body)
	}
}

// TestBody_isAskedForInTime: a body is read under a deadline for writing too, as
// the server says "100 Continue" then, and the client may not take even that.
func TestBody_isAskedForInTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	out := &connection{ResponseRecorder: httptest.NewRecorder()}
	var asked time.Time
	body := readerFunc(func([]byte) (int, error) {
		asked = out.deadline
		return 0, io.EOF
	})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/auth/login", body)
	r.Header.Set("Content-Type", "application/json")
	w.Handler().ServeHTTP(out, r)
	if left := time.Until(asked); left <= 0 || left > time.Minute {
		t.Errorf("the deadline is in %s", left)
	}
}

// connection takes note of the deadline for writing.
type connection struct {
	*httptest.ResponseRecorder
	deadline time.Time
}

func (c *connection) SetWriteDeadline(t time.Time) error {
	c.deadline = t
	return nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestUpload_slowStorage: a deadline of the upload must end neither the reading
// that goes on behind the body, to notice a client that leaves, nor the stream of
// the answer while the storage is still joining the parts.
func TestUpload_slowStorage(t *testing.T) {
	t.Parallel()
	const timeout = 5 * time.Second // longer than a busy machine takes for the body
	for proto, start := range map[string]func(*httptest.Server){
		"HTTP/1.1": (*httptest.Server).Start,
		"HTTP/2.0": func(s *httptest.Server) {
			s.EnableHTTP2 = true
			s.StartTLS()
		},
	} {
		t.Run(proto, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *api.Options) { o.BodyTimeout = timeout })
			server := httptest.NewUnstartedServer(w.Handler())
			start(server)
			t.Cleanup(server.Close)
			w.url, w.client = server.URL, server.Client()
			w.objects.joining = func() { <-time.After(timeout * 3 / 2) }
			body, kind := form(t, field{"file", "sound sound"})
			got := w.upload(t, body, kind)
			got.expect(t, 202, "")
			if got.Proto != proto {
				t.Errorf("got %s", got.Proto)
			}
		})
	}
}

// TestSmallBody_tooLarge: nobody has to read the rest, so the connection ends.
func TestSmallBody_tooLarge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.dial(t)
	l.send("POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n", strings.Repeat(" ", 100_000))
	got := l.answer()
	got.expect(t, 413, "body_too_large")
	if !got.Close {
		t.Error("the connection is kept")
	}
}
