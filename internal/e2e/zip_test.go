//go:build e2e

package e2e

import (
	"archive/zip"
	"bytes"
	"net/http"
	"testing"
)

// TestBatch sends two recordings as a batch, and takes what has become of it home as a zip
// that is written in the background.
func TestBatch(t *testing.T) {
	t.Parallel()
	p := shared.person(t)
	var batch struct {
		ID, Status string
		Counts     map[string]int
	}
	p.post("/batches", map[string]any{"name": "Two", "expected": 2}).want(t, http.StatusCreated, &batch)
	for range 2 {
		p.complete(p.send("short01.flac", demo(t, "test/short01.flac"), "batch", batch.ID))
	}
	p.get("/batches/"+batch.ID).want(t, http.StatusOK, &batch)
	if batch.Status != "completed" || batch.Counts["completed"] != 2 {
		t.Errorf("the batch is %+v", batch)
	}
	var export struct{ ID, Status string }
	p.post("/exports?format=docx", map[string]any{"batch": batch.ID, "async": true}).want(t, http.StatusAccepted, &export)
	eventually(t, "the export is written", func() bool {
		p.get("/exports/"+export.ID).want(t, http.StatusOK, &export)
		return export.Status == "completed" || export.Status == "failed"
	})
	file := p.get("/exports/" + export.ID + "/file")
	file.want(t, http.StatusOK, nil)
	z, err := zip.NewReader(bytes.NewReader(file.body), int64(len(file.body)))
	if err != nil || len(z.File) != 2 || z.File[0].Name != "short01.docx" || z.File[1].Name != "short01 (2).docx" {
		t.Errorf("the zip is %v, %v", z, err)
	}
}
