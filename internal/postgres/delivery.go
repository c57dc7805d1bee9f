package postgres

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/webhook"
)

// The states of a delivery that has ended. Before, they are those of a step.
const (
	delivered = "delivered"
	givenUp   = failed
	withdrawn = canceled
)

// underway are the states of a delivery that is to be sent.
var underway = []string{waiting, dispatched, running}

type deliveryRow struct {
	bun.BaseModel `bun:"table:deliveries,alias:d"`

	ID              uuid.UUID `bun:",pk"`
	OwnerID         uuid.UUID
	WebhookID       uuid.UUID
	TranscriptionID uuid.NullUUID
	BatchID         uuid.NullUUID
	URL             string `bun:"url"`
	Type            webhook.Type
	Payload         string
	State           string `bun:",nullzero,default:'waiting'"`
	Attempts        int
	MaxAttempts     int
	NextAt          time.Time `bun:",nullzero,default:now()"`
	Status          int
	Excerpt         string
	FailureCode     string
	FailureMessage  string
	TookUS          int64     `bun:"took_us"`
	AttemptedAt     time.Time `bun:",nullzero"`
	CreatedAt       time.Time `bun:",nullzero,default:now()"`
}

func newDeliveryRow(d *webhook.Delivery) *deliveryRow {
	return &deliveryRow{
		ID: d.ID, OwnerID: d.OwnerID, WebhookID: d.WebhookID, TranscriptionID: uuid.NullUUID{UUID: d.TranscriptionID, Valid: d.TranscriptionID != uuid.Nil}, BatchID: uuid.NullUUID{UUID: d.BatchID, Valid: d.BatchID != uuid.Nil},
		URL: d.URL, Type: d.Type, Payload: d.Payload, MaxAttempts: webhook.Attempts(d.Type),
	}
}

func (r *deliveryRow) domain() *webhook.Delivery {
	d := &webhook.Delivery{
		ID: r.ID, OwnerID: r.OwnerID, WebhookID: r.WebhookID, TranscriptionID: r.TranscriptionID.UUID, BatchID: r.BatchID.UUID, URL: r.URL, Type: r.Type, Payload: r.Payload,
		State: webhook.State(r.State), Attempts: r.Attempts, Status: r.Status, Excerpt: r.Excerpt, Took: time.Duration(r.TookUS) * time.Microsecond,
		AttemptedAt: utc(r.AttemptedAt), CreatedAt: r.CreatedAt.UTC(),
	}
	switch r.State {
	case waiting, dispatched, running:
		d.State, d.NextAt = webhook.Pending, r.NextAt.UTC()
	}
	if r.FailureCode != "" {
		d.Failure = &transcription.Failure{Code: r.FailureCode, Message: r.FailureMessage}
	}
	return d
}

// inState narrows q to the deliveries in a state as the API has it.
func inState(q *bun.SelectQuery, s webhook.State) *bun.SelectQuery {
	if s == webhook.Pending {
		return q.Where("d.state IN (?)", bun.List(underway))
	}
	return q.Where("d.state = ?", s)
}

// CreateDelivery inserts a delivery, to be sent now. NotFound: there is no such
// webhook, or it belongs to somebody else. Conflict webhook_disabled: it is not active.
func (h *Webhooks) CreateDelivery(ctx context.Context, d *webhook.Delivery) error {
	err := h.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		var active bool
		err := tx.NewRaw("SELECT active FROM webhooks WHERE id = ? AND owner_id = ? AND url <> '' FOR SHARE", d.WebhookID, d.OwnerID).Scan(ctx, &active)
		if err != nil {
			return noWebhook(err, d.WebhookID)
		}
		if !active {
			return inactive()
		}
		_, err = tx.NewInsert().Model(newDeliveryRow(d)).Exec(ctx)
		return err
	})
	return wrap(err, "create delivery %s", d.ID)
}

func inactive() error {
	return fault.New(fault.Conflict, "This webhook is not active, so nothing is sent to it. Make it active first.").WithCode("webhook_disabled")
}

// Delivery returns one. NotFound: there is none of that id, or it belongs to somebody
// else.
func (h *Webhooks) Delivery(ctx context.Context, owner, id uuid.UUID) (*webhook.Delivery, error) {
	row := new(deliveryRow)
	if err := h.bun.NewSelect().Model(row).Where("d.id = ?", id).Where("d.owner_id = ?", owner).Scan(ctx); err != nil {
		return nil, wrap(noDelivery(err, id), "read delivery %s", id)
	}
	return row.domain(), nil
}

