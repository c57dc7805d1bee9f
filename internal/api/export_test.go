package api

import (
	"maps"
	"net/http"
	"slices"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// Strict is for tests.
var Strict = strict

// Unhurried returns the routes without a limit of time.
func Unhurried() []string { return slices.Collect(maps.Keys(unhurried)) }

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

// StatusOf is how HTTP calls a kind of fault.
func StatusOf(k fault.Kind) int { return statuses[k] }
