package api

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/webhook"
)

// webhookBody is what a client asks for.
type webhookBody struct {
	URL         string         `json:"url"`
	Events      []webhook.Type `json:"events"`
	Description string         `json:"description"`
	Active      *bool          `json:"active"` // nil: true
}

func (b webhookBody) webhook() webhook.Webhook {
	return webhook.Webhook{URL: b.URL, Events: b.Events, Description: b.Description, Active: b.Active == nil || *b.Active}
}

type webhookJSON struct {
	ID                  uuid.UUID      `json:"id"`
	URL                 string         `json:"url"`
	Events              []webhook.Type `json:"events"`
	Description         string         `json:"description"`
	Active              bool           `json:"active"`
	Disabled            *string        `json:"disabled"`
	DisabledAt          timestamp      `json:"disabledAt"`
	PreviousSecretUntil timestamp      `json:"previousSecretUntil"`
	FailingSince        timestamp      `json:"failingSince"`
	CreatedAt           timestamp      `json:"createdAt"`
	UpdatedAt           timestamp      `json:"updatedAt"`
}

type webhookSecretJSON struct {
	webhookJSON
	Secret string `json:"secret"`
}

type keyJSON struct {
	Secret              string    `json:"secret"`
	PreviousSecretUntil timestamp `json:"previousSecretUntil"`
}

func newWebhookJSON(w *webhook.Webhook) webhookJSON {
	return webhookJSON{
		ID: w.ID, URL: w.URL, Events: w.Events, Description: w.Description, Active: w.Active, Disabled: orNull(w.Disabled), DisabledAt: timestamp(w.DisabledAt),
		PreviousSecretUntil: timestamp(w.PreviousUntil), FailingSince: timestamp(w.FailingSince),
		CreatedAt: timestamp(w.CreatedAt), UpdatedAt: timestamp(w.UpdatedAt),
	}
}

func newWebhookSecretJSON(w *webhook.Webhook, s webhook.Secret) webhookSecretJSON {
	return webhookSecretJSON{newWebhookJSON(w), string(s)}
}

// deliveryJSON is a delivery as lists have it: without what was sent and answered.
type deliveryJSON struct {
	ID              uuid.UUID     `json:"id"`
	WebhookID       *uuid.UUID    `json:"webhookId"`
	TranscriptionID *uuid.UUID    `json:"transcriptionId"`
	BatchID         *uuid.UUID    `json:"batchId"`
	URL             *string       `json:"url"`
	Event           webhook.Type  `json:"event"`
	State           webhook.State `json:"state"`
	Attempts        int           `json:"attempts"`
	NextAttemptAt   timestamp     `json:"nextAttemptAt"`
	AttemptedAt     timestamp     `json:"attemptedAt"`
	StatusCode      *int          `json:"statusCode"`
	Took            *seconds      `json:"took"`
	Error           *problemJSON  `json:"error"`
	CreatedAt       timestamp     `json:"createdAt"`
}

type deliveryDetailJSON struct {
	deliveryJSON
	Payload  json.RawMessage `json:"payload"`
	Response *string         `json:"response"`
}

// newDeliveryJSON leaves out the webhook of an address that came with an upload: it is
// the owner's signing key, which is nothing to ask for.
func newDeliveryJSON(d *webhook.Delivery) deliveryJSON {
	out := deliveryJSON{
		ID: d.ID, TranscriptionID: orNull(d.TranscriptionID), BatchID: orNull(d.BatchID), URL: orNull(d.URL), Event: d.Type, State: d.State, Attempts: d.Attempts,
		NextAttemptAt: timestamp(d.NextAt), AttemptedAt: timestamp(d.AttemptedAt), StatusCode: orNull(d.Status), Took: orNull(seconds(d.Took)),
		Error: (*problemJSON)(d.Failure), CreatedAt: timestamp(d.CreatedAt),
	}
	if d.URL == "" {
		out.WebhookID = &d.WebhookID
	}
	return out
}

func newDeliveryDetailJSON(d *webhook.Delivery) deliveryDetailJSON {
	return deliveryDetailJSON{newDeliveryJSON(d), json.RawMessage(d.Payload), orNull(d.Excerpt)}
}

func (s *Server) createWebhook(c echo.Context) error {
	var in webhookBody
	if err := readJSON(c, &in); err != nil {
		return err
	}
	w, secret, err := s.webhooks.Create(c.Request().Context(), actor(c), in.webhook())
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderLocation, root+"/webhooks/"+w.ID.String())
	return answer(c, http.StatusCreated, newWebhookSecretJSON(w, secret))
}

