package media

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// hour is a wav file of an hour that takes no room: a header before a hole.
func hour(t testing.TB) string {
	t.Helper()
	const size = bytesPerSecond * 3600
	header := wavTone(0)
	binary.LittleEndian.PutUint32(header[40:], size)
	path := write(t, "hour.wav", header)
	if err := os.Truncate(path, int64(len(header)+size)); err != nil {
		t.Fatal(err)
	}
	return path
}

// eventually waits for a condition of another process.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("still not: %s", what)
		}
	}
}

// alive reports whether a process exists and is no zombie that waits for init.
func alive(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, state, _ := bytes.Cut(stat, []byte(") "))
	return len(state) > 0 && state[0] != 'Z' && state[0] != 'X'
}

// withChild returns an ffmpeg that first starts a process of its own, and a pipe that
// says so.
func withChild(t *testing.T) (ffmpeg, started string) {
	t.Helper()
	started = filepath.Join(t.TempDir(), "started")
	if err := syscall.Mkfifo(started, 0o600); err != nil {
		t.Fatal(err)
	}
	lines := fmt.Sprintf("#!/bin/sh\nsleep 1000 >/dev/null 2>&1 &\necho yes >%s\nexec %s \"$@\"\n", started, tool(t, "ffmpeg"))
	return script(t, "ffmpeg", lines), started
}

// childOf returns the id of the one child of a process. What the child knows of itself is
// its id in a namespace of its own.
func childOf(t *testing.T, parent int) int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended meanwhile
		}
		_, behind, _ := strings.Cut(string(stat), ") ")
		if f := strings.Fields(behind); len(f) > 1 && f[1] == strconv.Itoa(parent) {
			child, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			if err != nil {
				t.Fatal(err)
			}
			return child
		}
	}
	t.Fatalf("process %d has no child", parent)
	return 0
}

// TestStream_endsWithItsGroup: killing ffmpeg alone leaves whatever it started,
// and a canceled run kept a core busy for hours.
func TestStream_endsWithItsGroup(t *testing.T) {
	t.Parallel()
	file := hour(t)
	tests := []struct {
		name string
		end  func(s *Stream, cancel func()) error
		want error
	}{
		{"close in the middle", func(s *Stream, _ func()) error { return s.Close() }, nil},
		{"cancel in the middle", func(s *Stream, cancel func()) error {
			cancel()
			_, err := io.Copy(io.Discard, s)
			if closed := s.Close(); !errors.Is(closed, context.Canceled) {
				return fmt.Errorf("close: %w", closed)
			}
			return err
		}, context.Canceled},
		{"cancel, then close", func(s *Stream, cancel func()) error { cancel(); return s.Close() }, context.Canceled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := open(t, Options{})
			var started string
			m.ffmpeg, started = withChild(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s, err := m.Decode(ctx, file, mono)
			if err != nil {
				t.Fatal(err)
			}
			read(t, started)
			if _, err := io.ReadFull(s, make([]byte, 1000)); err != nil {
				t.Fatal(err)
			}
			parent := toolOf(s).cmd.Process.Pid
			child := childOf(t, parent)
			if !alive(parent) || !alive(child) {
				t.Fatal("ffmpeg and its child should be running")
			}
			if err := tt.end(s, cancel); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			eventually(t, "ffmpeg and its child are gone", func() bool { return !alive(parent) && !alive(child) })
		})
	}
}

