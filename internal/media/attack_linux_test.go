package media

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// trap is what an attack is out for: files that notice when they are opened, and a server
// that counts who connects.
type trap struct {
	dir  string // of the files
	fd   int
	url  string // of the server
	hits atomic.Int64
}

func newTrap(t *testing.T) *trap {
	t.Helper()
	p := &trap{dir: t.TempDir()}
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			p.hits.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	p.url = server.URL
	var err error
	if p.fd, err = syscall.InotifyInit1(syscall.IN_NONBLOCK | syscall.IN_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Close(p.fd); err != nil {
			t.Error(err)
		}
	})
	return p
}

// lay puts a copy of the file where each of the attacks expects one, and watches them.
func (p *trap) lay(t *testing.T, all []attack, content []byte) {
	t.Helper()
	for _, a := range all {
		if err := os.WriteFile(filepath.Join(p.dir, strings.ReplaceAll(a.name, " ", "-")+".ts"), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := syscall.InotifyAddWatch(p.fd, p.dir, syscall.IN_OPEN); err != nil {
		t.Fatal(err)
	}
}

// sprung returns what the kernel says of files that were opened, among it their names.
func (p *trap) sprung(t *testing.T) string {
	t.Helper()
	b := make([]byte, 1<<16)
	n, err := syscall.Read(p.fd, b)
	if err != nil && !errors.Is(err, syscall.EAGAIN) {
		t.Fatal(err)
	}
	return string(bytes.ReplaceAll(b[:max(0, n)], []byte{0}, nil))
}

// longest is the longest recording that is read here.
const longest = 10 * time.Minute

// TestAttacks sends more than two hundred files that were made to do harm through the
// sandbox, and those that name other files and servers also through one without a wall, to
// which only the flags of ffmpeg are left. Each is refused for good, with a code, or is
// ordinary sound: much of what is damaged can be heard. None opens a file or a connection,
// writes, or takes more than a recording may.
//
//nolint:tparallel // all have ended when it is looked what they did
func TestAttacks(t *testing.T) {
	t.Parallel()
	p := newTrap(t)
	all := attacks(t, p.dir, p.url)
	p.lay(t, playlists(p.dir, p.url), read(t, generate(t, "canary.ts", sine("-c:a", "mp2")...)))
	if len(all) < 200 {
		t.Errorf("there are only %d attacks", len(all))
	}
	m := open(t, Options{MaxDuration: longest})
	bare := *m
	bare.box = sandbox{}
	var heard atomic.Int64
	t.Run("all", func(t *testing.T) {
		for _, a := range all {
			t.Run(a.name, func(t *testing.T) {
				t.Parallel()
				if withstand(t, m, a) {
					heard.Add(1)
				}
			})
		}
		for _, a := range playlists(p.dir, p.url) {
			t.Run("without walls, "+a.name, func(t *testing.T) {
				t.Parallel()
				if withstand(t, &bare, a) {
					t.Error("it was heard")
				}
			})
		}
	})
	t.Logf("%d attacks, of which %d were sound", len(all), heard.Load())
	if opened := p.sprung(t); opened != "" {
		t.Errorf("files were opened: %s", opened)
	}
	if n := p.hits.Load(); n > 0 {
		t.Errorf("%d connections were made to the server", n)
	}
	if left, err := filepath.Glob(filepath.Join(m.scratch.root, "*", "*")); err != nil || len(left) > 0 {
		t.Errorf("files are left: %v, %v", left, err)
	}
	p.springs(t)
}

// withstand reads what the file holds, as a worker does, and reports whether there was any
// sound. The limits of time and memory are those of the sandbox.
func withstand(t *testing.T, m *Media, a attack) (heard bool) {
	t.Helper()
	began := time.Now()
	r, err := m.Listen(t.Context(), bytes.NewReader(a.content), mono)
	var n int64
	if err == nil {
		n, err = io.Copy(io.Discard, r)
		err = errors.Join(err, r.Close())
		if tool, ok := r.(*recording).from.(*process); ok {
			held(t, tool)
		}
	}
	if took, limit := time.Since(began), patience(int64(len(a.content)), longest); took > limit {
		t.Errorf("it took %v, the limit is %v", took, limit)
	}
	if n > bytesOf(longest+2*slack) {
		t.Errorf("it made %d bytes", n)
	}
	if err == nil {
		return n > 0
	}
	switch f := fault.Of(err); f.Code {
	case codeUnreadable, codeNoAudio, codeUnsupported, codeTooLong:
		if !fault.Permanent(err) || f.Message == "" {
			t.Errorf("got %+v: it would be tried again", f)
		}
	default:
		t.Errorf("got %v, want it to be refused with a code", err)
	}
	return false
}

// held fails the test when ffmpeg took more memory than it may.
func held(t *testing.T, p *process) {
	t.Helper()
	usage, ok := p.cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok || usage.Maxrss > 3<<19 {
		t.Errorf("it took %d KiB of memory", usage.Maxrss)
	}
}

// springs shows that the trap works: an ffmpeg without our flags falls for it.
func (p *trap) springs(t *testing.T) {
	t.Helper()
	for _, name := range []string{"hls", "hls from a server"} {
		for _, a := range playlists(p.dir, p.url) {
			if a.name == name {
				cmd := exec.CommandContext(t.Context(), tool(t, "ffmpeg"), "-v", "quiet", "-protocol_whitelist", "file,http,tcp", "-i", write(t, "a.m3u8", a.content), "-f", "null", "-")
				_ = cmd.Run() // the server has nothing
			}
		}
	}
	if p.hits.Load() == 0 || !strings.Contains(p.sprung(t), "hls.ts") {
		t.Errorf("the trap does not work: %d connections", p.hits.Load())
	}
}
