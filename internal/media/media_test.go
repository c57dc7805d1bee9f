package media

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/fault"
)

const (
	toneHz      = 440
	toneSeconds = 3
)

// tool returns the path of a program of the real ffmpeg. Without it there is
// nothing to test, which is an error where everything has to be there.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing: %v", name, err)
	}
	t.Skipf("%s is missing: %v", name, err)
	return ""
}

// open returns what Open does, less its self-test, which has its own tests; the
// scratch space ends with the test.
func open(t testing.TB, o Options) *Media {
	t.Helper()
	if o.TempDir == "" {
		o.TempDir = t.TempDir()
	}
	scratch, err := openScratch(t.Context(), o.TempDir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := scratch.close(); err != nil {
			t.Error(err)
		}
	})
	m := &Media{ffmpeg: tool(t, "ffmpeg"), ffprobe: tool(t, "ffprobe"), maxDuration: o.MaxDuration, scratch: scratch}
	m.box = m.strongest(t.Context())
	return m
}

// generate runs the plain ffmpeg, with none of our flags, to make a file of the
// given name in a directory of its own.
func generate(t testing.TB, name string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	args = append(append([]string{"-nostdin", "-v", "error", "-y"}, args...), path)
	if out, err := exec.CommandContext(t.Context(), tool(t, "ffmpeg"), args...).CombinedOutput(); err != nil {
		t.Fatalf("generate %s: %v: %s", name, err, out)
	}
	return path
}

// sine is the input of a tone of three seconds, and of what follows it.
func sine(args ...string) []string {
	return append([]string{"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=3"}, args...)
}

// picture is sine with a moving picture of the same length.
func picture(args ...string) []string {
	return append([]string{"-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=3"}, sine(args...)...)
}

// write makes a file with the given content.
func write(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// script makes a program of that name. Another process writes it: whatever this one
// starts meanwhile would have it open for writing for a moment, in which the kernel
// refuses to run it ("text file busy").
func script(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", `cat >"$1" && chmod 700 "$1"`, "sh", path)
	cmd.Stdin = strings.NewReader(content)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("write %s: %v: %s", path, err, out)
	}
	return path
}

// toolOf returns the ffmpeg that a Stream comes from.
func toolOf(s *Stream) *process {
	return s.from.(*process) //nolint:errcheck,forcetypeassert // a test of a file that needs one
}

// samples decodes a file to its end.
func samples(ctx context.Context, m *Media, path string) ([]int16, error) {
	s, err := m.Decode(ctx, path, mono)
	if err != nil {
		return nil, err
	}
	return drain(s)
}

// drain reads a stream to its end and closes it.
func drain(s *Stream) ([]int16, error) {
	b, err := io.ReadAll(s)
	if err := errors.Join(err, s.Close()); err != nil {
		return nil, err
	}
	pcm := make([]int16, len(b)/audio.BytesPerSample)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(b[i*audio.BytesPerSample:]))
	}
	return pcm, nil
}

// purity is the part of the sound's energy that lies at the given frequency: 1
// for a clean tone, next to 0 for another one (Goertzel's algorithm).
func purity(pcm []int16, hz float64) float64 {
	var a, b, total float64
	k := 2 * math.Cos(2*math.Pi*hz/audio.SampleRate)
	for _, s := range pcm {
		a, b = float64(s)+k*a-b, a
		total += float64(s) * float64(s)
	}
	return 2 * (a*a + b*b - k*a*b) / (total*float64(len(pcm)) + 1)
}

// wantFault fails the test unless err carries a fault of this kind and code whose
// message is fit for a person.
func wantFault(t testing.TB, err error, kind fault.Kind, code string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s %s", kind, code)
	}
	f := fault.Of(err)
	if f.Kind != kind || f.Code != code {
		t.Fatalf("got %s %s (%v), want %s %s", f.Kind, f.Code, err, kind, code)
	}
	if strings.ContainsAny(f.Message, "/[]\n") || strings.Contains(f.Message, "ffmpeg") {
		t.Errorf("the message is not for a person: %q", f.Message)
	}
}

func TestOpen_saysWhatIsWrong(t *testing.T) {
	t.Parallel()
	ffmpeg, ffprobe := tool(t, "ffmpeg"), tool(t, "ffprobe")
	ours := func(lines string) string { return script(t, "ffmpeg", "#!/bin/sh\n"+lines+"\n") }
	tests := []struct {
		name string
		o    Options
		want string
	}{
		{"no ffmpeg", Options{FFmpeg: "/nowhere/ffmpeg"}, "find ffmpeg"},
		{"no ffprobe", Options{FFprobe: "/nowhere/ffprobe"}, "find ffprobe"},
		{"another program", Options{FFmpeg: "/bin/echo"}, "does not say a version"},
		{"a program that fails", Options{FFprobe: "/bin/false"}, "run /bin/false"},
		{"too old", Options{FFmpeg: ours("echo ffmpeg version 3.4.8-0ubuntu0.2 Copyright")}, "version 3.4.8-0ubuntu0.2 is too old, 4.0 or later is needed"},
		{"decodes nothing", Options{FFmpeg: ours("test $# = 1 && echo ffmpeg version n7.1")}, "a plain wav file does not decode"},
		{"believes everything", Options{FFmpeg: ours("echo ffmpeg version N-1-gabc; echo sound")}, "follows playlists into local files"},
		{"no temporary directory", Options{TempDir: "/nowhere/tmp"}, "make a temporary directory"},
		{"ffprobe as ffmpeg", Options{FFmpeg: ffprobe, FFprobe: ffmpeg}, "a plain wav file does not decode"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.o.TempDir == "" {
				tt.o.TempDir = t.TempDir()
			}
			_, err := Open(t.Context(), tt.o)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q in it", err, tt.want)
			}
			if left, _ := filepath.Glob(filepath.Join(tt.o.TempDir, scratchName+"*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	tool(t, "ffmpeg")
	dir := t.TempDir()
	m, err := Open(t.Context(), Options{TempDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(m.Isolation(), "process group") {
		t.Errorf("isolation: %q", m.Isolation())
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestOpen_canceled(t *testing.T) {
	t.Parallel()
	tool(t, "ffmpeg")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, Options{TempDir: t.TempDir()}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// TestCheckHostile_seesALeak shows that the self-test can fail: a wrapper that
// drops the list of formats is an ffmpeg that follows playlists.
func TestCheckHostile_seesALeak(t *testing.T) {
	t.Parallel()
	leaky := script(t, "ffmpeg", `#!/bin/sh
for a in "$@"; do
	shift
	case $a in
	-format_whitelist) skip=1 ;;
	*) if [ -n "$skip" ]; then skip=; elif [ "$a" = -i ]; then set -- "$@" -extension_picky 0 -i; else set -- "$@" "$a"; fi ;;
	esac
done
case "$*" in
*playlist.mp4*) exec `+tool(t, "ffmpeg")+` "$@" ;;
esac
exec `+tool(t, "ffmpeg")+` $(echo "$@" | sed 's/-extension_picky 0//')
`)
	m := open(t, Options{})
	m.ffmpeg = leaky
	if err := m.checkHostile(t.Context()); err == nil || !strings.Contains(err.Error(), "follows playlists") {
		t.Errorf("got %v, want the leak to be seen", err)
	}
}

func TestSpoken(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		12 * time.Hour: "12 hours", time.Hour: "1 hour", 90 * time.Minute: "90 minutes", 5 * time.Second: "5 seconds", time.Second: "1 second",
	} {
		if got := spoken(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
}
