package pdf

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-text/typesetting/di"
	"github.com/go-text/typesetting/language"
	"github.com/go-text/typesetting/shaping"
	"golang.org/x/image/math/fixed"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// The page is A4, in points.
const (
	pageWidth, pageHeight = 595.28, 841.89
	margin                = 62.0
	lineWidth             = pageWidth - 2*margin
)

// em is what shaped text is measured in: a thousandth of it is what fonts and PDF count
// in.
const em = 1000

// style is how a kind of paragraph looks.
type style struct {
	tag     string // its role for those who cannot see it
	size    float64
	leading float64 // from line to line, by size
	before  float64 // space above, in points
	gray    float64 // 0 is black
	bold    bool
	keep    bool // on the page of what follows
}

var (
	title   = style{tag: "H1", size: 20, leading: 1.3, bold: true, keep: true}
	facts   = style{tag: "P", size: 10, leading: 1.5, before: 2, gray: 0.35}
	note    = style{tag: "P", size: 10, leading: 1.5, before: 6, gray: 0.35}
	heading = style{tag: "H2", size: 11.5, leading: 1.4, before: 14, bold: true, keep: true}
	stamp   = style{tag: "P", size: 9, leading: 1.4, before: 8, gray: 0.35, keep: true}
	body    = style{tag: "P", size: 10.5, leading: 1.5, before: 6}
)

// setter puts paragraphs on pages.
type setter struct {
	file      *file
	faces     *faces
	language  language.Language
	document  transcription.Document
	segmenter shaping.Segmenter
	shaper    shaping.HarfbuzzShaper
	wrapper   shaping.LineWrapper

	catalog, pages, resources, structure, root ref // objects that are written at the end

	page    ref
	kids    []ref
	content bytes.Buffer
	y       float64 // of the last line, from the bottom
	marks   []ref   // the elements that the page's marked content belongs to
	parents []ref   // the same of each page, as objects
	all     []ref   // elements
}

func newSetter(w io.Writer, f *faces, d transcription.Document) *setter {
	s := &setter{file: newFile(w), faces: f, language: language.NewLanguage(d.Language), document: d}
	for _, r := range []*ref{&s.catalog, &s.pages, &s.resources, &s.structure, &s.root} {
		*r = s.file.reserve()
	}
	s.turn()
	return s
}

// paragraph sets a text. Its characters alone say in which direction it is read: an
// override would have letters where nobody can read them, nor any program.
func (s *setter) paragraph(st style, text string) {
	runes := slices.DeleteFunc([]rune(text), func(r rune) bool { return unicode.Is(unicode.Bidi_Control, r) })
	if len(runes) == 0 {
		return
	}
	direction := di.DirectionLTR
	if transcription.RightToLeft(text) {
		direction = di.DirectionRTL
	}
	element := s.file.reserve()
	var onPages strings.Builder
	lines := s.lines(st, runes, direction)
	height := st.size * st.leading
	s.room(st.before + height*float64(min(len(lines), 2)) + keepRoom(st))
	s.y -= st.before
	for i, line := range lines {
		if i > 0 {
			s.room(height)
		}
		s.y -= height
		fmt.Fprintf(&onPages, "<</Type/MCR/Pg %s/MCID %d>>", s.page, len(s.marks))
		s.line(st, line, runes, direction)
		s.marks = append(s.marks, element)
	}
	s.file.object(element, "<</Type/StructElem/S/%s/P %s/K[%s]>>", st.tag, s.root, &onPages)
	s.all = append(s.all, element)
}

// keepRoom is what has to fit on the page below a heading: two lines of text.
func keepRoom(st style) float64 {
	if st.keep {
		return body.before + 2*body.size*body.leading
	}
	return 0
}

// shape returns the glyphs of a text, as if the line had no end.
func (s *setter) shape(st style, text []rune, direction di.Direction) (runs []shaping.Output) {
	s.faces.choice.bold = st.bold
	whole := shaping.Input{Text: text, RunEnd: len(text), Direction: direction, Size: fixed.I(em), Language: s.language}
	for _, in := range s.segmenter.Split(whole, s.faces) {
		runs = append(runs, s.shaper.Shape(in))
	}
	return runs
}

