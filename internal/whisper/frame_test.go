package whisper

import (
	"bytes"
	"errors"
	"io"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

func TestFrame_thereAndBack(t *testing.T) {
	t.Parallel()
	asked := request{Model: transcription.Model{Name: "base", File: "x"}, Options: pipeline.DecodeOptions{Language: "de", Prompt: "Grüße"}}
	first, err := newFrame(askDecode, math.MaxUint32, asked, []int16{0, 1, -1, math.MaxInt16, math.MinInt16})
	if err != nil {
		t.Fatal(err)
	}
	second := frame{kind: askAbort, id: 7, message: []byte{}, sound: []byte{}}
	var line bytes.Buffer
	for _, f := range []frame{first, second} {
		if err := f.write(&line); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []frame{first, second} {
		got, err := readFrame(&line)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(frame{})); diff != "" {
			t.Error(diff)
		}
	}
	if _, err := readFrame(&line); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v, want %v", err, io.EOF)
	}
	if diff := cmp.Diff([]int16{0, 1, -1, math.MaxInt16, math.MinInt16}, audio.Decode(first.sound)); diff != "" {
		t.Error(diff)
	}
}

func TestFrame_limits(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		frame frame
		cut   int
		want  error
	}{
		"the longest chunk": {frame{kind: askSpeech, sound: make([]byte, maxSound)}, 0, nil},
		"more":              {frame{kind: askSpeech, sound: make([]byte, maxSound+2)}, 0, errFrame},
		"half a sample":     {frame{kind: askDecode, sound: make([]byte, 3)}, 0, errFrame},
		"a long message":    {frame{kind: tellAnswer, message: make([]byte, maxMessage+1)}, 0, errFrame},
		"no kind":           {frame{}, 0, errFrame},
		"another kind":      {frame{kind: tellFault + 1}, 0, errFrame},
		"half a frame":      {frame{kind: askDecode, message: make([]byte, 9)}, 4, io.ErrUnexpectedEOF},
		"only its header":   {frame{kind: askDecode, message: make([]byte, 9)}, 9, io.ErrUnexpectedEOF},
		"half a header":     {frame{kind: askDecode}, 4, io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var line bytes.Buffer
			if err := tt.frame.write(&line); err != nil {
				t.Fatal(err)
			}
			line.Truncate(line.Len() - tt.cut)
			if _, err := readFrame(&line); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestFrame_answer_fault(t *testing.T) {
	t.Parallel()
	sent := fault.Wrap(errors.New("cause"), fault.Unavailable, "No memory.").WithCode("out_of_memory").With("field", "model")
	f, err := newFrame(tellFault, 1, newFailure(sent), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := fault.Of(f.answer(nil))
	same := cmp.Comparer(func(a, b error) bool { return a.Error() == b.Error() })
	if diff := cmp.Diff(sent, got, same); diff != "" || got.Details["field"] != "model" || got.Kind != sent.Kind || got.Code != sent.Code {
		t.Errorf("got %#v, want %#v %s", got, sent, diff)
	}
	f.message = []byte("{")
	if err := f.answer(nil); err == nil {
		t.Error("half a message was no error")
	}
}

// FuzzReadFrame checks that bytes from the other process, whatever they are,
// make an error or a frame that is written in the same way.
func FuzzReadFrame(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{askDecode, 1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, '{', '}', 1, 2})
	f.Add([]byte{tellFault, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := readFrame(bytes.NewReader(b))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := got.write(&again); err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(b, again.Bytes()) || len(got.sound)%audio.BytesPerSample != 0 {
			t.Errorf("%x was read as %x", b, again.Bytes())
		}
	})
}
