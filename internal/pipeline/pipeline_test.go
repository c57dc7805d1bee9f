package pipeline_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// quick cuts short chunks and does not wait between attempts.
var quick = pipeline.Options{Worker: "w", Chunk: 40 * audio.SampleRate, Hold: time.Nanosecond, Retry: time.Nanosecond}

// checkText compares a completed transcription with what was said.
func (w *world) checkText(t *testing.T, tr *transcription.Transcription, s *speech) {
	t.Helper()
	got := w.Transcription(tr.ID)
	if got.Status != transcription.Completed {
		t.Fatalf("%s, failure %+v", got.Status, got.Failure)
	}
	if diff := cmp.Diff(strings.Fields(got.Text), strings.Fields(s.text())); diff != "" {
		t.Fatalf("the text differs: %s", diff)
	}
	var words []transcription.Word
	for _, seg := range got.Segments {
		if seg.End <= seg.Start {
			t.Errorf("segment %v–%v", seg.Start, seg.End)
		}
		words = append(words, seg.Words...)
	}
	for i, want := range s.words {
		if d := (words[i].Start - want.Start).Abs(); d > 10*time.Millisecond {
			t.Errorf("%s starts %v beside the truth", want.Text, d)
		}
	}
}

func TestPipeline_textOfALongRecording(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	s := say(1, 500, 150*time.Millisecond)
	tr := w.upload(t, s)
	w.drain(t, 1)
	w.checkText(t, tr, s)
	if total := audio.Samples(len(s.pcm)); w.decoded > total {
		t.Errorf("decoded %d of %d samples: silence was not left out", w.decoded, total)
	}
	for _, n := range w.windows {
		if audio.Samples(n) > audio.MaxWindow {
			t.Errorf("window of %d samples", n)
		}
	}
	cover := w.Transcription(tr.ID).Coverage
	if cover.Covered > cover.Speech || cover.Covered < cover.Speech/2 || len(cover.Gaps) > 0 || len(cover.Seams) < 5 {
		t.Errorf("receipt %+v", cover)
	}
}

// Where nobody pauses, chunks and windows are cut in the middle of speech and
// share sound. No word may be lost or heard twice.
func TestPipeline_speechWithoutPauses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	dense := say(2, 400, 10*time.Millisecond).denser()
	tr := w.upload(t, dense)
	w.drain(t, 1)
	w.checkText(t, tr, dense)
}

func TestPipeline_everythingDeliveredThrice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	s := say(3, 150, 200*time.Millisecond)
	tr := w.upload(t, s)
	w.drain(t, 3)
	w.checkText(t, tr, s)
	if total := audio.Samples(len(s.pcm)); w.decoded > total {
		t.Errorf("decoded %d of %d samples: work was done twice", w.decoded, total)
	}
}

func TestPipeline_everyCallFailsNowAndThen(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"Open", "Put", "Listen", "Detect", "Decode", "Enqueue"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, quick)
			n := 0
			w.breaks = func(c string) error {
				if c != call {
					return nil
				}
				if n++; n%2 == 1 && n < 8 {
					return errBroken
				}
				return nil
			}
			s := say(4, 60, 200*time.Millisecond)
			tr := w.upload(t, s)
			w.drain(t, 1)
			w.checkText(t, tr, s)
			if n < 2 {
				t.Errorf("%s was called %d times: nothing was proven", call, n)
			}
		})
	}
}

