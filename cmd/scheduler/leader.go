package main

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/postgres"
)

// leader does its duty at every tick, unless another scheduler is at it.
type leader struct {
	db       *postgres.DB
	interval time.Duration
	duty     func(context.Context) error
}

// run ends with ctx. The lead is taken for one round at a time: a connection that
// breaks unnoticed would otherwise leave two who believe to lead, and another
// scheduler takes over within one tick when this one is gone.
func (l leader) run(ctx context.Context) error {
	tick := time.NewTicker(l.interval)
	defer tick.Stop()
	for ctx.Err() == nil {
		if err := l.round(ctx); err != nil && ctx.Err() == nil {
			zerolog.Ctx(ctx).Error().Err(err).Msg("not everything could be reconciled")
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	return nil
}

func (l leader) round(ctx context.Context) error {
	release, ok, err := l.db.TryLead(ctx)
	if err != nil || !ok {
		return err
	}
	defer release()
	return l.duty(ctx)
}
