package api_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/webhook"
)

// addWebhook puts a webhook of the actor's and a delivery for it into the store.
func (w *world) addWebhook(t *testing.T, actor string) (hook, delivery uuid.UUID) {
	t.Helper()
	row := &webhook.Webhook{ID: newID(t), OwnerID: w.ids[actor], URL: "https://example.com/", Events: []webhook.Type{webhook.Completed}, Active: true}
	if err := w.hooks.CreateWebhook(t.Context(), row, webhook.NewSecret()); err != nil {
		t.Fatal(err)
	}
	return row.ID, w.addDelivery(t, row)
}

func (w *world) addDelivery(t *testing.T, row *webhook.Webhook) uuid.UUID {
	t.Helper()
	d := &webhook.Delivery{ID: newID(t), OwnerID: row.OwnerID, WebhookID: row.ID, Type: webhook.Test, Payload: `{"type":"webhook.test"}`}
	if err := w.hooks.CreateDelivery(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	return d.ID
}

type hookAnswer struct {
	ID          uuid.UUID
	URL         string
	Events      []string
	Description string
	Active      bool
	Secret      string
	UpdatedAt   time.Time

	PreviousSecretUntil time.Time
}

type deliveryAnswer struct {
	ID              uuid.UUID
	WebhookID       *uuid.UUID
	TranscriptionID *uuid.UUID
	Event           string
	State           string
	Attempts        int
	NextAttemptAt   *time.Time
	StatusCode      *int
	Took            *float64
	Error           *struct{ Code, Message string }
	Payload         json.RawMessage
	Response        *string
}

func TestWebhook_life(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	res := w.do(t, call{
		actor: "user", method: http.MethodPost, path: "/api/v1/webhooks",
		body: `{"url":" HTTPS://Example.com/a ","events":["transcription.failed","transcription.completed","transcription.failed"],"description":" mine "}`,
	})
	res.expect(t, http.StatusCreated, "")
	made := data[hookAnswer](t, res)
	if made.URL != "https://example.com/a" || !slices.Equal(made.Events, []string{"transcription.completed", "transcription.failed"}) ||
		made.Description != "mine" || !made.Active || !strings.HasPrefix(made.Secret, "whsec_") {
		t.Errorf("got %+v", made)
	}
	path := "/api/v1/webhooks/" + made.ID.String()
	if got := res.Header.Get("Location"); got != path {
		t.Errorf("got the location %q", got)
	}
	if shown := w.do(t, call{actor: "user", path: path}); strings.Contains(shown.body, "whsec_") || data[hookAnswer](t, shown).ID != made.ID {
		t.Errorf("got %s, want it without a secret", shown.body)
	}
	rotated := data[hookAnswer](t, w.do(t, call{actor: "user", method: http.MethodPost, path: path + "/rotate"}))
	if left := time.Until(rotated.PreviousSecretUntil); rotated.Secret == made.Secret || left < 23*time.Hour || left > 25*time.Hour {
		t.Errorf("got %+v, want another secret and a day for the old one", rotated)
	}
	changed := data[hookAnswer](t, w.do(t, call{
		actor: "user", method: http.MethodPut, path: path, body: `{"url":"https://example.org/","events":["transcription.canceled"],"active":false}`,
	}))
	if changed.URL != "https://example.org/" || changed.Description != "" || changed.Active {
		t.Errorf("got %+v", changed)
	}
	w.do(t, call{actor: "user", method: http.MethodPost, path: path + "/test"}).expect(t, http.StatusConflict, "webhook_disabled")
	w.do(t, call{actor: "user", method: http.MethodDelete, path: path}).expect(t, http.StatusNoContent, "")
	w.do(t, call{actor: "user", path: path}).expect(t, http.StatusNotFound, "not_found")
	if list := data[struct{ Items []hookAnswer }](t, w.do(t, call{actor: "user", path: "/api/v1/webhooks"})); len(list.Items) != 0 {
		t.Errorf("got %+v", list)
	}
	if strings.Contains(w.log.String(), "whsec_") {
		t.Error("a secret is in the log")
	}
}

func TestWebhook_refused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, _ := w.addWebhook(t, "user")
	for body, code := range map[string]string{
		`{"url":"http://example.com","events":["transcription.completed"]}`:                                                       "invalid_webhook_url",
		`{"url":"https://127.0.0.1","events":["transcription.completed"]}`:                                                        "invalid_webhook_url",
		`{"url":"https://example.com"}`:                                                                                           "events_missing",
		`{"url":"https://example.com","events":["webhook.test"]}`:                                                                 "unknown_event",
		`{"url":"https://example.com","events":["transcription.completed"],"description":"` + strings.Repeat("x", 201) + `"}`:     "description_too_long",
		`{"url":"https://example.com","events":["transcription.completed"],"secret":"whsec_bXkgb3duIHNlY3JldCwgbXkgb3duIHJ1bGU"}`: "malformed_json",
	} {
		for method, path := range map[string]string{http.MethodPost: "/api/v1/webhooks", http.MethodPut: "/api/v1/webhooks/" + id.String()} {
			w.do(t, call{actor: "user", method: method, path: path, body: body}).expect(t, http.StatusBadRequest, code)
		}
	}
	w.do(t, call{actor: "user", path: "/api/v1/webhooks/x"}).expect(t, http.StatusNotFound, "not_found")
	for query, code := range map[string]string{
		"state=sent": "invalid_state", "webhook=x": "invalid_id", "transcription=x": "invalid_id", "limit=x": "invalid_limit", "limit=101": "invalid_limit",
		"cursor=x": "invalid_cursor", "state=%zz": "malformed_query",
	} {
		w.do(t, call{actor: "user", path: "/api/v1/webhooks/deliveries?" + query}).expect(t, http.StatusBadRequest, code)
	}
	for range webhook.MaxWebhooks - 1 {
		w.addWebhook(t, "user")
	}
	w.do(t, call{
		actor: "user", method: http.MethodPost, path: "/api/v1/webhooks", body: `{"url":"https://example.com","events":["transcription.completed"]}`,
	}).expect(t, http.StatusConflict, "too_many_webhooks")
}