// lines shapes a text and breaks it into lines, which stay as they are until the next
// call.
func (s *setter) lines(st style, text []rune, direction di.Direction) []shaping.Line {
	runs := s.shape(st, text, direction)
	wide := fixed.Int26_6(lineWidth / st.size * em * 64)
	lines, _ := s.wrapper.WrapParagraphF(shaping.WrapConfig{Direction: direction}, wide, text, shaping.NewSliceIterator(runs))
	return lines
}

// line draws a line at the present place.
func (s *setter) line(st style, line shaping.Line, text []rune, direction di.Direction) {
	line = slices.Clone(line)
	slices.SortFunc(line, func(a, b shaping.Output) int { return cmp.Compare(a.VisualIndex, b.VisualIndex) })
	x := margin
	if direction == di.DirectionRTL {
		var wide fixed.Int26_6
		for _, run := range line {
			wide += run.Advance
		}
		x = pageWidth - margin - float64(wide)/64/em*st.size
	}
	fmt.Fprintf(&s.content, "/%s<</MCID %d>>BDC BT %.2f g %.2f %.2f Td\n", st.tag, len(s.marks), st.gray, x, s.y)
	for _, run := range line {
		s.run(run, text, st.size)
	}
	s.content.WriteString("ET EMC\n")
}

// room turns the page unless there is that much left.
func (s *setter) room(height float64) {
	if s.y-height < margin && s.y < pageHeight-margin {
		s.turn()
	}
}

// turn ends the page, if there is one, and begins another.
func (s *setter) turn() {
	if s.page != 0 {
		s.finishPage()
	}
	s.page, s.y = s.file.reserve(), pageHeight-margin
	s.kids = append(s.kids, s.page)
}

func (s *setter) finishPage() {
	number := []rune(strconv.Itoa(len(s.kids)))
	fmt.Fprintf(&s.content, "/Artifact BMC BT %.2f g %.2f %.2f Td\n", facts.gray, pageWidth/2, margin/2)
	for _, run := range s.shape(facts, number, di.DirectionLTR) {
		s.run(run, number, facts.size)
	}
	s.content.WriteString("ET EMC\n")
	content := s.file.stream("", s.content.Bytes())
	s.content.Reset()
	s.file.object(s.page, "<</Type/Page/Parent %s/MediaBox[0 0 %.2f %.2f]/Resources %s/Contents %s/StructParents %d/Tabs/S>>",
		s.pages, pageWidth, pageHeight, s.resources, content, len(s.kids)-1)
	s.parents = append(s.parents, s.file.add("%s", array(s.marks)))
	s.marks = nil
}

// close writes the last page and what belongs to all of them.
func (s *setter) close() error {
	s.finishPage()
	f := s.file
	f.object(s.pages, "<</Type/Pages/Kids%s/Count %d>>", array(s.kids), len(s.kids))
	var fonts, numbers strings.Builder
	for _, face := range slices.SortedFunc(s.faces.embedded(), func(a, b *face) int { return cmp.Compare(a.index, b.index) }) {
		fmt.Fprintf(&fonts, "/F%d %s", face.index, embed(f, face))
	}
	f.object(s.resources, "<</Font<<%s>>>>", &fonts)
	for i, p := range s.parents {
		fmt.Fprintf(&numbers, "%d %s ", i, p)
	}
	parents := f.add("<</Nums[%s]>>", &numbers)
	f.object(s.root, "<</Type/StructElem/S/Document/P %s/K%s>>", s.structure, array(s.all))
	f.object(s.structure, "<</Type/StructTreeRoot/K %s/ParentTree %s/ParentTreeNextKey %d>>", s.root, parents, len(s.parents))
	lang := ""
	if s.document.Language != "" {
		lang = "/Lang " + textString(s.document.Language)
	}
	f.object(s.catalog, "<</Type/Catalog/Pages %s/StructTreeRoot %s/MarkInfo<</Marked true>>/ViewerPreferences<</DisplayDocTitle true>>%s>>", s.pages, s.structure, lang)
	info := f.add("<</Title %s/Producer(TurboScribe)>>", textString(s.document.Title))
	return f.close(s.catalog, info)
}

// array returns references as objects have them.
func array(refs []ref) string {
	var b bytes.Buffer
	b.WriteByte('[')
	for i, r := range refs {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(r.String())
	}
	b.WriteByte(']')
	return b.String()
}
