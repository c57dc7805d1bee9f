//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// TestPlay uploads a recording, plays it in parts, and reads its outline.
func TestPlay(t *testing.T) {
	t.Parallel()
	p := shared.person(t)
	content := demo(t, "samples/pauses.flac")
	done := p.complete(p.send("pauses.flac", content))
	path := "/transcriptions/" + done.ID
	for part, want := range map[string][]byte{"bytes=0-": content, "bytes=0-1": content[:2], "bytes=1000-70000": content[1000:70001], "bytes=-9": content[len(content)-9:]} {
		got := p.get(path+"/media", "Range", part)
		if got.status != http.StatusPartialContent || !bytes.Equal(got.body, want) || got.header.Get("Content-Type") != "audio/flac" {
			t.Errorf("%s: got %d, %d bytes of %s", part, got.status, len(got.body), got.header.Get("Content-Type"))
		}
	}
	p.get(path+"/media/url").refused(t, http.StatusConflict, "media_url_unavailable")
	var all, few struct {
		SamplesPerPixel int `json:"samples_per_pixel"`
		Length          int
		Data            []int
	}
	for query, into := range map[string]any{"": &all, "?width=100": &few} {
		if got := p.get(path + "/peaks" + query); got.status != http.StatusOK || json.Unmarshal(got.body, into) != nil {
			t.Fatalf("got %d %.300s", got.status, got.body)
		}
	}
	if seconds := float64(all.Length) / 20; all.SamplesPerPixel != 800 || seconds < done.Duration || seconds > done.Duration+0.1 || len(all.Data) != 2*all.Length {
		t.Errorf("got %d bins of %d for %v s", all.Length, all.SamplesPerPixel, done.Duration)
	}
	if few.Length > 100 || few.Length < 50 {
		t.Errorf("got %d bins", few.Length)
	}
	p.expire(done.ID)
	other := shared.person(t)
	for _, end := range []string{"/media", "/media/url", "/peaks"} {
		other.get(path+end).refused(t, http.StatusNotFound, "not_found")
	}
}

// expire has the retention of a recording end: it goes, from the storage too, and its text
// does not.
func (p *person) expire(id string) {
	t := p.t
	t.Helper()
	put := func(path, body string) {
		p.do(http.MethodPut, root+path, strings.NewReader(body), "Content-Type", "application/json").want(t, http.StatusOK, nil)
	}
	put("/transcriptions/"+id+"/hold", `{"legalHold":true}`)
	p.delete("/transcriptions/"+id).refused(t, http.StatusConflict, "legal_hold")
	put("/me/retention", `{"mediaDays":1}`)
	const aged = `WITH aged AS (UPDATE transcriptions SET completed_at = completed_at - interval '2 days' WHERE id = $1 RETURNING 1) SELECT count(*) FROM aged`
	if n := p.s.count(t.Context(), aged, id); n != 1 {
		t.Fatalf("%d are older now", n)
	}
	put("/transcriptions/"+id+"/hold", `{"legalHold":false}`) // which has somebody look at once
	prefix := "u/" + p.id + "/" + id + "/"
	within(t, sweptTwice, "nothing of the recording is left", func() bool {
		keys, err := p.s.blobs.Keys(t.Context(), prefix)
		return err == nil && len(keys) == 0
	})
	for _, end := range []string{"/media", "/peaks"} {
		p.get("/transcriptions/"+id+end).refused(t, http.StatusGone, "recording_gone")
	}
	p.post("/transcriptions/"+id+"/retry", map[string]any{}).refused(t, http.StatusConflict, "recording_gone")
	if got := p.get("/export/" + id); got.status != http.StatusOK || len(got.body) == 0 {
		t.Errorf("its text: got %d", got.status)
	}
}
