package models

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// tiny is a model whose file is small, with that file.
func tiny(t *testing.T) (transcription.Model, []byte) {
	t.Helper()
	s := transcription.Shape{Vocabulary: 51865, Mels: 80, AudioState: 384, AudioLayers: 4, TextLayers: 4}
	weights := make([]float32, 1<<16)
	for i := range weights {
		weights[i] = rand.Float32()
	}
	var b bytes.Buffer
	for _, v := range []any{
		[]byte("lmgg"), s.Vocabulary, int32(1500), s.AudioState, int32(6), s.AudioLayers, int32(448), s.AudioState, int32(6), s.TextLayers, s.Mels, int32(0),
		[]int32{0, 0, 0},                      // no filters, no vocabulary
		[]int32{1, 1, 0, int32(len(weights))}, // one tensor
		[]byte("w"), weights,
	} {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	sum := sha256.Sum256(b.Bytes())
	return transcription.Model{
		Name: "tiny", File: "ggml-tiny.bin", Size: int64(b.Len()), SHA256: hex.EncodeToString(sum[:]), Shape: s, Multilingual: true,
	}, b.Bytes()
}

// server is a hub that answers as it is told, and remembers what it was asked.
type server struct {
	*httptest.Server
	mu     sync.Mutex
	asked  []http.Header
	answer func(n int, w http.ResponseWriter, r *http.Request) // the nth, from 1
}

func newServer(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) *server {
	t.Helper()
	s := &server{answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r.Header)
		n := len(s.asked)
		s.mu.Unlock()
		s.answer(n, w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// serve answers with a file, or the range of it that is asked for.
func serve(content []byte, tag string) func(int, http.ResponseWriter, *http.Request) {
	return func(_ int, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", tag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}
}

// cut answers with the beginning of a file and breaks off.
func cut(w http.ResponseWriter, content []byte, after int, tag string) {
	w.Header().Set("ETag", tag)
	w.Header().Set("Content-Length", strconv.Itoa(len(content)))
	_, _ = w.Write(content[:after])
	w.(http.Flusher).Flush() //nolint:errcheck,forcetypeassert // it is one
	panic(http.ErrAbortHandler)
}

type tried struct {
	dir Dir
	o   Options
}

func newTried(t *testing.T, base string) *tried {
	t.Helper()
	return &tried{Dir(t.TempDir()), Options{
		Base: base, Tries: 3, Pause: time.Millisecond, Free: func(string) (int64, error) { return 1 << 40, nil },
	}}
}

func (tr *tried) pull(ctx context.Context, t *testing.T, m transcription.Model) error {
	t.Helper()
	p, err := NewPuller(tr.dir, tr.o)
	if err != nil {
		t.Fatal(err)
	}
	return p.Pull(ctx, m)
}

// holds checks that the model is there as it should be, or not at all, and that
// nothing is left beside it but those files.
func (tr *tried) holds(t *testing.T, m transcription.Model, content []byte, beside ...string) {
	t.Helper()
	got, err := os.ReadFile(tr.dir.Path(m))
	if content == nil && !errors.Is(err, fs.ErrNotExist) || content != nil && !bytes.Equal(got, content) {
		t.Errorf("the file has %d bytes, want %d: %v", len(got), len(content), err)
	}
	entries, err := os.ReadDir(string(tr.dir))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.Name() != m.File {
			names = append(names, strings.TrimPrefix(e.Name(), m.File))
		}
	}
	if fmt.Sprint(names) != fmt.Sprint(beside) {
		t.Errorf("beside it: %v, want %v", names, beside)
	}
}

func TestPull(t *testing.T) {
	t.Parallel()
	m, content := tiny(t)
	s := newServer(t, serve(content, `"one"`))
	tr := newTried(t, s.URL+"/")
	tr.dir = Dir(filepath.Join(string(tr.dir), "new"))
	var last, total int64
	tr.o.Show = func(done, all int64) { last, total = done, all }
	if err := tr.pull(t.Context(), t, m); err != nil {
		t.Fatal(err)
	}
	tr.holds(t, m, content)
	if last != m.Size || total != m.Size || s.asked[0].Get("Range") != "" {
		t.Errorf("shown %d of %d, asked with %v", last, total, s.asked)
	}
	if sum, err := tr.dir.Verify(t.Context(), m, func(int64, int64) {}); sum != Same || err != nil {
		t.Errorf("verified: %s, %v", sum, err)
	}
}

// TestPull_resumes: a connection that breaks, and a call that is interrupted, cost
// only what had not arrived.
func TestPull_resumes(t *testing.T) {
	t.Parallel()
	m, content := tiny(t)
	const first, second = 100_000, 150_000
	tr := newTried(t, "")
	ctx, interrupt := context.WithCancel(t.Context())
	s := newServer(t, func(n int, w http.ResponseWriter, r *http.Request) {
		switch n {
		case 1:
			cut(w, content, first, `"one"`)
		case 2:
			w.Header().Set("ETag", `"one"`)
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, len(content)-1, len(content)))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(content[first:second])
			w.(http.Flusher).Flush() //nolint:errcheck,forcetypeassert // it is one
			<-r.Context().Done()
		default:
			serve(content, `"one"`)(n, w, r)
		}
	})
	tr.o.Base = s.URL
	tr.o.Show = func(done, _ int64) {
		if done == second {
			interrupt()
		}
	}
	if err := tr.pull(ctx, t, m); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want %v", err, context.Canceled)
	}
	tr.holds(t, m, nil, partSuffix, validatorSuffix)
	if err := tr.pull(t.Context(), t, m); err != nil {
		t.Fatal(err)
	}
	tr.holds(t, m, content)
	for n, want := range []string{"", fmt.Sprintf("bytes=%d-", first), fmt.Sprintf("bytes=%d-", second)} {
		if got := s.asked[n].Get("Range"); got != want || n > 0 && s.asked[n].Get("If-Range") != `"one"` {
			t.Errorf("request %d asks for %q of %q, want %q", n+1, got, s.asked[n].Get("If-Range"), want)
		}
	}
}

