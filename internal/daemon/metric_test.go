package daemon

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestCounter(t *testing.T) {
	t.Parallel()
	registry := NewRegistry()
	count, err := Counter(registry, "turboscribe_falls_total", "How often somebody fell.", "from", "chair", "roof")
	if err != nil {
		t.Fatal(err)
	}
	metrics := func() string {
		answer := httptest.NewRecorder()
		NewHealth(registry, nil).Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
		return answer.Body.String()
	}
	for _, want := range []string{`turboscribe_falls_total{from="chair"} 0`, `turboscribe_falls_total{from="roof"} 0`, "How often somebody fell."} {
		if got := metrics(); !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	count("roof")
	count("roof")
	if got, want := metrics(), `turboscribe_falls_total{from="roof"} 2`; !strings.Contains(got, want) {
		t.Errorf("%q is not in\n%s", want, got)
	}
	if _, err := Counter(registry, "turboscribe_falls_total", "Again.", "from"); err == nil {
		t.Error("the same name was registered twice")
	}
}

func TestGauges(t *testing.T) {
	t.Parallel()
	registry := NewRegistry()
	var wrong error
	read := func(context.Context) (map[string]float64, error) {
		return map[string]float64{"chair": 2, "roof": 0.5}, wrong
	}
	if err := Gauges(t.Context(), registry, "turboscribe_heights", "How high it is.", "of", read); err != nil {
		t.Fatal(err)
	}
	alone := func(context.Context) (map[string]float64, error) { return map[string]float64{"": 7}, nil }
	if err := Gauges(t.Context(), registry, "turboscribe_depth", "How deep it is.", "", alone); err != nil {
		t.Fatal(err)
	}
	metrics := func() string {
		answer := httptest.NewRecorder()
		NewHealth(registry, nil).Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
		return answer.Body.String()
	}
	for _, want := range []string{`turboscribe_heights{of="chair"} 2`, `turboscribe_heights{of="roof"} 0.5`, "turboscribe_depth 7", "How deep it is."} {
		if got := metrics(); !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	wrong = errors.New("no ladder")
	if got := metrics(); strings.Contains(got, "turboscribe_heights{") || !strings.Contains(got, "turboscribe_depth 7") {
		t.Errorf("what cannot be read is told, or hides the rest:\n%s", got)
	}
	if err := Gauges(t.Context(), registry, "turboscribe_depth", "Again.", "", alone); err == nil {
		t.Error("the same name was registered twice")
	}
}
