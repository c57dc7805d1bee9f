package pipeline_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/pipeline/pipelinetest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// The first attempt of prepare chose the demo model and dispatched chunks; then a
// better one was installed, and the second attempt chose that: half of the text was
// the demo model's, and nothing said so.
func TestPipeline_modelStaysWhenPrepareIsBegunAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	w.models = []transcription.Model{{Name: "tiny", Multilingual: true}}
	s := say(21, 100, 150*time.Millisecond)
	tr := w.upload(t, s)
	puts := 0
	w.breaks = func(call string) error {
		if call != "Put" {
			return nil
		}
		if puts++; puts == 2 {
			w.models = []transcription.Model{{Name: "tiny", Multilingual: true}, {Name: "small", Multilingual: true}}
			return errBroken
		}
		return nil
	}
	w.drain(t, 1)
	w.checkText(t, tr, s)
	if got := w.Transcription(tr.ID).Model; got != "tiny" || puts < 3 {
		t.Errorf("got %s after %d chunks, want tiny still", got, puts)
	}
}

// A worker was frozen while it stored a chunk. Its successor had cut another one of
// that number by the time the bytes arrived, and they replaced it: the chunk could
// never be read again, since its length was wrong.
func TestPipeline_lateChunkReplacesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	s := say(22, 100, 150*time.Millisecond)
	tr := w.upload(t, s)
	var late string
	w.onPut = func(key string) error {
		if late == "" {
			late = key
			return errBroken
		}
		w.blobs[late] = []byte("too late")
		return nil
	}
	w.drain(t, 1)
	w.checkText(t, tr, s)
	if late == "" {
		t.Error("nothing came late")
	}
}

// languages are what Detect answers for the windows of a recording, in turn.
func languages(answers ...map[string]float64) []map[string]float64 { return answers }

var (
	unsure = map[string]float64{"en": 0.35, "de": 0.33, "nl": 0.32} // a jingle, say; each chunk has one window
	german = map[string]float64{"de": 0.95, "nl": 0.05}
)

// repeated returns the same answer for n windows.
func repeated(n int, answer map[string]float64) []map[string]float64 {
	return slices.Repeat(languages(answer), n)
}

// A jingle in the first chunk used to pin the language of the whole recording, with
// whatever probability. While it is in doubt the next chunk is heard, and nothing is
// transcribed before it is settled.
func TestPipeline_languageInDoubt(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		probs    []map[string]float64
		language string
		least    float64
		asked    int
	}{
		{"sure at once", repeated(20, german), "de", 0.9, 1},
		{"a jingle first", slices.Concat(languages(unsure), repeated(19, german)), "de", 0.6, 2},
		{"never sure", repeated(20, unsure), "en", 0.3, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, quick)
			w.probs = tt.probs
			s := say(41, 300, 150*time.Millisecond)
			tr := w.upload(t, s)
			w.drain(t, 1)
			w.checkText(t, tr, s)
			got := w.Transcription(tr.ID)
			if got.Language != tt.language || got.LanguageConfidence < tt.least {
				t.Errorf("got %s with %.2f, want %s", got.Language, got.LanguageConfidence, tt.language)
			}
			if asked := len(tt.probs) - len(w.probs); asked != tt.asked {
				t.Errorf("asked about %d windows, want %d", asked, tt.asked)
			}
		})
	}
}

// A recording that ends while its language is in doubt has the most probable one.
func TestPipeline_languageInDoubtOfAShortRecording(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	w.probs = languages(unsure)
	s := say(42, 5, 150*time.Millisecond)
	tr := w.upload(t, s)
	w.drain(t, 1)
	w.checkText(t, tr, s)
	if got := w.Transcription(tr.ID); got.Language != "en" || got.LanguageConfidence > 0.36 {
		t.Errorf("got %s with %.2f", got.Language, got.LanguageConfidence)
	}
}

// Models before large-v3 have no token for Cantonese: the one in its place means
// something else, and every decode of the recording was refused for good.
func TestPipeline_languageTheModelDoesNotKnow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	w.probs = repeated(20, map[string]float64{"yue": 0.8, "zh": 0.15, "en": 0.05})
	s := say(43, 10, 150*time.Millisecond)
	tr := w.upload(t, s)
	w.drain(t, 1)
	w.checkText(t, tr, s)
	if got := w.Transcription(tr.ID); got.Language != "zh" || got.LanguageConfidence < 0.74 || got.LanguageConfidence > 0.76 {
		t.Errorf("got %s with %.2f, want zh with 0.75", got.Language, got.LanguageConfidence)
	}
}

// What was held back while the language was in doubt is cut anew by the next attempt.
func TestPipeline_languageInDoubtWhenTheWorkerDies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	w.probs = slices.Concat(languages(unsure), repeated(20, german))
	puts := 0
	w.breaks = func(call string) error {
		if call == "Put" {
			if puts++; puts == 2 {
				return errBroken
			}
		}
		return nil
	}
	s := say(44, 300, 150*time.Millisecond)
	tr := w.upload(t, s)
	w.drain(t, 1)
	w.checkText(t, tr, s)
	if got := w.Transcription(tr.ID); got.Language != "de" {
		t.Errorf("got %s with %.2f", got.Language, got.LanguageConfidence)
	}
}

// The server of the database crashed while a recording was being cut, had forgotten the
// latest chunk when it came back, and nobody had asked it anything meanwhile: cutting went
// on behind the hole, and the text lacked five minutes.
func TestPipeline_storeForgetsChunk(t *testing.T) {
	t.Parallel()
	for name, crashes := range map[string]func(chunk, all int) bool{
		"in the middle": func(chunk, _ int) bool { return chunk == 2 },
		"at the end":    func(chunk, all int) bool { return chunk == all },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := say(23, 100, 150*time.Millisecond)
			all := 0
			for _, crash := range []bool{false, true} { // the first time, to count the chunks
				w := newWorld(t, quick)
				tr := w.upload(t, s)
				n, crashed := 0, false
				w.pipeline = pipeline.New(w.dispatcher, forgetful{w.Memory, func() {
					if n++; crash && !crashed && crashes(n, all) {
						crashed = true
						w.Crash(tr.ID)
					}
				}}, blobs{w}, media{w}, engine{w}, quick)
				w.drain(t, 1)
				w.checkText(t, tr, s)
				if all = max(all, n); crashed != crash || all < 3 {
					t.Errorf("crashed: %v, after %d chunks", crashed, n)
				}
			}
		})
	}
}

// forgetful is a store that calls added whenever chunks were added.
type forgetful struct {
	*pipelinetest.Memory
	added func()
}

func (f forgetful) AddChunks(ctx context.Context, l pipeline.Lease, cs ...pipeline.Chunk) error {
	err := f.Memory.AddChunks(ctx, l, cs...)
	f.added()
	return err
}