func TestPipeline_failures(t *testing.T) {
	t.Parallel()
	noSound := fault.New(fault.Invalid, "The file has no audio track.").WithCode("no_audio")
	tests := []struct {
		name   string
		call   string
		err    error
		code   string
		begins int
	}{
		{"a recording without sound fails at once", "Listen", noSound, "no_audio", 1},
		{"what does not pass is given up", "Listen", errBroken, "gave_up", pipeline.MaxAttempts},
		{"so is a chunk", "Decode", errors.New("crash"), "gave_up", pipeline.MaxAttempts},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, quick)
			n := 0
			w.breaks = func(c string) error {
				if c == tt.call {
					n++
					return tt.err
				}
				return nil
			}
			tr := w.upload(t, say(5, 3, 200*time.Millisecond))
			w.drain(t, 1)
			got := w.Transcription(tr.ID)
			if got.Status != transcription.Failed || got.Failure.Code != tt.code || got.Failure.Message == "" {
				t.Errorf("%s, %+v", got.Status, got.Failure)
			}
			if n != tt.begins {
				t.Errorf("tried %d times, want %d", n, tt.begins)
			}
			if err := w.Outlast(t.Context()); err != nil {
				t.Error(err)
			}
			w.drain(t, 1)
			for key := range w.blobs {
				if strings.Contains(key, "/chunks/") {
					t.Errorf("%s stays", key)
				}
			}
		})
	}
}

func TestPipeline_modelsThatCannot(t *testing.T) {
	t.Parallel()
	english := transcription.Model{Name: "tiny.en"}
	tests := []struct {
		name string
		o    transcription.Options
		code string
	}{
		{"not installed", transcription.Options{Model: "large-v3"}, "model_not_installed"},
		{"another language", transcription.Options{Language: "de"}, "language_not_supported"},
		{"translation", transcription.Options{Translate: true}, "translation_not_supported"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, quick)
			w.models = []transcription.Model{english}
			s := say(6, 3, 200*time.Millisecond)
			tr := w.upload(t, s)
			w.Change(tr.ID, func(tr *transcription.Transcription) { tr.Options = tt.o })
			w.drain(t, 1)
			if got := w.Transcription(tr.ID); got.Failure == nil || got.Failure.Code != tt.code {
				t.Errorf("got %s, %+v, want %s", got.Status, got.Failure, tt.code)
			}
		})
	}
}

// A missing object used to be taken for a run that is over: the step was dropped
// and begun again until its attempts were used up.
func TestPipeline_recordingIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	tr := w.upload(t, say(17, 3, 200*time.Millisecond))
	delete(w.blobs, tr.File.Key)
	w.drain(t, 1)
	if got := w.Transcription(tr.ID); got.Failure == nil || got.Failure.Code != "recording_missing" {
		t.Errorf("got %s, %+v", got.Status, got.Failure)
	}
}

// A worker without the model used to count an attempt: five that were unlucky ended
// a run that another worker could have done.
func TestPipeline_modelIsKnownElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	s := say(18, 10, 200*time.Millisecond)
	tr := w.upload(t, s)
	w.Change(tr.ID, func(tr *transcription.Transcription) { tr.Options.Model = "medium" })
	w.AddWorker("medium")
	ctx := zerolog.Nop().WithContext(t.Context())
	for range 3 * pipeline.MaxAttempts {
		w.Age()
		if _, err := w.reconciler.Reconcile(ctx); err != nil {
			t.Fatal(err)
		}
		step, _ := w.take()
		if err := w.pipeline.Do(ctx, step); err != nil {
			t.Fatal(err)
		}
	}
	w.models = []transcription.Model{{Name: "medium", Multilingual: true}}
	w.drain(t, 1)
	w.checkText(t, tr, s)
}

// Another worker may have the model that this one lacks.
func TestPipeline_modelIsElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	s := say(18, 10, 200*time.Millisecond)
	tr := w.upload(t, s)
	w.Change(tr.ID, func(tr *transcription.Transcription) { tr.Options.Model = "medium" })
	ctx := zerolog.Nop().WithContext(t.Context())
	if _, err := w.reconciler.Reconcile(ctx); err != nil {
		t.Fatal(err)
	}
	step, _ := w.take()
	if err := w.pipeline.Do(ctx, step); err != nil {
		t.Fatal(err)
	}
	w.models = append(w.models, transcription.Model{Name: "medium", Multilingual: true})
	w.drain(t, 1)
	w.checkText(t, tr, s)
}

