package api_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
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
