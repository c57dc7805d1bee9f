package whisper

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// tensor is one of a speech detector's file; what is not set is zero.
type tensor struct {
	name string
	dims []int32
	set  map[int]float32
}

// bandDetector is a model of the form of Silero's that hears speech where 300 to
// 3000 Hz are loud. Its weights are worked out, not learnt: the spectrum is taken of
// those frequencies only, the encoder adds up their magnitudes less a threshold, one
// cell of the LSTM, whose gates are held open, squeezes the sum, and the output makes
// a probability of it.
func bandDetector() []tensor {
	const size, bins, low, high, threshold = 256, 129, 5, 48, 8.0
	basis := map[int]float32{}
	for k := low; k <= high; k++ {
		for i := range size {
			hann := 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/size)
			phase := 2 * math.Pi * float64(k*i) / size
			basis[k*size+i] = float32(hann * math.Cos(phase))
			basis[(bins+k)*size+i] = float32(-hann * math.Sin(phase))
		}
	}
	sum := map[int]float32{}
	for k := range bins {
		sum[k*3+1] = 1
	}
	all := map[int]float32{0: 1, 1: 1, 2: 1} // taps of the first channel
	one := map[int]float32{1: 1}
	gates := map[int]float32{0: 10, 128: -10, 384: 10} // input, forget, output of the first cell
	return []tensor{
		{"_model.encoder.0.reparam_conv.weight", []int32{3, 129, 128}, sum},
		{"_model.encoder.0.reparam_conv.bias", []int32{128}, map[int]float32{0: -threshold}},
		{"_model.encoder.1.reparam_conv.weight", []int32{3, 128, 64}, all},
		{"_model.encoder.1.reparam_conv.bias", []int32{64}, nil},
		{"_model.encoder.2.reparam_conv.weight", []int32{3, 64, 64}, all},
		{"_model.encoder.2.reparam_conv.bias", []int32{64}, nil},
		{"_model.encoder.3.reparam_conv.weight", []int32{3, 64, 128}, one},
		{"_model.encoder.3.reparam_conv.bias", []int32{128}, nil},
		{"_model.decoder.rnn.weight_ih", []int32{128, 512}, map[int]float32{256 * 128: 1}},
		{"_model.decoder.rnn.weight_hh", []int32{128, 512}, nil},
		{"_model.decoder.rnn.bias_ih", []int32{512}, gates},
		{"_model.decoder.rnn.bias_hh", []int32{512}, nil},
		{"_model.decoder.decoder.2.weight", []int32{128}, map[int]float32{0: 20}},
		{"_model.decoder.decoder.2.bias", nil, map[int]float32{0: -5}}, // as the published file has it
		{"_model.stft.forward_basis_buffer", []int32{256, 1, 258}, basis},
	}
}

