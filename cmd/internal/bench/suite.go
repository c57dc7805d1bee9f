package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// plan is how much is measured.
type plan struct {
	rounds  int
	compare []comparison
	lengths []int // minutes; of the demo model
	slots   int   // minutes of sound for the comparison of slots; 0: none
	clips   int   // how often the clip is transcribed
}

// comparison has every contender transcribe the same recording with the same
// model.
type comparison struct {
	model   string
	minutes int
}

// clip is the length of the short recording.
const clip = 10 * audio.SampleRate

// plans has the first comparison decide about the targets. Its length is one of
// the lengths, so that it is measured once.
var plans = map[string]plan{
	"quick": {
		rounds: 1, clips: 5, slots: 2, lengths: []int{1, 2},
		compare: []comparison{{transcription.DemoModel, 2}, {"tiny.en", 1}},
	},
	"targets": {
		rounds: 1, clips: 30, slots: 2, lengths: []int{5, 30},
		compare: []comparison{{transcription.DemoModel, 30}},
	},
	"default": {
		rounds: 1, clips: 30, slots: 10, lengths: []int{5, 15, 30},
		compare: []comparison{{transcription.DemoModel, 30}, {"tiny.en", 10}, {"base.en", 5}},
	},
	"long": {
		rounds: 1, clips: 30, slots: 10, lengths: []int{5, 15, 30, 60, 180},
		compare: []comparison{{transcription.DemoModel, 30}, {"tiny.en", 10}, {"base.en", 5}},
	},
	"full": {
		rounds: 3, clips: 30, slots: 10, lengths: []int{5, 15, 30, 60, 180},
		compare: []comparison{{transcription.DemoModel, 30}, {"tiny.en", 30}, {"base.en", 10}},
	},
}

// bench is one run of all measurements.
type bench struct {
	options
	plan
	stack      *stack
	models     string // directory
	cores      int
	takes      []take
	recordings map[audio.Samples]recording // by length
	client     string                      // path of whisper-cli, empty where it is not installed
	report     *report
}

// prepare makes models and signs in.
func prepare(ctx context.Context, o options, log io.Writer) (*bench, error) {
	p, ok := plans[o.mode]
	if !ok {
		return nil, fmt.Errorf("there is no mode %q: quick, targets, default, long or full", o.mode)
	}
	m, err := thisMachine()
	if err != nil {
		return nil, fmt.Errorf("look at this machine: %w", err)
	}
	b := &bench{
		options: o, plan: p, cores: runtime.NumCPU(), models: filepath.Join(o.dir, "models"),
		stack: &stack{account: o.service, dir: o.stack}, recordings: map[audio.Samples]recording{},
		report: &report{Started: time.Now().UTC(), Mode: o.mode, Seed: o.seed, Machine: m, headline: p.compare[0], log: log},
	}
	b.report.Versions = versions{Program: o.version, Go: runtime.Version()}
	if b.client, err = exec.LookPath("whisper-cli"); err != nil {
		b.client = ""
	}
	if err := b.stack.signIn(ctx); err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	if err := b.install(); err != nil {
		return nil, err
	}
	b.takes, err = readTakes(ctx, filepath.Join(filepath.Dir(o.demo), "demo"), o.dir)
	return b, err
}

// install makes the models that are not there by themselves.
func (b *bench) install() error {
	for _, g := range geometries {
		if err := makeModel(g, b.demo, filepath.Join(b.models, fileOf(g.name))); err != nil {
			return err
		}
	}
	return nil
}

// run measures everything.
func (b *bench) run(ctx context.Context) error {
	for i, c := range b.compare {
		if err := b.contest(ctx, c, []string{sequential, engine, unpacked, parallel, service, client}); err != nil {
			return err
		}
		if i > 0 {
			continue
		}
		for _, minutes := range b.lengths {
			if minutes == c.minutes {
				continue
			}
			if err := b.contest(ctx, comparison{c.model, minutes}, overLengths(minutes <= c.minutes)); err != nil {
				return err
			}
		}
	}
	return errors.Join(b.contestOfSlots(ctx), b.contestOfClips(ctx))
}

// overLengths returns who is compared over lengths: of what is longer than the headline
// only whether our own cost grows in proportion, since a reference takes an hour for it.
func overLengths(reference bool) []string {
	if !reference {
		return []string{engine, service}
	}
	return []string{sequential, engine, service}
}

// contest has contenders transcribe the same recording, in turn.
func (b *bench) contest(ctx context.Context, c comparison, contenders []string) error {
	rec, err := b.recording(audio.FromDuration(time.Duration(c.minutes) * time.Minute))
	if err != nil {
		return err
	}
	for round := range b.rounds {
		for _, name := range contenders {
			f := figure{Contender: name, Model: c.model, Minutes: rec.Duration.Minutes(), Cores: b.cores, Round: round}
			text, err := b.measure(ctx, &f, rec.Path)
			if errors.Is(err, errNotInstalled) {
				b.report.note("%s is not installed: no figure of it.", name)
				continue
			}
			if err != nil {
				return err
			}
			f.score(text, rec)
			b.report.Figures = append(b.report.Figures, f)
		}
	}
	return nil
}

var errNotInstalled = errors.New("not installed")

