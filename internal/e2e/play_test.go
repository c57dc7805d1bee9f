//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
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
	other := shared.person(t)
	for _, end := range []string{"/media", "/media/url", "/peaks"} {
		other.get(path+end).refused(t, http.StatusNotFound, "not_found")
	}
}
