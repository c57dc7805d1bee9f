//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// running is what the kernel says of one process (proc(5)).
type running struct {
	pid   int
	name  string
	ticks int // of 10 ms of a core, used by it and by its children that are gone
}

// family returns the process and its descendants, in no order but that it comes first.
func (p *process) family(t *testing.T) (all []running) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	children, found := map[int][]int{}, map[int]running{}
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has just ended
		}
		r, parent := parseStat(t, string(b))
		found[r.pid] = r
		children[parent] = append(children[parent], r.pid)
	}
	for pids := []int{p.cmd.Process.Pid}; len(pids) > 0; pids = pids[1:] {
		if r, ok := found[pids[0]]; ok {
			all = append(all, r)
			pids = append(pids, children[r.pid]...)
		}
	}
	return all
}

// parseStat reads /proc/[pid]/stat. The name is in parentheses and may hold any.
func parseStat(t *testing.T, stat string) (r running, parent int) {
	t.Helper()
	pid, rest, _ := strings.Cut(stat, " (")
	at := strings.LastIndex(rest, ") ")
	fields := strings.Fields(rest[at+2:])
	numbers := append([]string{pid, fields[1]}, fields[11:15]...)
	var user, system, childUser, childSystem int
	if _, err := fmt.Sscan(strings.Join(numbers, " "), &r.pid, &parent, &user, &system, &childUser, &childSystem); err != nil {
		t.Fatal(err)
	}
	r.name, r.ticks = rest[:at], user+system+childUser+childSystem
	return r, parent
}

// program returns the file that the process runs, empty when it has ended.
func (r running) program() string {
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", r.pid))
	if err != nil {
		return ""
	}
	return path
}
