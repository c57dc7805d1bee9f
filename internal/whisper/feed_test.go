package whisper

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tensorOf is one of a model that is made for a test; each of its bytes is fill.
type tensorOf struct {
	name string
	kind int32
	dims []int32
	fill byte
}

// modelOf writes a model with filters, two tokens and these tensors.
func modelOf(t testing.TB, kind int32, tensors ...tensorOf) []byte {
	t.Helper()
	var b bytes.Buffer
	write := func(values ...any) {
		for _, v := range values {
			if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	weights := make([]float32, 2*bins)
	weights[3], weights[4], weights[bins+200] = 1, 2, 3
	write(header{Magic: ggmlMagic, Mels: 2, Type: kind}, []int32{2, bins}, weights, int32(2), uint32(1), []byte(" "), uint32(3), []byte("the"))
	for _, x := range tensors {
		h := tensorHeader{int32(len(x.dims)), int32(len(x.name)), x.kind}
		size, err := h.size(x.dims)
		if err != nil {
			t.Fatal(err)
		}
		write(h, x.dims, []byte(x.name), bytes.Repeat([]byte{x.fill}, int(size)))
	}
	return b.Bytes()
}

// marked is a packer that leaves the first byte of each block of 32 weights, and its kind.
func marked(t *testing.T, width int) packer {
	return func(rows []byte, kind int32, n int) []byte {
		size := int(blocks[kind].bytes)
		if n != width || len(rows)%(n*size) != 0 || len(rows) > rowsAtOnce*n*size {
			t.Errorf("%d bytes of rows of %d weights", len(rows), n)
		}
		var into []byte
		for at := 0; at < len(rows); at += 32 * size {
			into = append(into, bytes.Repeat([]byte{rows[at] + byte(kind)}, int(blocks[q8].bytes))...)
		}
		return into
	}
}

func TestFeed_packsMatrices(t *testing.T) {
	t.Parallel()
	const width = 64
	given := modelOf(t, f16,
		tensorOf{"encoder.positional_embedding", f32, []int32{width, 3}, 1},
		tensorOf{"encoder.conv1.weight", f16, []int32{3, 2, width}, 2},
		tensorOf{"encoder.conv1.bias", f32, []int32{1, width}, 3},
		tensorOf{"encoder.blocks.0.attn_ln.weight", f32, []int32{width}, 4},
		tensorOf{"encoder.blocks.0.attn.query.weight", f16, []int32{width, 2*rowsAtOnce + 1}, 5},
		tensorOf{"decoder.token_embedding.weight", f32, []int32{width, 2}, 6},
		tensorOf{"decoder.blocks.0.mlp.0.weight", q8, []int32{width, 2}, 7},
	)
	want := modelOf(t, allPacked,
		tensorOf{"encoder.positional_embedding", f32, []int32{width, 3}, 1},
		tensorOf{"encoder.conv1.weight", f16, []int32{3, 2, width}, 2},
		tensorOf{"encoder.conv1.bias", f32, []int32{1, width}, 3},
		tensorOf{"encoder.blocks.0.attn_ln.weight", f32, []int32{width}, 4},
		tensorOf{"encoder.blocks.0.attn.query.weight", q8, []int32{width, 2*rowsAtOnce + 1}, 5 + byte(f16)},
		tensorOf{"decoder.token_embedding.weight", q8, []int32{width, 2}, 6 + byte(f32)},
		tensorOf{"decoder.blocks.0.mlp.0.weight", q8, []int32{width, 2}, 7},
	)
	var got bytes.Buffer
	mel, err := feed(&got, bytes.NewReader(given), marked(t, width))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Error("the file is another than it should be")
	}
	if diff := cmp.Diff([]int32{3, 5, 200, 201}, mel.spans); diff != "" {
		t.Error(diff)
	}
	if got := [][]float32{mel.weights[3:5], mel.weights[bins+200:]}; !cmp.Equal(got, [][]float32{{1, 2}, {3}}) {
		t.Errorf("the filters are %v", got)
	}
}

// Without a packer, and where the weights are packed by themselves, a file is left as it is.
func TestFeed_asItIs(t *testing.T) {
	t.Parallel()
	matrix := tensorOf{"decoder.token_embedding.weight", f16, []int32{64, 2}, 6}
	for name, tt := range map[string]struct {
		file []byte
		pack packer
	}{
		"no packer":      {modelOf(t, f16, matrix), nil},
		"packed already": {modelOf(t, allPacked, matrix), marked(t, 64)},
	} {
		var got bytes.Buffer
		mel, err := feed(&got, bytes.NewReader(tt.file), tt.pack)
		if err != nil || mel.bands() != 2 {
			t.Errorf("%s: %v, %+v", name, err, mel)
		}
		if !bytes.Equal(got.Bytes(), tt.file) {
			t.Errorf("%s: the file is another", name)
		}
	}
}

func TestFeed_damaged(t *testing.T) {
	t.Parallel()
	whole := modelOf(t, f16, tensorOf{"decoder.token_embedding.weight", f16, []int32{64, 2}, 6})
	for n := range whole {
		if n > 60 && n < 60+8*bins-10 {
			continue // one of the filters is as good as the other
		}
		_, err := feed(io.Discard, bytes.NewReader(whole[:n]), marked(t, 64))
		if tensors := len(whole) - 64*2*2 - len("decoder.token_embedding.weight") - 8 - 12; (err == nil) != (n == tensors) {
			t.Errorf("of %d bytes the first %d: got %v", len(whole), n, err)
		}
	}
	narrow := modelOf(t, f16, tensorOf{"decoder.token_embedding.weight", f16, []int32{48, 2}, 6})
	if _, err := feed(io.Discard, bytes.NewReader(narrow), marked(t, 48)); err == nil {
		t.Error("a matrix that cannot be packed was")
	}
	full := errors.New("no room")
	if _, err := feed(broken{full}, bytes.NewReader(whole), nil); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

type broken struct{ err error }

func (b broken) Write([]byte) (int, error) { return 0, b.err }

// FuzzFeed checks that no file makes the reading run away.
func FuzzFeed(f *testing.F) {
	f.Add(modelOf(f, f16, tensorOf{"decoder.token_embedding.weight", f16, []int32{64, 2}, 6}))
	f.Fuzz(func(_ *testing.T, b []byte) {
		pack := func(rows []byte, kind int32, _ int) []byte {
			return make([]byte, len(rows)/int(blocks[kind].bytes)/32*int(blocks[q8].bytes))
		}
		_, _ = feed(io.Discard, bytes.NewReader(b), pack) // it must return
	})
}
