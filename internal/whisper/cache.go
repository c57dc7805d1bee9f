package whisper

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// patience is how long who waits for room lets others pass that need none.
const patience = 30 * time.Second

// cache keeps things that are slow to load and large to keep, by key. Each is
// loaded once however many ask for it at the same time, and freed when nobody
// has used it for the idle time, or earlier where another needs its room: the
// least recently used first, never one in use.
//
// Who needs room that is not there waits in line. Who comes later and asks for
// something that is loaded passes, but not for ever: otherwise a thing that is
// always in use would keep another out, and without passing at all two things
// that do not fit together would be loaded in turn for every use.
type cache[T any] struct {
	load     func(key string) (T, error)
	free     func(T)
	cost     func(key string) (int64, error) // asked before a load; an error refuses it
	budget   int64                           // for the costs of all together; 0: no bound
	idle     time.Duration                   // 0: for ever
	patience time.Duration

	mu      sync.Mutex
	entries map[string]*entry[T]
	line    []*ticket[T] // in order of arrival
	held    int64        // costs of what is loaded or being loaded
	leaving int64        // costs of what is being freed
	work    sync.WaitGroup
}

type entry[T any] struct {
	key    string
	cost   int64
	users  int
	left   time.Time     // when the last user did
	timer  *time.Timer   // runs while nobody uses it
	loaded chan struct{} // closed once value and err are set
	value  T
	err    error
}

func (e *entry[T]) isLoaded() bool {
	select {
	case <-e.loaded:
		return true
	default:
		return false
	}
}

// ticket is a place in the line.
type ticket[T any] struct {
	key    string
	since  time.Time
	served chan struct{} // closed once entry or err is set
	entry  *entry[T]
	err    error
}

// use returns the thing of that key. The caller calls done when it needs it no
// longer, unless there was an error.
func (c *cache[T]) use(ctx context.Context, key string) (value T, done func(), err error) {
	e, err := c.enter(ctx, key)
	if err != nil {
		return value, nil, err
	}
	select {
	case <-e.loaded:
		err = e.err
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		c.leave(e)
		return value, nil, err
	}
	return e.value, func() { c.leave(e) }, nil
}

// enter waits until the thing is loaded or being loaded, and counts a user in.
func (c *cache[T]) enter(ctx context.Context, key string) (*entry[T], error) {
	t := &ticket[T]{key: key, since: time.Now(), served: make(chan struct{})}
	c.mu.Lock()
	c.line = append(c.line, t)
	c.serve()
	c.mu.Unlock()
	select {
	case <-t.served:
	case <-ctx.Done():
		if c.withdraw(t) {
			return nil, ctx.Err()
		}
	}
	return t.entry, t.err
}

// withdraw takes a ticket out of the line, unless it has just been served.
func (c *cache[T]) withdraw(t *ticket[T]) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.line, t)
	if i < 0 {
		return false
	}
	c.line = slices.Delete(c.line, i, i+1)
	c.serve() // it may have been what held up the others
	return true
}

// serve serves the tickets whose turn it is.
func (c *cache[T]) serve() {
	var first *ticket[T] // of those that cannot be served
	c.line = slices.DeleteFunc(c.line, func(t *ticket[T]) bool {
		served := c.serveOne(t, first)
		if !served && first == nil {
			first = t
		}
		return served
	})
}

// serveOne serves a ticket if it can be. First waits before it, or is nil.
func (c *cache[T]) serveOne(t, first *ticket[T]) bool {
	e, found := c.entries[t.key]
	if first != nil && (!found || time.Since(first.since) >= c.patience) {
		return false
	}
	if !found {
		e, t.err = c.begin(t.key)
	}
	if e == nil && t.err == nil {
		return false
	}
	if e != nil {
		e.users++
		e.stopTimer()
	}
	t.entry = e
	close(t.served)
	return true
}

