package main

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const demoModel = "../../../models/ggml-demo.en.bin"

// outline is what a model file says about itself.
type outline struct {
	Header  [12]int32
	Names   int
	Tensors map[string][]int32
	Rest    int
}

// readOutline walks a model file.
func readOutline(t *testing.T, path string) (o outline) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := bytes.NewReader(b)
	read := func(into any) {
		t.Helper()
		if err := binary.Read(r, binary.LittleEndian, into); err != nil {
			t.Fatal(err)
		}
	}
	skip := func(n int64) {
		t.Helper()
		if _, err := io.CopyN(io.Discard, r, n); err != nil {
			t.Fatal(err)
		}
	}
	var filters struct{ Bands, Bins int32 }
	var names int32
	read(&o.Header)
	read(&filters)
	skip(int64(filters.Bands * filters.Bins * 4))
	read(&names)
	o.Names, o.Tensors = int(names), map[string][]int32{}
	for range names {
		var n uint32
		read(&n)
		skip(int64(n))
	}
	for r.Len() > 0 {
		var h struct{ Dims, Name, Type int32 }
		read(&h)
		dims := make([]int32, h.Dims)
		read(dims)
		name := make([]byte, h.Name)
		read(name)
		o.Tensors[string(name)] = dims
		size := int64(4 >> h.Type)
		for _, d := range dims {
			size *= int64(d)
		}
		skip(size)
	}
	return o
}

// A made model has the same parts as a trained one, in its own sizes.
func TestMakeModel(t *testing.T) {
	t.Parallel()
	small := geometry{"small for a test", 64, 1, 4}
	path := filepath.Join(t.TempDir(), "made.bin")
	if err := makeModel(small, demoModel, path); err != nil {
		t.Fatal(err)
	}
	demo, made := readOutline(t, demoModel), readOutline(t, path)
	want := [12]int32{0x67676d6c, 51864, 1500, 64, 1, 4, 448, 64, 1, 4, 80, 1}
	if diff := cmp.Diff(want, made.Header); diff != "" {
		t.Errorf("header (-want +got)\n%s", diff)
	}
	if made.Names != demo.Names {
		t.Errorf("%d names of tokens, the demo model has %d", made.Names, demo.Names)
	}
	for name, dims := range demo.Tensors {
		if got := made.Tensors[name]; len(got) != len(dims) {
			t.Errorf("%s has the dimensions %v, in the demo model %v", name, got, dims)
		}
	}
	if diff := cmp.Diff([]int32{64, 51864}, made.Tensors["decoder.token_embedding.weight"]); diff != "" {
		t.Errorf("token embedding (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]int32{256, 64}, made.Tensors["decoder.blocks.3.mlp.2.weight"]); diff != "" {
		t.Errorf("last layer (-want +got)\n%s", diff)
	}
}

func TestMakeModel_fromSomethingElse(t *testing.T) {
	t.Parallel()
	other := filepath.Join(t.TempDir(), "other.bin")
	if err := os.WriteFile(other, make([]byte, 200), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := makeModel(geometries[0], other, other+".made"); err == nil {
		t.Error("a file of zeros was taken for a model")
	}
}

// What a made model says must be what whisper.cpp lets it say: a start, pairs of
// time stamps that never go back, no word twice, 30 s in all, the end.
func TestScript(t *testing.T) {
	t.Parallel()
	said := script()
	if said[0] != tokenZero || said[len(said)-1] != tokenEnd || said[len(said)-2] != tokenZero+30*50 {
		t.Errorf("begins with %d and ends with %v", said[0], said[len(said)-2:])
	}
	if n := len(said); n < 80 || n > 120 || n >= textCtx/2-4 {
		t.Errorf("%d tokens are not what half a minute of English takes", n)
	}
	var words []int
	last := tokenZero
	for _, token := range said[:len(said)-1] {
		switch {
		case token < tokenEnd:
			words = append(words, token)
		case token < last:
			t.Errorf("time stamp %d comes behind %d", token, last)
		default:
			last = token
		}
	}
	if n := len(slices.Compact(slices.Sorted(slices.Values(words)))); n != len(words) {
		t.Errorf("only %d of %d words are different", n, len(words))
	}
	if words[len(words)-1] >= 634 {
		t.Errorf("token %d is no word of the demo model", words[len(words)-1])
	}
}

func TestHalf(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		in   float32
		want uint16
	}{
		{0, 0}, {1, 0x3c00}, {-2, 0xc000}, {0.1, 0x2e66}, {65504, 0x7bff}, {1e-6, 0}, {-1e-6, 0x8000}, {6.1035156e-05, 0x0400},
	} {
		if got := half(row.in); got != row.want {
			t.Errorf("%v: %#x, want %#x", row.in, got, row.want)
		}
	}
}
