package transcription

import (
	"testing"
	"time"
)

// Validate is for tests of the corpus, which are outside of this package.
var Validate = validate

// FFProbe returns from when to when the cues of a file are.
func FFProbe(t *testing.T, path string) (times [][2]time.Duration) {
	t.Helper()
	for _, c := range ffprobe(t, path) {
		times = append(times, [2]time.Duration{time.Duration(c.start) * time.Millisecond, time.Duration(c.end) * time.Millisecond})
	}
	return times
}
