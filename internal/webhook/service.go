package webhook

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// Webhook is a receiver of its owner's events.
type Webhook struct {
	ID            uuid.UUID
	OwnerID       uuid.UUID
	URL           string // empty: the signing key for the addresses that come with uploads
	Events        []Type
	Description   string
	Active        bool
	Disabled      string    // why it is not: Gone or Failing; empty when its owner has said so
	DisabledAt    time.Time // when; zero: it was not
	PreviousUntil time.Time // the secret before signs as well; zero: there is none
	FailingSince  time.Time // the first attempt that failed since one did not; zero: the last did not
	CreatedAt     time.Time
	UpdatedAt     time.Time
}

// Why a webhook was disabled.
const (
	Gone    = "gone"    // its receiver has answered with 410
	Failing = "failing" // nothing has arrived there for FailingTime
)

// FailingTime is how long every attempt has to fail for a webhook to be disabled when
// a delivery is given up.
const FailingTime = 3 * 24 * time.Hour

// Overlap is how long the secret before signs as well after it was exchanged.
const Overlap = 24 * time.Hour

// Limits of what a person may have.
const (
	MaxWebhooks    = 20
	MaxDescription = 200 // characters
)

// Delivery is an event for a webhook.
type Delivery struct {
	ID              uuid.UUID // the receiver sees it as webhook-id
	OwnerID         uuid.UUID
	WebhookID       uuid.UUID
	TranscriptionID uuid.UUID // zero: it is about none
	BatchID         uuid.UUID // zero: it is about none
	URL             string    // that came with the upload; empty: it goes to the webhook's
	Type            Type
	Payload         string
	State           State
	Attempts        int
	NextAt          time.Time // when it is sent again; zero unless Pending
	Status          int       // of the last answer; 0: there was none
	Excerpt         string    // of its body
	Failure         *transcription.Failure
	Took            time.Duration
	AttemptedAt     time.Time // zero: never
	CreatedAt       time.Time
}

// Filter narrows a list of deliveries. What is empty narrows nothing.
type Filter struct {
	WebhookID       uuid.UUID
	TranscriptionID uuid.UUID
	State           State
	After           transcription.Cursor
	Limit           int // 1–MaxPage
}

// MaxPage is the largest page of a list.
const MaxPage = transcription.MaxPage

// Store keeps webhooks and deliveries. Every read and write is scoped by owner: what
// belongs to somebody else is NotFound, and so is the signing key for uploads, but in
// SetKey and HasKey.
type Store interface {
	// CreateWebhook inserts w and sets its times. Conflict too_many_webhooks: its owner
	// has MaxWebhooks.
	CreateWebhook(ctx context.Context, w *Webhook, s Secret) error
	Webhook(ctx context.Context, owner, id uuid.UUID) (*Webhook, error)
	// Webhooks returns all of them, newest first.
	Webhooks(ctx context.Context, owner uuid.UUID) ([]Webhook, error)
	// ChangeWebhook makes the URL, the events, the description and Active those of w. One
	// that is not active has its pending deliveries canceled.
	ChangeWebhook(ctx context.Context, w Webhook) (*Webhook, error)
	// DeleteWebhook removes it with its deliveries.
	DeleteWebhook(ctx context.Context, owner, id uuid.UUID) error
	// ExchangeSecret replaces the secret. The one before signs as well for the overlap.
	ExchangeSecret(ctx context.Context, owner, id uuid.UUID, s Secret, overlap time.Duration) (*Webhook, error)
	// SetKey makes s the owner's signing key for uploads; the one before, if any, signs
	// as well for the overlap. Id is for the case that there was none.
	SetKey(ctx context.Context, owner, id uuid.UUID, s Secret, overlap time.Duration) (*Webhook, error)
	HasKey(ctx context.Context, owner uuid.UUID) (bool, error)
	// CreateDelivery inserts a delivery, to be sent now. Conflict webhook_disabled.
	CreateDelivery(ctx context.Context, d *Delivery) error
	Delivery(ctx context.Context, owner, id uuid.UUID) (*Delivery, error)
	// Deliveries returns a page, newest first, without payloads and excerpts.
	Deliveries(ctx context.Context, owner uuid.UUID, f Filter) ([]Delivery, error)
	// Replay has a delivery sent now, with all attempts before it again, whatever became
	// of it. One that is being sent is left alone. Conflict webhook_disabled.
	Replay(ctx context.Context, owner, id uuid.UUID) error
}

