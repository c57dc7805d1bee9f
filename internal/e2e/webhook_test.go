//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/turboscribe/turboscribe/internal/daemon/daemontest"
)

// received is an event as it came.
type received struct {
	path   string
	header http.Header
	body   []byte
	event  struct {
		Type string
		Data struct{ ID, Status, WebhookID string }
	}
}

func (r received) id() string { return r.header.Get("webhook-id") }

// verify holds the event against a secret, with the reference library.
func (r received) verify(t *testing.T, secret string) {
	t.Helper()
	w, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Verify(r.body, r.header); err != nil {
		t.Errorf("%s is not signed with the secret: %v", r.event.Type, err)
	}
}

// receiver takes events. Then is called before it answers, and may answer itself.
type receiver struct {
	url  string
	then func(w http.ResponseWriter, r received)

	mu  sync.Mutex
	got []received
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	rec := &receiver{then: func(http.ResponseWriter, received) {}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		got := received{path: r.URL.Path, header: r.Header, body: b}
		if err != nil || json.Unmarshal(b, &got.event) != nil {
			t.Errorf("no event: %s, %v", b, err)
		}
		rec.then(w, got)
		rec.mu.Lock()
		defer rec.mu.Unlock()
		rec.got = append(rec.got, got)
	}))
	t.Cleanup(server.Close)
	rec.url = server.URL
	return rec
}

// of returns the events that came to a path, once there are that many.
func (rec *receiver) of(t *testing.T, path string, n int) (found []received) {
	t.Helper()
	eventually(t, "events come to "+path, func() bool {
		rec.mu.Lock()
		defer rec.mu.Unlock()
		found = nil
		for _, r := range rec.got {
			if r.path == path {
				found = append(found, r)
			}
		}
		return len(found) >= n
	})
	return found
}

type hook struct {
	ID, URL, Secret, Disabled, DisabledAt string
	Active                                bool
}

type delivery struct {
	ID, WebhookID, URL, Event, State string
	Attempts, StatusCode             int
}

func (p *person) hook(url string, events ...string) (h hook) {
	p.t.Helper()
	p.post("/webhooks", map[string]any{"url": url, "events": events}).want(p.t, http.StatusCreated, &h)
	return h
}

// ask posts nothing.
func (p *person) ask(path string) answer {
	p.t.Helper()
	return p.do(http.MethodPost, root+path, http.NoBody)
}

// delivery returns one that has ended.
func (p *person) delivery(id string) (d delivery) {
	p.t.Helper()
	eventually(p.t, "the delivery has ended", func() bool {
		p.get("/webhooks/deliveries/"+id).want(p.t, http.StatusOK, &d)
		return d.State != "pending"
	})
	return d
}

// TestWebhook has the end of transcriptions told to a webhook and to an address that
// came with the upload.
func TestWebhook(t *testing.T) {
	t.Parallel()
	p := shared.person(t)
	rec := newReceiver(t)
	// What is told has happened: whoever asks when the event comes, sees it.
	rec.then = func(_ http.ResponseWriter, r received) {
		if n := shared.count(t.Context(), "SELECT count(*) FROM transcriptions WHERE id = $1 AND 'transcription.' || status = $2", r.event.Data.ID, r.event.Type); n != 1 {
			t.Errorf("%s came before it was so", r.event.Type)
		}
	}
	h := p.hook(rec.url+"/hook", "transcription.completed", "transcription.failed")
	p.upload("short01.flac", demo(t, "test/short01.flac"), "webhookUrl", rec.url+"/adhoc").refused(t, http.StatusBadRequest, "webhook_key_missing")
	var key struct{ Secret string }
	p.ask("/webhooks/key").want(t, http.StatusOK, &key)
	id := p.send("short01.flac", demo(t, "test/short01.flac"), "webhookUrl", rec.url+"/adhoc")
	p.complete(id)
	for path, secret := range map[string]string{"/hook": h.Secret, "/adhoc": key.Secret} {
		r := rec.of(t, path, 1)[0]
		r.verify(t, secret)
		if r.event.Type != "transcription.completed" || r.event.Data.ID != id || r.event.Data.Status != "completed" || strings.Contains(string(r.body), "short01") {
			t.Errorf("%s: got %s", path, r.body)
		}
		if d := p.delivery(r.id()); d.State != "delivered" || d.StatusCode != http.StatusOK || d.Attempts != 1 || (d.URL == "") != (path == "/hook") {
			t.Errorf("%s: got %+v", path, d)
		}
	}
	p.follow(p.send("mute.mp4", ffmpeg(t, "mp4", "-f", "lavfi", "-i", "testsrc=s=64x64:r=5:d=2", "-c:v", "mpeg4")))
	if r := rec.of(t, "/hook", 2)[1]; r.event.Type != "transcription.failed" {
		t.Errorf("got %s", r.body)
	}
	var list struct{ Items []delivery }
	p.get("/webhooks/deliveries?transcription="+id).want(t, http.StatusOK, &list)
	if len(list.Items) != 2 {
		t.Errorf("got %+v, want both deliveries", list.Items)
	}
	shared.person(t).get("/webhooks/"+h.ID).refused(t, http.StatusNotFound, "not_found")
}

