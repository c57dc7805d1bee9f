package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/cmd/internal/build"
	"github.com/turboscribe/turboscribe/cmd/turboscribe/internal/client"
)

func TestLogin(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	p := newPerson(t, f)
	got := p.runWith(t.Context(), fakePassword+"\r\n", "login", "--email", fakeEmail, "--password-stdin")
	if got != (result{0, "", "Signed in at SERVER as " + fakeEmail + ".\n"}) {
		t.Errorf("result %+v", got)
	}
	path := p.env["TS_CREDENTIALS"]
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("credentials: %v, %v", info.Mode(), err)
	}
	b, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(b), fakePassword) || !strings.Contains(string(b), "refresh-1") {
		t.Errorf("credentials %s, %v", b, err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("%d files beside the credentials, %v", len(left)-1, err)
	}
}

func TestLogin_wrongPassword(t *testing.T) {
	t.Parallel()
	p := newPerson(t, newFake(t))
	got := p.runWith(t.Context(), "wrong\n", "login", "--email", fakeEmail, "--password-stdin")
	if got != (result{exitFailure, "", "Error: The email address or the password is wrong.\n"}) {
		t.Errorf("result %+v", got)
	}
	if _, err := os.Stat(p.env["TS_CREDENTIALS"]); !os.IsNotExist(err) {
		t.Errorf("credentials were written: %v", err)
	}
}

// TestLogin_secondFactor: the code comes from a flag where there is no terminal.
func TestLogin_secondFactor(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.code = "123456"
	p := newPerson(t, f)
	login := func(args ...string) result {
		return p.runWith(t.Context(), fakePassword+"\n", append([]string{"login", "--email", fakeEmail, "--password-stdin"}, args...)...)
	}
	if got := login(); got.code != exitUsage || !strings.Contains(got.stderr, "--code") {
		t.Errorf("without a code: %+v", got)
	}
	if got := login("--code", "000000"); got != (result{exitFailure, "", "Error: That code is wrong.\n"}) {
		t.Errorf("with a wrong one: %+v", got)
	}
	if got := login("--code", "123456"); got.code != 0 {
		t.Errorf("with the right one: %+v", got)
	}
	if got := p.run("list"); got.code != 0 {
		t.Errorf("signed in: %+v", got)
	}
}