// measure fills in f and returns the text.
func (b *bench) measure(ctx context.Context, f *figure, path string) (text string, err error) {
	o := order{
		Contender: f.Contender, Model: f.Model, ModelDir: b.models, Backend: b.backend,
		Recording: path, Cores: f.Cores, Threads: f.threads, Scratch: b.dir,
	}
	if err := b.report.say("%s: %s, %.3g min", f.Contender, f.Model, f.Minutes); err != nil {
		return "", err
	}
	if f.Load, err = loadAverage(); err != nil {
		return "", err
	}
	var a answer
	var peak int64
	switch f.Contender {
	case service:
		return b.measureService(ctx, f, path)
	case client:
		if b.client == "" {
			return "", errNotInstalled
		}
		a, peak, err = measureClient(ctx, b.client, o)
	default:
		a, peak, err = ask(ctx, o)
	}
	if err != nil {
		return "", err
	}
	f.usage = a.Runs[0]
	if a.Library.Whisper != "" {
		b.report.library(a)
	}
	return a.Text, f.beyond(peak, filepath.Join(b.models, fileOf(f.Model)))
}

// pollEvery is how often a long recording's transcription is polled.
const pollEvery = 100 * time.Millisecond

func (b *bench) measureService(ctx context.Context, f *figure, path string) (text string, err error) {
	if err := b.warmService(ctx, f.Model); err != nil {
		return "", err
	}
	worker, err := b.stack.pids("worker-*")
	if err != nil {
		return "", err
	}
	peak, err := peakMemory(ctx, worker, func() (err error) {
		text, f.usage, err = b.stack.transcribe(ctx, path, f.Model, pollEvery)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("transcribe end to end: %w", err)
	}
	return text, f.beyond(peak, filepath.Join(b.models, fileOf(f.Model)))
}

// warmService has the worker load a model and use every slot.
func (b *bench) warmService(ctx context.Context, model string) error {
	rec, err := b.recording(audio.Samples(b.cores) * clip * 6)
	if err != nil {
		return err
	}
	if _, _, err = b.stack.transcribe(ctx, rec.Path, model, pollEvery); err != nil {
		return fmt.Errorf("warm up: %w", err)
	}
	return nil
}

// recording returns the one of that length, which it makes when it is not there.
func (b *bench) recording(length audio.Samples) (recording, error) {
	if rec, ok := b.recordings[length]; ok {
		return rec, nil
	}
	path := filepath.Join(b.dir, fmt.Sprintf("speech-%d-%ds.wav", b.seed, length/audio.SampleRate))
	rec, err := compose(path, b.takes, length, b.seed)
	if err != nil {
		return rec, err
	}
	b.recordings[length] = rec
	b.report.recorded(rec)
	return rec, nil
}

// contestOfSlots measures how much faster more slots are, with a thread each: up
// to twice as many as there are cores.
func (b *bench) contestOfSlots(ctx context.Context) error {
	rec, err := b.recording(audio.FromDuration(time.Duration(b.slots) * time.Minute))
	if err != nil {
		return err
	}
	for _, n := range slotCounts(b.cores) {
		for round := range b.rounds {
			f := figure{
				Contender: engine, Model: b.compare[0].model, Minutes: rec.Duration.Minutes(),
				Cores: n, Round: round, threads: 1, Slots: n,
			}
			text, err := b.measure(ctx, &f, rec.Path)
			if err != nil {
				return err
			}
			f.score(text, rec)
			b.report.Figures = append(b.report.Figures, f)
		}
	}
	return nil
}

// slotCounts returns the powers of two up to twice the cores, and the cores.
func slotCounts(cores int) []int {
	counts := []int{cores}
	for n := 1; n <= 2*cores; n *= 2 {
		counts = append(counts, n)
	}
	slices.Sort(counts)
	return slices.Compact(counts)
}

// pollClip is how often the clip's transcription is polled: what it adds to the
// latency is half of it.
const pollClip = 10 * time.Millisecond

// contestOfClips measures how much longer a short recording takes than its decoding, half
// of which is measured before and half behind.
func (b *bench) contestOfClips(ctx context.Context) error {
	rec, err := b.recording(clip)
	if err != nil {
		return err
	}
	model := b.compare[0].model
	if err := b.warmService(ctx, model); err != nil {
		return err
	}
	if err := b.report.say("%s: %s, a clip of %.0f s, %d times", service, model, rec.Duration.Seconds(), b.clips); err != nil {
		return err
	}
	l := latency{Seconds: rec.Duration.Seconds(), Model: model}
	decode := func(times int) error {
		a, _, err := ask(ctx, order{
			Contender: engine, Model: model, ModelDir: b.models, Backend: b.backend,
			Recording: rec.Path, Cores: b.cores, Times: times, Scratch: b.dir,
		})
		l.Decoding = append(l.Decoding, a.Decoding...)
		return err
	}
	if err := decode(b.clips / 2); err != nil {
		return err
	}
	compressed, err := compress(ctx, rec.Path)
	if err != nil {
		return err
	}
	for range b.clips {
		for path, into := range map[string]*[]float64{rec.Path: &l.EndToEnd, compressed: &l.Compressed} {
			_, u, err := b.stack.transcribe(ctx, path, model, pollClip)
			if err != nil {
				return err
			}
			*into = append(*into, u.Wall)
		}
	}
	if err := decode(b.clips - b.clips/2); err != nil {
		return err
	}
	b.report.Latency = l
	return nil
}

// compress returns a file beside that at path with the same sound as AAC.
func compress(ctx context.Context, path string) (string, error) {
	to := strings.TrimSuffix(path, filepath.Ext(path)) + ".m4a"
	out, err := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-nostdin", "-y", "-i", path, "-c:a", "aac", "-b:a", "64k", to).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("compress %s: %w\n%s", path, err, out)
	}
	return to, nil
}
