package pipeline

import (
	"sync"

	"github.com/google/uuid"
)

// Hint says that a transcription may have been canceled or deleted. Steps of it that
// are in work look at once, instead of when they renew their lease the next time,
// and end if it is so. A hint is not believed: one that is late, or wrong, ends
// nothing.
func (p *Pipeline) Hint(id uuid.UUID) { p.hints.give(id) }

// hints are the steps in work, each with a channel that takes one hint.
type hints struct {
	mu    sync.Mutex
	steps map[uuid.UUID]map[chan struct{}]bool
}

// expect returns a channel that is sent a value for a hint about id, until done is
// called.
func (h *hints) expect(id uuid.UUID) (hint <-chan struct{}, done func()) {
	ch := make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.steps == nil {
		h.steps = map[uuid.UUID]map[chan struct{}]bool{}
	}
	if h.steps[id] == nil {
		h.steps[id] = map[chan struct{}]bool{}
	}
	h.steps[id][ch] = true
	return ch, func() { h.forget(id, ch) }
}

func (h *hints) forget(id uuid.UUID, ch chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.steps[id], ch)
	if len(h.steps[id]) == 0 {
		delete(h.steps, id)
	}
}

func (h *hints) give(id uuid.UUID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for ch := range h.steps[id] {
		select {
		case ch <- struct{}{}:
		default: // it has one that it has not looked at yet
		}
	}
}
