package pipeline

import (
	"context"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// deliver makes an attempt at a delivery. What the receiver answers is recorded with
// it, so an error is always ours and no attempt: the delivery waits as for the end of
// an outage.
func (p *Pipeline) deliver(ctx context.Context, l Lease) error {
	if p.o.Hooks == nil {
		return fault.New(fault.Unavailable, "This worker sends no deliveries.")
	}
	return p.o.Hooks.Deliver(ctx, l.Step.Ref.ID, l.Token, l.Attempt)
}
