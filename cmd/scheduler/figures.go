package main

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/turboscribe/turboscribe/internal/daemon"
	"github.com/turboscribe/turboscribe/internal/postgres"
)

// register adds the figures that the database has. All schedulers tell the same.
func register(ctx context.Context, r prometheus.Registerer, db *postgres.DB) error {
	return errors.Join(
		daemon.Gauges(ctx, r, "turboscribe_deliveries_oldest_due_seconds",
			"For how long the delivery has been due that waits the longest to be sent.", "",
			func(ctx context.Context) (map[string]float64, error) {
				age, err := db.OldestDue(ctx)
				return map[string]float64{"": age.Seconds()}, err
			}),
		daemon.Gauges(ctx, r, "turboscribe_webhooks_disabled",
			"How many webhooks are disabled, because the receiver wants no more events (gone) or nothing has arrived for days (failing).", "reason",
			func(ctx context.Context) (map[string]float64, error) {
				counts, err := db.DisabledWebhooks(ctx)
				figures := map[string]float64{}
				for why, n := range counts {
					figures[why] = float64(n)
				}
				return figures, err
			}))
}
