package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"
)

// table lays rows out as Markdown that can also be read as it is. The first column
// is text, the others are numbers.
func table(head []string, rows [][]string) string {
	width := make([]int, len(head))
	for _, row := range append([][]string{head}, rows...) {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell), 4)
		}
	}
	var b strings.Builder
	line := func(row []string) {
		for i, cell := range row {
			space := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				cell += space
			} else {
				cell = space + cell
			}
			b.WriteString("| " + cell + " ")
		}
		b.WriteString("|\n")
	}
	line(head)
	for i, w := range width {
		if i == 0 {
			b.WriteString("|" + strings.Repeat("-", w+2))
		} else {
			b.WriteString("|" + strings.Repeat("-", w+1) + ":")
		}
	}
	b.WriteString("|\n")
	for _, row := range rows {
		line(row)
	}
	return b.String()
}

// text is the whole report for people.
func (r *report) text() string {
	var b strings.Builder
	section := func(title, body string) {
		if body != "" {
			fmt.Fprintf(&b, "### %s\n%s\n", title, body)
		}
	}
	section("What was measured", r.conditions())
	section("Targets", r.targetTable())
	for _, c := range r.comparisons() {
		section(fmt.Sprintf("%s, %d minutes, %d cores", c.model, c.minutes, r.Machine.Cores), r.comparisonTable(c))
	}
	section("Length", r.lengthTable())
	section("Slots", r.slotTable())
	section("A short clip", r.latencyTable())
	return b.String()
}

func (r *report) conditions() string {
	m, v := r.Machine, r.Versions
	var silence []string
	for _, rec := range r.Recordings {
		silence = append(silence, fmt.Sprintf("%.3g min: %.0f %%", rec.Minutes, 100*rec.Silence))
	}
	lines := []string{
		fmt.Sprintf("%s, mode %s, seed %d, in %.0f s", r.Started.Format("2006-01-02 15:04 UTC"), r.Mode, r.Seed, r.Took),
		fmt.Sprintf("%s, %d cores, %.1f GiB of memory, %s; load before: %.2f", m.CPU, m.Cores, float64(m.Memory)/(1<<30), m.System, m.Load),
		fmt.Sprintf("TurboScribe %s, whisper.cpp %s, ggml %s (%s), %s", v.Program, v.Whisper, v.GGML, m.Kernels, v.Go),
		"silence in the recordings: " + strings.Join(silence, ", "),
	}
	return "- " + strings.Join(append(lines, r.Notes...), "\n- ") + "\n"
}

func (r *report) targetTable() string {
	var rows [][]string
	for _, t := range r.Targets {
		met := "met"
		if !t.Met {
			met = "missed"
		}
		rows = append(rows, []string{t.Name, number(t.Value), "≤ " + number(t.Limit), met})
	}
	return table([]string{"", "value", "limit", ""}, rows)
}

// comparisons returns those that all contenders were part of, in order.
func (r *report) comparisons() (found []comparison) {
	for _, f := range r.Figures {
		if f.Contender == parallel && f.Round == 0 {
			found = append(found, comparison{f.Model, int(f.Minutes)})
		}
	}
	return found
}

func (r *report) comparisonTable(c comparison) string {
	var rows [][]string
	for _, name := range []string{sequential, parallel, client, unpacked, engine, service} {
		figures := r.find(name, c)
		if len(figures) == 0 {
			rows = append(rows, []string{name, "not installed", "", "", "", "", "", "", ""})
			continue
		}
		errors := "–"
		if rate, ok := r.errors(name, c); ok {
			errors = fmt.Sprintf("%.2f %%", 100*rate)
		}
		of := func(value func(figure) float64) float64 { return medianOf(figures, value) }
		rows = append(rows, []string{
			name, spread(figures), number(of(func(f figure) float64 { return f.Speed })),
			number(r.ratio(name, sequential, c)), number(r.toBest(name, c)),
			number(of(func(f figure) float64 { return f.CPU })), errors,
			fmt.Sprintf("%.0f", of(func(f figure) float64 { return float64(f.Memory) / (1 << 20) })),
			fmt.Sprintf("%.0f %%", 100*of(func(f figure) float64 { return f.Others })),
		})
	}
	return table([]string{"", "wall s", "× real time", "÷ sequential", "÷ best reference", "CPU s", "word errors", "memory MiB", "others"}, rows)
}

