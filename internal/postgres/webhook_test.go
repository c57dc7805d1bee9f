package postgres_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/webhook"
	"github.com/turboscribe/turboscribe/internal/webhook/webhooktest"
)

const sealKey = "a key of at least thirty-two bytes"

func hooks(t testing.TB, db *postgres.DB, keys ...string) *postgres.Webhooks {
	t.Helper()
	if len(keys) == 0 {
		keys = []string{sealKey}
	}
	h, err := db.Webhooks(keys)
	ok(t, err)
	return h
}

// addWebhook makes a webhook for events, completed ones when none are named.
func addWebhook(t testing.TB, h *postgres.Webhooks, owner uuid.UUID, events ...webhook.Type) *webhook.Webhook {
	t.Helper()
	if len(events) == 0 {
		events = []webhook.Type{webhook.Completed}
	}
	w := &webhook.Webhook{ID: newID(t), OwnerID: owner, URL: "https://example.com/" + owner.String(), Events: events, Active: true}
	ok(t, h.CreateWebhook(t.Context(), w, webhook.NewSecret()))
	return w
}

// hookWorld is the database with those who send events.
type hookWorld struct{ *hookStore }

type hookStore = postgres.Webhooks

func (w hookWorld) Owner(t *testing.T) uuid.UUID { return addUser(t, w.DB) }

func (w hookWorld) Finish(t *testing.T, id uuid.UUID, o webhook.Outcome) {
	ok(t, w.Settle(t.Context(), id, claimDelivery(t, w.DB, id).Token, o))
}

func TestDB_webhooks(t *testing.T) {
	t.Parallel()
	webhooktest.TestStore(t, func(t *testing.T) webhooktest.World { return hookWorld{hooks(t, pgtest.New(t))} })
}

// secretsOf returns what signs the events of a webhook now.
func secretsOf(t testing.TB, h *postgres.Webhooks, w *webhook.Webhook) []webhook.Secret {
	t.Helper()
	m, _ := sending(t, h, w)
	return m.Secrets
}

// sending makes a delivery for w and takes it to where it is about to be sent.
func sending(t testing.TB, h *postgres.Webhooks, w *webhook.Webhook) (webhook.Message, uuid.UUID) {
	t.Helper()
	d := testEvent(t, w)
	ok(t, h.CreateDelivery(t.Context(), d))
	l := claimDelivery(t, h.DB, d.ID)
	m, err := h.Message(t.Context(), d.ID, l.Token)
	ok(t, err)
	ok(t, h.Settle(t.Context(), d.ID, l.Token, webhook.Outcome{State: webhook.Delivered}))
	return m, l.Token
}

func TestExchangeSecret(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	h, owner, ctx := hooks(t, db), addUser(t, db), t.Context()
	w := &webhook.Webhook{ID: newID(t), OwnerID: owner, URL: "https://example.com/", Events: []webhook.Type{webhook.Completed}, Active: true}
	first, second := webhook.NewSecret(), webhook.NewSecret()
	ok(t, h.CreateWebhook(ctx, w, first))
	if got := secretsOf(t, h, w); !slices.Equal(got, []webhook.Secret{first}) {
		t.Error("a new webhook is not signed for with its secret")
	}
	exchanged, err := h.ExchangeSecret(ctx, owner, w.ID, second, time.Hour)
	ok(t, err)
	if left := time.Until(exchanged.PreviousUntil); left < 50*time.Minute || left > 70*time.Minute {
		t.Errorf("the secret before holds for %v, want an hour", left)
	}
	if got := secretsOf(t, h, w); !slices.Equal(got, []webhook.Secret{second, first}) {
		t.Error("both secrets have to sign, the new one first")
	}
	execSQL(t, db, "UPDATE webhooks SET previous_until = now() - interval '1 second'")
	if got := secretsOf(t, h, w); !slices.Equal(got, []webhook.Secret{second}) {
		t.Error("the secret before signs for ever")
	}
	if read, err := h.Webhook(ctx, owner, w.ID); err != nil || !read.PreviousUntil.IsZero() {
		t.Errorf("got %+v, %v", read, err)
	}
}

// What lies in the database tells no secret, and is of no use without the key.
func TestWebhooks_sealed(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	h, owner, ctx := hooks(t, db), addUser(t, db), t.Context()
	w := &webhook.Webhook{ID: newID(t), OwnerID: owner, URL: "https://example.com/", Events: []webhook.Type{webhook.Completed}, Active: true}
	secret := webhook.NewSecret()
	ok(t, h.CreateWebhook(ctx, w, secret))
	row := readSQL[string](t, db, "SELECT w::text || encode(secret, 'escape') FROM webhooks AS w")
	if strings.Contains(row, string(secret[6:20])) || strings.Contains(row, sealKey) {
		t.Errorf("the row tells the secret: %s", row)
	}
	stranger := hooks(t, db, strings.Repeat("x", 32))
	d := testEvent(t, w)
	ok(t, h.CreateDelivery(ctx, d))
	_, err := stranger.Message(ctx, d.ID, claimDelivery(t, db, d.ID).Token)
	if err == nil || !strings.Contains(err.Error(), "TS_ENCRYPTION_KEY") {
		t.Errorf("got %v, want an error that names the setting", err)
	}
	// A key whose name is right and whose value is not must not get into messages.
	execSQL(t, db, "UPDATE webhooks SET secret = 'no message of pgp'")
	_, err = h.ExchangeSecret(ctx, owner, w.ID, webhook.NewSecret(), time.Hour)
	if err == nil || strings.Contains(err.Error(), sealKey) {
		t.Errorf("got %v, want an error without the key", err)
	}
}

