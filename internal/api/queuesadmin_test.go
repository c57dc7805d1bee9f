package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/api"
	"github.com/turboscribe/turboscribe/internal/auth"
)

func TestAdminQueues(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.store.add(t, w.ids["user"], nil)
	type queue struct {
		Name                         string
		Waiting, Dispatched, Running int
		Paused                       bool
		PausedAt, PausedBy           *string
	}
	list := func() []queue {
		t.Helper()
		return data[struct{ Items []queue }](t, w.do(t, call{actor: "admin", path: "/api/v1/admin/queues"})).Items
	}
	want := []queue{{Name: "prepare", Waiting: 1}, {Name: "transcribe-gpu"}, {Name: "transcribe-cpu"}, {Name: "merge"}, {Name: "deliver"}}
	if diff := cmp.Diff(want, list()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	turn := func(name, action string) answer {
		t.Helper()
		return w.do(t, call{actor: "admin", method: "POST", path: "/api/v1/admin/queues/" + name + "/" + action})
	}
	for range 2 {
		got := data[queue](t, turn("prepare", "pause"))
		if !got.Paused || got.PausedAt == nil || got.PausedBy == nil || *got.PausedBy != w.ids["admin"].String() {
			t.Errorf("got %+v", got)
		}
		if diff := cmp.Diff(list()[0], got); diff != "" {
			t.Errorf("-listed +answered\n%s", diff)
		}
	}
	told := len(w.queue.refs)
	if got := data[queue](t, turn("prepare", "resume")); got.Paused || got.PausedAt != nil || len(w.queue.refs) != told+1 {
		t.Errorf("got %+v, and workers were told %d times", got, len(w.queue.refs)-told)
	}
	turn("nothing", "pause").expect(t, 404, "not_found")
	turn("nothing", "resume").expect(t, 404, "not_found")
}

// A key that was made to watch the queues could delete tasks and pause queues in the dashboard
// where that may be written to, since all of it asked for one permission only.
func TestDashboard_watchOnly(t *testing.T) {
	t.Parallel()
	asked := 0
	w := newWorld(t, func(o *api.Options) {
		o.Queues = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet && r.Method != http.MethodHead {
				asked++
			}
		})
	})
	w.client = new(http.Client) // nobody describes what the dashboard answers
	watch := map[string]string{"Authorization": "Bearer " + w.addKeyOf(t, "operator", auth.WatchQueues)}
	manage := map[string]string{"Authorization": "Bearer " + w.addKeyOf(t, "operator", auth.WatchQueues, auth.ManageQueues)}
	for _, method := range []string{"GET", "HEAD"} {
		w.do(t, call{method: method, path: "/admin/queues/api/queues", header: watch}).expect(t, 200, "")
	}
	for _, method := range []string{"POST", "DELETE"} {
		w.do(t, call{method: method, path: "/admin/queues/api/queues/merge", header: watch}).expect(t, 403, "forbidden")
	}
	if asked != 0 {
		t.Errorf("the dashboard was asked for %d changes", asked)
	}
	w.do(t, call{method: "DELETE", path: "/admin/queues/api/queues/merge", header: manage}).expect(t, 200, "")
}

// The audit log told of what the dashboard then refused, and neither of which queue nor what.
func TestDashboard_audit(t *testing.T) {
	t.Parallel()
	refuses := false
	w := newWorld(t, func(o *api.Options) {
		o.Queues = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if refuses && r.Method != http.MethodGet {
				http.Error(w, "read-only", http.StatusMethodNotAllowed)
				return
			}
			w.Header().Set("Content-Type", "text/plain")
			_, _ = w.Write([]byte("done"))
		})
	})
	w.client = new(http.Client)
	const of = "/admin/queues/api/queues/"
	id := newID(t).String()
	for _, tt := range []struct{ method, path, queue, action string }{
		{"POST", "merge:pause", "merge", "pause"},
		{"DELETE", "merge", "merge", ""},
		{"POST", "merge/archived_tasks/merge:" + id + ":1:run", "merge", "archived_tasks:run"},
		{"DELETE", "merge/retry_tasks/merge:" + id, "merge", "retry_tasks"},
		{"DELETE", "merge/retry_tasks:delete_all", "merge", "retry_tasks:delete_all"},
		{"POST", "merge/groups/g/aggregating_tasks:batch_run", "merge", "aggregating_tasks:batch_run"},
	} {
		got := w.do(t, call{actor: "operator", method: tt.method, path: of + tt.path})
		if got.expect(t, 200, ""); got.body != "done" || got.Header.Get("Content-Security-Policy") == "" {
			t.Errorf("got %q with %v", got.body, got.Header)
		}
		told := w.do(t, call{actor: "admin", path: "/api/v1/admin/audit?limit=1"})
		entry := data[struct {
			Items []struct {
				Action  string
				Details map[string]any
			}
		}](t, told).Items[0]
		want := map[string]any{"method": tt.method, "queue": tt.queue, "action": tt.action}
		if diff := cmp.Diff(want, entry.Details); diff != "" || entry.Action != "queue.intervened" || strings.Contains(told.body, id) {
			t.Errorf("%s %s: %s -want +told\n%s", tt.method, tt.path, entry.Action, diff)
		}
	}
	before := len(w.audit(t, "action=queue.intervened").Items)
	refuses = true
	if got := w.do(t, call{actor: "operator", method: "POST", path: of + "merge:pause"}); got.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("got %d", got.StatusCode)
	}
	refuses = false
	w.do(t, call{actor: "operator", method: "POST", path: "/admin/queues/nothing"}).expect(t, 200, "")
	if after := len(w.audit(t, "action=queue.intervened").Items); after != before {
		t.Errorf("%d more are recorded, of what was refused or changes nothing", after-before)
	}
}