// begin starts to load; nil means that there is no room yet.
func (c *cache[T]) begin(key string) (*entry[T], error) {
	cost, err := c.cost(key)
	if err != nil {
		return nil, err
	}
	unused, ok := c.makeRoom(cost)
	if !ok {
		return nil, nil //nolint:nilnil // no entry is an answer
	}
	e := &entry[T]{key: key, cost: cost, loaded: make(chan struct{})}
	c.entries[key] = e
	c.held += cost
	c.work.Go(func() {
		c.freeAll(unused)
		e.value, e.err = c.load(key)
		c.settle(e)
	})
	return e, nil
}

// makeRoom returns what has to be freed for something of that cost, and takes it
// out of the cache; false when not even that would do.
func (c *cache[T]) makeRoom(cost int64) (unused []*entry[T], ok bool) {
	if c.budget == 0 {
		return nil, true
	}
	var idle []*entry[T]
	for _, e := range c.entries {
		if e.users == 0 && e.isLoaded() {
			idle = append(idle, e)
		}
	}
	slices.SortFunc(idle, func(a, b *entry[T]) int { return cmp.Or(a.left.Compare(b.left), cmp.Compare(a.key, b.key)) })
	held, n := c.held, 0
	for ; n < len(idle) && held+cost > c.budget; n++ {
		held -= idle[n].cost
	}
	if held += c.leaving; held+cost > c.budget && held > 0 {
		return nil, false
	}
	for _, e := range idle[:n] {
		c.remove(e)
	}
	return idle[:n], true
}

// remove takes an entry that is to be freed out of the cache.
func (c *cache[T]) remove(e *entry[T]) {
	e.stopTimer()
	delete(c.entries, e.key)
	c.held -= e.cost
	c.leaving += e.cost
}

// freeAll frees what was removed.
func (c *cache[T]) freeAll(removed []*entry[T]) {
	for _, e := range removed {
		c.free(e.value)
		c.mu.Lock()
		c.leaving -= e.cost
		c.serve()
		c.mu.Unlock()
	}
}

// settle records that a load has ended. What could not be loaded is forgotten at
// once, so that the next user tries again.
func (c *cache[T]) settle(e *entry[T]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(e.loaded)
	if e.err != nil {
		delete(c.entries, e.key)
		c.held -= e.cost
	}
	c.rest(e)
	c.serve()
}

// leave counts a user out.
func (c *cache[T]) leave(e *entry[T]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.users--
	c.rest(e)
	c.serve()
}

// rest starts the idle time of what is loaded and has no user.
func (c *cache[T]) rest(e *entry[T]) {
	if e.users > 0 || !e.isLoaded() || e.err != nil {
		return
	}
	e.left = time.Now()
	if c.idle > 0 {
		e.timer = time.AfterFunc(c.idle, func() { c.drop(e) })
	}
}

func (e *entry[T]) stopTimer() {
	if e.timer != nil {
		e.timer.Stop() // or drop finds out that it is late
	}
	e.timer = nil
}

// drop frees an entry unless somebody has come to use it.
func (c *cache[T]) drop(e *entry[T]) {
	if !c.removeIdle(e) {
		return
	}
	defer c.work.Done()
	c.freeAll([]*entry[T]{e})
}

// removeIdle removes an entry whose idle time is over, which is then work to do.
func (c *cache[T]) removeIdle(e *entry[T]) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.users > 0 || c.entries[e.key] != e || time.Since(e.left) < c.idle {
		return false
	}
	c.remove(e)
	c.work.Add(1)
	return true
}

// close frees everything. Nobody may use the cache any more.
func (c *cache[T]) close() {
	c.mu.Lock()
	entries := c.entries
	c.entries = map[string]*entry[T]{}
	for _, e := range entries {
		e.stopTimer()
	}
	c.mu.Unlock()
	c.work.Wait()
	for _, e := range entries {
		e.stopTimer()
		if e.err == nil {
			c.free(e.value)
		}
	}
}
