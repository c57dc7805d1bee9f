package media

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// TestDecode_playlists: a playlist in the clothes of a recording made ffmpeg open
// another file of the machine, and its sound came back as a transcript. Each row
// first shows that ffmpeg without our flags falls for it.
func TestDecode_playlists(t *testing.T) {
	t.Parallel()
	m := open(t, Options{})
	canary := generate(t, "canary.ts", sine("-c:a", "mp2")...)
	sound := read(t, canary)
	fragments := generate(t, "canary.mp4", sine("-c:a", "aac", "-movflags", "frag_keyframe+empty_moov+default_base_moof")...)
	dash := `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT3S">
<Period><AdaptationSet mimeType="audio/mp4"><Representation id="0" bandwidth="64000"><BaseURL>%s</BaseURL></Representation></AdaptationSet></Period></MPD>`

	tests := []struct {
		name    string
		content string
		control []string // what an ffmpeg that falls for it is told
	}{
		{"hls.mp4", hlsPlaylist(canary), nil},
		{"hls path.mp3", strings.Replace(hlsPlaylist(canary), "file://", "", 1), nil},
		{"hls url.mp4", strings.Replace(hlsPlaylist(""), "file://", "SERVER/canary.ts", 1), []string{"-protocol_whitelist", "file,http,tcp"}},
		{"concat.mp4", "ffconcat version 1.0\nfile '" + canary + "'\n", []string{"-safe", "0", "-f", "concat"}},
		{"dash.mp4", fmt.Sprintf(dash, fragments), []string{"-f", "dash"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var hits atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				hits.Add(1)
				http.ServeContent(w, r, "canary.ts", time.Time{}, bytes.NewReader(sound))
			}))
			t.Cleanup(server.Close)
			path := write(t, tt.name, []byte(strings.ReplaceAll(tt.content, "SERVER", server.URL)))
			args := append(append([]string{"-nostdin", "-v", "error"}, tt.control...), "-i", path, "-f", "s16le", "pipe:1")
			var said tail
			control := exec.CommandContext(t.Context(), tool(t, "ffmpeg"), args...)
			control.Stderr = &said
			if leaked, err := control.Output(); err != nil || len(leaked) < audio.SampleRate {
				t.Fatalf("the attack does not work: %d bytes, %v: %s", len(leaked), err, said.String())
			}
			hits.Store(0)
			_, err := m.Probe(t.Context(), path)
			wantRefused(t, err)
			_, err = samples(t.Context(), m, path)
			wantRefused(t, err)
			n, err := m.decodedBytes(t.Context(), path)
			wantRefused(t, err)
			if n != 0 || hits.Load() != 0 {
				t.Errorf("%d bytes and %d requests got out", n, hits.Load())
			}
			if _, err := Sniff([]byte(tt.content)); err == nil {
				t.Error("the head of the file passes as a recording")
			}
		})
	}
}

// wantRefused fails the test unless err blames the file for good.
func wantRefused(t *testing.T, err error) {
	t.Helper()
	if err == nil || !fault.Permanent(err) {
		t.Fatalf("got %v, want the file to be refused", err)
	}
}

// TestFormats_noPlaylist guards the list itself.
func TestFormats_noPlaylist(t *testing.T) {
	t.Parallel()
	for name := range strings.SplitSeq(formats, ",") {
		switch name {
		case "hls", "applehttp", "dash", "concat", "image2", "tty", "srt", "webvtt", "ass", "sdp", "rtsp", "lavfi", "webm_dash_manifest", "imf":
			t.Errorf("%s may open other files", name)
		}
	}
}

