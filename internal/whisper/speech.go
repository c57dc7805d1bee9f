package whisper

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// speechStep is how many samples a detector says one probability of.
const speechStep audio.Samples = 512

// maxSpeech is the most samples that are heard at once, a multiple of speechStep: a
// chunk of five minutes with what it shares with its neighbours.
const maxSpeech = 304 * audio.SampleRate

// ear finds the model by which speech is heard. It looks anew each time, so that
// the model is used as soon as its file is there.
type ear struct {
	dir  string
	path string // empty: in dir
}

// file returns the path of the model, an empty one when none is installed. A fault is
// Unavailable speech_model_damaged: the file may just be being copied.
func (e ear) file() (string, error) {
	path := e.path
	if path == "" {
		found, err := filepath.Glob(filepath.Join(e.dir, "ggml-silero-*.bin"))
		if err != nil {
			return "", fmt.Errorf("look for a speech detector in %s: %w", e.dir, err)
		}
		if len(found) == 0 {
			return "", nil
		}
		path = found[len(found)-1] // they are sorted
	}
	if err := checkSpeechModel(path); err != nil {
		return "", fault.Wrap(fmt.Errorf("check speech detector %s: %w", path, err), fault.Unavailable,
			"The file %s of the model that detects speech is damaged. Tell your administrator: it has to be replaced or removed.",
			filepath.Base(path)).WithCode("speech_model_damaged")
	}
	return path, nil
}

// speechType begins the file of a model that the library can use.
const speechType = "silero-16k"

// speechGeometry is the only one that the library computes, whatever a file says of
// it: window, context, four layers of channels in and out and their taps, LSTM and output.
var speechGeometry = []int32{
	int32(speechStep), 64, 4,
	129, 128, 3, 128, 64, 3, 64, 64, 3, 64, 128, 3,
	128, 128, 128, 1,
}

// speechTensors gives how many values each tensor of a model has, and their type.
var speechTensors = map[string]struct {
	values int64
	kind   int32
}{
	"_model.stft.forward_basis_buffer":     {256 * 258, 1},
	"_model.encoder.0.reparam_conv.weight": {3 * 129 * 128, 1},
	"_model.encoder.0.reparam_conv.bias":   {128, 0},
	"_model.encoder.1.reparam_conv.weight": {3 * 128 * 64, 1},
	"_model.encoder.1.reparam_conv.bias":   {64, 0},
	"_model.encoder.2.reparam_conv.weight": {3 * 64 * 64, 1},
	"_model.encoder.2.reparam_conv.bias":   {64, 0},
	"_model.encoder.3.reparam_conv.weight": {3 * 64 * 128, 1},
	"_model.encoder.3.reparam_conv.bias":   {128, 0},
	"_model.decoder.rnn.weight_ih":         {128 * 512, 0},
	"_model.decoder.rnn.weight_hh":         {128 * 512, 0},
	"_model.decoder.rnn.bias_ih":           {512, 0},
	"_model.decoder.rnn.bias_hh":           {512, 0},
	"_model.decoder.decoder.2.weight":      {128, 1},
	"_model.decoder.decoder.2.bias":        {1, 0},
}

// checkSpeechModel reads the outline of a model. The library takes lengths from it
// unchecked, and hears nothing at all with one that has no weights.
func checkSpeechModel(path string) error {
	f, err := os.Open(path) //nolint:gosec // the operator's
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return err
	}
	o := newOutline(f, info.Size())
	if err := o.checkSpeechHeader(); err != nil {
		return err
	}
	missing := len(speechTensors)
	seen := map[string]bool{}
	for ; o.left > 0; missing-- {
		name, err := o.skipSpeechTensor()
		if err != nil {
			return fmt.Errorf("read tensor %d: %w", len(seen), err)
		}
		if seen[name] {
			return fmt.Errorf("tensor %s is there twice", name)
		}
		seen[name] = true
	}
	if missing > 0 {
		return fmt.Errorf("%d tensors are missing: %w", missing, io.ErrUnexpectedEOF)
	}
	return nil
}

func (o *outline) checkSpeechHeader() error {
	var h struct {
		Magic  uint32
		Length int32
		Type   [len(speechType)]byte
	}
	if err := o.read(&h); err != nil {
		return err
	}
	if h.Magic != ggmlMagic || int(h.Length) != len(speechType) || string(h.Type[:]) != speechType {
		return errors.New("it is no " + speechType + " model")
	}
	var version [3]int32
	geometry := make([]int32, len(speechGeometry))
	if err := errors.Join(o.read(&version), o.read(geometry)); err != nil {
		return err
	}
	if !slices.Equal(geometry, speechGeometry) {
		return fmt.Errorf("its geometry is %v", geometry)
	}
	return nil
}

func (o *outline) skipSpeechTensor() (name string, err error) {
	var h struct{ Dims, Name, Type int32 }
	if err := o.read(&h); err != nil {
		return "", err
	}
	if h.Dims < 0 || h.Dims > 4 || h.Name < 0 || h.Name > 64 {
		return "", fmt.Errorf("no tensor has %d dimensions and a name of %d bytes", h.Dims, h.Name)
	}
	dims, letters := make([]int32, h.Dims), make([]byte, h.Name)
	if err := errors.Join(o.read(dims), o.read(letters)); err != nil {
		return "", err
	}
	values := int64(1)
	for _, d := range dims {
		values *= int64(max(0, min(d, 1<<15)))
	}
	want, known := speechTensors[string(letters)]
	if !known || values != want.values || h.Type != want.kind {
		return "", fmt.Errorf("there is no tensor %q of %v values and type %d", letters, dims, h.Type)
	}
	return string(letters), o.skip(values * blocks[h.Type].bytes)
}
