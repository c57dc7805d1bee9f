package api_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type entry struct {
	Action string
	User   *struct{ Email string }
	IP     string
}

type entries struct {
	Items      []entry
	NextCursor *string
}

func (w *world) audit(t *testing.T, query string) (found entries) {
	t.Helper()
	return data[entries](t, w.do(t, call{actor: "admin", path: "/api/v1/admin/audit?" + query}))
}

func TestAudit_signIns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, body := range []string{
		`{"email":"user@example.com","password":"` + password + `"}`,
		`{"email":"user@example.com","password":"not that one"}`,
		`{"email":"stranger@example.com","password":"not that one"}`,
	} {
		w.do(t, call{method: "POST", path: "/api/v1/auth/login", body: body})
	}
	var told []string
	for _, e := range w.audit(t, "limit=3").Items {
		who := ""
		if e.User != nil {
			who = e.User.Email
		}
		told = append(told, e.Action+" "+who+" "+e.IP)
	}
	want := []string{"session.refused  127.0.0.1", "session.refused  127.0.0.1", "session.created user@example.com 127.0.0.1"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestAudit_pages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	query := url.Values{"action": {"account.created"}, "limit": {"2"}}
	var found []string
	for pages := 0; pages < 10; pages++ {
		page := w.audit(t, query.Encode())
		for _, e := range page.Items {
			found = append(found, e.User.Email)
		}
		if page.NextCursor == nil {
			break
		}
		query.Set("cursor", *page.NextCursor)
	}
	seen := map[string]int{}
	for _, email := range found {
		seen[email]++
	}
	for _, who := range people[1 : len(people)-1] { // the administrator is not made by registering
		if seen[who+"@example.com"] != 1 {
			t.Errorf("%s is in the log %d times, want 1", who, seen[who+"@example.com"])
		}
	}
}

func TestAudit_refusesFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for query, code := range map[string]string{
		"user=ada": "invalid_id", "subject=ada": "invalid_id", "since=yesterday": "invalid_time", "until=1": "invalid_time", "since=0000-01-01": "invalid_time", "until=0000-12-31T23:59:59Z": "invalid_time", "since=0001-01-01T00:00:00%2B01:00": "invalid_time",
		"limit=0": "invalid_limit", "limit=101": "invalid_limit", "cursor=x": "invalid_cursor",
	} {
		w.do(t, call{actor: "admin", path: "/api/v1/admin/audit?" + query}).expect(t, 400, code)
	}
}

func TestAudit_operators(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/api/v1/admin/queues/merge/pause", "/api/v1/admin/queues/merge/resume"} {
		w.do(t, call{actor: "operator", method: "POST", path: path}).expect(t, 200, "")
	}
	w.do(t, call{actor: "operator", path: "/admin/queues/x"}).expect(t, 200, "")
	var told []string
	for _, e := range w.audit(t, "limit=2").Items {
		told = append(told, e.Action+" "+e.User.Email)
	}
	want := []string{"queue.resumed operator@example.com", "queue.paused operator@example.com"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// A recording that is gone leaves a trace of who did that, and none of itself.
func TestAudit_deletions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.store.add(t, w.ids["user"], completed)
	w.do(t, call{actor: "user", method: "DELETE", path: "/api/v1/transcriptions/" + id.String()}).expect(t, 204, "")
	got := w.do(t, call{actor: "admin", path: "/api/v1/admin/audit?action=transcription.deleted"})
	if items := data[entries](t, got).Items; len(items) != 1 || items[0].User.Email != "user@example.com" || strings.Contains(got.body, id.String()) {
		t.Errorf("the audit log tells %s", got.body)
	}
}

// Many deleted at once left no trace, and their texts in the cache.
func TestAudit_bulkDeletions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.store.add(t, w.ids["user"], nil), w.store.add(t, w.ids["user"], nil)
	foreign := w.store.add(t, w.ids["other"], nil)
	body := fmt.Sprintf(`{"action":"delete","ids":[%q,%q,%q,%q]}`, one, one, foreign, two)
	w.user(t, "POST", "/transcriptions/bulk", body).expect(t, 200, "")
	got := w.do(t, call{actor: "admin", path: "/api/v1/admin/audit?action=transcription.deleted"})
	if items := data[entries](t, got).Items; len(items) != 2 {
		t.Errorf("two are gone, the audit log tells %s", got.body)
	}
}