// TestPull_otherBeginnings: what lies there from an earlier download may be of
// another file, longer than the file, or all of it.
func TestPull_otherBeginnings(t *testing.T) {
	t.Parallel()
	m, content := tiny(t)
	for name, tt := range map[string]struct {
		part, version string
		noRanges      bool
		requests      int
	}{
		"of another version":            {part: "old bytes", version: `"zero"`, requests: 1},
		"of another file":               {part: "old bytes", requests: 2}, // found out by the checksum
		"longer than the file":          {part: string(content) + "and more", requests: 2},
		"complete":                      {part: string(content), requests: 0},
		"complete, but wrong":           {part: strings.Repeat("x", len(content)), requests: 1},
		"the beginning":                 {part: string(content[:1000]), requests: 1},
		"a server that knows no ranges": {part: string(content[:1000]), noRanges: true, requests: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, func(n int, w http.ResponseWriter, r *http.Request) {
				if tt.noRanges {
					r.Header.Del("Range")
				}
				serve(content, `"one"`)(n, w, r)
			})
			tr := newTried(t, s.URL)
			write(t, tr.dir.Path(m)+partSuffix, tt.part)
			if tt.version != "" {
				write(t, tr.dir.Path(m)+validatorSuffix, tt.version)
			}
			if err := tr.pull(t.Context(), t, m); err != nil {
				t.Fatal(err)
			}
			tr.holds(t, m, content)
			if len(s.asked) != tt.requests {
				t.Errorf("%d requests, want %d: %v", len(s.asked), tt.requests, s.asked)
			}
		})
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestPull_fails: whatever goes wrong, the name is not given, and what is certain
// is said at once.
func TestPull_fails(t *testing.T) {
	t.Parallel()
	m, content := tiny(t)
	wrong := bytes.Clone(content)
	wrong[len(wrong)-1]++
	other := m
	other.Shape.TextLayers, other.SHA256 = 12, ""
	unknown := m
	unknown.SHA256 = ""
	status := func(code int) func(int, http.ResponseWriter, *http.Request) {
		return func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	for name, tt := range map[string]struct {
		model    transcription.Model
		answer   func(int, http.ResponseWriter, *http.Request)
		free     int64
		requests int
		says     string
		beside   []string
	}{
		"another checksum":          {m, serve(wrong, ""), 1 << 40, 1, "not the published one", nil},
		"another size":              {m, serve(content[1:], ""), 1 << 40, 1, "it is another file", nil},
		"a page instead":            {m, serve([]byte("<html>Please pay"), ""), 1 << 40, 1, "it is another file", nil},
		"a page, no checksum known": {unknown, serve([]byte("<html>Please pay"), ""), 1 << 40, 1, "no model, or damaged", nil},
		"another model":             {other, serve(content, ""), 1 << 40, 1, "another model than tiny", nil},
		"not there":                 {m, status(404), 1 << 40, 1, "no such file", nil},
		"not to be had":             {m, status(403), 1 << 40, 1, "signing in", nil},
		"odd":                       {m, status(418), 1 << 40, 1, "418", nil},
		"always broken":             {m, status(503), 1 << 40, 3, "503", nil},
		"cut each time":             {m, func(_ int, w http.ResponseWriter, _ *http.Request) { cut(w, content, 9, "") }, 1 << 40, 3, "EOF", []string{partSuffix}},
		"a disk that is full":       {m, serve(content, ""), 1 << 10, 1, "not enough room", nil},
		"endless, no length":        {m, endless, 1 << 40, 1, "longer than", nil},
		"ranges that are not asked for": {m, func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 5-9/10")
			w.WriteHeader(http.StatusPartialContent)
		}, 1 << 40, 3, "from 5", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, tt.answer)
			tr := newTried(t, s.URL)
			tr.o.Free = func(string) (int64, error) { return tt.free, nil }
			err := tr.pull(t.Context(), t, tt.model)
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %q", err, tt.says)
			}
			tr.holds(t, m, nil, tt.beside...)
			if len(s.asked) != tt.requests {
				t.Errorf("%d requests, want %d", len(s.asked), tt.requests)
			}
		})
	}
}

