package whisper

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// ggmlMagic begins every model file that whisper.cpp reads.
const ggmlMagic = 0x67676d6c

// blocks gives, for each ggml tensor type a model file may hold, how many
// weights are packed together and into how many bytes.
var blocks = map[int32]struct{ weights, bytes int64 }{
	0:  {1, 4},     // f32
	1:  {1, 2},     // f16
	2:  {32, 18},   // q4_0
	3:  {32, 20},   // q4_1
	6:  {32, 22},   // q5_0
	7:  {32, 24},   // q5_1
	8:  {32, 34},   // q8_0
	10: {256, 84},  // q2_K
	11: {256, 110}, // q3_K
	12: {256, 144}, // q4_K
	13: {256, 176}, // q5_K
	14: {256, 210}, // q6_K
}

// header is what a model file begins with.
type header struct {
	Magic                                              uint32
	Vocab, AudioCtx, AudioState, AudioHead, AudioLayer int32
	TextCtx, TextState, TextHead, TextLayer            int32
	Mels, Type                                         int32
}

// What every Whisper model hears and writes at once: 30 s, and so many tokens.
const (
	audioContext = 1500
	textContext  = 448
)

// is reports whether the header is that of a model of that shape.
func (h header) is(s transcription.Shape) bool {
	return h.Vocab == s.Vocabulary && h.Mels == s.Mels && h.AudioState == s.AudioState && h.TextState == s.AudioState &&
		h.AudioLayer == s.AudioLayers && h.TextLayer == s.TextLayers && h.AudioCtx == audioContext && h.TextCtx == textContext
}

// CheckModel reads the outline of the file of a model and reports an Invalid
// fault when it cannot be decoded with: model_unreadable, model_damaged when it is
// no model or stops early, wrong_model when it is another one than m. It does not
// read the weights.
func CheckModel(path string, m transcription.Model) error {
	_, err := inspect(path, m)
	return err
}

// inspect is CheckModel and returns what the file says of itself. The library
// would take lengths from it unchecked, and decode with a last tensor that is
// half there.
func inspect(path string, m transcription.Model) (header, error) {
	h, err := readOutline(path)
	if err != nil {
		return h, err
	}
	if h.is(m.Shape) {
		return h, nil
	}
	return h, fault.Wrap(fmt.Errorf("model %s has the header %+v", path, h), fault.Invalid,
		"The file %s holds another model than %s. Tell your administrator: it has to be renamed or replaced.", m.File, m.Name).
		WithCode("wrong_model").With("field", "model")
}

func readOutline(path string) (header, error) {
	f, err := os.Open(path) //nolint:gosec // the operator's directory, and a name from our own list
	if err != nil {
		return header{}, fault.Wrap(err, fault.Invalid, "The file %s of a speech model cannot be read. Tell your administrator.", filepath.Base(path)).WithCode("model_unreadable")
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return header{}, fmt.Errorf("look at model %s: %w", path, err)
	}
	o := newOutline(f, info.Size())
	h, err := o.check()
	if err != nil {
		return h, fault.Wrap(fmt.Errorf("check model %s: %w", path, err), fault.Invalid,
			"The file %s of a speech model is damaged. Tell your administrator: it has to be replaced.", filepath.Base(path)).WithCode("model_damaged")
	}
	return h, nil
}

// outline walks a model file, skipping over its contents.
type outline struct {
	file io.ReadSeeker
	r    *bufio.Reader // of file
	left int64
}

func newOutline(f *os.File, size int64) *outline {
	return &outline{file: f, r: bufio.NewReaderSize(f, 4<<10), left: size}
}

func (o *outline) check() (h header, err error) {
	if err := o.read(&h); err != nil {
		return h, err
	}
	if h.Magic != ggmlMagic {
		return h, fmt.Errorf("magic number %#x is not a ggml model's", h.Magic)
	}
	if err := o.skipFilters(); err != nil {
		return h, fmt.Errorf("read mel filters: %w", err)
	}
	if err := o.skipVocabulary(); err != nil {
		return h, fmt.Errorf("read vocabulary: %w", err)
	}
	n := 0
	for ; o.left > 0; n++ {
		if err := o.skipTensor(); err != nil {
			return h, fmt.Errorf("read tensor %d: %w", n, err)
		}
	}
	if n == 0 {
		return h, errors.New("it has no weights")
	}
	return h, nil
}

func (o *outline) skipFilters() error {
	var size struct{ Mels, FFT int32 }
	if err := o.read(&size); err != nil {
		return err
	}
	return o.skip(int64(size.Mels) * int64(size.FFT) * 4)
}

func (o *outline) skipVocabulary() error {
	var tokens int32
	if err := o.read(&tokens); err != nil {
		return err
	}
	for range tokens {
		var length uint32
		if err := o.read(&length); err != nil {
			return err
		}
		if err := o.skip(int64(length)); err != nil {
			return err
		}
	}
	return nil
}

// tensorHeader is what a tensor begins with. Its dimensions follow, then its name.
type tensorHeader struct{ Dims, Name, Type int32 }

// longestName is that of the name of a tensor, in bytes.
const longestName = 1 << 10

func (h tensorHeader) check() error {
	if _, known := blocks[h.Type]; h.Dims < 1 || h.Dims > 4 || h.Name < 0 || h.Name > longestName || !known {
		return fmt.Errorf("no tensor has %d dimensions, a name of %d bytes and type %d", h.Dims, h.Name, h.Type)
	}
	return nil
}

// size returns how many bytes a tensor of these dimensions has.
func (h tensorHeader) size(dims []int32) (int64, error) {
	weights := int64(1)
	for _, d := range dims {
		if d < 1 || weights*int64(d) > 1<<34 {
			return 0, fmt.Errorf("a tensor cannot have dimensions %v", dims)
		}
		weights *= int64(d)
	}
	return weights / blocks[h.Type].weights * blocks[h.Type].bytes, nil
}

func (o *outline) skipTensor() error {
	var h tensorHeader
	if err := o.read(&h); err != nil {
		return err
	}
	if err := h.check(); err != nil {
		return err
	}
	dims := make([]int32, h.Dims)
	if err := o.read(dims); err != nil {
		return err
	}
	size, err := h.size(dims)
	if err != nil {
		return err
	}
	return o.skip(int64(h.Name) + size)
}

func (o *outline) read(into any) error {
	n := int64(binary.Size(into))
	if n > o.left {
		return io.ErrUnexpectedEOF
	}
	o.left -= n
	return binary.Read(o.r, binary.LittleEndian, into)
}

func (o *outline) skip(n int64) error {
	if n < 0 || n > o.left {
		return io.ErrUnexpectedEOF
	}
	o.left -= n
	within := min(n, int64(o.r.Buffered()))
	if _, err := o.r.Discard(int(within)); err != nil || within == n {
		return err
	}
	if _, err := o.file.Seek(n-within, io.SeekCurrent); err != nil {
		return err
	}
	o.r.Reset(o.file)
	return nil
}
