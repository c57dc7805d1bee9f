package whisper

import (
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// retryDecoders is by how much the memory of a decoder's text grows when a
// window is decoded a second time: five readings side by side and two to spare.
const retryDecoders = 7

// stateSize estimates what one slot of a model takes, in bytes, when it has seen
// everything: the keys and values of text and sound, and the buffers that are
// computed in. It rather errs to the larger side.
func stateSize(h header) int64 {
	const (
		textCells  = 512  // textContext, rounded up as the library does
		audioCells = 1536 // audioContext, too
		halves     = 2 * 2
		floats     = 4
	)
	state, layers := int64(h.TextState), int64(h.TextLayer)
	text := textCells * state * layers * halves * retryDecoders
	sound := audioCells*state*layers*halves + audioCells*state*halves
	encoder := int64(14) * audioContext * state * floats // convolutions, one layer, and what goes to the decoder
	decoder := int64(h.Vocab) * textContext * floats * 11 / 10
	return text + sound + encoder + decoder
}

// dtwMemory is what the library reserves while it warps time in a slot: for 224
// tokens and the 23 alignment heads of large-v2, which has the most, it needs 100 MB.
const dtwMemory = 128 << 20

// dtwSize estimates what one slot takes more when words are timed by dynamic time
// warping: that, and the attention of the encoder, which is there as a whole without
// flash attention, with its probabilities.
func dtwSize(h header) int64 {
	const floats = 4
	return dtwMemory + 2*audioContext*audioContext*int64(h.AudioHead)*floats
}

// tooLarge is the fault of a model that cannot be loaded even when it is alone.
// Another worker may have more memory.
func tooLarge(m transcription.Model, need, budget int64, slots int) error {
	return fault.New(fault.Invalid, "The model %s needs about %.1f GB of memory with %d slots, and the worker may use %.1f GB. "+
		"Choose a smaller model, or ask your administrator for more memory (TS_MODEL_MEMORY) or fewer slots (TS_WORKER_SLOTS).",
		m.Name, gigabytes(need), slots, gigabytes(budget)).WithCode("model_too_large").With("field", "model")
}

func gigabytes(n int64) float64 { return float64(n) / 1e9 }