func TestDecode_badFiles(t *testing.T) {
	t.Parallel()
	m := open(t, Options{})
	whole := read(t, generate(t, "whole.mp4", picture("-c:a", "aac")...))
	silent := read(t, generate(t, "silent.mp4", "-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=1"))
	picture := read(t, generate(t, "picture.png", "-f", "lavfi", "-i", "testsrc=size=64x48", "-frames:v", "1"))
	header := wavTone(0)
	tests := []struct {
		name    string
		content []byte
		kind    fault.Kind
		code    string
	}{
		{"truncated.mp4", whole[:len(whole)/2], fault.Invalid, codeUnreadable},
		{"text.mp3", bytes.Repeat([]byte("This is a letter, not a song.\n"), 400), fault.Invalid, codeUnreadable},
		{"zeros.wav", make([]byte, 100_000), fault.Invalid, codeUnreadable},
		{"empty.wav", nil, fault.Invalid, codeUnreadable},
		{"silent film.mp4", silent, fault.Invalid, codeNoAudio},
		{"no sample.wav", header, fault.Invalid, codeNoAudio},
		{"picture.wav", picture, fault.Unsupported, codeUnsupported},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := write(t, tt.name, tt.content)
			_, err := samples(t.Context(), m, path)
			wantFault(t, err, tt.kind, tt.code)
			_, err = m.decodedBytes(t.Context(), path)
			wantRefused(t, err)
		})
	}
}

// read returns the content of a file.
func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestDecode_forgedGap: two time stamps, a day apart, made a file of 100 kB cost
// gigabytes of memory, because a gap is filled with silence. An hour is filled; a
// day is not, and costs no more than the limit.
func TestDecode_forgedGap(t *testing.T) {
	t.Parallel()
	m := open(t, Options{})
	tests := []struct {
		name    string
		gap     time.Duration
		longest time.Duration
	}{
		{"hour.mkv", time.Hour, time.Hour + toneSeconds*time.Second},
		{"day.mkv", 24 * time.Hour, 5 * time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			jump := fmt.Sprintf("asetpts='if(gt(T,1),PTS+%d*48000,PTS)'", tt.gap/time.Second)
			s, err := m.Decode(t.Context(), generate(t, tt.name, sine("-af", jump, "-c:a", "flac")...), mono)
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, s)
			if err := errors.Join(err, s.Close()); err != nil {
				t.Fatal(err)
			}
			got := audio.Samples(n / audio.BytesPerSample).Duration()
			if got < time.Hour+toneSeconds*time.Second-slack || got > tt.longest+slack {
				t.Errorf("got %v of sound", got)
			}
			usage, ok := toolOf(s).cmd.ProcessState.SysUsage().(*syscall.Rusage)
			if !ok || usage.Maxrss > 3<<19 {
				t.Errorf("it took %d KiB of memory", usage.Maxrss)
			}
		})
	}
}

func TestDecode_missingFile(t *testing.T) {
	t.Parallel()
	m := open(t, Options{})
	if _, err := m.Decode(t.Context(), filepath.Join(t.TempDir(), "none.wav"), mono); fault.Permanent(err) || err == nil {
		t.Errorf("got %v: a file that we lost is no fault of the recording", err)
	}
}

// TestDecode_damaged: half a recording is worth having. What a broken upload or
// a full memory card left is decoded as far as it goes.
func TestDecode_damaged(t *testing.T) {
	t.Parallel()
	m := open(t, Options{})
	for name, args := range map[string][]string{"a.mp3": sine("-c:a", "libmp3lame"), "a.wav": sine(), "a.flac": sine(), "fast.mp4": picture("-c:a", "aac", "-movflags", "faststart")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole := read(t, generate(t, name, args...))
			pcm, err := samples(t.Context(), m, write(t, name, whole[:len(whole)/2]))
			if err != nil {
				t.Fatal(err)
			}
			if got := audio.Samples(len(pcm)).Duration(); got < 500*time.Millisecond || got > 2500*time.Millisecond {
				t.Errorf("half of three seconds came out as %v", got)
			}
		})
	}
}

func TestDecode_tooLong(t *testing.T) {
	t.Parallel()
	m := open(t, Options{MaxDuration: time.Second})
	path := generate(t, "long.wav", sine()...)
	_, err := m.Probe(t.Context(), path)
	wantFault(t, err, fault.TooLarge, codeTooLong)
	if got := fault.Of(err).Details["limitSeconds"]; got != 1.0 {
		t.Errorf("the limit in the details is %v", got)
	}
	s, err := m.decode(t.Context(), path, Probe{Duration: time.Second}, mono)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, s)
	wantFault(t, err, fault.TooLarge, codeTooLong)
	if limit := bytesOf(2*time.Second) + 1; n > limit {
		t.Errorf("%d bytes were read, the limit is %d", n, limit)
	}
	wantFault(t, s.Close(), fault.TooLarge, codeTooLong)
}