func TestWebhook_test(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, _ := w.addWebhook(t, "user")
	res := w.do(t, call{actor: "user", method: http.MethodPost, path: "/api/v1/webhooks/" + id.String() + "/test"})
	res.expect(t, http.StatusAccepted, "")
	d := data[deliveryAnswer](t, res)
	var event struct {
		Type string
		Data struct{ WebhookID uuid.UUID }
	}
	if err := json.Unmarshal(d.Payload, &event); err != nil || event.Type != "webhook.test" || event.Data.WebhookID != id || d.State != "pending" || d.NextAttemptAt == nil {
		t.Errorf("got %+v, %v", d, err)
	}
	if !slices.Contains(w.queue.advanced(), d.ID) {
		t.Error("nobody was told that there is something to send")
	}
	w.hooks.End(d.ID, webhook.Outcome{
		State: webhook.GivenUp, Status: 500, Excerpt: "oh", Took: 1500 * time.Millisecond, Failure: &transcription.Failure{Code: "refused", Message: "No."},
	})
	d = data[deliveryAnswer](t, w.do(t, call{actor: "user", path: res.Header.Get("Location")}))
	if d.State != "failed" || *d.StatusCode != 500 || *d.Response != "oh" || *d.Took != 1.5 || d.Error.Code != "refused" || d.NextAttemptAt != nil || *d.WebhookID != id || d.TranscriptionID != nil {
		t.Errorf("got %+v", d)
	}
	d = data[deliveryAnswer](t, w.do(t, call{actor: "user", method: http.MethodPost, path: res.Header.Get("Location") + "/replay"}))
	if d.State != "pending" || d.Attempts != 0 || string(d.Payload) == "" {
		t.Errorf("got %+v", d)
	}
}

func TestWebhook_pagesOfDeliveries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, first := w.addWebhook(t, "user")
	row, err := w.hooks.Webhook(t.Context(), w.ids["user"], id)
	if err != nil {
		t.Fatal(err)
	}
	want := []uuid.UUID{w.addDelivery(t, row), w.addDelivery(t, row), first}
	slices.SortFunc(want, func(a, b uuid.UUID) int { return slices.Compare(b[:], a[:]) })
	type page struct {
		Items      []deliveryAnswer
		NextCursor *string
	}
	var got []uuid.UUID
	for next := ""; ; {
		p := data[page](t, w.do(t, call{actor: "user", path: "/api/v1/webhooks/deliveries?limit=2&state=pending&webhook=" + id.String() + "&cursor=" + next}))
		for _, d := range p.Items {
			got = append(got, d.ID)
		}
		if p.NextCursor == nil {
			break
		}
		next = *p.NextCursor
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// sendForm uploads a form as that actor.
func (w *world) sendForm(t *testing.T, actor string, fields ...field) answer {
	t.Helper()
	body, kind := form(t, fields...)
	return w.do(t, call{actor: actor, method: http.MethodPost, path: "/api/v1/files/upload", body: body, header: map[string]string{"Content-Type": kind}})
}

// An address that comes with an upload is checked before the recording is stored, and
// nothing is accepted that nobody could verify.
func TestUpload_webhookURL(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sendForm(t, "user", field{"webhookUrl", "https://example.com/hook"}, field{"file", "sound"}).expect(t, http.StatusBadRequest, "webhook_key_missing")
	key := data[struct{ Secret string }](t, w.do(t, call{actor: "user", method: http.MethodPost, path: "/api/v1/webhooks/key"}))
	if !strings.HasPrefix(key.Secret, "whsec_") {
		t.Errorf("got %+v", key)
	}
	for _, fields := range [][]field{
		{{"webhookUrl", "https://169.254.169.254/"}, {"file", "sound"}},
		{{"file", "sound"}, {"webhookUrl", "http://example.com/"}},
	} {
		res := w.sendForm(t, "user", fields...)
		res.expect(t, http.StatusBadRequest, "invalid_webhook_url")
		if !strings.Contains(res.body, `"field":"webhookUrl"`) {
			t.Errorf("the field is not named: %s", res.body)
		}
	}
	w.sendForm(t, "other", field{"webhookUrl", "https://example.com/hook"}, field{"file", "sound"}).expect(t, http.StatusBadRequest, "webhook_key_missing")
	if left := w.objects.stored(); len(left) != 0 || w.store.Rows() != 0 {
		t.Errorf("%d objects and %d rows are left of what was refused", len(left), w.store.Rows())
	}
	for _, fields := range [][]field{
		{{"webhookUrl", "HTTPS://Example.com/hook"}, {"file", "sound"}},
		{{"file", "sound"}, {"webhookUrl", "HTTPS://Example.com/hook"}},
		{{"file", "sound"}, {"webhookUrl", ""}},
	} {
		res := w.sendForm(t, "user", fields...)
		res.expect(t, http.StatusAccepted, "")
		want := "https://example.com/hook"
		if fields[1].value == "" {
			want = ""
		}
		id := data[struct{ TranscriptionID uuid.UUID }](t, res).TranscriptionID
		row, err := w.store.Transcription(t.Context(), w.ids["user"], id)
		if err != nil || row.Options.WebhookURL != want {
			t.Errorf("got %+v, %v, want %q", row.Options, err, want)
		}
	}
}
