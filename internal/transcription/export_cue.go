package transcription

import (
	"math"
	"time"
)

// The rules of subtitles that can be read: two lines, neither flashing by nor
// staying on, slow enough to follow. The first two always hold; the others give
// way where speech is faster than reading.
const (
	maxCue       = 7 * time.Second
	minCue       = time.Second * 5 / 6
	readingSpeed = 20 * letterWidth // per second
	// turnPause is a silence after which a new thought begins.
	turnPause = 1500 * time.Millisecond
)

// Costs weigh one flaw of a subtitle against another; only their proportions
// matter.
const (
	costCue        = 8.0 // each cue: fewer is calmer
	costSecondLine = 2   // one line reads faster
	costInnerEnd   = 3   // a sentence ends inside the cue
	costInnerPause = 6   // the speaker pauses inside the cue
	costFlash      = 20  // shorter than minCue
	innerPause     = 600 * time.Millisecond
)

// cue is one subtitle. Start and End are whole milliseconds, End > Start, and
// never before the end of the cue before.
type cue struct {
	start, end time.Duration
	lines      []string
	speaker    string
}

// cues lays the text out as subtitles. With labels, the name of a speaker stands
// in front of each turn.
func cues(t *Transcription, labels bool) (found []cue) {
	all := tokens(t.Segments, labels)
	g := grammarOf(t.Language)
	for from := 0; from < len(all); {
		to := turnEnd(all, from)
		found = append(found, newTurn(all[from:to], roomAfter(all, to, t.Duration), g).cues()...)
		from = to
	}
	return timed(found, t.Duration)
}

// turnEnd returns where the stretch that begins at from ends: at a pause or
// where somebody else speaks.
func turnEnd(all []token, from int) int {
	to := from + 1
	for to < len(all) && all[to].speaker == all[from].speaker && all[to].start-all[to-1].end < turnPause {
		to++
	}
	return to
}

// roomAfter returns the time until which the last cue before all[to] may stay.
func roomAfter(all []token, to int, duration time.Duration) time.Duration {
	if to < len(all) {
		return all[to].start
	}
	return lastRoom(cue{start: all[to-1].start, end: all[to-1].end}, duration)
}

// turn is what one person says without a long pause. The sums make it cheap to
// weigh many cues over the same tokens.
type turn struct {
	tokens []token
	room   time.Duration // until the next turn begins
	breaks []float64     // cost of a line that ends behind a token
	wide   []int         // width of all tokens before one, spaces included
	inner  []float64     // cost of joining all tokens up to one in a cue
}

func newTurn(tokens []token, room time.Duration, g grammar) turn {
	n := len(tokens)
	t := turn{tokens: tokens, room: room, breaks: make([]float64, n), wide: make([]int, n+1), inner: make([]float64, n)}
	for i, tok := range tokens {
		t.wide[i+1] = t.wide[i] + tok.gap() + tok.width
		if i > 0 {
			t.breaks[i-1] = g.breakCost(tokens[i-1], tok)
			t.inner[i] = t.inner[i-1] + innerCost(tokens[i-1], tok)
		}
	}
	return t
}

// innerCost returns the cost of joining in one cue what had better be apart.
func innerCost(a, b token) (cost float64) {
	if endsSentence(a.text) {
		cost += costInnerEnd
	}
	if b.start-a.end > innerPause {
		cost += costInnerPause
	}
	return cost
}

// width returns how wide tokens i to j are on one line.
func (t turn) width(i, j int) int { return t.wide[j] - t.wide[i] - t.tokens[i].gap() }

// cues cuts the turn: of all ways to do it, the cheapest. best[i] is the least
// cost of the tokens from i on, next[i] the end of the first cue then.
func (t turn) cues() (found []cue) {
	n := len(t.tokens)
	best, next := make([]float64, n+1), make([]int, n)
	for i := n - 1; i >= 0; i-- {
		best[i] = math.Inf(1)
		upper := t.lineEnd(i)
		for j := i + 1; j <= n && t.fits(i, upper, j); j++ {
			if c := t.cost(i, j) + best[j]; c < best[i] {
				best[i], next[i] = c, j
			}
		}
	}
	for i := 0; i < n; i = next[i] {
		found = append(found, t.cue(i, next[i]))
	}
	return found
}

