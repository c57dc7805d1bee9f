//go:build whisper && cgo

package whisper

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/pipeline"
)

// TestOpen_gpu: where ggml finds a GPU, its facts bound what is loaded, and it hears
// what a CPU hears; Mesa's software device will do (package mesa-vulkan-drivers, with
// GGML_VK_VISIBLE_DEVICES=0). Where it finds none, Open says so.
func TestOpen_gpu(t *testing.T) {
	t.Parallel()
	o := options(t, 0)
	o.Isolated, o.GPU, o.Device = true, true, -1
	var log lines
	e, err := Open(zerolog.New(&log).WithContext(t.Context()), o)
	if code(err) == "no_gpu" {
		t.Log(err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Log(log.String())
	r, ok := e.host.(*remote)
	if !ok {
		t.Fatalf("the engine runs in %T", e.host)
	}
	card := r.process.setup.GPU
	if card.Name == "" || card.Total <= 0 || !strings.Contains(log.String(), card.Name) {
		t.Errorf("the GPU is %+v", card)
	}
	if want := card.Total / 10 * 9; e.models.budget != want || r.o.Memory != want || r.o.Device != card.Number || e.Slots() != gpuSlots {
		t.Errorf("models may take %d bytes and %d, want %d; device %d, %d slots", e.models.budget, r.o.Memory, want, r.o.Device, e.Slots())
	}
	pcm, said := recording(t, "short01")
	if heard := plain(decoded(t, e, pcm)); distance(said, heard) > len(said)/4 {
		t.Errorf("it hears %q, said was %q", heard, said)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}

// A CPU worker on a host with ggml's Vulkan backend opened the drivers of a GPU it did
// not use, and could not start where they failed.
func TestOpen_cpuLeavesTheGPUAlone(t *testing.T) {
	t.Parallel()
	var log lines
	o := options(t, 1)
	o.Isolated = true
	e, err := Open(zerolog.New(&log).WithContext(t.Context()), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	for _, line := range strings.Split(log.String(), "\n") {
		if strings.Contains(line, "Found") && strings.Contains(line, "devices") && !strings.Contains(line, "Found 0") {
			t.Error(line)
		}
	}
}

// TestEngine_Decode_dtw times words by dynamic time warping. The times are those of the
// demo model's attention, which is not a good clock: they only have to be times.
func TestEngine_Decode_dtw(t *testing.T) {
	t.Parallel()
	o := options(t, 1)
	o.Isolated, o.DTW = true, true // a warp that fails ends the process
	e := open(t, o)
	pcm, want := recording(t, "short03")
	byLetters := open(t, options(t, 1))
	segments, err := e.Decode(t.Context(), "", pipeline.DecodeOptions{}, pcm)
	if err != nil {
		t.Fatal(err)
	}
	checkTimes(t, segments, len(pcm))
	if heard := plain(said(segments)); distance(want, heard) > len(want)/4 {
		t.Errorf("it hears %q, said was %q", heard, want)
	}
	others, err := byLetters.Decode(t.Context(), "", pipeline.DecodeOptions{}, pcm)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range segments {
		for j, w := range s.Words {
			other := others[min(i, len(others)-1)].Words
			t.Logf("%v to %v %s, by letters %v", w.Start, w.End, w.Text, other[min(j, len(other)-1)])
		}
	}
	if cmp.Equal(segments, others) {
		t.Error("the times are those of the letters")
	}
	for _, samples := range []int{0, 800, 1600, 8000} { // what a warp has too little of
		got, err := e.Decode(t.Context(), "", pipeline.DecodeOptions{}, pcm[16000:16000+samples])
		if err != nil {
			t.Fatalf("%d samples: %v", samples, err)
		}
		checkTimes(t, got, samples)
	}
}
