package transcription

import (
	"archive/zip"
	"bufio"
	"embed"
	"encoding/xml"
	"io"
	"strings"
)

// docxParts are what a document of Word's consists of beside its text, see ECMA-376.
//
//go:embed docx
var docxParts embed.FS

// docxFiles says where in the document the parts belong.
var docxFiles = []struct{ part, name string }{
	{"content_types.xml", "[Content_Types].xml"},
	{"package.rels", "_rels/.rels"},
	{"core.xml", "docProps/core.xml"},
	{"document.rels", "word/_rels/document.xml.rels"},
	{"styles.xml", "word/styles.xml"},
}

// writeDOCX writes a document for Word and LibreOffice, a paragraph at a time. Speakers
// are headings. Nothing sets the direction of the text on the page: that turns pages.
func writeDOCX(w io.Writer, t *Transcription, l Layout) error {
	d := NewDocument(t, l)
	z := zip.NewWriter(w)
	fill := strings.NewReplacer("{TITLE}", xmlText(d.Title), "{CODE}", d.Language, "{LANG}", docxLang(d.Language))
	for _, f := range docxFiles {
		part, err := docxParts.ReadFile("docx/" + f.part)
		if err != nil {
			return err
		}
		into, err := z.Create(f.name)
		if err != nil {
			return err
		}
		if _, err := fill.WriteString(into, string(part)); err != nil {
			return err
		}
	}
	text, err := z.Create("word/document.xml")
	if err != nil {
		return err
	}
	p := &printer{w: bufio.NewWriter(text)}
	docxBody(p, d)
	if p.err != nil {
		return p.err
	}
	if err := p.w.Flush(); err != nil {
		return err
	}
	return z.Close()
}

func docxBody(out *printer, d Document) {
	out.printf("%s<w:document xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"><w:body>\n", xml.Header)
	docxParagraph(out, "Title", "", d.Title)
	if d.Facts != "" {
		docxParagraph(out, "Subtitle", "", d.Facts)
	}
	for _, n := range d.Notes {
		docxParagraph(out, "Quote", "", n)
	}
	for p := range d.Paragraphs {
		if p.Speaker != "" {
			docxParagraph(out, "Heading1", "", p.Speaker)
		}
		docxParagraph(out, "Normal", p.Time, p.Text)
	}
	const a4 = `<w:pgSz w:w="11906" w:h="16838"/><w:pgMar w:top="1134" w:right="1134" w:bottom="1134" w:left="1134" w:header="709" w:footer="709" w:gutter="0"/>`
	out.printf("<w:sectPr>%s</w:sectPr></w:body></w:document>\n", a4)
}

// docxParagraph writes a paragraph of a style, with a time in front where there is one.
func docxParagraph(out *printer, style, at, text string) {
	bidi, rtl := "", ""
	if RightToLeft(text) {
		bidi, rtl = "<w:bidi/>", "<w:rPr><w:rtl/></w:rPr>"
	}
	out.printf(`<w:p><w:pPr><w:pStyle w:val="%s"/>%s</w:pPr>`, style, bidi)
	if at != "" {
		out.printf(`<w:r><w:rPr><w:rStyle w:val="Time"/></w:rPr><w:t xml:space="preserve">[%s] </w:t></w:r>`, at)
	}
	out.printf("<w:r>%s<w:t xml:space=\"preserve\">%s</w:t></w:r></w:p>\n", rtl, xmlText(text))
}

// docxLang says in which language a document is: programs check its spelling by that.
func docxLang(code string) string {
	if code == "" {
		return ""
	}
	return `<w:lang w:val="` + code + `" w:eastAsia="` + code + `" w:bidi="` + code + `"/>`
}

func xmlText(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a builder takes everything
	return b.String()
}
