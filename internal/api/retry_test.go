package api_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

func (w *world) retry(t *testing.T, actor string, id uuid.UUID, body string) answer {
	t.Helper()
	return w.do(t, call{actor: actor, method: "POST", path: "/api/v1/transcriptions/" + id.String() + "/retry", body: body})
}

func TestRetryTranscription(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]transcription.Options{
		"":   {Language: "de", Prompt: "Ada"},
		"{}": {Language: "de", Prompt: "Ada"},
		`{"model":null,"prompt":"Bob","channels":"split","translate":true,"language":""}`: {Prompt: "Bob", Split: true, Translate: true},
		`{"model":"small","channels":"mix"}`:                                              {Model: "small", Language: "de", Prompt: "Ada"},
	} {
		w := newWorld(t)
		id := w.store.add(t, w.ids["user"], func(r *transcription.Transcription) {
			completed(r)
			r.Options = transcription.Options{Language: "de", Prompt: "Ada"}
		})
		got := w.retry(t, "user", id, body)
		got.expect(t, 202, "")
		path := "/api/v1/transcriptions/" + id.String()
		if got.Header.Get("Location") != path {
			t.Errorf("poll at %s", got.Header.Get("Location"))
		}
		shown := w.do(t, call{actor: "user", path: path})
		if diff := cmp.Diff(decoded(t, shown.body), decoded(t, got.body)); diff != "" {
			t.Errorf("-shown +answered\n%s", diff)
		}
		one := data[map[string]any](t, got)
		earlier, _ := one["earlier"].(map[string]any)
		if one["run"] != 2.0 || one["status"] != "queued" || one["text"] != "Guten Tag. <b>Ja</b>." || earlier["run"] != 1.0 || earlier["model"] != "small" || earlier["language"] != "de" {
			t.Errorf("got %v", one)
		}
		w.store.Change(id, func(r *transcription.Transcription) {
			if diff := cmp.Diff(want, r.Options); diff != "" {
				t.Errorf("%s: -want +got\n%s", body, diff)
			}
		})
		w.retry(t, "user", id, body).expect(t, 409, "in_work")
		export := w.do(t, call{actor: "user", path: "/api/v1/export/" + id.String() + "?format=json"})
		export.expect(t, 200, "")
		if !strings.Contains(export.body, `"language": "de"`) || !strings.Contains(export.body, `"model": "small"`) {
			t.Errorf("exported %s", export.body)
		}
	}
}

// A text that somebody has brought along may be in any language.
func TestRetryTranscription_unknownLanguage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.store.add(t, w.ids["user"], func(r *transcription.Transcription) {
		completed(r)
		r.Earlier = &transcription.Earlier{Run: 1, CompletedAt: r.CompletedAt}
	})
	got := w.do(t, call{actor: "user", path: "/api/v1/transcriptions/" + id.String()})
	if got.expect(t, 200, ""); !strings.Contains(got.body, `"language":null,"languageConfidence":null,"translate":false`) {
		t.Errorf("got %s", got.body)
	}
}

func TestRetryTranscription_refused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	failed := func(code string) uuid.UUID {
		return w.store.add(t, w.ids["user"], func(r *transcription.Transcription) {
			r.Status, r.Failure = transcription.Failed, &transcription.Failure{Code: code, Message: "No."}
			r.File.Gone = r.Failure.Hopeless()
		})
	}
	w.retry(t, "user", failed("no_audio"), "").expect(t, 409, "recording_gone")
	id := failed("gave_up")
	w.retry(t, "", id, "").expect(t, 401, "unauthenticated")
	w.retry(t, "other", id, "").expect(t, 404, "not_found")
	w.retry(t, "user", newID(t), "").expect(t, 404, "not_found")
	for body, code := range map[string]string{
		`{"channels":"both"}`: "invalid_field", `{"speed":2}`: "malformed_json", `{`: "malformed_json", `{"language":"xx"}`: "unknown_language",
		`{"model":"large-v3"}`: "model_not_installed", `{"translate":"yes"}`: "malformed_json", `{"prompt":"` + strings.Repeat("x", 401) + `"}`: "prompt_too_long",
	} {
		w.retry(t, "user", id, body).expect(t, 400, code)
	}
	if got := data[map[string]any](t, w.do(t, call{actor: "user", path: "/api/v1/transcriptions/" + id.String()})); got["run"] != 1.0 || got["status"] != "failed" {
		t.Errorf("got %v", got)
	}
	w.retry(t, "user", id, "").expect(t, 202, "")
}
