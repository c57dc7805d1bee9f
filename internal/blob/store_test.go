package blob_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/blob"
	"github.com/turboscribe/turboscribe/internal/blob/blobtest"
	"github.com/turboscribe/turboscribe/internal/daemon/daemontest"
	"github.com/turboscribe/turboscribe/internal/fault"
)

func TestOpen_refusesNonsense(t *testing.T) {
	t.Parallel()
	good := blob.Options{Endpoint: "http://localhost:1", Bucket: "b", AccessKey: "a", SecretKey: "s"}
	for name, change := range map[string]func(*blob.Options){
		"no bucket":             func(o *blob.Options) { o.Bucket = "" },
		"no access key":         func(o *blob.Options) { o.AccessKey = "" },
		"no secret key":         func(o *blob.Options) { o.SecretKey = "" },
		"endpoint, no scheme":   func(o *blob.Options) { o.Endpoint = "localhost:9000" },
		"endpoint, not http":    func(o *blob.Options) { o.Endpoint = "ftp://localhost" },
		"endpoint, not a URL":   func(o *blob.Options) { o.Endpoint = "http://[" },
		"everything is missing": func(o *blob.Options) { *o = blob.Options{} },
	} {
		o := good
		change(&o)
		if _, err := blob.Open(t.Context(), o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for _, endpoint := range []string{"", good.Endpoint} {
		o := good
		o.Endpoint = endpoint
		if _, err := blob.Open(t.Context(), o); err != nil {
			t.Errorf("endpoint %q: %v", endpoint, err)
		}
	}
}

func TestUpload_parallel(t *testing.T) {
	t.Parallel()
	s := blobtest.Open(t)
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			body := randomBytes(2*part + i)
			got, err := s.Upload(t.Context(), fmt.Sprint("parallel/", i), bytes.NewReader(body), 3*part)
			if err != nil || got.Size != int64(len(body)) {
				t.Errorf("upload %d: %v, %v", i, got, err)
			}
		})
	}
	wg.Wait()
	for i := range 6 {
		if !bytes.Equal(content(t, s, fmt.Sprint("parallel/", i)), randomBytes(2*part+i)) {
			t.Errorf("upload %d was mixed with another", i)
		}
	}
}

// Slow clients must not take the room of the others: eight of them that hold
// half a part each once filled a shared supply of eight parts for good.
func TestUpload_slowClientsDoNotBlockOthers(t *testing.T) {
	t.Parallel()
	s := blobtest.Open(t)
	ctx, cancel := context.WithCancel(t.Context())
	var slow sync.WaitGroup
	for i := range 12 {
		waiting := make(chan struct{})
		slow.Go(func() {
			r := io.MultiReader(strings.NewReader("half"), readerFunc(func([]byte) (int, error) {
				close(waiting)
				<-ctx.Done()
				return 0, ctx.Err()
			}))
			if _, err := s.Upload(ctx, fmt.Sprint("slow/", i), r, part); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want %v", err, context.Canceled)
			}
		})
		<-waiting
	}
	if _, err := s.Upload(t.Context(), "quick", bytes.NewReader(randomBytes(2*part)), 2*part); err != nil {
		t.Error(err)
	}
	cancel()
	slow.Wait()
	wantNothing(t, s, "slow/")
}

func TestUpload_noProgress(t *testing.T) {
	t.Parallel()
	s := blobtest.Open(t)
	r := readerFunc(func([]byte) (int, error) { return 0, nil })
	if _, err := s.Upload(t.Context(), "k", r, 9); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("got %v, want %v", err, io.ErrNoProgress)
	}
}

// TestUpload_canceledOnTheWay ends the context while a part, or the request that
// makes the object, is with the server.
func TestUpload_canceledOnTheWay(t *testing.T) {
	t.Parallel()
	for name, hit := range map[string]func(*http.Request) bool{
		"whole":    func(r *http.Request) bool { return r.Method == http.MethodPut && r.URL.Query().Get("partNumber") == "" },
		"create":   func(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Query().Has("uploads") },
		"part":     func(r *http.Request) bool { return r.URL.Query().Get("partNumber") == "2" },
		"complete": func(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Query().Has("uploadId") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			s, direct := behind(t, func(w http.ResponseWriter, r *http.Request, server http.Handler) bool {
				if !hit(r) {
					return false
				}
				if name == "create" {
					cancel()
					return false
				}
				server.ServeHTTP(unheard{}, r.WithContext(context.WithoutCancel(r.Context())))
				cancel() // when the server has done it, before the client hears
				return true
			})
			size := 3 * part
			if name == "whole" {
				size = 10
			}
			if _, err := s.Upload(ctx, "k", bytes.NewReader(randomBytes(size)), 4*part); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want %v", err, context.Canceled)
			}
			wantNothing(t, direct, "k")
		})
	}
}

