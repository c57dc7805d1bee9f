package whisper

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// How ggml numbers what weights can be, of those that are packed here.
const (
	f32 int32 = 0
	f16 int32 = 1
	q8  int32 = 8 // q8_0: 32 weights of 8 bits and a scale

	// allPacked is the type of a file with all large weights packed: number 7, in
	// the second version of the form.
	allPacked int32 = 7 + 1000*2
)

// packer packs rows of n weights each, of type f32 or f16, into q8.
type packer func(rows []byte, kind int32, n int) []byte

// feed writes the file of a model that r reads to w as the library is to read it, and
// returns its mel filters. With a packer, weights of full precision are packed on the
// way; those of a file that is packed by itself stay as they are.
func feed(w io.Writer, r io.Reader, pack packer) (*filters, error) {
	in, out := bufio.NewReaderSize(r, 1<<20), bufio.NewWriterSize(w, 1<<20)
	f := &feeder{in: in, out: out, both: io.TeeReader(in, out), pack: pack}
	mel, err := f.run()
	if err != nil {
		return nil, fmt.Errorf("read a model: %w", err)
	}
	return mel, out.Flush()
}

type feeder struct {
	in   *bufio.Reader
	out  *bufio.Writer
	both io.Reader // reads in, and writes what it has read to out
	pack packer
}

func (f *feeder) run() (*filters, error) {
	var h header
	if err := take(f.in, &h); err != nil {
		return nil, err
	}
	if h.Type != f32 && h.Type != f16 {
		f.pack = nil
	}
	if f.pack != nil {
		h.Type = allPacked
	}
	if err := binary.Write(f.out, binary.LittleEndian, h); err != nil {
		return nil, err
	}
	mel, err := f.filters()
	if err != nil {
		return nil, err
	}
	if f.pack == nil {
		_, err := io.Copy(f.out, f.in)
		return mel, err
	}
	if err := f.vocabulary(); err != nil {
		return nil, err
	}
	for {
		if _, err := f.in.Peek(1); errors.Is(err, io.EOF) {
			return mel, nil
		}
		if err := f.tensor(); err != nil {
			return nil, err
		}
	}
}

func (f *feeder) filters() (*filters, error) {
	var size struct{ Bands, Bins int32 }
	if err := take(f.both, &size); err != nil {
		return nil, err
	}
	if size.Bands < 1 || size.Bands > 1<<10 || size.Bins != bins {
		return nil, fmt.Errorf("no model has %d × %d mel filters", size.Bands, size.Bins)
	}
	weights := make([]float32, size.Bands*size.Bins)
	if err := take(f.both, weights); err != nil {
		return nil, err
	}
	return newFilters(weights), nil
}

func (f *feeder) vocabulary() error {
	var tokens int32
	if err := take(f.both, &tokens); err != nil {
		return err
	}
	for range tokens {
		var length uint32
		if err := take(f.both, &length); err != nil {
			return err
		}
		if _, err := io.CopyN(f.out, f.in, int64(length)); err != nil {
			return err
		}
	}
	return nil
}

// tensor packs what the library expects to be packed when the type of the file says so:
// all matrices but the positions and the convolutions.
func (f *feeder) tensor() error {
	var h tensorHeader
	if err := take(f.in, &h); err != nil {
		return err
	}
	if err := h.check(); err != nil {
		return err
	}
	dims, name := make([]int32, h.Dims), make([]byte, h.Name)
	if err := errors.Join(take(f.in, dims), take(f.in, name)); err != nil {
		return err
	}
	size, err := h.size(dims)
	if err != nil {
		return err
	}
	kind := h.Type
	shrinks := len(dims) == 2 && strings.HasSuffix(string(name), ".weight") && (kind == f32 || kind == f16)
	if shrinks {
		h.Type = q8
	}
	for _, v := range []any{h, dims, name} {
		if err := binary.Write(f.out, binary.LittleEndian, v); err != nil {
			return err
		}
	}
	if shrinks {
		return f.shrink(kind, int(dims[0]), size)
	}
	_, err = io.CopyN(f.out, f.in, size)
	return err
}

// rowsAtOnce is how many rows are packed at once, which bounds the memory it takes.
const rowsAtOnce = 256

// shrink packs a matrix of so many bytes, with rows of width weights.
func (f *feeder) shrink(kind int32, width int, size int64) error {
	if width%int(blocks[q8].weights) != 0 {
		return fmt.Errorf("rows of %d weights cannot be packed", width)
	}
	row := int64(width) * blocks[kind].bytes
	b := make([]byte, min(size, rowsAtOnce*row))
	for ; size > 0; size -= int64(len(b)) {
		b = b[:min(size, int64(len(b)))]
		if _, err := io.ReadFull(f.in, b); err != nil {
			return err
		}
		if _, err := f.out.Write(f.pack(b, kind, width)); err != nil {
			return err
		}
	}
	return nil
}

// take reads numbers as ggml writes them.
func take(r io.Reader, into any) error { return binary.Read(r, binary.LittleEndian, into) }