// TestLogin_otherServer keeps the sign-ins of two servers apart.
func TestLogin_otherServer(t *testing.T) {
	t.Parallel()
	p := signedIn(t, newFake(t))
	other := newFake(t)
	if got := p.runWith(t.Context(), fakePassword, "login", "--server", other.URL+"/", "--email", fakeEmail, "--password-stdin"); got.code != 0 {
		t.Fatalf("login: %+v", got)
	}
	if got := p.run("logout", "--server", other.URL); got.code != 0 || other.token != "" {
		t.Errorf("logout: %+v, token %q", got, other.token)
	}
	if got := p.run("list"); got.code != 0 {
		t.Errorf("the first sign-in is gone: %+v", got)
	}
	if got := p.run("list", "--server", other.URL); got.code != exitFailure {
		t.Errorf("the second is still there: %+v", got)
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	p := newPerson(t, f)
	p.env["TS_TOKEN"], f.token = "from-ci", "from-ci"
	if got := p.run("delete", fakeID); got.code != 0 || got.stderr != "Deleted "+fakeID+"\n" {
		t.Errorf("result %+v", got)
	}
	p.env["TS_API_KEY"], f.token = "ts_key", "ts_key"
	if got := p.run("delete", fakeID); got.code != 0 {
		t.Errorf("with a key: result %+v", got)
	}
	f.token = "another"
	if got := p.run("list"); got.stderr != "Error: Sign in first.\n" || len(f.signIns) != 0 {
		t.Errorf("result %+v after %v", got, f.signIns)
	}
}

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

func TestHistory(t *testing.T) {
	t.Parallel()
	p := signedIn(t, newFake(t))
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Local().Format("2006-01-02 15:04:05")
	want := "TIME                 RUN  EVENT        BY       DETAILS\n" +
		at + "  1    created      user u1  \n" + at + "  1    step_failed  worker   attempt=2 step=transcribe\\u001b\n"
	if got := p.run("history", fakeID); got.code != 0 || got.stdout != want {
		t.Errorf("result %+v, want\n%s", got, want)
	}
	got := p.run("history", "--json", fakeID)
	var events []map[string]any
	if err := json.Unmarshal([]byte(got.stdout), &events); err != nil || len(events) != 2 || events[1]["type"] != "step_failed" {
		t.Errorf("result %+v, %v", got, err)
	}
	if got := p.run("history", "unknown"); got.code != exitFailure || got.stderr != "Error: There is no transcription of that id.\n" {
		t.Errorf("result %+v", got)
	}
	if got := p.run("history"); got.code != exitUsage {
		t.Errorf("result %+v", got)
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	p := signedIn(t, newFake(t))
	got := p.run("list", "--limit", "130")
	lines := strings.Split(strings.TrimSpace(got.stdout), "\n")
	if got.code != 0 || len(lines) != 131 || !strings.HasPrefix(lines[0], "ID ") || !strings.HasPrefix(lines[130], "id-129 ") {
		t.Errorf("%d lines, result %+v", len(lines), got)
	}
	if want := strings.Fields(lines[1]); len(want) != 6 || want[1] != "completed" || want[2] != "0:12" || want[5] != "talk.wav" {
		t.Errorf("row %q", lines[1])
	}
	if got := p.run("list", "--limit", "1000"); got.code != 0 || got.stderr != "" {
		t.Errorf("a whole list comes with %q", got.stderr)
	}
	if got := p.run("list"); got.stderr != "The newest 20 are shown, and there may be more: --limit\n" {
		t.Errorf("a part of the list comes with %q", got.stderr)
	}
	var items []map[string]any
	if err := json.Unmarshal([]byte(p.run("list", "--limit", "3", "--json").stdout), &items); err != nil || len(items) != 3 || items[2]["id"] != "id-2" {
		t.Errorf("JSON %v, %v", items, err)
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	p := signedIn(t, f)
	got := p.run("search", "--language", "en", "--speaker", "Ann", "--tag", "work", "--name", "talk", "--from", "2026-03-01", "--to", "2026-04-01", "--limit", "2", "--", "budget", `"next year"`, "-draft")
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Local().Format("2006-01-02 15:04")
	want := "id-0  " + at + "  talk.wav\n  1:02:05  Ann: The \\u001b[2J budget\n\nid-1  " + at + "  talk.wav\n  1:02:05  Ann: The \\u001b[2J budget\n"
	if got.code != 0 || got.stdout != want || got.stderr != "The newest 2 are shown, and there may be more: --limit\n" {
		t.Errorf("result %+v, want %q", got, want)
	}
	asked := url.Values{
		"q": {`budget "next year" -draft`}, "language": {"en"}, "speaker": {"Ann"}, "tag": {"work"}, "name": {"talk"}, "from": {"2026-03-01"}, "to": {"2026-04-01"}, "limit": {"2"},
	}
	if diff := cmp.Diff([]url.Values{asked}, f.lists); diff != "" {
		t.Errorf("asked for, -want +got\n%s", diff)
	}
	f.instead("GET /api/v1/transcriptions", 2, func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, map[string]any{"items": []any{}}) })
	if got := p.run("search", "nowhere"); got.code != 0 || got.stdout != "" || got.stderr != "Nothing was found.\n" {
		t.Errorf("result %+v", got)
	}
	var items []map[string]any
	if err := json.Unmarshal([]byte(p.run("search", "budget", "--limit", "1", "--json").stdout), &items); err != nil || len(items) != 1 || items[0]["matches"] == nil {
		t.Errorf("JSON %v, %v", items, err)
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

func TestDoctor(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	p := signedIn(t, f)
	f.readyz = func(w http.ResponseWriter) {
		_, _ = w.Write([]byte(`{"status":"ok","checks":{"postgres":"ok","redis":{"status":"ok"}}}`))
	}
	got := p.run("doctor")
	for _, want := range []string{
		"ok    api", "ok    api postgres", "ok    api redis", "ok    clock", "ok    sign-in       as " + fakeEmail + " (user)", "warn  workers       have demo.en → ",
		"ok    scheduler     heard from 15 s ago",
	} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("no %q in\n%s", want, got.stdout)
		}
	}
	if got.code != 0 {
		t.Errorf("code %d: %s", got.code, got.stderr)
	}
	f.readyz = func(w http.ResponseWriter) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"checks":{"postgres":"connection refused"}}`))
	}
	if got := p.run("doctor"); got.code != exitFailure || !strings.Contains(got.stdout, "FAIL  api postgres  connection refused → ") {
		t.Errorf("not ready: %+v", got)
	}
}

// An installed model is remembered for a day after the last worker that had it: doctor said that
// all was well where nobody was there to do the work.
func TestDoctor_nobodyWorks(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	p := signedIn(t, f)
	f.readyz = func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"status":"ok","checks":{}}`)) }
	for i, tt := range []struct {
		presence string
		want     []string
	}{
		{`{"worker":{"alive":false,"silence":65.4},"scheduler":{"alive":true,"silence":2}}`, []string{
			"FAIL  workers    no worker heard from for 65 s; what waits stays queued → ", "ok    scheduler  heard from 2 s ago",
		}},
		{`{"worker":{"alive":true,"silence":1},"scheduler":{"alive":false,"silence":4000}}`, []string{
			"FAIL  scheduler  no scheduler heard from for 1h6m40s; what waits stays queued → ", "warn  workers    have demo.en",
		}},
		{`{"worker":{"alive":false,"silence":null},"scheduler":{"alive":false,"silence":null}}`, []string{
			"FAIL  workers    no worker heard from; what waits", "FAIL  scheduler  no scheduler heard from; what waits",
		}},
	} {
		f.instead("GET /api/v1/presence", i+1, func(w http.ResponseWriter, _ *http.Request) {
			answer(w, http.StatusOK, json.RawMessage(tt.presence))
		})
		got := p.run("doctor")
		for _, want := range tt.want {
			if !strings.Contains(got.stdout, want) {
				t.Errorf("no %q in\n%s", want, got.stdout)
			}
		}
		if got.code != exitFailure {
			t.Errorf("%s: code %d", tt.presence, got.code)
		}
	}
}

