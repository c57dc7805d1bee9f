package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/turboscribe/turboscribe/cmd/turboscribe/internal/client"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

func (a *app) getCommand() *cobra.Command {
	var asJSON, wait bool
	cmd := &cobra.Command{
		Use:   "get ID",
		Short: "Print the text of a transcription, or how far it is",
		Args:  withUsage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := a.get(cmd.Context(), args[0], wait)
			if t != nil && asJSON {
				return errors.Join(a.printJSON(t.Raw), err)
			}
			if err != nil {
				return err
			}
			return a.show(t)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print all that is known as JSON")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until it has ended")
	return cmd
}

// get returns the transcription, with an error when it ended without a text.
func (a *app) get(ctx context.Context, id string, wait bool) (*client.Transcription, error) {
	c, err := a.client()
	if err != nil {
		return nil, err
	}
	if wait {
		t, err := a.wait(ctx, c, id, id)
		if err != nil && ctx.Err() != nil {
			a.say("Stopped waiting. The server goes on; fetch the text later:\n  turboscribe get %s --wait\nOr end it: turboscribe cancel %s", id, id)
			return nil, errSilent
		}
		return t, err
	}
	t, err := c.Transcription(ctx, id)
	if err != nil || !t.Final() {
		return t, err
	}
	if t.Earlier != nil {
		a.say("The text of run %d is still there: turboscribe export %s", t.Earlier.Run, inline(t.ID))
	}
	return t, outcome(t)
}

// show prints the text, or says on stderr that there is none yet.
func (a *app) show(t *client.Transcription) error {
	if !t.Final() {
		m := newLineMeter(a.stderr, t.FileName)
		m.show(stageText(t), t.Progress, noteText(t))
		a.say("Wait for it: turboscribe get %s --wait", t.ID)
		return nil
	}
	a.warn(t.Warnings)
	return a.print("%s\n", plain([]byte(t.Text)))
}

func (a *app) exportCommand() *cobra.Command {
	e := exporter{app: a}
	cmd := &cobra.Command{
		Use:     "export ID",
		Short:   "Print or save a text in a format",
		Example: "  turboscribe export 0195d3a4-0000-7000-8000-000000000001 --format srt --option maxChars=37 --option maxLines=1",
		Args:    withUsage(cobra.ExactArgs(1)),
		RunE:    func(cmd *cobra.Command, args []string) error { return e.run(cmd.Context(), args[0]) },
	}
	cmd.Flags().StringVar(&e.format, "format", "txt", formatNames())
	cmd.Flags().StringArrayVar(&e.options, "option", nil, "NAME=VALUE, such as speakers=false; docs/api.md lists them")
	cmd.Flags().StringVar(&e.output, "output", "-", "file to write, or a directory for it, or - for standard output")
	cmd.Flags().BoolVar(&e.force, "force", false, "replace a file that exists")
	return cmd
}

// exporter is one call of export.
type exporter struct {
	app            *app
	format, output string
	form           transcription.Format // of that name
	options        []string
	force          bool
}

func (e *exporter) run(ctx context.Context, id string) error {
	query, err := e.check()
	if err != nil {
		return err
	}
	c, err := e.app.client()
	if err != nil {
		return err
	}
	t, err := c.Transcription(ctx, id)
	if err != nil {
		return err
	}
	target, err := e.target(t)
	if err != nil {
		return err
	}
	file, err := c.Export(ctx, id, query)
	if err != nil {
		return err
	}
	e.app.warn(t.Warnings)
	if target == "" {
		return e.app.printFile(file, e.form)
	}
	return e.app.save(target, file, e.force)
}

// target returns the file to write; empty for standard output. In a directory it is named as
// its recording.
func (e *exporter) target(t *client.Transcription) (string, error) {
	if e.output == "-" {
		return "", nil
	}
	if !directory(e.output) {
		return e.output, nil
	}
	path := filepath.Join(e.output, stem(t)+e.form.Extension)
	return path, vacant(path, e.force)
}

// stem returns the name of a recording without its ending; its id for a name that no file here
// should have.
func stem(t *client.Transcription) string {
	name := filepath.Base(t.FileName)
	name = strings.TrimSuffix(name, filepath.Ext(name))
	if strings.Trim(name, ". /") == "" || inline(name) != name {
		return filepath.Base(t.ID)
	}
	return name
}

// directory reports whether a path is one.
func directory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// check finds every mistake that can be found without the server, and returns what it is
// to be asked for.
func (e *exporter) check() (url.Values, error) {
	var err error
	if e.form, err = transcription.FindFormat(e.format); err != nil {
		return nil, usageError{err}
	}
	query := url.Values{}
	for _, o := range e.options {
		name, value, ok := strings.Cut(o, "=")
		if !ok {
			return nil, usage("--option %s is not of the form NAME=VALUE", o)
		}
		query.Add(name, value)
	}
	if _, err := transcription.ReadLayout(e.form, query); err != nil {
		return nil, usageError{err}
	}
	query.Set("format", e.format)
	switch {
	case e.output == "-":
		return query, e.app.printable(e.form)
	case directory(e.output): // what it is to be called there is known later
		return query, nil
	default:
		return query, vacant(e.output, e.force)
	}
}

// printable returns an error for a format that is no text, where a person would read it.
func (a *app) printable(f transcription.Format) error {
	if _, ok := terminal(a.stdout); ok && f.Binary {
		return usage("a %s file cannot be shown on a terminal: name a place with --output", f.Name)
	}
	return nil
}

// printFile writes what was exported: a text without control characters, and else each byte.
func (a *app) printFile(file []byte, f transcription.Format) error {
	if !f.Binary {
		file = plain(file)
	}
	return a.print("%s", file)
}

// formatNames lists the formats of exports.
func formatNames() string {
	var names []string
	for _, f := range transcription.Formats() {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}

// vacant returns an error for a file that exists and must not be replaced.
func vacant(path string, force bool) error {
	if _, err := os.Stat(path); err == nil && !force {
		return occupied(path)
	}
	return nil
}

func occupied(path string) error {
	return fmt.Errorf("%s is there already: choose another --output, or replace it with --force", path)
}

// save writes a file. One that has come to be since it was looked for is not
// replaced either, unless forced.
func (a *app) save(path string, text []byte, force bool) error {
	how := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		how = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(filepath.Clean(path), how, 0o666) //nolint:gosec // the umask decides, as for every file a person makes
	if errors.Is(err, os.ErrExist) {
		return occupied(path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	a.say("Saved %s", path)
	return nil
}

func (a *app) cancelCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "cancel ID...",
		Short: "Stop the work on transcriptions; their recordings stay",
		Args:  withUsage(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.each(cmd.Context(), args, "Canceled", (*client.Client).Cancel)
		},
	}
}

func (a *app) deleteCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "delete ID...",
		Short: "Delete transcriptions with their recordings",
		Args:  withUsage(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.each(cmd.Context(), args, "Deleted", (*client.Client).Delete)
		},
	}
}

// each does something to transcriptions, up to the first that it cannot be done to.
func (a *app) each(ctx context.Context, ids []string, done string, do func(*client.Client, context.Context, string) error) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := do(c, ctx, id); err != nil {
			return err
		}
		a.say("%s %s", done, id)
	}
	return nil
}
