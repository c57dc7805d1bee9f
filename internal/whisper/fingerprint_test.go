package whisper

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A text depends on the files and on how words are timed, and not on where they are or
// when they were copied there.
func TestEngine_Identity(t *testing.T) {
	t.Parallel()
	dir, other := install(t, "ggml-base.bin", "ggml-small.bin"), install(t, "ggml-base.bin")
	e := newEngine(Options{ModelDir: dir, Slots: 1}, &fake{})
	identity := func(e *Engine, model string) string {
		t.Helper()
		id, err := e.Identity(model)
		if err != nil || id == "" {
			t.Fatalf("got %q, %v", id, err)
		}
		return id
	}
	base := identity(e, "base")
	if again := identity(newEngine(Options{ModelDir: other, Slots: 4}, &fake{}), "base"); again != base {
		t.Errorf("the same file has %s and %s", base, again)
	}
	if identity(e, "small") == base {
		t.Error("two models have the same")
	}
	if _, err := e.Identity("tiny"); code(err) != "model_not_installed" {
		t.Errorf("got %v", err)
	}
	path := filepath.Join(dir, "ggml-base.bin")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Time{}, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	changed := identity(e, "base")
	if changed == base {
		t.Error("another file has the same")
	}
	if err := os.WriteFile(filepath.Join(dir, "ggml-silero-v2.bin"), speechFile(t, bandDetector()), 0o600); err != nil {
		t.Fatal(err)
	}
	if identity(e, "base") == changed {
		t.Error("a detector of speech makes no difference")
	}
}

// The checksum is that which sha256sum tells, also when the file becomes another.
func TestEngine_Checksum(t *testing.T) {
	t.Parallel()
	dir := install(t, "ggml-base.bin")
	e := newEngine(Options{ModelDir: dir, Slots: 1}, &fake{})
	path := filepath.Join(dir, "ggml-base.bin")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		want := fmt.Sprintf("%x", sha256.Sum256(b))
		for range 2 {
			if got, err := e.Checksum("base"); got != want || err != nil {
				t.Errorf("got %s, %v, want %s", got, err, want)
			}
		}
		b[len(b)-1]++
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(time.Duration(i+1)*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := e.Checksum("tiny"); code(err) != "model_not_installed" {
		t.Errorf("got %v", err)
	}
}

// Wherever in a large file something longer differs, the fingerprint does.
func TestFingerprint(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "model")
	take := func(b []byte) string {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := fingerprint(path)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	big := bytes.Repeat([]byte("weights "), 1<<20)
	seen := map[string]bool{take(big): true, take(big[:len(big)-8]): true, take(nil): true, take([]byte("x")): true}
	if len(seen) != 4 {
		t.Errorf("%d different ones, want 4", len(seen))
	}
	whole := take(big)
	for at := 0; at < len(big); at += 256 << 10 {
		other := bytes.Clone(big)
		copy(other[at:], bytes.Repeat([]byte{7}, 256<<10))
		if take(other) == whole {
			t.Errorf("what differs at %d has the same", at)
		}
	}
	if _, err := fingerprint(path + ".none"); err == nil {
		t.Error("a file that is not there has one")
	}
}
