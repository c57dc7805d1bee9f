//go:build e2e

package e2e

import (
	"path/filepath"
	"slices"
	"testing"
)

// TestFormats uploads one meeting in every format that people have. The words are
// those of the FLAC file, up to what the codec takes away.
func TestFormats(t *testing.T) {
	t.Parallel()
	meeting := filepath.Join(t.TempDir(), "meeting.flac")
	writeFile(t, meeting, demo(t, "samples/meeting.flac"))
	video := []string{"-f", "lavfi", "-i", "testsrc=s=160x90:r=5", "-shortest", "-c:v", "mpeg4"}
	p := shared.person(t)
	want := words(p.complete(p.send("meeting.flac", demo(t, "samples/meeting.flac"))).Text)
	for _, row := range []struct {
		name, format string
		args         []string
		most         int // words of about 114 that may be others than in the FLAC file
	}{
		{"wav", "wav", nil, 0},
		{"wav of 24 bits", "wav", []string{"-c:a", "pcm_s24le"}, 0},
		{"48 kHz, stereo", "wav", []string{"-ar", "48000", "-ac", "2"}, 2},
		{"mp3", "mp3", []string{"-b:a", "64k"}, 4},
		{"m4a", "m4a", []string{"-b:a", "64k"}, 4},
		{"ogg", "ogg", []string{"-c:a", "libopus", "-b:a", "32k"}, 4},
		{"webm", "webm", []string{"-c:a", "libopus", "-b:a", "32k"}, 4},
		{"mp4 with a picture", "mp4", video, 4},
		{"mkv with a picture", "mkv", video, 4},
		{"telephone, 8 kHz", "wav", []string{"-ar", "8000"}, 6},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			p := p.as(t)
			content := ffmpeg(t, row.format, append([]string{"-i", meeting}, row.args...)...)
			done := p.complete(p.send("meeting."+row.format, content))
			n := wordErrors(words(done.Text), want)
			t.Logf("%d of %d words are others", n, len(want))
			if n > row.most {
				t.Errorf("%d words are others, at most %d are expected:\n%s", n, row.most, done.Text)
			}
		})
	}
}

// TestTranscribe_joined uploads two recordings as one file: the text of the second once was
// lost without a word.
func TestTranscribe_joined(t *testing.T) {
	t.Parallel()
	p := shared.person(t)
	var content []byte
	var want []string
	for _, name := range []string{"test/short01", "samples/pauses"} {
		content, want = append(content, demo(t, name+".flac")...), append(want, readTruth(t, name).words()...)
	}
	done := p.complete(p.send("joined.flac", content))
	if n := wordErrors(words(done.Text), want); n > 4 {
		t.Errorf("%d of %d words are others: %s", n, len(want), done.Text)
	}
}

// TestTranscribe_breaksOff uploads the first half of a recording: there is a text
// of that, and a warning.
func TestTranscribe_breaksOff(t *testing.T) {
	t.Parallel()
	p := shared.person(t)
	whole := demo(t, "samples/meeting.flac")
	done := p.complete(p.send("meeting.flac", whole[:len(whole)/2]))
	if len(words(done.Text)) < 40 {
		t.Errorf("half of a meeting has the text %q", done.Text)
	}
	i := slices.IndexFunc(done.Warnings, func(w problem) bool { return w.Code == "truncated" })
	if i < 0 {
		t.Fatalf("no warning of it: %+v", done.Warnings)
	}
	done.Warnings[i].isSentence(t)
}
