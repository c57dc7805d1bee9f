// Package webhooktest holds a store of webhooks in memory, and the suite that it and
// every other store have to pass.
package webhooktest

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/webhook"
)

var _ webhook.Store = (*Store)(nil)

// Store is a webhook.Store in memory. Its zero value is empty and ready.
type Store struct {
	mu         sync.Mutex
	webhooks   []webhook.Webhook // oldest first, those without a URL among them
	deliveries []webhook.Delivery
	told       time.Time // by now, last
}

// now never tells the same time twice: lists are in its order.
func (s *Store) now() time.Time {
	now := time.Now().UTC().Truncate(time.Microsecond)
	if !now.After(s.told) {
		now = s.told.Add(time.Microsecond)
	}
	s.told = now
	return now
}

// lock begins a call. Like a database it does nothing for who has gone.
func (s *Store) lock(ctx context.Context) (unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	return s.mu.Unlock, nil
}

// find returns a webhook with a URL.
func (s *Store) find(owner, id uuid.UUID) (*webhook.Webhook, error) {
	i := slices.IndexFunc(s.webhooks, func(w webhook.Webhook) bool { return w.ID == id && w.OwnerID == owner && w.URL != "" })
	if i < 0 {
		return nil, fault.New(fault.NotFound, "There is no webhook %s.", id)
	}
	return &s.webhooks[i], nil
}

func (s *Store) findDelivery(owner, id uuid.UUID) (*webhook.Delivery, error) {
	i := slices.IndexFunc(s.deliveries, func(d webhook.Delivery) bool { return d.ID == id && d.OwnerID == owner })
	if i < 0 {
		return nil, fault.New(fault.NotFound, "There is no delivery %s.", id)
	}
	return &s.deliveries[i], nil
}

func shown(w *webhook.Webhook) *webhook.Webhook {
	c := *w
	c.Events = slices.Clone(w.Events)
	return &c
}

// CreateWebhook implements webhook.Store.
func (s *Store) CreateWebhook(ctx context.Context, w *webhook.Webhook, _ webhook.Secret) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	n := 0
	for _, had := range s.webhooks {
		if had.OwnerID == w.OwnerID && had.URL != "" {
			n++
		}
	}
	if n >= webhook.MaxWebhooks {
		return fault.New(fault.Conflict, "You have too many.").WithCode("too_many_webhooks")
	}
	w.CreatedAt = s.now()
	w.UpdatedAt = w.CreatedAt
	s.webhooks = append(s.webhooks, *shown(w))
	return nil
}

// Webhook implements webhook.Store.
func (s *Store) Webhook(ctx context.Context, owner, id uuid.UUID) (*webhook.Webhook, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	w, err := s.find(owner, id)
	if err != nil {
		return nil, err
	}
	return shown(w), nil
}

// Webhooks implements webhook.Store.
func (s *Store) Webhooks(ctx context.Context, owner uuid.UUID) (found []webhook.Webhook, err error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	for _, w := range slices.Backward(s.webhooks) {
		if w.OwnerID == owner && w.URL != "" {
			found = append(found, *shown(&w))
		}
	}
	return found, nil
}

// ChangeWebhook implements webhook.Store.
func (s *Store) ChangeWebhook(ctx context.Context, w webhook.Webhook) (*webhook.Webhook, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	had, err := s.find(w.OwnerID, w.ID)
	if err != nil {
		return nil, err
	}
	had.URL, had.Events, had.Description, had.Active, had.UpdatedAt = w.URL, slices.Clone(w.Events), w.Description, w.Active, s.now()
	for i := range s.deliveries {
		if d := &s.deliveries[i]; !w.Active && d.WebhookID == w.ID && d.State == webhook.Pending {
			d.State, d.NextAt = webhook.Withdrawn, time.Time{}
		}
	}
	return shown(had), nil
}

// DeleteWebhook implements webhook.Store.
func (s *Store) DeleteWebhook(ctx context.Context, owner, id uuid.UUID) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := s.find(owner, id); err != nil {
		return err
	}
	s.webhooks = slices.DeleteFunc(s.webhooks, func(w webhook.Webhook) bool { return w.ID == id })
	s.deliveries = slices.DeleteFunc(s.deliveries, func(d webhook.Delivery) bool { return d.WebhookID == id })
	return nil
}

