package transcription

import (
	"encoding/json"
	"fmt"
	"html"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
)

// FuzzFormats gives the writers segments that no engine should make, and reads
// the files back with a parser that forgives nothing.
func FuzzFormats(f *testing.F) {
	for i, text := range hostileTexts {
		f.Add(uint64(i), text+" "+hostileTexts[(i+3)%len(hostileTexts)])
	}
	f.Add(uint64(82), "\xff\x7fNOTE x")
	f.Fuzz(func(t *testing.T, seed uint64, text string) {
		checkFormats(t, randomTranscription(rand.New(rand.NewPCG(seed, 1)), strings.SplitAfter(text, " ")))
	})
}

func TestFormats_random(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		checkFormats(t, randomTranscription(rand.New(rand.NewPCG(seed, 2)), hostileTexts))
	}
}

// TestFormats_ffmpeg lets a program that people use read the files: it has to
// find every cue at its time and to decode each.
func TestFormats_ffmpeg(t *testing.T) {
	t.Parallel()
	NeedProgram(t, "ffmpeg")
	NeedProgram(t, "ffprobe")
	for seed := range uint64(4) {
		tr := randomTranscription(rand.New(rand.NewPCG(seed, 3)), hostileTexts)
		tr.Segments = append(tr.Segments, lecture().Segments...) // ffmpeg refuses a file without cues
		for name, parse := range map[string]func(testing.TB, string) []parsedCue{"srt": parseSRT, "vtt": parseVTT} {
			t.Run(fmt.Sprintf("%s %d", name, seed), func(t *testing.T) {
				t.Parallel()
				text := export(t, mustFormat(t, name), tr)
				path := filepath.Join(t.TempDir(), "x."+name)
				if err := os.WriteFile(path, text, 0o600); err != nil {
					t.Fatal(err)
				}
				if out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-y", "-i", path, "-f", "ass", os.DevNull).CombinedOutput(); err != nil || len(out) > 0 {
					t.Errorf("ffmpeg: %v\n%s\n%s", err, out, text)
				}
				if got, want := ffprobe(t, path), parse(t, string(text)); !sameTimes(got, want) {
					t.Errorf("ffprobe reads %v, want %v in\n%s", got, want, text)
				}
			})
		}
	}
}

// TestCues_readable holds ordinary speech to the rules of subtitles.
func TestCues_readable(t *testing.T) {
	t.Parallel()
	for _, tr := range []*Transcription{interview(), lecture()} {
		for _, c := range cues(tr, CueRules{}, false) {
			stay := c.end - c.start
			chars := float64(len([]rune(c.text())))
			if stay < 800*time.Millisecond || chars/stay.Seconds() > 20.5 {
				t.Errorf("%q is shown for %v, %.1f characters a second", c.text(), stay, chars/stay.Seconds())
			}
			for l := range strings.SplitSeq(c.text(), "\n") {
				if last := l[strings.LastIndex(l, " ")+1:]; last == "the" || last == "a" || last == "of" {
					t.Errorf("a line ends with %q: %q", last, c.text())
				}
			}
		}
	}
}

var hostileTexts = []string{
	"hello world", "-->", "a --> b", "--", ">", "<b>", "</b>", "<v Bob>", "&amp;", "{\\an8}", "1\n\n2", "\r\n\r\n", "", " ", "\x00\x07", "\u2028",
	"00:00:01,000", "WEBVTT", "NOTE x", "😀👍🏽👨‍👩‍👧", "e\u0301a\u0300", "今天我们讨论语音识别系统的设计，首先要说明的是", "こんにちは。「はい」", "สวัสดีครับผมชื่อสมชายและผมชอบกินข้าวผัดมากที่สุดเลยครับ",
	"안녕하세요 여러분", "שלום עולם", "مرحبا بالعالم", "\xff\xfe", "\u00a0", "\u200b", "\ufeff", strings.Repeat("x", 200), strings.Repeat("\u200d😀", 60),
	"A long sentence, with several clauses and no end in sight, that goes on until nobody can follow it any more.", "Yes.", "No?", "\t", "42",
}

