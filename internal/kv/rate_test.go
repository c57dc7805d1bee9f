package kv

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/daemon/daemontest"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/kv/kvtest"
	"github.com/turboscribe/turboscribe/internal/rate"
	"github.com/turboscribe/turboscribe/internal/rate/ratetest"
)

func TestKV_keepsBuckets(t *testing.T) {
	t.Parallel()
	ratetest.TestStore(t, openCache(t))
}

// However many ask at once over however many connections, nobody gets what another has got.
func TestKV_Take_concurrent(t *testing.T) {
	t.Parallel()
	url := kvtest.URL(t)
	bucket := rate.Bucket{Key: "a", Limit: rate.Limit{Burst: 50, Every: time.Hour}}
	var granted atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		k := openKV(t, url)
		k.cacheWait = time.Minute
		for range 4 {
			wg.Go(func() {
				for range 10 {
					levels, err := k.Take(t.Context(), rate.Request{Bucket: bucket, N: 1})
					if err != nil {
						t.Error(err)
						return
					}
					granted.Add(int64(levels[0].Granted))
				}
			})
		}
	}
	wg.Wait()
	if granted.Load() != 50 {
		t.Errorf("%d of 50 were taken", granted.Load())
	}
}

// Redis is the queue's: buckets go when they are full again, and do not tell whose they were.
func TestKV_Take_leavesNothing(t *testing.T) {
	t.Parallel()
	k := openCache(t)
	short := rate.Bucket{Key: "ada@example.com", Limit: rate.Limit{Burst: 5, Every: 10 * time.Millisecond}}
	long := rate.Bucket{Key: "10.0.0.1", Limit: rate.Limit{Burst: 5, Every: time.Hour}}
	if _, err := k.Take(t.Context(), rate.Request{Bucket: short, N: 1}, rate.Request{Bucket: long, N: 2}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the bucket that is full to be gone", func() bool { return len(k.client.Keys(t.Context(), "ts:rate:*").Val()) == 1 })
	for _, key := range k.client.Keys(t.Context(), "*").Val() {
		if left := k.client.PTTL(t.Context(), key).Val(); left <= time.Hour || left > 2*time.Hour {
			t.Errorf("%s is kept for %s", key, left)
		}
		if strings.Contains(key, "ada") || strings.Contains(key, "10.0") {
			t.Errorf("%s tells whose it is", key)
		}
	}
	if _, err := k.Take(t.Context(), rate.Request{Bucket: long, N: -2}); err != nil {
		t.Fatal(err)
	}
	if left := k.client.Keys(t.Context(), "*").Val(); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}

func TestKV_Take_serverGone(t *testing.T) {
	t.Parallel()
	k := openKV(t, "redis://"+daemontest.Nobody)
	for range 2 { // the second time it is not asked
		if _, err := k.Take(t.Context(), rate.Request{N: 1}); !fault.Is(err, fault.Unavailable) {
			t.Errorf("got %v, want unavailable", err)
		}
	}
}