func noDelivery(err error, id uuid.UUID) error { return none(err, "There is no delivery %s.", id) }

// Deliveries returns a page, newest first, without payloads and excerpts.
func (h *Webhooks) Deliveries(ctx context.Context, owner uuid.UUID, f webhook.Filter) ([]webhook.Delivery, error) {
	var rows []deliveryRow
	q := h.bun.NewSelect().Model(&rows).ExcludeColumn("payload", "excerpt").Where("d.owner_id = ?", owner).
		Order("d.created_at DESC", "d.id DESC").Limit(int64(min(max(f.Limit, 1), webhook.MaxPage)))
	if f.WebhookID != uuid.Nil {
		q = q.Where("d.webhook_id = ?", f.WebhookID)
	}
	if f.TranscriptionID != uuid.Nil {
		q = q.Where("d.transcription_id = ?", f.TranscriptionID)
	}
	if f.State != "" {
		q = inState(q, f.State)
	}
	if f.After != (transcription.Cursor{}) {
		q = q.Where("(d.created_at, d.id) < (?, ?)", f.After.CreatedAt, f.After.ID)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, wrap(err, "list deliveries")
	}
	page := make([]webhook.Delivery, len(rows))
	for i := range rows {
		page[i] = *rows[i].domain()
	}
	return page, nil
}

// Replay has a delivery sent now, with all attempts before it again, whatever became of
// it. One that is being sent is left alone. NotFound: there is none of that id, or it
// belongs to somebody else. Conflict webhook_disabled: its webhook is not active.
func (h *Webhooks) Replay(ctx context.Context, owner, id uuid.UUID) error {
	err := h.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		var active bool
		err := tx.NewRaw(`SELECT w.active FROM deliveries AS d JOIN webhooks AS w ON w.id = d.webhook_id
			WHERE d.id = ? AND d.owner_id = ? FOR SHARE OF w`, id, owner).Scan(ctx, &active)
		if err != nil {
			return noDelivery(err, id)
		}
		if !active {
			return inactive()
		}
		_, err = tx.NewUpdate().Model((*deliveryRow)(nil)).Set("state = ?", waiting).Set("attempts = 0").Set("next_at = now()").
			Where("d.id = ?", id).Where("d.state NOT IN (?)", bun.List([]string{dispatched, running})).Exec(ctx)
		return err
	})
	return wrap(err, "replay delivery %s", id)
}

// withdraw cancels what is still to be sent to a webhook.
func withdraw(ctx context.Context, tx bun.Tx, id uuid.UUID) error {
	_, err := unlease(tx.NewUpdate().Model((*deliveryRow)(nil)).Set("state = ?", withdrawn)).
		Where("d.webhook_id = ?", id).Where("d.state IN (?)", bun.List(underway)).Exec(ctx)
	return err
}

// Message returns what is to be sent. Conflict: the lease is lost.
func (h *Webhooks) Message(ctx context.Context, delivery, lease uuid.UUID) (webhook.Message, error) {
	m := webhook.Message{ID: delivery}
	row := new(webhookRow)
	err := h.bun.NewRaw(`SELECT d.type, coalesce(nullif(d.url, ''), w.url), d.payload, w.id, w.secret, w.sealed_by,
			CASE WHEN w.previous_until > clock_timestamp() THEN w.previous END
		FROM deliveries AS d JOIN webhooks AS w ON w.id = d.webhook_id
		WHERE d.id = ? AND d.state = ? AND d.lease_token = ?`, delivery, running, lease).
		Scan(ctx, &m.Type, &m.URL, &m.Payload, &row.ID, &row.Secret, &row.SealedBy, &row.Previous)
	if errors.Is(err, sql.ErrNoRows) {
		err = lostDelivery(delivery)
	}
	if err == nil {
		m.Secrets, err = h.secrets(ctx, row)
	}
	return m, wrap(err, "read what delivery %s is to send", delivery)
}

func lostDelivery(id uuid.UUID) error {
	return fault.New(fault.Conflict, "The lease on delivery %s is lost.", id)
}

