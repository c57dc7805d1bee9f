package transcription

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/auth"
)

// QueueStore tells of the queues, and pauses them.
type QueueStore interface {
	// Queues returns all queues with their depths.
	Queues(ctx context.Context) ([]Queue, error)
	// PauseQueue lets no step of a queue begin until ResumeQueue, and records who did
	// that. Both return the queue as it is then; doing it twice is no error. NotFound:
	// there is no queue of that name.
	PauseQueue(ctx context.Context, who uuid.UUID, name string) (Queue, error)
	ResumeQueue(ctx context.Context, who uuid.UUID, name string) (Queue, error)
}

// Queue is where steps of one kind wait for workers. What may go to either of two
// queues counts as waiting for both.
type Queue struct {
	Name       string
	Waiting    int    // for a place in it
	Dispatched int    // in it
	Running    int    // taken from it, and in work
	Paused     *Pause // nil: it is not
}

// Pause says since when a queue gives nothing out, and who wanted that.
type Pause struct {
	At time.Time
	By uuid.UUID
}

// Queues returns all of them.
func (s *Service) Queues(ctx context.Context, who auth.Actor) ([]Queue, error) {
	if err := who.Require(auth.WatchQueues); err != nil {
		return nil, err
	}
	return s.store.Queues(ctx)
}

// PauseQueue lets no step of a queue begin; those in work end. Pausing twice is no error.
// NotFound: there is no queue of that name.
func (s *Service) PauseQueue(ctx context.Context, who auth.Actor, name string) (Queue, error) {
	if err := who.Require(auth.ManageQueues); err != nil {
		return Queue{}, err
	}
	q, err := s.store.PauseQueue(ctx, who.UserID, name)
	if err == nil {
		zerolog.Ctx(ctx).Info().Str("queue", name).Stringer("user", who.UserID).Msg("queue paused")
	}
	return q, err
}

// ResumeQueue takes PauseQueue back. NotFound: there is no queue of that name.
func (s *Service) ResumeQueue(ctx context.Context, who auth.Actor, name string) (Queue, error) {
	if err := who.Require(auth.ManageQueues); err != nil {
		return Queue{}, err
	}
	q, err := s.store.ResumeQueue(ctx, who.UserID, name)
	if err != nil {
		return q, err
	}
	zerolog.Ctx(ctx).Info().Str("queue", name).Stringer("user", who.UserID).Msg("queue resumed")
	if err := s.workers.Advance(ctx, Ref{}); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("the queue is filled by the reconciler")
	}
	return q, nil
}
