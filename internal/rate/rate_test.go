package rate_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/turboscribe/turboscribe/internal/rate"
	"github.com/turboscribe/turboscribe/internal/rate/ratetest"
)

func TestLocal(t *testing.T) {
	t.Parallel()
	ratetest.TestStore(t, rate.NewLocal(nil))
}

func TestPerMinute(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]rate.Limit{
		0: {}, -1: {}, 1: {Burst: 1, Every: time.Minute}, 60: {Burst: 60, Every: time.Second}, 600: {Burst: 600, Every: 100 * time.Millisecond},
	} {
		if got := rate.PerMinute(n); got != want {
			t.Errorf("%d: got %+v, want %+v", n, got, want)
		}
	}
}

// broken is a store that may fail.
type broken struct {
	rate.Store
	mu    sync.Mutex
	err   error
	asked int
}

func (b *broken) Take(ctx context.Context, requests ...rate.Request) ([]rate.Level, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	if b.err != nil {
		return nil, b.err
	}
	return b.Store.Take(ctx, requests...)
}

// times returns how often it was asked.
func (b *broken) times() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asked
}

func (b *broken) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
}

func bucket(key string) rate.Bucket {
	return rate.Bucket{Key: key, Limit: rate.Limit{Burst: 10, Every: time.Second}}
}

func granted(levels []rate.Level) bool { return levels[0].Granted == 1 }

// replicas returns two that share a store.
func replicas() (a, b *rate.Limiter, shared *broken) {
	shared = &broken{Store: rate.NewLocal(nil)}
	return rate.NewLimiter(shared, nil), rate.NewLimiter(shared, nil), shared
}

// However requests are spread over replicas, no more are taken than there are.
func TestLimiter_Take(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b, _ := replicas()
		taken := 0
		for range 10 {
			for _, l := range []*rate.Limiter{a, b} {
				if granted(l.Take(t.Context(), bucket("x"))) {
					taken++
				}
			}
		}
		if taken != 10 {
			t.Errorf("%d of 10 were taken", taken)
		}
		a.GiveBack(t.Context(), bucket("x"))
		if !granted(a.Take(t.Context(), bucket("x"))) || granted(a.Take(t.Context(), bucket("x"))) {
			t.Error("what was given back is not there once")
		}
		time.Sleep(3 * time.Second)
		for i := range 4 {
			if got := granted(b.Take(t.Context(), bucket("x"))); got != (i < 3) {
				t.Errorf("3 s later, the %d.: got %v", i+1, got)
			}
		}
	})
}

// Who is refused for one thing uses up nothing of another.
func TestLimiter_refused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		small := rate.Bucket{Key: "small", Limit: rate.Limit{Burst: 1, Every: time.Hour}}
		for name, take := range map[string]func(l *rate.Limiter, b ...rate.Bucket) []rate.Level{
			"Take":  func(l *rate.Limiter, b ...rate.Bucket) []rate.Level { return l.Take(t.Context(), b...) },
			"Spend": (*rate.Limiter).Spend,
		} {
			a, b, _ := replicas()
			for range 5 {
				for _, l := range []*rate.Limiter{a, b} {
					take(l, bucket("x"), small)
					l.Settle(t.Context())
				}
			}
			levels := a.Take(t.Context(), bucket("x"))
			if left := levels[0].Left; left < 7 || left > 8 { // Spend may let one through at each
				t.Errorf("%s: %d of 10 are left after one that was granted and one more", name, left)
			}
		}
	})
}

// Spend asks nobody, and is known to the others a moment later.
func TestLimiter_Spend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b, shared := replicas()
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for _, l := range []*rate.Limiter{a, b} {
			wg.Go(func() {
				if err := l.Run(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		slow := rate.Bucket{Key: "x", Limit: rate.Limit{Burst: 10, Every: time.Hour}}
		for i := range 12 {
			if got := granted(a.Spend(slow)); got != (i < 10) {
				t.Errorf("the %d.: got %v", i+1, got)
			}
		}
		if n := shared.times(); n != 0 {
			t.Errorf("the store was asked %d times", n)
		}
		taken := 0
		for range 10 {
			if granted(b.Spend(slow)) {
				taken++
			}
			time.Sleep(300 * time.Millisecond)
		}
		if taken > 2 { // the first, and one more when it was counted before those of the other
			t.Errorf("the other took %d more", taken)
		}
		if !granted(b.Spend(bucket("y"))) {
			t.Error("a bucket that nobody took from is empty")
		}
		stop()
		wg.Wait()
	})
}

// While the store does not answer, each replica goes on with what it knows.
func TestLimiter_storeGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, _, shared := replicas()
		for range 4 {
			a.Take(t.Context(), bucket("x"))
		}
		shared.fail(errors.New("gone"))
		taken := 0
		for range 20 {
			if granted(a.Take(t.Context(), bucket("x"))) {
				taken++
			}
			a.Spend(bucket("y"))
		}
		a.Settle(t.Context())
		a.GiveBack(t.Context(), bucket("x"))
		if taken != 6 {
			t.Errorf("%d of the 6 that were left were taken", taken)
		}
		asked := shared.times()
		if !granted(a.Take(t.Context(), bucket("x"))) || granted(a.Take(t.Context(), bucket("x"))) || shared.times() != asked+1 {
			t.Error("it is asked for what is known to be empty")
		}
	})
}

// A flood from more addresses than can be counted is no reason to run out of memory, nor
// to let those go on who are counted.
func TestLocal_isBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := rate.NewLocal(nil)
		take := func(key string) bool {
			levels, err := l.Take(t.Context(), rate.Request{Bucket: bucket(key), N: 10})
			return err == nil && levels[0].Granted == 10
		}
		take("first")
		for i := range 1 << 18 {
			take(strconv.Itoa(i))
		}
		for range 2 {
			if !take("one more") {
				t.Error("who cannot be counted is refused")
			}
		}
		if take("first") {
			t.Error("who is counted is let through")
		}
		time.Sleep(time.Minute)
		for i := range 2 {
			if got := take("one more"); got != (i == 0) {
				t.Errorf("after the flood, the %d.: got %v", i+1, got)
			}
		}
	})
}

// BenchmarkLimiter_Spend is what counting costs a poll: the buckets of an account and of
// an address, with as many others as an installation may have.
func BenchmarkLimiter_Spend(b *testing.B) {
	l := rate.NewLimiter(rate.NewLocal(nil), nil)
	many := rate.PerMinute(1000000)
	for i := range 10000 {
		l.Spend(rate.Bucket{Key: strconv.Itoa(i), Limit: many})
	}
	account, address := rate.Bucket{Key: "read of 0199", Limit: many}, rate.Bucket{Key: "read from 192.0.2.1", Limit: many}
	b.ReportAllocs()
	for b.Loop() {
		l.Spend(account, address)
	}
}
