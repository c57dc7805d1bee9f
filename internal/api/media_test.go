package api_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/api"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// addMedia puts a transcription of the user's into the store, and returns where its
// recording is played, and what is in it.
func (w *world) addMedia(t *testing.T, change ...func(*transcription.Transcription)) (path, content string) {
	t.Helper()
	id := w.store.add(t, w.ids["user"], func(tr *transcription.Transcription) {
		for _, f := range change {
			f(tr)
		}
	})
	return "/api/v1/transcriptions/" + id.String() + "/media", w.objects.content(transcription.Prefix(w.ids["user"], id) + "source")
}

// TestMedia_ranges: players get the parts they ask for (RFC 9110, 13 and 14).
func TestMedia_ranges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path, content := w.addMedia(t)
	size := len(content)
	tag, modified := `"`+strings.Repeat("ab", 32)+`"`, start.Format(http.TimeFormat)
	for _, tt := range []struct {
		name   string
		header map[string]string
		status int
		from   int
		to     int // behind the last byte
		code   string
	}{
		{"all", nil, 200, 0, size, ""},
		{"the first bytes", map[string]string{"Range": "bytes=0-1"}, 206, 0, 2, ""},
		{"from a place on", map[string]string{"Range": "bytes=7-"}, 206, 7, size, ""},
		{"the last bytes", map[string]string{"Range": "bytes=-5"}, 206, size - 5, size, ""},
		{"more than there is", map[string]string{"Range": "bytes=3-999999"}, 206, 3, size, ""},
		{"behind the end", map[string]string{"Range": "bytes=999999-"}, 416, 0, 0, "requested_range_not_satisfiable"},
		{"backwards", map[string]string{"Range": "bytes=9-3"}, 416, 0, 0, "requested_range_not_satisfiable"},
		{"nonsense", map[string]string{"Range": "bytes=a-b"}, 416, 0, 0, "requested_range_not_satisfiable"},
		{"of another unit", map[string]string{"Range": "items=0-1"}, 200, 0, size, ""},
		{"several", map[string]string{"Range": "bytes=0-1,4-5"}, 200, 0, size, ""},
		{"of the same", map[string]string{"Range": "bytes=2-3", "If-Range": tag}, 206, 2, 4, ""},
		{"of another", map[string]string{"Range": "bytes=2-3", "If-Range": `"another"`}, 200, 0, size, ""},
		{"of the same by a weak tag", map[string]string{"Range": "bytes=2-3", "If-Range": "W/" + tag}, 200, 0, size, ""},
		{"of the same by date", map[string]string{"Range": "bytes=2-3", "If-Range": modified}, 206, 2, 4, ""},
		{"of an older one", map[string]string{"Range": "bytes=2-3", "If-Range": start.Add(-time.Hour).Format(http.TimeFormat)}, 200, 0, size, ""},
		{"what the client has", map[string]string{"If-None-Match": tag}, 304, 0, 0, ""},
		{"a part of what the client has", map[string]string{"If-None-Match": tag, "Range": "bytes=2-3"}, 304, 0, 0, ""},
		{"what is not changed", map[string]string{"If-Modified-Since": modified}, 304, 0, 0, ""},
		{"only if it is another", map[string]string{"If-Match": `"another"`}, 412, 0, 0, "precondition_failed"},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			got := w.do(t, call{actor: "user", method: method, path: path, header: tt.header})
			if method == "GET" {
				got.expect(t, tt.status, tt.code)
			}
			if got.StatusCode != tt.status {
				t.Errorf("%s, %s: got %d %s", tt.name, method, got.StatusCode, got.body)
			}
			if want := content[tt.from:tt.to]; tt.code == "" && method == "GET" && got.body != want || method == "HEAD" && got.body != "" {
				t.Errorf("%s, %s: got %q, want %q", tt.name, method, got.body, want)
			}
			if tt.status < 300 && got.ContentLength != int64(tt.to-tt.from) {
				t.Errorf("%s, %s: got the length %d", tt.name, method, got.ContentLength)
			}
		}
	}
}

