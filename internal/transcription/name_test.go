package transcription

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCleanName(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"talk.mp3":                               "talk.mp3",
		"/etc/passwd":                            "passwd",
		`C:\Users\me\talk.mp3`:                   "talk.mp3",
		"../../x.wav":                            "x.wav",
		"":                                       "recording",
		"..":                                     "recording",
		" . ":                                    "recording",
		".wav":                                   ".wav",
		"a\x00b\nc\u202etxt.mp3":                 "abctxt.mp3",
		"Gespräch \xff日本.m4a":                    "Gespräch 日本.m4a",
		strings.Repeat("x", 251) + ".mp3":        strings.Repeat("x", 251) + ".mp3",
		strings.Repeat("x", 252) + ".mp3":        strings.Repeat("x", 251) + ".mp3",
		strings.Repeat("ä", 200) + ".flac":       strings.Repeat("ä", 125) + ".flac",
		strings.Repeat("🎙", 64) + ".wav":         strings.Repeat("🎙", 62) + ".wav",
		strings.Repeat("x", 300):                 strings.Repeat("x", 255),
		"x." + strings.Repeat("y", 300):          "x." + strings.Repeat("y", 253),
		strings.Repeat("x", 250) + " and so.mp3": strings.Repeat("x", 250) + ".mp3",
		"No. 1 of " + strings.Repeat("x", 300):   "No. 1 of " + strings.Repeat("x", 246),
	} {
		if got := CleanName(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestFormat_FileName(t *testing.T) {
	t.Parallel()
	srt, err := FindFormat("srt")
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		"talk.mp3":                         "talk.srt",
		"talk":                             "talk.srt",
		"a.b.c.wav":                        "a.b.c.srt",
		"No. 1 of them":                    "No. 1 of them.srt",
		".wav":                             "transcript.srt",
		"":                                 "transcript.srt",
		" ..wav":                           "transcript.srt",
		strings.Repeat("ä", 127):           strings.Repeat("ä", 125) + ".srt",
		strings.Repeat("x", 254) + ".w":    strings.Repeat("x", 251) + ".srt",
		strings.Repeat("🎙", 62) + "x.wav":  strings.Repeat("🎙", 62) + "x.srt",
		strings.Repeat("🎙", 63) + ".a.wav": strings.Repeat("🎙", 62) + ".srt",
	} {
		if got := srt.FileName(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// FuzzCleanName: whatever a client calls its file, the name and that of the
// export fit a file system, and are what they were when cleaned again.
func FuzzCleanName(f *testing.F) {
	f.Add(strings.Repeat("ä", 200) + ".flac")
	f.Add("a. \xff\n/..")
	f.Add(strings.Repeat("\x8b", 300))
	f.Fuzz(func(t *testing.T, in string) {
		name := CleanName(in)
		if again := CleanName(name); again != name {
			t.Errorf("%q: %q becomes %q", in, name, again)
		}
		for _, got := range []string{name, formats[0].FileName(name), formats[3].FileName(in)} {
			if len(got) > maxNameBytes || got == "" {
				t.Errorf("%q: %q has %d bytes", in, got, len(got))
			}
		}
		if !utf8.ValidString(name) || strings.Contains(name, "/") {
			t.Errorf("%q: got %q", in, name)
		}
	})
}

func TestBytesText(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{12: "12 bytes", 1500: "1.5 kB", 10e9: "10 GB", 5e15: "5000 TB"} {
		if got := bytesText(n); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
