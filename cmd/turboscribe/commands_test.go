package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/cmd/internal/build"
	"github.com/turboscribe/turboscribe/cmd/turboscribe/internal/client"
)

func TestCancel(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	p := signedIn(t, f)
	route := "POST /api/v1/transcriptions/" + fakeID + "/cancel"
	f.instead(route, 2, func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, 409, "already_ended", "This transcription is completed already, so there is nothing to cancel.")
	})
	want := "Canceled " + fakeID + "\nError: This transcription is completed already, so there is nothing to cancel.\n"
	if got := p.run("cancel", fakeID, fakeID, fakeID); got.code != exitFailure || got.stderr != want || got.stdout != "" {
		t.Errorf("result %+v, want %q", got, want)
	}
	if f.calls[route] != 2 {
		t.Errorf("%d calls, want 2: it goes on behind a failure", f.calls[route])
	}
	if got := p.run("cancel", "unknown"); got.code != exitFailure || got.stderr != "Error: There is no transcription of that id.\n" {
		t.Errorf("result %+v", got)
	}
	if got := p.run("cancel"); got.code != exitUsage {
		t.Errorf("result %+v", got)
	}
}

// What is not given is not sent, so that it stays as it was.
func TestRetry(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	p := signedIn(t, f)
	if got := p.run("retry", fakeID, fakeID); got.code != 0 || got.stderr != "Queued again "+fakeID+"\nQueued again "+fakeID+"\n" {
		t.Errorf("result %+v", got)
	}
	if got := p.run("retry", fakeID, "--prompt", "", "--translate=false", "--language", "de", "--model", "best", "--channels", "split", "--priority", "low"); got.code != 0 {
		t.Errorf("result %+v", got)
	}
	want := []string{"{}", "{}", `{"model":"best","language":"de","prompt":"","translate":false,"channels":"split","priority":"low"}`}
	if diff := cmp.Diff(want, f.retries); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	f.instead("POST /api/v1/transcriptions/"+fakeID+"/retry", 4, func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, 409, "in_work", "This transcription is being worked on.")
	})
	if got := p.run("retry", fakeID); got.code != exitFailure || got.stderr != "Error: This transcription is being worked on.\n" {
		t.Errorf("result %+v", got)
	}
	if got := p.run("retry"); got.code != exitUsage {
		t.Errorf("result %+v", got)
	}
}

func TestQueues(t *testing.T) {
	t.Parallel()
	p := signedIn(t, newFake(t))
	for _, step := range []struct{ command, said, state string }{{"pause", "Paused merge\n", "paused"}, {"resume", "Resumed merge\n", "open"}} {
		if got := p.run("queues", step.command, "merge"); got.code != 0 || got.stderr != step.said {
			t.Errorf("result %+v", got)
		}
		want := "QUEUE  WAITING  DISPATCHED  RUNNING  STATE\nmerge  12       3           1        " + step.state + "\n"
		if got := p.run("queues"); got.code != 0 || got.stdout != want {
			t.Errorf("result %+v, want\n%s", got, want)
		}
		if got := p.run("queues", step.command, "nothing"); got.code != exitFailure || got.stderr != "Error: There is no such queue.\n" {
			t.Errorf("result %+v", got)
		}
		if got := p.run("queues", step.command); got.code != exitUsage {
			t.Errorf("result %+v", got)
		}
	}
}

func TestGet(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.warnings = []client.Problem{{Code: "demo_model", Message: "Made by the demo model."}}
	f.states = []state{{"transcribing", 0.25, ""}, {"completed", 1, ""}}
	p := signedIn(t, f)
	got := p.run("get", fakeID)
	if got != (result{0, "", "talk.wav: transcribing 25%\nWait for it: turboscribe get " + fakeID + " --wait\n"}) {
		t.Errorf("while it runs: %+v", got)
	}
	if got = p.run("get", fakeID); got != (result{0, "the text\n", "Warning: Made by the demo model.\n"}) {
		t.Errorf("when it is done: %+v", got)
	}
	var all map[string]any
	got = p.run("get", fakeID, "--wait", "--json")
	if err := json.Unmarshal([]byte(got.stdout), &all); err != nil || all["duration"] != 12.345 || got.code != 0 {
		t.Errorf("JSON %v, %v", got, err)
	}
	if got = p.run("get", "nothing"); got != (result{exitFailure, "", "Error: There is no transcription of that id.\n"}) {
		t.Errorf("unknown: %+v", got)
	}
}

