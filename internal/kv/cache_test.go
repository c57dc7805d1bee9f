package kv

import (
	"context"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/api/apitest"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/kv/kvtest"
)

// openCache returns a cache that a busy Redis is waited for.
func openCache(t *testing.T) *KV {
	t.Helper()
	k := openKV(t, kvtest.URL(t))
	k.cacheWait = time.Minute
	return k
}

func TestKV_isACache(t *testing.T) {
	t.Parallel()
	apitest.TestCache(t, openCache(t))
}

// The cache shares Redis with the queue, which must never find it full: whoever reads
// a whole archive takes no more places than there are, and none for long.
func TestKV_Keep_isBounded(t *testing.T) {
	t.Parallel()
	k := openCache(t)
	for i := range 4 * cachePlaces {
		if err := k.Keep(t.Context(), strconv.Itoa(i), "1", []byte("text")); err != nil {
			t.Fatal(err)
		}
	}
	keys, err := k.client.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) > cachePlaces || len(keys) < cachePlaces/2 {
		t.Errorf("%d places are taken: %v", len(keys), err)
	}
	for _, key := range keys {
		if fields := k.client.HLen(t.Context(), key).Val(); fields != 1 {
			t.Errorf("%s holds %d values", key, fields)
		}
		if left := k.client.PTTL(t.Context(), key).Val(); left <= 0 || left > cacheTime {
			t.Errorf("%s is kept for %s", key, left)
		}
	}
}

// A Redis that does not answer costs one request a moment, and the next ones nothing.
func TestKV_Recall_pausesWhenRedisIsAway(t *testing.T) {
	t.Parallel()
	// It takes connections and says nothing, as behind a firewall.
	mute, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mute.Close() })
	k := openKV(t, "redis://"+mute.Addr().String())
	begun := time.Now()
	if _, found, err := k.Recall(t.Context(), "a", "1"); found || !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v, %v, want unavailable", found, err)
	}
	if took := time.Since(begun); took > 10*time.Second { // the timeouts of the connection would be 12 s
		t.Errorf("it was waited for %s", took)
	}
	if k.pausedUntil.Swap(time.Now().Add(time.Hour).UnixNano()) == 0 {
		t.Error("there is no pause")
	}
	for range 100 {
		if _, found, err := k.Recall(t.Context(), "a", "1"); found || err != nil {
			t.Fatalf("in the pause: got %v, %v", found, err)
		}
		if err := k.Keep(t.Context(), "a", "1", nil); err != nil {
			t.Fatalf("in the pause: %v", err)
		}
	}
	k.pausedUntil.Store(0)
	if _, _, err := k.Recall(t.Context(), "a", "1"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("after the pause: got %v, want that it is asked again", err)
	}
}

// A client that leaves is no failure of Redis.
func TestKV_Recall_clientLeaves(t *testing.T) {
	t.Parallel()
	k := openKV(t, kvtest.URL(t))
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, _, err := k.Recall(gone, "a", "1"); err == nil || fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v", err)
	}
	if k.pausing() {
		t.Error("the cache is not asked any more")
	}
}
