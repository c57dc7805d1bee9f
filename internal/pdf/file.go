package pdf

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"unicode/utf16"
)

// ref is the number of an object.
type ref int

// String returns how others refer to it.
func (r ref) String() string { return fmt.Sprintf("%d 0 R", int(r)) }

// file writes objects one after the other and remembers where they are, and the first
// error.
type file struct {
	w       *bufio.Writer
	written int64
	offsets []int64 // of object 1 and on; 0: it is still to come
	err     error
}

func newFile(w io.Writer) *file {
	f := &file{w: bufio.NewWriter(w)}
	f.printf("%%PDF-1.7\n%%\xE2\xE3\xCF\xD3\n") // the second line says that it is no text
	return f
}

func (f *file) printf(format string, args ...any) {
	if f.err != nil {
		return
	}
	n, err := fmt.Fprintf(f.w, format, args...)
	f.written += int64(n)
	f.err = err
}

// reserve returns the number of an object that is to come.
func (f *file) reserve() ref {
	f.offsets = append(f.offsets, 0)
	return ref(len(f.offsets))
}

// object writes an object that was reserved.
func (f *file) object(r ref, format string, args ...any) {
	f.offsets[r-1] = f.written
	f.printf("%d 0 obj\n", r)
	f.printf(format, args...)
	f.printf("\nendobj\n")
}

// add writes an object and returns its number.
func (f *file) add(format string, args ...any) ref {
	r := f.reserve()
	f.object(r, format, args...)
	return r
}

// stream writes data, compressed, with further entries of its dictionary.
func (f *file) stream(entries string, data []byte) ref {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, _ = z.Write(data) // a buffer takes everything
	_ = z.Close()
	return f.add("<<%s/Filter/FlateDecode/Length %d>>stream\n%s\nendstream", entries, b.Len(), b.Bytes())
}

// close writes where the objects are, and ends the file.
func (f *file) close(root, info ref) error {
	at := f.written
	f.printf("xref\n0 %d\n0000000000 65535 f \n", len(f.offsets)+1)
	for _, offset := range f.offsets {
		f.printf("%010d 00000 n \n", offset)
	}
	f.printf("trailer\n<</Size %d/Root %s/Info %s>>\nstartxref\n%d\n%%%%EOF\n", len(f.offsets)+1, root, info, at)
	if f.err != nil {
		return f.err
	}
	return f.w.Flush()
}

// textString returns a text as objects have it.
func textString(s string) string { return "<FEFF" + utf16Hex(s) + ">" }

// utf16Hex returns s as fonts and objects have it.
func utf16Hex(s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = fmt.Appendf(b, "%04X", u)
	}
	return string(b)
}
