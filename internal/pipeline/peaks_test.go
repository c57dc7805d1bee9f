package pipeline_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// checkPeaks compares the outline that is kept with that of all the sound at once.
func (w *world) checkPeaks(t *testing.T, id *transcription.Transcription, apart ...[]int16) {
	t.Helper()
	want := audio.NewPeaks(len(apart))
	want.Write(apart)
	want.Flush()
	key := w.Transcription(id.ID).PeaksKey
	got, err := audio.DecodePeaks(w.blobs[key])
	if err != nil {
		t.Fatalf("read %q: %v", key, err)
	}
	if got.Channels() != len(apart) || got.Bin() != want.Bin() || !slices.Equal(got.Data(), want.Data()) {
		t.Errorf("got %d bins of %d channels, want %d of %d", got.Len(), got.Channels(), want.Len(), len(apart))
	}
}

func TestPipeline_peaks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	s := say(41, 120, 150*time.Millisecond)
	tr := w.upload(t, s)
	w.drain(t, 2)
	w.checkPeaks(t, tr, s.pcm)
}

// Prepare that is begun again goes on behind the chunks that are cut, but the outline is of
// the whole recording, of both its channels.
func TestPipeline_peaksWhenPrepareIsInterrupted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	left, right := say(42, 200, 150*time.Millisecond), say(43, 200, 150*time.Millisecond)
	tr := w.uploadSplit(t, left, right)
	puts := 0
	w.onPut = func(key string) error {
		if puts++; puts == 3 || puts == 6 || strings.Contains(key, "/peaks/") && puts < 30 {
			puts += 10
			return errBroken
		}
		return nil
	}
	w.drain(t, 1)
	n := max(len(left.pcm), len(right.pcm))
	w.checkPeaks(t, tr, padded(left.pcm, n), padded(right.pcm, n))
	if puts < 30 {
		t.Errorf("%d puts: prepare was not interrupted", puts)
	}
}

func padded(pcm []int16, n int) []int16 {
	return append(slices.Clone(pcm), make([]int16, n-len(pcm))...)
}

// A worker that was frozen stores what it has, and nobody reads it: the outline that counts
// is that of whoever held the step to its end.
func TestPipeline_latePeaksReplaceNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	s := say(44, 60, 150*time.Millisecond)
	tr := w.upload(t, s)
	var late string
	w.onPut = func(key string) error {
		if late == "" && strings.Contains(key, "/peaks/") {
			late = key
			return errBroken
		}
		if late != "" {
			w.blobs[late] = []byte("too late")
		}
		return nil
	}
	w.drain(t, 1)
	w.checkPeaks(t, tr, s.pcm)
	if late == "" || late == w.Transcription(tr.ID).PeaksKey {
		t.Errorf("nothing came late: %q", late)
	}
}

// BenchmarkPrepare_peaks is what prepare does with an hour of sound that is decoded already,
// and what of that the outline takes.
func BenchmarkPrepare_peaks(b *testing.B) {
	pcm := say(45, 6000, 150*time.Millisecond).pcm
	hours := float64(len(pcm)) / (3600 * audio.SampleRate)
	for name, work := range map[string]func(block []int16, p *audio.Peaks, c *audio.Cutter){
		"outline": func(block []int16, p *audio.Peaks, _ *audio.Cutter) { p.Write([][]int16{block}) },
		"cutting": func(block []int16, _ *audio.Peaks, c *audio.Cutter) { c.Write(block) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				p := audio.NewPeaks(1)
				c := audio.NewCutter(audio.CutOptions{Min: 150 * audio.SampleRate, Max: 300 * audio.SampleRate, Overlap: 2 * audio.SampleRate, Window: audio.MaxWindow}, 0, 0)
				for block := range slices.Chunk(pcm, 1<<15) {
					work(block, p, c)
				}
			}
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/hours*1000, "ms/h")
		})
	}
}
