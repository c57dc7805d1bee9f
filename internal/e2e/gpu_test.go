//go:build e2e

package e2e

import (
	"bytes"
	"strings"
	"testing"
)

// software makes ggml take Mesa's software device, which it leaves alone otherwise:
// slow, but the same code as on a card.
var software = map[string]string{"GGML_VK_VISIBLE_DEVICES": "0"}

// TestGPU transcribes with worker-gpu alone, on Mesa's software device.
func TestGPU(t *testing.T) {
	t.Parallel()
	s := newStack(t, nil)
	if code, err := s.worker.stop(grace); err != nil || code != 0 {
		t.Fatalf("exit code %d: %v", code, err)
	}
	gpu, err := s.start("worker-gpu", "worker-gpu", software)
	if err != nil {
		t.Fatal(err)
	}
	if err := gpu.await(t.Context(), "http://"+s.env["TS_WORKER_HEALTH_ADDR"]+"/readyz"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the api knows of the worker", func() bool {
		return s.count(t.Context(), "SELECT count(*) FROM workers WHERE kind = 'gpu'") == 1
	})
	p := s.person(t)
	got := words(p.complete(p.send("short01.flac", demo(t, "test/short01.flac"))).Text)
	said := readTruth(t, "test/short01").words()
	if n := wordErrors(got, said); n > len(said)/10 {
		t.Errorf("%d of %d words are others: %q", n, len(said), got)
	}
	if n := s.count(t.Context(), "SELECT count(*) FROM steps WHERE kind = 'transcribe' AND lane = 'gpu'"); n != 1 {
		t.Errorf("%d steps were done in the lane of the GPU, want 1", n)
	}
	if log := gpu.tail(); !bytes.Contains(log, []byte("llvmpipe")) {
		t.Errorf("the log does not name the device:\n%s", log)
	}
	if code, err := gpu.stop(grace); err != nil || code != 0 {
		t.Errorf("exit code %d: %v", code, err)
	}
}

// TestGPU_refused: without a device, and for one that is not there, worker-gpu does not
// start.
func TestGPU_refused(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name     string
		settings map[string]string
		says     string
	}{
		{"no device", map[string]string{"VK_LOADER_DRIVERS_DISABLE": "*"}, "There is no GPU: "},
		{"another device", map[string]string{"GGML_VK_VISIBLE_DEVICES": "0", "TS_WORKER_DEVICE": "7"}, "There is no GPU number 7: "},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if line := refusal(t, "worker-gpu", row.settings); !strings.Contains(line, row.says) {
				t.Errorf("%q is not in %q", row.says, line)
			}
		})
	}
}
