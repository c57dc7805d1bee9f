package pdf_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pdf"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/transcription/transcriptiontest"
)

// TestCorpus lets pdftotext read the documents of the corpus: what it finds has to be the
// text, letter by letter, with the number of each page below it. Characters that Unicode
// calls compatible count as the same. Where there is text from right to left, pdftotext
// guesses the order of words and signs from what else is on the page; there every letter
// and every word have to be found.
func TestCorpus(t *testing.T) {
	t.Parallel()
	needProgram(t, "pdftotext")
	setter := open(t)
	for name, tr := range transcriptiontest.Corpus() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := transcription.NewDocument(tr, transcription.Layout{Timestamps: true})
			got, want := extract(t, set(t, setter, d)), visible(text(d))
			if strings.ContainsFunc(want, func(r rune) bool { return transcription.RightToLeft(string(r)) }) {
				checkWords(t, got, want)
				got, want = sorted(got), sorted(want)
			}
			if got, want := letters(got), letters(want); got != want {
				t.Errorf("(-want +got)\n%s", cmp.Diff(want, got))
			}
		})
	}
}

// TestTypesetter_missingFont: where a script has no font, nothing is written. A page of
// boxes, or a blank one, looks like a result.
func TestTypesetter_missingFont(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fonts    []string // of those that are installed
		document *transcription.Transcription
		want     []string
	}{
		"no fonts at all":    {nil, transcriptiontest.New("en", "Yes"), []string{"Latin"}},
		"only Latin":         {[]string{"NotoSans-Regular"}, transcriptiontest.New("", "Yes", "はい日本", "आज"), []string{"Devanagari", "Han", "Hiragana"}},
		"only Latin, a sign": {[]string{"NotoSans-Regular"}, transcriptiontest.New("", "Yes 😀 →"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, f := range tt.fonts {
				link(t, dir, f)
			}
			setter, err := pdf.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			err = setter.Write(&b, transcription.NewDocument(tt.document, transcription.Layout{}))
			if tt.want == nil {
				if err != nil || b.Len() == 0 {
					t.Errorf("got %d bytes, %v", b.Len(), err)
				}
				return
			}
			f := fault.Of(err)
			if f == nil || f.Kind != fault.Unavailable || f.Code != "missing_font" || !strings.Contains(f.Message, "docx") || b.Len() > 0 {
				t.Errorf("got %d bytes, %+v", b.Len(), f)
			}
			if diff := cmp.Diff(tt.want, f.Details["scripts"]); diff != "" {
				t.Errorf("scripts (-want +got)\n%s", diff)
			}
		})
	}
}

// link makes a font of the system one of a directory.
func link(t *testing.T, dir, name string) {
	t.Helper()
	found, err := filepath.Glob("/usr/share/fonts/truetype/*/" + name + ".ttf")
	if err != nil || len(found) == 0 {
		t.Fatalf("%s is not installed: %v", name, err)
	}
	if err := os.Symlink(found[0], filepath.Join(dir, name+".ttf")); err != nil {
		t.Fatal(err)
	}
}

func TestOpen_missingDirectory(t *testing.T) {
	t.Parallel()
	if _, err := pdf.Open(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// TestTypesetter_fonts: a file brings its fonts, of which it has what it needs.
func TestTypesetter_fonts(t *testing.T) {
	t.Parallel()
	needProgram(t, "pdffonts")
	file := set(t, open(t), transcription.NewDocument(transcriptiontest.New("ja", transcriptiontest.Sentences["ja"]...), transcription.Layout{}))
	if len(file) > 100_000 {
		t.Errorf("a page in Japanese has %d bytes, and its font 4 MB", len(file))
	}
	path := filepath.Join(t.TempDir(), "x.pdf")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "pdffonts", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v %s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "+") && !regexp.MustCompile(`Identity-H +yes yes yes`).MatchString(line) {
			t.Errorf("not embedded, not a part, or without characters: %s", line)
		}
	}
	if !strings.Contains(string(out), "DroidSansFallback") {
		t.Errorf("got %s", out)
	}
}

