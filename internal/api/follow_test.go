package api_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/api"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// stream is an answer of events as it comes in.
type stream struct {
	*http.Response
	lines *bufio.Scanner
}

// event is one of them. A comment has neither a name nor an id.
type event struct{ id, name, data string }

func (w *world) stream(t *testing.T, actor string, id uuid.UUID, header ...string) *stream {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/api/v1/transcriptions/"+id.String()+"/events", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.tokens[actor])
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := w.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return &stream{Response: res, lines: bufio.NewScanner(res.Body)}
}

// next returns the next event, or false at the end.
func (s *stream) next(t *testing.T) (e event, ok bool) {
	t.Helper()
	for s.lines.Scan() {
		name, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch name {
		case "id":
			e.id = value
		case "event":
			e.name = value
		case "data":
			e.data = value
		case "":
			if e.name != "" {
				return e, true
			}
		case ":":
			return event{}, true
		}
	}
	if err := s.lines.Err(); err != nil {
		t.Fatal(err)
	}
	return e, false
}

// upTo returns the events until one of that name, which is the last of them.
func (s *stream) upTo(t *testing.T, name string) (found []event) {
	t.Helper()
	for {
		e, ok := s.next(t)
		if !ok {
			t.Fatalf("the stream ended before %s, behind %v", name, found)
		}
		if found = append(found, e); e.name == name {
			return found
		}
	}
}

func names(events []event) (found []string) {
	for _, e := range events {
		if e.name != "" {
			found = append(found, e.name)
		}
	}
	return found
}

// work does to a queued transcription what workers do, and lets it be known.
func (w *world) work(id uuid.UUID, to transcription.Status, said ...string) {
	w.store.Move(id, to, func(t *transcription.Transcription) {
		for _, text := range said {
			t.Segments = append(t.Segments, transcription.Segment{Start: 0, End: time.Second, Text: text, Confidence: 0.5})
		}
		t.Progress = 0.5
		if to == transcription.Failed {
			t.Failure = &transcription.Failure{Code: "gave_up", Message: "No."}
		}
	})
	w.feed.Hint(id)
}

func (w *world) queued(t *testing.T) uuid.UUID {
	t.Helper()
	id := w.store.add(t, w.ids["user"], nil)
	w.store.Tell(id, transcription.Event{Run: 1, At: start, Type: transcription.Created})
	return id
}

func TestFollow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.queued(t)
	s := w.stream(t, "user", id)
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no", "Content-Length": "",
	} {
		if got := s.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if !s.lines.Scan() || !strings.HasPrefix(s.lines.Text(), "retry: ") {
		t.Errorf("begins with %q", s.lines.Text())
	}
	events := s.upTo(t, "progress")
	w.work(id, transcription.Transcribing, "one", "two")
	events = append(events, s.upTo(t, "segments")...)
	w.work(id, transcription.Failed)
	events = append(events, s.upTo(t, "failed")...)
	if e, ok := s.next(t); ok {
		t.Errorf("%v follows the end", e)
	}
	want := []string{"state", "progress", "state", "progress", "segments", "failed"}
	if got := names(events); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for i, text := range map[int]string{
		0: `{"run":1,"status":"queued","stage":"prepare","at":"`,
		4: `{"run":1,"segments":[{"index":0,"start":0.000,"end":1.000,"text":"one"`,
		5: `"error":{"code":"gave_up","message":"No."}`,
	} {
		if !strings.Contains(events[i].data, text) {
			t.Errorf("event %d is %s, want %s in it", i, events[i].data, text)
		}
	}
	for _, e := range events {
		if e.id == "" {
			t.Errorf("%v has no id", e)
		}
	}
	last := events[len(events)-1].id
	if res := w.stream(t, "user", id, "Last-Event-ID", last); res.StatusCode != http.StatusNoContent {
		t.Errorf("who has everything is answered with %d", res.StatusCode)
	}
	again := w.do(t, call{actor: "user", path: "/api/v1/transcriptions/" + id.String() + "/events?lastEventId=" + events[4].id})
	if again.StatusCode != http.StatusOK || strings.Count(again.body, "event: ") != 1 || !strings.Contains(again.body, "event: failed\n") {
		t.Errorf("behind the segments: %d %s", again.StatusCode, again.body)
	}
}

