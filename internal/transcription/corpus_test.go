package transcription_test

import (
	"bytes"
	"encoding/json"
	"html"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/asticode/go-astisub"
	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/transcription/transcriptiontest"
)

// TestCorpus_subtitles lets two programs of others read the subtitles of the corpus. All
// must find the same cues, which keep the limits and have the whole text.
func TestCorpus_subtitles(t *testing.T) {
	t.Parallel()
	transcription.NeedProgram(t, "ffmpeg")
	for name, tr := range transcriptiontest.Corpus() {
		for format, parse := range map[string]func([]byte) (*astisub.Subtitles, error){
			"srt": func(b []byte) (*astisub.Subtitles, error) { return astisub.ReadFromSRT(bytes.NewReader(b)) },
			"vtt": func(b []byte) (*astisub.Subtitles, error) { return astisub.ReadFromWebVTT(bytes.NewReader(b)) },
		} {
			t.Run(name+"."+format, func(t *testing.T) {
				t.Parallel()
				file := write(t, tr, format, transcription.Layout{Anonymous: true})
				subtitles, err := parse(file)
				if err != nil {
					t.Fatalf("%v in\n%s", err, file)
				}
				checkSubtitles(t, subtitles)
				if got, want := spoken(subtitleText(subtitles)), spoken(tr.Text); got != want {
					t.Errorf("(-want +got)\n%s", cmp.Diff(want, got))
				}
				if len(subtitles.Items) > 0 { // ffmpeg refuses a file without cues
					checkFFmpeg(t, format, file, subtitles)
				}
			})
		}
	}
}

// checkSubtitles holds cues to the limits that nobody has changed.
func checkSubtitles(t *testing.T, s *astisub.Subtitles) {
	t.Helper()
	var last time.Duration
	for _, item := range s.Items {
		if item.StartAt < last || item.EndAt <= item.StartAt || item.EndAt-item.StartAt > 7*time.Second || len(item.Lines) > 2 {
			t.Errorf("%v after %v to %v: %q", item.StartAt, last, item.EndAt, item.String())
		}
		last = item.EndAt
		for _, l := range item.Lines {
			if n := columns(html.UnescapeString(l.String())); n > 42 {
				t.Errorf("a line has %d characters: %q", n, l.String())
			}
		}
	}
}

// checkFFmpeg has ffmpeg decode the file, silently, and compares the times of its cues.
func checkFFmpeg(t *testing.T, format string, file []byte, want *astisub.Subtitles) {
	t.Helper()
	path := save(t, t.TempDir(), "x."+format, file)
	if out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "warning", "-y", "-i", path, "-f", "ass", os.DevNull).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("ffmpeg: %v\n%s\n%s", err, out, file)
	}
	var times [][2]time.Duration
	for _, item := range want.Items {
		times = append(times, [2]time.Duration{item.StartAt, item.EndAt})
	}
	if diff := cmp.Diff(times, transcription.FFProbe(t, path)); diff != "" {
		t.Errorf("(-want +ffprobe)\n%s", diff)
	}
}

func subtitleText(s *astisub.Subtitles) string {
	var b strings.Builder
	for _, item := range s.Items {
		for _, l := range item.Lines {
			b.WriteString(l.String())
		}
	}
	return b.String()
}

