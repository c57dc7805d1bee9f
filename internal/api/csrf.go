package api

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"
)

// What scripts send the token of their sign-in in. The second is what the dashboard's
// library calls it.
const (
	csrfHeader          = "X-CSRF-Token"
	dashboardCSRFHeader = "X-XSRF-TOKEN"
)

// intended refuses what changes something in the name of a cookie and does not bring
// the token that only a page of this installation can read. Whoever signs in is exempt:
// the cookies of an old sign-in must not be in the way of the next.
func (s *Server) intended(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		who, _ := c.Get(callerKey).(caller)
		if !who.cookie || who.err != nil || safe(r.Method) || slices.Contains(signInPaths, c.Path()) {
			return next(c)
		}
		token := cmp.Or(r.Header.Get(csrfHeader), r.Header.Get(dashboardCSRFHeader))
		if err := s.auth.CheckCSRF(who.actor, token); err != nil {
			return err
		}
		return next(c)
	}
}

// safe reports whether requests of that method change nothing.
func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// csrf tells the token to pages that cannot read the cookie, because they come from
// another host.
func (s *Server) csrf(c echo.Context) error {
	return answer(c, http.StatusOK, map[string]any{"csrfToken": orNull(s.auth.CSRFToken(actor(c)))})
}
