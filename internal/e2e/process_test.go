//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// process is a program that runs, in a process group of its own.
type process struct {
	name string
	log  string // file that holds what it says
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// launch starts a program with exactly that environment.
func launch(name, dir string, env []string, path string, args ...string) (*process, error) {
	log, err := os.OpenFile(filepath.Join(dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	p := &process{name: name, log: log.Name(), cmd: exec.Command(path, args...), done: make(chan struct{})}
	p.cmd.Env, p.cmd.Dir = env, dir
	p.cmd.Stdout, p.cmd.Stderr = log, log
	// What a test run that breaks off leaves behind ends with it.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := errors.Join(p.cmd.Start(), log.Close()); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // the state says how it ended
	}()
	return p, nil
}

// signal sends a signal to the process alone, not to its children.
func (p *process) signal(s os.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %s: %w", p.name, err)
	}
	return nil
}

// stop ends the process in order and returns its exit code. One that does not
// listen is killed with its children, which is an error.
func (p *process) stop(within time.Duration) (int, error) {
	if err := p.signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-timer.C:
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
		return 0, fmt.Errorf("%s did not stop within %s", p.name, within)
	}
}

// kill ends the process at once, as a lack of memory would.
func (p *process) kill() error {
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}

// await returns when the address answers with 200.
func (p *process) await(ctx context.Context, url string) error {
	ended := false
	err := poll(ctx, 20*time.Millisecond, func() bool {
		select {
		case <-p.done:
			ended = true
			return true
		default:
			return answers(ctx, url)
		}
	})
	if err != nil || ended {
		return fmt.Errorf("%s does not answer at %s:\n%s", p.name, url, p.tail())
	}
	return nil
}

func answers(ctx context.Context, url string) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	return res.Body.Close() == nil && res.StatusCode == http.StatusOK
}

// tail returns the end of what the process has said.
func (p *process) tail() []byte {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return []byte(err.Error())
	}
	if n := len(b) - 8000; n > 0 {
		b = b[n:]
	}
	return bytes.TrimSpace(b)
}
