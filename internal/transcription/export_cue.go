package transcription

import (
	"math"
	"strings"
	"time"
)

// turnPause is a silence after which a new thought begins.
const turnPause = 1500 * time.Millisecond

// Costs weigh one flaw of a subtitle against another; only their proportions
// matter.
const (
	costCue        = 8.0 // each cue: fewer is calmer
	costMoreLines  = 2   // each line more: one reads faster
	costInnerEnd   = 3   // a sentence ends inside the cue
	costInnerPause = 6   // the speaker pauses inside the cue
	costFlash      = 20  // shorter than it should be
	innerPause     = 600 * time.Millisecond
)

// cue is one subtitle. Start and End are whole milliseconds, End > Start, and
// never before the end of the cue before.
type cue struct {
	start, end time.Duration
	lines      [][]token
	speaker    string
}

// text returns the lines of the cue, with line ends between them.
func (c cue) text() string {
	lines := make([]string, len(c.lines))
	for i, l := range c.lines {
		lines[i] = joined(l)
	}
	return strings.Join(lines, "\n")
}

// cues lays the text out as subtitles that keep the rules. With labels, the name of a
// speaker stands in front of each turn.
func cues(t *Transcription, rules CueRules, labels bool) (found []cue) {
	p := cuePlan{CueRules: rules.filled(), grammar: grammarOf(t.Language), duration: t.Duration}
	all := tokens(t.Segments, p.lineWidth(), labels)
	for from := 0; from < len(all); {
		to := turnEnd(all, from)
		found = append(found, p.newTurn(all[from:to], p.roomAfter(all, to)).cues()...)
		from = to
	}
	return p.timed(found)
}

// cuePlan is what the cues of a transcription have in common.
type cuePlan struct {
	CueRules
	grammar  grammar
	duration time.Duration
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
func (p cuePlan) roomAfter(all []token, to int) time.Duration {
	if to < len(all) {
		return all[to].start
	}
	return p.lastRoom(cue{start: all[to-1].start, end: all[to-1].end})
}

// turn is what one person says without a long pause. The sums make it cheap to
// weigh many cues over the same tokens.
type turn struct {
	cuePlan
	tokens []token
	room   time.Duration // until the next turn begins
	breaks []float64     // cost of a line that ends behind a token
	wide   []int         // width of all tokens before one, spaces included
	inner  []float64     // cost of joining all tokens up to one in a cue
	reach  []int         // how far a line that begins with a token may go
}

func (p cuePlan) newTurn(tokens []token, room time.Duration) turn {
	n := len(tokens)
	t := turn{cuePlan: p, tokens: tokens, room: room, breaks: make([]float64, n), wide: make([]int, n+1), inner: make([]float64, n), reach: make([]int, n)}
	for i, tok := range tokens {
		t.wide[i+1] = t.wide[i] + tok.gap() + tok.width
		if i > 0 {
			t.breaks[i-1] = p.grammar.breakCost(tokens[i-1], tok)
			t.inner[i] = t.inner[i-1] + innerCost(tokens[i-1], tok)
		}
	}
	for i := range t.reach {
		t.reach[i] = t.lineEnd(i)
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
		for j := i + 1; j <= n && t.fits(i, j); j++ {
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
	for j < len(t.tokens) && t.width(i, j+1) <= t.lineWidth() {
		j++
	}
	return j
}

// lineCount returns how many lines tokens i to j need at least.
func (t turn) lineCount(i, j int) (n int) {
	for ; i < j; i = t.reach[i] {
		n++
	}
	return n
}

// fits reports whether tokens i to j may be one cue. A single token always may.
func (t turn) fits(i, j int) bool {
	if j == i+1 {
		return true
	}
	return t.tokens[j-1].end-t.tokens[i].start <= t.MaxDuration && t.lineCount(i, j) <= t.MaxLines
}

// cost returns how bad tokens i to j are as a cue.
func (t turn) cost(i, j int) float64 {
	last, room, wide := t.tokens[j-1], t.room, t.width(i, j)
	cost := costCue + t.inner[j-1] - t.inner[i]
	if j < len(t.tokens) {
		room = t.tokens[j].start
		cost += t.breaks[j-1] - pauseBonus(room-last.end)
	}
	cost += float64(t.lineCount(i, j)-1) * costMoreLines
	stay := min(max(last.end, room)-t.tokens[i].start, t.MaxDuration)
	if stay < t.MinDuration {
		cost += costFlash
	}
	if tooFast := float64(wide)/letterWidth/max(stay.Seconds(), 0.1) - t.MaxCPS; tooFast > 0 {
		cost += tooFast
	}
	return cost
}

// pauseBonus makes it cheaper to break where the speaker pauses.
func pauseBonus(pause time.Duration) float64 { return min(max(pause.Seconds(), 0)*8, 8) }

// cue returns tokens i to j as a cue.
func (t turn) cue(i, j int) cue {
	c := cue{start: t.tokens[i].start, end: t.tokens[j-1].end, speaker: t.tokens[i].speaker}
	ends, _ := t.split(i, j, t.lineCount(i, j), 0)
	for _, end := range ends {
		c.lines = append(c.lines, t.tokens[i:end])
		i = end
	}
	return c
}

// split returns where the lines of a cue end that has n of them, the first one below a
// line of the width upper, and how bad that is. The lines differ little, and the upper
// ones are the shorter. Without any way to do it, there are no ends.
func (t turn) split(i, j, n, upper int) (ends []int, cost float64) {
	if n == 1 {
		if t.reach[i] < j {
			return nil, math.Inf(1)
		}
		return []int{j}, uneven(upper, t.width(i, j))
	}
	cost = math.Inf(1)
	for k := i + 1; k < j && k <= t.reach[i]; k++ {
		wide := t.width(i, k)
		rest, c := t.split(k, j, n-1, wide)
		if c += t.breaks[k-1] + uneven(upper, wide); c < cost {
			ends, cost = append([]int{k}, rest...), c
		}
	}
	return ends, cost
}

// uneven returns how bad a line of the width lower is below one of the width upper; 0 is
// none.
func uneven(upper, lower int) float64 {
	switch {
	case upper == 0:
		return 0
	case upper > lower:
		return 1 + float64(upper-lower)/(3*letterWidth)
	default:
		return float64(lower-upper) / (3 * letterWidth)
	}
}

// timed gives every cue its final times: whole milliseconds, ordered, without
// overlap, and long enough to be read where there is room.
func (p cuePlan) timed(all []cue) []cue {
	last := time.Duration(0)
	for i := range all {
		c := &all[i]
		c.start = max(c.start.Round(time.Millisecond), last)
		room := p.lastRoom(*c)
		if i+1 < len(all) {
			room = all[i+1].start.Round(time.Millisecond)
		}
		c.end = max(c.start+time.Millisecond, min(c.start+p.stay(*c), room))
		last = c.end
	}
	return all
}

// lastRoom returns until when the last cue may stay: the end of the recording,
// or as long as it likes when that is not known.
func (p cuePlan) lastRoom(c cue) time.Duration {
	if p.duration <= 0 {
		return c.start + p.MaxDuration
	}
	return max(p.duration, c.end).Round(time.Millisecond)
}

// stay returns how long a cue wants to be seen.
func (p cuePlan) stay(c cue) time.Duration {
	wide := 0
	for _, l := range c.lines {
		wide += width(joined(l))
	}
	reading := p.reading(wide).Round(time.Millisecond)
	spoken := c.end.Round(time.Millisecond) - c.start
	return min(max(spoken, reading, p.MinDuration.Round(time.Millisecond)), p.MaxDuration)
}