// lineEnd returns how far a line that begins with token i can reach.
func (t turn) lineEnd(i int) int {
	j := i + 1
	for j < len(t.tokens) && t.width(i, j+1) <= lineWidth {
		j++
	}
	return j
}

// fits reports whether tokens i to j may be one cue, whose upper line can reach
// to upper. A single token always may.
func (t turn) fits(i, upper, j int) bool {
	if j == i+1 {
		return true
	}
	if t.tokens[j-1].end-t.tokens[i].start > maxCue {
		return false
	}
	return j <= upper || t.width(upper, j) <= lineWidth
}

// cost returns how bad tokens i to j are as a cue.
func (t turn) cost(i, j int) float64 {
	last, room, wide := t.tokens[j-1], t.room, t.width(i, j)
	cost := costCue + t.inner[j-1] - t.inner[i]
	if j < len(t.tokens) {
		room = t.tokens[j].start
		cost += t.breaks[j-1] - pauseBonus(room-last.end)
	}
	if wide > lineWidth {
		cost += costSecondLine
	}
	stay := min(max(last.end, room)-t.tokens[i].start, maxCue)
	if stay < minCue {
		cost += costFlash
	}
	if tooFast := float64(wide)/max(stay.Seconds(), 0.1) - readingSpeed; tooFast > 0 {
		cost += tooFast / letterWidth
	}
	return cost
}

// pauseBonus makes it cheaper to break where the speaker pauses.
func pauseBonus(pause time.Duration) float64 { return min(max(pause.Seconds(), 0)*8, 8) }

// cue returns tokens i to j as a cue.
func (t turn) cue(i, j int) cue {
	c := cue{start: t.tokens[i].start, end: t.tokens[j-1].end, speaker: t.tokens[i].speaker}
	if k := t.split(i, j); k > i {
		c.lines = []string{joined(t.tokens[i:k]), joined(t.tokens[k:j])}
	} else {
		c.lines = []string{joined(t.tokens[i:j])}
	}
	return c
}

// split returns where the second line of a cue begins, i when one line is enough.
// The lines differ little, and the upper one is the shorter.
func (t turn) split(i, j int) int {
	if t.width(i, j) <= lineWidth {
		return i
	}
	best, at := math.Inf(1), i
	for k := i + 1; k < j; k++ {
		upper, lower := t.width(i, k), t.width(k, j)
		if upper > lineWidth || lower > lineWidth {
			continue
		}
		cost := t.breaks[k-1] + math.Abs(float64(upper-lower))/(3*letterWidth)
		if upper > lower {
			cost++
		}
		if cost < best {
			best, at = cost, k
		}
	}
	return at
}

// timed gives every cue its final times: whole milliseconds, ordered, without
// overlap, and long enough to be read where there is room.
func timed(all []cue, duration time.Duration) []cue {
	last := time.Duration(0)
	for i := range all {
		c := &all[i]
		c.start = max(c.start.Round(time.Millisecond), last)
		room := lastRoom(*c, duration)
		if i+1 < len(all) {
			room = all[i+1].start.Round(time.Millisecond)
		}
		c.end = max(c.start+time.Millisecond, min(c.start+stay(*c), room))
		last = c.end
	}
	return all
}

// lastRoom returns until when the last cue may stay: the end of the recording,
// or as long as it likes when that is not known.
func lastRoom(c cue, duration time.Duration) time.Duration {
	if duration <= 0 {
		return c.start + maxCue
	}
	return max(duration, c.end).Round(time.Millisecond)
}

// stay returns how long a cue wants to be seen.
func stay(c cue) time.Duration {
	wide := 0
	for _, l := range c.lines {
		wide += width(l)
	}
	reading := time.Duration(wide) * time.Second / readingSpeed
	spoken := c.end.Round(time.Millisecond) - c.start
	return min(max(spoken, reading.Round(time.Millisecond), minCue.Round(time.Millisecond)), maxCue)
}
