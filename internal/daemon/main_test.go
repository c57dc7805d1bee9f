package daemon

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// childVar tells the test binary to be the process under test.
const childVar = "TURBOSCRIBE_DAEMON_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(childVar) == "" {
		os.Exit(m.Run())
	}
	Main(child)
}

// child runs one unit that has work in hand until its standard input is closed.
func child(ctx context.Context, args []string, lookup func(string) (string, bool), _ io.Writer) error {
	mode, _ := lookup(childVar)
	switch mode {
	case "fails":
		return errors.Join(errors.New("the first line"), fmt.Errorf("the second\nline of %v", args))
	case "starting":
		fmt.Println("up")
		<-ctx.Done()
		return fmt.Errorf("connect: %w", ctx.Err())
	}
	return Run(ctx, time.Minute, Unit{
		Name: "work",
		Run: func(ctx context.Context) error {
			fmt.Println("up")
			<-ctx.Done()
			return nil
		},
		Stop: func(context.Context) error {
			fmt.Println("draining")
			_, err := io.Copy(io.Discard, os.Stdin)
			fmt.Println("drained")
			return err
		},
	})
}

// process is a child with a hand on its standard input and output.
type process struct {
	*exec.Cmd
	in     io.WriteCloser
	out    *bufio.Scanner
	stderr *bytes.Buffer
}

func startChild(t *testing.T, mode string) *process {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "an argument")
	cmd.Env = append(os.Environ(), childVar+"="+mode)
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	p := &process{cmd, in, bufio.NewScanner(out), new(bytes.Buffer)}
	cmd.Stderr = p.stderr
	if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *process) wantLine(t *testing.T, want string) {
	t.Helper()
	if !p.out.Scan() || p.out.Text() != want {
		t.Fatalf("got the line %q (%v), want %q", p.out.Text(), p.out.Err(), want)
	}
}

func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

func (p *process) wantExit(t *testing.T, want int) {
	t.Helper()
	err := p.Wait()
	if got := p.ProcessState.ExitCode(); got != want {
		t.Errorf("got the exit status %d (%v), want %d; stderr: %s", got, err, want, p.stderr)
	}
}

func TestMain_firstSignalDrains(t *testing.T) {
	t.Parallel()
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			p := startChild(t, "works")
			p.wantLine(t, "up")
			p.signal(t, s)
			p.wantLine(t, "draining")
			if err := p.in.Close(); err != nil {
				t.Fatal(err)
			}
			p.wantLine(t, "drained")
			p.wantExit(t, 0)
		})
	}
}

func TestMain_secondSignalExitsAtOnce(t *testing.T) {
	t.Parallel()
	p := startChild(t, "works")
	p.wantLine(t, "up")
	p.signal(t, syscall.SIGTERM)
	p.wantLine(t, "draining")
	p.signal(t, syscall.SIGINT)
	p.wantExit(t, 130)
}

func TestMain_interruptedWhileStarting(t *testing.T) {
	t.Parallel()
	p := startChild(t, "starting")
	p.wantLine(t, "up")
	p.signal(t, syscall.SIGINT)
	p.wantExit(t, 130)
	if p.stderr.Len() > 0 {
		t.Errorf("it complained: %s", p.stderr)
	}
}

func TestMain_errorIsOneLine(t *testing.T) {
	t.Parallel()
	p := startChild(t, "fails")
	p.wantExit(t, 1)
	if got := p.stderr.String(); strings.Count(got, "\n") != 1 || !strings.HasSuffix(got, ": the first line; the second; line of [an argument]\n") {
		t.Errorf("got %q", got)
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	broken := errors.New("broken")
	for name, tt := range map[string]struct {
		ctx    context.Context
		err    error
		status int
		stderr io.Writer
	}{
		"done":                  {t.Context(), nil, 0, nil},
		"done after a signal":   {ended, nil, 0, nil},
		"failed":                {t.Context(), broken, 1, io.Discard},
		"failed while stopping": {ended, broken, 1, io.Discard},
		"gave up":               {ended, context.Canceled, 130, nil},
		"canceled, no signal":   {t.Context(), context.Canceled, 1, io.Discard},
		"nobody listens":        {t.Context(), broken, 2, noWriter{}},
	} {
		if got := status(tt.ctx, tt.err, tt.stderr); got != tt.status {
			t.Errorf("%s: got %d, want %d", name, got, tt.status)
		}
	}
}

type noWriter struct{}

func (noWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
