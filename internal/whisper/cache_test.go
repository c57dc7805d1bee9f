package whisper

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func newTestCache(idle time.Duration, load func(string) (string, error)) (*cache[string], chan string) {
	freed := make(chan string, 10)
	return &cache[string]{
		load: load, free: func(s string) { freed <- s }, cost: func(string) (int64, error) { return 1, nil },
		idle: idle, patience: patience, entries: map[string]*entry[string]{},
	}, freed
}

func TestCache_loadsOnce(t *testing.T) {
	t.Parallel()
	var loads atomic.Int32
	begin := make(chan struct{})
	c, freed := newTestCache(0, func(key string) (string, error) {
		loads.Add(1)
		<-begin
		return "value of " + key, nil
	})
	var users sync.WaitGroup
	for range 8 {
		users.Go(func() {
			v, done, err := c.use(t.Context(), "a")
			if err != nil || v != "value of a" {
				t.Errorf("got %q, %v", v, err)
				return
			}
			done()
		})
	}
	close(begin)
	users.Wait()
	if n := loads.Load(); n != 1 {
		t.Errorf("loaded %d times", n)
	}
	c.close()
	if got := <-freed; got != "value of a" || len(freed) > 0 {
		t.Errorf("freed %q and %d more", got, len(freed))
	}
}