// TestSealed_bound: pgcrypto finds changes by a bare hash, and one row's secret could stand in
// another's. Whoever writes into the tables without the key now changes nothing unseen.
func TestSealed_bound(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	h, owner, ctx := hooks(t, db), addUser(t, db), t.Context()
	first, second := addWebhook(t, h, owner), addWebhook(t, h, owner)
	a, ada, bob := people(t, db), addUser(t, db), addUser(t, db)
	addFactor(t, a, ada)
	execSQL(t, db, "UPDATE webhooks SET secret = (SELECT secret FROM webhooks WHERE id = ?) WHERE id = ?", first.ID, second.ID)
	if _, err := h.ExchangeSecret(ctx, owner, second.ID, webhook.NewSecret(), time.Hour); err == nil {
		t.Error("the secret of another webhook is taken for this one's")
	}
	execSQL(t, db, "UPDATE factors SET user_id = ?", bob)
	if _, err := a.Factor(ctx, bob); err == nil {
		t.Error("the seed of somebody else is taken for this one's")
	}
	execSQL(t, db, "UPDATE webhooks SET sealed_by = split_part(sealed_by, ':', 2)")
	if _, err := h.ExchangeSecret(ctx, owner, first.ID, webhook.NewSecret(), time.Hour); err == nil {
		t.Error("it is taken for one of an earlier version")
	}
}

// TestReseal_earlier: what earlier versions have encrypted is read, and bound to its row by
// api migrate.
func TestReseal_earlier(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	h, owner, ctx := hooks(t, db), addUser(t, db), t.Context()
	w := addWebhook(t, h, owner)
	secret := webhook.NewSecret()
	earlier := func() {
		execSQL(t, db, "UPDATE webhooks SET sealed_by = split_part(sealed_by, ':', 2), secret = pgp_sym_encrypt(?, ?, 'cipher-algo=aes256, s2k-mode=1')", string(secret), sealKey)
	}
	earlier()
	if got := secretsOf(t, h, w); !slices.Equal(got, []webhook.Secret{secret}) {
		t.Error("it cannot be read")
	}
	n, err := db.Reseal(ctx, []string{sealKey})
	ok(t, err)
	if again, err := db.Reseal(ctx, []string{sealKey}); n != 1 || again != 0 || err != nil {
		t.Errorf("got %d, then %d, %v, want 1, then 0", n, again, err)
	}
	if by := readSQL[string](t, db, "SELECT sealed_by FROM webhooks"); !strings.HasPrefix(by, "bound:") {
		t.Errorf("got %s, want it bound", by)
	}
	if got := secretsOf(t, h, w); !slices.Equal(got, []webhook.Secret{secret}) {
		t.Error("it cannot be read afterwards")
	}
}

func TestReseal(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	h, owner, ctx := hooks(t, db), addUser(t, db), t.Context()
	w := addWebhook(t, h, owner)
	_, err := h.ExchangeSecret(ctx, owner, w.ID, webhook.NewSecret(), time.Hour)
	ok(t, err)
	addWebhook(t, h, owner)
	before := secretsOf(t, h, w)

	fresh := strings.Repeat("f", 32)
	user := addUser(t, db)
	seed := addFactor(t, people(t, db), user)
	addFactor(t, people(t, db), owner)

	_, err = db.Reseal(ctx, []string{fresh})
	if err == nil || strings.Contains(err.Error(), sealKey) {
		t.Errorf("got %v, want an error: the old key is gone", err)
	}
	both := hooks(t, db, fresh, sealKey)
	if got := secretsOf(t, both, w); !slices.Equal(got, before) {
		t.Error("what the old key has encrypted cannot be read beside the new one")
	}
	n, err := db.Reseal(ctx, []string{fresh, sealKey})
	ok(t, err)
	if again, err := db.Reseal(ctx, []string{fresh, sealKey}); n != 4 || again != 0 || err != nil {
		t.Errorf("got %d, then %d, %v, want 4, then 0", n, again, err)
	}
	if got := secretsOf(t, hooks(t, db, fresh), w); !slices.Equal(got, before) {
		t.Error("the new key alone does not open the secrets")
	}
	if f, err := people(t, db, fresh).Factor(ctx, user); err != nil || f.Seed != seed {
		t.Errorf("the new key alone does not open the seeds: %v", err)
	}
}

func TestWebhooks_badKeys(t *testing.T) {
	t.Parallel()
	db, err := postgres.Open(postgres.Options{URL: "postgres://localhost/x"})
	ok(t, err)
	t.Cleanup(func() { ok(t, db.Close()) })
	for _, keys := range [][]string{nil, {"short"}, {sealKey, ""}} {
		_, err := db.Webhooks(keys)
		wantKind(t, err, fault.Invalid)
		if strings.Contains(err.Error(), sealKey) {
			t.Errorf("the error tells a key: %v", err)
		}
	}
}

func deliveriesOf(t testing.TB, h *postgres.Webhooks, owner uuid.UUID) []webhook.Delivery {
	t.Helper()
	list, err := h.Deliveries(context.WithoutCancel(t.Context()), owner, webhook.Filter{Limit: webhook.MaxPage})
	ok(t, err)
	return list
}

func testEvent(t testing.TB, w *webhook.Webhook) *webhook.Delivery {
	t.Helper()
	return &webhook.Delivery{ID: newID(t), OwnerID: w.OwnerID, WebhookID: w.ID, Type: webhook.Test, Payload: `{"type":"webhook.test"}`}
}
