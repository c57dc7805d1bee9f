package whisper

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// thisProgram names the program even after its file has been replaced.
func thisProgram() (string, error) { return "/proc/self/exe", nil }

// dieTogether ends the process when this one ends in whatever way, and keeps a
// Ctrl-C at the terminal for this one alone.
func dieTogether(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// The score by which an engine process is likelier to be ended than the worker when
// memory runs out, and the highest there is.
const (
	offered  = 500
	maxScore = 1000
)

// offer makes a child the one that the kernel ends when memory runs out, before this
// process: it has the memory, and another is started.
func offer(pid int) error {
	own, err := os.ReadFile("/proc/self/oom_score_adj")
	if err != nil {
		return fmt.Errorf("read own score: %w", err)
	}
	score, err := strconv.Atoi(strings.TrimSpace(string(own)))
	if err != nil {
		return fmt.Errorf("read own score: %w", err)
	}
	score = min(score+offered, maxScore)
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte(strconv.Itoa(score)), 0); err != nil {
		return fmt.Errorf("raise the score of the engine process: %w", err)
	}
	return nil
}
