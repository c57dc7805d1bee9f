package internal_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// checkout returns a directory with the scripts, a client that prints what it is called with,
// and the settings of a stack.
func checkout(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := os.CopyFS(filepath.Join(root, "scripts"), os.DirFS("../scripts")); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"bin/turboscribe": "#!/bin/sh\necho \"$@\"\n",
		".run/env":        "export TS_API_URL=http://127.0.0.1:1 TS_ADMIN_EMAIL=admin@x TS_ADMIN_PASSWORD=secret\n",
		"talk.wav":        "sound",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// script runs one of them and returns what it says on both streams.
func script(t *testing.T, root string, env []string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(root, "scripts", args[0]), args[1:]...)
	cmd.Dir, cmd.Env = root, append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return string(out)
}

// make demo FORMAT=pdf was listed by make help and always failed: what is no text was to be
// printed.
func TestDemo_formats(t *testing.T) {
	t.Parallel()
	root := checkout(t)
	for format, want := range map[string]string{
		"":     "--format txt\n",
		"srt":  "--format srt\n",
		"pdf":  "--format pdf --output " + root + "/.run/demo --force\n",
		"docx": "--format docx --output " + root + "/.run/demo --force\n",
	} {
		if got := script(t, root, []string{"AUDIO=talk.wav", "FORMAT=" + format}, "demo"); !strings.HasSuffix(got, " transcribe talk.wav "+want) {
			t.Errorf("FORMAT=%s calls %q", format, got)
		}
	}
}

// make up ended without a word about where it is, who may sign in and how it is stopped.
func TestStack_about(t *testing.T) {
	t.Parallel()
	root := checkout(t)
	got := script(t, root, nil, "stack", "about")
	for _, want := range []string{"http://127.0.0.1:1", "admin@x", "TS_ADMIN_PASSWORD of .run/env", "'. .run/env'", "'make down'"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
	if strings.Contains(got, "secret") {
		t.Errorf("the password is shown: %s", got)
	}
}
