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

func (a *app) transcribeCommand() *cobra.Command {
	t := transcriber{app: a, warned: map[string]bool{}}
	cmd := &cobra.Command{
		Use:   "transcribe FILE...",
		Short: "Upload recordings, wait, and print or save their text",
		Example: "  turboscribe transcribe meeting.m4a\n" +
			"  turboscribe transcribe --format srt --output subtitles *.mp4",
		Args: withUsage(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return t.run(cmd.Context(), args) },
	}
	cmd.Flags().StringVar(&t.formatName, "format", "txt", formatNames())
	cmd.Flags().StringVar(&t.settings.Language, "language", "", "language that is spoken, such as en; detected when not given")
	cmd.Flags().StringVar(&t.settings.Model, "model", "", "model to use, see turboscribe models; or fast, balanced, best")
	cmd.Flags().StringVar(&t.settings.Prompt, "prompt", "", "names and terms that occur")
	cmd.Flags().BoolVar(&t.settings.Translate, "translate", false, "translate into English")
	cmd.Flags().StringVar(&t.settings.Channels, "channels", "", "split: a speaker on each channel of a stereo recording; mix, the default, otherwise")
	cmd.Flags().StringVar(&t.settings.Priority, "priority", "", "low: when nothing else waits; normal, the default; high: before all else, for administrators")
	cmd.Flags().StringVar(&t.settings.Webhook, "webhook", "", "address that is told how it ends, see docs/api.md")
	cmd.Flags().StringVar(&t.output, "output", "-", "directory to save into, or a file of the format for one recording, or - for standard output")
	cmd.Flags().BoolVar(&t.force, "force", false, "replace files that exist")
	return cmd
}

// transcriber is one call of transcribe.
type transcriber struct {
	app        *app
	formatName string
	settings   client.Settings
	output     string
	force      bool

	client *client.Client
	format transcription.Format
	warned map[string]bool // warnings that have been said
	failed bool
}

// recording is one file on its way.
type recording struct {
	path   string
	size   int64
	target string // file to save to; empty for standard output
	id     string // once it is uploaded
}

// run uploads all recordings and then waits for them, in order. What fails does
// not hold up the rest.
func (t *transcriber) run(ctx context.Context, paths []string) error {
	recordings, err := t.check(ctx, paths)
	if err != nil {
		return err
	}
	for _, r := range recordings {
		if err := t.upload(ctx, r); err != nil && !t.goOn(ctx, r, err) {
			return t.stopped(recordings)
		}
	}
	for i, r := range recordings {
		if r.id == "" {
			continue
		}
		if err := t.finish(ctx, r, len(recordings) > 1); err != nil && !t.goOn(ctx, r, err) {
			return t.stopped(recordings[i:])
		}
	}
	if t.failed {
		return errSilent
	}
	return nil
}

// goOn reports a failure and whether the next recording should be tried.
func (t *transcriber) goOn(ctx context.Context, r *recording, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	t.failed = true
	t.app.say("%s: %s", filepath.Base(r.path), describe(err))
	if _, ok := errors.AsType[*client.UnreachableError](err); ok && r.id != "" {
		t.app.say("The server goes on with it. Fetch it later: turboscribe get %s --wait", r.id)
	}
	return true
}

// stopped says how to fetch what the server goes on with, and how to end that too.
func (t *transcriber) stopped(left []*recording) error {
	var fetch strings.Builder
	var ids []string
	for _, r := range left {
		if r.id != "" {
			fmt.Fprintf(&fetch, "\n  turboscribe get %s --wait    # %s", r.id, filepath.Base(r.path))
			ids = append(ids, r.id)
		}
	}
	if len(ids) == 0 {
		t.app.say("Stopped. Nothing was left on the server.")
		return errSilent
	}
	t.app.say("Stopped waiting. The server goes on; fetch the text later:%s\nOr end it: turboscribe cancel %s", fetch.String(), strings.Join(ids, " "))
	return errSilent
}

