package whisper

import (
	"strings"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// checkTimes checks what Decode promises of times and texts, for a window of
// that many samples.
func checkTimes(t *testing.T, segments []transcription.Segment, samples int) {
	t.Helper()
	last := time.Duration(0)
	for _, s := range segments {
		checkSpan(t, "segment "+s.Text, s.Start, s.End, last, audio.Samples(samples).Duration())
		last = s.End
		at := s.Start
		for _, w := range s.Words {
			checkSpan(t, "word "+w.Text, w.Start, w.End, at, s.End)
			at = w.End
			if strings.TrimSpace(w.Text) != w.Text || w.Text == "" {
				t.Errorf("word %q has spaces or nothing else", w.Text)
			}
		}
		if got, want := joined(s.Words), strings.Join(strings.Fields(s.Text), " "); got != want {
			t.Errorf("words say %q, the segment %q", got, want)
		}
	}
}

func checkSpan(t *testing.T, what string, start, end, from, to time.Duration) {
	t.Helper()
	if start < from || end <= start || end > to {
		t.Errorf("%s: %v to %v is not in order inside %v to %v", what, start, end, from, to)
	}
	if start%time.Millisecond != 0 || end%time.Millisecond != 0 {
		t.Errorf("%s: %v to %v is not in whole milliseconds", what, start, end)
	}
}

// joined puts words together again.
func joined(words []transcription.Word) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 && !w.Glued {
			b.WriteByte(' ')
		}
		b.WriteString(w.Text)
	}
	return b.String()
}