func TestExport(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.warnings = []client.Problem{{Code: "demo_model", Message: "Made by the demo model."}}
	const warning = "Warning: Made by the demo model.\n"
	p := signedIn(t, f)
	if got := p.run("export", fakeID, "--format", "vtt"); got != (result{0, "the text as vtt\n", warning}) {
		t.Errorf("result %+v", got)
	}
	path := filepath.Join(p.home, "x.json")
	if got := p.run("export", fakeID, "--format", "json", "--output", path); got != (result{0, "", warning + "Saved " + path + "\n"}) {
		t.Errorf("result %+v", got)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "the text as json\n" {
		t.Errorf("file %q, %v", b, err)
	}
}

// TestExport_fileExists: what is there is replaced only when that is asked for.
func TestExport_fileExists(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	p := signedIn(t, f)
	path := p.file("x.txt", "mine")
	got := p.run("export", fakeID, "--output", path)
	if got.code != exitFailure || !strings.Contains(got.stderr, "--force") || f.calls["GET /api/v1/export/"+fakeID] != 0 {
		t.Errorf("result %+v after %v", got, f.calls)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "mine" {
		t.Errorf("file %q, %v", b, err)
	}
	if got := p.run("export", fakeID, "--output", path, "--force"); got.code != 0 {
		t.Errorf("result %+v", got)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "the text as txt\n" {
		t.Errorf("file %q, %v", b, err)
	}
	late := filepath.Join(p.home, "late.txt")
	f.instead("GET /api/v1/export/"+fakeID, 2, func(w http.ResponseWriter, _ *http.Request) {
		p.file("late.txt", "mine")
		_, _ = w.Write([]byte("theirs"))
	})
	if got := p.run("export", fakeID, "--output", late); got.code != exitFailure {
		t.Errorf("result %+v", got)
	}
	if b, err := os.ReadFile(late); err != nil || string(b) != "mine" {
		t.Errorf("file %q, %v", b, err)
	}
}

// TestControlCharacters: nothing that a server says reaches into the terminal.
func TestControlCharacters(t *testing.T) {
	t.Parallel()
	const evil = "a\x1b[2J\x07\u009b1m\x7f\r\nb\tc"
	const spelled = `a\u001b[2J\u0007\u009b1m\u007f\u000d\u000ab\u0009c`
	tell := func(status string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			answer(w, 200, map[string]any{
				"id": fakeID, "fileName": evil, "status": status, "text": evil, "error": map[string]any{"code": "x", "message": evil},
				"warnings": []any{map[string]any{"code": "x", "message": evil}},
			})
		}
	}
	tests := []struct {
		name, route string
		serve       http.HandlerFunc
		args        []string
		want        string
	}{
		{"file name", lookRoute, tell("queued"), []string{"get", fakeID}, spelled + ": waiting"},
		{"status", lookRoute, tell(evil), []string{"get", fakeID}, spelled + ": " + spelled},
		{"warning", lookRoute, tell("completed"), []string{"get", fakeID}, "Warning: " + spelled + "\n"},
		{"warning of an export", lookRoute, tell("completed"), []string{"export", fakeID}, "Warning: " + spelled + "\n"},
		{"text", lookRoute, tell("completed"), []string{"get", fakeID}, "a[2J1m\nb\tc\n"},
		{"failure", lookRoute, tell("failed"), []string{"get", fakeID}, "Error: " + spelled + "\n"},
		{"JSON", lookRoute, tell("completed"), []string{"get", fakeID, "--json"}, `"fileName": "a\u001b[2J\u0007\u009b1m\u007f\r\nb\tc"`},
		{"refusal", lookRoute, func(w http.ResponseWriter, _ *http.Request) { refuse(w, 409, "x", evil) }, []string{"get", fakeID}, "Error: " + spelled + "\n"},
		{"refusal while waiting", lookRoute, func(w http.ResponseWriter, _ *http.Request) { refuse(w, 503, "x", evil) }, []string{"get", fakeID, "--wait"}, spelled + " (request"},
		{"wrapped refusal", "POST /api/v1/auth/logout", func(w http.ResponseWriter, _ *http.Request) { refuse(w, 500, "x", evil) }, []string{"logout"}, `\u001b[2J`},
		{"export", "GET /api/v1/export/" + fakeID, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(evil + "\x9b"))
		}, []string{"export", fakeID}, "a[2J1m\nb\tc\uFFFD"},
		{"list", "GET /api/v1/transcriptions", func(w http.ResponseWriter, _ *http.Request) {
			answer(w, 200, map[string]any{"items": []any{map[string]any{"id": "1", "fileName": evil, "status": "completed"}}})
		}, []string{"list"}, spelled},
		{"models", "GET /api/v1/models", func(w http.ResponseWriter, _ *http.Request) {
			answer(w, 200, map[string]any{"items": []any{map[string]any{"name": evil}}})
		}, []string{"models"}, spelled},
		{"account", "GET /api/v1/me", func(w http.ResponseWriter, _ *http.Request) {
			answer(w, 200, map[string]any{"email": evil, "role": "user"})
		}, []string{"doctor"}, `as a\u001b[2J`},
		{"check", "GET /api/v1/nothing", nil, []string{"doctor"}, `api \u001b[3J  \u001b[4J`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			p := signedIn(t, f)
			f.instead(tt.route, 1, tt.serve)
			f.readyz = func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"checks":{"\u001b[3J":"\u001b[4J"}}`)) }
			got := p.run(tt.args...)
			all := got.stdout + got.stderr
			if !strings.Contains(all, tt.want) {
				t.Errorf("got %q, want %q in it", all, tt.want)
			}
			if i := strings.IndexFunc(all, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }); i >= 0 {
				t.Errorf("got %q, with a control character at %d", all, i)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	got := newPerson(t, newFake(t)).run("--version")
	if want := "turboscribe " + build.Version() + "\n"; got != (result{0, want, ""}) {
		t.Errorf("result %+v, want %q", got, want)
	}
}

func TestModels(t *testing.T) {
	t.Parallel()
	want := "MODEL           INSTALLED     LANGUAGES  TRANSLATES\n" +
		"demo.en (demo)  yes, default  English    no\n" +
		"small           no            many       yes\n"
	if got := signedIn(t, newFake(t)).run("models"); got != (result{0, want, ""}) {
		t.Errorf("result %+v, want\n%s", got, want)
	}
}

// TestErrors_internal: who has to look into a log needs the id of the request.
func TestErrors_internal(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	p := signedIn(t, f)
	f.instead("GET /api/v1/models", 1, func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, 500, "internal", "Something went wrong on our side.")
	})
	f.instead("GET /api/v1/models", 2, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "<html>bad gateway</html>", http.StatusBadGateway)
	})
	f.instead("GET /api/v1/models", 3, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://elsewhere.example/", http.StatusMovedPermanently)
	})
	for _, want := range []string{"Something went wrong on our side. (request req-1)", "502 Bad Gateway", "elsewhere.example"} {
		if got := p.run("models"); got.code != exitFailure || !strings.Contains(got.stderr, want) {
			t.Errorf("result %+v, want %q", got, want)
		}
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	p := signedIn(t, newFake(t))
	audio := p.file("talk.wav", "sound")
	for _, args := range [][]string{
		{"nonsense"},
		{"transcribe"},
		{"transcribe", audio, audio, "--format", "pdf"},
		{"transcribe", audio, audio, "--format", "srt"},
		{"transcribe", audio, "--server", "not an address"},
		{"transcribe", audio, "--timeout", "0s"},
		{"transcribe", audio, "--nonsense"},
		{"list", "--limit", "0"},
		{"list", "extra"},
		{"search"},
		{"search", "word", "--limit", "0"},
		{"get"},
		{"export", fakeID, "--format", "exe"},
		{"export", fakeID, "--option", "speakers"},
		{"export", fakeID, "--option", "highlight=true"},
		{"login"},
		{"login", "--password-stdin"},
	} {
		got := p.run(args...)
		if got.code != exitUsage || !strings.Contains(got.stderr, "--help") || got.stdout != "" {
			t.Errorf("%q: %+v", args, got)
		}
	}
	for _, path := range []string{filepath.Join(p.home, "none.wav"), p.home, p.file("empty.wav", "")} {
		if got := p.run("transcribe", path); got.code != exitFailure || !strings.Contains(got.stderr, path) {
			t.Errorf("%s: %+v", path, got)
		}
	}
}

func TestTexts(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		bytesText(999): "999 B", bytesText(1500): "1.5 kB", bytesText(10 << 30): "10.7 GB", bytesText(1 << 62): "4611.7 PB",
		secondsText(59.6): "1:00", secondsText(5): "0:05", secondsText(3723): "1:02:03",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
