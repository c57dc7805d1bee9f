package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
)

// geometry is the size of a Whisper model; width, heads and layers are the same
// on both sides of all models made here.
type geometry struct {
	name                 string
	width, heads, layers int
}

// geometries are those of OpenAI's smallest models.
var geometries = []geometry{
	{"tiny.en", 384, 6, 4},
	{"base.en", 512, 8, 6},
}

// What all English-only models have in common.
const (
	ggmlMagic = 0x67676d6c
	vocabSize = 51864
	audioCtx  = 1500
	textCtx   = 448
	melBands  = 80
	kernel    = 3

	tokenEnd  = 50256 // <|endoftext|>
	tokenZero = 50363 // <|0.00|>; each further one is 20 ms later
)

// The script that a made model speaks: as many tokens as half a minute of English.
const (
	scriptSegments = 5
	scriptWords    = 17 // per segment
	segmentTicks   = 300
)

// script returns the token that a made model utters at each position, in every
// window: sentences between time stamps that fill 30 s, then the end.
//
// A model with random weights alone would never stop: it fills its context, fails
// the checks of both engines and is decoded again and again, which no real model
// is. So the weights are random, and cost what real ones cost, but nothing they
// compute reaches the output; what does is the position.
func script() []int {
	tokens := []int{tokenZero}
	for s := range scriptSegments {
		for w := range scriptWords {
			tokens = append(tokens, 1+7*(s*scriptWords+w))
		}
		end := tokenZero + (s+1)*segmentTicks
		tokens = append(tokens, end)
		if s+1 < scriptSegments {
			tokens = append(tokens, end)
		}
	}
	return append(tokens, tokenEnd)
}

// preamble is what a model takes from the demo model: mel filters and the names
// of tokens, as they stand in the file.
func preamble(demo io.Reader) ([]byte, error) {
	var copied []byte
	take := func(n int) ([]byte, error) {
		b := make([]byte, n)
		_, err := io.ReadFull(demo, b)
		copied = append(copied, b...)
		return b, err
	}
	if _, err := io.CopyN(io.Discard, demo, 12*4); err != nil {
		return nil, fmt.Errorf("read the demo model's header: %w", err)
	}
	size, err := take(8)
	if err != nil {
		return nil, fmt.Errorf("read the size of the mel filters: %w", err)
	}
	bands, bins := binary.LittleEndian.Uint32(size), binary.LittleEndian.Uint32(size[4:])
	if bands != melBands || bins > 1<<12 {
		return nil, fmt.Errorf("the demo model has %d × %d mel filters", bands, bins)
	}
	if _, err := take(int(bands * bins * 4)); err != nil {
		return nil, fmt.Errorf("read the mel filters: %w", err)
	}
	count, err := take(4)
	if err != nil {
		return nil, fmt.Errorf("read the size of the vocabulary: %w", err)
	}
	for i := range binary.LittleEndian.Uint32(count) {
		length, err := take(4)
		if err == nil {
			_, err = take(int(min(binary.LittleEndian.Uint32(length), 1<<10)))
		}
		if err != nil {
			return nil, fmt.Errorf("read token %d: %w", i, err)
		}
	}
	return copied, nil
}

// tensor is one of a model file. Its weights are f32 when it is small, as in the
// files of whisper.cpp, else f16.
type tensor struct {
	name   string
	dims   []int // the last one varies slowest
	single bool
	row    func(into []float32, i int) // fills the row i along the first dimension
}

// maker makes the tensors of one geometry.
type maker struct {
	geometry
	pool []float32 // normally distributed
	seed uint64
}

// deviation is the standard deviation of random weights. With it the script's tokens
// are all but certain, and everything else stays within what f16 can hold.
const deviation = 0.05

// emphasis is how much louder a position is than the token that stands there.
const emphasis = 4

func newMaker(g geometry) maker {
	m := maker{geometry: g, pool: make([]float32, 1<<20), seed: uint64(g.width)}
	r := rand.New(rand.NewPCG(m.seed, 1))
	for i := range m.pool {
		m.pool[i] = float32(r.NormFloat64() * deviation)
	}
	return m
}

// noise fills rows with weights from the pool, starting anywhere.
func (m maker) noise(stream uint64) func([]float32, int) {
	return func(into []float32, i int) {
		r := rand.New(rand.NewPCG(m.seed+stream, uint64(i)))
		copy(into, m.pool[r.IntN(len(m.pool)-len(into)):])
	}
}

func constant(v float32) func([]float32, int) {
	return func(into []float32, _ int) {
		for i := range into {
			into[i] = v
		}
	}
}

// embedding is the stream of the token embedding, which positions repeat.
const embedding = 1 << 32

// positions makes each position louder than the token on it, in the direction of
// the token that is to come.
func (m maker) positions() func([]float32, int) {
	said := script()
	token := m.noise(embedding)
	return func(into []float32, i int) {
		token(into, said[min(i, len(said)-1)])
		for k := range into {
			into[k] *= emphasis
		}
	}
}

