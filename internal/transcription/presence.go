package transcription

import (
	"context"
	"time"
)

// PresenceStore tells of the programs that do the work.
type PresenceStore interface {
	// Presence returns who of them is there.
	Presence(ctx context.Context) (Presence, error)
}

// Presence says whether anybody does the work that waits.
type Presence struct {
	Worker    Sign // of the worker that was heard of last
	Scheduler Sign // of any scheduler
}

// Sign is what is known of a kind of program that reports again and again while it lives.
type Sign struct {
	Known   bool          // one was heard of within the last day
	Alive   bool          // and so lately that it can be counted on
	Silence time.Duration // since it was heard of
}

// Presence returns who is there of those that do the work.
func (s *Service) Presence(ctx context.Context) (Presence, error) { return s.store.Presence(ctx) }
