package kv

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/turboscribe/turboscribe/internal/daemon/daemontest"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/kv/kvtest"
)

func TestOpen_badURL(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "localhost:6379", "http://localhost", "redis://localhost/notanumber"} {
		if _, err := Open(t.Context(), url, Options{}); err == nil {
			t.Errorf("%q was accepted", url)
		}
	}
}

// The library quotes a URL that it cannot parse, and programs print why they do
// not start.
func TestOpen_badURLKeepsThePassword(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"redis://:secret%zz@localhost:6379/0", "redis://:secret x@localhost:6379/0", "redis://:secret@localhost:notaport/0",
		"redis://:1/secret@localhost:6379/0", "redis://:secret@localhost:6379/0?secret=1",
	} {
		_, err := Open(t.Context(), url, Options{})
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: got %v, want invalid", url, err)
			continue
		}
		if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "zz") {
			t.Errorf("%s: the message tells the password: %v", url, err)
		}
	}
}

func TestEpoch(t *testing.T) {
	t.Parallel()
	k := openKV(t, kvtest.URL(t))
	first, created, err := k.Epoch(t.Context())
	if err != nil || !created || first == "" {
		t.Fatalf("got %q, %v, %v", first, created, err)
	}
	if again, created, err := k.Epoch(t.Context()); err != nil || created || again != first {
		t.Errorf("got %q, %v, %v, want %q as before", again, created, err, first)
	}
	if ttl := k.client.TTL(t.Context(), epochKey).Val(); ttl != -1 {
		t.Errorf("it expires in %s", ttl)
	}
	if err := k.client.FlushDB(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if after, created, err := k.Epoch(t.Context()); err != nil || !created || after == first {
		t.Errorf("after a flush: got %q, %v, %v, want another", after, created, err)
	}
}

// Several processes look at once: all must see one epoch and one must have made
// it.
func TestEpoch_concurrent(t *testing.T) {
	t.Parallel()
	url := kvtest.URL(t)
	var mu sync.Mutex
	epochs, makers := map[string]bool{}, 0
	var wg sync.WaitGroup
	for range 16 {
		k := openKV(t, url)
		wg.Go(func() {
			epoch, created, err := k.Epoch(t.Context())
			mu.Lock()
			defer mu.Unlock()
			if epochs[epoch] = true; err != nil {
				t.Error(err)
			}
			if created {
				makers++
			}
		})
	}
	wg.Wait()
	if len(epochs) != 1 || makers != 1 {
		t.Errorf("got %d epochs made by %d callers", len(epochs), makers)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	master := startServer(t, "--appendonly", "yes")
	host, port, _ := strings.Cut(master.addr, ":")
	for name, tt := range map[string]struct {
		args    []string
		want    string // in the error, none when empty
		warning string
	}{
		"good":             {[]string{"--appendonly", "yes"}, "", ""},
		"no append-only":   {nil, "", "appendonly yes"},
		"evicts":           {[]string{"--maxmemory-policy", "allkeys-lru"}, "CONFIG SET maxmemory-policy noeviction", ""},
		"evicts what ends": {[]string{"--maxmemory-policy", "volatile-ttl"}, "its maxmemory-policy is volatile-ttl", ""},
		"cluster":          {[]string{"--cluster-enabled", "yes"}, "is a cluster", ""},
		"replica":          {[]string{"--replicaof", host + " " + port}, "use the address of its master, " + master.addr, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, tt.args...)
			r, err := openKV(t, s.url()).Check(t.Context())
			if r.Version == "" || r.Policy == "" {
				t.Errorf("the report is empty: %+v", r)
			}
			if got := strings.Join(r.Warnings, " "); !strings.Contains(got, tt.warning) || (got == "") != (tt.warning == "") {
				t.Errorf("got the warnings %q, want %q", got, tt.warning)
			}
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantUnavailable(t, err)
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), s.addr) {
				t.Errorf("got %q, want one line with %q", err, tt.want)
			}
		})
	}
}

func TestAtLeast(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{
		"6.2.0": true, "6.2": true, "7.0.15": true, "10.0.1": true,
		"6.0.16": false, "5.9.9": false, "": false, "7": false, "seven.two": false,
	} {
		if got := atLeast(version, 6, 2); got != want {
			t.Errorf("%q: got %v", version, got)
		}
	}
}

func TestServerGone(t *testing.T) {
	t.Parallel()
	k := openKV(t, "redis://"+daemontest.Nobody)
	_, checkErr := k.Check(t.Context())
	_, _, epochErr := k.Epoch(t.Context())
	for _, err := range []error{checkErr, epochErr, k.Ping(t.Context()), k.Publish(t.Context(), "x")} {
		wantUnavailable(t, err)
	}
	if !strings.Contains(checkErr.Error(), "connection refused") || strings.Contains(checkErr.Error(), "\n") {
		t.Errorf("got %q, want one line that says why", checkErr)
	}
}

// A caller that gave up is not told that Redis is down.
func TestEndedContext(t *testing.T) {
	t.Parallel()
	k := openKV(t, kvtest.URL(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, checkErr := k.Check(ctx)
	_, _, epochErr := k.Epoch(ctx)
	for _, err := range []error{checkErr, epochErr, k.Ping(ctx), k.Publish(ctx, "x")} {
		if !errors.Is(err, context.Canceled) || fault.Is(err, fault.Unavailable) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
	}
}
