package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/turboscribe/turboscribe/internal/fault"
)

const (
	stderrLimit = 4 << 10         // what is kept of a tool's last words
	outputLimit = 1 << 20         // what is read of a tool's answer
	reapDelay   = 5 * time.Second // how long to wait for pipes that a stray child holds open
)

var (
	errEnded   = errors.New("ended by the reader")
	errTooSlow = errors.New("took too long")
)

// process is one running ffmpeg or ffprobe. It is read to the end and waited
// for, or stopped; by one goroutine.
type process struct {
	name     string
	ctx      context.Context // canceling it kills the process group
	cancel   context.CancelCauseFunc
	cmd      *exec.Cmd
	stdout   io.Reader
	stderr   tail
	patience time.Duration // how long we may still wait for it
	clock    *time.Timer   // runs only while we do
}

// start runs a tool in the sandbox. Waiting for it may take patience in all;
// time in which nobody reads does not count, so a slow reader kills nothing.
func (m *Media) start(ctx context.Context, patience time.Duration, tool string, args ...string) (*process, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	p := &process{name: filepath.Base(tool), ctx: ctx, cancel: cancel, patience: patience}
	limits := limitsFor(patience)
	argv := m.box.argv(limits, tool, args)
	p.cmd = exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // G204: the tool comes from Open, never from an upload, and no shell reads the arguments
	p.cmd.Dir = m.scratch.empty
	p.cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C", "MALLOC_ARENA_MAX=2"} // an arena per thread would use up the address space
	p.cmd.SysProcAttr = m.box.attr()
	p.cmd.Cancel = func() error { return syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) }
	p.cmd.WaitDelay = reapDelay
	p.cmd.Stderr = &p.stderr
	stdout, err := p.cmd.StdoutPipe()
	if err == nil {
		p.stdout, err = stdout, p.cmd.Start()
	}
	if err != nil {
		p.cancel(nil)
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	p.clock = time.AfterFunc(patience, func() { p.cancel(errTooSlow) })
	p.clock.Stop()
	if err := m.box.limit(p.cmd.Process.Pid, limits); err != nil {
		return nil, errors.Join(fmt.Errorf("limit %s: %w", p.name, err), p.stop())
	}
	return p, nil
}

// output runs a tool to its end and returns what it printed, to a limit, and the
// last of what it said about that.
func (m *Media) output(ctx context.Context, patience time.Duration, tool string, args ...string) (out []byte, said string, err error) {
	p, err := m.start(ctx, patience, tool, args...)
	if err != nil {
		return nil, "", err
	}
	out, err = io.ReadAll(io.LimitReader(p, outputLimit))
	if err != nil {
		return nil, "", errors.Join(fmt.Errorf("read %s: %w", p.name, err), p.stop())
	}
	if len(out) == outputLimit {
		return nil, "", errors.Join(fmt.Errorf("read %s: it said more than %d bytes", p.name, outputLimit), p.stop())
	}
	err = p.wait()
	return out, p.stderr.String(), err
}

// Read reads the tool's output while the clock runs.
func (p *process) Read(b []byte) (int, error) {
	began := p.startClock()
	n, err := p.stdout.Read(b)
	p.stopClock(began)
	return n, err
}

// startClock lets the patience run out from now on.
func (p *process) startClock() time.Time {
	p.clock.Reset(p.patience)
	return time.Now()
}

// stopClock keeps what is left of the patience.
func (p *process) stopClock(began time.Time) {
	p.clock.Stop()
	p.patience = max(0, p.patience-time.Since(began))
}

// stop kills the process group and returns the verdict on it.
func (p *process) stop() error {
	p.cancel(errEnded)
	return p.wait()
}

// wait reaps the process and returns the verdict: nil when it ended well or by
// stop, a fault about the file when it gave up by itself, Unavailable when it
// was killed or too slow, and the context's error when that ended it.
func (p *process) wait() error {
	began := p.startClock()
	err := p.cmd.Wait()
	p.stopClock(began)
	cause := context.Cause(p.ctx)
	p.cancel(nil)
	state := p.cmd.ProcessState
	switch {
	case state == nil:
		return fmt.Errorf("wait for %s: %w", p.name, err)
	case state.Success():
		return nil
	case state.Exited():
		return complaint(p.stderr.String(), p.lastWords(err))
	case errors.Is(cause, errEnded):
		return nil
	case errors.Is(cause, errTooSlow):
		return fault.Wrap(p.lastWords(errTooSlow), fault.Unavailable, "Reading the recording took too long. Please try again.")
	case cause != nil:
		return fmt.Errorf("%s: %w", p.name, p.ctx.Err())
	}
	return fault.Wrap(p.lastWords(err), fault.Unavailable, "Reading the recording was interrupted. Please try again.")
}

// lastWords adds to err, for the log, what the tool said last.
func (p *process) lastWords(err error) error {
	if said := p.stderr.String(); said != "" {
		return fmt.Errorf("%s: %w: %s", p.name, err, said)
	}
	return fmt.Errorf("%s: %w", p.name, err)
}

// tail keeps the end of what is written to it.
type tail struct{ kept []byte }

// Write never fails.
func (t *tail) Write(b []byte) (int, error) {
	t.kept = append(t.kept, b[max(0, len(b)-stderrLimit):]...)
	t.kept = t.kept[:copy(t.kept, t.kept[max(0, len(t.kept)-stderrLimit):])]
	return len(b), nil
}

// String returns what was kept, as text.
func (t *tail) String() string {
	return strings.TrimSpace(strings.ToValidUTF8(string(t.kept), "?"))
}