// Queue fills up the queue. An error means that it will be done later, not that
// anything is lost.
type Queue interface {
	Advance(ctx context.Context, ref transcription.Ref) error
}

// Service is what people can do with webhooks.
type Service struct {
	store Store
	queue Queue
	rules Rules
	now   func() time.Time
}

// NewService returns a service that lets webhooks be where the rules allow.
func NewService(store Store, queue Queue, r Rules) *Service {
	return &Service{store: store, queue: queue, rules: r, now: time.Now}
}

// Create makes a webhook of what w asks for and returns it with its secret, which is
// told this once.
func (s *Service) Create(ctx context.Context, who auth.Actor, w Webhook) (*Webhook, Secret, error) {
	if err := who.Require(auth.WriteTranscriptions); err != nil {
		return nil, "", err
	}
	w, err := s.check(w)
	if err != nil {
		return nil, "", err
	}
	if w.ID, err = uuid.NewV7(); err != nil {
		return nil, "", fmt.Errorf("make an id: %w", err)
	}
	w.OwnerID = who.UserID
	secret := NewSecret()
	if err := s.store.CreateWebhook(ctx, &w, secret); err != nil {
		return nil, "", err
	}
	return &w, secret, nil
}

// check returns what w asks for in its canonical form.
func (s *Service) check(w Webhook) (Webhook, error) {
	var err error
	if w.URL, err = s.rules.CheckURL(w.URL); err != nil {
		return w, err
	}
	if len(w.Events) == 0 {
		return w, fault.New(fault.Invalid, "Say which events the webhook wants: some of %v.", Types).
			WithCode("events_missing").With("field", "events").With("allowed", Types)
	}
	for _, t := range w.Events {
		if !t.Known() {
			return w, fault.New(fault.Invalid, "There is no event %q.", t).
				WithCode("unknown_event").With("field", "events").With("allowed", Types)
		}
	}
	slices.Sort(w.Events)
	w.Events = slices.Compact(w.Events)
	w.Description = strings.TrimSpace(w.Description)
	if n := utf8.RuneCountInString(w.Description); n > MaxDescription {
		return w, fault.New(fault.Invalid, "The description has %d characters; at most %d are allowed.", n, MaxDescription).
			WithCode("description_too_long").With("field", "description").With("limit", MaxDescription)
	}
	return w, nil
}

// Webhook returns one of the caller's.
func (s *Service) Webhook(ctx context.Context, who auth.Actor, id uuid.UUID) (*Webhook, error) {
	if err := who.Require(auth.ReadTranscriptions); err != nil {
		return nil, err
	}
	return s.store.Webhook(ctx, who.UserID, id)
}

// Webhooks returns all of the caller's, newest first.
func (s *Service) Webhooks(ctx context.Context, who auth.Actor) ([]Webhook, error) {
	if err := who.Require(auth.ReadTranscriptions); err != nil {
		return nil, err
	}
	return s.store.Webhooks(ctx, who.UserID)
}

// Change makes the webhook of that id what w asks for.
func (s *Service) Change(ctx context.Context, who auth.Actor, w Webhook) (*Webhook, error) {
	if err := who.Require(auth.WriteTranscriptions); err != nil {
		return nil, err
	}
	w, err := s.check(w)
	if err != nil {
		return nil, err
	}
	w.OwnerID = who.UserID
	return s.store.ChangeWebhook(ctx, w)
}

// Delete removes a webhook. What was to be sent to it is not.
func (s *Service) Delete(ctx context.Context, who auth.Actor, id uuid.UUID) error {
	if err := who.Require(auth.WriteTranscriptions); err != nil {
		return err
	}
	return s.store.DeleteWebhook(ctx, who.UserID, id)
}