func TestUpload_survivesHiccups(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	failures := map[string]int{}
	s, direct := behind(t, func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		mu.Lock()
		defer mu.Unlock()
		if failures[r.Method+r.URL.RawQuery]++; failures[r.Method+r.URL.RawQuery] > 2 {
			return false
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>`)
		return true
	})
	body := randomBytes(2*part + 1)
	if _, err := s.Upload(t.Context(), "k", bytes.NewReader(body), 3*part); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(content(t, s, "k"), body) {
		t.Error("a repeated request changed what is stored")
	}
	wantKeys(t, direct, "", "k")
}

// The answer to the last request is lost, the client asks again, and the server
// knows the upload no more. A recording of hours must not be thrown away for it.
func TestUpload_answerToCompleteLost(t *testing.T) {
	t.Parallel()
	var lost atomic.Bool
	s, direct := behind(t, func(w http.ResponseWriter, r *http.Request, server http.Handler) bool {
		if r.Method != http.MethodPost || !r.URL.Query().Has("uploadId") || lost.Swap(true) {
			return false
		}
		server.ServeHTTP(unheard{}, r)
		panic(http.ErrAbortHandler)
	})
	body := randomBytes(part + 1)
	got, err := s.Upload(t.Context(), "k", bytes.NewReader(body), 3*part)
	if err != nil || got.Size != part+1 {
		t.Errorf("got %v, %v", got, err)
	}
	if !bytes.Equal(content(t, direct, "k"), body) {
		t.Error("the object is not whole")
	}
}

func TestUpload_partsFail(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	s, direct := behind(t, func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if r.URL.Query().Get("partNumber") != "3" && !down.Load() {
			return false
		}
		down.Store(r.URL.Query().Has("partNumber")) // the server is back for the cleaning up
		w.WriteHeader(http.StatusInternalServerError)
		return true
	})
	body := bytes.NewReader(randomBytes(12 * part))
	_, err := s.Upload(t.Context(), "k", body, 20*part)
	if !fault.Is(err, fault.Unavailable) || fault.Of(err).Code != "storage_unavailable" {
		t.Errorf("got %v, want storage_unavailable", err)
	}
	down.Store(false)
	wantNothing(t, direct, "")
}

func TestRead_takesUpBrokenConnections(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	body := randomBytes(3 * mib)
	for name, tt := range map[string]struct {
		cut  int // bytes after which each connection breaks
		want bool
	}{
		"four breaks":  {mib*2/3 + 1, true},
		"nothing ever": {0, false},
		"too many":     {100_000, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, direct := behind(t, func(w http.ResponseWriter, r *http.Request, server http.Handler) bool {
				if r.Method != http.MethodGet {
					return false
				}
				server.ServeHTTP(&cutWriter{w, tt.cut, breakOff}, r)
				return true
			})
			if err := direct.Put(t.Context(), "k", body); err != nil {
				t.Fatal(err)
			}
			r, size, err := s.Open(t.Context(), "k")
			if err != nil {
				t.Fatal(err)
			}
			defer closed(t, r)
			got, err := io.ReadAll(r)
			if tt.want && (err != nil || size != 3*mib || !bytes.Equal(got, body)) {
				t.Errorf("got %d of %d bytes, %v", len(got), size, err)
			}
			if !tt.want && !fault.Is(err, fault.Unavailable) {
				t.Errorf("got %d bytes, %v, want a fault", len(got), err)
			}
		})
	}
}

// A range ends where it was to end, however often its connection broke.
func TestReadRange_takesUpBrokenConnections(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	body := randomBytes(3 * mib)
	s, direct := behind(t, func(w http.ResponseWriter, r *http.Request, server http.Handler) bool {
		if r.Method != http.MethodGet {
			return false
		}
		server.ServeHTTP(&cutWriter{w, mib*2/3 + 1, breakOff}, r)
		return true
	})
	if err := direct.Put(t.Context(), "k", body); err != nil {
		t.Fatal(err)
	}
	r, err := s.OpenRange(t.Context(), "k", mib/2, 2*mib)
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, r)
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, body[mib/2:mib/2+2*mib]) {
		t.Errorf("got %d of %d bytes, %v", len(got), 2*mib, err)
	}
}

// A reader never mixes two objects, and says so when its own has gone.
func TestRead_changedMeanwhile(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(context.Context, *blob.Store) error{
		"overwritten": func(ctx context.Context, direct *blob.Store) error { return direct.Put(ctx, "k", randomBytes(1<<20+1)) },
		"deleted":     func(ctx context.Context, direct *blob.Store) error { return direct.Delete(ctx, "k") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, direct := behind(t, func(w http.ResponseWriter, r *http.Request, server http.Handler) bool {
				if r.Method != http.MethodGet || r.Header.Get("Range") != "" {
					return false
				}
				server.ServeHTTP(&cutWriter{w, 1000, breakOff}, r)
				return true
			})
			if err := direct.Put(t.Context(), "k", randomBytes(1<<20)); err != nil {
				t.Fatal(err)
			}
			r, _, err := s.Open(t.Context(), "k")
			if err != nil {
				t.Fatal(err)
			}
			defer closed(t, r)
			if err := change(t.Context(), direct); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err == nil || fault.Is(err, fault.Unavailable) || len(got) > 1000 {
				t.Errorf("got %d bytes, %v", len(got), err)
			}
			if name == "deleted" && !fault.Is(err, fault.NotFound) {
				t.Errorf("got %v, want not found", err)
			}
		})
	}
}

// A server that has gone silent, with the connection open, is as good as broken.
// The stall is far longer than a busy machine takes for what is not silent: with
// 200 ms the answer to the second request once counted as silent too.
func TestRead_stalled(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	var silent atomic.Int32
	s, direct := behind(t, func(w http.ResponseWriter, r *http.Request, server http.Handler) bool {
		if r.Method != http.MethodGet || silent.Add(1) > 1 {
			return false
		}
		server.ServeHTTP(&cutWriter{w, 1000, func() error { <-release; return breakOff() }}, r)
		return true
	})
	t.Cleanup(func() { close(release) }) // before the proxy waits for its requests
	s.SetStall(10 * time.Second)
	body := randomBytes(1 << 20)
	if err := direct.Put(t.Context(), "k", body); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(content(t, s, "k"), body) {
		t.Error("what was read is not what is stored")
	}
}

func TestRead_silentFromTheStart(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	s, _ := behind(t, func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if r.Method != http.MethodGet {
			return false
		}
		<-release
		return true
	})
	t.Cleanup(func() { close(release) })
	s.SetStall(100 * time.Millisecond)
	if _, _, err := s.Open(t.Context(), "k"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v, want unavailable", err)
	}
}

// A server that takes a body in and never answers costs one attempt, not all the time
// that a transfer may take.
func TestPut_silent(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	var puts atomic.Int32
	s, direct := behind(t, func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if r.Method != http.MethodPut || puts.Add(1) > 1 {
			return false
		}
		_, _ = io.Copy(io.Discard, r.Body)
		<-release
		return true
	})
	t.Cleanup(func() { close(release) })
	s.SetAnswerTimeout(10 * time.Second)
	body := randomBytes(1 << 20)
	if err := s.Put(t.Context(), "k", body); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(content(t, direct, "k"), body) || puts.Load() != 2 {
		t.Errorf("what is stored is not what was put, or not by the second of %d requests", puts.Load())
	}
}

func TestRead_canceled(t *testing.T) {
	t.Parallel()
	s := blobtest.Open(t)
	if err := s.Put(t.Context(), "k", randomBytes(part)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, _, err := s.Open(ctx, "k")
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, r)
	cancel()
	if _, err := io.ReadAll(r); !errors.Is(err, context.Canceled) || fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestDelete_manyKeys(t *testing.T) {
	t.Parallel()
	s := blobtest.Open(t)
	const n = 1001 // one more than a page, and than a batch
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := worker; i < n; i += 8 {
				if err := s.Put(t.Context(), fmt.Sprintf("many/%04d", i), nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	keys, err := s.Keys(t.Context(), "many/")
	if err != nil || len(keys) != n {
		t.Fatalf("got %d keys, %v, want %d", len(keys), err, n)
	}
	if err := s.Delete(t.Context(), keys...); err != nil {
		t.Fatal(err)
	}
	wantKeys(t, s, "")
}

// A process that dies in the middle of an upload leaves parts behind; here the
// cleaning up is refused to the same effect.
func TestAbortUploads(t *testing.T) {
	t.Parallel()
	s, direct := behind(t, func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if r.Method != http.MethodDelete {
			return false
		}
		w.WriteHeader(http.StatusForbidden)
		return true
	})
	gone := errors.New("gone")
	for _, key := range []string{"u/1", "v/1"} {
		r := io.MultiReader(bytes.NewReader(randomBytes(part)), readerFunc(func([]byte) (int, error) { return 0, gone }))
		if _, err := s.Upload(t.Context(), key, r, 2*part); !errors.Is(err, gone) || !strings.Contains(err.Error(), "is left") {
			t.Errorf("got %v, want both failures", err)
		}
	}
	for _, tt := range []struct {
		prefix string
		age    time.Duration
		want   int
	}{{"u/", time.Hour, 0}, {"u/", 0, 1}, {"u/", 0, 0}, {"", 0, 1}} {
		if n, err := direct.AbortUploads(t.Context(), tt.prefix, tt.age); err != nil || n != tt.want {
			t.Errorf("below %q older than %s: got %d, %v, want %d", tt.prefix, tt.age, n, err, tt.want)
		}
	}
}

// Clear finds what an upload that nobody finishes has stored as well, and nothing of
// somebody else.
func TestClear(t *testing.T) {
	t.Parallel()
	s, direct := behind(t, func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if r.Method != http.MethodDelete {
			return false
		}
		w.WriteHeader(http.StatusForbidden)
		return true
	})
	gone := errors.New("gone")
	r := io.MultiReader(bytes.NewReader(randomBytes(part)), readerFunc(func([]byte) (int, error) { return 0, gone }))
	if _, err := s.Upload(t.Context(), "u/1/a", r, 2*part); !errors.Is(err, gone) {
		t.Errorf("got %v, want %v", err, gone)
	}
	for _, key := range []string{"u/1/b", "u/1/c/d", "u/10/a"} {
		if err := direct.Put(t.Context(), key, []byte(key)); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []int{3, 0} {
		if n, err := direct.Clear(t.Context(), "u/1/"); err != nil || n != want {
			t.Errorf("got %d, %v, want %d", n, err, want)
		}
	}
	if keys, err := direct.Keys(t.Context(), ""); err != nil || !slices.Equal(keys, []string{"u/10/a"}) {
		t.Errorf("%v are left: %v", keys, err)
	}
	for _, prefix := range []string{"", "/", "u/1"} {
		if _, err := direct.Clear(t.Context(), prefix); err == nil {
			t.Errorf("%q is cleared", prefix)
		}
	}
}

// TestCheck_failures holds that an operator reads in one line what is wrong.
func TestCheck_failures(t *testing.T) {
	t.Parallel()
	good := blobtest.Options(t)
	blobtest.MakeBucket(t, open(t, good))
	for name, tt := range map[string]struct {
		change func(*blob.Options)
		want   string
	}{
		"server gone":      {func(o *blob.Options) { o.Endpoint = "http://" + daemontest.Nobody }, "connection refused"},
		"no bucket":        {func(o *blob.Options) { o.Bucket += "-not" }, "there is no such bucket"},
		"wrong access key": {func(o *blob.Options) { o.AccessKey = "wrong" }, "does not know the access key"},
		"wrong secret key": {func(o *blob.Options) { o.SecretKey = "wrong" }, "does not belong to the access key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := good
			tt.change(&o)
			s := open(t, o)
			started := time.Now()
			err := s.Check(t.Context())
			if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), o.Endpoint) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
			if err := s.Ping(t.Context()); !fault.Is(err, fault.Unavailable) {
				t.Errorf("Ping: got %v", err)
			}
			if took := time.Since(started); took > 40*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// TestCheck_halfRights is a key that may do only some of what is needed.
func TestCheck_halfRights(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]string{
		http.MethodPut:  "Cannot write to",
		http.MethodGet:  "Cannot read from",
		http.MethodPost: "Cannot delete from",
	} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			s, _ := behind(t, func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
				if r.Method != method {
					return false
				}
				w.WriteHeader(http.StatusForbidden)
				_, _ = io.WriteString(w, `<Error><Code>AccessDenied</Code></Error>`)
				return true
			})
			if err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "not allowed") {
				t.Errorf("got %v, want %q", err, want)
			}
		})
	}
}

func TestServerGone(t *testing.T) {
	t.Parallel()
	o := blob.Options{Endpoint: "http://" + daemontest.Nobody, Bucket: "b", AccessKey: "a", SecretKey: "s", PathStyle: true}
	s := open(t, o)
	for name, call := range map[string]func(context.Context) error{
		"Upload": func(ctx context.Context) error {
			_, err := s.Upload(ctx, "k", bytes.NewReader(randomBytes(part+1)), 2*part)
			return err
		},
		"Open": func(ctx context.Context) error {
			_, _, err := s.Open(ctx, "k")
			return err
		},
		"Put":          func(ctx context.Context) error { return s.Put(ctx, "k", nil) },
		"Delete":       func(ctx context.Context) error { return s.Delete(ctx, "k") },
		"EnsureBucket": s.EnsureBucket,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := call(t.Context()); !fault.Is(err, fault.Unavailable) || fault.Of(err).Code != "storage_unavailable" {
				t.Errorf("got %v, want storage_unavailable", err)
			}
		})
	}
}

func closed(t *testing.T, c io.Closer) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
