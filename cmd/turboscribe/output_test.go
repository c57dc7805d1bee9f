package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// What is no text was refused into pipes too, and lost what counts as a control character.
func TestExport_binary(t *testing.T) {
	t.Parallel()
	const file = "%PDF-1.7\x00\x01\r\n\xff"
	f := newFake(t)
	p := signedIn(t, f)
	send := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(file)) }
	for i, args := range [][]string{
		{"export", fakeID, "--format", "pdf"},
		{"export", fakeID, "--format", "docx", "--output", "-"},
		{"transcribe", p.file("a.wav", "1"), "--format", "pdf"},
	} {
		f.instead("GET /api/v1/export/"+fakeID, i+1, send)
		if got := p.run(args...); got.code != 0 || got.stdout != file {
			t.Errorf("%q: %+v", args, got)
		}
	}
}

func TestPrintable(t *testing.T) {
	t.Parallel()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	defer func() { _ = screen.Close() }()
	a := app{stdout: screen}
	for _, f := range transcription.Formats() {
		if err := a.printable(f); (err != nil) != f.Binary {
			t.Errorf("%s on a terminal: %v", f.Name, err)
		}
	}
}

// A directory was said to be there already, and with --force to be a directory.
func TestExport_directory(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	p := signedIn(t, f)
	dir := t.TempDir()
	want := filepath.Join(dir, "talk.srt")
	args := []string{"export", fakeID, "--format", "srt", "--output", dir}
	if got := p.run(args...); got != (result{0, "", "Saved " + want + "\n"}) {
		t.Errorf("result %+v", got)
	}
	if got := p.run(args...); got.code != exitFailure || !strings.Contains(got.stderr, want+" is there already") {
		t.Errorf("again: %+v", got)
	}
	if got := p.run(append(args, "--force")...); got.code != 0 {
		t.Errorf("with --force: %+v", got)
	}
	if b, err := os.ReadFile(want); err != nil || string(b) != "the text as srt\n" {
		t.Errorf("file %q, %v", b, err)
	}
}

// A server names the file, and must not lead out of the directory.
func TestExport_directoryNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"a talk.part 1.wav": "a talk.part 1.txt", "../../up.wav": "up.txt", "..": fakeID + ".txt", "": fakeID + ".txt", "/": fakeID + ".txt",
		".wav": fakeID + ".txt", "a\x1b[2J.wav": fakeID + ".txt",
	} {
		f := newFake(t)
		p := signedIn(t, f)
		f.instead("GET /api/v1/transcriptions/"+fakeID, 1, func(w http.ResponseWriter, _ *http.Request) {
			answer(w, http.StatusOK, map[string]any{"id": fakeID, "fileName": name, "status": "completed"})
		})
		dir := t.TempDir()
		got := p.run("export", fakeID, "--output", dir)
		if _, err := os.Stat(filepath.Join(dir, want)); got.code != 0 || err != nil {
			t.Errorf("%q: %+v, %v", name, got, err)
		}
	}
}

// A name with the ending of the format was made a directory.
func TestTranscribe_toFile(t *testing.T) {
	t.Parallel()
	p := signedIn(t, newFake(t))
	a, b := p.file("a.wav", "1"), p.file("b.wav", "2")
	for _, tt := range []struct {
		output string
		files  []string
		want   []string
	}{
		{"new/x.srt", []string{a}, []string{"new/x.srt"}},
		{"y.SRT", []string{a}, []string{"y.SRT"}},
		{"several.srt", []string{a, b}, []string{"several.srt/a.srt", "several.srt/b.srt"}},
		{"several.srt", []string{p.file("c.wav", "3")}, []string{"several.srt/c.srt"}},
		{"x.txt", []string{a}, []string{"x.txt/a.srt"}},
	} {
		args := append([]string{"transcribe", "--format", "srt", "--output", filepath.Join(p.home, tt.output)}, tt.files...)
		if got := p.run(args...); got.code != 0 {
			t.Errorf("%q: %+v", args, got)
		}
		for _, name := range tt.want {
			if text, err := os.ReadFile(filepath.Join(p.home, name)); err != nil || string(text) != "the text as srt\n" {
				t.Errorf("%s has %q, %v", name, text, err)
			}
		}
	}
	if got := p.run("transcribe", a, "--format", "srt", "--output", filepath.Join(p.home, "y.SRT")); got.code != exitFailure || !strings.Contains(got.stderr, "y.SRT is there already") {
		t.Errorf("again: %+v", got)
	}
}
