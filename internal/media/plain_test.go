package media

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// wav is a file of those chunks.
func wav(chunks ...[]byte) []byte {
	body := slices.Concat(chunks...)
	return slices.Concat([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, uint32(4+len(body))), []byte("WAVE"), body)
}

func riffChunk(id string, body []byte) []byte {
	b := slices.Concat([]byte(id), binary.LittleEndian.AppendUint32(nil, uint32(len(body))), body)
	return append(b, make([]byte, len(body)%2)...)
}

func formatChunk(f plainFormat) []byte {
	var b bytes.Buffer
	_ = binary.Write(&b, binary.LittleEndian, f) // never fails
	return riffChunk("fmt ", b.Bytes())
}

// What needs no decoding is what ffmpeg would make of it, byte by byte.
func TestDecode_plain(t *testing.T) {
	t.Parallel()
	m := open(t, Options{})
	path := generate(t, "plain.wav", sine("-ar", "16000", "-c:a", "pcm_s16le", "-metadata", "title=odd")...)
	if p := openPlain(t.Context(), path); p == nil {
		t.Fatal("the file is not taken for plain")
	} else if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	decoded, err := m.decode(t.Context(), path, Probe{}, mono)
	if err != nil {
		t.Fatal(err)
	}
	want, err := io.ReadAll(decoded)
	if err := errors.Join(err, decoded.Close()); err != nil {
		t.Fatal(err)
	}
	for _, channels := range []int{mono, stereo} {
		s, err := m.Decode(t.Context(), path, channels)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(s)
		if err := errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%d bytes are not the %d of ffmpeg", len(got), len(want))
		}
		if s.Channels() != mono || s.Duration() != toneSeconds*time.Second || s.Missing() != 0 {
			t.Errorf("%d channels, %v, %v missing", s.Channels(), s.Duration(), s.Missing())
		}
	}
}

func TestOpenPlain_leavesTheRest(t *testing.T) {
	t.Parallel()
	sound := riffChunk("data", make([]byte, 3200))
	with := func(change func(*plainFormat)) []byte {
		f := ordinary
		change(&f)
		return wav(formatChunk(f), sound)
	}
	for name, content := range map[string][]byte{
		"none":            nil,
		"text":            []byte("RIFF is not what this is"),
		"no data":         wav(formatChunk(ordinary)),
		"data first":      wav(sound, formatChunk(ordinary)),
		"empty":           wav(formatChunk(ordinary), riffChunk("data", nil)),
		"odd":             wav(formatChunk(ordinary), riffChunk("data", make([]byte, 3201))),
		"another kind":    with(func(f *plainFormat) { f.Kind = 0xfffe }),
		"stereo":          with(func(f *plainFormat) { f.Channels, f.Block, f.Bytes = 2, 4, 64000 }),
		"8 kHz":           with(func(f *plainFormat) { f.Rate, f.Bytes = 8000, 16000 }),
		"8 bit":           with(func(f *plainFormat) { f.BitsOfBlock, f.Block, f.Bytes = 8, 1, 16000 }),
		"a lie":           with(func(f *plainFormat) { f.Bytes = 1 }),
		"cut off":         wav(formatChunk(ordinary), sound)[:2000],
		"another file":    bytes.Replace(wav(formatChunk(ordinary), sound), []byte("WAVE"), []byte("AVI "), 1),
		"of unknown size": bytes.Replace(wav(formatChunk(ordinary), sound), []byte("data\x80\x0c\x00\x00"), []byte("data\xff\xff\xff\xff"), 1),
	} {
		if p := openPlain(t.Context(), write(t, "a.wav", content)); p != nil {
			t.Errorf("%s: taken for plain", name)
			_ = p.stop()
		}
	}
}

func TestDecode_plain_limits(t *testing.T) {
	t.Parallel()
	path := write(t, "a.wav", wav(riffChunk("LIST", []byte("odd")), formatChunk(ordinary), riffChunk("data", make([]byte, 10*bytesPerSecond))))
	_, err := open(t, Options{MaxDuration: 8 * time.Second}).Decode(t.Context(), path, mono)
	wantFault(t, err, fault.TooLarge, codeTooLong)
	ctx, cancel := context.WithCancel(t.Context())
	s, err := open(t, Options{MaxDuration: 9 * time.Second}).Decode(ctx, path, mono)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(s, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.ReadAll(s); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

func FuzzOpenPlain(f *testing.F) {
	sound := riffChunk("data", make([]byte, 320))
	f.Add(wav(formatChunk(ordinary), sound))
	f.Add(wav(riffChunk("LIST", []byte("odd")), formatChunk(ordinary), riffChunk("fact", nil), sound))
	f.Add(wav(formatChunk(ordinary), sound)[:60])
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "a.wav")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		p := openPlain(t.Context(), path)
		if p == nil {
			return
		}
		got, err := io.ReadAll(p)
		if err := errors.Join(err, p.wait()); err != nil || audio.Samples(len(got)/audio.BytesPerSample).Duration() != p.length {
			t.Errorf("%d bytes of %v: %v", len(got), p.length, err)
		}
	})
}
