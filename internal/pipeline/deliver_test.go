package pipeline_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/pipeline/pipelinetest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// mailbox is a store with one delivery in the queue, as far as a step needs it.
type mailbox struct {
	*pipelinetest.Memory
	lease    pipeline.Lease
	released []time.Duration
	counted  bool // an attempt
}

func (m *mailbox) Claim(_ context.Context, s pipeline.Step, worker string, _ time.Duration) (pipeline.Lease, error) {
	m.lease = pipeline.Lease{Step: s, Token: uuid.New(), Attempt: pipeline.MaxAttempts + 1, Worker: worker}
	return m.lease, nil
}

func (m *mailbox) Renew(context.Context, pipeline.Lease, time.Duration) error { return nil }

func (m *mailbox) Release(_ context.Context, _ pipeline.Lease, after time.Duration, interrupted bool) error {
	m.released, m.counted = append(m.released, after), m.counted || !interrupted
	return nil
}

func (m *mailbox) Fail(context.Context, pipeline.Lease, transcription.Failure) error {
	return errors.New("a delivery is no run that could fail")
}

type hooks func(ctx context.Context, delivery, token uuid.UUID, attempt int) error

func (h hooks) Deliver(ctx context.Context, delivery, token uuid.UUID, attempt int) error {
	return h(ctx, delivery, token, attempt)
}

// Whatever goes wrong on our side, the receiver is not charged for it: what it has
// answered is recorded by whoever sends.
func TestPipeline_deliver(t *testing.T) {
	t.Parallel()
	step := pipeline.Step{Ref: transcription.Ref{ID: uuid.New(), Run: 1}, Kind: pipeline.Deliver, Gen: 1}
	for name, tt := range map[string]struct {
		err      error
		released bool
	}{
		"recorded":        {nil, false},
		"lease lost":      {fault.New(fault.Conflict, "The lease is lost."), false},
		"webhook deleted": {fault.New(fault.NotFound, "There is no delivery."), false},
		"no database":     {fault.New(fault.Unavailable, "It does not answer."), true},
		"a key is gone":   {errors.New("a secret is encrypted with a key that is not known here"), true},
		"what can never":  {fault.New(fault.Invalid, "No."), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &mailbox{Memory: pipelinetest.NewMemory()}
			calls := 0
			o := pipeline.Options{Worker: "w", Hooks: hooks(func(_ context.Context, delivery, token uuid.UUID, attempt int) error {
				calls++
				if delivery != step.Ref.ID || token != m.lease.Token || attempt != m.lease.Attempt {
					t.Errorf("got %s, %s, %d", delivery, token, attempt)
				}
				return tt.err
			})}
			p := pipeline.NewCourier(pipeline.NewDispatcher(m, nil, 0), m, o)
			if err := p.Do(t.Context(), step); err != nil || calls != 1 {
				t.Errorf("got %v after %d calls", err, calls)
			}
			if (len(m.released) == 1) != tt.released || m.counted || tt.released && (m.released[0] < 16*time.Second || m.released[0] > 24*time.Second) {
				t.Errorf("released after %v, as an attempt: %v", m.released, m.counted)
			}
		})
	}
}

func TestPipeline_deliverStopped(t *testing.T) {
	t.Parallel()
	m := &mailbox{Memory: pipelinetest.NewMemory()}
	ctx, cancel := context.WithCancel(t.Context())
	p := pipeline.NewCourier(pipeline.NewDispatcher(m, nil, 0), m, pipeline.Options{Hooks: hooks(func(ctx context.Context, _, _ uuid.UUID, _ int) error {
		cancel()
		return ctx.Err()
	})})
	step := pipeline.Step{Ref: transcription.Ref{ID: uuid.New(), Run: 1}, Kind: pipeline.Deliver, Gen: 1}
	if err := p.Do(ctx, step); err != nil || len(m.released) != 1 || m.released[0] != 0 || m.counted {
		t.Errorf("got %v, released after %v, as an attempt: %v", err, m.released, m.counted)
	}
}