// A model that one worker cannot load may be loaded by another; when none can, the
// person hears why.
func TestPipeline_modelTooLargeHere(t *testing.T) {
	t.Parallel()
	tooLarge := fault.New(fault.Invalid, "It needs more memory.").WithCode("model_too_large")
	for failures, want := range map[int]string{pipeline.MaxAttempts - 1: "", pipeline.MaxAttempts: "model_too_large"} {
		w := newWorld(t, quick)
		tr := w.upload(t, say(20, 3, 200*time.Millisecond))
		left := failures
		w.breaks = func(call string) error {
			if call != "Detect" || left == 0 {
				return nil
			}
			left--
			return tooLarge
		}
		w.drain(t, 1)
		got := w.Transcription(tr.ID)
		if (got.Failure != nil) != (want != "") || got.Failure != nil && got.Failure.Code != want || left > 0 {
			t.Errorf("after %d failures: %s, %+v", failures, got.Status, got.Failure)
		}
	}
}

// An alias is resolved when the recording is prepared.
func TestPipeline_alias(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	w.models = []transcription.Model{{Name: "tiny.en"}, {Name: "small", Multilingual: true}, {Name: "medium", Multilingual: true}}
	tr := w.upload(t, say(19, 3, 200*time.Millisecond))
	w.Change(tr.ID, func(tr *transcription.Transcription) { tr.Options.Model = transcription.Best })
	w.drain(t, 1)
	if got := w.Transcription(tr.ID); got.Model != "medium" || got.Options.Model != transcription.Best || got.Failure != nil {
		t.Errorf("got %s with %s, asked for as %s, %+v", got.Status, got.Model, got.Options.Model, got.Failure)
	}
}

func TestPipeline_silence(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	s := &speech{}
	s.silence(3 * time.Minute)
	tr := w.upload(t, s)
	w.drain(t, 1)
	got := w.Transcription(tr.ID)
	if got.Status != transcription.Completed || got.Text != "" || len(got.Warnings) != 1 || got.Warnings[0].Code != "no_speech" {
		t.Errorf("%s %q %v", got.Status, got.Text, got.Warnings)
	}
	if w.decoded != 0 {
		t.Errorf("decoded %d samples of silence", w.decoded)
	}
}

// The length of a recording that breaks off is what there is of it.
func TestPipeline_recordingBreaksOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	w.missing = time.Hour
	s := say(7, 100, 150*time.Millisecond)
	tr := w.upload(t, s)
	w.drain(t, 1)
	w.checkText(t, tr, s)
	got := w.Transcription(tr.ID)
	if want := audio.Samples(len(s.pcm)).Duration(); got.Duration != want || got.Missing != time.Hour {
		t.Errorf("%v and %v missing, want %v and an hour", got.Duration, got.Missing, want)
	}
	if len(got.Warnings) != 1 || got.Warnings[0].Code != "truncated" {
		t.Errorf("warnings: %v", got.Warnings)
	}
}

// Whisper's own detection hears the first 30 s only. The language is what several
// windows together say.
func TestPipeline_languageOfSeveralWindows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pipeline.Options{Retry: time.Nanosecond})
	w.probs = []map[string]float64{{"en": 0.9, "de": 0.1}, {"de": 0.8, "en": 0.2}, {"de": 0.9, "nl": 0.1}}
	tr := w.upload(t, say(7, 900, 150*time.Millisecond))
	w.drain(t, 1)
	got := w.Transcription(tr.ID)
	if got.Language != "de" || got.LanguageConfidence < 0.59 || got.LanguageConfidence > 0.61 {
		t.Errorf("got %s with %.2f, want de with 0.60", got.Language, got.LanguageConfidence)
	}
}

