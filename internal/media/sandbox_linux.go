package media

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// sandbox is what holds a tool in. The zero value is what works everywhere: its
// own process group, killed with this process, and limits set just after the
// start. Everything else is added where the machine allows it.
type sandbox struct {
	prlimit   string // launcher that sets the limits before the tool runs
	setpriv   string // launcher that takes away the way to more rights
	network   bool   // a network namespace with nothing in it
	processes bool   // a process namespace, which ends with the tool, whoever has left the process group
	user      bool   // and a user namespace, by which an ordinary user may make the others
}

// strongest returns the strongest sandbox that works: all walls where that is
// allowed, or else as many as are, one by one.
func strongest(works func(sandbox) bool) sandbox {
	all := sandbox{prlimit: installed("prlimit"), setpriv: installed("setpriv"), network: true, processes: true, user: os.Geteuid() != 0}
	if works(all) {
		return all
	}
	var box sandbox
	for _, wall := range []func(s *sandbox){
		func(s *sandbox) { s.prlimit = all.prlimit },
		func(s *sandbox) { s.setpriv = all.setpriv },
		func(s *sandbox) { s.network = true },
		func(s *sandbox) { s.network, s.user = true, !s.network }, // root of a container may lack the right to the former
		func(s *sandbox) { s.processes = true },
	} {
		next := box
		if wall(&next); next != box && works(next) {
			box = next
		}
	}
	return box
}

// installed returns the path of a program, or "" when there is none.
func installed(name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	return path
}

// String lists the walls for the log.
func (s sandbox) String() string {
	walls := []string{"process group", "limits"}
	if s.setpriv != "" {
		walls = append(walls, "no new privileges")
	}
	if s.user {
		walls = append(walls, "user namespace")
	}
	if s.network {
		walls = append(walls, "no network")
	}
	if s.processes {
		walls = append(walls, "processes of its own")
	}
	return strings.Join(walls, ", ")
}

// argv is the command line that runs a tool behind the launchers.
func (s sandbox) argv(limits []limit, tool string, args []string) []string {
	var argv []string
	if s.prlimit != "" {
		argv = append(argv, s.prlimit)
		for _, l := range s.fitting(limits) {
			argv = append(argv, fmt.Sprintf("--%s=%d", l.name, l.max))
		}
		argv = append(argv, "--")
	}
	if s.setpriv != "" {
		argv = append(argv, s.setpriv, "--no-new-privs", "--")
	}
	return append(append(argv, tool), args...)
}

// attr makes the tool the leader of a process group that dies with this process,
// so that a killed worker leaves no ffmpeg behind.
func (s sandbox) attr() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if s.network {
		a.Cloneflags |= syscall.CLONE_NEWNET
	}
	if s.processes {
		a.Cloneflags |= syscall.CLONE_NEWPID
	}
	if s.user {
		a.Cloneflags |= syscall.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
	}
	return a
}

// limit is one resource limit, by the name prlimit(1) has for it.
type limit struct {
	name     string
	resource int
	max      uint64
}

// limitsFor bounds a tool that may be waited for as long as patience. It writes
// to pipes only, so that files may not grow at all. Decoding needs 0.5 GiB of
// address space, and up to 1 GiB more where ffmpeg fills a gap between two sounds
// with silence, which it does in memory.
func limitsFor(patience time.Duration) []limit {
	return []limit{
		{"cpu", unix.RLIMIT_CPU, uint64(max(0, patience/time.Second)) + 1},
		{"as", unix.RLIMIT_AS, 3 << 29},
		{"fsize", unix.RLIMIT_FSIZE, 0},
		{"nofile", unix.RLIMIT_NOFILE, 64},
		{"core", unix.RLIMIT_CORE, 0},
		{"nproc", unix.RLIMIT_NPROC, 512},
	}
}

// fitting leaves out the limit of processes where they are not counted by themselves: there it counts all
// of the user's, and a busy neighbour would keep ffmpeg from starting a thread. Root has none.
func (s sandbox) fitting(limits []limit) []limit {
	if s.user {
		return limits
	}
	return slices.DeleteFunc(slices.Clone(limits), func(l limit) bool { return l.resource == unix.RLIMIT_NPROC })
}

// limit sets the limits on a tool that has started without a launcher. A tool
// that has ended already needs none.
func (s sandbox) limit(pid int, limits []limit) error {
	if s.prlimit != "" {
		return nil
	}
	for _, l := range s.fitting(limits) {
		err := unix.Prlimit(pid, l.resource, &unix.Rlimit{Cur: l.max, Max: l.max}, nil)
		if err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("set %s: %w", l.name, err)
		}
	}
	return nil
}
