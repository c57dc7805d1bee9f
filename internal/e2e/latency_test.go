//go:build e2e

package e2e

import (
	"slices"
	"testing"
	"time"
)

// TestLatency measures what is added to the time that a short recording takes to
// be decoded: the upload, the steps before and after, and above all the waiting in
// queues between them. The limit is far above what was measured, since machines
// that run tests are busy; the log has the figures.
func TestLatency(t *testing.T) {
	const rounds, limit = 10, 10 * time.Second
	s := newStack(t, nil)
	p := s.person(t)
	clip := demo(t, "test/short01.flac")
	p.complete(p.send("short01.flac", clip)) // the model is loaded from here on
	var added []time.Duration
	for range rounds {
		begun := time.Now()
		id := p.send("short01.flac", clip)
		eventually(t, "it is completed", func() bool {
			return s.count(t.Context(), "SELECT count(*) FROM transcriptions WHERE id = $1 AND status = 'completed'", id) == 1
		})
		var ended time.Time
		var decoding int64
		err := s.db.QueryRowContext(t.Context(), `SELECT t.completed_at, sum(c.elapsed_us) FROM transcriptions AS t
			JOIN chunks AS c ON c.transcription_id = t.id WHERE t.id = $1 GROUP BY t.id`, id).Scan(&ended, &decoding)
		if err != nil {
			t.Fatal(err)
		}
		added = append(added, ended.Sub(begun)-time.Duration(decoding)*time.Microsecond)
	}
	slices.Sort(added)
	median := added[rounds/2]
	t.Logf("beside decoding: median %v, from %v to %v", median.Round(time.Millisecond), added[0].Round(time.Millisecond), added[rounds-1].Round(time.Millisecond))
	if median > limit {
		t.Errorf("the median of what comes on top of decoding is %v, at most %v is expected", median, limit)
	}
}
