package main

import (
	"context"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/whisper"
)

const (
	// presenceEvery is how often a worker says that it is there and what it has.
	presenceEvery = 15 * time.Second

	// farewell is how long a worker that stops tries to say so.
	farewell = 3 * time.Second
)

// presence tells the database about this worker, so that uploads can be checked
// against the installed models, work be given to those who can do it and waiting
// times be estimated.
type presence struct {
	db      *postgres.DB
	engine  *whisper.Engine
	name    string
	backlog int64 // bytes of the largest model that a CPU takes over from a GPU
}

func (p presence) run(ctx context.Context) error {
	tick := time.NewTicker(presenceEvery)
	defer tick.Stop()
	for {
		if err := p.db.ReportWorker(ctx, p.report()); err != nil && ctx.Err() == nil {
			zerolog.Ctx(ctx).Warn().Err(err).Msg("presence not reported")
		}
		select {
		case <-ctx.Done():
			return p.leave(ctx)
		case <-tick.C:
		}
	}
}

func (p presence) report() transcription.Worker {
	return transcription.Worker{
		ID: p.name, Kind: device, Slots: p.engine.Slots(), Models: p.engine.Installed(),
		Spare: spare(p.engine.Sizes(), p.backlog, gpu), Refused: p.engine.Refused(),
	}
}

// spare returns the models that a worker takes from the backlog of a GPU: a CPU those
// that it decodes in a bearable time, a GPU none.
func spare(sizes map[string]int64, backlog int64, gpu bool) (names []string) {
	for name, size := range sizes {
		if !gpu && size <= backlog {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// leave says that this worker stops, so that nobody waits for it. Who is not told
// finds out before long.
func (p presence) leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	if err := p.db.RetireWorker(ctx, p.name); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("leaving not reported")
	}
	return nil
}