// speechFile writes a detector's file.
func speechFile(t *testing.T, tensors []tensor) []byte {
	t.Helper()
	var b bytes.Buffer
	write := func(values ...any) {
		for _, v := range values {
			if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(uint32(ggmlMagic), int32(len(speechType)), []byte(speechType), [3]int32{5, 1, 2}, speechGeometry)
	for _, x := range tensors {
		kind := speechTensors[x.name].kind
		write(int32(len(x.dims)), int32(len(x.name)), kind, x.dims, []byte(x.name))
		for i := range int(speechTensors[x.name].values) {
			if kind == 1 {
				write(half(x.set[i]))
			} else {
				write(x.set[i])
			}
		}
	}
	return b.Bytes()
}

// half is a number in the 16 bits that ggml calls f16, rounded toward zero.
func half(f float32) uint16 {
	bits := math.Float32bits(f)
	sign, exponent := uint16(bits>>16&0x8000), int(bits>>23&0xff)-127+15
	if exponent <= 0 {
		return sign
	}
	return sign | uint16(exponent)<<10 | uint16(bits>>13&0x3ff)
}

func TestCheckSpeechModel(t *testing.T) {
	t.Parallel()
	tensors := bandDetector()
	whole := speechFile(t, tensors)
	wrong := slices.Clone(tensors)
	wrong[1].dims = []int32{64}
	header := len(speechFile(t, nil))
	change := func(at int, v byte) []byte {
		b := bytes.Clone(whole)
		b[at] = v
		return b
	}
	for name, tt := range map[string]struct {
		content []byte
		ok      bool
	}{
		"whole":                 {whole, true},
		"nothing":               {nil, false},
		"a page":                {[]byte("<!DOCTYPE html><title>404 Not Found</title> and more"), false},
		"a model of Whisper's":  {modelFile(t, known(t, "base")), false},
		"another type":          {change(8, 'S'), false},
		"another window":        {change(31, 0), false},
		"no tensors":            {whole[:header], false}, // the library takes it for a test
		"a byte short":          {whole[:len(whole)-1], false},
		"a byte long":           {append(bytes.Clone(whole), 0), false},
		"a tensor is missing":   {speechFile(t, tensors[1:]), false},
		"a tensor twice":        {speechFile(t, append(slices.Clone(tensors[1:]), tensors[1])), false},
		"a tensor too small":    {speechFile(t, wrong), false},
		"a name of 2 GB":        {change(header+7, 0x7f), false},
		"a dimension below 0":   {change(header+15, 0x80), false},
		"a tensor by no name":   {change(header+30, 'x'), false},
		"five dimensions":       {change(header, 5), false},
		"another type of value": {change(header+8, 0), false},
	} {
		path := filepath.Join(t.TempDir(), "ggml-silero-test.bin")
		if err := os.WriteFile(path, tt.content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := checkSpeechModel(path); (err == nil) != tt.ok {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestEngine_Speech(t *testing.T) {
	t.Parallel()
	dir := install(t, "ggml-base.bin")
	f := &fake{}
	pcm := slices.Concat(make([]int16, 2*audio.SampleRate), square(2e9, 8000), make([]int16, 2*audio.SampleRate))
	e := newEngine(Options{ModelDir: dir, Slots: 1}, f)
	if spans, ok, err := e.Speech(t.Context(), pcm); ok || err != nil {
		t.Errorf("without a detector: got %v, %v, %v", spans, ok, err)
	}
	write := func(name string, content []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("ggml-silero-v1.bin", nil)
	if _, _, err := e.Speech(t.Context(), pcm); !fault.Is(err, fault.Unavailable) || code(err) != "speech_model_damaged" {
		t.Errorf("with a damaged one: got %v", err)
	}
	write("ggml-silero-v2.bin", speechFile(t, bandDetector()))
	got, ok, err := e.Speech(t.Context(), pcm)
	// From the first step that begins loud to the last, and 0.15 s on both sides.
	want := []audio.Span{{Start: 29920, End: 66400}}
	if diff := cmp.Diff(want, got); !ok || err != nil || diff != "" {
		t.Error(ok, err, diff)
	}
	long := make([]int16, maxSpeech+10*audio.SampleRate)
	copy(long[maxSpeech:], pcm)
	got, _, err = e.Speech(t.Context(), long)
	if diff := cmp.Diff([]audio.Span{{Start: maxSpeech + 29920, End: maxSpeech + 66400}}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if got, ok, err := e.Speech(t.Context(), nil); len(got) > 0 || !ok || err != nil {
		t.Errorf("of nothing: got %v, %v, %v", got, ok, err)
	}
	chosen := newEngine(Options{ModelDir: dir, SpeechModel: filepath.Join(dir, "none"), Slots: 1}, f)
	if _, _, err := chosen.Speech(t.Context(), pcm); code(err) != "speech_model_damaged" {
		t.Errorf("with one that is not there: got %v", err)
	}
}

// A chunk with what it shares with its neighbours is heard at once, across the pipe.
func TestRemote_speech(t *testing.T) {
	t.Parallel()
	_, r := isolated(t, Options{})
	pcm := make([]int16, maxSpeech)
	pcm[maxSpeech-int(speechStep)] = 8000
	got, err := r.speech(t.Context(), "", pcm)
	if err != nil || len(got) != maxSpeech/int(speechStep) || got[0] != 0.1 || got[len(got)-1] != 0.9 {
		t.Errorf("got %d probabilities, %v", len(got), err)
	}
}
