package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// sample is a report of two rounds, in which the machine was twice as busy in the
// second: the ratios are the same.
func sample() *report {
	rate := func(v float64) *float64 { return &v }
	r := &report{
		Started: time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC), Mode: "quick", headline: comparison{"demo.en", 30}, log: io.Discard,
		Machine: machine{CPU: "a CPU", Cores: 2}, Latency: latency{Seconds: 10, EndToEnd: []float64{1.1, 1.2, 1.3}, Compressed: []float64{1.2, 1.3, 1.4}, Decoding: []float64{1, 1, 1.1}},
	}
	for round, slow := range []float64{1, 2} {
		for _, f := range []figure{
			{Contender: sequential, Minutes: 30, usage: usage{Wall: 100}, Errors: rate(0.10)},
			{Contender: parallel, Minutes: 30, usage: usage{Wall: 80}, Errors: rate(0.12)},
			{Contender: engine, Minutes: 30, usage: usage{Wall: 50}, Errors: rate(0.09)},
			{Contender: service, Minutes: 30, usage: usage{Wall: 60}, Errors: rate(0.11), Memory: 200 << 20},
			{Contender: sequential, Minutes: 5, usage: usage{Wall: 20}},
			{Contender: engine, Minutes: 5, usage: usage{Wall: 9}},
			{Contender: service, Minutes: 5, usage: usage{Wall: 10}},
			{Contender: engine, Minutes: 60, usage: usage{Wall: 99}},
			{Contender: service, Minutes: 60, usage: usage{Wall: 120}, Memory: 210 << 20},
			{Contender: engine, Minutes: 10, Slots: 1, Speed: 10, usage: usage{Wall: 60}},
			{Contender: engine, Minutes: 10, Slots: 2, Speed: 18, usage: usage{Wall: 33}},
		} {
			f.Model, f.Round = "demo.en", round
			f.Wall *= slow
			r.Figures = append(r.Figures, f)
		}
	}
	return r
}

func TestReport_targets(t *testing.T) {
	t.Parallel()
	r := sample()
	r.finish(time.Minute)
	got := map[string]target{}
	for _, v := range r.Targets {
		v.Value = math.Round(v.Value*1000) / 1000
		name := v.Name
		v.Name = ""
		got[name] = v
	}
	want := map[string]target{
		"engine, 30 min: wall time in proportion to the bindings, sequential":         {"", 0.5, 0.65, true},
		"engine, 30 min: wall time in proportion to the best reference":               {"", 0.625, 0.95, true},
		"engine, 30 min: word error rate above the bindings', sequential, points":     {"", -1, 0.3, true},
		"end to end, 30 min: wall time in proportion to the bindings, sequential":     {"", 0.6, 0.65, true},
		"end to end, 30 min: wall time in proportion to the best reference":           {"", 0.75, 0.95, true},
		"end to end, 30 min: word error rate above the bindings', sequential, points": {"", 1, 0.3, false},
		"clip of 10 s, WAV: upload to completed above its decoding, median of 3, ms":  {"", 200, 150, false},
		"end to end: cost of a minute at 60 min in proportion to 5 min":               {"", 1, 1.15, true},
		"end to end: memory of the worker beyond the model at 60 min, MiB":            {"", 210, 300, true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("targets (-want +got)\n%s", diff)
	}
	if len(r.Notes) != 0 {
		t.Errorf("a quiet machine is complained about: %q", r.Notes)
	}
	r.Figures[3].Others = 0.5
	r.finish(time.Minute)
	if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "during 1 of 22 measurements, 50 % at worst") {
		t.Errorf("a busy machine: %q", r.Notes)
	}
}

// Without a reference nothing can be better than it. The proportion of what was not
// measured is 0, and once counted as a target that was met.
func TestReport_targets_withoutReference(t *testing.T) {
	t.Parallel()
	r := sample()
	r.Figures = slices.DeleteFunc(r.Figures, func(f figure) bool { return f.Contender == sequential || f.Contender == parallel })
	for _, v := range r.targets() {
		if strings.Contains(v.Name, "bindings") || strings.Contains(v.Name, "reference") {
			t.Errorf("%q is %v", v.Name, v.Value)
		}
	}
}

