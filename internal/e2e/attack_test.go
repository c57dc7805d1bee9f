//go:build e2e

package e2e

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// TestAttack uploads a dozen kinds of files that were made to do harm and that look like
// recordings to the api. A worker finds out, says so with a code, and goes on. More than two
// hundred go through the sandbox in internal/media.
//
//nolint:tparallel // one after the other: what is left is looked at once all have ended
func TestAttack(t *testing.T) {
	t.Parallel()
	s := newStack(t, map[string]string{"TS_MAX_DURATION": "5m"})
	worker, p := s.worker, s.person(t)
	var hits atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	t.Cleanup(server.Close)
	canary := newCanary(t, ffmpeg(t, "ts", "-f", "lavfi", "-i", "sine=d=2", "-c:a", "mp2"))
	dice := rand.New(rand.NewPCG(2026, 5))
	noise := make([]byte, 100_000)
	for i := range noise {
		noise[i] = byte(dice.Uint32())
	}
	wav := ffmpeg(t, "wav", "-f", "lavfi", "-i", "sine=d=2")
	mp4 := ffmpeg(t, "mp4", "-f", "lavfi", "-i", "sine=d=2")
	ftyp := box("ftyp", []byte("isom\x00\x00\x02\x00isom"))
	playlist := func(segment string) []byte {
		return fmt.Appendf(nil, "%s#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n%s\n#EXT-X-ENDLIST\n", strings.Repeat("\x00", 16), segment)
	}
	for _, row := range []struct {
		name, file string
		content    []byte
	}{
		{"playlist of a file", "a.mp4", playlist("file://" + canary.path)},
		{"playlist of a server", "a.mp3", playlist(server.URL + "/a.ts")},
		{"concat", "a.ts", fmt.Appendf(nil, "ffconcat version 1.0\n#\x00\x01\x02\nfile '%s'\n", canary.path)},
		{"noise behind a head", "a.flac", append([]byte("fLaC\x00\x00\x00\x22"), noise...)},
		{"noise in a head", "a.mp4", slices.Concat(mp4[:40], noise)},
		{"boxes in boxes", "a.mp4", append(bytes.Clone(ftyp), nested(3000)...)},
		{"ten thousand tracks", "a.mp4", append(bytes.Clone(ftyp), box("moov", bytes.Repeat(box("trak"), 10_000))...)},
		{"a packed head", "a.mov", append(bytes.Clone(ftyp), packed(t)...)},
		{"65535 channels", "a.wav", patch(t, wav, "fmt ", 10, "\xff\xff")},
		{"blocks of nothing", "a.wav", patch(t, wav, "fmt ", 8, "\x01\x00\x00\x00\x00\x00\x00\x00")},
		{"empty pages", "a.ogg", bytes.Repeat([]byte("OggS\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), 20_000)},
		{"hours of silence", "a.flac", ffmpeg(t, "flac", "-f", "lavfi", "-i", "anullsrc=r=8000:cl=mono", "-t", "14400")},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := p.as(t)
			ended := p.follow(p.send(row.file, row.content))
			// Which of them it is depends on the version of ffmpeg.
			if codes := []string{"unreadable_media", "no_audio", "unsupported_media", "too_long"}; ended.Status != "failed" || !slices.Contains(codes, ended.Error.Code) {
				t.Errorf("ended as %s with %+v, want failed with one of %q", ended.Status, ended.Error, codes)
			}
			ended.Error.isSentence(t)
		})
	}
	p.complete(p.send("short03.flac", demo(t, "test/short03.flac")))
	select {
	case <-worker.done:
		t.Errorf("the worker has ended:\n%s", worker.tail())
	default:
	}
	if canary.touched(t) || hits.Load() > 0 {
		t.Errorf("a file of this machine was opened, or a server asked (%d)", hits.Load())
	}
	eventually(t, "no temporary file is left", func() bool { return len(s.scratch(t)) == 0 })
}

// box is one of the boxes that MP4 files are made of.
func box(kind string, parts ...[]byte) []byte {
	inside := slices.Concat(parts...)
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(8+len(inside))), kind...), inside...)
}

// nested is a box in a box, so many deep.
func nested(depth int) (b []byte) {
	for range depth {
		b = box("moov", b)
	}
	return b
}

// packed is the head of a QuickTime film that is small and becomes large.
func packed(t *testing.T) []byte {
	t.Helper()
	const size = 256 << 20
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	for range size >> 20 {
		if _, err := w.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return box("moov", box("cmov", box("dcom", []byte("zlib")), box("cmvd", binary.BigEndian.AppendUint32(nil, size), b.Bytes())))
}

// patch writes other bytes into a copy, so far behind a tag.
func patch(t *testing.T, whole []byte, tag string, behind int, value string) []byte {
	t.Helper()
	b, at := bytes.Clone(whole), bytes.Index(whole, []byte(tag))
	if at < 0 {
		t.Fatalf("there is no %q", tag)
	}
	copy(b[at+behind:], value)
	return b
}
