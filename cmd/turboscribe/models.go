package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/turboscribe/turboscribe/cmd/turboscribe/internal/client"
	"github.com/turboscribe/turboscribe/cmd/turboscribe/internal/models"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

func (a *app) modelsCommand() *cobra.Command {
	m := modelKeeper{app: a}
	cmd := &cobra.Command{
		Use:   "models",
		Short: "List the models that the server knows; keep a directory of them",
		Long: "List the models that the server knows.\n\n" +
			"The commands below act on a directory of this machine instead. Workers that look for models there use a new one without a restart.",
		Args: withUsage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serverModels(cmd.Context()) },
	}
	cmd.PersistentFlags().StringVar(&m.dir, "dir", a.env("TS_MODEL_DIR", "models"), "directory of the models (TS_MODEL_DIR)")
	cmd.AddCommand(m.listCommand(), m.pullCommand(), m.verifyCommand(), m.removeCommand())
	return cmd
}

func (a *app) serverModels(ctx context.Context) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	m, err := c.Models(ctx)
	if err != nil {
		return err
	}
	return a.table("MODEL\tINSTALLED\tLANGUAGES\tTRANSLATES", len(m.Items), func(i int) []string { return modelRow(m, m.Items[i]) })
}

func modelRow(all client.Models, m client.Model) []string {
	name, installed, languages, translates := m.Name, "no", "English", "no"
	if m.Installed {
		installed = "yes"
	}
	if m.Name == all.Default {
		installed = "yes, default"
	}
	if m.Demo {
		name += " (demo)"
	}
	if m.Multilingual {
		languages = "many"
	}
	if m.Translates {
		translates = "yes"
	}
	return []string{name, installed, languages, translates}
}

// modelKeeper is the commands for a directory of models.
type modelKeeper struct {
	app *app
	dir string
}

func (k *modelKeeper) listCommand() *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List all models by name, and how those in the directory are",
		Args:  withUsage(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return k.list(cmd.Context(), check) },
	}
	cmd.Flags().BoolVar(&check, "check", false, "compare the files with the published ones: reads all of them")
	return cmd
}

func (k *modelKeeper) list(ctx context.Context, check bool) error {
	entries, err := models.Dir(k.dir).List()
	if err != nil {
		return err
	}
	states := make([]string, len(entries))
	for i, e := range entries {
		if states[i], err = k.state(ctx, e, check); err != nil {
			return err
		}
	}
	return k.app.table("MODEL\tSIZE\tINSTALLED\tLANGUAGES\tTRANSLATES\tCHECKSUM", len(entries), func(i int) []string {
		return entryRow(entries[i], states[i])
	})
}

func entryRow(e models.Entry, state string) []string {
	size, installed, translates := e.Size, "no", "no"
	switch {
	case e.Err != nil:
		installed = "unusable"
	case e.Installed:
		installed = "yes"
	}
	if e.Installed {
		size = e.Bytes
	}
	if e.Translates {
		translates = "yes"
	}
	languages := "English"
	if n := len(e.Languages()); n > 1 {
		languages = strconv.Itoa(n)
	}
	return []string{e.Name, bytesText(size), installed, languages, translates, state}
}

// state says what is known of the checksum of a file.
func (k *modelKeeper) state(ctx context.Context, e models.Entry, check bool) (string, error) {
	if !check || !e.Usable() {
		return stateAtAGlance(e), nil
	}
	sum, err := k.verifyOne(ctx, e.Model)
	return string(sum), err
}

// stateAtAGlance is what can be said without reading the file.
func stateAtAGlance(e models.Entry) string {
	switch {
	case !e.Installed:
		return "-"
	case e.Err != nil:
		return e.Err.Error()
	case e.Bytes != e.Size:
		return "different: not the published size"
	default:
		return "not checked"
	}
}

func (k *modelKeeper) pullCommand() *cobra.Command {
	var base string
	var force bool
	cmd := &cobra.Command{
		Use:   "pull MODEL...",
		Short: "Download models into the directory; what was interrupted goes on",
		Example: "  turboscribe models pull base.en\n" +
			"  turboscribe models pull --dir /srv/models large-v3-turbo small",
		Args: withUsage(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return k.pull(cmd.Context(), args, base, force) },
	}
	cmd.Flags().StringVar(&base, "url", k.app.env("TS_MODEL_URL", models.Hub), "address below which the files are (TS_MODEL_URL)")
	cmd.Flags().BoolVar(&force, "force", false, "replace a file that is another one than the published")
	return cmd
}

func (k *modelKeeper) pull(ctx context.Context, names []string, base string, force bool) error {
	wanted, err := findModels(names)
	if err != nil {
		return err
	}
	if base == models.Hub && slices.ContainsFunc(wanted, func(m transcription.Model) bool { return m.Demo }) {
		return usage("%s comes with TurboScribe and is not published elsewhere", transcription.DemoModel)
	}
	for _, m := range wanted {
		if err := k.pullOne(ctx, m, base, force); err != nil {
			return err
		}
	}
	return nil
}

func (k *modelKeeper) pullOne(ctx context.Context, m transcription.Model, base string, force bool) error {
	dir := models.Dir(k.dir)
	if _, err := os.Stat(dir.Path(m)); err == nil && !force {
		return k.present(ctx, m)
	}
	meter := k.app.meter(m.Name)
	defer meter.end()
	p, err := models.NewPuller(dir, models.Options{
		Base: base, Free: freeSpace,
		Show: func(done, total int64) {
			meter.show("downloading", float64(done)/float64(max(done, total, 1)), fmt.Sprintf("%s of %s", bytesText(done), bytesText(max(done, total))))
		},
		Retry: func(err error, in time.Duration) {
			meter.clear()
			k.app.say("%s: %v; trying again in %v", m.Name, err, in.Round(time.Second))
		},
	})
	if err != nil {
		return usageError{err}
	}
	if err := p.Pull(ctx, m); err != nil {
		return k.unfinished(ctx, m, err)
	}
	meter.end()
	if m.SHA256 == "" {
		k.app.say("No checksum is known for %s: its size and outline were checked, not every byte.", m.Name)
	}
	k.app.say("Installed %s", dir.Path(m))
	return nil
}