// TestDecode_asLongAsAllowed: what an encoder adds must not push a recording of
// exactly the allowed length over the limit.
func TestDecode_asLongAsAllowed(t *testing.T) {
	t.Parallel()
	m := open(t, Options{MaxDuration: toneSeconds * time.Second})
	pcm, err := samples(t.Context(), m, generate(t, "a.aac", sine("-c:a", "aac")...))
	if err != nil || len(pcm) < toneSeconds*audio.SampleRate {
		t.Errorf("%d samples, %v", len(pcm), err)
	}
}

func TestSniff(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		head string
		kind fault.Kind
		code string
	}{
		{"nothing", "", fault.Invalid, codeEmptyFile},
		{"text", "Dear Sir or Madam,\n", fault.Unsupported, codeUnsupported},
		{"pdf", "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", fault.Unsupported, codeUnsupported},
		{"html", "<!DOCTYPE html><html><body>", fault.Unsupported, codeUnsupported},
		{"json", `{"a":1}`, fault.Unsupported, codeUnsupported},
		{"zip", "PK\x03\x04\x14\x00\x00\x00\x08\x00", fault.Unsupported, codeUnsupported},
		{"png", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", fault.Unsupported, codeUnsupported},
		{"jpeg", "\xff\xd8\xff\xe0\x00\x10JFIF", fault.Unsupported, codeUnsupported},
		{"gif", "GIF89a\x01\x00", fault.Unsupported, codeUnsupported},
		{"program", "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00>\x00", fault.Unsupported, codeUnsupported},
		{"windows program", "MZ\x90\x00\x03\x00\x00\x00", fault.Unsupported, codeUnsupported},
		{"script", "#!/bin/sh\nrm -rf /\n", fault.Unsupported, codeUnsupported},
		{"subtitles", "1\n00:00:01,000 --> 00:00:02,000\nHello\n", fault.Unsupported, codeUnsupported},
		{"playlist", "#EXTM3U\n#EXTINF:3,\nfile:///etc/passwd\n", fault.Unsupported, codeUnsupported},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Sniff([]byte(tt.head))
			if got != "" {
				t.Errorf("got type %q", got)
			}
			wantFault(t, err, tt.kind, tt.code)
		})
	}
}

func TestSniff_passes(t *testing.T) {
	t.Parallel()
	for head, want := range map[string]string{
		"fLaC\x00\x00\x00\x22":                            "audio/flac",
		"OggS\x00\x02":                                    "application/ogg",
		"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00":        "video/mp4",
		"\x01\x02\x03\x04\x05\x06\x07\x08":                "application/octet-stream",
		string(wavTone(4000)) + "text after the first 3K": "audio/wav",
	} {
		if got, err := Sniff([]byte(head)); err != nil || got != want {
			t.Errorf("%.8q: got %q and %v, want %q", head, got, err, want)
		}
	}
}

// FuzzSniff: the head of a file is anything. What passes is called sound or film, or not known.
func FuzzSniff(f *testing.F) {
	f.Add(wavTone(10))
	for _, head := range []string{"", "fLaC", "OggS", "\x00\x00\x00\x20ftypisom", "#EXTM3U\n", "PK\x03\x04", "<?xml?>", "ID3\x04\x00\x00\x00\x00\x00\x00", "\x1aE\xdf\xa3"} {
		f.Add([]byte(head))
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		kind, err := Sniff(head)
		if err == nil && !maybeMedia(kind) || err != nil && kind != "" {
			t.Errorf("%q: got %q, %v", head, kind, err)
		}
		if err == nil {
			return
		}
		if code := fault.Of(err).Code; code != codeUnsupported && code != codeEmptyFile {
			t.Errorf("%q: got %v", head, err)
		}
	})
}
