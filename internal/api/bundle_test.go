package api_test

import (
	"archive/zip"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

func TestExportTranscriptions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := w.store.add(t, w.ids["user"], another), w.store.add(t, w.ids["user"], another)
	got := w.do(t, call{actor: "user", method: "POST", path: "/api/v1/exports?format=txt&speakers=false", body: ids(first, second, first)})
	got.expect(t, 200, "")
	if h := got.Header; h.Get("Content-Type") != "application/zip" || h.Get("Content-Disposition") != "attachment; filename=transcripts.zip" {
		t.Errorf("got %v", h)
	}
	alone := w.do(t, call{actor: "user", path: "/api/v1/export/" + first.String() + "?speakers=false"}).body
	want := map[string]string{"interview.txt": alone, "interview (2).txt": alone}
	if diff := cmp.Diff(want, unzip(t, got.body)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestExportTranscriptions_inItsPlace: a file that cannot be made costs no other.
func TestExportTranscriptions_inItsPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.do(t, call{actor: "user", method: "POST", path: "/api/v1/exports?format=pdf", body: ids(w.store.add(t, w.ids["user"], another))})
	got.expect(t, 200, "")
	want := map[string]string{"interview.pdf.txt": "This installation makes no PDF files. Export the text as docx instead.\n"}
	if diff := cmp.Diff(want, unzip(t, got.body)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestExportTranscriptions_refuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	done, queued := w.store.add(t, w.ids["user"], another), w.store.add(t, w.ids["user"], nil)
	theirs := w.store.add(t, w.ids["other"], another)
	many := make([]uuid.UUID, transcription.MaxBundle+1)
	for name, tt := range map[string]struct {
		query, body  string
		status       int
		code, detail string
	}{
		"somebody else's":  {"", ids(done, theirs), 404, "not_found", `"id":"` + theirs.String() + `"`},
		"no id":            {"", `{"ids":["x"]}`, 404, "not_found", `"id":"x"`},
		"without a text":   {"", ids(done, queued), 409, "not_completed", `"id":"` + queued.String() + `"`},
		"none":             {"", `{"ids":[]}`, 400, "bundle_size", `"limit":500`},
		"too many":         {"", ids(many...), 400, "bundle_size", `"field":"ids"`},
		"unknown format":   {"?format=exe", ids(done), 400, "unknown_format", ""},
		"contradictions":   {"?format=txt&maxChars=20", ids(done), 400, "invalid_layout", ""},
		"another field":    {"", `{"id":"x"}`, 400, "malformed_json", ""},
		"nothing readable": {"", `[`, 400, "malformed_json", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := w.do(t, call{actor: "user", method: "POST", path: "/api/v1/exports" + tt.query, body: tt.body})
			got.expect(t, tt.status, tt.code)
			if !strings.Contains(got.body, tt.detail) || got.Header.Get("Content-Disposition") != "" {
				t.Errorf("got %s", got.body)
			}
		})
	}
}

// another is completed, under an id of its own.
func another(r *transcription.Transcription) {
	id := r.ID
	completed(r)
	r.ID = id
}

func ids(list ...uuid.UUID) string {
	texts := make([]string, len(list))
	for i, id := range list {
		texts[i] = `"` + id.String() + `"`
	}
	return `{"ids":[` + strings.Join(texts, ",") + `]}`
}

func unzip(t *testing.T, file string) map[string]string {
	t.Helper()
	z, err := zip.NewReader(strings.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, f := range z.File {
		if f.Modified.Year() < 2000 { // those of exports were of the day 0 of the month 0 of 1980
			t.Errorf("%s is of %s", f.Name, f.Modified)
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		found[f.Name] = string(b)
	}
	return found
}
