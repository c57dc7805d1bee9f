package main

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/postgres"
)

// presenceEvery is how often a scheduler says that it is there, as workers do.
const presenceEvery = 15 * time.Second

// presence tells the database that there is a scheduler, whether it leads or not: a round of the
// leader may take long.
type presence struct{ db *postgres.DB }

func (p presence) run(ctx context.Context) error {
	tick := time.NewTicker(presenceEvery)
	defer tick.Stop()
	for {
		if err := p.db.ReportScheduler(ctx); err != nil && ctx.Err() == nil {
			zerolog.Ctx(ctx).Warn().Err(err).Msg("presence not reported")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
