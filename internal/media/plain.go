package media

import (
	"context"
	"encoding/binary"
	"io"
	"os"
	"time"

	"golang.org/x/image/riff"

	"github.com/turboscribe/turboscribe/internal/audio"
)

// source is where the samples of a Stream come from.
type source interface {
	io.Reader
	wait() error // after the last sample: whether it ended well
	stop() error // before it
}

// plainFormat is how a WAV file that needs no decoding begins its "fmt " chunk: PCM, one
// channel, 16 kHz, 32,000 bytes a second, 2 bytes a sample of 16 bits ("Multimedia
// Programming Interface and Data Specifications 1.0", IBM and Microsoft, 1991).
type plainFormat struct {
	Kind, Channels     uint16
	Rate, Bytes        uint32
	Block, BitsOfBlock uint16
}

// ordinary is the only format that is plain.
var ordinary = plainFormat{1, mono, audio.SampleRate, bytesPerSecond, audio.BytesPerSample, 8 * audio.BytesPerSample}

// plain is the sound of a WAV file whose samples are already those of a Stream. Recorders
// made for speech write such files, and programs that send short ones and wait: ffmpeg
// would take longer to start than they are heard.
type plain struct {
	ctx    context.Context
	file   *os.File
	data   io.Reader
	length time.Duration
}

// openPlain returns the sound of such a file, and nil for any other, also for one of which
// the least is not as it should be: ffmpeg knows what can still be had of it.
func openPlain(ctx context.Context, path string) *plain {
	f, err := os.Open(path) //nolint:gosec // G304: a file that was staged
	if err != nil {
		return nil
	}
	data, n := plainData(f)
	if n == 0 {
		_ = f.Close() // only read
		return nil
	}
	return &plain{ctx: ctx, file: f, data: data, length: durationOf(n)}
}

// plainData returns the samples of a plain WAV file, and how many bytes those are; 0 for
// another file.
func plainData(f *os.File) (data io.Reader, n int64) {
	form, chunks, err := riff.NewReader(f)
	if err != nil || form != (riff.FourCC{'W', 'A', 'V', 'E'}) {
		return nil, 0
	}
	format := plainFormat{}
	for {
		id, size, chunk, err := chunks.Next()
		switch {
		case err != nil:
			return nil, 0
		case id == riff.FourCC{'f', 'm', 't', ' '}:
			if binary.Read(chunk, binary.LittleEndian, &format) != nil || format != ordinary {
				return nil, 0
			}
		case id == riff.FourCC{'d', 'a', 't', 'a'}:
			if format != ordinary || size%audio.BytesPerSample != 0 || !holds(f, int64(size)) {
				return nil, 0
			}
			return chunk, int64(size)
		}
	}
}

// holds reports whether n more bytes of a file are there.
func holds(f *os.File, n int64) bool {
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Size()-at >= n
}

// Read implements source.
func (p *plain) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	return p.data.Read(b)
}

func (p *plain) wait() error { return p.file.Close() }
func (p *plain) stop() error { return p.file.Close() }
