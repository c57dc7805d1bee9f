package pdf

import (
	"encoding/binary"
	"slices"

	"github.com/go-text/typesetting/font"
)

// subset returns a TrueType font with nothing but the outlines of these glyphs, which
// keep their numbers, and of those that they are composed of.
func subset(t *typeface, gids []font.GID) []byte {
	o := newOutlines(t)
	wanted := map[uint32]bool{0: true}
	for _, gid := range gids {
		o.closure(uint32(gid), wanted)
	}
	tables := map[string][]byte{}
	for tag, table := range t.tables {
		tables[tag] = table
	}
	tables["glyf"], tables["loca"] = o.only(wanted)
	tables["head"] = slices.Clone(t.tables["head"])
	binary.BigEndian.PutUint32(tables["head"][8:], 0)  // the sum of the file that it was
	binary.BigEndian.PutUint16(tables["head"][50:], 1) // places of glyphs have 32 bits
	return assemble(tables)
}

// outlines are the shapes of a font.
type outlines struct {
	glyf, loca []byte
	long       bool
	count      int
}

func newOutlines(t *typeface) outlines {
	o := outlines{glyf: t.tables["glyf"], loca: t.tables["loca"], long: binary.BigEndian.Uint16(t.tables["head"][50:]) != 0}
	o.count = len(o.loca)/2 - 1
	if o.long {
		o.count = len(o.loca)/4 - 1
	}
	return o
}

// outline returns the shape of a glyph; empty: there is none.
func (o outlines) outline(gid uint32) []byte {
	if int(gid) >= o.count {
		return nil
	}
	from, to := o.at(gid), o.at(gid+1)
	if from >= to || int(to) > len(o.glyf) {
		return nil
	}
	return o.glyf[from:to]
}

func (o outlines) at(gid uint32) uint32 {
	if o.long {
		return binary.BigEndian.Uint32(o.loca[4*gid:])
	}
	return 2 * uint32(binary.BigEndian.Uint16(o.loca[2*gid:]))
}

// The flags of a part of a composed glyph.
const (
	wordArguments = 1 << 0
	oneScale      = 1 << 3
	moreParts     = 1 << 5
	twoScales     = 1 << 6
	matrix        = 1 << 7
)

// closure adds a glyph, and those that it is composed of, to wanted.
func (o outlines) closure(gid uint32, wanted map[uint32]bool) {
	shape := o.outline(gid)
	if wanted[gid] && gid != 0 {
		return
	}
	wanted[gid] = true
	if len(shape) < 10 || int16(binary.BigEndian.Uint16(shape)) >= 0 { //nolint:gosec // that is how fonts have signed numbers
		return
	}
	for at := 10; at+4 <= len(shape); {
		flags := binary.BigEndian.Uint16(shape[at:])
		if part := uint32(binary.BigEndian.Uint16(shape[at+2:])); part != 0 {
			o.closure(part, wanted)
		}
		if flags&moreParts == 0 {
			return
		}
		at += partSize(flags)
	}
}

// partSize returns how many bytes a part of a composed glyph takes.
func partSize(flags uint16) int {
	size := 6
	if flags&wordArguments != 0 {
		size += 2
	}
	switch {
	case flags&oneScale != 0:
		size += 2
	case flags&twoScales != 0:
		size += 4
	case flags&matrix != 0:
		size += 8
	}
	return size
}

// only returns the tables of the shapes with those of the wanted glyphs.
func (o outlines) only(wanted map[uint32]bool) (glyf, loca []byte) {
	for gid := range uint32(o.count) { //nolint:gosec // fonts have at most 65535
		loca = binary.BigEndian.AppendUint32(loca, uint32(len(glyf))) //nolint:gosec // no longer than the table that it is from
		if wanted[gid] {
			glyf = append(glyf, o.outline(gid)...)
			glyf = append(glyf, make([]byte, -len(glyf)&3)...)
		}
	}
	return glyf, binary.BigEndian.AppendUint32(loca, uint32(len(glyf))) //nolint:gosec // see above
}

// assemble makes a font file of its tables.
func assemble(tables map[string][]byte) []byte {
	tags := make([]string, 0, len(tables))
	for tag := range tables {
		tags = append(tags, tag)
	}
	slices.Sort(tags)
	n := len(tags)
	power, exponent := 1, 0
	for power*2 <= n {
		power, exponent = power*2, exponent+1
	}
	out := binary.BigEndian.AppendUint32(nil, 0x00010000)
	for _, v := range []int{n, power * 16, exponent, (n - power) * 16} {
		out = binary.BigEndian.AppendUint16(out, uint16(v)) //nolint:gosec // there are nine tables
	}
	at := len(out) + 16*n
	for _, tag := range tags {
		table := tables[tag]
		out = append(out, tag...)
		out = binary.BigEndian.AppendUint32(out, checksum(table))
		out = binary.BigEndian.AppendUint32(out, uint32(at))         //nolint:gosec // no font has 4 GiB
		out = binary.BigEndian.AppendUint32(out, uint32(len(table))) //nolint:gosec // see above
		at += len(table) + -len(table)&3
	}
	for _, tag := range tags {
		out = append(out, tables[tag]...)
		out = append(out, make([]byte, -len(tables[tag])&3)...)
	}
	return out
}

func checksum(table []byte) (sum uint32) {
	for ; len(table) >= 4; table = table[4:] {
		sum += binary.BigEndian.Uint32(table)
	}
	var rest [4]byte
	copy(rest[:], table)
	return sum + binary.BigEndian.Uint32(rest[:])
}
