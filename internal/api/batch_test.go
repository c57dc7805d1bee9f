package api_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// textOf returns a member of an object that has to be a string.
func textOf(t *testing.T, object map[string]any, name string) string {
	t.Helper()
	text, ok := object[name].(string)
	if !ok {
		t.Fatalf("%s is %v", name, object[name])
	}
	return text
}

func hasID(item any, id uuid.UUID) bool {
	object, ok := item.(map[string]any)
	return ok && object["id"] == id.String()
}

func (w *world) newBatch(t *testing.T, body string) map[string]any {
	t.Helper()
	got := w.do(t, call{actor: "user", method: "POST", path: "/api/v1/batches", body: body})
	got.expect(t, 201, "")
	b := data[map[string]any](t, got)
	if want := "/api/v1/batches/" + textOf(t, b, "id"); got.Header.Get("Location") != want {
		t.Errorf("it is at %s, want %s", got.Header.Get("Location"), want)
	}
	return b
}

// sendTo uploads a recording with fields, in the order in which they come.
func (w *world) sendTo(t *testing.T, actor string, pairs ...string) answer {
	t.Helper()
	var fields []field
	for i := 0; i < len(pairs); i += 2 {
		fields = append(fields, field{pairs[i], pairs[i+1]})
	}
	body, kind := form(t, fields...)
	return w.do(t, call{actor: actor, method: "POST", path: "/api/v1/files/upload", body: body, header: map[string]string{"Content-Type": kind}})
}

// TestBatch goes from a batch without anything to a zip of what has become of it.
func TestBatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.newBatch(t, `{"name":" Monday ","language":"de","prompt":"Ada","channels":"split","tags":["a"]}`)
	id := textOf(t, b, "id")
	path := "/api/v1/batches/" + id
	if b["name"] != "Monday" || b["status"] != "open" || b["total"] != 0.0 || b["progress"] != 0.0 || b["language"] != "de" || b["channels"] != "split" || b["expected"] != nil {
		t.Errorf("got %v", b)
	}
	up := w.sendTo(t, "user", "batch", id, "prompt", "Bob", "file", "recording")
	up.expect(t, 202, "")
	of := uuid.MustParse(textOf(t, data[map[string]any](t, up), "transcriptionId"))
	w.store.Change(of, func(tr *transcription.Transcription) {
		want := transcription.Options{Language: "de", Prompt: "Bob", Split: true, Batch: tr.BatchID}
		if diff := cmp.Diff(want, tr.Options); diff != "" || tr.BatchID.String() != id || len(tr.Tags) != 1 {
			t.Errorf("in batch %s, with the tags %v: -want +got\n%s", tr.BatchID, tr.Tags, diff)
		}
	})
	behind := w.sendTo(t, "user", "file", "recording", "channels", "mix", "batch", id)
	behind.expect(t, 202, "")
	w.do(t, call{actor: "user", method: "POST", path: "/api/v1/exports", body: `{"batch":"` + id + `"}`}).expect(t, 400, "bundle_size")
	w.store.Move(of, transcription.Completed, another)
	other := uuid.MustParse(textOf(t, data[map[string]any](t, behind), "transcriptionId"))
	w.store.Move(other, transcription.Failed, func(tr *transcription.Transcription) {
		tr.Failure = &transcription.Failure{Code: "no_audio", Message: "There is no sound."}
	})
	shown := data[map[string]any](t, w.do(t, call{actor: "user", path: path}))
	failures, _ := shown["failures"].([]any)
	counts, _ := shown["counts"].(map[string]any)
	if shown["progress"] != 1.0 || shown["status"] != "open" || counts["completed"] != 1.0 || counts["failed"] != 1.0 || len(failures) != 1 || !hasID(failures[0], other) {
		t.Errorf("got %v", shown)
	}
	closed := data[map[string]any](t, w.do(t, call{actor: "user", method: "POST", path: path + "/close"}))
	if closed["status"] != "completed" || closed["completedAt"] == nil {
		t.Errorf("got %v", closed)
	}
	w.sendTo(t, "user", "batch", id, "file", "recording").expect(t, 409, "batch_closed")
	w.sendTo(t, "user", "file", "recording", "batch", id).expect(t, 409, "batch_closed")
	list := data[struct{ Items []map[string]any }](t, w.do(t, call{actor: "user", path: "/api/v1/transcriptions?batch=" + id}))
	if len(list.Items) != 2 || list.Items[0]["batchId"] != id {
		t.Errorf("got %v", list.Items)
	}
	zip := w.do(t, call{actor: "user", method: "POST", path: "/api/v1/exports?format=srt", body: `{"batch":"` + id + `"}`})
	zip.expect(t, 200, "")
	if files := unzip(t, zip.body); len(files) != 1 {
		t.Errorf("got %v", files)
	}
	w.do(t, call{actor: "user", method: "DELETE", path: path}).expect(t, 204, "")
	w.do(t, call{actor: "user", path: path}).expect(t, 404, "not_found")
	w.do(t, call{actor: "user", path: "/api/v1/transcriptions/" + of.String()}).expect(t, 200, "")
}

