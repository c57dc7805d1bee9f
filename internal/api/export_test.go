package api

import (
	"net/http"
	"slices"
)

// Strict is for tests.
var Strict = strict

// Routes returns every route of the router, such as "GET /api/v1/me", sorted. HEAD
// goes without saying where there is GET.
func (s *Server) Routes() []string {
	var found []string
	for _, r := range s.echo.Routes() {
		if r.Method != http.MethodHead {
			found = append(found, r.Method+" "+r.Path)
		}
	}
	slices.Sort(found)
	return found
}