// TestDoctor_machine points every setting at something that is not there.
func TestDoctor_machine(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.Close()
	p := newPerson(t, f)
	models := filepath.Join(p.home, "models")
	if err := os.Mkdir(models, 0o700); err != nil {
		t.Fatal(err)
	}
	p.file("models/ggml-demo.en.bin", demoModel(t))
	p.file("models/ggml-tiny.bin", "<html>not found</html>")
	for key, v := range map[string]string{
		"TS_DATABASE_URL": "postgres://u:secret@127.0.0.1:1/x", "TS_REDIS_URL": "redis://:secret@127.0.0.1:1/0", "TS_S3_ENDPOINT": "http://127.0.0.1:1",
		"TS_S3_BUCKET": "b", "TS_S3_ACCESS_KEY": "k", "TS_S3_SECRET_KEY_FILE": p.file("s3-secret", "secret\n"),
		"TS_MODEL_DIR": models, "TS_WORK_DIR": filepath.Join(p.home, "none"),
	} {
		p.env[key] = v
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	got := p.runWith(ctx, "", "doctor")
	for _, want := range []string{
		"FAIL  api ", "FAIL  postgres ", "FAIL  redis ", "FAIL  s3 ", "FAIL  ffmpeg ", "FAIL  disk ",
		"ok    model demo.en  17.7 MB", "FAIL  model tiny     ggml-tiny.bin is no model, or damaged → turboscribe models pull --force tiny", "warn  models ",
	} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("no %q in\n%s", want, got.stdout)
		}
	}
	if got.code != exitFailure || strings.Contains(got.stdout, "secret") {
		t.Errorf("code %d:\n%s", got.code, got.stdout)
	}
}

// The container of the api has its servers' settings and no ffmpeg, which it does
// not need: doctor could never pass there.
func TestDoctor_machineWithoutWorker(t *testing.T) {
	t.Parallel()
	p := newPerson(t, newFake(t))
	p.env["TS_DATABASE_URL"], p.env["TS_REDIS_URL"] = "postgres://u:secret@127.0.0.1:1/x", "redis://:secret@127.0.0.1:1/0"
	got := p.run("doctor")
	for _, check := range []string{"ffmpeg", "disk"} {
		if strings.Contains(got.stdout, check) || !strings.Contains(got.stdout, "FAIL  postgres ") {
			t.Errorf("a machine without a worker is asked for %s:\n%s", check, got.stdout)
		}
	}
}

func TestClockSkew(t *testing.T) {
	t.Parallel()
	before := time.Date(2026, 3, 1, 12, 0, 0, 700e6, time.UTC)
	after := before.Add(time.Second)
	for _, tt := range []struct {
		server time.Time
		want   level
		detail string
	}{
		{before.Truncate(time.Second), good, "differs by 0s"}, // the Date header has no fractions
		{after.Add(time.Hour), warn, "differs by 1h0m0s"},
		{before.Add(-time.Hour), warn, "differs by 59m59s"},
		{time.Time{}, warn, "does not tell"},
	} {
		if got := clockSkew(tt.server, before, after); got.level != tt.want || !strings.Contains(got.detail, tt.detail) {
			t.Errorf("clockSkew(%v) = %+v, want %s %s", tt.server, got, tt.want, tt.detail)
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