// TestMedia_is: what a recording is given out as is ours to say.
func TestMedia_is(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tt := range []struct{ name, found, query, kind, disposition string }{
		{"talk.mp3", "audio/mpeg", "", "audio/mpeg", "inline; filename=talk.mp3"},
		{"talk.mp4", "video/mp4", "?download=true", "video/mp4", "attachment; filename=talk.mp4"},
		{"x.svg", "image/svg+xml", "", "application/octet-stream", "inline; filename=x.svg.media"},
		{"x.html", "text/html; charset=utf-8", "", "application/octet-stream", "inline; filename=x.html.media"},
		{"a\r\nSet-Cookie: x=y\".mp3", "audio/mpeg", "?download=true", "audio/mpeg", `attachment; filename="a__Set-Cookie: x=y_.mp3"; filename*=UTF-8''a%0D%0ASet-Cookie%3A%20x%3Dy%22.mp3`},
	} {
		path, _ := w.addMedia(t, func(tr *transcription.Transcription) { tr.File.Name, tr.File.ContentType = tt.name, tt.found })
		for _, part := range []string{"", "bytes=0-3"} {
			got := w.do(t, call{actor: "user", path: path + tt.query, header: map[string]string{"Range": part}})
			h := got.Header
			if got.StatusCode >= 300 || h.Get("Content-Type") != tt.kind || h.Get("Content-Disposition") != tt.disposition || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Set-Cookie") != "" {
				t.Errorf("%s: got %d, %v", tt.name, got.StatusCode, h)
			}
			if csp := strings.Split(h.Get("Content-Security-Policy"), "; "); !slices.Contains(csp, "sandbox") || !slices.Contains(csp, "default-src 'none'") {
				t.Errorf("%s: got the policy %q", tt.name, csp)
			}
		}
	}
}

// TestMedia_cookies: an <audio> sends nothing but cookies.
func TestMedia_cookies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path, content := w.addMedia(t)
	got := w.do(t, call{path: path, header: map[string]string{"Cookie": "ts_access=" + w.tokens["user"], "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "audio", "Range": "bytes=0-"}})
	if got.expect(t, 206, ""); got.body != content {
		t.Errorf("got %q", got.body)
	}
}

func TestMedia_refused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path, _ := w.addMedia(t)
	gone, _ := w.addMedia(t, func(tr *transcription.Transcription) {
		tr.Status, tr.Failure = transcription.Failed, &transcription.Failure{Code: "no_audio", Message: "It has no sound."}
		tr.File.Gone = true
	})
	for _, end := range []string{"", "/url"} {
		w.do(t, call{actor: "user", path: path + end + "?download=perhaps"}).expect(t, 400, "invalid_switch")
		w.do(t, call{actor: "user", path: path + end + "?type=text/html"}).expect(t, 400, "unknown_parameter")
		w.do(t, call{actor: "user", path: gone + end}).expect(t, 410, "recording_gone")
	}
}

// TestMedia_url: the storage is told what to say of what it hands out.
func TestMedia_url(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.objects.public = true
	path, _ := w.addMedia(t)
	got := w.do(t, call{actor: "user", path: path + "/url?download=true"})
	got.expect(t, 200, "")
	in := data[struct {
		URL       string
		ExpiresAt time.Time
	}](t, got)
	u, err := url.Parse(in.URL)
	if err != nil {
		t.Fatal(err)
	}
	if q := u.Query(); q.Get("type") != "audio/mpeg" || q.Get("disposition") != "attachment; filename=interview.mp3" || q.Get("lifetime") != "15m0s" || got.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %s, %v", in.URL, got.Header)
	}
	if left := time.Until(in.ExpiresAt); left > 15*time.Minute || left < 5*time.Minute {
		t.Errorf("it expires in %s", left)
	}
}

// TestMedia_storageFails: before the first byte that is an answer as any other, and behind
// it no client takes what it got for all.
func TestMedia_storageFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	away := fault.New(fault.Unavailable, "The storage does not answer.").WithCode("storage_unavailable")
	path, content := w.addMedia(t)
	w.objects.ranging = func(context.Context, int64, int64) (io.ReadCloser, error) { return nil, away }
	got := w.do(t, call{actor: "user", path: path, header: map[string]string{"Range": "bytes=0-5"}})
	got.expect(t, 503, "storage_unavailable")
	for _, name := range []string{"Content-Range", "Content-Disposition", "Accept-Ranges", "Last-Modified"} {
		if got.Header.Get(name) != "" {
			t.Errorf("the refusal has %s: %s", name, got.Header.Get(name))
		}
	}
	w.do(t, call{actor: "user", method: "HEAD", path: path}).expect(t, 200, "")
	w.objects.ranging = func(context.Context, int64, int64) (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(strings.NewReader(content[:5]), readerFunc(func([]byte) (int, error) { return 0, away }))), nil
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.tokens["user"])
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	read, err := io.ReadAll(res.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) || string(read) != content[:5] {
		t.Errorf("got %q, %v", read, err)
	}
	if err := res.Body.Close(); err != nil {
		t.Error(err)
	}
}

