package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/api/apitest"
)

// TestOpenAPI_hasEveryRoute walks the router and the description both ways.
func TestOpenAPI_hasEveryRoute(t *testing.T) {
	t.Parallel()
	contract, err := apitest.NewContract(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	param := regexp.MustCompile(`:(\w+)`)
	var routed []string
	for _, r := range newWorld(t).Routes() {
		routed = append(routed, strings.ReplaceAll(param.ReplaceAllString(r, "{$1}"), "/*", "/{path}"))
	}
	slices.Sort(routed)
	if diff := cmp.Diff(contract.Routes(), routed); diff != "" {
		t.Errorf("-described +routed\n%s", diff)
	}
}

func TestOpenAPI_isServed(t *testing.T) {
	t.Parallel()
	got := newWorld(t).do(t, call{path: "/api/v1/openapi.yaml"})
	if got.StatusCode != http.StatusOK || got.Header.Get("Content-Type") != "application/yaml" || !strings.HasPrefix(got.body, "openapi: 3.1") {
		t.Errorf("got %d %s %.50s", got.StatusCode, got.Header.Get("Content-Type"), got.body)
	}
}

// TestContract_forms shows that uploads are held against the description as well.
func TestContract_forms(t *testing.T) {
	t.Parallel()
	contract, err := apitest.NewContract(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const accepted = `{"status":"success","data":{"fileId":"01950000-0000-7000-8000-000000000001","transcriptionId":"01950000-0000-7000-8000-000000000001","status":"queued"}}`
	for name, tt := range map[string]struct {
		fields []field
		want   bool // a complaint
	}{
		"truth":               {[]field{{"model", "small"}, {"translate", "1"}, {"file", "sound"}}, false},
		"another spelling":    {[]field{{"translate", "T"}, {"file", "sound"}}, true},
		"unknown field":       {[]field{{"file", "sound"}, {"speed", "2"}}, true},
		"field twice":         {[]field{{"model", "a"}, {"model", "a"}, {"file", "sound"}}, true},
		"no file":             {[]field{{"model", "small"}}, true},
		"too much to look at": {[]field{{"file", strings.Repeat("x", 9<<20)}, {"speed", "2"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// It accepts everything, as soon as it has read it.
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("X-Request-Id", "id")
				w.Header().Set("Location", "/api/v1/transcriptions/x")
				w.WriteHeader(http.StatusAccepted)
				_, _ = io.WriteString(w, accepted)
			}))
			t.Cleanup(server.Close)
			var complaints []error
			client := &http.Client{Transport: contract.Transport(server.Client().Transport, func(err error) { complaints = append(complaints, err) })}
			body, kind := form(t, tt.fields...)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/api/v1/files/upload", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", kind)
			res, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			whole(t, res)
			if (len(complaints) > 0) != tt.want {
				t.Errorf("got %v, want a complaint: %v", complaints, tt.want)
			}
		})
	}
}

// TestContract_bites shows that each kind of lie is found.
func TestContract_bites(t *testing.T) {
	t.Parallel()
	const problem = `{"status":"error","error":{"code":"x","message":"y","details":{},"request_id":"z"}}`
	limits := `{"status":"success","data":{"maxBytes":1,"maxDuration":2,"maxPrompt":3,"exportFormats":["txt"]}}`
	tests := []struct {
		name, path string
		status     int
		kind, body string
		want       bool // a complaint
	}{
		{"truth", "/api/v1/limits", 200, "application/json", limits, false},
		{"field that is not described", "/api/v1/limits", 200, "application/json", strings.Replace(limits, `"maxPrompt"`, `"more":1,"maxPrompt"`, 1), true},
		{"missing field", "/api/v1/limits", 200, "application/json", strings.Replace(limits, `"maxPrompt":3,`, "", 1), true},
		{"wrong type", "/api/v1/limits", 200, "application/json", strings.Replace(limits, "1", `"1"`, 1), true},
		{"wrong constant", "/api/v1/limits", 200, "application/json", strings.Replace(limits, "success", "ok", 1), true},
		{"status that is not described", "/api/v1/limits", 402, "application/json", problem, true},
		{"content type that is not described", "/api/v1/limits", 200, "text/plain", limits, true},
		{"unknown address, refused", "/nowhere", 404, "application/json", problem, false},
		{"unknown address, refused without our words", "/nowhere", 404, "text/plain", "404", true},
		{"unknown address, answered", "/nowhere", 200, "application/json", limits, true},
	}
	contract, err := apitest.NewContract(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost"+tt.path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			res := &http.Response{
				StatusCode: tt.status, Body: io.NopCloser(strings.NewReader(tt.body)),
				Header: http.Header{"Content-Type": {tt.kind}, "X-Request-Id": {"id"}},
			}
			if err := contract.Check(r, nil, res); (err != nil) != tt.want {
				t.Errorf("got %v, want a complaint: %v", err, tt.want)
			}
		})
	}
}
