//go:build whisper && cgo

package whisper

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/turboscribe/turboscribe/internal/audio"
)

// TestEngine_Speech_hears: to the level, loud noise at 6 kHz is speech. To the detector
// it is none, speech is, and both in one process.
func TestEngine_Speech_hears(t *testing.T) {
	t.Parallel()
	o := options(t, 2)
	o.SpeechModel = filepath.Join(t.TempDir(), "detector.bin")
	if err := os.WriteFile(o.SpeechModel, speechFile(t, bandDetector()), 0o600); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(6, 1000))
	noise := make([]int16, 3*audio.SampleRate)
	for range 40 { // tones around 6 kHz
		step, phase := 2*math.Pi*(5500+1000*random.Float64())/audio.SampleRate, 2*math.Pi*random.Float64()
		for i := range noise {
			noise[i] += int16(600 * math.Sin(step*float64(i)+phase))
		}
	}
	said, _ := recording(t, "short01")
	pcm := slices.Concat(noise, said, noise)
	for _, isolated := range []bool{false, true} {
		o.Isolated = isolated
		e := open(t, o)
		var work errgroup.Group
		for range 3 { // more than there are slots
			work.Go(func() error {
				got, ok, err := e.Speech(t.Context(), pcm)
				if err != nil || !ok {
					return fmt.Errorf("ok %v: %w", ok, err)
				}
				from, to := audio.Samples(len(noise)), audio.Samples(len(noise)+len(said))
				spoken := audio.Samples(0)
				for _, s := range got {
					if spoken += s.Len(); s.Start < from-audio.SampleRate/5 || s.End > to+audio.SampleRate/5 {
						t.Errorf("isolated %v: %v is heard, said was %d to %d", isolated, s, from, to)
					}
				}
				if spoken < (to-from)/2 {
					t.Errorf("isolated %v: %v of %v are heard: %v", isolated, spoken.Duration(), (to - from).Duration(), got)
				}
				return nil
			})
		}
		if err := work.Wait(); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := e.Speech(ctx, pcm); !errors.Is(err, context.Canceled) {
			t.Errorf("isolated %v: canceled, it returns %v", isolated, err)
		}
	}
	damaged := o
	damaged.SpeechModel = modelPath(t)
	if _, err := Open(t.Context(), damaged); code(err) != "speech_model_damaged" {
		t.Errorf("with another model: got %v", err)
	}
}
