package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/auth"
)

// dashboardCSRF is the cookie that the dashboard's library sends back in a header.
const dashboardCSRF = "XSRF-TOKEN"

// dashboard serves the dashboard of the queues, with a policy for its pages: they
// hold scripts and styles within the HTML. Whoever changes something in it is recorded
// before, since it answers by itself.
func (s *Server) dashboard(c echo.Context) error {
	c.Response().Header().Set("Content-Security-Policy", s.queuesCSP)
	if method := c.Request().Method; !safe(method) {
		if err := s.audit(c, auth.QueuesChanged, map[string]any{"method": method}); err != nil {
			return err
		}
	}
	if who := actor(c); safe(c.Request().Method) {
		c.SetCookie(s.cookies.readable(dashboardCSRF, s.auth.CSRFToken(who), queuesPath, who.Expires))
	}
	s.queues.ServeHTTP(c.Response(), c.Request())
	return nil
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
	body   bytes.Buffer
}

func (p *page) Header() http.Header         { return p.header }
func (p *page) Write(b []byte) (int, error) { return p.body.Write(b) }
func (p *page) WriteHeader(int)             {}
