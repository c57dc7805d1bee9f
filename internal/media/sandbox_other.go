//go:build !linux

package media

import (
	"syscall"
	"time"
)

// sandbox is what holds a tool in: outside Linux only a process group. Such a
// machine is for development, not for files of strangers.
type sandbox struct{}

// limit is one resource limit; none can be set here.
type limit struct{}

func strongest(func(sandbox) bool) sandbox { return sandbox{} }

func limitsFor(time.Duration) []limit { return nil }

// String lists the walls for the log.
func (sandbox) String() string { return "process group" }

func (sandbox) argv(_ []limit, tool string, args []string) []string {
	return append([]string{tool}, args...)
}

func (sandbox) attr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func (sandbox) limit(int, []limit) error { return nil }
