package pipeline_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// patient renews a lease so seldom that only a hint can tell in time that it is lost.
var patient = pipeline.Options{Lease: 3 * time.Hour, Retry: time.Nanosecond, Chunk: quick.Chunk}

// ended waits for the end of a context, but not for ever.
func ended(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return true
	case <-time.After(time.Minute):
		return false
	}
}

// A canceled and a deleted transcription are let go of in the middle of a window.
func TestPipeline_Hint(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(t *testing.T, w *world, tr *transcription.Transcription){
		"canceled": func(t *testing.T, w *world, tr *transcription.Transcription) {
			if err := w.CancelTranscription(t.Context(), tr.OwnerID, tr.ID); err != nil {
				t.Error(err)
			}
		},
		"deleted": func(_ *testing.T, w *world, tr *transcription.Transcription) { w.Delete(tr.ID) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, patient)
			s, other := say(20, 40, 200*time.Millisecond), say(21, 40, 200*time.Millisecond)
			tr := w.upload(t, s)
			var once sync.Once
			w.onCall = func(ctx context.Context) {
				once.Do(func() {
					end(t, w, tr)
					w.pipeline.Hint(tr.ID)
					if !ended(ctx) {
						t.Error("the step goes on")
					}
				})
			}
			w.drain(t, 1)
			neighbour := w.upload(t, other)
			w.drain(t, 1)
			w.checkText(t, neighbour, other)
			for _, id := range w.IDs() {
				if got := w.Transcription(id); id == tr.ID && (got.Status != transcription.Canceled || got.Text != "" || got.Failure != nil) {
					t.Errorf("got %s %q, %+v", got.Status, got.Text, got.Failure)
				}
			}
			if _, ok := w.blobs[tr.File.Key]; ok != (name == "canceled") {
				t.Errorf("the recording is there: %v", ok)
			}
		})
	}
}

// A hint that is late or wrong ends nothing: only the store is believed.
func TestPipeline_Hint_wrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t, patient)
	s := say(22, 60, 200*time.Millisecond)
	tr := w.upload(t, s)
	w.onWord = func() { w.pipeline.Hint(tr.ID) }
	w.drain(t, 1)
	w.checkText(t, tr, s)
	w.pipeline.Hint(tr.ID) // nobody works on it any more
}
