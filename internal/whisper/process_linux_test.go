package whisper

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// When memory ran out, the kernel took the worker or the engine as it liked: with the
// worker went the recordings it was preparing.
func TestRemote_isOfferedFirst(t *testing.T) {
	t.Parallel()
	_, r := isolated(t, Options{})
	worker, engine := score(t, os.Getpid()), score(t, r.process.cmd.Process.Pid)
	if want := min(worker+offered, maxScore); engine != want {
		t.Errorf("the worker's score is %d, its engine's %d, want %d", worker, engine, want)
	}
}

func score(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
