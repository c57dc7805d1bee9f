package api_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

type foundPage struct {
	Items []struct {
		ID      uuid.UUID `json:"id"`
		Matches *[]struct {
			Segment int     `json:"segment"`
			Start   float64 `json:"start"`
			Parts   []struct {
				Text  string `json:"text"`
				Match bool   `json:"match"`
			} `json:"parts"`
		} `json:"matches"`
	} `json:"items"`
}

func TestListTranscriptions_query(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.store.add(t, w.ids["user"], completed)
	w.store.add(t, w.ids["other"], func(r *transcription.Transcription) {
		completed(r)
		r.ID = uuid.New()
	})
	got := data[foundPage](t, w.do(t, call{actor: "user", path: "/api/v1/transcriptions?q=guten"}))
	if len(got.Items) != 1 || got.Items[0].ID != id || got.Items[0].Matches == nil {
		t.Fatalf("got %+v", got)
	}
	if m := (*got.Items[0].Matches)[0]; m.Start != 1.5 || !m.Parts[0].Match || m.Parts[0].Text != "Guten" || m.Parts[1].Match || m.Parts[1].Text != " Tag." {
		t.Errorf("got %+v", m)
	}
	if got := data[foundPage](t, w.do(t, call{actor: "user", path: "/api/v1/transcriptions"})); got.Items[0].Matches != nil {
		t.Errorf("nobody looked for %+v", got.Items[0].Matches)
	}
}

func TestListTranscriptions_filters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.store.add(t, w.ids["user"], completed)
	day := start.Format(time.DateOnly)
	for query, want := range map[string]int{
		"language=de": 1, "language=en": 0, "speaker=1": 1, "speaker=2": 0, "name=INTER": 1, "name=x": 0, "from=" + day: 1, "to=" + day: 0,
		"from=" + start.Add(time.Second).Format(time.RFC3339): 0, "minDuration=83.4": 1, "minDuration=84": 0, "maxDuration=84": 1, "maxDuration=1": 0,
		"q=tag&status=completed": 1, "q=tag&status=failed": 0, "q=nowhere": 0,
	} {
		if got := data[foundPage](t, w.do(t, call{actor: "user", path: "/api/v1/transcriptions?" + query})); len(got.Items) != want {
			t.Errorf("%s: %d items, want %d", query, len(got.Items), want)
		}
	}
	for query, want := range map[string]string{
		"tags=x": "unknown_parameter", "from=yesterday": "invalid_time", "to=2026-13-01": "invalid_time", "from=0000-01-01": "invalid_time", "minDuration=long": "invalid_duration", "maxDuration=-1": "invalid_duration", "maxDuration=NaN": "invalid_duration",
		"minDuration=2&maxDuration=1": "empty_range", "from=2026-02-01&to=2026-01-01": "empty_range", "q=" + url.QueryEscape(strings.Repeat("ä", 501)): "query_too_long", "q=a%00b": "malformed_query", "tag=%00": "malformed_query",
	} {
		w.do(t, call{actor: "user", path: "/api/v1/transcriptions?" + query}).expect(t, 400, want)
	}
}
