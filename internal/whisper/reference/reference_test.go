//go:build whisper && cgo

package reference

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/media"
)

// Both ways must hear what is said in a recording of the demo model's test set.
func TestDecoder(t *testing.T) {
	model, backends := os.Getenv("TS_TEST_MODEL"), os.Getenv("TS_GGML_BACKENDS")
	if model == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("TS_TEST_MODEL is not set")
		}
		t.Skip("TS_TEST_MODEL is not set")
	}
	samples := listen(t, filepath.Join(filepath.Dir(model), "demo", "test", "short02.flac"))
	for _, processors := range []int{1, 2} {
		d, err := Open(t.Context(), Options{Model: model, BackendDir: backends, Threads: 1, Processors: processors})
		if err != nil {
			t.Fatal(err)
		}
		text, err := d.Decode(samples)
		if err != nil {
			t.Error(err)
		}
		if n := len(strings.Fields(text)); n < 5 || n > 20 {
			t.Errorf("in %d parts: %d words: %q", processors, n, text)
		}
		if l := d.Library(); !strings.HasPrefix(l.Whisper, "1.") || l.GGML == "" || l.Features == "" {
			t.Errorf("library: %+v", l)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := Open(t.Context(), Options{Model: model + ".missing", BackendDir: backends, Threads: 1, Processors: 1}); err == nil {
		t.Error("a model that is not there was loaded")
	}
}

// listen returns the sound of a file as the bindings take it.
func listen(t *testing.T, file string) []float32 {
	t.Helper()
	m, err := media.Open(t.Context(), media.Options{TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close() //nolint:errcheck // its directory is removed
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	rec, err := m.Listen(t.Context(), f, 1)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(rec)
	if err != nil {
		t.Fatal(err)
	}
	if err := rec.Close(); err != nil {
		t.Error(err)
	}
	pcm := audio.Decode(b)
	samples := make([]float32, len(pcm))
	for i, s := range pcm {
		samples[i] = float32(s) / 32768
	}
	return samples
}
