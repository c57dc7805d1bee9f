package transcription

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"iter"
	"testing"
	"time"
)

// TestExporter_WriteZip: names that some systems take for the same get numbers, what is
// empty is a file nevertheless, and each has the time of its text.
func TestExporter_WriteZip(t *testing.T) {
	t.Parallel()
	talk, other := interview(), lecture()
	talk.File.Name, other.File.Name = "Talk.mp3", "talk.wav"
	var b bytes.Buffer
	e := Exporter{}
	if err := e.WriteZip(&b, mustFormat(t, "txt"), Layout{}, each(talk, other, &Transcription{File: File{Name: "TALK.ogg"}})); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		name string
		size int
	}{{"Talk.txt", len(export(t, mustFormat(t, "txt"), talk))}, {"talk (2).txt", len(export(t, mustFormat(t, "txt"), other))}, {"TALK (3).txt", 0}}
	for i, f := range z.File {
		if f.Name != want[i].name || int(f.UncompressedSize64) != want[i].size {
			t.Errorf("got %s of %d bytes, want %+v", f.Name, f.UncompressedSize64, want[i])
		}
	}
	if got := z.File[0].Modified; len(z.File) != 3 || got.Sub(talk.CompletedAt).Abs() > 2*time.Second {
		t.Errorf("got %d files, the first of %v", len(z.File), got)
	}
}

// TestExporter_WriteZip_breaksOff: a zip that lacks what it should have has no end.
func TestExporter_WriteZip_breaksOff(t *testing.T) {
	t.Parallel()
	gone := errors.New("connection lost")
	var b bytes.Buffer
	e := Exporter{}
	err := e.WriteZip(&b, mustFormat(t, "txt"), Layout{}, func(yield func(*Transcription, error) bool) {
		_ = yield(interview(), nil) && yield(nil, gone)
	})
	if !errors.Is(err, gone) {
		t.Errorf("got %v, want %v", err, gone)
	}
	if _, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len())); err == nil {
		t.Error("it can be opened")
	}
	if err := e.WriteZip(failing{gone}, mustFormat(t, "docx"), Layout{}, each(interview())); !errors.Is(err, gone) {
		t.Errorf("got %v, want %v", err, gone)
	}
	if err := e.WriteZip(io.Discard, mustFormat(t, "pdf"), Layout{}, each(interview())); err != nil {
		t.Errorf("a file that cannot be made ends the zip: %v", err)
	}
}

func each(list ...*Transcription) iter.Seq2[*Transcription, error] {
	return func(yield func(*Transcription, error) bool) {
		for _, t := range list {
			if !yield(t, nil) {
				return
			}
		}
	}
}