// TestTypesetter_tags: those who hear a document want its headings, and its title.
func TestTypesetter_tags(t *testing.T) {
	t.Parallel()
	needProgram(t, "pdfinfo")
	path := filepath.Join(t.TempDir(), "x.pdf")
	file := set(t, open(t), transcription.NewDocument(transcriptiontest.New("de", transcriptiontest.Sentences["de"]...), transcription.Layout{}))
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	for option, wants := range map[string][]string{
		"-isodates": {`Title: +recording de`, `Tagged: +yes`, `Pages: +1`}, "-struct-text": {`H1[^"]+"recording de"`, `H2[^"]+"Anna"`, `P[^"]+"Die Übertragung beginnt`},
	} {
		out, err := exec.CommandContext(t.Context(), "pdfinfo", option, path).CombinedOutput()
		if err != nil {
			t.Fatalf("%v %s", err, out)
		}
		for _, want := range wants {
			if !regexp.MustCompile(want).Match(out) {
				t.Errorf("pdfinfo %s: there is no %s in %s", option, want, out)
			}
		}
	}
}

func TestTypesetter_reportsTheWriter(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	if err := open(t).Write(failing{full}, transcription.NewDocument(transcriptiontest.New("en", "Yes"), transcription.Layout{})); !errors.Is(err, full) {
		t.Errorf("got %v, want %v", err, full)
	}
}

type failing struct{ err error }

func (w failing) Write([]byte) (int, error) { return 0, w.err }

func checkWords(t *testing.T, got, want string) {
	t.Helper()
	found := letters(got)
	for word := range strings.FieldsFuncSeq(want, func(r rune) bool { return !unicode.In(r, unicode.L, unicode.M, unicode.N) }) {
		if !strings.Contains(found, word) {
			t.Errorf("there is no %q in %q", word, got)
		}
	}
}

// text is all that a document says, in order.
func text(d transcription.Document) string {
	var b strings.Builder
	for _, s := range append([]string{d.Title, d.Facts}, d.Notes...) {
		b.WriteString(s + "\n")
	}
	for p := range d.Paragraphs {
		b.WriteString(p.Speaker + "\n")
		if p.Time != "" {
			b.WriteString(p.Time + "\n")
		}
		b.WriteString(p.Text + "\n")
	}
	return b.String()
}

func open(t testing.TB) *pdf.Typesetter {
	t.Helper()
	setter, err := pdf.Open("")
	if err != nil {
		t.Fatal(err)
	}
	return setter
}

func set(t testing.TB, setter *pdf.Typesetter, d transcription.Document) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := setter.Write(&b, d); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// extract returns the text of a file without the numbers of the pages, which it checks.
func extract(t *testing.T, file []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.pdf")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "pdftotext", "-enc", "UTF-8", path, "-")
	var complaints bytes.Buffer
	c.Stderr = &complaints
	out, err := c.Output()
	if err != nil || complaints.Len() > 0 {
		t.Fatalf("pdftotext: %v %s", err, &complaints)
	}
	var b strings.Builder
	for i, page := range strings.Split(strings.TrimSuffix(string(out), "\f"), "\f") {
		page, ok := strings.CutSuffix(strings.TrimSpace(visible(page)), strconv.Itoa(i+1))
		if !ok {
			t.Errorf("page %d does not end with its number: %q", i+1, page)
		}
		b.WriteString(page)
	}
	return b.String()
}

// visible returns what shows of s, and spaces.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cf, unicode.Variation_Selector) {
			return -1
		}
		return r
	}, norm.NFKC.String(s))
}

func letters(s string) string { return strings.Join(strings.Fields(s), "") }

func sorted(s string) string {
	runes := []rune(letters(s))
	slices.Sort(runes)
	return string(runes)
}

func needProgram(t testing.TB, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}