func (s *Server) listWebhooks(c echo.Context) error {
	found, err := s.webhooks.Webhooks(c.Request().Context(), actor(c))
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, itemsJSON[webhookJSON]{each(found, newWebhookJSON)})
}

func (s *Server) showWebhook(c echo.Context) error {
	id, err := readIDOf(c, "webhook")
	if err != nil {
		return err
	}
	w, err := s.webhooks.Webhook(c.Request().Context(), actor(c), id)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, newWebhookJSON(w))
}

func (s *Server) changeWebhook(c echo.Context) error {
	id, err := readIDOf(c, "webhook")
	if err != nil {
		return err
	}
	var in webhookBody
	if err := readJSON(c, &in); err != nil {
		return err
	}
	asked := in.webhook()
	asked.ID = id
	w, err := s.webhooks.Change(c.Request().Context(), actor(c), asked)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, newWebhookJSON(w))
}

func (s *Server) deleteWebhook(c echo.Context) error {
	id, err := readIDOf(c, "webhook")
	if err != nil {
		return err
	}
	if err := s.webhooks.Delete(c.Request().Context(), actor(c), id); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (s *Server) rotateWebhook(c echo.Context) error {
	id, err := readIDOf(c, "webhook")
	if err != nil {
		return err
	}
	w, secret, err := s.webhooks.Rotate(c.Request().Context(), actor(c), id)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, newWebhookSecretJSON(w, secret))
}

func (s *Server) rotateKey(c echo.Context) error {
	w, secret, err := s.webhooks.Key(c.Request().Context(), actor(c))
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, keyJSON{string(secret), timestamp(w.PreviousUntil)})
}

func (s *Server) testWebhook(c echo.Context) error {
	id, err := readIDOf(c, "webhook")
	if err != nil {
		return err
	}
	d, err := s.webhooks.Test(c.Request().Context(), actor(c), id)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderLocation, root+"/webhooks/deliveries/"+d.ID.String())
	return answer(c, http.StatusAccepted, newDeliveryDetailJSON(d))
}

func (s *Server) listDeliveries(c echo.Context) error {
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	f, err := readDeliveryFilter(q)
	if err != nil {
		return err
	}
	items, err := s.webhooks.Deliveries(c.Request().Context(), actor(c), f)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, newPageJSON(items, f.Limit, newDeliveryJSON, func(d *webhook.Delivery) string {
		return formatCursor(transcription.Cursor{CreatedAt: d.CreatedAt, ID: d.ID})
	}))
}

func (s *Server) showDelivery(c echo.Context) error {
	id, err := readIDOf(c, "delivery")
	if err != nil {
		return err
	}
	d, err := s.webhooks.Delivery(c.Request().Context(), actor(c), id)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, newDeliveryDetailJSON(d))
}

func (s *Server) replayDelivery(c echo.Context) error {
	id, err := readIDOf(c, "delivery")
	if err != nil {
		return err
	}
	d, err := s.webhooks.Replay(c.Request().Context(), actor(c), id)
	if err != nil {
		return err
	}
	return answer(c, http.StatusAccepted, newDeliveryDetailJSON(d))
}

func readDeliveryFilter(q url.Values) (f webhook.Filter, err error) {
	f.State = webhook.State(q.Get("state"))
	if f.State != "" && !slices.Contains(webhook.States, f.State) {
		return f, fault.New(fault.Invalid, "There is no state %q.", f.State).
			WithCode("invalid_state").With("field", "state").With("allowed", webhook.States)
	}
	if f.WebhookID, err = readOptionalID(q, "webhook"); err != nil {
		return f, err
	}
	if f.TranscriptionID, err = readOptionalID(q, "transcription"); err != nil {
		return f, err
	}
	if f.Limit, err = readLimit(q); err != nil {
		return f, err
	}
	f.After, err = parseCursor(q.Get("cursor"))
	return f, err
}

// readOptionalID returns the id in a parameter of the query, the zero one where there
// is none.
func readOptionalID(q url.Values, name string) (uuid.UUID, error) {
	text := q.Get(name)
	if text == "" {
		return uuid.Nil, nil
	}
	id, err := uuid.Parse(text)
	if err != nil || !strings.EqualFold(id.String(), text) {
		return uuid.Nil, fault.New(fault.Invalid, "The parameter %s must be an id.", name).WithCode("invalid_id").With("field", name)
	}
	return id, nil
}
