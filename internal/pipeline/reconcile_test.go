package pipeline_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

func TestReconciler_queueLosesItsMemory(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	s := say(13, 100, 200*time.Millisecond)
	tr := w.upload(t, s)
	if _, err := w.reconciler.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.queue, w.epoch = nil, "2"
	rep, err := w.reconciler.Reconcile(t.Context())
	if err != nil || rep.QueueLost != 1 || len(w.queue) != 1 {
		t.Fatalf("got %+v, %v and %v in the queue", rep, err, w.queue)
	}
	w.drain(t, 1)
	w.checkText(t, tr, s)
}

func TestReconciler_lostTask(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	s := say(14, 10, 200*time.Millisecond)
	tr := w.upload(t, s)
	if _, err := w.reconciler.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	lost := slices.Clone(w.queue)
	w.queue = nil
	if rep, err := w.reconciler.Reconcile(t.Context()); err != nil || rep.Lost != 0 {
		t.Errorf("a task that has just been enqueued counts as lost: %+v, %v", rep, err)
	}
	w.Age()
	if rep, err := w.reconciler.Reconcile(t.Context()); err != nil || rep.Lost != 1 {
		t.Errorf("got %+v, %v, want one lost", rep, err)
	}
	w.queue = append(w.queue, lost...) // and it turns up after all
	w.drain(t, 1)
	w.checkText(t, tr, s)
}

func TestReconciler_poison(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	tr := w.upload(t, say(15, 10, 200*time.Millisecond))
	other := say(16, 10, 200*time.Millisecond)
	neighbour := w.upload(t, other)
	for range pipeline.MaxAttempts + 1 {
		if _, err := w.reconciler.Reconcile(t.Context()); err != nil {
			t.Fatal(err)
		}
		for step, ok := w.take(); ok; step, ok = w.take() {
			if step.Ref.ID != tr.ID {
				if err := w.pipeline.Do(t.Context(), step); err != nil {
					t.Fatal(err)
				}
				continue
			}
			if _, err := w.Claim(t.Context(), step, "dies", time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		w.Expire()
	}
	if got := w.Transcription(tr.ID); got.Status != transcription.Failed || got.Failure.Code != "gave_up" {
		t.Errorf("got %s, %+v", got.Status, got.Failure)
	}
	w.drain(t, 1)
	w.checkText(t, neighbour, other)
}

// A storage that took requests and did not answer used to keep the collection of
// garbage from ending, and with it everything else from being repaired.
func TestReconciler_dependencyThatHangs(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"DeletePrefix", "Epoch", "Holds"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, quick)
				w.upload(t, say(25, 2, 200*time.Millisecond))
				if _, err := w.reconciler.Reconcile(t.Context()); err != nil {
					t.Fatal(err)
				}
				w.Age()                                                    // somebody has to ask after the task
				w.Delete(w.upload(t, say(26, 2, 200*time.Millisecond)).ID) // garbage
				waits := w.upload(t, say(27, 2, 200*time.Millisecond))
				w.hangs = call
				begun := time.Now()
				if _, err := w.reconciler.Reconcile(t.Context()); err == nil {
					t.Error("nobody says that something does not answer")
				}
				if took := time.Since(begun); took > 15*time.Second {
					t.Errorf("it took %v", took)
				}
				if !slices.ContainsFunc(w.queue, func(s pipeline.Step) bool { return s.Ref == waits.Ref() }) {
					t.Errorf("%v waits still; in the queue is %v", waits.Ref(), w.queue)
				}
			})
		})
	}
}

// Whom one call has shown not to answer is not asked a hundred times more.
func TestReconciler_leavesAtTheFirstOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	for range 5 {
		w.upload(t, say(28, 2, 200*time.Millisecond))
	}
	if _, err := w.reconciler.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Age()
	for range 5 {
		w.Delete(w.upload(t, say(29, 2, 200*time.Millisecond)).ID)
	}
	asked := map[string]int{}
	w.breaks = func(call string) error {
		asked[call]++
		return errBroken
	}
	if _, err := w.reconciler.Reconcile(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff(asked, map[string]int{"Holds": 1, "DeletePrefix": 1}); diff != "" {
		t.Error(diff)
	}
}
