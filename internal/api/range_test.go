package api_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// addRange begins a range of the first seconds of a transcription of somebody's.
func (w *world) addRange(t *testing.T, actor string, id uuid.UUID) {
	t.Helper()
	r := transcription.Range{ID: id, To: 2 * time.Second, Options: transcription.Options{Model: "small"}}
	if err := w.store.CreateRange(t.Context(), w.ids[actor], &r); err != nil {
		t.Fatal(err)
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.store.add(t, w.ids["user"], func(r *transcription.Transcription) {
		completed(r)
		r.Duration = time.Minute
	})
	path := "/api/v1/transcriptions/" + id.String() + "/ranges"
	post := func(body string, header ...string) answer {
		t.Helper()
		in := call{actor: "user", method: "POST", path: path, body: body, header: map[string]string{}}
		if len(header) > 0 {
			in.header["If-Match"] = header[0]
		}
		return w.do(t, in)
	}
	got := post(`{"from":20,"to":30.5,"language":"en","model":null}`)
	got.expect(t, 202, "")
	first := data[map[string]any](t, got)
	if first["id"] != 1.0 || first["from"] != 20.0 || first["to"] != 30.5 || first["status"] != "queued" || first["stage"] != "prepare" || first["revision"] != nil {
		t.Errorf("got %v", first)
	}
	if where := got.Header.Get("Location"); where != path+"/1" {
		t.Errorf("poll at %s", where)
	}
	shown := w.do(t, call{actor: "user", path: path + "/1"})
	if diff := cmp.Diff(decoded(t, got.body), decoded(t, shown.body)); diff != "" {
		t.Errorf("-answered +shown\n%s", diff)
	}
	post(`{"from":40,"to":50}`).expect(t, 202, "")
	for body, code := range map[string]string{
		`{"from":25,"to":35}`:                "range_in_work",
		`{"from":60,"to":70}`:                "invalid_range",
		`{"from":5}`:                         "invalid_range",
		`{"to":5}`:                           "invalid_range",
		`{"from":5,"to":5}`:                  "invalid_range",
		`{"from":5,"to":6,"model":"what"}`:   "unknown_model",
		`{"from":5,"to":6,"language":"xx"}`:  "unknown_language",
		`{"from":5,"to":6,"speakers":"all"}`: "malformed_json",
	} {
		if got := post(body); got.code(t) != code {
			t.Errorf("%s: got %s, want %s", body, got.body, code)
		}
	}
	post(`{"from":5,"to":6}`, `"1.7"`).expect(t, 412, "unknown_etag")
	page := data[struct {
		Items      []map[string]any
		NextCursor *string
	}](t, w.do(t, call{actor: "user", path: path + "?limit=1"}))
	if len(page.Items) != 1 || page.Items[0]["id"] != 2.0 || page.NextCursor == nil {
		t.Fatalf("got %+v", page)
	}
	rest := w.do(t, call{actor: "user", path: path + "?limit=1&cursor=" + *page.NextCursor})
	if items := data[struct{ Items []any }](t, rest).Items; len(items) != 1 {
		t.Errorf("got %s", rest.body)
	}
	w.do(t, call{actor: "user", path: path + "?of=me"}).expect(t, 400, "unknown_parameter")
	for range 2 {
		canceled := w.do(t, call{actor: "user", method: "POST", path: path + "/2/cancel"})
		if one := data[map[string]any](t, canceled); one["status"] != "canceled" || one["stage"] != nil {
			t.Errorf("got %v", one)
		}
	}
	for _, other := range []string{"/0", "/3", "/x", "/3/cancel"} {
		method := "GET"
		if other == "/3/cancel" {
			method = "POST"
		}
		w.do(t, call{actor: "user", method: method, path: path + other}).expect(t, 404, "not_found")
	}
	w.retry(t, "user", id, "").expect(t, 409, "in_work")
}

// TestRanges_stale asks for a part that somebody has changed since it was read.
func TestRanges_stale(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.store.add(t, w.ids["user"], func(r *transcription.Transcription) {
		completed(r)
		r.Duration = time.Minute
	})
	path := "/api/v1/transcriptions/" + id.String()
	tag := w.do(t, call{actor: "user", path: path}).Header.Get("ETag")
	edit := call{actor: "user", method: "PATCH", path: path, body: `{"edits":[{"op":"text","segment":0,"text":"Anders."}]}`}
	w.do(t, edit).expect(t, 200, "")
	in := call{actor: "user", method: "POST", path: path + "/ranges", body: `{"from":20,"to":30}`, header: map[string]string{"If-Match": tag}}
	w.do(t, in).expect(t, 412, "stale_edit")
	in.header["If-Match"] = w.do(t, call{actor: "user", path: path}).Header.Get("ETag")
	got := w.do(t, in)
	got.expect(t, 202, "")
	if one := data[map[string]any](t, got); one["after"] != 1.0 {
		t.Errorf("got %v", one)
	}
}
