package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/webhook"
)

// Webhooks is what of the database needs the keys of secrets.
type Webhooks struct {
	*DB
	keys sealer
}

// webhookSecrets are bound to the webhook.
var webhookSecrets = sealedTable{"webhooks", "id", []string{"secret", "previous"}}

var (
	_ webhook.Store  = (*Webhooks)(nil)
	_ webhook.Outbox = (*Webhooks)(nil)
)

// Webhooks returns the webhooks and their deliveries. Keys encrypt their secrets: the
// first one those that are written, all of them those that are read. Invalid: there
// is none, or one is too short.
func (db *DB) Webhooks(keys []string) (*Webhooks, error) {
	s, err := newSealer(keys)
	return &Webhooks{DB: db, keys: s}, err
}

type webhookRow struct {
	bun.BaseModel `bun:"table:webhooks,alias:w"`

	ID            uuid.UUID `bun:",pk"`
	OwnerID       uuid.UUID
	URL           string         `bun:"url"`
	Events        []webhook.Type `bun:",array"`
	Description   string
	Active        bool
	Disabled      string
	DisabledAt    time.Time `bun:",nullzero"`
	Secret        []byte
	Previous      []byte
	PreviousUntil time.Time `bun:",nullzero"`
	SealedBy      string
	FailingSince  time.Time `bun:",nullzero"`
	CreatedAt     time.Time `bun:",nullzero,default:now()"`
	UpdatedAt     time.Time `bun:",nullzero,default:now()"`
}

func (r *webhookRow) domain() *webhook.Webhook {
	w := &webhook.Webhook{
		ID: r.ID, OwnerID: r.OwnerID, URL: r.URL, Events: r.Events, Description: r.Description, Active: r.Active, Disabled: r.Disabled,
		DisabledAt: utc(r.DisabledAt), FailingSince: utc(r.FailingSince), CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
	if r.PreviousUntil.After(time.Now()) {
		w.PreviousUntil = r.PreviousUntil.UTC()
	}
	return w
}

// noWebhook is the fault of whoever asks for a webhook that is not there.
func noWebhook(err error, id uuid.UUID) error { return none(err, "There is no webhook %s.", id) }

// CreateWebhook inserts w with its secret and sets its times. Conflict
// too_many_webhooks: its owner has as many as one may have.
func (h *Webhooks) CreateWebhook(ctx context.Context, w *webhook.Webhook, s webhook.Secret) error {
	row := &webhookRow{ID: w.ID, OwnerID: w.OwnerID, URL: w.URL, Events: w.Events, Description: clean(w.Description), Active: w.Active, SealedBy: h.keys.by()}
	err := h.inTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		var n int
		if _, err := tx.NewRaw("SELECT FROM users WHERE id = ? FOR NO KEY UPDATE", w.OwnerID).Exec(ctx); err != nil { // those of one owner queue up
			return err
		}
		err = tx.NewRaw("SELECT count(*) FROM webhooks WHERE owner_id = ? AND url <> ''", w.OwnerID).Scan(ctx, &n)
		if err != nil {
			return err
		}
		if n >= webhook.MaxWebhooks {
			return fault.New(fault.Conflict, "You have %d webhooks, and may have no more. Delete one, or let one receiver get more events.", n).
				WithCode("too_many_webhooks").With("limit", webhook.MaxWebhooks)
		}
		if row.Secret, err = h.keys.seal(ctx, tx.Tx, webhookSecrets.place(row.ID), string(s)); err != nil {
			return err
		}
		return tx.NewInsert().Model(row).Returning("created_at, updated_at").Scan(ctx)
	})
	w.CreatedAt, w.UpdatedAt = row.CreatedAt.UTC(), row.UpdatedAt.UTC()
	return wrap(err, "create webhook %s", w.ID)
}

// Webhook returns one. NotFound: there is none of that id, or it belongs to somebody
// else.
func (h *Webhooks) Webhook(ctx context.Context, owner, id uuid.UUID) (*webhook.Webhook, error) {
	row, err := ownWebhook(ctx, h.bun, owner, id)
	if err != nil {
		return nil, wrap(err, "read webhook %s", id)
	}
	return row.domain(), nil
}

// ownWebhook reads the webhook of an owner, but for the signing key of uploads.
func ownWebhook(ctx context.Context, db bun.IDB, owner, id uuid.UUID) (*webhookRow, error) {
	row := new(webhookRow)
	err := db.NewSelect().Model(row).Where("w.id = ?", id).Where("w.owner_id = ?", owner).Where("w.url <> ''").Scan(ctx)
	return row, noWebhook(err, id)
}

// Webhooks returns all of an owner, newest first.
func (h *Webhooks) Webhooks(ctx context.Context, owner uuid.UUID) ([]webhook.Webhook, error) {
	var rows []webhookRow
	err := h.bun.NewSelect().Model(&rows).Where("w.owner_id = ?", owner).Where("w.url <> ''").
		Order("w.created_at DESC", "w.id DESC").Limit(webhook.MaxWebhooks).Scan(ctx)
	found := make([]webhook.Webhook, len(rows))
	for i := range rows {
		found[i] = *rows[i].domain()
	}
	return found, wrap(err, "list webhooks")
}