// TestWebhook_replay sends the same event again, under the same id, and a test whose
// receiver wants nothing more.
func TestWebhook_replay(t *testing.T) {
	t.Parallel()
	p := shared.person(t)
	rec := newReceiver(t)
	h := p.hook(rec.url+"/hook", "transcription.canceled")
	var d delivery
	p.ask("/webhooks/"+h.ID+"/test").want(t, http.StatusAccepted, &d)
	if got := p.delivery(d.ID); got.State != "delivered" || got.Event != "webhook.test" {
		t.Errorf("got %+v", got)
	}
	var rotated hook
	p.ask("/webhooks/"+h.ID+"/rotate").want(t, http.StatusOK, &rotated)
	p.ask("/webhooks/deliveries/"+d.ID+"/replay").want(t, http.StatusAccepted, nil)
	events := rec.of(t, "/hook", 2)
	if events[0].id() != d.ID || events[1].id() != d.ID || string(events[0].body) != string(events[1].body) || events[0].event.Data.WebhookID != h.ID {
		t.Errorf("got %s, then %s", events[0].body, events[1].body)
	}
	for _, secret := range []string{h.Secret, rotated.Secret} {
		events[1].verify(t, secret)
	}
	rec.then = func(w http.ResponseWriter, _ received) { w.WriteHeader(http.StatusGone) }
	p.ask("/webhooks/"+h.ID+"/test").want(t, http.StatusAccepted, &d)
	if got := p.delivery(d.ID); got.State != "failed" || got.StatusCode != http.StatusGone || got.Attempts != 1 {
		t.Errorf("got %+v", got)
	}
	var now hook
	p.get("/webhooks/"+h.ID).want(t, http.StatusOK, &now)
	if now.Active || now.Disabled != "gone" || now.DisabledAt == "" {
		t.Errorf("got %+v, want it disabled", now)
	}
	for _, m := range []struct{ addr, name string }{
		{"TS_WORKER_HEALTH_ADDR", `turboscribe_delivery_attempts_total{outcome="delivered"}`},
		{"TS_WORKER_HEALTH_ADDR", `turboscribe_delivery_attempts_total{outcome="failed"}`},
		{"TS_SCHEDULER_HEALTH_ADDR", `turboscribe_webhooks_disabled{reason="gone"}`},
	} {
		// An attempt is counted a moment after it was recorded.
		eventually(t, m.name+" is at least 1", func() bool { return shared.metricOf(t, m.addr, m.name) >= 1 })
	}
	if age := shared.metricOf(t, "TS_SCHEDULER_HEALTH_ADDR", "turboscribe_deliveries_oldest_due_seconds"); age < 0 {
		t.Errorf("a delivery is due in %v s", -age)
	}
}

// TestWebhook_senderDies kills the worker when its event has arrived and before it can
// know: another one sends it again, under the same id. The worker that sends has no
// speech engine, and those that transcribe send nothing.
func TestWebhook_senderDies(t *testing.T) {
	t.Parallel()
	s := newStack(t, map[string]string{"TS_WORKER_DELIVERIES": "0"})
	p := s.person(t)
	rec := newReceiver(t)
	h := p.hook(rec.url+"/hook", "transcription.completed")
	sender := s.courier(t, "courier-1")
	var once sync.Once
	rec.then = func(http.ResponseWriter, received) {
		once.Do(func() {
			if err := sender.kill(); err != nil {
				t.Error(err)
			}
		})
	}
	id := p.send("short01.flac", demo(t, "test/short01.flac"))
	rec.of(t, "/hook", 1)
	p.complete(id)
	s.courier(t, "courier-2")
	events := rec.of(t, "/hook", 2)
	if events[0].id() != events[1].id() || string(events[0].body) != string(events[1].body) {
		t.Errorf("got %s, then %s", events[0].id(), events[1].id())
	}
	events[1].verify(t, h.Secret)
	if d := p.delivery(events[0].id()); d.State != "delivered" || d.Attempts != 2 {
		t.Errorf("got %+v", d)
	}
}

// courier starts a worker that only delivers.
func (s *stack) courier(t *testing.T, name string) *process {
	t.Helper()
	addr := daemontest.Address(t)
	p, err := s.start(name, "worker-hooks", map[string]string{"TS_WORKER_NAME": name, "TS_WORKER_DELIVERIES": "2", "TS_WORKER_HEALTH_ADDR": addr})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.await(ctx, "http://"+addr+"/readyz"); err != nil {
		t.Fatal(err)
	}
	return p
}