// check finds every mistake that can be found before the first upload.
func (t *transcriber) check(ctx context.Context, paths []string) ([]*recording, error) {
	var err error
	if t.format, err = transcription.FindFormat(t.formatName); err != nil {
		return nil, usageError{err}
	}
	if t.output == "-" {
		if err := t.app.printable(t.format); err != nil {
			return nil, err
		}
	}
	if t.output == "-" && len(paths) > 1 && (t.format.Binary || t.formatName == "srt" || t.formatName == "vtt") {
		return nil, usage("several %s files cannot share standard output: give --output DIR", t.formatName)
	}
	recordings, err := t.find(paths)
	if err != nil {
		return nil, err
	}
	if t.client, err = t.app.client(); err != nil {
		return nil, err
	}
	limits, err := t.client.Limits(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range recordings {
		if limits.MaxBytes > 0 && r.size > limits.MaxBytes {
			return nil, fmt.Errorf("%s has %s; the server takes at most %s. Compress it, for example to Opus or MP3, or split it",
				r.path, bytesText(r.size), bytesText(limits.MaxBytes))
		}
	}
	return recordings, nil
}

// find looks at the files and decides where their texts go.
func (t *transcriber) find(paths []string) (found []*recording, err error) {
	taken := map[string]bool{}
	single := len(paths) == 1 && t.namesFile()
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case err != nil:
			return nil, err
		case !info.Mode().IsRegular():
			return nil, fmt.Errorf("%s is not a file", path)
		case info.Size() == 0:
			return nil, fmt.Errorf("%s is empty", path)
		}
		r := &recording{path: path, size: info.Size()}
		r.target = t.output
		if !single {
			r.target = t.target(path, taken)
		}
		if err := t.vacant(r.target); err != nil {
			return nil, err
		}
		found = append(found, r)
	}
	return found, nil
}

// namesFile reports whether the output is a file for one text, by its ending, and no directory.
func (t *transcriber) namesFile() bool {
	return strings.EqualFold(filepath.Ext(t.output), t.format.Extension) && !directory(t.output)
}

// vacant returns an error for a target that must not be replaced.
func (t *transcriber) vacant(target string) error {
	if target == "" {
		return nil
	}
	return vacant(target, t.force)
}

// target returns the file in the output that a text is saved to. Two recordings may differ in
// their ending only.
func (t *transcriber) target(path string, taken map[string]bool) string {
	if t.output == "-" {
		return ""
	}
	stem := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	target := filepath.Join(t.output, stem+t.format.Extension)
	for n := 2; taken[target]; n++ {
		target = filepath.Join(t.output, fmt.Sprintf("%s-%d%s", stem, n, t.format.Extension))
	}
	taken[target] = true
	return target
}

func (t *transcriber) upload(ctx context.Context, r *recording) (err error) {
	m := t.app.meter(filepath.Base(r.path))
	defer m.end()
	m.show("uploading "+bytesText(r.size), 0, "")
	r.id, err = t.client.Upload(ctx, r.path, t.settings, func(done, total int64) {
		m.show("uploading "+bytesText(r.size), float64(done)/float64(total), "")
	})
	return err
}

// finish waits for one text and delivers it.
func (t *transcriber) finish(ctx context.Context, r *recording, several bool) error {
	done, err := t.app.wait(ctx, t.client, r.id, filepath.Base(r.path))
	if err != nil {
		return err
	}
	t.warn(done.Warnings)
	text, err := t.client.Export(ctx, r.id, url.Values{"format": {t.format.Name}})
	if err != nil {
		return err
	}
	if r.target != "" {
		return t.save(r.target, text)
	}
	if several && t.format.Name == "txt" {
		if err := t.app.print("==> %s <==\n", inline(r.path)); err != nil {
			return err
		}
		text = append(text, '\n')
	}
	return t.app.printFile(text, t.format)
}

func (t *transcriber) warn(warnings []client.Problem) {
	for _, w := range warnings {
		if key := w.Code + w.Message; !t.warned[key] {
			t.warned[key] = true
			t.app.warn([]client.Problem{w})
		}
	}
}

func (t *transcriber) save(target string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(target), 0o750); err != nil {
		return err
	}
	return t.app.save(target, text, t.force)
}
