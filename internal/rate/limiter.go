package rate

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// settleEvery is how long several processes may not know of each other what Spend has
// spent.
const settleEvery = 250 * time.Millisecond

// maxUnsettled bounds what waits to be told to the store.
const maxUnsettled = 1 << 16

// Limiter keeps buckets that several processes share, and goes on alone while their
// store does not answer. It is safe for concurrent use.
type Limiter struct {
	shared Store
	local  *Local
	mu     sync.Mutex
	spent  map[string]Request // what the store has not been told yet
}

// NewLimiter returns a limiter on a store, alone when that is nil. The clock is the
// system's when now is nil.
func NewLimiter(shared Store, now func() time.Time) *Limiter {
	return &Limiter{shared: shared, local: NewLocal(now), spent: map[string]Request{}}
}

// Take takes one from each bucket, in one question to the store, or none when one of them
// is empty: who is refused uses nothing up. Nothing is asked for what this process knows
// to be empty.
func (l *Limiter) Take(ctx context.Context, buckets ...Bucket) []Level {
	requests := ask(1, buckets)
	levels := l.takeHere(requests)
	if l.shared == nil || !allowed(levels) {
		return levels
	}
	shared, err := l.shared.Take(ctx, requests...)
	if err != nil {
		zerolog.Ctx(ctx).Debug().Err(err).Msg("limits are those of this process alone")
		return levels
	}
	l.local.adopt(requests, shared)
	if !allowed(shared) {
		l.GiveBack(ctx, granted(buckets, shared)...)
	}
	return shared
}

// takeHere takes from the buckets of this process.
func (l *Limiter) takeHere(requests []Request) []Level {
	levels := l.local.take(requests)
	if allowed(levels) {
		return levels
	}
	var undo []Request
	for i, r := range requests {
		if levels[i].Granted > 0 {
			r.N = -levels[i].Granted
			undo = append(undo, r)
		}
	}
	l.local.take(undo)
	return levels
}

// GiveBack undoes a Take. Other processes that know the bucket to be empty hear of it when
// they would ask again.
func (l *Limiter) GiveBack(ctx context.Context, buckets ...Bucket) {
	requests := ask(-1, buckets)
	l.local.take(requests)
	if l.shared == nil || len(requests) == 0 {
		return
	}
	if _, err := l.shared.Take(ctx, requests...); err != nil {
		zerolog.Ctx(ctx).Debug().Err(err).Msg("a limit is lower than it should be, for a while")
	}
}

// Spend is Take without a question: the store is told a moment later, by Run. Processes
// together may let through as much more as they do in that moment.
func (l *Limiter) Spend(buckets ...Bucket) []Level {
	requests := ask(1, buckets)
	levels := l.takeHere(requests)
	if l.shared == nil || !allowed(levels) {
		return levels
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range requests {
		if before, known := l.spent[r.Key]; known || len(l.spent) < maxUnsettled {
			r.N += before.N
			l.spent[r.Key] = r
		}
	}
	return levels
}

// Levels returns how buckets stand as far as this process knows, and takes nothing.
func (l *Limiter) Levels(buckets ...Bucket) []Level { return l.local.take(ask(0, buckets)) }

// Run tells the store what is spent until ctx ends.
func (l *Limiter) Run(ctx context.Context) error {
	if l.shared == nil {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(settleEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l.Settle(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// Settle tells the store what was spent since the last time, and learns what others
// have spent. What the store does not take is forgotten: it is old by the time it would.
func (l *Limiter) Settle(ctx context.Context) {
	l.mu.Lock()
	spent := l.spent
	l.spent = make(map[string]Request, len(spent))
	l.mu.Unlock()
	var batch []Request
	for r := range maps.Values(spent) {
		if batch = append(batch, r); len(batch) == maxBatch {
			l.settle(ctx, batch)
			batch = nil
		}
	}
	if len(batch) > 0 {
		l.settle(ctx, batch)
	}
}

// maxBatch is how many buckets one question is about: the server answers nobody else
// meanwhile.
const maxBatch = 256

func (l *Limiter) settle(ctx context.Context, batch []Request) {
	levels, err := l.shared.Take(ctx, batch...)
	if err != nil {
		zerolog.Ctx(ctx).Debug().Err(err).Msg("limits are those of this process alone")
		return
	}
	l.local.adopt(batch, levels)
}

func ask(n int, buckets []Bucket) []Request {
	requests := make([]Request, 0, len(buckets))
	for _, b := range buckets {
		requests = append(requests, Request{Bucket: b, N: n})
	}
	return requests
}

func allowed(levels []Level) bool {
	for _, level := range levels {
		if level.Granted < 1 {
			return false
		}
	}
	return true
}

// granted returns the buckets that gave something.
func granted(buckets []Bucket, levels []Level) (found []Bucket) {
	for i, b := range buckets {
		if levels[i].Granted > 0 {
			found = append(found, b)
		}
	}
	return found
}