func TestCache_tryAgainAfterFailure(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	results := []error{broken, nil}
	c, freed := newTestCache(time.Hour, func(string) (string, error) {
		err := results[0]
		results = results[1:]
		return "v", err
	})
	if _, _, err := c.use(t.Context(), "a"); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
	_, done, err := c.use(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	done()
	c.close()
	if len(freed) != 1 {
		t.Errorf("freed %d times", len(freed))
	}
}

// TestCache_canceledWhileLoading: whoever cancels, the load goes on for the others.
func TestCache_canceledWhileLoading(t *testing.T) {
	t.Parallel()
	loading, begin := make(chan struct{}), make(chan struct{})
	c, freed := newTestCache(0, func(string) (string, error) {
		close(loading)
		<-begin
		return "v", nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	first, second := make(chan error), make(chan error)
	go func() {
		_, _, err := c.use(ctx, "a")
		first <- err
	}()
	<-loading
	go func() {
		_, done, err := c.use(t.Context(), "a")
		if err == nil {
			done()
		}
		second <- err
	}()
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	close(begin)
	if err := <-second; err != nil {
		t.Error(err)
	}
	c.close()
	<-freed
}

func TestCache_freesWhenIdle(t *testing.T) {
	t.Parallel()
	c, freed := newTestCache(time.Millisecond, func(key string) (string, error) { return key, nil })
	first, second := use(t, c, "a"), use(t, c, "a")
	first()
	select {
	case <-freed:
		t.Fatal("freed while in use")
	case <-time.After(20 * time.Millisecond):
	}
	second()
	<-freed
	use(t, c, "a")()
	c.close()
	<-freed
	if len(freed) > 0 {
		t.Error("freed twice")
	}
}

// use uses a thing that can be had at once.
func use(t *testing.T, c *cache[string], key string) (done func()) {
	t.Helper()
	v, done, err := c.use(t.Context(), key)
	if err != nil || v != key {
		t.Fatalf("%s: got %q, %v", key, v, err)
	}
	return done
}

// newBudgetCache returns a cache of three in which a digit in a key is its cost.
func newBudgetCache() (*cache[string], chan string) {
	c, freed := newTestCache(0, func(key string) (string, error) { return key, nil })
	c.budget = 3
	c.cost = func(key string) (int64, error) {
		n, err := strconv.ParseInt(key[1:], 10, 64)
		return n, err
	}
	return c, freed
}

func TestCache_makesRoom(t *testing.T) {
	t.Parallel()
	c, freed := newBudgetCache()
	use(t, c, "a1")()
	use(t, c, "b1")()
	done := use(t, c, "c1")
	use(t, c, "a1")()
	use(t, c, "d2")() // b1 was used longest ago, then a1; c1 is in use
	if first, second := <-freed, <-freed; first != "b1" || second != "a1" || len(freed) > 0 {
		t.Errorf("freed %s, %s and %d more, want b1 and a1", first, second, len(freed))
	}
	done()
	use(t, c, "e2")()
	if got := <-freed; got != "d2" && got != "c1" {
		t.Errorf("freed %s", got)
	}
	c.close()
}

func TestCache_costRefuses(t *testing.T) {
	t.Parallel()
	c, _ := newBudgetCache()
	if _, _, err := c.use(t.Context(), "a?"); !errors.Is(err, strconv.ErrSyntax) {
		t.Errorf("got %v", err)
	}
	use(t, c, "a1")()
	c.close()
}

// lineUp lets a goroutine use a key and returns when it is in line. It sends what
// came of it.
func lineUp(ctx context.Context, t *testing.T, c *cache[string], key string, results chan<- string) {
	t.Helper()
	before := inLine(c)
	go func() {
		_, done, err := c.use(ctx, key)
		if err != nil {
			results <- err.Error()
			return
		}
		results <- key
		done()
	}()
	for inLine(c) == before {
		runtime.Gosched()
	}
}

func inLine(c *cache[string]) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.line)
}

// TestCache_line: who has to wait is served in order, whoever leaves the line
// holds up nobody, and what is loaded can be had meanwhile.
func TestCache_line(t *testing.T) {
	t.Parallel()
	c, freed := newBudgetCache()
	done := use(t, c, "a2")
	results := make(chan string)
	ctx, cancel := context.WithCancel(t.Context())
	lineUp(ctx, t, c, "b3", results)
	lineUp(t.Context(), t, c, "c2", results)
	lineUp(t.Context(), t, c, "d1", results) // would fit, but came last
	use(t, c, "a2")()
	cancel()
	if got := <-results; got != context.Canceled.Error() {
		t.Errorf("canceled: got %s", got)
	}
	if n := inLine(c); n != 2 {
		t.Errorf("%d wait, want 2", n)
	}
	done()
	first, second := <-results, <-results
	if first+second != "c2d1" && first+second != "d1c2" { // both fit together
		t.Errorf("got %s and %s", first, second)
	}
	if got := <-freed; got != "a2" {
		t.Errorf("freed %s, want a2", got)
	}
	c.close()
}

// TestCache_patience: who needs what is loaded does not pass for ever.
func TestCache_patience(t *testing.T) {
	t.Parallel()
	c, _ := newBudgetCache()
	c.patience = 0
	done := use(t, c, "a2")
	results := make(chan string)
	lineUp(t.Context(), t, c, "b3", results)
	lineUp(t.Context(), t, c, "a2", results)
	done()
	if first, second := <-results, <-results; first != "b3" || second != "a2" {
		t.Errorf("got %s before %s", first, second)
	}
	c.close()
}

// TestCache_neverWaitsForNobody: what is too large for the budget is loaded alone
// where its cost does not refuse it.
func TestCache_neverWaitsForNobody(t *testing.T) {
	t.Parallel()
	c, _ := newBudgetCache()
	use(t, c, "a1")()
	use(t, c, "b9")()
	c.close()
}

// TestCache_crowd uses five things of different costs from many goroutines, and
// watches that the budget is kept and all is freed once.
func TestCache_crowd(t *testing.T) {
	t.Parallel()
	var held, loads, frees atomic.Int64
	cost := func(key string) int64 { return int64(key[1] - '0') }
	c, _ := newBudgetCache()
	c.idle = time.Microsecond
	c.load = func(key string) (string, error) {
		loads.Add(1)
		if n := held.Add(cost(key)); n > c.budget {
			t.Errorf("%d of %d are held", n, c.budget)
		}
		if loads.Load()%7 == 0 {
			held.Add(-cost(key))
			frees.Add(1)
			return "", errors.New("broken")
		}
		return key, nil
	}
	c.free = func(key string) {
		frees.Add(1)
		held.Add(-cost(key))
	}
	keys := []string{"a1", "b1", "c2", "d3", "e1"}
	var users sync.WaitGroup
	for range 16 {
		users.Go(func() {
			for range 200 {
				ctx, cancel := context.WithCancel(t.Context())
				if rand.N(4) == 0 {
					go cancel()
				}
				if _, done, err := c.use(ctx, keys[rand.N(len(keys))]); err == nil {
					done()
				}
				cancel()
			}
		})
	}
	users.Wait()
	c.close()
	if held.Load() != 0 || loads.Load() != frees.Load() || loads.Load() == 0 {
		t.Errorf("%d are still held after %d loads and %d frees", held.Load(), loads.Load(), frees.Load())
	}
}
