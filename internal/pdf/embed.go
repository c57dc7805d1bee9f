package pdf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/go-text/typesetting/font"
)

// embedded returns the fonts of which something was drawn.
func (f *faces) embedded() iter.Seq[*face] {
	return func(yield func(*face) bool) {
		for _, n := range f.used {
			if len(n.texts) > 0 && !yield(n) {
				return
			}
		}
	}
}

// embed writes the part of a font that was used and returns its object. Glyphs keep
// their numbers.
func embed(f *file, face *face) ref {
	gids := slices.Sorted(maps.Keys(face.texts))
	name := subsetTag(face.index) + "+" + face.typeface.name
	program := subset(face.typeface, gids)
	data := f.stream(fmt.Sprintf("/Length1 %d", len(program)), program)
	head, hhea := face.typeface.tables["head"], face.typeface.tables["hhea"]
	scaled := func(table []byte, at int) int {
		return int(int16(binary.BigEndian.Uint16(table[at:]))) * em / int(face.Upem()) //nolint:gosec // that is how fonts have signed numbers
	}
	descriptor := f.add("<</Type/FontDescriptor/FontName/%s/Flags 4/FontBBox[%d %d %d %d]/ItalicAngle 0/Ascent %d/Descent %d/CapHeight %d/StemV 80/FontFile2 %s>>",
		name, scaled(head, 36), scaled(head, 38), scaled(head, 40), scaled(head, 42), scaled(hhea, 4), scaled(hhea, 6), scaled(hhea, 4), data)
	descendant := f.add("<</Type/Font/Subtype/CIDFontType2/BaseFont/%s/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>/FontDescriptor %s/CIDToGIDMap/Identity/W[%s]>>",
		name, descriptor, widths(face, gids))
	return f.add("<</Type/Font/Subtype/Type0/BaseFont/%s/Encoding/Identity-H/DescendantFonts[%s]/ToUnicode %s>>",
		name, descendant, f.stream("", toUnicode(face, gids)))
}

// subsetTag is the beginning of the name of a font that is not whole: six letters.
func subsetTag(index int) string {
	tag := []byte("TSAAAA")
	for i := len(tag) - 1; index > 0; i-- {
		tag[i] += byte(index % 26)
		index /= 26
	}
	return string(tag)
}

func widths(f *face, gids []font.GID) []byte {
	var b []byte
	for _, gid := range gids {
		b = fmt.Appendf(b, "%d[%d]", gid, f.width(gid))
	}
	return b
}

// toUnicode says which characters the glyphs stand for.
func toUnicode(f *face, gids []font.GID) []byte {
	var b bytes.Buffer
	b.WriteString("/CIDInit/ProcSet findresource begin 12 dict begin begincmap\n" +
		"/CIDSystemInfo<</Registry(Adobe)/Ordering(UCS)/Supplement 0>>def /CMapName/Adobe-Identity-UCS def /CMapType 2 def\n" +
		"1 begincodespacerange <0000><FFFF> endcodespacerange\n")
	gids = slices.DeleteFunc(slices.Clone(gids), func(gid font.GID) bool { return f.texts[gid] == "" })
	for chunk := range slices.Chunk(gids, 100) { // more is not allowed
		fmt.Fprintf(&b, "%d beginbfchar\n", len(chunk))
		for _, gid := range chunk {
			fmt.Fprintf(&b, "<%04X><%s>\n", gid, utf16Hex(f.texts[gid]))
		}
		b.WriteString("endbfchar\n")
	}
	b.WriteString("endcmap CMapName currentdict/CMap defineresource pop end end\n")
	return b.Bytes()
}
