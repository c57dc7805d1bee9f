package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

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
