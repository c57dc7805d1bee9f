package whisper

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// known returns the model of that name.
func known(t *testing.T, name string) transcription.Model {
	t.Helper()
	m, err := transcription.FindModel(name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// modelFile writes the smallest file that has the form of that model: two
// tensors, one of them quantised.
func modelFile(t *testing.T, m transcription.Model) []byte {
	t.Helper()
	var b bytes.Buffer
	s := m.Shape
	for _, v := range []any{
		header{
			Magic: ggmlMagic, Vocab: s.Vocabulary, AudioCtx: audioContext, AudioState: s.AudioState, AudioLayer: s.AudioLayers,
			TextCtx: textContext, TextState: s.AudioState, TextLayer: s.TextLayers, Mels: s.Mels,
		},
		int32(2), int32(3), make([]float32, 6), // mel filters
		int32(2), uint32(1), []byte(" "), uint32(3), []byte("the"), // vocabulary
		[]int32{2, 1, 1, 4, 3},
		[]byte("a"), make([]uint16, 12), // f16
		[]int32{1, 2, 8, 64},
		[]byte("bc"), make([]byte, 68), // q8_0
	} {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestCheckModel(t *testing.T) {
	t.Parallel()
	base := known(t, "base")
	whole := modelFile(t, base)
	const filters, vocabulary, firstTensor = 48, 48 + 8 + 24, 48 + 8 + 24 + 4 + 5 + 7
	change := func(at int, v byte) []byte {
		b := bytes.Clone(whole)
		b[at] = v
		return b
	}
	for name, tt := range map[string]struct {
		content []byte
		code    string
	}{
		"whole":                        {whole, ""},
		"empty":                        {nil, "model_damaged"},
		"another kind of file":         {[]byte("<!DOCTYPE html><title>404 Not Found</title> and some more text"), "model_damaged"},
		"a byte short":                 {whole[:len(whole)-1], "model_damaged"},
		"a byte long":                  {append(bytes.Clone(whole), 0), "model_damaged"},
		"ends in the filters":          {whole[:filters+10], "model_damaged"},
		"ends in the vocabulary":       {whole[:vocabulary+6], "model_damaged"},
		"ends before the weights":      {whole[:firstTensor], "model_damaged"},
		"filters larger than the file": {change(filters+2, 0x7f), "model_damaged"},
		"a token of 2 GB":              {change(vocabulary+7, 0x7f), "model_damaged"},
		"nine dimensions":              {change(firstTensor, 9), "model_damaged"},
		"an unknown type":              {change(firstTensor+8, 99), "model_damaged"},
		"a dimension of nothing":       {change(firstTensor+12, 0), "model_damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "ggml-base.bin")
			if err := os.WriteFile(path, tt.content, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := CheckModel(path, base); code(err) != tt.code {
				t.Errorf("got %v, want code %q", err, tt.code)
			}
		})
	}
	if err := CheckModel(filepath.Join(t.TempDir(), "none"), base); code(err) != "model_unreadable" {
		t.Errorf("no file: got %v", err)
	}
}

// TestCheckModel_anotherModel gives each model the name of each other.
func TestCheckModel_anotherModel(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, holds := range transcription.Models() {
		path := filepath.Join(dir, holds.Name)
		if err := os.WriteFile(path, modelFile(t, holds), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, named := range transcription.Models() {
			want := "wrong_model"
			if named.Shape == holds.Shape {
				want = ""
			}
			if err := CheckModel(path, named); code(err) != want {
				t.Errorf("%s under the name of %s: got %v, want %q", holds.Name, named.Name, err, want)
			}
		}
	}
	if known(t, "large-v1").Shape == known(t, "large-v3").Shape || known(t, "base").Shape == known(t, "base.en").Shape {
		t.Error("models that differ have one shape")
	}
}

// The bundled model is what its entry says.
func TestCheckModel_demo(t *testing.T) {
	t.Parallel()
	m := known(t, transcription.DemoModel)
	path := filepath.Join("..", "..", "models", m.File)
	if err := CheckModel(path, m); err != nil {
		t.Error(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(b)); sum != m.SHA256 || int64(len(b)) != m.Size {
		t.Errorf("it has %d bytes and the checksum %s", len(b), sum)
	}
}

// FuzzCheckModel checks that no file makes the check run away.
func FuzzCheckModel(f *testing.F) {
	f.Add([]byte("lmgg"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "model")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readOutline(path); err == nil && (len(b) < 48 || binary.LittleEndian.Uint32(b) != ggmlMagic) {
			t.Errorf("%x passed for a model", b)
		}
	})
}