// zeros is a large recording, of which parts are counted that are asked for and left open.
type zeros struct {
	mu      sync.Mutex
	lengths []int64
	open    int
}

func (z *zeros) ranging(_ context.Context, _, length int64) (io.ReadCloser, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.lengths = append(z.lengths, length)
	z.open++
	return &zeroPart{Reader: io.LimitReader(zeroReader{}, length), z: z}, nil
}

type zeroPart struct {
	io.Reader
	z *zeros
}

func (p *zeroPart) Close() error {
	p.z.mu.Lock()
	defer p.z.mu.Unlock()
	p.z.open--
	return nil
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestMedia_large: whoever takes a little of it makes us ask the storage for little, and
// never do we ask for more than a piece at once.
func TestMedia_large(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const size = 40 << 20
	path, _ := w.addMedia(t, func(tr *transcription.Transcription) { tr.File.Size = size })
	for part, want := range map[string][]int64{
		"bytes=0-1":         {64 << 10},
		"bytes=41943030-":   {10},
		"bytes=100-5000000": {64 << 10, 256 << 10, 1 << 20, 4 << 20},
		"bytes=0-":          {64 << 10, 256 << 10, 1 << 20, 4 << 20, 8 << 20, 8 << 20, 8 << 20, 8 << 20, size - 37<<20 - 320<<10},
	} {
		z := new(zeros)
		w.objects.ranging = z.ranging
		w.do(t, call{actor: "user", path: path, header: map[string]string{"Range": part}}).expect(t, 206, "")
		if z.mu.Lock(); !slices.Equal(z.lengths, want) || z.open != 0 {
			t.Errorf("%s: asked for %v, want %v; %d are open", part, z.lengths, want, z.open)
		}
		z.mu.Unlock()
	}
}

// TestMedia_tooMany: one account cannot take all there is, and those that hang are ended.
func TestMedia_tooMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.UserStreams = 2 })
	path, content := w.addMedia(t)
	begun, release := make(chan struct{}), make(chan struct{})
	w.objects.ranging = func(ctx context.Context, from, length int64) (io.ReadCloser, error) {
		begun <- struct{}{}
		select {
		case <-release:
		case <-ctx.Done():
		}
		return io.NopCloser(strings.NewReader(content[from : from+length])), nil
	}
	var players sync.WaitGroup
	for range 2 {
		players.Go(func() { w.do(t, call{actor: "user", path: path}).expect(t, 200, "") })
		<-begun
	}
	refused := w.do(t, call{actor: "user", path: path})
	refused.expect(t, 429, "too_many_streams")
	if refused.Header.Get("Retry-After") == "" {
		t.Error("it is not told when to come again")
	}
	other := w.store.add(t, w.ids["other"], nil)
	players.Go(func() {
		got := w.do(t, call{actor: "other", path: "/api/v1/transcriptions/" + other.String() + "/media"})
		got.expect(t, 200, "")
	})
	<-begun
	close(release)
	players.Wait()
	go func() { <-begun }()
	w.do(t, call{actor: "user", path: path}).expect(t, 200, "")
}

// TestMedia_isNeverRead: a player that has paused holds nothing for longer than a timeout.
func TestMedia_isNeverRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.BodyTimeout = 200 * time.Millisecond })
	z := new(zeros)
	w.objects.ranging = z.ranging
	path, _ := w.addMedia(t, func(tr *transcription.Transcription) { tr.File.Size = tooMuch })
	l := w.dial(t)
	l.send("GET ", path, " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ", w.tokens["user"], "\r\n\r\n")
	w.waitForLog(t, `"route":"/api/v1/transcriptions/:id/media"`)
	if z.mu.Lock(); z.open != 0 {
		t.Errorf("%d parts are open", z.open)
	}
	z.mu.Unlock()
}
