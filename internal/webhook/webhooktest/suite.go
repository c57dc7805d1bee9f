package webhooktest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/webhook"
)

// World is a store on the bench, with what only senders can bring about.
type World interface {
	webhook.Store
	// Owner returns somebody new who may have webhooks.
	Owner(t *testing.T) uuid.UUID
	// Finish ends a pending delivery after an attempt.
	Finish(t *testing.T, delivery uuid.UUID, o webhook.Outcome)
}

// TestStore checks that a store keeps the promises of webhook.Store. Open returns a
// store without webhooks; it is called once per test.
func TestStore(t *testing.T, open func(t *testing.T) World) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, World){
		"what was created is found":           testCreate,
		"nobody has too many":                 testTooMany,
		"what is somebody else's is nowhere":  testOwners,
		"a change is seen":                    testChange,
		"the secret before holds for a while": testExchange,
		"a signing key is no webhook":         testKey,
		"pages are newest first":              testPages,
		"a list is narrowed":                  testFilter,
		"how an attempt ended is told":        testOutcome,
		"what has ended is sent again":        testReplay,
		"nothing is sent to who is off":       testInactive,
		"deleting takes the deliveries along": testDelete,
		"nothing is done for who has gone":    testGone,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if err == nil || fault.Of(err).Code != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

func newID(t *testing.T) uuid.UUID {
	t.Helper()
	id, err := uuid.NewV7()
	ok(t, err)
	return id
}

// add makes a webhook for events, completed ones when none are named.
func add(t *testing.T, w World, owner uuid.UUID, events ...webhook.Type) *webhook.Webhook {
	t.Helper()
	if len(events) == 0 {
		events = []webhook.Type{webhook.Completed}
	}
	hook := &webhook.Webhook{ID: newID(t), OwnerID: owner, URL: "https://example.com/" + owner.String(), Events: events, Active: true}
	ok(t, w.CreateWebhook(t.Context(), hook, webhook.NewSecret()))
	return hook
}

func event(t *testing.T, hook *webhook.Webhook) *webhook.Delivery {
	t.Helper()
	return &webhook.Delivery{ID: newID(t), OwnerID: hook.OwnerID, WebhookID: hook.ID, Type: webhook.Test, Payload: `{"type":"webhook.test"}`}
}

// send makes a delivery.
func send(t *testing.T, w World, hook *webhook.Webhook) uuid.UUID {
	t.Helper()
	d := event(t, hook)
	ok(t, w.CreateDelivery(t.Context(), d))
	return d.ID
}

func show(t *testing.T, w World, owner, id uuid.UUID) *webhook.Delivery {
	t.Helper()
	d, err := w.Delivery(t.Context(), owner, id)
	ok(t, err)
	return d
}

func list(t *testing.T, w World, owner uuid.UUID, f webhook.Filter) (ids []uuid.UUID, last webhook.Delivery) {
	t.Helper()
	page, err := w.Deliveries(t.Context(), owner, f)
	ok(t, err)
	for _, d := range page {
		if ids, last = append(ids, d.ID), d; d.Payload != "" || d.Excerpt != "" {
			t.Errorf("a list has what is large: %+v", d)
		}
	}
	return ids, last
}

func testCreate(t *testing.T, w World) {
	owner := w.Owner(t)
	a := add(t, w, owner, webhook.Failed, webhook.Progress)
	b := add(t, w, owner)
	add(t, w, w.Owner(t))
	found, err := w.Webhooks(t.Context(), owner)
	ok(t, err)
	if len(found) != 2 || found[0].ID != b.ID || found[1].ID != a.ID {
		t.Fatalf("got %+v, want the newest first", found)
	}
	read, err := w.Webhook(t.Context(), owner, a.ID)
	ok(t, err)
	for _, got := range []*webhook.Webhook{read, &found[1]} {
		if got.OwnerID != owner || got.URL != a.URL || !slices.Equal(got.Events, a.Events) || !got.Active || got.Disabled != "" ||
			!got.CreatedAt.Equal(a.CreatedAt) || a.CreatedAt.IsZero() || !got.PreviousUntil.IsZero() || !got.FailingSince.IsZero() {
			t.Errorf("got %+v, want %+v", got, a)
		}
	}
}

func testTooMany(t *testing.T, w World) {
	owner := w.Owner(t)
	const more = 5
	made := make(chan error)
	for range webhook.MaxWebhooks + more {
		hook := &webhook.Webhook{ID: newID(t), OwnerID: owner, URL: "https://example.com/", Events: []webhook.Type{webhook.Completed}, Active: true}
		go func() { made <- w.CreateWebhook(t.Context(), hook, webhook.NewSecret()) }()
	}
	refused := 0
	for range webhook.MaxWebhooks + more {
		if err := <-made; err != nil {
			wantCode(t, err, "too_many_webhooks")
			refused++
		}
	}
	if found, err := w.Webhooks(t.Context(), owner); err != nil || refused != more || len(found) != webhook.MaxWebhooks {
		t.Errorf("got %d webhooks and %d refusals, %v", len(found), refused, err)
	}
	add(t, w, w.Owner(t))
}

func testOwners(t *testing.T, w World) {
	owner, other, ctx := w.Owner(t), w.Owner(t), t.Context()
	hook := add(t, w, owner)
	delivery := send(t, w, hook)
	key, err := w.SetKey(ctx, owner, newID(t), webhook.NewSecret(), time.Hour)
	ok(t, err)
	for _, try := range []struct{ owner, hook, delivery uuid.UUID }{{other, hook.ID, delivery}, {owner, newID(t), newID(t)}, {owner, key.ID, newID(t)}} {
		_, readErr := w.Webhook(ctx, try.owner, try.hook)
		_, changeErr := w.ChangeWebhook(ctx, webhook.Webhook{ID: try.hook, OwnerID: try.owner, URL: "https://evil.example", Events: []webhook.Type{webhook.Completed}})
		_, exchangeErr := w.ExchangeSecret(ctx, try.owner, try.hook, webhook.NewSecret(), 0)
		_, deliveryErr := w.Delivery(ctx, try.owner, try.delivery)
		for i, err := range []error{
			readErr, changeErr, exchangeErr, deliveryErr, w.DeleteWebhook(ctx, try.owner, try.hook),
			w.CreateDelivery(ctx, event(t, &webhook.Webhook{ID: try.hook, OwnerID: try.owner})), w.Replay(ctx, try.owner, try.delivery),
		} {
			if !fault.Is(err, fault.NotFound) {
				t.Errorf("%d of %+v: got %v, want not_found", i, try, err)
			}
		}
	}
	if ids, _ := list(t, w, other, webhook.Filter{Limit: 10}); len(ids) != 0 {
		t.Errorf("somebody else sees %v", ids)
	}
	if read, err := w.Webhook(ctx, owner, hook.ID); err != nil || read.URL != hook.URL {
		t.Errorf("got %+v, %v, want it to be as it was", read, err)
	}
}

func testChange(t *testing.T, w World) {
	owner := w.Owner(t)
	hook := add(t, w, owner)
	hook.URL, hook.Events, hook.Description = "https://example.org/", []webhook.Type{webhook.Canceled, webhook.Failed}, "mine"
	changed, err := w.ChangeWebhook(t.Context(), *hook)
	ok(t, err)
	read, err := w.Webhook(t.Context(), owner, hook.ID)
	ok(t, err)
	for _, got := range []*webhook.Webhook{changed, read} {
		if got.URL != hook.URL || !slices.Equal(got.Events, hook.Events) || got.Description != "mine" || !got.Active || got.UpdatedAt.Before(hook.UpdatedAt) {
			t.Errorf("got %+v, want %+v", got, hook)
		}
	}
}

func testExchange(t *testing.T, w World) {
	owner := w.Owner(t)
	hook := add(t, w, owner)
	got, err := w.ExchangeSecret(t.Context(), owner, hook.ID, webhook.NewSecret(), time.Hour)
	ok(t, err)
	if left := time.Until(got.PreviousUntil); got.ID != hook.ID || left < 50*time.Minute || left > 70*time.Minute {
		t.Errorf("the secret before holds for %v, want an hour", left)
	}
}

func testKey(t *testing.T, w World) {
	owner, ctx := w.Owner(t), t.Context()
	there, err := w.HasKey(ctx, owner)
	if there || err != nil {
		t.Errorf("there is a key that nobody has made, %v", err)
	}
	first, err := w.SetKey(ctx, owner, newID(t), webhook.NewSecret(), time.Hour)
	ok(t, err)
	second, err := w.SetKey(ctx, owner, newID(t), webhook.NewSecret(), time.Hour)
	ok(t, err)
	there, err = w.HasKey(ctx, owner)
	if !there || err != nil || first.ID != second.ID || !first.PreviousUntil.IsZero() || second.PreviousUntil.IsZero() {
		t.Errorf("got %+v, then %+v, %v", first, second, err)
	}
	if found, err := w.Webhooks(ctx, owner); err != nil || len(found) != 0 {
		t.Errorf("the key is listed as a webhook: %+v, %v", found, err)
	}
	if there, err := w.HasKey(ctx, w.Owner(t)); there || err != nil {
		t.Errorf("somebody else has it, %v", err)
	}
}

func testPages(t *testing.T, w World) {
	owner := w.Owner(t)
	hook := add(t, w, owner)
	var want, got []uuid.UUID
	for range 5 {
		want = append(want, send(t, w, hook))
	}
	slices.Reverse(want)
	f := webhook.Filter{Limit: 2}
	for {
		ids, last := list(t, w, owner, f)
		if len(ids) == 0 {
			break
		}
		got = append(got, ids...)
		f.After = transcription.Cursor{CreatedAt: last.CreatedAt, ID: last.ID}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func testFilter(t *testing.T, w World) {
	owner := w.Owner(t)
	a, b := add(t, w, owner), add(t, w, owner)
	first, second, third := send(t, w, a), send(t, w, b), send(t, w, a)
	w.Finish(t, first, webhook.Outcome{State: webhook.Delivered})
	for _, tt := range []struct {
		f    webhook.Filter
		want []uuid.UUID
	}{
		{webhook.Filter{}, []uuid.UUID{third, second, first}},
		{webhook.Filter{WebhookID: a.ID}, []uuid.UUID{third, first}},
		{webhook.Filter{WebhookID: newID(t)}, nil},
		{webhook.Filter{State: webhook.Pending}, []uuid.UUID{third, second}},
		{webhook.Filter{State: webhook.Delivered}, []uuid.UUID{first}},
		{webhook.Filter{State: webhook.Pending, WebhookID: b.ID}, []uuid.UUID{second}},
		{webhook.Filter{State: webhook.GivenUp}, nil},
		{webhook.Filter{TranscriptionID: newID(t)}, nil},
	} {
		tt.f.Limit = 10
		if got, _ := list(t, w, owner, tt.f); !slices.Equal(got, tt.want) {
			t.Errorf("%+v: got %v, want %v", tt.f, got, tt.want)
		}
	}
}

func testOutcome(t *testing.T, w World) {
	owner := w.Owner(t)
	id := send(t, w, add(t, w, owner))
	if d := show(t, w, owner, id); d.State != webhook.Pending || d.Payload == "" || d.NextAt.IsZero() || d.Attempts != 0 || !d.AttemptedAt.IsZero() || d.Failure != nil {
		t.Errorf("got %+v before the first attempt", d)
	}
	o := webhook.Outcome{
		State: webhook.GivenUp, Status: 500, Excerpt: "oh", Took: time.Second, Failure: &transcription.Failure{Code: "refused", Message: "No."},
	}
	w.Finish(t, id, o)
	d := show(t, w, owner, id)
	if d.State != o.State || d.Status != 500 || d.Excerpt != "oh" || d.Took != time.Second || d.Failure == nil || *d.Failure != *o.Failure ||
		d.Attempts != 1 || d.AttemptedAt.IsZero() || !d.NextAt.IsZero() {
		t.Errorf("got %+v, want %+v", d, o)
	}
}

func testReplay(t *testing.T, w World) {
	owner := w.Owner(t)
	id := send(t, w, add(t, w, owner))
	for _, state := range []webhook.State{webhook.Delivered, webhook.GivenUp} {
		w.Finish(t, id, webhook.Outcome{State: state})
		ok(t, w.Replay(t.Context(), owner, id))
		if d := show(t, w, owner, id); d.State != webhook.Pending || d.Attempts != 0 || d.NextAt.IsZero() || d.Payload == "" {
			t.Errorf("%s: got %+v", state, d)
		}
	}
}

func testInactive(t *testing.T, w World) {
	owner, ctx := w.Owner(t), t.Context()
	hook := add(t, w, owner)
	ended, waits := send(t, w, hook), send(t, w, hook)
	w.Finish(t, ended, webhook.Outcome{State: webhook.Delivered})
	hook.Active = false
	got, err := w.ChangeWebhook(ctx, *hook)
	ok(t, err)
	if got.Active {
		t.Errorf("got %+v", got)
	}
	if d := show(t, w, owner, waits); d.State != webhook.Withdrawn || !d.NextAt.IsZero() {
		t.Errorf("got %+v, want it canceled", d)
	}
	if d := show(t, w, owner, ended); d.State != webhook.Delivered {
		t.Errorf("got %+v, want it to stay", d)
	}
	wantCode(t, w.Replay(ctx, owner, waits), "webhook_disabled")
	wantCode(t, w.CreateDelivery(ctx, event(t, hook)), "webhook_disabled")
}

func testDelete(t *testing.T, w World) {
	owner, ctx := w.Owner(t), t.Context()
	hook, stays := add(t, w, owner), add(t, w, owner)
	send(t, w, hook)
	kept := send(t, w, stays)
	ok(t, w.DeleteWebhook(ctx, owner, hook.ID))
	_, err := w.Webhook(ctx, owner, hook.ID)
	if !fault.Is(err, fault.NotFound) {
		t.Errorf("got %v, want not_found", err)
	}
	if ids, _ := list(t, w, owner, webhook.Filter{Limit: 10}); !slices.Equal(ids, []uuid.UUID{kept}) {
		t.Errorf("got %v, want %v", ids, kept)
	}
}

func testGone(t *testing.T, w World) {
	owner := w.Owner(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	hook := &webhook.Webhook{ID: newID(t), OwnerID: owner, URL: "https://example.com", Events: []webhook.Type{webhook.Completed}, Active: true}
	if err := w.CreateWebhook(ctx, hook, webhook.NewSecret()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if found, err := w.Webhooks(t.Context(), owner); err != nil || len(found) != 0 {
		t.Errorf("got %+v, %v", found, err)
	}
}
