package transcription

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// EventType says what has happened to a transcription. A change of status is called
// after the new one; the others are below.
type EventType string

// The types of events that are not called after a status.
const (
	Created      EventType = "created"       // uploaded, and queued
	Retried      EventType = "retried"       // queued again, as another run
	Reused       EventType = "reused"        // chunks of an earlier run
	StepFailed   EventType = "step_failed"   // and will be begun again
	StepRescued  EventType = "step_rescued"  // its worker died; it will be begun again
	Edited       EventType = "edited"        // the text is another, but for what a run makes of all of it first
	MediaExpired EventType = "media_expired" // the recording was deleted, as its retention says
	Held         EventType = "held"          // put under a legal hold
	HoldLifted   EventType = "hold_lifted"
)

// ActorKind says what has brought an event about.
type ActorKind string

// The kinds of actors.
const (
	ByUser      ActorKind = "user"      // named by its id
	ByWorker    ActorKind = "worker"    // named as in the list of workers
	ByScheduler ActorKind = "scheduler" // the reconciler
	ByAPI       ActorKind = "api"
	ByLink      ActorKind = "link" // a guest, named as the link that they have come by
)

// Actor is who has brought an event about.
type Actor struct {
	Kind  ActorKind
	Name  string // empty when unknown
	Email string // of a user, only in lists of revisions; empty when the account is gone
}

// seen returns the actor as people are told of it: which worker it was is not for them.
func (a Actor) seen() Actor {
	if a.Kind != ByUser && a.Kind != ByLink {
		a.Name = ""
	}
	return a
}

// Event is one thing that has happened to a transcription. Details has facts for
// programs: of a failure its code, of a step which one it was.
type Event struct {
	ID      int64 // grows with time
	Run     int
	At      time.Time
	Type    EventType
	Actor   Actor
	Details map[string]any
}

// Status returns the status that an event has led to; empty: it is no change of status.
func (e Event) Status() Status {
	switch e.Type {
	case Created, Retried:
		return Queued
	case Reused, StepFailed, StepRescued, Edited, MediaExpired, Held, HoldLifted:
		return ""
	default:
		return Status(e.Type)
	}
}

// History returns what has happened to a transcription of the caller's, oldest first,
// behind the event of that id. The names of workers are told only to those who may
// watch them.
func (s *Service) History(ctx context.Context, who auth.Actor, id uuid.UUID, after int64, limit int) ([]Event, error) {
	if err := who.Require(auth.ReadTranscriptions); err != nil {
		return nil, err
	}
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	events, err := s.store.Events(ctx, who.UserID, id, after, limit)
	if err != nil {
		return nil, s.withheld(ctx, who, id, err)
	}
	if who.Can(auth.WatchQueues) {
		return events, nil
	}
	for i := range events {
		events[i].Actor = events[i].Actor.seen()
		delete(events[i].Details, "worker")
	}
	return events, nil
}

func checkLimit(n int) error {
	if n < 1 || n > MaxPage {
		return fault.New(fault.Invalid, "The limit must be between 1 and %d.", MaxPage).WithCode("invalid_limit").With("field", "limit")
	}
	return nil
}