// present says that a model is there already, unless it is another file.
func (k *modelKeeper) present(ctx context.Context, m transcription.Model) error {
	sum, err := k.verifyOne(ctx, m)
	if err == nil && sum == models.Different {
		err = errors.New("it is not the published file")
	}
	if err != nil {
		return fmt.Errorf("%s is there already, but cannot be taken for %s (replace it with --force): %w", models.Dir(k.dir).Path(m), m.Name, err)
	}
	k.app.say("%s is there already", models.Dir(k.dir).Path(m))
	return nil
}

// unfinished returns why a download has failed, and says how it goes on.
func (k *modelKeeper) unfinished(ctx context.Context, m transcription.Model, err error) error {
	if ctx.Err() != nil {
		k.app.say("Stopped. What has arrived is kept; go on with:\n  turboscribe models pull --dir %s %s", k.dir, m.Name)
		return errSilent
	}
	return err
}

func (k *modelKeeper) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify [MODEL...]",
		Short: "Compare models in the directory with the published files; all of them without a name",
		RunE:  func(cmd *cobra.Command, args []string) error { return k.verify(cmd.Context(), args) },
	}
}

func (k *modelKeeper) verify(ctx context.Context, names []string) error {
	wanted, err := k.installed(names)
	if err != nil {
		return err
	}
	wrong := 0
	for _, m := range wanted {
		sum, err := k.verifyOne(ctx, m)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil || sum == models.Different {
			wrong++
		}
		if err := k.app.print("%s: %s\n", m.Name, inline(verdictText(sum, err))); err != nil {
			return err
		}
	}
	if wrong > 0 {
		k.app.say("%d of %d are not the published models. Replace one with: turboscribe models pull --force MODEL", wrong, len(wanted))
		return errSilent
	}
	return nil
}

func verdictText(sum models.Sum, err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "is not there"
	case err != nil:
		return err.Error()
	case sum == models.Same:
		return "is the published file"
	case sum == models.Unknown:
		return "its outline is sound; no checksum is known to compare with"
	default:
		return "its outline is sound, but it is not the published file: quantised, trained further, or damaged"
	}
}

// installed returns the models of those names, all in the directory without one.
func (k *modelKeeper) installed(names []string) ([]transcription.Model, error) {
	if len(names) > 0 {
		return findModels(names)
	}
	entries, err := models.Dir(k.dir).List()
	if err != nil {
		return nil, err
	}
	var found []transcription.Model
	for _, e := range entries {
		if e.Installed {
			found = append(found, e.Model)
		}
	}
	if len(found) == 0 {
		k.app.say("There is no model in %s. Fetch one: turboscribe models pull base.en", k.dir)
	}
	return found, nil
}

func (k *modelKeeper) verifyOne(ctx context.Context, m transcription.Model) (models.Sum, error) {
	meter := k.app.meter(m.Name)
	defer meter.end()
	return models.Dir(k.dir).Verify(ctx, m, func(done, total int64) {
		if total > slowToRead {
			meter.show("reading", float64(done)/float64(total), "")
		}
	})
}

// slowToRead is the size from which it is shown how far reading a file is.
const slowToRead = 100 << 20

func (k *modelKeeper) removeCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "rm MODEL...",
		Short: "Remove models from the directory, and what interrupted downloads have left",
		Args:  withUsage(cobra.MinimumNArgs(1)),
		RunE:  func(_ *cobra.Command, args []string) error { return k.remove(args, yes) },
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func (k *modelKeeper) remove(names []string, yes bool) error {
	wanted, err := findModels(names)
	if err != nil {
		return err
	}
	dir := models.Dir(k.dir)
	for _, m := range wanted {
		if !yes {
			if ok, err := k.app.confirm(fmt.Sprintf("Remove %s?", dir.Path(m))); err != nil || !ok {
				return err
			}
		}
		if err := dir.Remove(m); err != nil {
			return err
		}
		k.app.say("Removed %s", dir.Path(m))
	}
	return nil
}

// confirm asks a person.
func (a *app) confirm(question string) (bool, error) {
	if _, ok := terminal(a.stdin); !ok {
		return false, usage("there is no terminal to ask on: say --yes")
	}
	_, _ = fmt.Fprintf(a.stderr, "%s [y/N] ", inline(question))
	line, err := bufio.NewReader(a.stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read the answer: %w", err)
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes", nil
}

func findModels(names []string) ([]transcription.Model, error) {
	found := make([]transcription.Model, len(names))
	for i, name := range names {
		if slices.Contains(transcription.Aliases, name) {
			return nil, usage("%s is chosen among the models that are there; name one, such as base.en", name)
		}
		known := transcription.Models()
		at := slices.IndexFunc(known, func(m transcription.Model) bool { return m.Name == name })
		if at < 0 {
			return nil, usage("there is no model %q; known are %s", name, modelNames(known))
		}
		found[i] = known[at]
	}
	return found, nil
}

func modelNames(known []transcription.Model) string {
	names := make([]string, len(known))
	for i, m := range known {
		names[i] = m.Name
	}
	return strings.Join(names, ", ")
}
