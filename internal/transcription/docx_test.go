package transcription

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// TestWriteDOCX_parts: every part is XML, text from right to left is marked as such, the
// language is told, and nothing turns the page: rivals printed theirs sideways.
func TestWriteDOCX_parts(t *testing.T) {
	t.Parallel()
	parts := docxFilesOf(t, export(t, mustFormat(t, "docx"), hebrew()))
	document, styles := parts["word/document.xml"], parts["word/styles.xml"]
	for part, wants := range map[string][]string{
		document: {
			`<w:pStyle w:val="Title"/>`, `<w:pStyle w:val="Heading1"/><w:bidi/></w:pPr><w:r><w:rPr><w:rtl/></w:rPr><w:t xml:space="preserve">דנה</w:t>`,
			`<w:pStyle w:val="Normal"/><w:bidi/>`,
		},
		styles:                     {`<w:lang w:val="he" w:eastAsia="he" w:bidi="he"/>`, `w:styleId="Heading1"`, `w:styleId="Title"`},
		parts["docProps/core.xml"]: {"<dc:title>Transcript</dc:title>", "<dc:language>he</dc:language>"},
	} {
		for _, want := range wants {
			if !strings.Contains(part, want) {
				t.Errorf("there is no %s in %s", want, part)
			}
		}
		if strings.Contains(part, "textDirection") {
			t.Errorf("text has a direction on the page: %s", part)
		}
	}
	plain := docxFilesOf(t, export(t, mustFormat(t, "docx"), hostile()))
	if s := plain["word/document.xml"]; strings.Contains(s, "<w:bidi/>") || strings.Contains(plain["word/styles.xml"], "w:lang") {
		t.Errorf("a text of no language has one, or runs from right to left: %s", s)
	}
}

// docxFilesOf returns the parts of a document, which have to be XML.
func docxFilesOf(t *testing.T, file []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		parts[f.Name] = string(b)
		for d := xml.NewDecoder(bytes.NewReader(b)); err == nil; {
			_, err = d.Token()
		}
		if !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
	return parts
}