func randomTranscription(r *rand.Rand, texts []string) *Transcription {
	tr := &Transcription{Language: []string{"en", "de", "zh", "", "xx"}[r.IntN(5)], Duration: time.Duration(r.Int64N(int64(2 * time.Minute)))}
	at := time.Duration(0)
	for range r.IntN(30) {
		at += time.Duration(r.Int64N(int64(6*time.Second))) - time.Second
		tr.Segments = append(tr.Segments, randomSegment(r, texts, at))
	}
	return tr
}

func randomSegment(r *rand.Rand, texts []string, at time.Duration) Segment {
	s := Segment{Start: at, End: at + time.Duration(r.Int64N(int64(20*time.Second))) - time.Second, Speaker: []string{"", "Anna", "B --> <c>\n&"}[r.IntN(3)]}
	parts := make([]string, r.IntN(8))
	for i := range parts {
		parts[i] = texts[r.IntN(len(texts))]
	}
	s.Text = strings.Join(parts, " ")
	if r.IntN(2) == 0 {
		return s
	}
	for _, p := range parts {
		start := at + time.Duration(r.Int64N(int64(10*time.Second))) - 2*time.Second
		s.Words = append(s.Words, Word{Start: start, End: start + time.Duration(r.Int64N(int64(2*time.Second))) - time.Second/2, Text: p, Glued: r.IntN(4) == 0})
	}
	if r.IntN(4) == 0 {
		s.Text = ""
	}
	return s
}

func checkFormats(t testing.TB, tr *Transcription) {
	t.Helper()
	checkSubtitles(t, tr, CueRules{})
	txt := string(export(t, mustFormat(t, "txt"), tr))
	if got, want := letters(txt), letters(wantText(tr, true)); got != want {
		t.Fatalf("txt has %q, want %q", got, want)
	}
	checkSchema(t, export(t, mustFormat(t, "json"), tr))
}

func checkSubtitles(t testing.TB, tr *Transcription, rules CueRules) {
	t.Helper()
	srt := string(exportAs(t, mustFormat(t, "srt"), tr, Layout{Cues: rules}))
	checkCues(t, srt, parseSRT(t, srt), rules.filled(), letters(arrowless(wantText(tr, true))))
	vtt := string(exportAs(t, mustFormat(t, "vtt"), tr, Layout{Cues: rules}))
	checkCues(t, vtt, parseVTT(t, vtt), rules.filled(), letters(wantText(tr, false)))
	timed := string(exportAs(t, mustFormat(t, "vtt"), tr, Layout{Cues: rules, Highlight: true}))
	checkHighlight(t, timed, vtt)
}

// checkHighlight checks that the times of words only rise inside their cues, and that
// without them the file is the one without highlighting.
func checkHighlight(t testing.TB, timed, bare string) {
	t.Helper()
	var last int
	for line := range strings.SplitSeq(timed, "\n") {
		if m := vttTimes.FindStringSubmatch(line); m != nil {
			last = millis(t, m[1:5])
			continue
		}
		for _, m := range vttTime.FindAllStringSubmatch(line, -1) {
			at := millis(t, m[1:])
			if at <= last {
				t.Fatalf("%d ms after %d ms in %q", at, last, line)
			}
			last = at
		}
	}
	// What would begin a block is told apart by a word joiner, unless a time is before it.
	if got, want := strings.ReplaceAll(vttTime.ReplaceAllString(timed, ""), "\u2060", ""), strings.ReplaceAll(bare, "\u2060", ""); got != want {
		t.Fatalf("without its times, the file is\n%s\nwant\n%s", got, want)
	}
}

