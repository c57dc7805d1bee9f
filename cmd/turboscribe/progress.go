package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// barSteps is how finely a bar moves.
const barSteps = 1000

// Where there is no terminal to draw a bar on, another line is written of a stage when it has
// gone so far, in so long. What is short is done before.
const (
	lineEvery = 0.1
	lineAfter = 2 * time.Second
)

// meter shows how far one thing is: as a bar on a terminal, elsewhere as a line
// now and then. It never goes back.
type meter struct {
	w     io.Writer
	name  string
	after time.Duration // between lines of a stage

	mu    sync.Mutex               // an upload reports from the goroutine that sends it
	bar   *progressbar.ProgressBar // nil without a terminal
	stage string
	best  float64
	lined float64 // where the last line was written
	at    time.Time
	ended bool
}

// meter returns one for the thing of that name.
func (a *app) meter(name string) *meter {
	m := newLineMeter(a.stderr, name)
	m.after = a.lineAfter
	if _, ok := terminal(a.stderr); ok {
		m.bar = progressbar.NewOptions(barSteps, progressbar.OptionSetWriter(a.stderr), progressbar.OptionSetWidth(28),
			progressbar.OptionThrottle(80*time.Millisecond), progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false),
			progressbar.OptionClearOnFinish(), progressbar.OptionUseANSICodes(true), progressbar.OptionFullWidth())
	}
	return m
}

// newLineMeter returns a meter that writes lines, on a terminal too.
func newLineMeter(w io.Writer, name string) *meter { return &meter{w: w, name: inline(name)} }

// show tells the stage and how much of the whole is done, 0–1. Note is shown
// behind the stage, such as the time that is left.
func (m *meter) show(stage string, done float64, note string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended {
		return
	}
	m.best = max(m.best, min(done, 1))
	text := inline(stage)
	if note != "" {
		text += ", " + note
	}
	if m.bar != nil {
		_ = m.bar.Set(min(int(m.best*barSteps), barSteps-1)) // full would be finished; a bar that cannot be drawn is no failure
		m.bar.Describe(m.name + ": " + text)                 // draws at once, so it comes last
		return
	}
	if stage == m.stage && !m.due() {
		return
	}
	m.stage, m.lined, m.at = stage, m.best, time.Now()
	m.line(text)
}

// due reports whether there is something new to say of a stage. That it is complete is not: the
// next stage says so, or what is done then.
func (m *meter) due() bool {
	return m.best < 1 && m.best >= m.lined+lineEvery && time.Since(m.at) >= m.after
}

func (m *meter) line(text string) {
	if m.best > 0 {
		text = fmt.Sprintf("%s %.0f%%", text, m.best*100)
	}
	_, _ = fmt.Fprintf(m.w, "%s: %s\n", m.name, text)
}

// clear takes the bar away, so that a line can be written.
func (m *meter) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.bar != nil {
		_ = m.bar.Clear() // a bar that cannot be drawn is no failure
	}
}

// end takes the bar away for good.
func (m *meter) end() {
	m.clear()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended = true
}

// bytesText returns a size for people.
func bytesText(n int64) string {
	const unit = 1000
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, prefix := float64(n)/unit, 0
	for value >= unit && prefix < 4 {
		value /= unit
		prefix++
	}
	return fmt.Sprintf("%.1f %cB", value, "kMGTP"[prefix])
}

// secondsText returns a length of time for people, as 1:02:03 or 2:03.
func secondsText(s float64) string {
	whole := int(s + 0.5)
	if whole >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", whole/3600, whole/60%60, whole%60)
	}
	return fmt.Sprintf("%d:%02d", whole/60, whole%60)
}
