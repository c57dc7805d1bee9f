package pipeline_test

import (
	"context"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/pipeline"
)

// While a chunk is in work, what was heard of it so far is told with each renewal.
func TestPipeline_tellsWhatItHears(t *testing.T) {
	t.Parallel()
	o := quick
	o.Renew, o.Chunk = time.Millisecond, 5*60*audio.SampleRate
	w := newWorld(t, o)
	tr := w.upload(t, say(13, 1000, 200*time.Millisecond)) // in more windows than there are slots
	w.onCall = func(context.Context) { time.Sleep(20 * time.Millisecond) }
	w.drain(t, 1)
	if heard := w.Heard(tr.ID); heard <= 0 || heard > o.Chunk {
		t.Errorf("%v of a chunk of %v was told", heard.Duration(), o.Chunk.Duration())
	}
}

// What is heard by a worker that has lost the chunk is not told, and no failure.
func TestPipeline_hearsInVain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pipeline.Options{Lease: time.Second, Renew: time.Millisecond, Retry: time.Nanosecond, Chunk: 40 * audio.SampleRate})
	tr := w.upload(t, say(14, 40, 200*time.Millisecond))
	w.onCall = func(context.Context) { time.Sleep(5 * time.Millisecond) }
	w.onWord = func() { w.Delete(tr.ID) }
	w.drain(t, 1)
	if len(w.IDs()) != 0 || len(w.queue) != 0 {
		t.Error("something of the deleted transcription is left")
	}
}
