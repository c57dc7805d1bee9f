package pipeline_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/pipeline/pipelinetest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// finished is a store that notes of what sound a result was accepted.
type finished struct {
	*pipelinetest.Memory
	mu    sync.Mutex
	tiles map[string][]audio.Piece // by recipe and channel
}

func (f *finished) FinishChunk(ctx context.Context, l pipeline.Lease, r pipeline.ChunkResult) error {
	err := f.Memory.FinishChunk(ctx, l, r)
	if err == nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		key := fmt.Sprint(r.Made, r.Chunk.Channel)
		f.tiles[key] = append(f.tiles[key], r.Chunk.Piece)
	}
	return err
}

// checkTiles complains about sound that was turned into text twice in the same way.
func (f *finished) checkTiles(t *testing.T) {
	t.Helper()
	for _, tiles := range f.tiles {
		for i, a := range tiles {
			for _, b := range tiles[:i] {
				if a.Start < b.End && b.Start < a.End {
					t.Errorf("%v to %v was done, and %v to %v", b.Start.Duration(), b.End.Duration(), a.Start.Duration(), a.End.Duration())
				}
			}
		}
	}
}

// watched makes the world's store note what is finished.
func (w *world) watched(o pipeline.Options) *finished {
	f := &finished{Memory: w.Memory, tiles: map[string][]audio.Piece{}}
	w.pipeline = pipeline.New(w.dispatcher, f, blobs{w}, media{w}, engine{w}, o)
	return f
}

func (w *world) retry(t *testing.T, tr *transcription.Transcription, o transcription.Options) {
	t.Helper()
	now := w.Transcription(tr.ID)
	next := transcription.NextRun{After: now.Ref(), Options: o, Anew: now.Model == ""}
	if err := w.RetryTranscription(t.Context(), tr.OwnerID, next); err != nil {
		t.Error(err)
	}
}

// TestPipeline_retryProperty cancels, fails and retries runs at any moment, any number
// of times, also with other options in between; the workers of the earlier runs come
// back late. The text is whole in the end, and nothing was done twice in the same way.
func TestPipeline_retryProperty(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(seed, 3))
			w := newWorld(t, quick)
			store := w.watched(quick)
			s := say(seed, 120, 150*time.Millisecond)
			tr, other := w.upload(t, s), say(seed+100, 60, 200*time.Millisecond)
			if seed%3 == 0 { // a call, with the channels kept apart
				w.Delete(tr.ID)
				tr = w.uploadSplit(t, s, other)
			}
			left, calls, at := 2+rnd.IntN(8), 0, 1+rnd.IntN(12)
			w.breaks = func(string) error {
				if calls++; left == 0 || calls < at || w.Transcription(tr.ID).Status.Final() {
					return nil
				}
				left--
				calls, at = 0, 1+rnd.IntN(20)
				if err := w.CancelTranscription(t.Context(), tr.OwnerID, tr.ID); err != nil {
					t.Error(err)
				}
				if rnd.IntN(3) > 0 {
					w.retry(t, tr, transcription.Options{Prompt: []string{"", "", "Ada"}[rnd.IntN(3)], Split: tr.Options.Split})
				}
				return nil
			}
			for range 20 {
				w.drain(t, 1+rnd.IntN(2))
				if got := w.Transcription(tr.ID); got.Status == transcription.Completed && got.Options == tr.Options {
					break
				}
				w.retry(t, tr, tr.Options)
			}
			if seed%3 > 0 {
				w.checkText(t, tr, s)
			} else if got := w.Transcription(tr.ID); said(t, got.Segments, "Speaker 1") != s.text() || said(t, got.Segments, "Speaker 2") != other.text() {
				t.Errorf("got %s, want %s and %s", got.Text, s.text(), other.text())
			}
			store.checkTiles(t)
			if w.Transcription(tr.ID).Run < 2 {
				t.Error("there was one run: nothing was proven")
			}
		})
	}
}

// A completed transcription that is run again with the same options is merged anew and
// not decoded; with another prompt, or another release of the engine, it is.
func TestPipeline_retryCompleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	s := say(7, 120, 150*time.Millisecond)
	tr := w.upload(t, s)
	w.drain(t, 1)
	once := w.decoded
	for _, step := range []struct {
		name string
		o    transcription.Options
		want audio.Samples
	}{
		{"as before", transcription.Options{}, once},
		{"another prompt", transcription.Options{Prompt: "Ada"}, 2 * once},
		{"the first prompt again", transcription.Options{}, 2 * once},
		{"another engine", transcription.Options{}, 3 * once},
	} {
		if step.name == "another engine" {
			w.release = "2"
		}
		w.retry(t, tr, step.o)
		if got := w.Transcription(tr.ID); got.Text == "" || got.Earlier == nil {
			t.Errorf("%s: the text is gone before there is another: %+v", step.name, got)
		}
		w.drain(t, 1)
		w.checkText(t, tr, s)
		if w.decoded != step.want || w.Transcription(tr.ID).Earlier != nil {
			t.Errorf("%s: decoded %d in all, want %d", step.name, w.decoded, step.want)
		}
	}
}

// When the chunks of a canceled run are collected, what was done before the first that
// was not is still used.
func TestPipeline_retryAfterLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	store := w.watched(quick)
	s := say(8, 200, 150*time.Millisecond)
	tr := w.upload(t, s)
	calls := 0
	w.breaks = func(call string) error {
		if call == "Decode" {
			if calls++; calls == 4 {
				return w.CancelTranscription(t.Context(), tr.OwnerID, tr.ID)
			}
		}
		return nil
	}
	w.drain(t, 1)
	if err := w.Outlast(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.drain(t, 1)
	w.retry(t, tr, tr.Options)
	w.drain(t, 1)
	w.checkText(t, tr, s)
	store.checkTiles(t)
}
