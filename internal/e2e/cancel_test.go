//go:build e2e

package e2e

import (
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// letGo is within how long a worker is free of what was canceled: two seconds where it
// has the machine for itself, which the log has, and far less than the hundred in which
// it would know without the hint, from its lease.
const letGo = 30 * time.Second

func (p *person) cancel(id string) answer {
	p.t.Helper()
	return p.do(http.MethodPost, root+"/transcriptions/"+id+"/cancel", http.NoBody)
}

// long returns a recording of more than that many minutes.
func long(t *testing.T, minutes int) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "once.mka")
	writeFile(t, file, ffmpeg(t, "mka", "-i", demoPath("test/long4.flac"), "-c:a", "libopus", "-b:a", "24k"))
	return ffmpeg(t, "mka", "-stream_loop", strconv.Itoa(minutes/2), "-i", file, "-c", "copy")
}

// TestCancel cancels a long recording in every step: its worker is idle soon and
// does what comes next, though the recording would have kept it for minutes. It does
// not run beside others: it measures.
func TestCancel(t *testing.T) {
	s := newStack(t, map[string]string{"TS_LEASE": "5m"})
	p := s.person(t)
	p.complete(p.send("short01.flac", demo(t, "test/short01.flac"))) // loads the model
	recording := long(t, 180)
	for name, reached := range map[string]func(p *person, id string) bool{
		"preparing": func(p *person, id string) bool { return p.show(id).Status == "preparing" },
		"transcribing": func(p *person, id string) bool {
			now := p.show(id)
			return now.Partial && now.Text != ""
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := p.as(t)
			begun := time.Now()
			id := p.send("long.mka", recording)
			eventually(t, name, func() bool { return reached(p, id) })
			s.worker.busy(t, idleTicks+rand.N(100)) // any moment will do
			before := p.show(id)
			left := time.Duration(float64(time.Since(begun)) * (1 - before.Progress) / max(before.Progress, 0.001))

			var canceled transcription
			p.cancel(id).want(t, http.StatusOK, &canceled)
			answered := time.Now()
			if canceled.Status != "canceled" || canceled.Partial || canceled.Text != "" || len(canceled.Segments) > 0 ||
				canceled.Progress < before.Progress || canceled.Error != (problem{}) {
				t.Errorf("canceled it is %+v", canceled)
			}
			took := s.worker.idle(t).Sub(answered)
			t.Logf("at %.3f: the worker is idle %v after the answer", before.Progress, took.Round(time.Millisecond))
			if took > letGo {
				t.Errorf("that is more than %v, even for a busy machine", letGo)
			}

			again := time.Now()
			p.complete(p.send("short01.flac", demo(t, "test/short01.flac")))
			t.Logf("a short recording is done in %v, the long one would have taken %v more", time.Since(again).Round(time.Millisecond), left.Round(time.Second))
			if took := time.Since(again); took > left/2 {
				t.Errorf("the worker is not free: a short recording took %v", took)
			}
			s.isCanceled(p, id)
		})
	}
}

// sweptTwice is within how long what a worker still stored when it was told to stop is
// swept: at the second collection, six minutes after the first.
const sweptTwice = 6*time.Minute + patience

// outlast has what waits for another run collected as what waits for none: at once, and
// once more for what was on its way.
func (s *stack) outlast(t *testing.T, prefix string) {
	t.Helper()
	n := s.count(t.Context(), `WITH u AS (UPDATE garbage SET recorded_at = now(), due_at = now() WHERE prefix LIKE $1 || '%' RETURNING 1)
		SELECT count(*) FROM u`, prefix)
	if n == 0 {
		t.Errorf("nothing below %s will be collected", prefix)
	}
}

// isCanceled checks what is left of a canceled transcription: itself and its
// recording with its outline, for as long as nobody deletes it, and its chunks for a week.
func (s *stack) isCanceled(p *person, id string) {
	t := p.t
	t.Helper()
	p.cancel(id).want(t, http.StatusOK, nil)
	if got := p.follow(id); got.Status != "canceled" {
		t.Errorf("it has become %s", got.Status)
	}
	p.get("/export/"+id).refused(t, http.StatusConflict, "not_completed")
	s.person(t).cancel(id).refused(t, http.StatusNotFound, "not_found")
	if n := s.count(t.Context(), "SELECT count(*) FROM steps WHERE transcription_id = $1 AND state NOT IN ('done', 'canceled')", id); n != 0 {
		t.Errorf("%d steps go on", n)
	}
	prefix := "u/" + p.id + "/" + id + "/"
	s.outlast(t, prefix)
	within(t, sweptTwice, "nothing but the recording is left, and its outline", func() bool {
		keys, err := s.blobs.Keys(t.Context(), prefix)
		keys = slices.DeleteFunc(keys, func(k string) bool { return strings.HasPrefix(k, prefix+"peaks/") })
		return err == nil && slices.Equal(keys, []string{prefix + "source"})
	})
	eventually(t, "no temporary file is left", func() bool { return len(s.scratch(t)) == 0 })
	eventually(t, "no task is left", func() bool { return len(s.tasks(t, id)) == 0 })
	p.delete("/transcriptions/"+id).want(t, http.StatusNoContent, nil)
}

// TestCancel_tooLate: what has ended stays as it is.
func TestCancel_tooLate(t *testing.T) {
	t.Parallel()
	p := shared.person(t)
	id := p.send("short03.flac", demo(t, "test/short03.flac"))
	done := p.complete(id)
	p.cancel(id).refused(t, http.StatusConflict, "already_ended")
	if got := p.show(id); got.Status != "completed" || got.Text != done.Text {
		t.Errorf("it has become %+v", got)
	}
}

// The granularity in which idleness is measured. A worker without work uses about a
// hundredth of a core: it looks into its queues.
const (
	idleFor   = 250 * time.Millisecond
	idleTicks = 2 // of 10 ms, within idleFor
)

// busy waits until the process and its children have used that many ticks more.
func (p *process) busy(t *testing.T, ticks int) {
	t.Helper()
	earlier, _ := p.used(t)
	eventually(t, p.name+" is busy", func() bool {
		now, _ := p.used(t)
		return now-earlier > ticks
	})
}

// idle waits until the process and its children do nothing any more, and returns
// since when.
func (p *process) idle(t *testing.T) (since time.Time) {
	t.Helper()
	since = time.Now()
	used, busy := p.used(t)
	eventually(t, p.name+" is idle", func() bool {
		now, busyNow := p.used(t)
		if busy || busyNow || now-used > idleTicks {
			since, used, busy = time.Now(), now, busyNow
		}
		return time.Since(since) > idleFor
	})
	return since
}

// used returns the time, in ticks of 10 ms, that the process and its descendants have
// used, those that are gone included, and whether one of them is an ffmpeg.
func (p *process) used(t *testing.T) (ticks int, ffmpeg bool) {
	t.Helper()
	for _, r := range p.family(t) {
		ticks += r.ticks
		ffmpeg = ffmpeg || strings.HasPrefix(r.name, "ff")
	}
	return ticks, ffmpeg
}
