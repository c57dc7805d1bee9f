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
func counting(ctx context.Context) context.Context {
	return context.WithValue(ctx, heardKey{}, new(atomic.Int64))
}

// heard returns what was counted so far.
func heard(ctx context.Context) audio.Samples {
	if counted, ok := ctx.Value(heardKey{}).(*atomic.Int64); ok {
		return audio.Samples(counted.Load())
	}
	return 0
}

// count adds n samples that were heard.
func count(ctx context.Context, n audio.Samples) {
	if counted, ok := ctx.Value(heardKey{}).(*atomic.Int64); ok {
		counted.Add(int64(n))
	}
}

// tell has the store raise the progress by what was heard since it was told last, and
// returns what it knows now. A chunk may take minutes; nothing but the progress depends on it.
func (p *Pipeline) tell(ctx context.Context, l Lease, told audio.Samples) audio.Samples {
	now := heard(ctx)
	if now == told {
		return told
	}
	if err := p.store.Hear(ctx, l, now); err != nil {
		if ctx.Err() == nil && !stale(err) {
			zerolog.Ctx(ctx).Warn().Err(err).Msg("progress not recorded")
		}
		return told
	}
	return now
}
