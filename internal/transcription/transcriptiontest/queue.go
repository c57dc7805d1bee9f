package transcriptiontest

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// queueNames are those that there are.
var queueNames = []string{"prepare", "transcribe-gpu", "transcribe-cpu", "merge", "deliver"}

// Queues implements transcription.Store. Everything that is queued waits to be prepared.
func (s *Store) Queues(ctx context.Context) ([]transcription.Queue, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	queues := make([]transcription.Queue, len(queueNames))
	for i, name := range queueNames {
		queues[i] = s.queue(name)
	}
	return queues, nil
}

func (s *Store) queue(name string) transcription.Queue {
	q := transcription.Queue{Name: name, Paused: s.paused[name]}
	for _, t := range s.rows {
		if name == "prepare" && t.Status == transcription.Queued {
			q.Waiting++
		}
	}
	return q
}

// PauseQueue implements transcription.Store.
func (s *Store) PauseQueue(ctx context.Context, who uuid.UUID, name string) (transcription.Queue, error) {
	return s.turn(ctx, name, func() {
		if s.paused == nil {
			s.paused = map[string]*transcription.Pause{}
		}
		if s.paused[name] == nil {
			s.paused[name] = &transcription.Pause{At: s.now(), By: who}
		}
	})
}

// ResumeQueue implements transcription.Store.
func (s *Store) ResumeQueue(ctx context.Context, _ uuid.UUID, name string) (transcription.Queue, error) {
	return s.turn(ctx, name, func() { delete(s.paused, name) })
}

func (s *Store) turn(ctx context.Context, name string, change func()) (transcription.Queue, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return transcription.Queue{}, err
	}
	defer unlock()
	if !slices.Contains(queueNames, name) {
		return transcription.Queue{}, fault.New(fault.NotFound, "There is no queue %q.", name)
	}
	change()
	return s.queue(name), nil
}
