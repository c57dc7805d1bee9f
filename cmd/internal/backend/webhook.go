package backend

import (
	"fmt"
	"net/netip"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/turboscribe/turboscribe/config"
	"github.com/turboscribe/turboscribe/internal/daemon"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/webhook"
)

// Webhooks returns the webhooks, with the keys of their secrets.
func (b *Backend) Webhooks(c config.Webhooks) (*postgres.Webhooks, error) {
	hooks, err := b.DB.Webhooks(c.EncryptionKey)
	if err != nil {
		return nil, fmt.Errorf("TS_ENCRYPTION_KEY: %w", err)
	}
	return hooks, nil
}

// Sender returns what sends events to webhooks, and has its attempts counted.
func (b *Backend) Sender(c config.Webhooks, r prometheus.Registerer) (*webhook.Sender, error) {
	hooks, err := b.Webhooks(c)
	if err != nil {
		return nil, err
	}
	rules, err := Rules(c)
	if err != nil {
		return nil, err
	}
	count, err := daemon.Counter(r, "turboscribe_delivery_attempts_total",
		"How often an event was sent to a webhook: delivered, to be retried, or failed, which was the last attempt.", "outcome", webhook.Outcomes...)
	return webhook.NewSender(hooks, rules, count), err
}

// Rules returns where webhooks may be.
func Rules(c config.Webhooks) (webhook.Rules, error) {
	r := webhook.Rules{HTTP: c.AllowHTTP}
	for _, s := range c.Networks {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return r, fmt.Errorf("TS_WEBHOOK_NETWORKS: %w", err)
		}
		r.Networks = append(r.Networks, p.Masked())
	}
	return r, nil
}
