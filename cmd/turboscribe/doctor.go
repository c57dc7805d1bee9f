package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/turboscribe/turboscribe/cmd/turboscribe/internal/client"
)

// checkTimeout bounds one check.
const checkTimeout = 30 * time.Second

// maxSkew is how far the clocks may be apart: sign-ins last ten minutes.
const maxSkew = time.Minute

// level says how bad a finding is.
type level string

const (
	good level = "ok"
	warn level = "warn"
	bad  level = "FAIL"
)

// finding is what a check found out. Advice is empty when all is well.
type finding struct {
	level  level
	check  string
	detail string
	advice string
}

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Check the server and, where TS_* variables name them, all it depends on",
		Long: "Check the server and, where TS_* variables name them, all it depends on.\n\n" +
			"On a machine of the local stack, load its settings first: . .run/env",
		Args: withUsage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.doctor(cmd.Context()) },
	}
}

func (a *app) doctor(ctx context.Context) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	found := a.examineServer(ctx, c)
	for _, check := range a.machineChecks() {
		bounded, cancel := context.WithTimeout(ctx, checkTimeout)
		found = append(found, check(bounded)...)
		cancel()
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := a.printFindings(found); err != nil {
		return err
	}
	if n := count(found, bad); n > 0 {
		a.say("%d of %d checks failed.", n, len(found))
		return errSilent
	}
	return nil
}

func count(found []finding, l level) (n int) {
	for _, f := range found {
		if f.level == l {
			n++
		}
	}
	return n
}

func (a *app) printFindings(found []finding) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, f := range found {
		line := fmt.Sprintf("%s\t%s\t%s", f.level, inline(f.check), inline(strings.Join(strings.Fields(f.detail), " ")))
		if f.advice != "" {
			line += " → " + f.advice
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return a.print("%s", b.String())
}

// examineServer looks at the server through its API.
func (a *app) examineServer(ctx context.Context, c *client.Client) []finding {
	began := time.Now()
	r, err := c.Ready(ctx)
	if err != nil {
		return []finding{{bad, "api", err.Error(), "start the server (make up), or set TS_API_URL or --server to its address"}}
	}
	found := []finding{{level: good, check: "api", detail: fmt.Sprintf("%s answers in %v", c.Server(), time.Since(began).Round(time.Millisecond))}}
	found = append(found, readiness(r)...)
	found = append(found, clockSkew(r.Clock, began, time.Now()))
	return append(found, a.examineAccount(ctx, c)...)
}

func readiness(r client.Readiness) (found []finding) {
	if !r.OK {
		found = append(found, finding{bad, "api ready", "the server says that it is not ready", "see its log; what it depends on is listed below"})
	}
	for _, name := range slices.Sorted(maps.Keys(r.Checks)) {
		f := finding{level: good, check: "api " + name, detail: r.Checks[name]}
		if !strings.EqualFold(r.Checks[name], "ok") {
			f.level, f.advice = bad, "this is what the server sees; check its settings and its log"
		}
		found = append(found, f)
	}
	return found
}

// clockSkew compares the server's clock, which it tells to the second, with that
// of this machine before and after the answer.
func clockSkew(server, before, after time.Time) finding {
	f := finding{level: good, check: "clock"}
	if server.IsZero() {
		f.level, f.detail, f.advice = warn, "the server does not tell its time", "a proxy may have removed the Date header"
		return f
	}
	skew := max(before.Add(-time.Second).Sub(server), server.Sub(after), 0).Round(time.Second)
	f.detail = fmt.Sprintf("differs by %v from the server's", skew)
	if skew > maxSkew {
		f.level, f.advice = warn, "set the clocks by NTP: signatures and log times depend on them"
	}
	return f
}

func (a *app) examineAccount(ctx context.Context, c *client.Client) []finding {
	me, err := c.Me(ctx)
	if _, out := errors.AsType[*client.NotSignedInError](err); out {
		return []finding{{warn, "sign-in", "nobody is signed in", "turboscribe login"}}
	}
	if err != nil {
		return []finding{{bad, "sign-in", err.Error(), "turboscribe login"}}
	}
	found := []finding{{level: good, check: "sign-in", detail: fmt.Sprintf("as %s (%s)", me.Email, me.Role)}}
	return append(found, examineWork(ctx, c)...)
}

// examineWork looks whether what is uploaded now would be transcribed.
func examineWork(ctx context.Context, c *client.Client) []finding {
	const advice = "see the log of the server"
	p, err := c.Presence(ctx)
	if err != nil {
		return []finding{{bad, "workers", err.Error(), advice}}
	}
	scheduler := sign("scheduler", "scheduler", p.Scheduler)
	workers := sign("workers", "worker", p.Worker)
	if workers.level == bad { // what models it had is of no use
		return []finding{workers, scheduler}
	}
	m, err := c.Models(ctx)
	if err != nil {
		return []finding{{bad, "workers", err.Error(), advice}, scheduler}
	}
	return []finding{workerModels(m), scheduler}
}

// sign tells whether one of the programs of that name is there.
func sign(check, program string, s client.Sign) finding {
	advice := "start a " + program + " (make up), and see its log"
	switch {
	case s.Silence == nil:
		return finding{bad, check, "no " + program + " heard from; what waits stays queued", advice}
	case !s.Alive:
		silence := time.Duration(*s.Silence) * time.Second
		return finding{bad, check, fmt.Sprintf("no %s heard from for %s; what waits stays queued", program, silenceText(silence)), advice}
	}
	return finding{level: good, check: check, detail: fmt.Sprintf("heard from %.0f s ago", *s.Silence)}
}

// silenceText returns a length of time for people, in seconds while these are few.
func silenceText(d time.Duration) string {
	if d < 2*time.Minute {
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return d.String()
}

// workerModels tells from the models that living workers report whether there
// are any.
func workerModels(m client.Models) finding {
	var names []string
	real := false
	for _, model := range m.Items {
		if model.Installed {
			names = append(names, model.Name)
			real = real || !model.Demo
		}
	}
	f := finding{level: good, check: "workers", detail: "have " + strings.Join(names, ", ")}
	switch {
	case len(names) == 0:
		f = finding{bad, "workers", "no worker reports a model", "start a worker whose TS_MODEL_DIR holds a model"}
	case !real:
		f.level, f.advice = warn, "this model is for trying out only; fetch a real one into TS_MODEL_DIR: turboscribe models pull base.en"
	}
	return f
}

// setting returns a TS_* variable; a secret may be in a file.
func (a *app) setting(key string) string {
	if v := a.env(key, ""); v != "" {
		return v
	}
	path := a.env(key+"_FILE", "")
	if path == "" {
		return ""
	}
	b, err := os.ReadFile(path) //nolint:gosec // the person who runs doctor names it
	if err != nil {
		a.say("%s_FILE cannot be read: %v", key, err)
	}
	return strings.TrimRight(string(b), "\r\n")
}
