package pipeline_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
)

// An outage of the storage used to cost each step its five attempts within half a
// minute, and with them every run in flight. It may last as long as it likes.
func TestPipeline_outageCostsNoAttempt(t *testing.T) {
	t.Parallel()
	for code, call := range map[string]string{"storage_unavailable": "Open", "engine_interrupted": "Decode"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, quick)
			s := say(23, 10, 200*time.Millisecond)
			tr := w.upload(t, s)
			failures := 4 * pipeline.MaxAttempts
			w.breaks = func(c string) error {
				if c != call || failures == 0 {
					return nil
				}
				failures--
				return fmt.Errorf("wrapped: %w", fault.New(fault.Unavailable, "It does not answer.").WithCode(code))
			}
			w.drain(t, 1)
			w.checkText(t, tr, s)
			if failures > 0 {
				t.Errorf("%d failures did not happen", failures)
			}
		})
	}
}

// Who is put off by an outage asks again after 16 to 24 s, and not at once.
func TestPipeline_outageIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, pipeline.Options{})
		tr := w.upload(t, say(24, 3, 200*time.Millisecond))
		w.breaks = func(call string) error {
			if call == "Open" {
				return fault.New(fault.Unavailable, "It does not answer.").WithCode("storage_unavailable")
			}
			return nil
		}
		begun := time.Now()
		for range 3 {
			var step pipeline.Step
			for ok := false; !ok; step, ok = w.take() {
				time.Sleep(time.Second)
				if err := w.dispatcher.Advance(t.Context(), tr.Ref()); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.pipeline.Do(t.Context(), step); err != nil {
				t.Fatal(err)
			}
		}
		if waited := time.Since(begun); waited < 32*time.Second || waited > time.Minute {
			t.Errorf("three times within %v, want 16 to 24 s between them", waited)
		}
	})
}
