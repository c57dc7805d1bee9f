//go:build e2e && chaos

package e2e

import (
	"fmt"
	"testing"
)

// TestKilledThrice kills the worker three times while it transcribes an hour, one chunk
// after the other. What is finished is not done again: each kill costs the chunk that
// was being transcribed, and no other.
func TestKilledThrice(t *testing.T) {
	const kills = 3
	s := newStack(t, map[string]string{"TS_WORKER_SLOTS": "1"})
	p := s.person(t)
	id := p.send("hour.flac", ffmpeg(t, "flac", "-stream_loop", "-1", "-i", demoPath("test/long1.flac"), "-t", "3600"))
	for n := range kills {
		eventually(t, fmt.Sprintf("%d chunks are done and another is being transcribed", 2*n+1), func() bool {
			return s.chunks(t, id, "state = 'done'") > 2*n && s.chunks(t, id, "state = 'running'") > 0
		})
		killWorker(t, s, id)
	}
	if got := p.complete(id); len(got.Text) == 0 {
		t.Error("there is no text")
	}
	all, again := s.chunks(t, id, "true"), s.chunks(t, id, "attempts > 1")
	begun := s.count(t.Context(), "SELECT sum(attempts) FROM steps WHERE transcription_id = $1 AND kind = 'transcribe'", id)
	t.Logf("%d chunks, begun %d times in all, %d of them again", all, begun, again)
	if begun > all+kills || all < 10 {
		t.Errorf("%d chunks were begun %d times, want at most %d more", all, begun, kills)
	}
}
