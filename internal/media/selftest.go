package media

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/turboscribe/turboscribe/internal/audio"
)

// checkHostile decodes a canary file, which must work, and then a playlist in
// the clothes of an mp4 that names the canary, which must read nothing. Without
// the list of formats the second would hand local files to whoever uploads.
func (m *Media) checkHostile(ctx context.Context) (err error) {
	dir, err := m.scratch.dir("check-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	canary, playlist := filepath.Join(dir, "canary.wav"), filepath.Join(dir, "playlist.mp4")
	if err := os.WriteFile(canary, wavTone(audio.SampleRate/10), 0o600); err != nil {
		return fmt.Errorf("write the self-test of ffmpeg: %w", err)
	}
	if err := os.WriteFile(playlist, []byte(hlsPlaylist(canary)), 0o600); err != nil {
		return fmt.Errorf("write the self-test of ffmpeg: %w", err)
	}
	if _, err := m.decodedBytes(ctx, canary); err != nil {
		return fmt.Errorf("self-test of ffmpeg: a plain wav file does not decode: %w", err)
	}
	if _, err := m.Probe(ctx, canary); err != nil {
		return fmt.Errorf("self-test of ffprobe: it does not know a plain wav file: %w", err)
	}
	if n, err := m.decodedBytes(ctx, playlist); err == nil || n > 0 {
		return fmt.Errorf("self-test of ffmpeg: it follows playlists into local files (%d bytes read), which would leak them: install another build", n)
	}
	if _, err := m.Probe(ctx, playlist); err == nil {
		return errors.New("self-test of ffprobe: it follows playlists into local files, which would leak them: install another build")
	}
	return ctx.Err()
}

// decodedBytes decodes path, whatever ffprobe thinks of it, and counts.
func (m *Media) decodedBytes(ctx context.Context, path string) (int64, error) {
	s, err := m.decode(ctx, path, Probe{}, mono)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(io.Discard, s)
	return n, errors.Join(err, s.Close())
}

// hlsPlaylist is a playlist whose only segment is the file at path.
func hlsPlaylist(path string) string {
	return "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nfile://" + path + "\n#EXT-X-ENDLIST\n"
}

// wavTone is a mono 16-bit wav file with n samples of a square wave.
func wavTone(n int) []byte {
	const headerSize, sampleSize = 44, 2
	le, size := binary.LittleEndian, uint32(n*sampleSize) //nolint:gosec // G115: n is the length of a canary
	b := make([]byte, 0, headerSize+int(size))
	b = le.AppendUint32(append(b, "RIFF"...), headerSize-8+size)
	b = le.AppendUint32(append(b, "WAVEfmt "...), 16)
	b = le.AppendUint16(le.AppendUint16(b, 1), 1) // PCM, one channel
	b = le.AppendUint32(le.AppendUint32(b, audio.SampleRate), audio.SampleRate*sampleSize)
	b = le.AppendUint16(le.AppendUint16(b, sampleSize), 8*sampleSize)
	b = le.AppendUint32(append(b, "data"...), size)
	for i := range n {
		b = le.AppendUint16(b, uint16(i/16%2*8000))
	}
	return b
}
