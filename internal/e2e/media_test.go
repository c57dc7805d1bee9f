//go:build e2e

package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// ffmpeg returns a file of that format, made as the arguments say.
func ffmpeg(t *testing.T, format string, args ...string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out."+format)
	args = append(append([]string{"-nostdin", "-v", "error"}, args...), out)
	if said, err := exec.CommandContext(t.Context(), "ffmpeg", args...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg %q: %v\n%s", args, err, said)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// canary is a file that notices when somebody opens it.
type canary struct {
	path string
	fd   int
}

func newCanary(t *testing.T, content []byte) canary {
	t.Helper()
	// Not below TempDir, where a program that runs as somebody else could not go.
	dir, err := os.MkdirTemp("", "canary-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	c := canary{path: filepath.Join(dir, "canary.wav")}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, c.path, content)
	if c.fd, err = syscall.InotifyInit1(syscall.IN_NONBLOCK | syscall.IN_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Close(c.fd); err != nil {
			t.Error(err)
		}
	})
	if _, err := syscall.InotifyAddWatch(c.fd, c.path, syscall.IN_OPEN); err != nil {
		t.Fatal(err)
	}
	return c
}

// touched reports whether the file was opened since it was last asked.
func (c canary) touched(t *testing.T) bool {
	t.Helper()
	n, err := syscall.Read(c.fd, make([]byte, 4096))
	if err != nil && !errors.Is(err, syscall.EAGAIN) {
		t.Fatal(err)
	}
	return n > 0
}