// TestFormats_rules holds subtitles to limits that somebody may ask for.
func TestFormats_rules(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 4))
		checkSubtitles(t, randomTranscription(r, hostileTexts), CueRules{
			MaxChars: 10 + r.IntN(60), MaxLines: 1 + r.IntN(3), MaxCPS: 5 + 40*r.Float64(),
			MinDuration: time.Duration(100+r.IntN(900)) * time.Millisecond, MaxDuration: time.Duration(1000+r.IntN(9000)) * time.Millisecond,
		})
	}
}

// wantText returns all text in order; with labels, the name where a speaker
// takes the turn.
func wantText(tr *Transcription, labels bool) string {
	sorted := slices.Clone(tr.Segments)
	slices.SortStableFunc(sorted, func(a, b Segment) int { return int(a.Start - b.Start) })
	var b strings.Builder
	speaker := ""
	for _, s := range sorted {
		text := s.Text
		if blank(text) {
			text = wordsText(s)
		}
		if blank(text) {
			continue
		}
		if labels && s.Speaker != "" && s.Speaker != speaker {
			b.WriteString(s.Speaker + ":")
		}
		speaker = s.Speaker
		b.WriteString(strings.ToValidUTF8(text, "\uFFFD"))
	}
	return b.String()
}

func wordsText(s Segment) string {
	var b strings.Builder
	for _, w := range s.Words {
		b.WriteString(strings.ToValidUTF8(w.Text, "\uFFFD"))
	}
	return b.String()
}

// letters returns s without spaces, controls, invisible marks and broken bytes.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || unicode.IsSpace(r) || unicode.In(r, unicode.C, unicode.Z) {
			return -1
		}
		return r
	}, s)
}

// blank reports whether s shows nothing. A broken byte shows.
func blank(s string) bool {
	return letters(strings.ReplaceAll(strings.ToValidUTF8(s, "?"), "\uFFFD", "?")) == ""
}

// arrowless takes out what SRT has to change.
func arrowless(s string) string {
	return strings.NewReplacer("-", "", ">", "", "→", "").Replace(s)
}

func checkCues(t testing.TB, file string, cues []parsedCue, rules CueRules, want string) {
	t.Helper()
	var text strings.Builder
	last := 0
	for i, c := range cues {
		if i+1 < len(cues) {
			checkHaste(t, c, cues[i+1].start, rules)
		}
		if c.start < last || c.end <= c.start || c.end-c.start > int(rules.MaxDuration.Milliseconds()) {
			t.Fatalf("cue from %d to %d ms after %d in\n%s", c.start, c.end, last, file)
		}
		last = c.end
		if len(c.lines) < 1 || len(c.lines) > rules.MaxLines {
			t.Fatalf("cue of %d lines in\n%s", len(c.lines), file)
		}
		for _, l := range c.lines {
			if n := columns(l); blank(l) || n > rules.MaxChars {
				t.Fatalf("line of %d characters, %q, in\n%s", n, l, file)
			}
			text.WriteString(l)
		}
	}
	got := letters(text.String())
	if strings.HasPrefix(file, "1\n") {
		got = arrowless(got)
	}
	if got != want {
		t.Fatalf("cues have %q, want %q", got, want)
	}
}

// checkHaste checks that a cue which is too short, or read too fast, ends where the next
// one begins: there was no time to give it.
func checkHaste(t testing.TB, c parsedCue, next int, rules CueRules) {
	t.Helper()
	wide := 0
	for _, l := range c.lines {
		wide += columns(l)
	}
	wanted := min(max(int(float64(wide)/rules.MaxCPS*1000), int(rules.MinDuration.Milliseconds())), int(rules.MaxDuration.Milliseconds()))
	if stay := c.end - c.start; stay+1 < wanted && c.end < next {
		t.Fatalf("%q stays %d of %d ms, and the next cue begins %d ms later", c.lines, stay, wanted, next-c.end)
	}
}

// columns counts the characters of a line that take room.
func columns(line string) (n int) {
	for _, r := range line {
		if !unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
			n++
		}
	}
	return n
}

// parsedCue is a cue as it was read back, with times in milliseconds.
type parsedCue struct {
	start, end int
	lines      []string
}

