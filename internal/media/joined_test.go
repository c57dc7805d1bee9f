package media

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/audio"
)

// secondHz is the frequency of what is joined behind the tone.
const secondHz = 1000

// other is sine with another tone.
func other(args ...string) []string {
	return append([]string{"-f", "lavfi", "-i", fmt.Sprintf("sine=frequency=%d:sample_rate=48000:duration=3", secondHz)}, args...)
}

// cat joins two files as bytes.
func cat(t *testing.T, a, b string) string {
	t.Helper()
	return write(t, "joined"+filepath.Ext(a), append(read(t, a), read(t, b)...))
}

// TestDecode_joined: recordings that were joined, by cat or by ffmpeg's concat, lost all but
// the first without a word: their time stamps begin again, and what was taken for an overlap
// was dropped. Of those that say where they end, nobody reads on, and that is said.
func TestDecode_joined(t *testing.T) {
	t.Parallel()
	m := open(t, Options{})
	for _, tt := range []struct {
		name  string
		args  []string
		first bool // no more than that is read
	}{
		{"a.flac", nil, false},
		{"a.mp3", []string{"-c:a", "libmp3lame"}, false},
		{"vbr.mp3", []string{"-c:a", "libmp3lame", "-q:a", "5"}, false},
		{"plain.mp3", []string{"-c:a", "libmp3lame", "-q:a", "5", "-write_xing", "0"}, false},
		{"a.ogg", []string{"-c:a", "libvorbis"}, false},
		{"a.opus", []string{"-c:a", "libopus"}, false},
		{"a.aac", []string{"-c:a", "aac"}, false},
		{"a.ts", []string{"-c:a", "mp2"}, false},
		{"a.mka", []string{"-c:a", "flac"}, false},
		{"a.webm", []string{"-c:a", "libopus"}, false},
		{"a.wav", nil, true},
		{"a.aiff", nil, true},
		{"a.m4a", []string{"-c:a", "aac"}, true},
		{"front.m4a", []string{"-c:a", "aac", "-movflags", "+faststart"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			one := generate(t, tt.name, sine(tt.args...)...)
			path := cat(t, one, generate(t, tt.name, other(tt.args...)...))
			pcm, err := samples(t.Context(), m, path)
			if err != nil {
				t.Fatal(err)
			}
			if found, err := joined(path); err != nil || found != tt.first {
				t.Errorf("joined: got %v, %v", found, err)
			}
			if found, err := joined(one); err != nil || found {
				t.Errorf("joined, of one: got %v, %v", found, err)
			}
			length := 2 * toneSeconds * time.Second
			if tt.first {
				length /= 2
			}
			checkLength(t, pcm, length)
			if got := purity(pcm[:toneSeconds*audio.SampleRate*9/10], toneHz); got < 0.95 {
				t.Errorf("the first tone has purity %.3f", got)
			}
			if got := purity(pcm[min(len(pcm)-1, toneSeconds*audio.SampleRate*11/10):], secondHz); got < 0.95 && !tt.first {
				t.Errorf("the second tone has purity %.3f", got)
			}
		})
	}
}

// checkLength allows for what encoders add to each of two parts.
func checkLength(t *testing.T, pcm []int16, want time.Duration) {
	t.Helper()
	if got := audio.Samples(len(pcm)).Duration(); (got - want).Abs() > 150*time.Millisecond {
		t.Errorf("the sound is %v long, want %v", got, want)
	}
}

// TestDecode_concat is what ffmpeg makes of several files, without encoding them again.
func TestDecode_concat(t *testing.T) {
	t.Parallel()
	m := open(t, Options{})
	for name, args := range map[string][]string{
		"a.flac": nil, "a.mp3": {"-c:a", "libmp3lame"}, "a.ogg": {"-c:a", "libvorbis"}, "a.m4a": {"-c:a", "aac"}, "a.wav": nil, "a.mka": {"-c:a", "flac"}, "a.ts": {"-c:a", "mp2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list := write(t, "list", fmt.Appendf(nil, "file %s\nfile %s\nfile %s\n", generate(t, name, sine(args...)...), generate(t, name, other(args...)...), generate(t, name, sine(args...)...)))
			path := generate(t, name, "-f", "concat", "-safe", "0", "-i", list, "-c", "copy")
			pcm, err := samples(t.Context(), m, path)
			if err != nil {
				t.Fatal(err)
			}
			checkLength(t, pcm, 3*toneSeconds*time.Second)
			if got := purity(pcm[audio.SampleRate*7/2:audio.SampleRate*11/2], secondHz); got < 0.95 {
				t.Errorf("the second tone has purity %.3f", got)
			}
			if found, err := joined(path); err != nil || found {
				t.Errorf("joined: got %v, %v", found, err)
			}
		})
	}
}

// TestDecode_timesBefore: what begins before the recording does, as an edit list or an
// encoder's delay has it, is not moved behind anything.
func TestDecode_timesBefore(t *testing.T) {
	t.Parallel()
	m := open(t, Options{})
	for name, args := range map[string][]string{
		"edited.m4a": {"-ss", "0.7", "-i", generate(t, "a.m4a", sine("-c:a", "aac")...), "-c", "copy"},
		"early.mka":  {"-itsoffset", "-0.7", "-i", generate(t, "a.mka", sine("-c:a", "flac")...), "-c", "copy", "-avoid_negative_ts", "disabled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pcm, err := samples(t.Context(), m, generate(t, name, args...))
			if err != nil {
				t.Fatal(err)
			}
			if got := audio.Samples(len(pcm)).Duration(); got > 3100*time.Millisecond || got < 2200*time.Millisecond {
				t.Errorf("the sound is %v long", got)
			}
		})
	}
}

// TestJoined_odd: what is no recording is not looked into any further.
func TestJoined_odd(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"empty": "", "short": "RIFF", "no size": "RIFF\x00\x00\x00\x00WAVERIFF\x00\x00\x00\x00WAVE", "from a pipe": "RIFF\xff\xff\xff\xffWAVE",
		"AVI in parts": "RIFF\x04\x00\x00\x00AVI RIFF\x04\x00\x00\x00AVIX", "box of nothing": "\x00\x00\x00\x08ftyp\x00\x00\x00\x00moov",
		"box without end": "\x00\x00\x00\x08ftyp\x00\x00\x00\x01moov\xff\xff\xff\xff\xff\xff\xff\xff", "huge box": "\x00\x00\x00\x08ftyp\x00\x00\x00\x01moov\x7f\xff\xff\xff\xff\xff\xff\xff",
	} {
		if found, err := joined(write(t, "a", []byte(content))); found || err != nil {
			t.Errorf("%s: got %v, %v", name, found, err)
		}
	}
	if _, err := joined(filepath.Join(t.TempDir(), "none")); !os.IsNotExist(err) && err == nil {
		t.Errorf("got %v", err)
	}
}
