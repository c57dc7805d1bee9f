// Command bench measures TurboScribe against whisper.cpp's official Go bindings,
// plain and split, and against whisper-cli where it is installed: the same
// recording, model and cores, one after the other in one run.
//
// Run it with `make bench`. docs/performance.md says what is measured, and how.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/turboscribe/turboscribe/internal/daemon"
	"github.com/turboscribe/turboscribe/internal/whisper"
)

func main() { daemon.Main(run) }

// measureCommand makes this program measure one contender and end.
const measureCommand = "measure"

func run(ctx context.Context, args []string, lookup func(string) (string, bool), stderr io.Writer) error {
	if ran, err := whisper.RunChild(ctx, args); ran {
		return err
	}
	if len(args) == 1 && args[0] == measureCommand {
		return obey(ctx, os.Stdin, os.Stdout)
	}
	o, err := parse(args, lookup, stderr)
	if err != nil {
		return err
	}
	b, err := prepare(ctx, o, stderr)
	if err != nil {
		return err
	}
	if err := b.run(ctx); err != nil {
		return err
	}
	b.report.finish(time.Since(b.report.Started))
	return b.report.publish(o.dir, o.docs, os.Stdout)
}

// options are what the command line and the stack's environment say.
type options struct {
	mode    string
	dir     string // for models, recordings and results
	demo    string // the demo model's file
	stack   string // holds the pid files of the stack
	docs    string // when set, the page and the plots are written here
	seed    uint64
	version string
	service account
	backend string // directory of ggml's backends
}

// account is where the API is and who signs in.
type account struct{ url, email, password string }

func parse(args []string, lookup func(string) (string, bool), stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.mode, "mode", "default", "quick, targets, default, long or full")
	flags.StringVar(&o.dir, "dir", ".run/bench", "directory for models, recordings and results")
	flags.StringVar(&o.demo, "demo", "models/ggml-demo.en.bin", "the demo model's file, its recordings beside it")
	flags.StringVar(&o.stack, "stack", "", "run directory of the stack to measure")
	flags.StringVar(&o.docs, "docs", "", "directory of performance.md, to be brought up to date")
	flags.StringVar(&o.version, "version", "unknown", "of this program")
	flags.Uint64Var(&o.seed, "seed", 1, "of the recordings")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("usage: bench [flags], without %q", flags.Args())
	}
	for name, into := range map[string]*string{
		"TS_API_URL": &o.service.url, "TS_ADMIN_EMAIL": &o.service.email,
		"TS_ADMIN_PASSWORD": &o.service.password, "TS_GGML_BACKENDS": &o.backend,
	} {
		v, ok := lookup(name)
		if !ok {
			return o, fmt.Errorf("%s is not set: `make bench` starts a stack and sets it", name)
		}
		*into = v
	}
	o.dir, err = filepath.Abs(o.dir)
	return o, err
}
