// Package daemon runs a process until it is told to stop, then stops it in order.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

// interrupted is the exit status of a process that a second signal ended, and by
// custom of one that gave up because of the first.
const interrupted = 130

// Main calls run with the arguments and environment of the process and exits: 0
// when run returns nil, 1 with the error as one line on stderr otherwise.
//
// SIGINT and SIGTERM end the context of run, which then has the time it grants
// itself; a second signal exits at once with 130. So does a run that gives up
// half-way because of the first, without a line: its error is context.Canceled.
func Main(run func(ctx context.Context, args []string, lookup func(string) (string, bool), stderr io.Writer) error) {
	ctx, cancel := context.WithCancel(context.Background()) //nolint:forbidigo // the first context of every process
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		os.Exit(interrupted)
	}()
	err := run(ctx, os.Args[1:], os.LookupEnv, os.Stderr) //nolint:forbidigo // handed to config, which reads it
	os.Exit(status(ctx, err, os.Stderr))
}

// status returns the exit status for what run returned and writes the line.
func status(ctx context.Context, err error, stderr io.Writer) int {
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return interrupted
	}
	if _, err := fmt.Fprintf(stderr, "%s: %s\n", filepath.Base(os.Args[0]), oneLine(err)); err != nil {
		return 2 // nobody can be told
	}
	return 1
}

// oneLine writes joined errors behind one another.
func oneLine(err error) string {
	lines := strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' })
	return strings.Join(lines, "; ")
}
