package pipeline

import (
	"context"
	"sync/atomic"

	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/audio"
)

// heardKey finds how much of its chunk a step has heard so far.
type heardKey struct{}

// counting makes the work under a context count what it hears.
func counting(ctx context.Context) (context.Context, *atomic.Int64) {
	heard := new(atomic.Int64)
	return context.WithValue(ctx, heardKey{}, heard), heard
}

// count adds n samples that were heard.
func count(ctx context.Context, n audio.Samples) {
	if heard, ok := ctx.Value(heardKey{}).(*atomic.Int64); ok {
		heard.Add(int64(n))
	}
}

// tell has the store raise the progress by what was heard since it was told last, and
// returns what it knows now. A chunk may take minutes; nothing but the progress depends on it.
func (p *Pipeline) tell(ctx context.Context, l Lease, told, heard int64) int64 {
	if heard == told {
		return told
	}
	if err := p.store.Hear(ctx, l, audio.Samples(heard)); err != nil {
		if ctx.Err() == nil && !stale(err) {
			zerolog.Ctx(ctx).Warn().Err(err).Msg("progress not recorded")
		}
		return told
	}
	return heard
}
