package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// figure is one measurement: a contender, a model and a recording, once.
type figure struct {
	Contender string  `json:"contender"`
	Model     string  `json:"model"`
	Minutes   float64 `json:"minutes"`
	Cores     int     `json:"cores"`
	Slots     int     `json:"slots,omitempty"` // set where slots are compared, with a thread each
	Round     int     `json:"round"`
	Load      float64 `json:"loadBefore"`
	usage
	Speed  float64  `json:"speed"`                   // seconds of sound for each second
	Errors *float64 `json:"wordErrorRate,omitempty"` // missing where the model says nothing real
	Memory int64    `json:"memoryBeyondModelBytes"`  // peak resident set, without the model file's size

	threads int
}

// score compares the text with what is said, when the model can say it.
func (f *figure) score(text string, rec recording) {
	f.Speed = rec.Duration.Seconds() / f.Wall
	want := words(rec.Text)
	if scripted(f.Model) || len(want) == 0 {
		return
	}
	rate := float64(wordErrors(words(text), want)) / float64(len(want))
	f.Errors = &rate
}

// scripted reports whether a model of that name was made here.
func scripted(model string) bool {
	return slices.ContainsFunc(geometries, func(g geometry) bool { return g.name == model })
}

// beyond records the peak memory without the model.
func (f *figure) beyond(peak int64, model string) error {
	info, err := os.Stat(model)
	if err != nil {
		return err
	}
	f.Memory = max(0, peak-info.Size())
	return nil
}

// latency is that of the clip, in seconds.
type latency struct {
	Seconds    float64   `json:"clipSeconds"`
	Model      string    `json:"model"`
	EndToEnd   []float64 `json:"endToEndSeconds"`   // as 16 kHz WAV
	Compressed []float64 `json:"compressedSeconds"` // as AAC, which ffmpeg has to decode
	Decoding   []float64 `json:"decodingSeconds"`   // by the engine
}

// overhead is the median of what is not decoding.
func (l latency) overhead() float64 { return median(l.EndToEnd) - median(l.Decoding) }

// material is what is known of a recording.
type material struct {
	Minutes float64 `json:"minutes"`
	Silence float64 `json:"silenceShare"`
	Words   int     `json:"words"`
}

// report is everything that was measured.
type report struct {
	Started    time.Time  `json:"started"`
	Took       float64    `json:"tookSeconds"`
	Mode       string     `json:"mode"`
	Seed       uint64     `json:"seed"`
	Versions   versions   `json:"versions"`
	Machine    machine    `json:"machine"`
	Notes      []string   `json:"notes"`
	Recordings []material `json:"recordings"`
	Figures    []figure   `json:"figures"`
	Latency    latency    `json:"latency"`
	Targets    []target   `json:"targets"`

	headline comparison // decides about the targets
	log      io.Writer  // for progress
}

// library records what is linked, as a reference tells it.
func (r *report) library(a answer) {
	r.Versions.Whisper, r.Versions.GGML = a.Library.Whisper, a.Library.GGML
	r.Machine.Kernels, r.Machine.Features = a.Kernels, a.Library.Features
}

func (r *report) recorded(rec recording) {
	r.Recordings = append(r.Recordings, material{rec.Duration.Minutes(), rec.Silence, len(words(rec.Text))})
}

// note adds a remark once.
func (r *report) note(format string, args ...any) {
	if n := fmt.Sprintf(format, args...); !slices.Contains(r.Notes, n) {
		r.Notes = append(r.Notes, n)
	}
}

// say tells whoever waits what is going on.
func (r *report) say(format string, args ...any) error {
	_, err := fmt.Fprintf(r.log, format+"\n", args...)
	return err
}

// tolerable is the share of a machine that others may take without spoiling a
// figure.
const tolerable = 0.05

// finish adds what follows from the figures.
func (r *report) finish(took time.Duration) {
	r.Took = took.Seconds()
	r.Targets = r.targets()
	var worst float64
	disturbed := 0
	for _, f := range r.Figures {
		worst = max(worst, f.Others)
		if f.Others > tolerable {
			disturbed++
		}
	}
	if disturbed > 0 {
		r.note("The machine was not quiet: other processes, or other guests of its host, took more than %.0f %% of the cores "+
			"during %d of %d measurements, %.0f %% at worst. Do not rely on these figures.", 100*tolerable, disturbed, len(r.Figures), 100*worst)
	}
	slices.SortFunc(r.Recordings, func(a, b material) int { return cmp.Compare(a.Minutes, b.Minutes) })
}

// find returns the figures of a contender with a model and a length, by round.
// Those of the comparison of slots are no part of it.
func (r *report) find(contender string, c comparison) (found []figure) {
	for _, f := range r.Figures {
		if f.Contender == contender && f.Model == c.model && f.Minutes == float64(c.minutes) && f.Slots == 0 {
			found = append(found, f)
		}
	}
	return found
}

