package pdf

import (
	"fmt"
	"math"
	"slices"
	"unicode"

	"github.com/go-text/typesetting/di"
	"github.com/go-text/typesetting/font"
	"github.com/go-text/typesetting/shaping"
	"golang.org/x/image/math/fixed"
)

// run draws text of one font and one direction, cluster by cluster: a cluster is what of
// a text and of its glyphs belong together.
func (s *setter) run(run shaping.Output, text []rune, size float64) {
	p := pen{setter: s, face: s.faces.used[run.Face], size: size, back: run.Direction.Progression() == di.TowardTopLeft}
	fmt.Fprintf(&s.content, "/F%d %g Tf ", p.face.index, size)
	for glyphs := run.Glyphs; len(glyphs) > 0; {
		n := 1
		for n < len(glyphs) && glyphs[n].TextIndex() == glyphs[0].TextIndex() {
			n++
		}
		from := glyphs[0].TextIndex()
		p.cluster(glyphs[:n], text[from:from+glyphs[0].RunesCount()])
		glyphs = glyphs[n:]
	}
	p.flush()
}

// pen draws glyphs of one font.
type pen struct {
	*setter
	face    *face
	size    float64
	back    bool   // from right to left: the glyphs are in the order of the page, not of the text
	pending []byte // what is drawn next, within the brackets of a TJ
}

// cluster draws glyphs and sees to it that they can be read as the text: each glyph by
// itself where that is possible, else all at once.
func (p *pen) cluster(glyphs []shaping.Glyph, text []rune) {
	if invisible(text) {
		return
	}
	if p.spells(glyphs, text) {
		for _, g := range glyphs {
			p.glyph(g)
		}
		return
	}
	p.flush()
	fmt.Fprintf(&p.content, "/Span<</ActualText %s>>BDC ", textString(string(text)))
	for _, g := range glyphs {
		if _, known := p.face.texts[g.GlyphID]; !known {
			p.face.texts[g.GlyphID] = ""
		}
		p.glyph(g)
	}
	p.flush()
	p.content.WriteString("EMC ")
}

// spells reports whether the glyphs, each for itself, say the text, and notes what they
// say.
func (p *pen) spells(glyphs []shaping.Glyph, text []rune) bool {
	if len(glyphs) == 1 {
		return glyphs[0].GlyphID != 0 && p.says(glyphs[0].GlyphID, ligature(string(text)))
	}
	if len(glyphs) != len(text) {
		return false
	}
	if p.back {
		text = slices.Clone(text)
		slices.Reverse(text)
	}
	for i, r := range text {
		if gid, ok := p.face.NominalGlyph(r); !ok || gid != glyphs[i].GlyphID {
			return false
		}
	}
	for i, r := range text {
		if !p.says(glyphs[i].GlyphID, string(r)) {
			return false
		}
	}
	return true
}

// ligature returns what a single glyph says. Readers turn the letters of text from right
// to left around, also within a glyph; those of a lam-alef they do not, when it is the
// one character that Unicode has for it.
func ligature(text string) string {
	switch text {
	case "\u0644\u0622":
		return "\uFEF5"
	case "\u0644\u0623":
		return "\uFEF7"
	case "\u0644\u0625":
		return "\uFEF9"
	case "\u0644\u0627":
		return "\uFEFB"
	default:
		return text
	}
}

// says notes that a glyph says a text, unless it has said another before.
func (p *pen) says(gid font.GID, text string) bool {
	if before := p.face.texts[gid]; before != "" {
		return before == text
	}
	p.face.texts[gid] = text
	return true
}

// glyph draws one where it belongs, and moves on as far as the shaper says.
func (p *pen) glyph(g shaping.Glyph) {
	rise := g.YOffset != 0
	if rise {
		p.flush()
		fmt.Fprintf(&p.content, "%.2f Ts ", units(g.YOffset)/em*p.size)
	}
	p.move(units(g.XOffset))
	p.pending = fmt.Appendf(p.pending, "<%04X>", g.GlyphID)
	p.move(units(g.Advance) - units(g.XOffset) - float64(p.face.width(g.GlyphID)))
	if rise {
		p.flush()
		p.content.WriteString("0 Ts ")
	}
}

// move goes to the right, in thousandths of an em.
func (p *pen) move(by float64) {
	if n := math.Round(by); n != 0 {
		p.pending = fmt.Appendf(p.pending, "%d", int(-n))
	}
}

// flush draws what is pending.
func (p *pen) flush() {
	if len(p.pending) > 0 {
		fmt.Fprintf(&p.content, "[%s]TJ\n", p.pending)
		p.pending = p.pending[:0]
	}
}

func units(x fixed.Int26_6) float64 { return float64(x) / 64 }

// invisible reports whether a text shows nothing and takes no room.
func invisible(text []rune) bool {
	for _, r := range text {
		if !unicode.In(r, unicode.Cf, unicode.Variation_Selector) {
			return false
		}
	}
	return true
}

// width returns how wide a glyph is, in thousandths of an em.
func (f *face) width(gid font.GID) int {
	return int(math.Round(float64(f.HorizontalAdvance(gid)) * em / float64(f.Upem())))
}