// ExchangeSecret implements webhook.Store.
func (s *Store) ExchangeSecret(ctx context.Context, owner, id uuid.UUID, _ webhook.Secret, overlap time.Duration) (*webhook.Webhook, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	w, err := s.find(owner, id)
	if err != nil {
		return nil, err
	}
	w.UpdatedAt = s.now()
	w.PreviousUntil = w.UpdatedAt.Add(overlap)
	return shown(w), nil
}

// key returns the place of an owner's signing key, -1 when there is none.
func (s *Store) key(owner uuid.UUID) int {
	return slices.IndexFunc(s.webhooks, func(w webhook.Webhook) bool { return w.OwnerID == owner && w.URL == "" })
}

// SetKey implements webhook.Store.
func (s *Store) SetKey(ctx context.Context, owner, id uuid.UUID, _ webhook.Secret, overlap time.Duration) (*webhook.Webhook, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	now := s.now()
	if i := s.key(owner); i >= 0 {
		s.webhooks[i].UpdatedAt, s.webhooks[i].PreviousUntil = now, now.Add(overlap)
		return shown(&s.webhooks[i]), nil
	}
	s.webhooks = append(s.webhooks, webhook.Webhook{ID: id, OwnerID: owner, Active: true, CreatedAt: now, UpdatedAt: now})
	return shown(&s.webhooks[len(s.webhooks)-1]), nil
}

// HasKey implements webhook.Store.
func (s *Store) HasKey(ctx context.Context, owner uuid.UUID) (bool, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return false, err
	}
	defer unlock()
	return s.key(owner) >= 0, nil
}

// CreateDelivery implements webhook.Store.
func (s *Store) CreateDelivery(ctx context.Context, d *webhook.Delivery) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	w, err := s.find(d.OwnerID, d.WebhookID)
	if err != nil {
		return err
	}
	if !w.Active {
		return errDisabled
	}
	row := *d
	row.State, row.CreatedAt = webhook.Pending, s.now()
	row.NextAt = row.CreatedAt
	s.deliveries = append(s.deliveries, row)
	return nil
}

var errDisabled = fault.New(fault.Conflict, "It is not active.").WithCode("webhook_disabled")

// Delivery implements webhook.Store.
func (s *Store) Delivery(ctx context.Context, owner, id uuid.UUID) (*webhook.Delivery, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	d, err := s.findDelivery(owner, id)
	if err != nil {
		return nil, err
	}
	c := *d
	return &c, nil
}

// Deliveries implements webhook.Store.
func (s *Store) Deliveries(ctx context.Context, owner uuid.UUID, f webhook.Filter) (page []webhook.Delivery, err error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	for _, d := range slices.Backward(s.deliveries) {
		if d.OwnerID != owner || f.WebhookID != uuid.Nil && d.WebhookID != f.WebhookID || f.TranscriptionID != uuid.Nil && d.TranscriptionID != f.TranscriptionID ||
			f.State != "" && d.State != f.State || len(page) == f.Limit || f.After.ID != uuid.Nil && !before(d, f) {
			continue
		}
		d.Payload, d.Excerpt = "", ""
		page = append(page, d)
	}
	return page, nil
}

// before reports whether d is older than the place where a page starts.
func before(d webhook.Delivery, f webhook.Filter) bool {
	return cmp.Or(d.CreatedAt.Compare(f.After.CreatedAt), bytes.Compare(d.ID[:], f.After.ID[:])) < 0
}

// Replay implements webhook.Store.
func (s *Store) Replay(ctx context.Context, owner, id uuid.UUID) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	d, err := s.findDelivery(owner, id)
	if err != nil {
		return err
	}
	if w, err := s.find(owner, d.WebhookID); err == nil && !w.Active {
		return errDisabled
	}
	d.State, d.Attempts, d.NextAt = webhook.Pending, 0, s.now()
	return nil
}

// End ends a pending delivery.
func (s *Store) End(id uuid.UUID, o webhook.Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.deliveries {
		if d := &s.deliveries[i]; d.ID == id {
			d.State, d.Status, d.Excerpt, d.Failure, d.Took = o.State, o.Status, o.Excerpt, o.Failure, o.Took
			d.Attempts++
			d.AttemptedAt, d.NextAt = s.now(), time.Time{}
		}
	}
}
