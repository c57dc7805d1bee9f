package pdf

import (
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/go-text/typesetting/font"
	"github.com/go-text/typesetting/language"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// faces are the fonts of one document. It chooses among them for the shaper.
type faces struct {
	library *library
	used    map[*font.Face]*face
	byFont  map[*typeface]*face
	choices map[choice][]*face
	chosen  map[character]*face // nil: there is none

	choice choice // of what is being shaped
}

// choice is what fonts are chosen by, beside the character.
type choice struct {
	script language.Script
	bold   bool
}

type character struct {
	choice
	r rune
}

// face is a font in a document.
type face struct {
	*font.Face
	typeface *typeface
	index    int
	texts    map[font.GID]string // what the glyphs that are used say; empty: it depends
}

func newFaces(l *library) *faces {
	return &faces{library: l, used: map[*font.Face]*face{}, byFont: map[*typeface]*face{}, choices: map[choice][]*face{}, chosen: map[character]*face{}}
}

// SetScript implements shaping.FontmapScript.
func (f *faces) SetScript(s language.Script) { f.choice.script = s }

// ResolveFace implements shaping.Fontmap. What no font has is a box in the first one.
func (f *faces) ResolveFace(r rune) *font.Face {
	if found := f.choose(character{f.choice, r}); found != nil {
		return found.Face
	}
	return f.candidates(f.choice)[0].Face
}

// choose returns the first font that has a character; nil: none has.
func (f *faces) choose(c character) *face {
	found, known := f.chosen[c]
	if !known {
		for _, candidate := range f.candidates(c.choice) {
			if _, ok := candidate.NominalGlyph(c.r); ok {
				found = candidate
				break
			}
		}
		f.chosen[c] = found
	}
	return found
}

// candidates returns the fonts for a script, the best first.
func (f *faces) candidates(c choice) []*face {
	found, known := f.choices[c]
	if !known {
		for _, t := range f.library.find(slices.Concat(scripts[c.script], latin, symbols), c.bold) {
			found = append(found, f.face(t))
		}
		f.choices[c] = found
	}
	return found
}

func (f *faces) face(t *typeface) *face {
	if known := f.byFont[t]; known != nil {
		return known
	}
	n := &face{Face: font.NewFace(t.font), typeface: t, index: len(f.byFont), texts: map[font.GID]string{}}
	f.byFont[t], f.used[n.Face] = n, n
	return n
}

// check returns an Unavailable fault when a script has no font: nobody can read boxes,
// but a sign here and there may be one.
func (f *faces) check(d transcription.Document) error {
	missing := map[string]bool{}
	look := func(text string) {
		for _, r := range text {
			c := character{choice{script: language.LookupScript(r)}, r}
			if c.script.Strong() && unicode.In(r, unicode.L, unicode.M, unicode.N) && f.choose(c) == nil {
				missing[scriptName(r)] = true
			}
		}
	}
	for _, text := range append([]string{"A", d.Title, d.Facts}, d.Notes...) {
		look(text)
	}
	for p := range d.Paragraphs {
		look(p.Speaker)
		look(p.Text)
	}
	if len(missing) == 0 {
		return nil
	}
	names := slices.Sorted(maps.Keys(missing))
	return fault.New(fault.Unavailable, "This installation has no font for %s, so it cannot make a PDF file of this text. Export it as docx, or ask whoever runs it for fonts: docs/operations.md names them.",
		strings.Join(names, ", ")).WithCode("missing_font").With("scripts", names)
}

func scriptName(r rune) string {
	for name, table := range unicode.Scripts {
		if unicode.Is(table, r) {
			return name
		}
	}
	return "Unknown"
}
