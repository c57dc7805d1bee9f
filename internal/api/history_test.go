package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// TestShowHistory reads it in pages. Who runs the installation sees the names of workers,
// the owner does not.
func TestShowHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	type page struct {
		Items []struct {
			ID      int64
			Type    string
			Run     int
			At      time.Time
			Actor   struct{ Kind, Name string }
			Details map[string]any
		}
		NextCursor *string
	}
	for actor, want := range map[string][]string{
		"user":  {"1 preparing worker  map[]", "1 step_rescued scheduler  map[attempt:2]", "2 completed worker  map[]"},
		"admin": {"1 preparing worker w7 map[]", "1 step_rescued scheduler s1 map[attempt:2 worker:w7]", "2 completed worker w7 map[]"},
	} {
		id := w.store.add(t, w.ids[actor], nil)
		by := transcription.Actor{Kind: transcription.ByWorker, Name: "w7"}
		for _, e := range []transcription.Event{
			{Run: 1, Type: "preparing", Actor: by, Details: map[string]any{}},
			{Run: 1, Type: transcription.StepRescued, Actor: transcription.Actor{Kind: transcription.ByScheduler, Name: "s1"}, Details: map[string]any{"attempt": 2, "worker": "w7"}},
			{Run: 2, Type: "completed", Actor: by, Details: map[string]any{}},
		} {
			e.At = start
			w.store.Tell(id, e)
		}
		for _, limit := range []int{1, 2, 3, 4} {
			var got []string
			for cursor := ""; ; {
				p := data[page](t, w.do(t, call{actor: actor, path: fmt.Sprintf("/api/v1/transcriptions/%s/history?limit=%d&cursor=%s", id, limit, cursor)}))
				for _, e := range p.Items {
					if !e.At.Equal(start.Truncate(time.Millisecond)) || e.ID == 0 {
						t.Errorf("got %+v", e)
					}
					got = append(got, fmt.Sprint(e.Run, " ", e.Type, " ", e.Actor.Kind, " ", e.Actor.Name, " ", e.Details))
				}
				if p.NextCursor == nil {
					break
				}
				cursor = *p.NextCursor
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, pages of %d: -want +got\n%s", actor, limit, diff)
			}
		}
	}
}

func TestShowHistory_refused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := "/api/v1/transcriptions/" + w.store.add(t, w.ids["user"], nil).String() + "/history"
	for query, code := range map[string]string{
		"?limit=0": "invalid_limit", "?limit=101": "invalid_limit", "?limit=x": "invalid_limit", "?cursor=x": "invalid_cursor", "?cursor=AAAA": "invalid_cursor",
		"?%": "malformed_query", "?cursor=" + strings.Repeat("A", 32): "invalid_cursor",
	} {
		w.do(t, call{actor: "user", path: path + query}).expect(t, 400, code)
	}
	if got := w.do(t, call{actor: "user", path: path}); !strings.Contains(got.body, `{"items":[],"nextCursor":null}`) {
		t.Errorf("got %s", got.body)
	}
	w.do(t, call{actor: "other", path: path}).expect(t, 404, "not_found")
	w.do(t, call{actor: "user", path: "/api/v1/transcriptions/" + newID(t).String() + "/history"}).expect(t, 404, "not_found")
}
