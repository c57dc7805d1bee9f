// Package pdf sets transcripts on pages.
//
// Text is shaped as each script wants it and stays text: every font is embedded with
// the glyphs that are used, every glyph knows its characters, and the pages are tagged
// with headings and paragraphs. Fonts are files of the system, since there is no one
// that has every script.
package pdf

import (
	"fmt"
	"io"
	"os"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// Typesetter makes PDF files. It is safe for concurrent use.
type Typesetter struct{ fonts *library }

var _ transcription.Typesetter = (*Typesetter)(nil)

// systemDirs is where systems have fonts.
var systemDirs = []string{"/usr/share/fonts", "/usr/local/share/fonts", "/Library/Fonts"}

// Open returns a typesetter with the fonts below a directory; empty: with those of the
// system. They are read when a text needs them.
func Open(dir string) (*Typesetter, error) {
	dirs := systemDirs
	if dir != "" {
		dirs = []string{dir}
		if _, err := os.Stat(dir); err != nil {
			return nil, fmt.Errorf("look for fonts: %w", err)
		}
	}
	fonts, err := openLibrary(dirs)
	if err != nil {
		return nil, err
	}
	return &Typesetter{fonts: fonts}, nil
}

// Write writes a document. Unavailable missing_font: a script that it needs has no font,
// and nothing is written; it returns only errors of w otherwise. It holds a page in
// memory, and the fonts, which it keeps.
func (t *Typesetter) Write(w io.Writer, d transcription.Document) error {
	faces := newFaces(t.fonts)
	if err := faces.check(d); err != nil {
		return err
	}
	s := newSetter(w, faces, d)
	s.paragraph(title, d.Title)
	if d.Facts != "" {
		s.paragraph(facts, d.Facts)
	}
	for _, n := range d.Notes {
		s.paragraph(note, n)
	}
	for p := range d.Paragraphs {
		if p.Speaker != "" {
			s.paragraph(heading, p.Speaker)
		}
		if p.Time != "" {
			s.paragraph(stamp, p.Time)
		}
		s.paragraph(body, p.Text)
	}
	return s.close()
}
