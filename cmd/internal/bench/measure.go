package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/whisper"
	"github.com/turboscribe/turboscribe/internal/whisper/reference"
)

// The contenders.
const (
	sequential = "bindings, sequential"
	parallel   = "bindings, split"
	client     = "whisper-cli"
	engine     = "engine"
	unpacked   = "engine, unpacked"
	service    = "end to end"
)

// order is what a process of this program has to measure. Each has a process of
// its own, so that memory and time are its own, too.
type order struct {
	Contender string
	Model     string // name
	ModelDir  string
	Backend   string
	Recording string
	Cores     int // threads, processors or slots
	Threads   int // of each slot; 0: as a worker chooses
	Times     int
	Scratch   string
}

// answer is what it found.
type answer struct {
	Runs     []usage
	Decoding []float64 // seconds; of the engine only
	Text     string
	Library  reference.Library
	Kernels  string // file name of the CPU backend in use
}

// warmth is how much of a recording is decoded before it is measured, so that
// loading and first use are not.
const warmth = 2 * audio.SampleRate

// ask has a process carry out o and returns its answer and its peak memory.
func ask(ctx context.Context, o order) (a answer, peak int64, err error) {
	program, err := os.Executable()
	if err != nil {
		return a, 0, fmt.Errorf("find this program: %w", err)
	}
	question, err := json.Marshal(o)
	if err != nil {
		return a, 0, err
	}
	var out, complaints bytes.Buffer
	cmd := exec.CommandContext(ctx, program, measureCommand)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(question), &out, &complaints
	if err := cmd.Start(); err != nil {
		return a, 0, err
	}
	peak, err = peakMemory(ctx, []int{cmd.Process.Pid}, cmd.Wait)
	if err == nil {
		err = json.Unmarshal(out.Bytes(), &a)
	}
	if err != nil {
		err = fmt.Errorf("measure %s with %s: %w\n%s", o.Contender, o.Model, err, tail(complaints.String()))
	}
	return a, peak, err
}

// tail returns the last lines of a text.
func tail(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-8):], "\n")
}

// obey reads an order, carries it out and writes the answer.
func obey(ctx context.Context, in io.Reader, out io.Writer) error {
	var o order
	if err := json.NewDecoder(in).Decode(&o); err != nil {
		return fmt.Errorf("read an order: %w", err)
	}
	measure := measureReference
	if o.Contender == engine || o.Contender == unpacked {
		measure = measureEngine
	}
	a, err := measure(ctx, o)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(a)
}

// timed calls f as often as the order says.
func (o order) timed(a *answer, f func() (string, error)) error {
	for range max(1, o.Times) {
		watch, err := startWatch(os.Getpid())
		if err != nil {
			return err
		}
		if a.Text, err = f(); err != nil {
			return err
		}
		u, err := watch.stop()
		if err != nil {
			return err
		}
		a.Runs = append(a.Runs, u)
	}
	return nil
}

func measureReference(ctx context.Context, o order) (a answer, err error) {
	ro := reference.Options{Model: filepath.Join(o.ModelDir, fileOf(o.Model)), BackendDir: o.Backend, Threads: o.Cores, Processors: 1}
	if o.Contender == parallel {
		ro.Threads, ro.Processors = 1, o.Cores
	}
	d, err := reference.Open(ctx, ro)
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	samples, err := readSamples(o.Recording)
	if err != nil {
		return a, err
	}
	if _, err := d.Decode(samples[:min(warmth*audio.Samples(ro.Processors), audio.Samples(len(samples)))]); err != nil {
		return a, fmt.Errorf("warm up: %w", err)
	}
	err = o.timed(&a, func() (string, error) { return d.Decode(samples) })
	a.Library, a.Kernels = d.Library(), kernels()
	return a, err
}

func measureEngine(ctx context.Context, o order) (a answer, err error) {
	eo := whisper.Options{ModelDir: o.ModelDir, BackendDir: o.Backend, Slots: o.Cores, Threads: o.Threads, Isolated: true}
	if o.Contender == unpacked {
		eo.Weights = whisper.FileWeights
	}
	e, err := whisper.Open(ctx, eo)
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	if err := warmUp(ctx, e, o.Model); err != nil {
		return a, fmt.Errorf("warm up: %w", err)
	}
	dir, err := os.MkdirTemp(o.Scratch, "chunks-")
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	w := &workbench{engine: e, dir: dir, path: o.Recording}
	err = o.timed(&a, func() (string, error) {
		text, decoding, err := w.transcribe(ctx, o.Model)
		a.Decoding = append(a.Decoding, decoding.Seconds())
		return text, err
	})
	return a, err
}

// warmUp loads the model and gives every slot something to do.
func warmUp(ctx context.Context, e *whisper.Engine, model string) error {
	g, ctx := errgroup.WithContext(ctx)
	for range e.Slots() {
		g.Go(func() error {
			_, err := e.Decode(ctx, model, pipeline.DecodeOptions{}, make([]int16, warmth))
			return err
		})
	}
	return g.Wait()
}

// measureClient runs whisper-cli, whose time includes that to load the model and
// to read the recording.
func measureClient(ctx context.Context, path string, o order) (a answer, peak int64, err error) {
	model := filepath.Join(o.ModelDir, fileOf(o.Model))
	cmd := exec.CommandContext(ctx, path, "-m", model, "-f", o.Recording, "-t", strconv.Itoa(o.Cores), "-mc", "0", "-np")
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	before, err := machineCPU()
	if err != nil {
		return a, 0, err
	}
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return a, 0, err
	}
	peak, err = peakMemory(ctx, []int{cmd.Process.Pid}, cmd.Wait)
	u := usage{Wall: time.Since(begun).Seconds()}
	if err != nil {
		return a, 0, fmt.Errorf("run %s: %w\n%s", path, err, tail(complaints.String()))
	}
	after, err := machineCPU()
	u.CPU = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	u.Others = max(0, after-before-u.CPU) / (u.Wall * float64(o.Cores))
	return answer{Runs: []usage{u}, Text: spoken(out.String())}, peak, err
}

// spoken returns what whisper-cli prints behind the times in brackets.
func spoken(out string) string {
	var texts []string
	for line := range strings.Lines(out) {
		if _, text, ok := strings.Cut(line, "]"); ok && strings.HasPrefix(line, "[") {
			texts = append(texts, strings.TrimSpace(text))
		}
	}
	return strings.Join(texts, " ")
}

// fileOf returns the file name of a model.
func fileOf(model string) string {
	m, err := transcription.FindModel(model)
	if err != nil {
		return model
	}
	return m.File
}

// readSamples reads a recording made by compose, as the bindings want it.
func readSamples(path string) ([]float32, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pcm := audio.Decode(b[min(headerSize, len(b)):])
	samples := make([]float32, len(pcm))
	for i, s := range pcm {
		samples[i] = float32(s) / 32768
	}
	return samples, nil
}

// kernels returns the file of the CPU backend that this process has loaded: ggml
// chooses among several. It is empty where the backend is linked in.
func kernels() string {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(maps)) {
		if name := filepath.Base(strings.TrimSpace(line)); strings.HasPrefix(name, "libggml-cpu") {
			return name
		}
	}
	return ""
}