// Settle records what became of an attempt, which ends the lease. A receiver that wants
// nothing any more, or has not been reached for days, has its webhook disabled.
// Conflict: the lease is lost. The webhook is locked first, as by those who change it.
func (h *Webhooks) Settle(ctx context.Context, delivery, lease uuid.UUID, o webhook.Outcome) error {
	err := h.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		var id uuid.UUID
		var own bool
		err := tx.NewRaw(`SELECT w.id, w.url <> '' AS own FROM deliveries AS d JOIN webhooks AS w ON w.id = d.webhook_id
			WHERE d.id = ? AND d.state = ? AND d.lease_token = ? FOR NO KEY UPDATE OF w`, delivery, running, lease).Scan(ctx, &id, &own)
		if errors.Is(err, sql.ErrNoRows) {
			return lostDelivery(delivery)
		}
		if err != nil {
			return err
		}
		if err := settle(ctx, tx, delivery, lease, o); err != nil || !own {
			return err
		}
		return judge(ctx, tx, id, o)
	})
	return wrap(err, "settle delivery %s", delivery)
}

// settle writes an outcome into the row of its delivery.
func settle(ctx context.Context, tx bun.Tx, delivery, lease uuid.UUID, o webhook.Outcome) error {
	row := &deliveryRow{ID: delivery, State: string(o.State), Status: o.Status, Excerpt: clean(o.Excerpt), TookUS: o.Took.Microseconds()}
	if o.State == webhook.Pending {
		row.State = waiting
	}
	if o.Failure != nil {
		row.FailureCode, row.FailureMessage = o.Failure.Code, o.Failure.Message
	}
	n, err := affected(unlease(tx.NewUpdate().Model(row).Column("state", "status", "excerpt", "failure_code", "failure_message", "took_us")).
		Set("attempted_at = clock_timestamp()").Set("next_at = clock_timestamp() + make_interval(secs => ?)", o.After.Seconds()).
		WherePK().Where("d.state = ?", running).Where("d.lease_token = ?", lease).Exec(ctx))
	if err == nil && n == 0 {
		return lostDelivery(delivery)
	}
	return err
}

// judge draws the conclusions from an outcome for the webhook itself.
func judge(ctx context.Context, tx bun.Tx, id uuid.UUID, o webhook.Outcome) error {
	if o.State == webhook.Delivered {
		_, err := tx.NewRaw("UPDATE webhooks SET failing_since = NULL WHERE id = ? AND failing_since IS NOT NULL", id).Exec(ctx)
		return err
	}
	var hopeless bool
	err := tx.NewRaw(`UPDATE webhooks SET failing_since = coalesce(failing_since, now()) WHERE id = ?
		RETURNING failing_since < now() - make_interval(secs => ?)`, id, webhook.FailingTime.Seconds()).Scan(ctx, &hopeless)
	switch {
	case err != nil:
		return err
	case o.Gone:
		return disable(ctx, tx, id, webhook.Gone)
	case o.State == webhook.GivenUp && hopeless:
		return disable(ctx, tx, id, webhook.Failing)
	default:
		return nil
	}
}

// disable ends sending to a webhook.
func disable(ctx context.Context, tx bun.Tx, id uuid.UUID, why string) error {
	_, err := tx.NewRaw("UPDATE webhooks SET active = false, disabled = ?, disabled_at = now(), updated_at = clock_timestamp() WHERE id = ?", why, id).Exec(ctx)
	if err != nil {
		return err
	}
	return withdraw(ctx, tx, id)
}

// OldestDue returns for how long the delivery has been due that waits the longest for
// somebody to send it; 0 when none waits.
func (db *DB) OldestDue(ctx context.Context) (time.Duration, error) {
	var seconds float64
	err := db.bun.NewRaw(`SELECT coalesce(extract(epoch FROM now() - min(next_at)), 0)::float8 FROM deliveries
		WHERE state IN (?) AND next_at < now()`, bun.List([]string{waiting, dispatched})).Scan(ctx, &seconds)
	return time.Duration(seconds * float64(time.Second)), wrap(err, "look for the oldest delivery that is due")
}

// DisabledWebhooks returns how many webhooks are disabled, by why.
func (db *DB) DisabledWebhooks(ctx context.Context) (map[string]int, error) {
	var rows []struct {
		Disabled string
		N        int
	}
	err := db.bun.NewRaw("SELECT disabled, count(*) AS n FROM webhooks WHERE disabled <> '' GROUP BY 1 ORDER BY 1").Scan(ctx, &rows)
	found := map[string]int{webhook.Gone: 0, webhook.Failing: 0}
	for _, r := range rows {
		found[r.Disabled] = r.N
	}
	return found, wrap(err, "count disabled webhooks")
}
