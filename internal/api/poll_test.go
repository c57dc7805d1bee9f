package api_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/api/apitest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

func TestCache(t *testing.T) {
	t.Parallel()
	apitest.TestCache(t, new(apitest.Cache))
}

// poll asks for a transcription, with the tag of an earlier answer or none.
func (w *world) poll(t *testing.T, actor string, id uuid.UUID, tag string) answer {
	t.Helper()
	return w.do(t, call{actor: actor, path: "/api/v1/transcriptions/" + id.String(), header: map[string]string{"If-None-Match": tag}})
}

// inWork is a transcription of which a part is done.
func inWork(r *transcription.Transcription) {
	r.Status, r.Progress, r.Partial, r.Text, r.UpdatedAt = transcription.Transcribing, 0.5, true, "So far.", start
	r.Segments = []transcription.Segment{{Start: time.Second, End: 2 * time.Second, Text: "So far.", Confidence: 0.5}}
}

// Who has the answer already costs no text, who has not costs one for all.
func TestShowTranscription_isCheapToPoll(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*transcription.Transcription){"completed": completed, "in work": inWork} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			id := w.store.add(t, w.ids["user"], change)
			first := w.poll(t, "user", id, "")
			first.expect(t, 200, "")
			tag := first.Header.Get("ETag")
			if tag == "" || first.Header.Get("Cache-Control") != "private, no-cache" {
				t.Errorf("got %v", first.Header)
			}
			for header, want := range map[string]int{tag: 304, "W/" + tag: 304, `"x", ` + tag: 304, "*": 304, `"x"`: 200, "": 200} {
				got := w.poll(t, "user", id, header)
				if got.StatusCode != want || (want == 304) != (got.body == "") || got.Header.Get("ETag") != tag {
					t.Errorf("%q: got %d %.40s, want %d", header, got.StatusCode, got.body, want)
				}
				if want == 200 && got.body != first.body {
					t.Errorf("%q: got %s, want %s", header, got.body, first.body)
				}
			}
			if n := w.store.texts.Load(); n != 1 {
				t.Errorf("the text was read %d times", n)
			}
		})
	}
}

// Whatever changes is there at the next poll, however much of it is cached.
func TestShowTranscription_changes(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*transcription.Transcription)
		want   string // in the answer
	}{
		"the queue moves":      {func(r *transcription.Transcription) { r.QueuePosition = 7 }, `"queuePosition":7`},
		"the estimate changes": {func(r *transcription.Transcription) { r.Estimate = 9 * time.Second }, `"estimatedSeconds":9.000`},
		"progress is made":     {func(r *transcription.Transcription) { r.Progress = 0.75 }, `"progress":0.750`},
		"a chunk is done": {func(r *transcription.Transcription) {
			r.Text, r.UpdatedAt = "So far and on.", r.UpdatedAt.Add(time.Microsecond)
		}, `"text":"So far and on."`},
		"the text is edited": {func(r *transcription.Transcription) { r.Text, r.Revision = "Thus far.", 1 }, `"text":"Thus far."`},
		"another run begins": {func(r *transcription.Transcription) { r.Text, r.Run = "Anew.", 2 }, `"text":"Anew."`},
		"it is completed": {func(r *transcription.Transcription) {
			r.Status, r.Partial, r.Text = transcription.Completed, false, "All of it."
		}, `"text":"All of it."`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			id := w.store.add(t, w.ids["user"], inWork)
			tag := w.poll(t, "user", id, "").Header.Get("ETag")
			w.store.Change(id, tt.change)
			got := w.poll(t, "user", id, tag)
			if next := got.Header.Get("ETag"); got.StatusCode != http.StatusOK || next == tag || !strings.Contains(got.body, tt.want) {
				t.Errorf("got %d with %s after %s: %s", got.StatusCode, next, tag, got.body)
			}
		})
	}
}

// A canceled one has neither its text nor the cached one, a deleted one is not there,
// and neither is somebody else's, whatever the cache knows.
func TestShowTranscription_cacheDecidesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.store.add(t, w.ids["user"], inWork)
	path := "/api/v1/transcriptions/" + id.String()
	tag := w.poll(t, "user", id, "").Header.Get("ETag")
	if w.cache.Len() != 1 {
		t.Fatal("nothing is cached")
	}
	for _, header := range []string{"", tag, "*"} {
		w.poll(t, "other", id, header).expect(t, 404, "not_found")
		w.poll(t, "", id, header).expect(t, 401, "unauthenticated")
	}
	w.do(t, call{actor: "user", method: "POST", path: path + "/cancel"}).expect(t, 200, "")
	got := data[map[string]any](t, w.poll(t, "user", id, tag))
	if got["status"] != "canceled" || got["text"] != nil || got["partial"] != false {
		t.Errorf("canceled it is %v", got)
	}
	w.do(t, call{actor: "user", method: "DELETE", path: path}).expect(t, 204, "")
	w.poll(t, "user", id, tag).expect(t, 404, "not_found")
	if w.cache.Len() != 0 {
		t.Error("the text of what was deleted stays in the cache")
	}
}

// A chunk that is finished between the two looks at the store must not come under the
// tag of before: the client would never see it, or the next one.
func TestShowTranscription_changesMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.store.add(t, w.ids["user"], inWork)
	var once sync.Once
	w.store.reading = func() {
		once.Do(func() {
			w.store.Change(id, func(r *transcription.Transcription) {
				r.Text, r.Progress, r.UpdatedAt = "So far and on.", 0.6, r.UpdatedAt.Add(time.Second)
			})
		})
	}
	got := w.poll(t, "user", id, "")
	if one := data[map[string]any](t, got); one["text"] != "So far and on." || one["progress"] != 0.6 {
		t.Errorf("the answer is of two moments: %v", one)
	}
	again := w.poll(t, "user", id, got.Header.Get("ETag"))
	if again.StatusCode != http.StatusNotModified || w.store.texts.Load() != 1 {
		t.Errorf("the same again is answered with %d, after %d texts", again.StatusCode, w.store.texts.Load())
	}
}

// Without its cache the API gives the same answers, only later.
func TestShowTranscription_cacheAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.store.add(t, w.ids["user"], completed)
	want := w.poll(t, "user", id, "")
	w.cache.BreakWith(errors.New("the cache is away"))
	for range 2 {
		got := w.poll(t, "user", id, "")
		if got.StatusCode != http.StatusOK || got.body != want.body || got.Header.Get("ETag") != want.Header.Get("ETag") {
			t.Errorf("got %d %s %s, want %s %s", got.StatusCode, got.Header.Get("ETag"), got.body, want.Header.Get("ETag"), want.body)
		}
		w.poll(t, "user", id, want.Header.Get("ETag")).expect(t, 304, "")
	}
	w.do(t, call{actor: "user", method: "DELETE", path: "/api/v1/transcriptions/" + id.String()}).expect(t, 204, "")
	if !strings.Contains(w.log.String(), "the cache is away") {
		t.Errorf("nobody is told: %s", w.log)
	}
}