// A worker that dies leaves its lease behind. The next attempt keeps the chunks
// that are cut and those that are done.
func TestPipeline_crashes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	s := say(8, 300, 150*time.Millisecond)
	tr := w.upload(t, s)
	var calls atomic.Int32
	type crash struct{}
	w.breaks = func(c string) error {
		if (c == "Put" && calls.Load() < 2 || c == "Open" && calls.Load() == 2) && calls.Add(1) > 0 {
			panic(crash{})
		}
		return nil
	}
	for range 40 {
		func() {
			defer func() {
				if r := recover(); r != nil && r != (crash{}) {
					panic(r)
				}
				w.Expire()
			}()
			w.drain(t, 1)
		}()
		if w.settled() {
			break
		}
	}
	w.checkText(t, tr, s)
	if calls.Load() != 3 {
		t.Errorf("%d crashes, want 3", calls.Load())
	}
	if total := audio.Samples(len(s.pcm)); w.decoded > total {
		t.Errorf("decoded %d of %d samples: work was done twice", w.decoded, total)
	}
}

func TestPipeline_stoppedWorkerHandsBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	s := say(9, 20, 200*time.Millisecond)
	tr := w.upload(t, s)
	ctx, cancel := context.WithCancel(zerolog.Nop().WithContext(t.Context()))
	w.onWord = cancel
	if err := w.dispatcher.Advance(ctx, tr.Ref()); err != nil {
		t.Fatal(err)
	}
	for range 2 { // prepare, and a chunk in the middle of which the worker is stopped
		step, _ := w.take()
		if err := w.pipeline.Do(ctx, step); err != nil {
			t.Fatal(err)
		}
	}
	if ctx.Err() == nil {
		t.Fatal("the worker was not stopped")
	}
	step, ok := w.take()
	if !ok || step.Kind != pipeline.Transcribe || step.Gen != 2 {
		t.Fatalf("got %v, want the chunk again", step)
	}
	lease, err := w.Claim(t.Context(), step, "another", time.Minute)
	if err != nil || lease.Attempt != 1 {
		t.Errorf("got attempt %d, %v: the interrupted one counted", lease.Attempt, err)
	}
}

// A worker that was frozen wakes up and goes on, while another has its step.
func TestPipeline_lateResultIsDropped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	s := say(10, 10, 200*time.Millisecond)
	tr := w.upload(t, s)
	frozen := true
	w.onWord = func() {
		if !frozen {
			return
		}
		frozen = false
		w.Expire()
		if _, _, err := w.Rescue(context.WithoutCancel(t.Context()), 10); err != nil {
			t.Error(err)
		}
	}
	w.drain(t, 1)
	w.checkText(t, tr, s)
	if frozen {
		t.Error("no worker was frozen")
	}
}

func TestPipeline_leaseLostDuringWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pipeline.Options{Lease: time.Second, Renew: time.Millisecond, Retry: time.Nanosecond})
	tr := w.upload(t, say(11, 10, 200*time.Millisecond))
	w.onWord = func() { w.Delete(tr.ID) }
	w.drain(t, 1)
	if len(w.IDs()) != 0 || len(w.queue) != 0 {
		t.Error("something of the deleted transcription is left")
	}
	for key := range w.blobs {
		t.Errorf("%s stays", key)
	}
}

func TestDispatcher_windowAndBacklog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	for range 40 {
		w.upload(t, say(12, 2, 200*time.Millisecond))
	}
	if _, err := w.reconciler.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(w.queue); n != pipeline.LeastWindow {
		t.Errorf("%d in the queue, want %d", n, pipeline.LeastWindow)
	}
	w.drain(t, 1)
	for _, id := range w.IDs() {
		if got := w.Transcription(id).Status; got != transcription.Completed {
			t.Errorf("%s is %s", id, got)
		}
	}
}

func TestPipeline_unknownStep(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	if err := w.pipeline.Do(t.Context(), pipeline.Step{Kind: "dance"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("got %v", err)
	}
}
