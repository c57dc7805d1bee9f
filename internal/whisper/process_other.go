//go:build !linux

package whisper

import (
	"os"
	"os/exec"
)

func thisProgram() (string, error) { return os.Executable() }

// dieTogether has nothing to add here: the process ends when its pipe does.
func dieTogether(*exec.Cmd) {}

// offer has nothing to do here: the system chooses by itself.
func offer(int) error { return nil }
