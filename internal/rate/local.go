package rate

import (
	"context"
	"sync"
	"time"
)

var _ Store = (*Local)(nil)

// maxBuckets bounds the memory of a Local: about 100 bytes each.
const maxBuckets = 1 << 18

// Local keeps buckets in memory. It is safe for concurrent use.
type Local struct {
	now   func() time.Time
	mu    sync.Mutex
	full  map[string]time.Time // when each will be full again; those that are full are left out
	swept time.Time
}

// NewLocal returns a store whose buckets are full. The clock is the system's when now
// is nil.
func NewLocal(now func() time.Time) *Local {
	if now == nil {
		now = time.Now
	}
	return &Local{now: now, full: map[string]time.Time{}}
}

// Take implements Store, and never fails.
func (l *Local) Take(_ context.Context, requests ...Request) ([]Level, error) {
	return l.take(requests), nil
}

func (l *Local) take(requests []Request) []Level {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.sweep(now)
	levels := make([]Level, len(requests))
	for i, r := range requests {
		full, granted := r.after(l.full[r.Key], now, r.N)
		levels[i] = r.Level(granted, max(0, full.Sub(now)))
		l.set(r.Key, full, now)
	}
	return levels
}

// adopt empties buckets as far as others have emptied them.
func (l *Local) adopt(requests []Request, levels []Level) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	for i, r := range requests {
		if full := now.Add(levels[i].Full); full.After(l.full[r.Key]) {
			l.set(r.Key, full, now)
		}
	}
}

// set keeps when a bucket will be full. With as many as there may be, those that come
// new are let through: whoever has so many addresses is not to be held off by counting.
func (l *Local) set(key string, full, now time.Time) {
	if !full.After(now) {
		delete(l.full, key)
		return
	}
	if _, known := l.full[key]; known || len(l.full) < maxBuckets {
		l.full[key] = full
	}
}

// sweep forgets the buckets that are full, once in a while.
func (l *Local) sweep(now time.Time) {
	if now.Sub(l.swept) < 10*time.Second && len(l.full) < maxBuckets || now.Sub(l.swept) < time.Second {
		return
	}
	l.swept = now
	for key, full := range l.full {
		if !full.After(now) {
			delete(l.full, key)
		}
	}
}