// Rotate gives a webhook a new secret, which is told this once. For a day what is sent
// is signed with the old one, too.
func (s *Service) Rotate(ctx context.Context, who auth.Actor, id uuid.UUID) (*Webhook, Secret, error) {
	if err := who.Require(auth.WriteTranscriptions); err != nil {
		return nil, "", err
	}
	secret := NewSecret()
	w, err := s.store.ExchangeSecret(ctx, who.UserID, id, secret, Overlap)
	return w, secret, err
}

// Key gives the caller a new signing key for the addresses that come with uploads,
// which is told this once. For a day what is sent is signed with the old one, too.
func (s *Service) Key(ctx context.Context, who auth.Actor) (*Webhook, Secret, error) {
	if err := who.Require(auth.WriteTranscriptions); err != nil {
		return nil, "", err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, "", fmt.Errorf("make an id: %w", err)
	}
	secret := NewSecret()
	w, err := s.store.SetKey(ctx, who.UserID, id, secret, Overlap)
	return w, secret, err
}

// AcceptURL returns the address that comes with an upload in its canonical form; an
// empty one stays empty. Invalid webhook_key_missing: the caller has no signing key,
// so the receiver could not tell whom an event is from.
func (s *Service) AcceptURL(ctx context.Context, who auth.Actor, url string) (string, error) {
	if strings.TrimSpace(url) == "" {
		return "", nil
	}
	url, err := s.rules.CheckURL(url)
	if err != nil {
		return "", fault.Of(err).With("field", "webhookUrl")
	}
	there, err := s.store.HasKey(ctx, who.UserID)
	if err == nil && !there {
		err = fault.New(fault.Invalid, "You have no key yet that events for webhookUrl are signed with. Make one, and give it to the receiver: POST /api/v1/webhooks/key.").
			WithCode("webhook_key_missing").With("field", "webhookUrl")
	}
	return url, err
}

// Test has an event sent to a webhook that says nothing but that it came.
func (s *Service) Test(ctx context.Context, who auth.Actor, id uuid.UUID) (*Delivery, error) {
	if err := who.Require(auth.WriteTranscriptions); err != nil {
		return nil, err
	}
	delivery, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make an id: %w", err)
	}
	payload, err := encode(Test, s.now(), map[string]uuid.UUID{"webhookId": id})
	if err != nil {
		return nil, err
	}
	d := Delivery{ID: delivery, OwnerID: who.UserID, WebhookID: id, Type: Test, Payload: payload}
	if err := s.store.CreateDelivery(ctx, &d); err != nil {
		return nil, err
	}
	s.advance(ctx, d.ID)
	return s.store.Delivery(ctx, who.UserID, d.ID)
}

// Delivery returns one of the caller's.
func (s *Service) Delivery(ctx context.Context, who auth.Actor, id uuid.UUID) (*Delivery, error) {
	if err := who.Require(auth.ReadTranscriptions); err != nil {
		return nil, err
	}
	return s.store.Delivery(ctx, who.UserID, id)
}

// Deliveries returns a page of the caller's, newest first.
func (s *Service) Deliveries(ctx context.Context, who auth.Actor, f Filter) ([]Delivery, error) {
	if err := who.Require(auth.ReadTranscriptions); err != nil {
		return nil, err
	}
	if f.Limit < 1 || f.Limit > MaxPage {
		return nil, fault.New(fault.Invalid, "The limit must be between 1 and %d.", MaxPage).WithCode("invalid_limit").With("field", "limit")
	}
	return s.store.Deliveries(ctx, who.UserID, f)
}

// Replay has a delivery sent once more: the same event under the same id.
func (s *Service) Replay(ctx context.Context, who auth.Actor, id uuid.UUID) (*Delivery, error) {
	if err := who.Require(auth.WriteTranscriptions); err != nil {
		return nil, err
	}
	if err := s.store.Replay(ctx, who.UserID, id); err != nil {
		return nil, err
	}
	s.advance(ctx, id)
	return s.store.Delivery(ctx, who.UserID, id)
}

// advance lets a delivery be sent at once. What cannot be enqueued now is left to the
// reconciler.
func (s *Service) advance(ctx context.Context, id uuid.UUID) {
	if err := s.queue.Advance(ctx, transcription.Ref{ID: id}); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Stringer("delivery", id).Msg("not enqueued yet, left to the reconciler")
	}
}