// endless sends more than any model has, without saying how much.
func endless(_ int, w http.ResponseWriter, r *http.Request) {
	block := make([]byte, 1<<16)
	for r.Context().Err() == nil {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

// TestPull_recovers: what passes is waited for.
func TestPull_recovers(t *testing.T) {
	t.Parallel()
	m, content := tiny(t)
	s := newServer(t, func(n int, w http.ResponseWriter, r *http.Request) {
		switch n {
		case 1:
			w.WriteHeader(http.StatusBadGateway)
		case 2:
			w.Header().Set("Content-Length", strconv.Itoa(len(content)))
			w.(http.Flusher).Flush() //nolint:errcheck,forcetypeassert // it is one
			<-r.Context().Done()     // stalls
		default:
			serve(content, "")(n, w, r)
		}
	})
	tr := newTried(t, s.URL)
	p, err := NewPuller(tr.dir, tr.o)
	if err != nil {
		t.Fatal(err)
	}
	var why []string
	p.o.Retry = func(err error, _ time.Duration) {
		why = append(why, err.Error())
		p.o.Stall = map[int]time.Duration{1: 100 * time.Millisecond, 2: time.Minute}[len(why)] // short for the try that stalls only
	}
	if err := p.Pull(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	tr.holds(t, m, content)
	if len(why) != 2 || !strings.Contains(why[0], "502") || why[1] != errStalled.Error() {
		t.Errorf("tried again because of %q", why)
	}
}

// TestPull_withoutChecksum: where no checksum is known, a download goes on only if
// the server says that the file is still the same.
func TestPull_withoutChecksum(t *testing.T) {
	t.Parallel()
	m, content := tiny(t)
	m.SHA256 = ""
	for version, want := range map[string]string{"": "", `"one"`: "bytes=1000-"} {
		s := newServer(t, serve(content, `"one"`))
		tr := newTried(t, s.URL)
		write(t, tr.dir.Path(m)+partSuffix, string(content[:1000]))
		if version != "" {
			write(t, tr.dir.Path(m)+validatorSuffix, version)
		}
		if err := tr.pull(t.Context(), t, m); err != nil {
			t.Fatal(err)
		}
		tr.holds(t, m, content)
		if got := s.asked[0].Get("Range"); got != want {
			t.Errorf("version %q: asked for %q, want %q", version, got, want)
		}
		if sum, err := tr.dir.Verify(t.Context(), m, func(int64, int64) {}); sum != Unknown || err != nil {
			t.Errorf("verified: %s, %v", sum, err)
		}
	}
}

// TestPull_oneAtATime: a second process does not write into the same part.
func TestPull_oneAtATime(t *testing.T) {
	t.Parallel()
	m, content := tiny(t)
	sending, send := make(chan struct{}), make(chan struct{})
	s := newServer(t, func(n int, w http.ResponseWriter, r *http.Request) {
		close(sending)
		<-send
		serve(content, "")(n, w, r)
	})
	tr := newTried(t, s.URL)
	first := make(chan error)
	go func() {
		p, err := NewPuller(tr.dir, tr.o)
		if err == nil {
			err = p.Pull(t.Context(), m)
		}
		first <- err
	}()
	<-sending
	if err := tr.pull(t.Context(), t, m); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("the second got %v", err)
	}
	close(send)
	if err := <-first; err != nil {
		t.Error(err)
	}
	tr.holds(t, m, content)
}

func TestNewPuller_address(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"", "models.example.org", "ftp://models.example.org", "http://"} {
		if _, err := NewPuller("", Options{Base: base}); err == nil {
			t.Errorf("%q is taken for an address", base)
		}
	}
}

func TestDir(t *testing.T) {
	t.Parallel()
	m, content := tiny(t)
	known, err := transcription.FindModel("tiny")
	if err != nil {
		t.Fatal(err)
	}
	dir := Dir(t.TempDir())
	write(t, dir.Path(m), string(content))
	write(t, dir.Path(m)+partSuffix, "x")
	write(t, filepath.Join(string(dir), "ggml-base.bin"), string(content))
	entries, err := dir.List()
	if err != nil || len(entries) != len(transcription.Models()) {
		t.Fatalf("got %v, %v", entries, err)
	}
	for _, e := range entries {
		installed, usable := e.Name == "tiny" || e.Name == "base", e.Name != "base"
		if e.Installed != installed || (e.Err == nil) != usable {
			t.Errorf("%s: %+v", e.Name, e)
		}
	}
	if sum, err := dir.Verify(t.Context(), known, func(int64, int64) {}); sum != Different || err != nil {
		t.Errorf("verified: %s, %v", sum, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := dir.Verify(ctx, m, func(int64, int64) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if err := dir.Remove(m); err != nil {
		t.Error(err)
	}
	if err := dir.Remove(m); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the second time: %v", err)
	}
	if left, err := os.ReadDir(string(dir)); err != nil || len(left) != 1 {
		t.Errorf("left: %v, %v", left, err)
	}
	if _, err := io.Copy(io.Discard, &reader{ctx, strings.NewReader("x")}); !errors.Is(err, context.Canceled) {
		t.Errorf("the reader goes on: %v", err)
	}
}
