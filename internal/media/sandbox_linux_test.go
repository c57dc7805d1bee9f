package media

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestSandbox looks at the walls from inside.
func TestSandbox(t *testing.T) {
	t.Parallel()
	m := open(t, Options{})
	t.Log(m.Isolation())
	byLauncher, bySyscall := m.box, m.box
	bySyscall.prlimit = ""
	for name, box := range map[string]sandbox{"limits by launcher": byLauncher, "limits by system call": bySyscall, "no launcher at all": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inside := *m
			inside.box = box
			// The read waits until the limits are set from outside.
			out, _, err := inside.output(t.Context(), time.Minute, "/bin/sh", "-c",
				"until [ $(ulimit -n) = 64 ]; do :; done; ulimit -t; ulimit -v; ulimit -f; ulimit -c; pwd; env; echo processes $(ulimit -p); cat /proc/self/status; cat /proc/net/dev")
			if err != nil {
				t.Fatal(err)
			}
			got := string(out)
			if !strings.HasPrefix(got, "61\n1572864\n0\n0\n"+m.scratch.empty+"\n") {
				t.Errorf("limits or directory are wrong:\n%.200s", got)
			}
			for _, word := range []string{"HOME=", "USER=", "TS_"} {
				if strings.Contains(got, word) {
					t.Errorf("the environment leaks %s", word)
				}
			}
			if box.setpriv != "" && !strings.Contains(got, "NoNewPrivs:\t1") {
				t.Error("it may gain privileges")
			}
			if box.user && !strings.Contains(got, "processes 512\n") {
				t.Error("it may start any number of processes")
			}
			if found := interfaces(got); box.network && !slices.Equal(found, []string{"lo"}) {
				t.Errorf("it sees the network interfaces %q", found)
			}
			if _, _, err := inside.output(t.Context(), time.Minute, "/bin/sh", "-c", "until [ $(ulimit -n) = 64 ]; do :; done; echo x >written"); err == nil {
				t.Error("it wrote a file")
			}
			if info, err := os.Stat(filepath.Join(m.scratch.empty, "written")); err == nil && info.Size() > 0 {
				t.Error("it left a file")
			}
			pcm, err := samples(t.Context(), &inside, write(t, "a.wav", wavTone(1600)))
			if err != nil || len(pcm) != 1600 {
				t.Errorf("a plain file does not decode: %d samples, %v", len(pcm), err)
			}
		})
	}
}

// TestSandbox_strays: whoever left the process group outlived ffmpeg, the limit of time and the worker.
// It holds the pipe that it has inherited, so the answer ends when it does.
func TestSandbox_strays(t *testing.T) {
	t.Parallel()
	m := open(t, Options{})
	m.box.processes = true
	if !m.starts(t.Context()) {
		t.Log("this machine makes no process namespaces")
		return
	}
	out, _, err := m.output(t.Context(), 24*time.Hour, "/bin/sh", "-c", "setsid sleep 86400 & echo begun")
	if err != nil || string(out) != "begun\n" {
		t.Errorf("got %q, %v", out, err)
	}
}

// fallbacks are made by drivers of tunnels in every namespace, and lead nowhere.
var fallbacks = []string{"tunl0", "sit0", "ip6tnl0", "gre0", "gretap0", "erspan0", "ip6gre0", "ip_vti0", "ip6_vti0"}

// interfaces returns the names in /proc/net/dev, which is at the end of a text.
// What a host calls its network is not known beforehand.
func interfaces(text string) (names []string) {
	_, table, _ := strings.Cut(text, "Inter-|")
	for line := range strings.Lines(table) {
		name, _, ok := strings.Cut(strings.TrimSpace(line), ":")
		if ok && !slices.Contains(fallbacks, name) {
			names = append(names, name)
		}
	}
	return names
}

// TestStrongest: where a wall cannot be had, in a container say, the rest stands.
func TestStrongest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		works func(sandbox) bool
		want  func(sandbox) bool
	}{
		{"everything", func(sandbox) bool { return true }, func(s sandbox) bool { return s.network }},
		{"nothing", func(sandbox) bool { return false }, func(s sandbox) bool { return s == sandbox{} }},
		{"no namespaces", func(s sandbox) bool { return !s.network }, func(s sandbox) bool { return s.prlimit == installed("prlimit") && !s.network && !s.user }},
		{"user namespaces only", func(s sandbox) bool { return s.network == s.user }, func(s sandbox) bool { return s.network && s.user }},
		{"root's namespaces only", func(s sandbox) bool { return !s.user }, func(s sandbox) bool { return s.network && s.processes && !s.user }},
		{"no process namespaces", func(s sandbox) bool { return !s.processes }, func(s sandbox) bool { return s.network && !s.processes }},
	}
	for _, tt := range tests {
		if got := strongest(tt.works); !tt.want(got) {
			t.Errorf("%s: got %+v", tt.name, got)
		}
	}
	if got := (sandbox{setpriv: "x", network: true, processes: true, user: true}).String(); got != "process group, limits, no new privileges, user namespace, no network, processes of its own" {
		t.Errorf("got %q", got)
	}
}

// TestFitting: where processes are not counted by themselves, the limit would be one of all that the user runs.
func TestFitting(t *testing.T) {
	t.Parallel()
	for _, own := range []bool{true, false} {
		argv := sandbox{prlimit: "prlimit", user: own}.argv(limitsFor(time.Minute), "ffmpeg", nil)
		if got := slices.Contains(argv, "--nproc=512"); got != own {
			t.Errorf("namespace %v: %q", own, argv)
		}
	}
}