func TestStream_closedTwice(t *testing.T) {
	t.Parallel()
	m := open(t, Options{})
	s, err := m.Decode(t.Context(), hour(t), mono)
	if err != nil {
		t.Fatal(err)
	}
	if s.Duration() != time.Hour {
		t.Errorf("the file says %v", s.Duration())
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	if _, err := s.Read(make([]byte, 1)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("read after close: %v", err)
	}
}

// TestStream_killed: somebody else's kill, such as the kernel's when memory is
// short, is not the recording's fault and not its end.
func TestStream_killed(t *testing.T) {
	t.Parallel()
	m := open(t, Options{})
	s, err := m.Decode(t.Context(), hour(t), mono)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(s, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(toolOf(s).cmd.Process.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(io.Discard, s)
	wantFault(t, err, fault.Unavailable, string(fault.Unavailable))
	wantFault(t, s.Close(), fault.Unavailable, string(fault.Unavailable))
}

// TestProcess_patience: a tool that hangs is killed when the reader has waited
// long enough; time in which nobody waits does not count.
func TestProcess_patience(t *testing.T) {
	t.Parallel()
	m := open(t, Options{})
	p, err := m.start(t.Context(), 300*time.Millisecond, "/bin/sleep", "1000")
	if err != nil {
		t.Fatal(err)
	}
	<-time.After(400 * time.Millisecond) // longer than its patience
	if !alive(p.cmd.Process.Pid) {
		t.Fatal("it was killed while nobody waited")
	}
	if _, err := io.ReadAll(p); err != nil {
		t.Fatal(err)
	}
	wantFault(t, p.wait(), fault.Unavailable, string(fault.Unavailable))
}

func TestPatience(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		size    int64
		longest time.Duration
		want    time.Duration
	}{
		{"nothing", 0, 0, 5 * time.Minute},
		{"a minute of wav", 2 << 20, 12 * time.Hour, 5*time.Minute + 41943*time.Second/20},
		{"half a day at most", 1 << 30, 12 * time.Hour, 5*time.Minute + 128*time.Second + 36*time.Minute},
		{"no limit", 1 << 30, 0, 5*time.Minute + 128*time.Second + 72*time.Minute},
	}
	for _, tt := range tests {
		if got := patience(tt.size, tt.longest); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestProcess_bounds: a tool that talks without end costs neither memory nor time.
func TestProcess_bounds(t *testing.T) {
	t.Parallel()
	m := open(t, Options{})
	if _, _, err := m.output(t.Context(), time.Minute, "/bin/sh", "-c", "exec cat /dev/zero"); err == nil {
		t.Error("an answer without end was taken")
	}
	_, _, err := m.output(t.Context(), time.Minute, "/bin/sh", "-c", "yes no | head -c 999999 >&2; echo last >&2; exit 3")
	wantFault(t, err, fault.Invalid, codeUnreadable)
	if said := err.Error(); len(said) > stderrLimit+300 || !strings.HasSuffix(said, "no\nlast") {
		t.Errorf("%d bytes of last words were kept, ending in %q", len(said), said[len(said)-20:])
	}
}

func TestTail(t *testing.T) {
	t.Parallel()
	var kept tail
	for range 3 {
		if n, err := kept.Write(bytes.Repeat([]byte("x"), 3000)); n != 3000 || err != nil {
			t.Fatal(n, err)
		}
	}
	if _, err := kept.Write([]byte("end\xff\n")); err != nil {
		t.Fatal(err)
	}
	if got := kept.String(); len(kept.kept) != stderrLimit || !strings.HasSuffix(got, "xend?") {
		t.Errorf("kept %d bytes that end in %q", len(kept.kept), got[len(got)-5:])
	}
}

// TestDecode_memory: an hour of sound passes through without being held.
func TestDecode_memory(t *testing.T) {
	m := open(t, Options{})
	s, err := m.Decode(t.Context(), hour(t), mono)
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n, err := io.Copy(io.Discard, s)
	runtime.ReadMemStats(&after)
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	if n != 3600*bytesPerSecond {
		t.Errorf("got %d bytes of an hour", n)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
		t.Errorf("%d bytes were allocated on the way", used)
	}
}

func TestStage(t *testing.T) {
	t.Parallel()
	m := open(t, Options{})
	f, err := m.Stage(t.Context(), bytes.NewReader(wavTone(16000)))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{f.Path: 0o600, filepath.Dir(f.Path): 0o700, m.scratch.root: 0o700} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: got %v and %v, want mode %v", path, info.Mode(), err, want)
		}
	}
	pcm, err := samples(t.Context(), m, f.Path)
	if err != nil || len(pcm) != 16000 || f.Size != 32044 {
		t.Errorf("%d samples of a file of %d bytes: %v", len(pcm), f.Size, err)
	}
	if err := errors.Join(f.Remove(), f.Remove()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Dir(f.Path)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the copy is still there: %v", err)
	}
}

func TestStage_leavesNothingBehind(t *testing.T) {
	t.Parallel()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	broken := errors.New("connection reset")
	tests := []struct {
		name string
		ctx  context.Context
		r    io.Reader
		want error
	}{
		{"canceled", canceled, strings.NewReader("x"), context.Canceled},
		{"broken download", t.Context(), io.MultiReader(strings.NewReader("x"), iotest.ErrReader(broken)), broken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := open(t, Options{})
			if _, err := m.Stage(tt.ctx, tt.r); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if left, _ := filepath.Glob(filepath.Join(m.scratch.root, "stage-*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestStore_fullDisk(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("this system has no /dev/full")
	}
	_, err := store(t.Context(), "/dev/full", strings.NewReader("x"))
	wantFault(t, err, fault.Unavailable, string(fault.Unavailable))
}

// TestKilledWorker: kill -9 on a worker left its ffmpeg running and gigabytes of
// staged files on the disk.
func TestKilledWorker(t *testing.T) {
	t.Parallel()
	tool(t, "ffmpeg")
	dir := t.TempDir()
	worker := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestWorkerProcess$", "-test.v")
	worker.Env = append(os.Environ(), "MEDIA_TEST_DIR="+dir, "MEDIA_TEST_FILE="+hour(t))
	stdout, err := worker.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	ffmpeg := 0
	for lines := bufio.NewScanner(stdout); ffmpeg == 0 && lines.Scan(); {
		if pid, ok := strings.CutPrefix(lines.Text(), "decoding in "); ok {
			ffmpeg, err = strconv.Atoi(pid)
		}
	}
	if err != nil || ffmpeg == 0 || !alive(ffmpeg) {
		t.Fatalf("the worker does not decode: %d, %v", ffmpeg, err)
	}
	neighbour := open(t, Options{TempDir: dir})
	if left, _ := filepath.Glob(filepath.Join(dir, scratchName+"*", "stage-*", "media")); len(left) != 1 {
		t.Fatalf("the files of a worker that lives were swept: %v", left)
	}
	if err := worker.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := worker.Wait(); err == nil {
		t.Error("the worker ended well")
	}
	eventually(t, "ffmpeg is gone", func() bool { return !alive(ffmpeg) })
	next := open(t, Options{TempDir: dir})
	left, err := filepath.Glob(filepath.Join(dir, scratchName+"*"))
	if err != nil || len(left) != 2 {
		t.Errorf("%v and %v should be all there is, got %v", neighbour.scratch.root, next.scratch.root, left)
	}
}

// TestWorkerProcess is the worker of TestKilledWorker, in a process of its own.
func TestWorkerProcess(t *testing.T) {
	dir := os.Getenv("MEDIA_TEST_DIR")
	if dir == "" {
		return
	}
	m := open(t, Options{TempDir: dir})
	if _, err := m.Stage(t.Context(), strings.NewReader("staged")); err != nil {
		t.Fatal(err)
	}
	s, err := m.Decode(t.Context(), os.Getenv("MEDIA_TEST_FILE"), mono)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(s, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("\ndecoding in %d\n", toolOf(s).cmd.Process.Pid)
	<-t.Context().Done()
}

func TestListen(t *testing.T) {
	t.Parallel()
	m := open(t, Options{})
	r, err := m.Listen(t.Context(), bytes.NewReader(wavTone(16000)), mono)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil || len(b) != 32000 || r.Duration() != time.Second || r.Joined() {
		t.Errorf("%d bytes of %v, joined %v: %v", len(b), r.Duration(), r.Joined(), err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	r, err = m.Listen(t.Context(), bytes.NewReader(append(wavTone(16000), wavTone(16000)...)), mono)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil || !r.Joined() {
		t.Errorf("two: joined %v, %v", r.Joined(), err)
	}
	_, err = m.Listen(t.Context(), strings.NewReader("no recording at all"), mono)
	wantFault(t, err, fault.Invalid, codeUnreadable)
	if _, err := m.Listen(t.Context(), iotest.ErrReader(io.ErrUnexpectedEOF), mono); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want the reader's own error", err)
	}
	if left, _ := filepath.Glob(filepath.Join(m.scratch.root, "stage-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