// TestCorpus_tables lets Python read the tables of the corpus: what it finds is the text,
// and no cell is one that a spreadsheet would compute.
func TestCorpus_tables(t *testing.T) {
	t.Parallel()
	transcription.NeedProgram(t, "python3")
	dir := t.TempDir()
	corpus := transcriptiontest.Corpus()
	for name, tr := range corpus {
		for _, format := range []string{"csv", "tsv"} {
			save(t, dir, name+"."+format, write(t, tr, format, transcription.Layout{}))
		}
	}
	const script = `
import csv, json, os, sys
found = {}
for name in os.listdir(sys.argv[1]):
    with open(os.path.join(sys.argv[1], name), newline="", encoding="utf-8-sig") as f:
        found[name] = list(csv.reader(f, delimiter="\t" if name.endswith(".tsv") else ",", strict=True))
json.dump(found, sys.stdout)`
	out, err := exec.CommandContext(t.Context(), "python3", "-c", script, dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	var got map[string][][]string
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	for name, tr := range corpus {
		for _, format := range []string{"csv", "tsv"} {
			checkTable(t, name+"."+format, tr, got[name+"."+format])
		}
	}
}

func checkTable(t *testing.T, name string, tr *transcription.Transcription, rows [][]string) {
	t.Helper()
	if len(rows) != len(tr.Segments)+1 || !slices.Equal(rows[0], []string{"index", "start", "end", "speaker", "text", "confidence"}) {
		t.Errorf("%s has %d rows, the first of which is %q", name, len(rows), rows[0])
		return
	}
	for i, row := range rows[1:] {
		s := tr.Segments[i]
		for _, c := range row {
			if strings.IndexAny(c, "=+-@\t\r") == 0 {
				t.Errorf("%s: a spreadsheet computes %q", name, c)
			}
		}
		text, speaker := strings.TrimPrefix(row[4], "'"), strings.TrimPrefix(row[3], "'")
		if row[1] != transcription.Seconds(s.Start).String() || row[2] != transcription.Seconds(s.End).String() ||
			letters(text) != letters(strings.TrimPrefix(s.Text, "'")) || speaker != s.Speaker {
			t.Errorf("%s: row %d is %q, want %q by %q", name, i, row, s.Text, s.Speaker)
		}
	}
}

func TestCorpus_json(t *testing.T) {
	t.Parallel()
	for name, tr := range transcriptiontest.Corpus() {
		if err := transcription.Validate(t, write(t, tr, "json", transcription.Layout{})); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCorpus_docx opens the documents of the corpus in LibreOffice, all in one start of it, and
// compares each line of what it reads.
func TestCorpus_docx(t *testing.T) {
	t.Parallel()
	transcription.NeedProgram(t, "soffice")
	dir := t.TempDir()
	corpus := transcriptiontest.Corpus()
	args := []string{"-env:UserInstallation=file://" + dir + "/profile", "--headless", "--convert-to", "txt:Text (encoded):UTF8", "--outdir", dir}
	for _, name := range slices.Sorted(maps.Keys(corpus)) {
		args = append(args, save(t, dir, name+".docx", write(t, corpus[name], "docx", transcription.Layout{Timestamps: true})))
	}
	if out, err := exec.CommandContext(t.Context(), "soffice", args...).CombinedOutput(); err != nil {
		t.Fatalf("soffice: %v\n%s", err, out)
	}
	for name, tr := range corpus {
		got, err := os.ReadFile(filepath.Join(dir, name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(strings.TrimPrefix(string(got), "\uFEFF"), "\n"), "\n")
		if diff := cmp.Diff(documentLines(tr), lines); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

// documentLines is what a document of the transcription has to say.
func documentLines(tr *transcription.Transcription) []string {
	d := transcription.NewDocument(tr, transcription.Layout{Timestamps: true})
	lines := append([]string{d.Title, d.Facts}, d.Notes...)
	for p := range d.Paragraphs {
		if p.Speaker != "" {
			lines = append(lines, p.Speaker)
		}
		lines = append(lines, "["+p.Time+"] "+p.Text)
	}
	return lines
}

func write(t testing.TB, tr *transcription.Transcription, format string, l transcription.Layout) []byte {
	t.Helper()
	f, err := transcription.FindFormat(format)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := (transcription.Exporter{}).Write(&b, f, tr, l); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func save(t *testing.T, dir, name string, file []byte) (path string) {
	t.Helper()
	path = filepath.Join(dir, name)
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// letters returns what shows of s: no spaces, controls and invisible marks.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.In(r, unicode.C, unicode.Z) {
			return -1
		}
		return r
	}, s)
}

// spoken returns the letters of a subtitle without what SRT has to change. The library
// resolves some references of HTML and leaves others.
func spoken(s string) string {
	return letters(strings.NewReplacer("-", "", ">", "", "→", "").Replace(html.UnescapeString(html.UnescapeString(s))))
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
