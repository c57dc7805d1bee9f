package main

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// background runs f for as long as the test does.
func background(t testing.TB, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f(ctx) }()
	t.Cleanup(func() {
		cancel()
		ok(t, <-ended)
	})
}

// listener follows a transcription and writes down what it is told, over as many
// connections as it takes.
type listener struct {
	token    string
	id       uuid.UUID
	place    string // of the last event
	states   []string
	segments []int // by their numbers
	text     []string
}

// hear connects and listens until done says so, or the stream ends.
func (l *listener) hear(t *testing.T, url string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/v1/transcriptions/"+l.id.String()+"/events", http.NoBody)
	ok(t, err)
	r.Header.Set("Authorization", "Bearer "+l.token)
	if l.place != "" {
		r.Header.Set("Last-Event-ID", l.place)
	}
	res, err := http.DefaultClient.Do(r)
	ok(t, err)
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("answered with %d", res.StatusCode)
	}
	name := ""
	for lines := bufio.NewScanner(res.Body); !done(); {
		if !lines.Scan() {
			return
		}
		key, value, _ := strings.Cut(lines.Text(), ": ")
		switch key {
		case "id":
			l.place = value
		case "event":
			name = value
		case "data":
			l.take(t, name, value)
		}
	}
}

func (l *listener) take(t *testing.T, name, data string) {
	t.Helper()
	var e struct {
		Status   string
		Segments []struct {
			Index int
			Text  string
		}
	}
	ok(t, json.Unmarshal([]byte(data), &e))
	if e.Status != "" {
		l.states = append(l.states, e.Status)
	}
	for _, s := range e.Segments {
		l.segments, l.text = append(l.segments, s.Index), append(l.text, s.Text)
	}
}

// merged returns what a worker makes of the chunks.
func (p *polled) merged(t *testing.T, tr *transcription.Transcription) []transcription.Segment {
	t.Helper()
	results, err := p.db.Results(t.Context(), tr.Ref())
	ok(t, err)
	var parts []transcription.Part
	for _, r := range results {
		parts = append(parts, transcription.Part{Piece: r.Chunk.Piece, Segments: r.Segments})
	}
	said, _ := transcription.Transcript(parts)
	return said
}

// Somebody follows a recording through its life, cut off after every event or two and
// taken up by the other replica each time. Nothing is missed, and nothing comes twice.
func TestFollow_replicas(t *testing.T) {
	t.Parallel()
	p := newPolled(t)
	var urls []string
	for _, h := range []http.Handler{p.handler, p.replica} {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		urls = append(urls, server.URL)
	}
	tr := p.transcribe(t, 0)
	l := &listener{token: p.token, id: tr.ID}
	connections := 0
	hear := func(done func() bool) {
		connections++
		l.hear(t, urls[connections%2], done)
	}
	hear(func() bool { return slices.Contains(l.states, "transcribing") })
	for i, chunk := range []int{1, 0, 2, 4, 3, 5} { // segments come in order all the same
		before := len(l.segments)
		p.finish(t, tr, chunk)
		if i == 0 {
			continue // nothing is known of what comes before
		}
		hear(func() bool { return len(l.segments) > before || chunk == 4 })
	}
	ok(t, p.db.Advance(t.Context(), tr.Ref()))
	hear(func() bool { return slices.Contains(l.states, "merging") })
	said := p.merged(t, tr)
	ok(t, p.db.Complete(t.Context(), p.claim(t, pipeline.Step{Ref: tr.Ref(), Kind: pipeline.Merge}), pipeline.Transcript{Segments: said, Text: transcription.Text(said)}))
	hear(func() bool { return false })
	if diff := cmp.Diff([]string{"queued", "preparing", "transcribing", "merging", "completed"}, l.states); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for i, s := range said {
		if i >= len(l.segments) || l.segments[i] != i || l.text[i] != s.Text {
			t.Fatalf("segment %d of %d: got %v", i, len(said), l.segments)
		}
	}
	if len(l.segments) != len(said) {
		t.Errorf("%d segments after %d", len(l.segments), len(said))
	}
}
