package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/turboscribe/turboscribe/cmd/internal/build"
	"github.com/turboscribe/turboscribe/cmd/turboscribe/internal/client"
)

// The exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// app is the program without the machine it runs on.
type app struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	lookup func(key string) (string, bool)

	server  string
	timeout time.Duration
	options client.Options // what is neither a flag nor in the environment

	lineAfter time.Duration // between lines of progress
}

func newApp(stdin io.Reader, stdout, stderr io.Writer, lookup func(string) (string, bool)) *app {
	return &app{stdin: stdin, stdout: stdout, stderr: stderr, lookup: lookup, lineAfter: lineAfter}
}

// usageError is a mistake in how the program was called.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errSilent ends the program as failed when all has been said.
var errSilent = errors.New("failed")

// run executes one command line and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.root() //nolint:contextcheck // cobra hands the context to the commands
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	if _, ok := errors.AsType[usageError](err); ok {
		a.say("Error: %v\nSee: %s --help", err, cmd.CommandPath())
		return exitUsage
	}
	if !errors.Is(err, errSilent) {
		a.say("Error: %s", describe(err))
	}
	return exitFailure
}

// describe returns an error for a person.
func describe(err error) string {
	if errors.Is(err, context.Canceled) {
		return "stopped"
	}
	if _, ok := errors.AsType[*client.UnreachableError](err); ok {
		return fmt.Sprintf("%v\nIs the server running, and is its address right? Set --server or TS_API_URL; turboscribe doctor looks closer.", err)
	}
	if refused, ok := err.(*client.Error); ok { //nolint:errorlint // around a wrapped one are words of ours
		return inline(refused.Error())
	}
	return err.Error()
}

// say writes a line for people, never to stdout. There is nowhere to report that
// stderr is gone.
func (a *app) say(format string, args ...any) {
	_, _ = fmt.Fprintln(a.stderr, lines(fmt.Sprintf(format, args...)))
}

// warn says what a reader of the text should know.
func (a *app) warn(warnings []client.Problem) {
	for _, w := range warnings {
		a.say("Warning: %s", inline(w.Message))
	}
}

// print writes a result.
func (a *app) print(format string, args ...any) error {
	_, err := fmt.Fprintf(a.stdout, format, args...)
	return err
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "turboscribe",
		Version:       build.Version(),
		Short:         "Turn recordings into text with a TurboScribe server",
		Args:          withUsage(cobra.NoArgs),
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetVersionTemplate("turboscribe {{.Version}}\n")
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.PersistentFlags().StringVar(&a.server, "server", a.env("TS_API_URL", "http://127.0.0.1:8080"), "address of the server (TS_API_URL)")
	root.PersistentFlags().DurationVar(&a.timeout, "timeout", 30*time.Second, "how long to wait for one answer")
	root.AddCommand(a.loginCommand(), a.logoutCommand(), a.transcribeCommand(), a.listCommand(), a.searchCommand(), a.getCommand(),
		a.exportCommand(), a.historyCommand(), a.cancelCommand(), a.retryCommand(), a.deleteCommand(), a.queuesCommand(), a.modelsCommand(), a.doctorCommand())
	return root
}

// withUsage marks a complaint about arguments as one about usage.
func withUsage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{err}
		}
		return nil
	}
}

func (a *app) env(key, otherwise string) string {
	if v, ok := a.lookup(key); ok && v != "" {
		return v
	}
	return otherwise
}

// client returns the client of the server that was asked for.
func (a *app) client() (*client.Client, error) {
	if a.timeout <= 0 {
		return nil, usage("--timeout must be longer than nothing")
	}
	path, err := a.credentials()
	if err != nil {
		return nil, err
	}
	o := a.options
	o.Server, o.Timeout, o.Credentials, o.Token = a.server, a.timeout, path, a.token()
	c, err := client.New(o)
	if err != nil {
		return nil, usageError{err}
	}
	return c, nil
}

// token returns what is used instead of a sign-in, empty for nothing.
func (a *app) token() string { return a.env("TS_API_KEY", a.env("TS_TOKEN", "")) }

// credentials returns the file that keeps the sign-ins.
func (a *app) credentials() (string, error) {
	if path := a.env("TS_CREDENTIALS", ""); path != "" {
		return path, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("find a place for the sign-in (set TS_CREDENTIALS): %w", err)
	}
	return filepath.Join(dir, "turboscribe", "credentials.json"), nil
}

// terminal returns the descriptor of a stream and whether a person is behind it.
func terminal(stream any) (fd int, ok bool) {
	f, ok := stream.(*os.File)
	if !ok {
		return 0, false
	}
	return int(f.Fd()), term.IsTerminal(int(f.Fd()))
}