// spread returns the median wall time, and between which the rounds were.
func spread(figures []figure) string {
	if len(figures) == 0 {
		return "–"
	}
	least, most := figures[0].Wall, figures[0].Wall
	for _, f := range figures {
		least, most = min(least, f.Wall), max(most, f.Wall)
	}
	middle := number(medianOf(figures, func(f figure) float64 { return f.Wall }))
	if len(figures) == 1 {
		return middle
	}
	return fmt.Sprintf("%s (%s–%s)", middle, number(least), number(most))
}

func (r *report) lengthTable() string {
	var rows [][]string
	for _, minutes := range r.lengths() {
		c := comparison{r.headline.model, minutes}
		row := []string{strconv.Itoa(minutes)}
		for _, name := range []string{sequential, engine, service} {
			row = append(row, spread(r.find(name, c)))
		}
		figures := r.find(service, c)
		wall := medianOf(figures, func(f figure) float64 { return f.Wall })
		row = append(row, number(wall/float64(minutes)), number(r.ratio(service, sequential, c)),
			fmt.Sprintf("%.0f", medianOf(figures, func(f figure) float64 { return float64(f.Memory) / (1 << 20) })))
		rows = append(rows, row)
	}
	return table([]string{
		"minutes", "sequential s", "engine s", "end to end s", "end to end s / min", "÷ sequential", "worker's memory MiB",
	}, rows)
}

func (r *report) slotTable() string {
	var rows [][]string
	var base float64
	for _, slots := range r.slotCounts() {
		figures := r.ofSlots(slots)
		speed := medianOf(figures, func(f figure) float64 { return f.Speed })
		if base == 0 {
			base = speed
		}
		rows = append(rows, []string{strconv.Itoa(slots), spread(figures), number(speed), number(speed / base)})
	}
	return table([]string{"slots of one thread", "wall s", "× real time", "× the first"}, rows)
}

// ofSlots returns the figures of so many slots.
func (r *report) ofSlots(n int) (found []figure) {
	for _, f := range r.Figures {
		if f.Slots == n && n > 0 {
			found = append(found, f)
		}
	}
	return found
}

// slotCounts returns the numbers of slots that were compared, in order.
func (r *report) slotCounts() (counts []int) {
	for _, f := range r.Figures {
		if f.Slots > 0 && f.Round == 0 {
			counts = append(counts, f.Slots)
		}
	}
	return counts
}

func (r *report) latencyTable() string {
	l := r.Latency
	row := func(name string, values []float64) []string {
		if len(values) == 0 {
			return []string{name, "", "", ""}
		}
		return []string{name, number(1000 * median(values)), number(1000 * quantile(values, 0.1)), number(1000 * quantile(values, 0.9))}
	}
	rows := [][]string{
		row("upload to completed, WAV", l.EndToEnd), row("upload to completed, AAC", l.Compressed), row("decoding", l.Decoding),
		{"WAV above decoding", number(1000 * l.overhead()), "", ""},
		{"AAC above decoding", number(1000 * (median(l.Compressed) - median(l.Decoding))), "", ""},
	}
	return table([]string{fmt.Sprintf("%.0f s, %d times", l.Seconds, len(l.EndToEnd)), "median ms", "10 % below", "90 % below"}, rows)
}

// number writes three digits that matter.
func number(v float64) string {
	switch {
	case v == 0:
		return "–"
	case v >= 100 || v <= -100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10 || v <= -10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

// The generated part of the page stands between these lines.
const (
	partBegins = "<!-- written by make bench REPORT=1 -->\n"
	partEnds   = "<!-- end -->\n"
)

// rewrite puts text into the page in place of what is there.
func rewrite(page, text string) error {
	b, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, begins := bytes.Cut(b, []byte(partBegins))
	_, after, ends := bytes.Cut(rest, []byte(partEnds))
	if !begins || !ends {
		return fmt.Errorf("%s has no place for the report between %q and %q", page, partBegins, partEnds)
	}
	b = bytes.Join([][]byte{before, []byte(partBegins), []byte(text), []byte(partEnds), after}, nil)
	return os.WriteFile(page, b, 0o644)
}