func TestFollow_refused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := "/api/v1/transcriptions/" + w.queued(t).String() + "/events"
	for _, tt := range []struct {
		call
		status int
		code   string
	}{
		{call{actor: "nobody", path: path}, 401, "unauthenticated"},
		{call{actor: "guest", path: path}, 403, "forbidden"},
		{call{actor: "other", path: path}, 404, "not_found"},
		{call{actor: "admin", path: path}, 404, "not_found"},
		{call{actor: "user", path: "/api/v1/transcriptions/" + uuid.NewString() + "/events"}, 404, "not_found"},
		{call{actor: "user", path: "/api/v1/transcriptions/x/events"}, 404, "not_found"},
		{call{actor: "user", path: path, header: map[string]string{"Last-Event-ID": "x"}}, 400, "invalid_place"},
		{call{actor: "user", path: path + "?lastEventId=9-9-9"}, 400, "invalid_place"},
	} {
		w.do(t, tt.call).expect(t, tt.status, tt.code)
	}
	if got := w.do(t, call{actor: "user", method: http.MethodHead, path: path}); got.StatusCode != http.StatusOK || got.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("HEAD: %d %s", got.StatusCode, got.Header.Get("Content-Type"))
	}
	if n := w.feed.Followers(); n != 0 {
		t.Errorf("%d follow", n)
	}
}

// A connection on which nothing happens is kept alive, and one whose client has left is
// noticed.
func TestFollow_heartbeat(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.Heartbeat = 10 * time.Millisecond })
	s := w.stream(t, "user", w.queued(t))
	s.upTo(t, "progress")
	for range 3 {
		if e, ok := s.next(t); !ok || e != (event{}) {
			t.Errorf("got %v, want a comment", e)
		}
	}
	if err := s.Body.Close(); err != nil {
		t.Error(err)
	}
	w.waitForFollowers(t, 0)
	if strings.Contains(w.log.String(), `"level":"error"`) {
		t.Errorf("logged:\n%s", w.log)
	}
}

func (w *world) waitForFollowers(t *testing.T, n int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); w.feed.Followers() != n; {
		if time.Now().After(deadline) {
			t.Fatalf("%d follow, want %d", w.feed.Followers(), n)
		}
		time.Sleep(time.Millisecond)
	}
}

// A sign-in that ends ends what it has opened; what comes behind is for who signs in
// again.
func TestFollow_tokenExpires(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.queued(t)
	w.expireIn(t, -time.Second) // by the clock of this machine, not by that of who looks at tokens
	w.do(t, call{actor: "user", path: "/api/v1/transcriptions/" + id.String() + "/events"}).expect(t, http.StatusUnauthorized, "token_expired")
	for left := time.Second; ; left *= 2 { // a busy machine may need longer to begin
		w.expireIn(t, left)
		s := w.stream(t, "user", id)
		if s.StatusCode == http.StatusUnauthorized {
			continue
		}
		s.upTo(t, "progress")
		if e, ok := s.next(t); ok {
			t.Errorf("got %v, want the end", e)
		}
		w.waitForFollowers(t, 0)
		return
	}
}

// expireIn gives the user a token that is good for so long from now.
func (w *world) expireIn(t *testing.T, left time.Duration) {
	t.Helper()
	const lifetime, skew = 10 * time.Minute, 10 * time.Second
	w.clock.set(time.Now().Add(left - lifetime - skew))
	g, err := w.auth.Login(t.Context(), "user@example.com", password)
	if err != nil {
		t.Fatal(err)
	}
	w.tokens["user"] = g.Access
}

// Who does not read is cut off. It must have been sent more than the connection holds.
func TestFollow_slowClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.BodyTimeout = 5 * time.Second }) // a busy machine may need long for the first event
	id := w.queued(t)
	u, err := url.Parse(w.url)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "GET /api/v1/transcriptions/%s/events HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", id, u.Host, w.tokens["user"])
	if err != nil {
		t.Fatal(err)
	}
	w.waitForFollowers(t, 1)
	long := strings.Repeat("s", 1<<20)
	for deadline := time.Now().Add(time.Minute); w.feed.Followers() > 0; {
		if time.Now().After(deadline) {
			t.Fatal("it still follows")
		}
		w.work(id, transcription.Transcribing, long)
		time.Sleep(time.Millisecond)
	}
}

// A server that stops ends its streams.
func TestFollow_stopped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.stream(t, "user", w.queued(t))
	s.upTo(t, "progress")
	w.off()
	if e, ok := s.next(t); ok {
		t.Errorf("got %v, want the end", e)
	}
}
