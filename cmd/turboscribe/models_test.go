package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// demoModel returns the file of the bundled model.
func demoModel(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "models", "ggml-demo.en.bin"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// modelKeeperOf returns a person with an empty directory of models, and a server
// that has the demo model and a page for all else.
func modelKeeperOf(t *testing.T) (p *person, dir string) {
	t.Helper()
	p = newPerson(t, newFake(t))
	dir = filepath.Join(p.home, "models")
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/files/ggml-demo.en.bin":
			http.ServeFile(w, r, filepath.Join("..", "..", "models", "ggml-demo.en.bin"))
		case "/files/ggml-tiny.bin":
			_, _ = w.Write([]byte("<html>Please sign in"))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(hub.Close)
	p.env["TS_MODEL_DIR"], p.env["TS_MODEL_URL"] = dir, hub.URL+"/files/"
	return p, dir
}

func TestModels_directory(t *testing.T) {
	t.Parallel()
	p, dir := modelKeeperOf(t)
	demo := filepath.Join(dir, "ggml-demo.en.bin")
	list := func(args ...string) string { return p.run(append([]string{"models", "list"}, args...)...).stdout }
	has := func(what, got string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: no %q in\n%s", what, w, got)
			}
		}
	}
	has("an empty list", list(), "MODEL           SIZE      INSTALLED  LANGUAGES  TRANSLATES  CHECKSUM\n",
		"demo.en         17.7 MB   no         English    no          -\n", "large-v3        3.1 GB    no         100        yes         -\n")
	got := p.run("models", "pull", "demo.en")
	has("pull", got.stderr, "demo.en: downloading, ", "Installed "+demo)
	if got.code != exitOK || got.stdout != "" {
		t.Errorf("pull: %+v", got)
	}
	has("pull again", p.run("models", "pull", "demo.en").stderr, "is there already")
	has("list", list(), "yes        English    no          not checked")
	has("list --check", list("--check"), "yes        English    no          same")
	if got := p.run("models", "verify"); got != (result{0, "demo.en: is the published file\n", ""}) {
		t.Errorf("verify: %+v", got)
	}
	broken := []byte(demoModel(t))
	broken[len(broken)-1]++
	if err := os.WriteFile(demo, broken, 0o600); err != nil {
		t.Fatal(err)
	}
	got = p.run("models", "verify", "demo.en", "tiny")
	has("verify what is wrong", got.stdout, "demo.en: its outline is sound, but it is not the published file", "tiny: is not there")
	has("verify what is wrong", got.stderr, "2 of 2")
	if got.code != exitFailure {
		t.Errorf("verify what is wrong: code %d", got.code)
	}
	has("pull over another file", p.run("models", "pull", "demo.en").stderr, "--force", "not the published file")
	if got := p.run("models", "pull", "--force", "demo.en"); got.code != exitOK {
		t.Errorf("pull --force: %+v", got)
	}
	if got := p.run("models", "verify", "demo.en"); got.code != exitOK {
		t.Errorf("verify what was replaced: %+v", got)
	}
	if err := os.WriteFile(filepath.Join(dir, "ggml-tiny.bin"), []byte("<html>"), 0o600); err != nil {
		t.Fatal(err)
	}
	has("list what is broken", list(), "unusable   99         yes         ggml-tiny.bin is no model, or damaged")
	if got := p.run("models", "rm", "demo.en"); got.code != exitUsage || !strings.Contains(got.stderr, "--yes") {
		t.Errorf("rm without a terminal: %+v", got)
	}
	if got := p.run("models", "rm", "--yes", "demo.en", "tiny"); got.code != exitOK {
		t.Errorf("rm: %+v", got)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("rm leaves %v, %v", left, err)
	}
	has("verify nothing", p.run("models", "verify").stderr, "models pull base.en")
}

func TestModels_pullFails(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no such file":       {[]string{"pull", "base"}, exitFailure, "no such file"},
		"another file":       {[]string{"pull", "tiny"}, exitFailure, "another file"},
		"no such model":      {[]string{"pull", "huge"}, exitUsage, "no model \"huge\"; known are demo.en, tiny.en"},
		"an alias":           {[]string{"pull", transcription.Fast}, exitUsage, "name one"},
		"no model":           {[]string{"pull"}, exitUsage, "at least 1"},
		"no address":         {[]string{"pull", "tiny", "--url", "hub"}, exitUsage, "not an address"},
		"the demo model":     {[]string{"pull", "demo.en", "--url", "https://huggingface.co/ggerganov/whisper.cpp/resolve/main"}, exitUsage, "comes with TurboScribe"},
		"a file for a place": {[]string{"pull", "tiny", "--dir", "/dev/null"}, exitFailure, "/dev/null"},
		"removing nothing":   {[]string{"rm", "--yes", "tiny"}, exitFailure, "no such file"},
		"an unknown verb":    {[]string{"push"}, exitUsage, "unknown command"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, dir := modelKeeperOf(t)
			got := p.run(append([]string{"models"}, tt.args...)...)
			if got.code != tt.code || !strings.Contains(got.stderr, tt.says) {
				t.Errorf("result %+v, want code %d and %q", got, tt.code, tt.says)
			}
			if left, err := os.ReadDir(dir); err == nil && len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}
