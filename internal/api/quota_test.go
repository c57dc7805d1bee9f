package api_test

import (
	"strings"
	"testing"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// uploadWith sends a recording with options before it.
func (w *world) uploadWith(t *testing.T, actor string, fields ...field) answer {
	t.Helper()
	body, kind := form(t, append(fields, field{"file", "sound"})...)
	return w.do(t, call{actor: actor, method: "POST", path: "/api/v1/files/upload", body: body, header: map[string]string{"Content-Type": kind}})
}

func TestUpload_noPlaceInTheQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.store.Bound(transcription.Quota{Queued: 1, Backlog: 2})
	w.uploadWith(t, "user").expect(t, 202, "")
	got := w.uploadWith(t, "user")
	got.expect(t, 429, "too_many_queued")
	if got.Header.Get("Retry-After") != "60" || !strings.Contains(got.body, `"limit":1`) {
		t.Errorf("got %v %s", got.Header, got.body)
	}
	ended := w.store.add(t, w.ids["user"], completed)
	w.retry(t, "user", ended, "").expect(t, 429, "too_many_queued")
	w.uploadWith(t, "other").expect(t, 202, "")
	got = w.uploadWith(t, "admin")
	got.expect(t, 503, "queue_full")
	if got.Header.Get("Retry-After") != "60" {
		t.Errorf("got %v", got.Header)
	}
	if n := len(w.objects.stored()); n != 2 {
		t.Errorf("%d recordings are stored, want 2: a refused one was", n)
	}
}

func TestUpload_priority(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tt := range []struct {
		actor, priority string
		status          int
		code            string
	}{
		{"user", "", 202, ""},
		{"user", "low", 202, ""},
		{"user", "normal", 202, ""},
		{"user", "high", 403, "priority_not_allowed"},
		{"admin", "high", 202, ""},
	} {
		got := w.uploadWith(t, tt.actor, field{"priority", tt.priority})
		got.expect(t, tt.status, tt.code)
		if tt.code != "" {
			continue
		}
		id := data[map[string]string](t, got)["transcriptionId"]
		shown := data[map[string]any](t, w.do(t, call{actor: tt.actor, path: "/api/v1/transcriptions/" + id}))
		if want := map[bool]string{true: "normal", false: tt.priority}[tt.priority == ""]; shown["priority"] != want {
			t.Errorf("got %v, want %s", shown["priority"], want)
		}
	}
	ended := w.store.add(t, w.ids["user"], completed)
	w.retry(t, "user", ended, `{"priority":"high"}`).expect(t, 403, "priority_not_allowed")
	if got := w.retry(t, "user", ended, `{"priority":"low"}`); data[map[string]any](t, got)["priority"] != "low" {
		t.Errorf("got %s", got.body)
	}
}
