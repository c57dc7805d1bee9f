package daemon

import (
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
