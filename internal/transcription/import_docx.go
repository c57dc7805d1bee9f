package transcription

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// maxDocument bounds what a document unpacks to, in bytes.
const maxDocument = 64 << 20

// readDOCX reads the paragraphs of a document of Word's (ECMA-376). Titles, quotes and
// headings are about the text, not of it. Those of the first level are who speaks below them.
func readDOCX(body []byte, _ []Segment) (imported, error) {
	z, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return imported{}, noDocument(err)
	}
	text, err := z.Open("word/document.xml")
	if err != nil {
		return imported{}, noDocument(err)
	}
	rest := &io.LimitedReader{R: text, N: maxDocument}
	d := &docxReader{xml: xml.NewDecoder(rest)}
	err = errors.Join(d.read(), text.Close())
	if rest.N == 0 { // what was read would be taken for the whole
		return imported{}, fault.New(fault.Invalid, "This document unpacks to more than %d MiB. Save its text only and try again.", maxDocument>>20).
			WithCode("malformed_import").With("limit", maxDocument)
	}
	if err != nil {
		return imported{}, noDocument(err)
	}
	return d.found, nil
}

func noDocument(err error) error {
	return fault.Wrap(err, fault.Invalid, "This is no document of Word's that can be read. Save it as .docx and try again.").WithCode("malformed_import")
}

// docxReader collects the text of paragraphs.
type docxReader struct {
	xml   *xml.Decoder
	found imported

	text  strings.Builder
	about bool   // the paragraph is no text
	named bool   // but the name of who speaks
	now   voiced // who speaks
	time  bool   // the run is a time
	open  bool   // inside w:t
}

// docxAbout are the beginnings of the styles of paragraphs that are not the text.
var docxAbout = []string{"Title", "Subtitle", "Quote", "Heading", "Header", "Footer", "TOC"}

func (d *docxReader) read() error {
	depth := 0
	for {
		t, err := d.xml.RawToken()
		if errors.Is(err, io.EOF) && depth == 0 {
			return nil
		}
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.StartElement:
			depth++
			d.begin(t)
		case xml.EndElement:
			depth--
			d.end(t.Name.Local)
		case xml.CharData:
			if d.open && !d.time {
				d.text.Write(t)
			}
		}
	}
}

func (d *docxReader) begin(t xml.StartElement) {
	switch t.Name.Local {
	case "p":
		d.text.Reset()
		d.about, d.named = false, false
	case "pStyle":
		d.named = value(t) == "Heading1"
		for _, style := range docxAbout {
			d.about = d.about || strings.HasPrefix(value(t), style)
		}
	case "r":
		d.time = false
	case "rStyle":
		d.time = value(t) == "Time"
	case "t":
		d.open = true
	case "tab", "br", "cr":
		d.text.WriteByte(' ')
	}
}

func (d *docxReader) end(name string) {
	switch name {
	case "t":
		d.open = false
	case "p":
		d.paragraph(clean(d.text.String()))
	}
}

func (d *docxReader) paragraph(text string) {
	switch {
	case text == "":
	case d.named && utf8.RuneCountInString(text) <= MaxSpeaker:
		d.now = voiced{speaker: text, turn: d.now.turn + 1}
	case !d.about:
		d.now.text = text
		d.found.lines = append(d.found.lines, d.now)
	}
}

// value returns the attribute w:val of an element.
func value(t xml.StartElement) string {
	for _, a := range t.Attr {
		if a.Name.Local == "val" {
			return a.Value
		}
	}
	return ""
}