// ChangeWebhook makes the URL, the events, the description and Active those of w. What
// was to be sent to one that is not active any more is canceled. NotFound: there is
// none of that id, or it belongs to somebody else.
func (h *Webhooks) ChangeWebhook(ctx context.Context, w webhook.Webhook) (*webhook.Webhook, error) {
	row := &webhookRow{ID: w.ID, URL: w.URL, Events: w.Events, Description: clean(w.Description), Active: w.Active}
	err := h.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		err := tx.NewUpdate().Model(row).Column("url", "events", "description", "active").
			Set("disabled = CASE WHEN ? THEN '' ELSE w.disabled END", w.Active).
			Set("disabled_at = CASE WHEN ? THEN NULL ELSE w.disabled_at END", w.Active).
			Set("failing_since = CASE WHEN w.active AND w.url = ? THEN w.failing_since END", w.URL).Set("updated_at = clock_timestamp()").
			WherePK().Where("w.owner_id = ?", w.OwnerID).Where("w.url <> ''").Returning("*").Scan(ctx)
		if err != nil || w.Active {
			return noWebhook(err, w.ID)
		}
		return withdraw(ctx, tx, w.ID)
	})
	if err != nil {
		return nil, wrap(err, "change webhook %s", w.ID)
	}
	return row.domain(), nil
}

// DeleteWebhook removes it with its deliveries. NotFound: there is none of that id, or
// it belongs to somebody else.
func (h *Webhooks) DeleteWebhook(ctx context.Context, owner, id uuid.UUID) error {
	n, err := affected(h.bun.NewDelete().Model((*webhookRow)(nil)).Where("id = ?", id).Where("owner_id = ?", owner).Where("url <> ''").Exec(ctx))
	if err == nil && n == 0 {
		err = fault.New(fault.NotFound, "There is no webhook %s.", id)
	}
	return wrap(err, "delete webhook %s", id)
}

// ExchangeSecret replaces the secret of a webhook. The one before signs as well for the
// overlap. NotFound: there is none of that id, or it belongs to somebody else.
func (h *Webhooks) ExchangeSecret(ctx context.Context, owner, id uuid.UUID, s webhook.Secret, overlap time.Duration) (w *webhook.Webhook, err error) {
	err = h.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		row := new(webhookRow)
		err := tx.NewSelect().Model(row).Where("w.id = ?", id).Where("w.owner_id = ?", owner).Where("w.url <> ''").For("NO KEY UPDATE").Scan(ctx)
		if err != nil {
			return noWebhook(err, id)
		}
		w, err = h.exchange(ctx, tx, row, s, overlap)
		return err
	})
	return w, wrap(err, "exchange the secret of webhook %s", id)
}

// exchange writes both secrets anew: the one before may have been encrypted with
// another key.
func (h *Webhooks) exchange(ctx context.Context, tx bun.Tx, row *webhookRow, s webhook.Secret, overlap time.Duration) (*webhook.Webhook, error) {
	place := webhookSecrets.place(row.ID)
	before, err := h.keys.open(ctx, tx.Tx, sealedText{place, row.SealedBy, row.Secret})
	if err != nil {
		return nil, err
	}
	if row.Previous, err = h.keys.seal(ctx, tx.Tx, place, before); err != nil {
		return nil, err
	}
	if row.Secret, err = h.keys.seal(ctx, tx.Tx, place, string(s)); err != nil {
		return nil, err
	}
	row.SealedBy = h.keys.by()
	err = tx.NewUpdate().Model(row).Column("secret", "previous", "sealed_by").
		Set("previous_until = clock_timestamp() + make_interval(secs => ?)", overlap.Seconds()).Set("updated_at = clock_timestamp()").
		WherePK().Returning("*").Scan(ctx)
	return row.domain(), err
}

// SetKey makes s the owner's signing key for uploads. The one before, if any, signs as
// well for the overlap; if there was none, id becomes its name.
func (h *Webhooks) SetKey(ctx context.Context, owner, id uuid.UUID, s webhook.Secret, overlap time.Duration) (w *webhook.Webhook, err error) {
	err = h.inTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		row := &webhookRow{ID: id, OwnerID: owner, Events: []webhook.Type{}, Active: true, SealedBy: h.keys.by()}
		if row.Secret, err = h.keys.seal(ctx, tx.Tx, webhookSecrets.place(row.ID), string(s)); err != nil {
			return err
		}
		n, err := affected(tx.NewInsert().Model(row).On("CONFLICT (owner_id) WHERE url = '' DO NOTHING").Returning("NULL").Exec(ctx))
		if err != nil {
			return err
		}
		had := new(webhookRow)
		err = tx.NewSelect().Model(had).Where("w.owner_id = ?", owner).Where("w.url = ''").For("NO KEY UPDATE").Scan(ctx)
		if err != nil || n > 0 {
			w = had.domain()
			return err
		}
		w, err = h.exchange(ctx, tx, had, s, overlap)
		return err
	})
	return w, wrap(err, "set the signing key of %s", owner)
}

// HasKey reports whether the owner has a signing key for uploads.
func (h *Webhooks) HasKey(ctx context.Context, owner uuid.UUID) (there bool, err error) {
	err = h.bun.NewRaw("SELECT EXISTS (SELECT FROM webhooks WHERE owner_id = ? AND url = '')", owner).Scan(ctx, &there)
	return there, wrap(err, "look for the signing key of %s", owner)
}

// secrets returns those that sign what is sent now, the present one first.
func (h *Webhooks) secrets(ctx context.Context, row *webhookRow) ([]webhook.Secret, error) {
	sealed := [][]byte{row.Secret}
	if row.Previous != nil {
		sealed = append(sealed, row.Previous)
	}
	found := make([]webhook.Secret, len(sealed))
	for i, b := range sealed {
		text, err := h.keys.open(ctx, h.bun.DB, sealedText{webhookSecrets.place(row.ID), row.SealedBy, b})
		if err != nil {
			return nil, fmt.Errorf("open a secret: %w", err)
		}
		found[i] = webhook.Secret(text)
	}
	return found, nil
}
