package kv

import (
	"context"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/kv/kvtest"
)

func TestHints(t *testing.T) {
	t.Parallel()
	url := kvtest.URL(t)
	k, other := openKV(t, url), openKV(t, url)
	ctx, cancel := context.WithCancel(t.Context())
	a, b := k.Hints(ctx), other.Hints(t.Context())
	wantHint(t, k, a, "hint-1")
	wantHint(t, k, b, "hint-2")
	cancel()
	wantClosed(t, a)
	wantHint(t, k, b, "hint-3")
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	wantClosed(t, b)
}

// Nobody reads: the owner's end must still be possible.
func TestHints_unread(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	k := openKV(t, s.url())
	ctx, cancel := context.WithCancel(t.Context())
	unread, read := k.Hints(ctx), k.Hints(t.Context())
	wantHint(t, k, read, "x")
	cancel()
	wantClosed(t, unread)
	if err := k.Close(); err != nil {
		t.Error(err)
	}
	wantClosed(t, read)
}

// Workers live longer than their connections: a restarted Redis must be heard
// again, and one that is not there yet as soon as it is.
func TestHints_serverRestarts(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	k := openKV(t, s.url())
	hints := k.Hints(t.Context())
	wantHint(t, k, hints, "before")
	s.kill(t)
	late := k.Hints(t.Context())
	s.start(t)
	wantHint(t, k, hints, "after")
	wantHint(t, k, late, "late")
}

// wantHint publishes until the id is heard: a subscription takes a moment, and
// other tests publish too.
func wantHint(t *testing.T, k *KV, hints <-chan string, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case got, ok := <-hints:
			if !ok {
				t.Fatal("the hints ended")
			}
			if got == id {
				return
			}
		case <-tick.C:
			if err := k.Publish(ctx, id); err != nil {
				t.Log(err) // the server may be on its way up
			}
		case <-ctx.Done():
			t.Fatalf("the hint %s was not heard", id)
		}
	}
}

// What Tell is called with is heard by those who listen for changes, and by nobody else.
func TestTell(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	k, other := openKV(t, s.url()), openKV(t, s.url())
	changes, hints := other.Changes(t.Context()), other.Hints(t.Context())
	wantHint(t, k, hints, "both listen")
	wantChange(t, k, changes, "a")
	select {
	case id := <-hints:
		if id == "a" {
			t.Error("a change is taken for what was canceled")
		}
	default:
	}
	s.kill(t)
	for range 2 * maxUntold {
		k.Tell("b") // though nobody takes it
	}
	s.start(t)
	wantChange(t, k, changes, "c")
}

// Who stops still says what it has done last.
func TestTell_close(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	listener := openKV(t, s.url())
	changes := listener.Changes(t.Context())
	wantChange(t, listener, changes, "it listens")
	k := openKV(t, s.url())
	k.tellWait = time.Minute // for a busy Redis
	k.Tell("last")
	if err := k.Close(); err != nil {
		t.Error(err)
	}
	for late := time.After(time.Minute); ; {
		select {
		case id := <-changes:
			if id == "last" {
				return
			}
		case <-late:
			t.Fatal("it was not heard")
		}
	}
}

// wantChange tells of a change until it is heard.
func wantChange(t *testing.T, k *KV, changes <-chan string, id string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(time.Minute)
	for {
		select {
		case got := <-changes:
			if got == id {
				return
			}
		case <-tick.C:
			k.Tell(id)
		case <-timeout:
			t.Fatalf("the change of %s was not heard", id)
		}
	}
}

func wantClosed(t *testing.T, hints <-chan string) {
	t.Helper()
	timeout := time.After(time.Minute)
	for {
		select {
		case _, ok := <-hints:
			if !ok {
				return
			}
		case <-timeout:
			t.Fatal("the hints did not end")
		}
	}
}
