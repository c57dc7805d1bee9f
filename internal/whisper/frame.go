package whisper

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// The worker and its engine process speak in frames, each a question or the
// answer to the question of the same id:
//
//	1 byte kind, 4 bytes id, 4 bytes length of the message, 4 bytes length of the
//	sound, the message as JSON, the sound as samples; all little-endian
type frame struct {
	kind    byte
	id      uint32
	message []byte
	sound   []byte
}

// The kinds of frames.
const (
	askOpen    byte = iota + 1 // Options; must come first, its answer is a setup
	askDetect                  // request and sound
	askDecode                  // request and sound
	askSpeech                  // request and sound, up to maxSpeech
	askAbort                   // ends the question of its id
	tellAnswer                 // depends on the question
	tellFault                  // a failure
)

const (
	headerSize = 13
	maxMessage = 8 << 20
	maxSound   = maxSpeech * audio.BytesPerSample
)

var errFrame = errors.New("the other process does not speak in frames")

// request is the message of askDetect, askDecode and askSpeech.
type request struct {
	Model   transcription.Model
	Options pipeline.DecodeOptions
	Speech  string // the file of the model that hears speech
}

// newFrame makes a frame of a message and sound.
func newFrame(kind byte, id uint32, message any, pcm []int16) (frame, error) {
	f := frame{kind: kind, id: id, sound: audio.Encode(pcm)}
	var err error
	if message != nil {
		f.message, err = json.Marshal(message)
	}
	return f, err
}

// write sends the frame in one piece.
func (f frame) write(w io.Writer) error {
	b := make([]byte, 0, headerSize+len(f.message)+len(f.sound))
	b = append(b, f.kind)
	b = binary.LittleEndian.AppendUint32(b, f.id)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(f.message))) //nolint:gosec // far below 4 GiB
	b = binary.LittleEndian.AppendUint32(b, uint32(len(f.sound)))   //nolint:gosec // far below 4 GiB
	b = append(append(b, f.message...), f.sound...)
	_, err := w.Write(b)
	return err
}

// readFrame returns io.EOF when r ends between two frames.
func readFrame(r io.Reader) (frame, error) {
	var h [headerSize]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return frame{}, err
	}
	f := frame{kind: h[0], id: binary.LittleEndian.Uint32(h[1:])}
	message, sound := binary.LittleEndian.Uint32(h[5:]), binary.LittleEndian.Uint32(h[9:])
	if f.kind < askOpen || f.kind > tellFault || message > maxMessage || sound > uint32(maxSound) || sound%audio.BytesPerSample != 0 {
		return frame{}, errFrame
	}
	body := make([]byte, message+sound)
	if _, err := io.ReadFull(r, body); err != nil {
		return frame{}, fmt.Errorf("read frame: %w", noEOF(err))
	}
	f.message, f.sound = body[:message:message], body[message:]
	return f, nil
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// failure is the message of tellFault.
type failure struct {
	Kind    fault.Kind
	Code    string
	Message string
	Details map[string]any
	Cause   string
}

func newFailure(err error) failure {
	f := fault.Of(err)
	msg := failure{Kind: f.Kind, Code: f.Code, Message: f.Message, Details: f.Details}
	if f.Err != nil {
		msg.Cause = f.Err.Error()
	}
	return msg
}

func (f failure) err() error {
	err := &fault.Error{Kind: f.Kind, Code: f.Code, Message: f.Message, Details: f.Details}
	if f.Cause != "" {
		err.Err = errors.New(f.Cause)
	}
	return err
}

// answer returns what the frame tells into v, or the failure it tells.
func (f frame) answer(v any) error {
	if f.kind == tellAnswer {
		return json.Unmarshal(f.message, v)
	}
	var told failure
	if err := json.Unmarshal(f.message, &told); err != nil {
		return err
	}
	return told.err()
}