func TestReport_text(t *testing.T) {
	t.Parallel()
	r := sample()
	r.finish(time.Minute)
	text := r.text()
	for _, line := range []string{
		"| whisper-cli          |   not installed |",
		"| bindings, split      |  120 (80.0–160) |",
		"| 5       | 30.0 (20.0–40.0) |",
		"| 60      |                – |   148 (99.0–198) |",
		"| 2                   | 49.5 (33.0–66.0) |        18.0 |        1.80 |",
		"| WAV above decoding       |       200 |",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no line %q in\n%s", line, text)
		}
	}
}

// publish writes what people and programs read; the page keeps what stands around
// the report.
func TestReport_publish(t *testing.T) {
	t.Parallel()
	dir, docs := t.TempDir(), t.TempDir()
	page := filepath.Join(docs, "performance.md")
	if err := os.WriteFile(page, []byte("before\n"+partBegins+"old\n"+partEnds+"behind\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := sample()
	r.finish(time.Minute)
	var out bytes.Buffer
	if err := r.publish(dir, docs, &out); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if want := "before\n" + partBegins + out.String() + partEnds + "behind\n"; string(got) != want {
		t.Errorf("the page is\n%s", got)
	}
	b, err := os.ReadFile(filepath.Join(docs, "performance", "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	var again report
	if err := json.Unmarshal(b, &again); err != nil || len(again.Figures) != len(r.Figures) || again.Figures[0].Wall != 100 {
		t.Errorf("%v: %+v", err, again.Figures)
	}
	for name, texts := range map[string][]string{
		"slots.svg": {"measured", "slots, one thread each"}, "length.svg": {sequential, engine, service},
	} {
		svg, err := os.ReadFile(filepath.Join(docs, "performance", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			if !bytes.Contains(svg, []byte(text)) {
				t.Errorf("%s does not say %q", name, text)
			}
		}
		d := xml.NewDecoder(bytes.NewReader(svg))
		for err == nil {
			_, err = d.Token()
		}
		if !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRewrite_withoutPlace(t *testing.T) {
	t.Parallel()
	page := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(page, []byte("nothing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := rewrite(page, "text"); err == nil {
		t.Error("a page without a place for the report was rewritten")
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	got := table([]string{"", "wall s"}, [][]string{{"a – b", "1.00"}, {"c", "12345.67"}})
	want := "" +
		"|       |   wall s |\n" +
		"|-------|---------:|\n" +
		"| a – b |     1.00 |\n" +
		"| c     | 12345.67 |\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWordErrors(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		got, want string
		errors    int
	}{
		{"a b c", "a b c", 0},
		{"a x c", "a b c", 1},
		{"a c", "a b c", 1},
		{"a b b c", "a b c", 1},
		{"", "a b c", 3},
		{"a b", "", 2},
		{"A b. C", "a, b c", 0},
	} {
		if n := wordErrors(words(row.got), words(row.want)); n != row.errors {
			t.Errorf("from %q to %q: %d, want %d", row.got, row.want, n, row.errors)
		}
	}
}

func TestSpoken(t *testing.T) {
	t.Parallel()
	out := "\n[00:00:00.000 --> 00:00:02.000]   Hello there.\n[00:00:02.000 --> 00:00:03.000]  You [all].\n"
	if got := spoken(out); got != "Hello there. You [all]." {
		t.Errorf("got %q", got)
	}
}

func TestSlotCounts(t *testing.T) {
	t.Parallel()
	for cores, want := range map[int][]int{1: {1, 2}, 2: {1, 2, 4}, 6: {1, 2, 4, 6, 8}} {
		if diff := cmp.Diff(want, slotCounts(cores)); diff != "" {
			t.Errorf("%d cores (-want +got)\n%s", cores, diff)
		}
	}
}