func TestBatch_cancel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.newBatch(t, `{"name":"Monday","expected":5}`)
	id := textOf(t, b, "id")
	for range 2 {
		w.sendTo(t, "user", "batch", id, "file", "recording").expect(t, 202, "")
	}
	got := data[map[string]any](t, w.do(t, call{actor: "user", method: "POST", path: "/api/v1/batches/" + id + "/cancel"}))
	counts, _ := got["counts"].(map[string]any)
	if got["status"] != "completed" || counts["canceled"] != 2.0 || got["progress"] != 1.0 || got["expected"] != 5.0 {
		t.Errorf("got %v", got)
	}
	page := data[struct {
		Items      []map[string]any
		NextCursor *string
	}](t, w.do(t, call{actor: "user", path: "/api/v1/batches?limit=1"}))
	if len(page.Items) != 1 || page.NextCursor == nil || page.Items[0]["failures"] != nil {
		t.Fatalf("got %+v", page)
	}
	rest := data[struct{ Items []map[string]any }](t, w.do(t, call{actor: "user", path: "/api/v1/batches?cursor=" + *page.NextCursor}))
	if len(rest.Items) != 0 {
		t.Errorf("got %v", rest.Items)
	}
}

func TestBatch_refused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for body, code := range map[string]string{
		`{}`:                                  "invalid_name",
		`{"name":"x","expected":-1}`:          "invalid_expected",
		`{"name":"x","expected":100001}`:      "invalid_expected",
		`{"name":"x","model":"none"}`:         "unknown_model",
		`{"name":"x","channels":"both"}`:      "invalid_field",
		`{"name":"x","priority":"now"}`:       "invalid_priority",
		`{"name":"x","priority":"high"}`:      "priority_not_allowed",
		`{"name":"x","tags":[""]}`:            "invalid_tag",
		`{"name":"x","webhookUrl":"gopher:"}`: "invalid_webhook_url",
		`{"name":"x","folderId":"01900000-0000-7000-8000-000000000001"}`: "not_found",
	} {
		if got := w.do(t, call{actor: "user", method: "POST", path: "/api/v1/batches", body: body}); got.code(t) != code {
			t.Errorf("%s: got %s, want %s", body, got.body, code)
		}
	}
	few := w.do(t, call{actor: "user", method: "POST", path: "/api/v1/batches", body: `{"name":"x","expected":-1}`})
	if !strings.Contains(few.body, "from 1 to 100000; 0 is until") {
		t.Errorf("who expects too few is told %s", few.body)
	}
	w.sendTo(t, "user", "batch", "what", "file", "recording").expect(t, 404, "not_found")
	w.sendTo(t, "other", "batch", textOf(t, w.newBatch(t, `{"name":"x"}`), "id"), "file", "recording").expect(t, 404, "not_found")
	w.do(t, call{actor: "user", path: "/api/v1/transcriptions?batch=x"}).expect(t, 400, "invalid_batch")
	w.do(t, call{actor: "user", method: "POST", path: "/api/v1/exports", body: `{}`}).expect(t, 400, "ids_or_batch")
}
