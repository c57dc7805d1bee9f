package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/auth"
)

// dashboardCSRF is the cookie that the dashboard's library sends back in a header.
const dashboardCSRF = "XSRF-TOKEN"

// dashboard serves the dashboard of the queues, with a policy for its pages: they
// hold scripts and styles within the HTML.
func (s *Server) dashboard(c echo.Context) error {
	c.Response().Header().Set("Content-Security-Policy", s.queuesCSP)
	who := actor(c)
	c.SetCookie(s.cookies.readable(dashboardCSRF, s.auth.CSRFToken(who), queuesPath, who.Expires))
	s.queues.ServeHTTP(c.Response(), c.Request())
	return nil
}

// intervene has the dashboard change something. What it answers, which is short, is told once
// it is recorded that it has done so; what it refuses, as all of it where it only shows, is not
// recorded.
func (s *Server) intervene(c echo.Context) error {
	done := page{header: http.Header{}, status: http.StatusOK}
	s.queues.ServeHTTP(&done, c.Request())
	if details := intervention(c.Request()); details != nil && done.status < http.StatusBadRequest {
		if err := s.audit(c, auth.QueuesChanged, details); err != nil {
			return err
		}
	}
	maps.Copy(c.Response().Header(), done.header)
	c.Response().Header().Set("Content-Security-Policy", s.queuesCSP)
	c.Response().WriteHeader(done.status)
	_, err := c.Response().Write(done.body.Bytes())
	return err
}

// intervention returns what is asked of the dashboard: method, queue and action, such as pause or
// archived_tasks:run. Ids of tasks are not in it, which are made of those of transcriptions. It is
// nil for what changes nothing.
func intervention(r *http.Request) map[string]any {
	path, ok := strings.CutPrefix(r.URL.Path, queuesPath+"/api/queues/")
	if !ok {
		return nil
	}
	queue, of, _ := strings.Cut(path, "/")
	queue, action, _ := strings.Cut(queue, ":")
	if of != "" {
		action = tasksAction(of)
	}
	return map[string]any{"method": r.Method, "queue": queue, "action": action}
}

// tasksAction returns which tasks something is done with, and what. The groups that tasks can
// be in have a name before.
func tasksAction(path string) string {
	parts := strings.Split(path, "/")
	for i, kind := range parts {
		kind, all, _ := strings.Cut(kind, ":")
		if !strings.HasSuffix(kind, "_tasks") {
			continue
		}
		action := all
		if last := parts[len(parts)-1]; i < len(parts)-1 {
			action = last[strings.LastIndex(last, ":")+1:]
		}
		if slices.Contains(taskActions, action) {
			return kind + ":" + action
		}
		return kind
	}
	return ""
}

// taskActions are what the dashboard does with tasks, besides deleting one.
var taskActions = []string{
	"run", "archive", "cancel", "run_all", "archive_all", "cancel_all", "delete_all", "batch_run", "batch_archive", "batch_cancel", "batch_delete",
}

// dashboardCSP returns the policy for the dashboard's pages. Its page is asked
// for once, to name the scripts within it by their hash: no other one may run.
// The page also wants fonts from another host, which it does without.
func dashboardCSP(queues http.Handler) (string, error) {
	if queues == nil {
		return "", nil
	}
	r, err := http.NewRequest(http.MethodGet, queuesPath+"/", http.NoBody) //nolint:noctx // answered in memory
	if err != nil {
		return "", fmt.Errorf("ask for the dashboard's page: %w", err)
	}
	page := page{header: http.Header{}}
	queues.ServeHTTP(&page, r)
	policy := []string{
		"default-src 'none'", "connect-src 'self'", "img-src 'self' data:", "font-src 'self' data:", "manifest-src 'self'",
		"style-src 'self' 'unsafe-inline'", "script-src " + strings.Join(append([]string{"'self'"}, scriptHashes(page.body.String())...), " "),
		"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
	}
	return strings.Join(policy, "; "), nil
}

// scriptHashes returns the CSP sources of the scripts within a page.
func scriptHashes(html string) (found []string) {
	for {
		_, rest, ok := strings.Cut(html, "<script>")
		script, rest, closed := strings.Cut(rest, "</script>")
		if !ok || !closed {
			return found
		}
		sum := sha256.Sum256([]byte(script))
		found = append(found, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
		html = rest
	}
}

// page keeps what a handler answers.
type page struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (p *page) Header() http.Header         { return p.header }
func (p *page) Write(b []byte) (int, error) { return p.body.Write(b) }
func (p *page) WriteHeader(status int)      { p.status = status }
