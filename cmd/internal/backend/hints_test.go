package backend

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/kv"
	"github.com/turboscribe/turboscribe/internal/kv/kvtest"
)

// What an api publishes reaches the steps of a worker, whatever else is said on the
// channel, until the worker stops.
func TestHints(t *testing.T) {
	t.Parallel()
	url := kvtest.URL(t)
	here, there := open(t, url), open(t, url)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	told, ended := make(chan uuid.UUID), make(chan error, 1)
	go func() { ended <- Hints(here.Hints, func(id uuid.UUID) { told <- id })(ctx) }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	want, timeout := uuid.New(), time.After(time.Minute)
	for got := uuid.Nil; got != want; { // other tests publish too
		select {
		case got = <-told:
		case <-tick.C: // a subscription takes a moment
			for _, text := range []string{"no id", want.String()} {
				if err := there.Publish(ctx, text); err != nil {
					t.Fatal(err)
				}
			}
		case <-timeout:
			t.Fatal("the hint was not heard")
		}
	}
	stop()
	for {
		select {
		case <-told: // published more than once
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
			return
		case <-timeout:
			t.Fatal("it still listens")
		}
	}
}

func open(t *testing.T, url string) *kv.KV {
	t.Helper()
	k, err := kv.Open(t.Context(), url, kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}