var (
	srtTimes = regexp.MustCompile(`^(\d\d+):([0-5]\d):([0-5]\d),(\d{3}) --> (\d\d+):([0-5]\d):([0-5]\d),(\d{3})$`)
	vttTimes = regexp.MustCompile(`^(\d\d+):([0-5]\d):([0-5]\d)\.(\d{3}) --> (\d\d+):([0-5]\d):([0-5]\d)\.(\d{3})(?: align:start)?$`)
	vttTag   = regexp.MustCompile(`^<v [^<>\n]*[^<>\n ]>`)
	vttTime  = regexp.MustCompile(`<(\d\d+):([0-5]\d):([0-5]\d)\.(\d{3})>`)
	vttRef   = regexp.MustCompile(`&(amp|lt|gt);`)
)

func parseSRT(t testing.TB, file string) (found []parsedCue) {
	t.Helper()
	for i, block := range blocks(t, file) {
		number, rest, _ := strings.Cut(block, "\n")
		if number != strconv.Itoa(i+1) {
			t.Fatalf("cue %d has the number %q in\n%s", i+1, number, file)
		}
		found = append(found, parseCue(t, srtTimes, rest))
	}
	return found
}

func parseVTT(t testing.TB, file string) (found []parsedCue) {
	t.Helper()
	all := blocks(t, file)
	if len(all) == 0 || all[0] != "WEBVTT" {
		t.Fatalf("no WEBVTT in\n%s", file)
	}
	for _, block := range all[1:] {
		c := parseCue(t, vttTimes, block)
		c.lines[0] = vttTag.ReplaceAllString(c.lines[0], "")
		for i, l := range c.lines {
			if strings.ContainsAny(vttRef.ReplaceAllString(l, ""), "<>&") {
				t.Fatalf("markup in %q", l)
			}
			c.lines[i] = html.UnescapeString(l)
		}
		found = append(found, c)
	}
	return found
}

func blocks(t testing.TB, file string) []string {
	t.Helper()
	if file == "" {
		return nil
	}
	body, ok := strings.CutSuffix(file, "\n")
	if !ok || strings.ContainsAny(file, "\r\x00\u2028") {
		t.Fatalf("bad line ends in %q", file)
	}
	return strings.Split(body, "\n\n")
}

func parseCue(t testing.TB, times *regexp.Regexp, block string) parsedCue {
	t.Helper()
	lines := strings.Split(block, "\n")
	m := times.FindStringSubmatch(lines[0])
	if m == nil || strings.Contains(strings.Join(lines[1:], "\n"), "-->") || len(lines) < 2 {
		t.Fatalf("cannot read %q", block)
	}
	return parsedCue{start: millis(t, m[1:5]), end: millis(t, m[5:9]), lines: lines[1:]}
}

func millis(t testing.TB, parts []string) (ms int) {
	t.Helper()
	for i, unit := range []int{3_600_000, 60_000, 1000, 1} {
		n, err := strconv.Atoi(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		ms += n * unit
	}
	return ms
}

func ffprobe(t *testing.T, path string) (found []parsedCue) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-show_entries", "packet=pts_time,duration_time", "-of", "json", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	var reply struct {
		Packets []struct {
			Start    float64 `json:"pts_time,string"`
			Duration float64 `json:"duration_time,string"`
		}
	}
	if err := json.Unmarshal(out, &reply); err != nil {
		t.Fatal(err)
	}
	for _, p := range reply.Packets {
		found = append(found, parsedCue{start: int(p.Start*1000 + 0.5), end: int((p.Start+p.Duration)*1000 + 0.5)})
	}
	return found
}

func sameTimes(a, b []parsedCue) bool {
	return slices.EqualFunc(a, b, func(a, b parsedCue) bool { return a.start == b.start && a.end == b.end })
}

// NeedProgram skips a test whose program is missing; in CI it fails.
func NeedProgram(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}
