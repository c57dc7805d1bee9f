package backend

import (
	"fmt"
	"net/netip"

	"github.com/turboscribe/turboscribe/config"
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

// Sender returns what sends events to webhooks.
func (b *Backend) Sender(c config.Webhooks) (*webhook.Sender, error) {
	hooks, err := b.Webhooks(c)
	if err != nil {
		return nil, err
	}
	rules, err := Rules(c)
	return webhook.NewSender(hooks, rules), err
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