// ratio returns how long a contender takes in proportion to another: the median
// over the rounds, within each of which the two are compared; 0 when one of them
// was not measured.
func (r *report) ratio(contender, other string, c comparison) float64 {
	a, b := r.find(contender, c), r.find(other, c)
	var ratios []float64
	for i := range min(len(a), len(b)) {
		ratios = append(ratios, a[i].Wall/b[i].Wall)
	}
	return median(ratios)
}

// references are what we are compared with.
var references = []string{sequential, parallel, client}

// toBest is ratio to the fastest reference.
func (r *report) toBest(contender string, c comparison) (worst float64) {
	for _, ref := range references {
		worst = max(worst, r.ratio(contender, ref, c))
	}
	return worst
}

// errors returns the word error rate, and false where there is none.
func (r *report) errors(contender string, c comparison) (float64, bool) {
	var rates []float64
	for _, f := range r.find(contender, c) {
		if f.Errors != nil {
			rates = append(rates, *f.Errors)
		}
	}
	return median(rates), len(rates) > 0
}

// target is something that was promised.
type target struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Limit float64 `json:"limit"`
	Met   bool    `json:"met"`
}

func (r *report) targets() (all []target) {
	add := func(name string, value, limit float64) {
		all = append(all, target{name, value, limit, value <= limit})
	}
	// A proportion to what was not measured is 0, and nothing that was reached.
	proportion := func(name string, value, limit float64) {
		if value > 0 {
			add(name, value, limit)
		}
	}
	c := r.headline
	for _, ours := range []string{engine, service} {
		proportion(fmt.Sprintf("%s, %d min: wall time in proportion to the bindings, sequential", ours, c.minutes), r.ratio(ours, sequential, c), 0.65)
		proportion(fmt.Sprintf("%s, %d min: wall time in proportion to the best reference", ours, c.minutes), r.toBest(ours, c), 0.95)
		rate, ok := r.errors(ours, c)
		theirs, theyToo := r.errors(sequential, c)
		if ok && theyToo {
			add(fmt.Sprintf("%s, %d min: word error rate above the bindings', sequential, points", ours, c.minutes), 100*(rate-theirs), 0.3)
		}
	}
	add(fmt.Sprintf("clip of %.0f s, WAV: upload to completed above its decoding, median of %d, ms", r.Latency.Seconds, len(r.Latency.EndToEnd)),
		1000*r.Latency.overhead(), 150)
	lengths := r.lengths()
	short, long := lengths[0], lengths[len(lengths)-1]
	perMinute := func(minutes int) float64 {
		return medianOf(r.find(service, comparison{c.model, minutes}), func(f figure) float64 { return f.Wall }) / float64(minutes)
	}
	add(fmt.Sprintf("end to end: cost of a minute at %d min in proportion to %d min", long, short), perMinute(long)/perMinute(short), 1.15)
	memory := medianOf(r.find(service, comparison{c.model, long}), func(f figure) float64 { return float64(f.Memory) })
	add(fmt.Sprintf("end to end: memory of the worker beyond the model at %d min, MiB", long), memory/(1<<20), 300)
	return all
}

// lengths returns the lengths, in minutes, that the first model was measured end
// to end with.
func (r *report) lengths() (minutes []int) {
	for _, f := range r.Figures {
		if f.Contender == service && f.Model == r.headline.model {
			minutes = append(minutes, int(f.Minutes))
		}
	}
	slices.Sort(minutes)
	return slices.Compact(minutes)
}

// median returns the middle one, or the mean of the two in the middle; 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// quantile returns the value that share p of the others is below.
func quantile(values []float64, p float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(math.Round(p*float64(len(sorted)-1)))]
}

func medianOf(figures []figure, value func(figure) float64) float64 {
	values := make([]float64, len(figures))
	for i, f := range figures {
		values[i] = value(f)
	}
	return median(values)
}

// publish writes the report below dir and its tables to out, and to the
// documentation when docs says where that is.
func (r *report) publish(dir, docs string, out io.Writer) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	b = append(b, '\n')
	text := r.text()
	err = errors.Join(
		os.WriteFile(filepath.Join(dir, "report.json"), b, 0o600),
		os.WriteFile(filepath.Join(dir, "report.md"), []byte(text), 0o600),
	)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(out, text); err != nil {
		return err
	}
	if docs == "" {
		return r.plots(dir)
	}
	pictures := filepath.Join(docs, "performance")
	if err := os.MkdirAll(pictures, 0o755); err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(pictures, "report.json"), b, 0o644),
		r.plots(pictures),
		rewrite(filepath.Join(docs, "performance.md"), text),
	)
}
