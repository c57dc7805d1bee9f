package main

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/audio"
)

// takesOfNoise returns takes with n sentences each, as long as real ones, spoken
// at full level.
func takesOfNoise(n int) []take {
	t := take{pcm: make([]int16, audio.Samples(4*n+1)*audio.SampleRate)}
	for i := range t.pcm {
		t.pcm[i] = 20000
	}
	for i := range n {
		start := audio.Samples(4*i+1) * audio.SampleRate
		t.sentences = append(t.sentences, sentence{audio.Span{Start: start, End: start + 3*audio.SampleRate}, "one two three"})
	}
	return []take{t, t}
}

func TestCompose(t *testing.T) {
	t.Parallel()
	length := audio.FromDuration(20 * time.Minute)
	path := filepath.Join(t.TempDir(), "speech.wav")
	rec, err := compose(path, takesOfNoise(9), length, 1)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := headerSize + int64(length)*audio.BytesPerSample; info.Size() != want {
		t.Errorf("%d bytes, want %d", info.Size(), want)
	}
	if math.Abs(rec.Silence-pauseShare) > 0.03 {
		t.Errorf("%.1f %% are silence, want %.1f %%", 100*rec.Silence, 100*pauseShare)
	}
	if spoken := (1 - rec.Silence) * rec.Duration.Seconds() / 3; math.Abs(3*spoken-float64(len(words(rec.Text)))) > 1 {
		t.Errorf("%d words in %.0f sentences of three", len(words(rec.Text)), spoken)
	}
	samples, err := readSamples(path)
	if err != nil {
		t.Fatal(err)
	}
	if audio.Samples(len(samples)) != length || samples[0] > 0.001 {
		t.Errorf("%d samples, the first %v", len(samples), samples[0])
	}
}

func TestCompose_isTheSameEachTime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var texts, files []string
	for i, seed := range []uint64{1, 1, 2} {
		path := filepath.Join(dir, string(rune('a'+i)))
		rec, err := compose(path, takesOfNoise(5), audio.FromDuration(time.Minute), seed)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts, files = append(texts, rec.Text), append(files, string(b))
	}
	if files[0] != files[1] || texts[0] != texts[1] {
		t.Error("the same seed gives two recordings")
	}
	if files[0] == files[2] {
		t.Error("two seeds give the same recording")
	}
}

// A recording shorter than most turns must still be spoken in.
func TestCompose_clip(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		rec, err := compose(filepath.Join(t.TempDir(), "clip.wav"), takesOfNoise(9), clip, seed)
		if err != nil {
			t.Fatal(err)
		}
		if len(words(rec.Text)) == 0 || rec.Silence > 0.8 {
			t.Errorf("seed %d: %q, %.0f %% silent", seed, rec.Text, 100*rec.Silence)
		}
	}
}
