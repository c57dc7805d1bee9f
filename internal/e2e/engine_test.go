//go:build e2e

package e2e

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestEngineKilled kills the engine process again and again, KILLS times, 5 by default,
// at any moment of its work: every recording gets the text that it has when nothing
// happens. Twenty take six minutes, since what crashes is tried again later each time.
func TestEngineKilled(t *testing.T) {
	t.Parallel()
	const waiting = 3
	kills := 5
	if n := os.Getenv("KILLS"); n != "" {
		var err error
		if kills, err = strconv.Atoi(n); err != nil || kills < 1 {
			t.Fatalf("KILLS is %q, want a number from 1 on", n)
		}
	}
	s := newStack(t, nil)
	p := s.person(t)
	names := []string{"samples/meeting", "test/long1", "test/short05"}
	recordings, want := map[string][]byte{}, map[string]transcription{}
	for _, name := range names {
		recordings[name] = demo(t, name+".flac")
		want[name] = p.complete(p.send("clip.flac", recordings[name]))
	}

	sent := map[string]string{}
	for n := range kills {
		eventually(t, "the engine is at work", func() bool {
			// Those that were hit often wait longer and longer: others take their turn.
			for s.count(t.Context(), fresh) < waiting {
				name := names[len(sent)%len(names)]
				sent[p.send("clip.flac", recordings[name])] = name
			}
			time.Sleep(rand.N(800 * time.Millisecond)) // any moment will do
			return s.killEngine(t)
		})
		t.Logf("kill %d, %d recordings sent", n+1, len(sent))
	}
	for id, name := range sent {
		got := p.complete(id)
		if got.Text != want[name].Text || !slices.Equal(got.Segments, want[name].Segments) {
			t.Errorf("%s has another text:\n%s\n%s", name, got.Text, want[name].Text)
		}
	}

	hit := s.count(t.Context(), "SELECT sum(attempts - 1) FROM steps WHERE kind = 'transcribe'")
	restarts := s.metric(t, `turboscribe_engine_restarts_total{reason="crash"}`)
	t.Logf("%d recordings, %d attempts in vain, %v restarts", len(sent), hit, restarts)
	if hit == 0 { // a blow may fall just before a chunk is decoded, or behind
		t.Errorf("%d kills cost no attempt: nothing was proven", kills)
	}
	if restarts < float64(kills) {
		t.Errorf("%v restarts are reported after %d kills", restarts, kills)
	}
}

// fresh counts the transcriptions on their way of which no chunk was begun three times.
const fresh = `SELECT count(*) FROM transcriptions AS t WHERE t.completed_at IS NULL
	AND NOT EXISTS (SELECT FROM steps WHERE transcription_id = t.id AND kind = 'transcribe' AND attempts >= 3)`

// killEngine kills the engine process of the worker if it is at work, and tells whether
// it was. It spares what has only one attempt left: that it gives up then is another
// test's matter.
func (s *stack) killEngine(t *testing.T) bool {
	t.Helper()
	const atWork = "SELECT count(*) FROM steps WHERE kind = 'transcribe' AND state = 'running' AND attempts "
	engines := s.worker.engines(t)
	if len(engines) != 1 || s.count(t.Context(), atWork+"= 5") != 0 || s.count(t.Context(), atWork+"< 5") == 0 {
		return false
	}
	if err := syscall.Kill(engines[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the engine is gone", func() bool { return !slices.Contains(s.worker.engines(t), engines[0]) })
	return true
}

// engines returns the process ids of the worker's engine processes, which run its own
// program. There is one unless it is just being replaced.
func (p *process) engines(t *testing.T) (pids []int) {
	t.Helper()
	family := p.family(t)
	for _, r := range family[1:] {
		if r.program() == family[0].program() {
			pids = append(pids, r.pid)
		}
	}
	return pids
}

// metric returns the value of one of the worker's metrics, by its name and labels.
func (s *stack) metric(t *testing.T, name string) float64 {
	t.Helper()
	return s.metricOf(t, "TS_WORKER_HEALTH_ADDR", name)
}

// metricOf returns that of the program with the address of that setting. One that could
// not be read for a moment is not there.
func (s *stack) metricOf(t *testing.T, addr, name string) (value float64) {
	t.Helper()
	eventually(t, "there is a metric "+name, func() bool {
		text, found := s.look(t, addr, name+" ")
		if !found {
			return false
		}
		if _, err := fmt.Sscan(text, &value); err != nil {
			t.Fatal(err)
		}
		return true
	})
	return value
}

// look returns what follows a text at the beginning of a line of a program's metrics.
func (s *stack) look(t *testing.T, addr, text string) (rest string, found bool) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.env[addr]+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // only read
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if rest, found = strings.CutPrefix(lines.Text(), text); found {
			return rest, true
		}
	}
	return "", false
}
