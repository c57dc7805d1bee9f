package api_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// TestExports has a zip written in the background, as far as the API has a part in that.
func TestExports(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.store.add(t, w.ids["user"], another), w.store.add(t, w.ids["user"], another)
	body := `{"async":true,"ids":["` + one.String() + `","` + two.String() + `","` + one.String() + `"]}`
	got := w.do(t, call{actor: "user", method: "POST", path: "/api/v1/exports?format=srt&maxChars=30", body: body})
	got.expect(t, 202, "")
	z := data[map[string]any](t, got)
	path := "/api/v1/exports/" + textOf(t, z, "id")
	if got.Header.Get("Location") != path || z["status"] != "waiting" || z["total"] != 2.0 || z["progress"] != 0.0 || z["size"] != nil {
		t.Errorf("got %v at %s", z, got.Header.Get("Location"))
	}
	w.do(t, call{actor: "user", path: path + "/file"}).expect(t, 409, "not_completed")
	l, err := w.store.ClaimZip(t.Context(), transcription.ZipKept)
	if err != nil || l.Zip.Layout.Get("maxChars") != "30" || l.Zip.Layout.Has("format") || l.Zip.Format != "srt" {
		t.Fatalf("got %+v, %v", l, err)
	}
	if err := w.store.RenewZip(t.Context(), *l, 1, transcription.ZipKept); err != nil {
		t.Fatal(err)
	}
	if z = data[map[string]any](t, w.do(t, call{actor: "user", path: path})); z["status"] != "running" || z["progress"] != 0.5 {
		t.Errorf("got %v", z)
	}
	if err := w.store.FinishZip(t.Context(), *l, "some key", transcription.Stored{Size: 7}); err != nil {
		t.Fatal(err)
	}
	file := w.do(t, call{actor: "user", path: path + "/file"})
	file.expect(t, 200, "")
	if file.Header.Get("Content-Type") != "application/zip" || file.Header.Get("Content-Disposition") == "" || file.body == "" {
		t.Errorf("got %v", file.Header)
	}
	canceled := w.do(t, call{actor: "user", method: "POST", path: path + "/cancel"})
	if z = data[map[string]any](t, canceled); z["status"] != "completed" || z["expiresAt"] == nil {
		t.Errorf("got %v", z)
	}
	if page := data[struct{ Items []map[string]any }](t, w.do(t, call{actor: "user", path: "/api/v1/exports"})); len(page.Items) != 1 {
		t.Errorf("got %v", page.Items)
	}
	w.do(t, call{actor: "user", method: "DELETE", path: path}).expect(t, 204, "")
	w.do(t, call{actor: "user", path: path}).expect(t, 404, "not_found")
}

func TestExports_refused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	done, queued := w.store.add(t, w.ids["user"], another), w.store.add(t, w.ids["user"], nil)
	theirs := w.store.add(t, w.ids["other"], another)
	post := func(query, body string) answer {
		t.Helper()
		return w.do(t, call{actor: "user", method: "POST", path: "/api/v1/exports" + query, body: body})
	}
	async := func(id uuid.UUID) string { return `{"async":true,"ids":["` + id.String() + `"]}` }
	post("", `{"async":true}`).expect(t, 400, "ids_or_batch")
	post("", `{"async":true,"ids":[]}`).expect(t, 400, "bundle_size")
	post("", async(theirs)).expect(t, 404, "not_found")
	post("", async(queued)).expect(t, 409, "not_completed")
	post("?format=exe", async(done)).expect(t, 400, "unknown_format")
	for range transcription.MaxZips {
		post("", async(done)).expect(t, 202, "")
	}
	post("", async(done)).expect(t, 409, "too_many_exports")
	batch := textOf(t, w.newBatch(t, `{"name":"x"}`), "id")
	post("", `{"async":true,"batch":"`+batch+`"}`).expect(t, 400, "bundle_size")
}