func (m maker) tensors() []tensor {
	d := m.width
	all := []tensor{
		{name: "encoder.positional_embedding", dims: []int{d, audioCtx}, single: true, row: m.noise(2)},
		{name: "encoder.conv1.weight", dims: []int{kernel, melBands, d}, row: m.noise(3)},
		{name: "encoder.conv1.bias", dims: []int{1, d}, single: true, row: constant(0)},
		{name: "encoder.conv2.weight", dims: []int{kernel, d, d}, row: m.noise(4)},
		{name: "encoder.conv2.bias", dims: []int{1, d}, single: true, row: constant(0)},
	}
	for i := range m.layers {
		all = append(all, m.block(fmt.Sprintf("encoder.blocks.%d", i), false)...)
		all = append(all, m.block(fmt.Sprintf("decoder.blocks.%d", i), true)...)
	}
	all = append(all, m.norm("encoder.ln_post")...)
	all = append(all, m.norm("decoder.ln")...)
	return append(all,
		tensor{name: "decoder.positional_embedding", dims: []int{d, textCtx}, single: true, row: m.positions()},
		tensor{name: "decoder.token_embedding.weight", dims: []int{d, vocabSize}, row: m.noise(embedding)})
}

func (m maker) norm(name string) []tensor {
	return []tensor{
		{name: name + ".weight", dims: []int{m.width}, single: true, row: constant(1)},
		{name: name + ".bias", dims: []int{m.width}, single: true, row: constant(0)},
	}
}

// block is one layer. What it adds to the signal is multiplied by zero at its very
// end, which costs as much as any other number.
func (m maker) block(name string, decoder bool) []tensor {
	d := m.width
	linear := func(name string, in, out int, row func([]float32, int)) []tensor {
		return []tensor{
			{name: name + ".weight", dims: []int{in, out}, row: row},
			{name: name + ".bias", dims: []int{out}, single: true, row: constant(0)},
		}
	}
	attentions := []string{"attn"}
	if decoder {
		attentions = append(attentions, "cross_attn")
	}
	var all []tensor
	for i, a := range attentions {
		at, stream := name+"."+a, uint64(10+4*i)
		all = append(all, m.norm(at+"_ln")...)
		all = append(all, linear(at+".query", d, d, m.noise(stream))...)
		all = append(all, linear(at+".key", d, d, m.noise(stream+1))[:1]...) // keys have no bias
		all = append(all, linear(at+".value", d, d, m.noise(stream+2))...)
		all = append(all, linear(at+".out", d, d, constant(0))...)
	}
	all = append(all, m.norm(name+".mlp_ln")...)
	all = append(all, linear(name+".mlp.0", d, 4*d, m.noise(20))...)
	return append(all, linear(name+".mlp.2", 4*d, d, constant(0))...)
}

// makeModel writes a model of that geometry to path, with the mel filters and the
// vocabulary of the demo model.
func makeModel(g geometry, demo, path string) (err error) {
	in, err := os.Open(demo)
	if err != nil {
		return fmt.Errorf("open the demo model: %w", err)
	}
	taken, err := preamble(bufio.NewReader(in))
	if err = errors.Join(err, in.Close()); err != nil {
		return err
	}
	out, err := os.Create(path + ".new")
	if err != nil {
		return fmt.Errorf("make a model: %w", err)
	}
	w := bufio.NewWriterSize(out, 1<<20)
	err = writeModel(w, newMaker(g), taken)
	if err = errors.Join(err, w.Flush(), out.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(path+".new", path)
}

func writeModel(w io.Writer, m maker, taken []byte) error {
	header := []int32{
		ggmlMagic, vocabSize, audioCtx, int32(m.width), int32(m.heads), int32(m.layers),
		textCtx, int32(m.width), int32(m.heads), int32(m.layers), melBands, 1,
	}
	if err := binary.Write(w, binary.LittleEndian, header); err != nil {
		return err
	}
	if _, err := w.Write(taken); err != nil {
		return err
	}
	for _, t := range m.tensors() {
		if err := t.write(w); err != nil {
			return fmt.Errorf("tensor %s: %w", t.name, err)
		}
	}
	return nil
}

func (t tensor) write(w io.Writer) error {
	kind := int32(1)
	if t.single {
		kind = 0
	}
	header := []int32{int32(len(t.dims)), int32(len(t.name)), kind}
	rows := 1
	for i, d := range t.dims {
		header = append(header, int32(d))
		if i > 0 {
			rows *= d
		}
	}
	if err := binary.Write(w, binary.LittleEndian, header); err != nil {
		return err
	}
	if _, err := io.WriteString(w, t.name); err != nil {
		return err
	}
	row := make([]float32, t.dims[0])
	b := make([]byte, 0, 4*len(row))
	for i := range rows {
		t.row(row, i)
		b = b[:0]
		for _, v := range row {
			if t.single {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
			} else {
				b = binary.LittleEndian.AppendUint16(b, half(v))
			}
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// half returns v as f16. What is too small for a normal one becomes zero: others
// are slow to compute with, and no weight of ours is too large.
func half(v float32) uint16 {
	bits := math.Float32bits(v)
	sign := uint16(bits >> 16 & 0x8000)
	bits = bits&0x7fffffff + 0x1000 // rounds the thirteen bits that are dropped
	if bits < (127-14)<<23 {
		return sign
	}
	return sign | uint16((bits-(127-15)<<23)>>13)
}
