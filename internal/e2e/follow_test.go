//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// event is a server-sent event.
type event struct {
	id, name string
	data     struct {
		Status   string
		Segments []struct {
			Index int
			segment
		}
	}
}

// listen follows a transcription behind a place and calls heard for each event, until it
// returns false or the stream ends. It returns the status of the answer.
func (p *person) listen(id, after string, heard func(event) bool) (status int) {
	p.t.Helper()
	p.stay()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.s.url+root+"/transcriptions/"+id+"/events", http.NoBody)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	r.Header.Set("Last-Event-ID", after)
	res, err := p.client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }() // in the middle of the stream, often
	var e event
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "id":
			e = event{id: value}
		case "event":
			e.name = value
		case "data":
			if err := json.Unmarshal([]byte(value), &e.data); err != nil {
				p.t.Fatal(err)
			}
			if !heard(e) {
				return res.StatusCode
			}
		}
	}
	if err := lines.Err(); err != nil {
		p.t.Fatal(err)
	}
	return res.StatusCode
}

// TestFollow cuts the connection behind each event and comes back with its id. All
// changes and all segments are heard, in order, each once; the segments are those of
// the finished text; and who has heard the end is not told it again.
func TestFollow(t *testing.T) {
	t.Parallel()
	p := shared.person(t)
	id := p.send("meeting.flac", demo(t, "samples/meeting.flac"))
	var states []string
	var segments []segment
	place, connections, early := "", 0, 0
	for over := false; !over; connections++ {
		known := place
		p.listen(id, place, func(e event) bool {
			place = e.id
			if e.data.Status != "" {
				states = append(states, e.data.Status)
			}
			for _, s := range e.data.Segments {
				if s.Index != len(segments) {
					t.Errorf("segment %d is number %d", len(segments), s.Index)
				}
				segments = append(segments, s.segment)
			}
			if e.name == "segments" && !slices.Contains(states, "merging") {
				early += len(e.data.Segments)
			}
			over = e.name == "completed" || e.name == "failed" || e.name == "canceled"
			return e.id == known // what says only how far it is has the id of what came before
		})
	}
	if want := []string{"queued", "preparing", "transcribing", "merging", "completed"}; !slices.Equal(states, want) {
		t.Errorf("states %q, want %q", states, want)
	}
	done := p.show(id)
	if !slices.Equal(segments, done.Segments) || len(segments) == 0 {
		t.Errorf("heard %v, the text is %v", segments, done.Segments)
	}
	t.Logf("%d connections; %d of %d segments came while it was being transcribed", connections, early, len(segments))
	if status := p.listen(id, place, func(event) bool { return true }); status != http.StatusNoContent {
		t.Errorf("behind the end: %d, want 204", status)
	}
	shared.person(t).get("/transcriptions/"+id+"/events").refused(t, http.StatusNotFound, "not_found")
}

// TestFollow_apiStops: an api that is told to stop ends its streams at once, and the
// next one goes on from there.
func TestFollow_apiStops(t *testing.T) {
	t.Parallel()
	s := newStack(t, map[string]string{"TS_SHUTDOWN_GRACE": "2m"}) // a stream that is waited for would show
	if _, err := s.worker.stop(grace); err != nil {
		t.Fatal(err)
	}
	p := s.person(t)
	id := p.send("short01.flac", demo(t, "test/short01.flac"))
	place := ""
	stopped := make(chan error, 1)
	p.listen(id, "", func(e event) bool {
		if place = e.id; e.name == "progress" {
			go func() {
				_, err := s.api.stop(grace)
				stopped <- err
			}()
		}
		return true
	})
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if err := s.startAPI(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.startWorker(t.Context()); err != nil {
		t.Fatal(err)
	}
	var states []string
	p.listen(id, place, func(e event) bool {
		if e.data.Status != "" {
			states = append(states, e.data.Status)
		}
		return true
	})
	if want := []string{"preparing", "transcribing", "merging", "completed"}; !slices.Equal(states, want) {
		t.Errorf("behind the restart %q, want %q", states, want)
	}
}
