//go:build whisper && cgo

package whisper

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// testSet is where the demo model's held-out recordings lie.
const testSet = "../../models/demo/test"

// recording returns the samples and the words of a recording of the test set.
func recording(t testing.TB, name string) ([]int16, []string) {
	t.Helper()
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		missing(t, "ffmpeg is not installed")
	}
	cmd := exec.CommandContext(t.Context(), ffmpeg, "-v", "error", "-i", filepath.Join(testSet, name+".flac"),
		"-ac", "1", "-ar", "16000", "-f", "s16le", "-")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	sound, err := cmd.Output()
	if err != nil {
		t.Fatalf("decode %s: %v: %s", name, err, &stderr)
	}
	b, err := os.ReadFile(filepath.Join(testSet, name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var card struct{ Segments []struct{ Text string } }
	if err := json.Unmarshal(b, &card); err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, s := range card.Segments {
		said = append(said, plain(s.Text)...)
	}
	return audio.Decode(sound), said
}

// plain returns the words of a text as they are compared: lower case, without
// punctuation.
func plain(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return (r < 'a' || r > 'z') && r != '\'' })
}

// distance is the least number of words to change, add or leave out.
func distance(a, b []string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j, y := range b {
			best := min(row[j+1], row[j]) + 1
			if x == y {
				best = diagonal
			} else {
				best = min(best, diagonal+1)
			}
			diagonal, row[j+1] = row[j+1], best
		}
	}
	return row[len(b)]
}

// missing fails where tests must be complete and skips elsewhere.
func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// modelPath returns the file of the demo model.
func modelPath(t testing.TB) string {
	t.Helper()
	model := os.Getenv("TS_TEST_MODEL")
	if model == "" {
		missing(t, "TS_TEST_MODEL does not name the file of the demo model")
	}
	return model
}

// options returns what the engine under test is opened with.
func options(t testing.TB, slots int) Options {
	t.Helper()
	return Options{ModelDir: filepath.Dir(modelPath(t)), BackendDir: os.Getenv("TS_GGML_BACKENDS"), Slots: slots, Threads: 1}
}

func open(t testing.TB, o Options) *Engine {
	t.Helper()
	e, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func said(segments []transcription.Segment) string {
	var all []string
	for _, s := range segments {
		all = append(all, s.Text)
	}
	return strings.Join(all, " ")
}

// TestEngine_Decode_recognises holds the engine to the word error rate on the
// demo model's card, and a point more for other processors' rounding.
func TestEngine_Decode_recognises(t *testing.T) {
	t.Parallel()
	for _, weights := range []string{FileWeights, PackedWeights} {
		t.Run(weights, func(t *testing.T) {
			t.Parallel()
			o := options(t, 1)
			o.Weights = weights
			recognises(t, open(t, o))
		})
	}
}

func recognises(t *testing.T, e *Engine) {
	t.Helper()
	wrong, all := 0, 0
	for _, name := range []string{
		"short01", "short02", "short03", "short04", "short05", "short06",
		"short07", "short08", "short09", "short10", "short11", "short12",
	} {
		pcm, want := recording(t, name)
		got, err := e.Decode(t.Context(), "", pipeline.DecodeOptions{Language: "en"}, pcm)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		checkTimes(t, got, len(pcm))
		wrong += distance(want, plain(said(got)))
		all += len(want)
	}
	if rate := float64(wrong) / float64(all); rate > 0.04 {
		t.Errorf("%d of %d words are wrong, %.1f %%; the card says 2.6 %%", wrong, all, 100*rate)
	}
}

// TestEngine_Decode_parallel decodes the same recordings on one slot and on two,
// here and in an engine process: the text is the same.
func TestEngine_Decode_parallel(t *testing.T) {
	t.Parallel()
	names := []string{"short01", "short05", "short08"}
	want := make([]string, len(names))
	one := open(t, options(t, 1))
	for i, name := range names {
		pcm, _ := recording(t, name)
		want[i] = decoded(t, one, pcm)
	}
	for _, isolated := range []bool{false, true} {
		o := options(t, 2)
		o.Isolated = isolated
		two := open(t, o)
		got := make([]string, len(names))
		var work sync.WaitGroup
		for i, name := range names {
			pcm, _ := recording(t, name)
			work.Go(func() { got[i] = decoded(t, two, pcm) })
		}
		work.Wait()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("isolated %v: %s", isolated, diff)
		}
	}
}

// decoded returns the text of a window.
func decoded(t *testing.T, e *Engine, pcm []int16) string {
	t.Helper()
	segments, err := e.Decode(t.Context(), "", pipeline.DecodeOptions{Language: "en"}, pcm)
	if err != nil {
		t.Error(err)
	}
	return said(segments)
}

// TestEngine_Decode_shortAndSilent gives the engine what whisper.cpp itself does
// not decode, or decodes to words nobody said.
func TestEngine_Decode_shortAndSilent(t *testing.T) {
	t.Parallel()
	e := open(t, options(t, 1))
	speech, _ := recording(t, "short01")
	hiss, _ := recording(t, "silent1")
	for name, pcm := range map[string][]int16{
		"a sample": {0}, "50 ms": make([]int16, 800), "a second": make([]int16, 16000),
		"noise": hiss[:min(len(hiss), 480000)],
	} {
		if got := decoded(t, e, pcm); got != "" {
			t.Errorf("%s: %q was heard in silence", name, got)
		}
	}
	for _, samples := range []int{1600, 8000, 16000} {
		got, err := e.Decode(t.Context(), "", pipeline.DecodeOptions{}, speech[16000:16000+samples])
		if err != nil {
			t.Fatal(err)
		}
		checkTimes(t, got, samples)
	}
}

func TestEngine_Decode_cancel(t *testing.T) {
	t.Parallel()
	for _, isolated := range []bool{false, true} {
		o := options(t, 1)
		o.Isolated = isolated
		e := open(t, o)
		pcm, _ := recording(t, "long1")
		want := decoded(t, e, pcm[:480000]) // loads the model as well
		for _, after := range []time.Duration{0, 20 * time.Millisecond, 200 * time.Millisecond} {
			took := breakOff(t, e, pcm[:480000], after)
			t.Logf("isolated %v: canceled after %v it returned %v later", isolated, after, took)
		}
		if got := decoded(t, e, pcm[:480000]); got != want {
			t.Errorf("isolated %v: after being canceled the slot hears %q, before %q", isolated, got, want)
		}
	}
}

// breakOff cancels the decoding of a window after that time, and returns how long it
// took from then on. On a machine that was held up, the text may be there before anybody
// has looked at the time: then it is tried again.
func breakOff(t *testing.T, e *Engine, pcm []int16, after time.Duration) (took time.Duration) {
	t.Helper()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		begun := time.Now()
		_, err := e.Decode(ctx, "", pipeline.DecodeOptions{}, pcm)
		cancel()
		if err == nil {
			continue
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("after %v: got %v, want %v", after, err, context.DeadlineExceeded)
		}
		return time.Since(begun) - after
	}
}

// With a prompt and room behind it, whisper.cpp put its own text of the stretch before
// in front of each further stretch of a window, where a wrong word bred others. So
// what it hears in a stretch must not depend on what it heard before it: it is the
// same, to the last bit of its probabilities, when the decode begins there.
func TestNative_decode_carriesNoText(t *testing.T) {
	t.Parallel()
	e := open(t, options(t, 1))
	host, ok := e.host.(*inProcess)
	if !ok {
		t.Fatalf("the engine runs in %T", e.host)
	}
	pcm, _ := recording(t, "long1")
	pcm = pcm[:audio.SampleRate*14]
	from := func(start time.Duration) (found []passage) {
		err := host.with(t.Context(), known(t, "demo.en"), func(w *weights, s *slot) error {
			p, err := host.params(w, known(t, "demo.en"), pipeline.DecodeOptions{}, 0)
			if err != nil {
				return err
			}
			p.SetMaxTokensPerSegment(14) // ends a stretch after a sentence or two
			p.SetTemperatureFallback(0)  // or chance would play a part
			p.SetOffset(int(start.Milliseconds()))
			found, err = w.decode(s, p, "The river is cold.", floats(pcm))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	all := from(0)
	same := 0
	for i := range 2 {
		alone := from(all[i].end)[0]
		t.Logf("%q is %q alone", text(glyphs(all[i+1].tokens)), text(glyphs(alone.tokens)))
		if cmp.Equal(probabilities(all[i+1]), probabilities(alone)) {
			same++
		}
	}
	if same == 0 {
		t.Error("what is heard in a stretch depends on the stretch before")
	}
}

func probabilities(p passage) (all []float64) {
	for _, t := range p.tokens {
		all = append(all, t.p)
	}
	return all
}

// What the library says about a decode that was asked to stop is for those who look
// for a fault, not for those who are called for errors.
func TestEngine_Decode_cancel_isNoError(t *testing.T) {
	t.Parallel()
	var log lines
	o := options(t, 1)
	o.Isolated = true // in one process all engines share a log
	e, err := Open(zerolog.New(&log).WithContext(t.Context()), o)
	if err != nil {
		t.Fatal(err)
	}
	pcm, _ := recording(t, "long1")
	decoded(t, e, pcm[:160000]) // loads the model
	stopped := func() bool {
		return strings.Contains(log.String(), "failed to encode") || strings.Contains(log.String(), "aborting")
	}
	// A busy machine may not have begun to decode by then, so it gets ever more time.
	for after := 50 * time.Millisecond; !stopped() && after < time.Minute; after += after / 2 {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		if _, err := e.Decode(ctx, "", pipeline.DecodeOptions{}, pcm[:480000]); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v, want %v", err, context.DeadlineExceeded)
		}
		cancel()
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	said := log.String()
	if !stopped() || strings.Contains(said, `"level":"error"`) {
		t.Errorf("the library said:\n%s", said)
	}
}

// lines is a log that can be read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestEngine_crash ends the engine process in the middle of a window, as an
// assertion in ggml would.
func TestEngine_crash(t *testing.T) {
	t.Parallel()
	var why reasons
	o := options(t, 1)
	o.Isolated, o.OnRestart = true, why.add
	e := open(t, o)
	pcm, _ := recording(t, "short01")
	want := decoded(t, e, pcm)
	r, ok := e.host.(*remote)
	if !ok {
		t.Fatalf("the engine runs in %T", e.host)
	}
	p := r.process
	result := make(chan error)
	go func() {
		_, err := e.Decode(t.Context(), "", pipeline.DecodeOptions{}, pcm)
		result <- err
	}()
	for waiting(p) == 0 {
		runtime.Gosched()
	}
	if err := p.cmd.Process.Signal(syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	if err := <-result; !fault.Is(err, fault.Unavailable) || code(err) != "engine_crashed" {
		t.Errorf("the call in work returned %v, want engine_crashed", err)
	}
	begun := time.Now()
	if got := decoded(t, e, pcm); got != want {
		t.Errorf("after the crash %q, before %q", got, want)
	}
	t.Logf("starting again and decoding %d s took %v", len(pcm)/audio.SampleRate, time.Since(begun))
	why.want(t, RestartCrash)
}

func TestEngine_Decode_damagedModel(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile(modelPath(t))
	if err != nil {
		t.Fatal(err)
	}
	o := options(t, 1)
	o.ModelDir = t.TempDir()
	e := open(t, o)
	for name, content := range map[string][]byte{
		"ggml-tiny.en.bin": whole[:len(whole)/2],
		"ggml-base.en.bin": []byte("not a model"),
		// Well-formed, but not a model whisper.cpp can use: it says so itself.
		"ggml-small.en.bin": modelFile(t, known(t, "small.en")),
	} {
		if err := os.WriteFile(filepath.Join(o.ModelDir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
		model := strings.TrimSuffix(strings.TrimPrefix(name, "ggml-"), ".bin")
		for range 2 { // the second time it must not wait for the first
			_, err := e.Decode(t.Context(), model, pipeline.DecodeOptions{}, make([]int16, 16000))
			if got := code(err); got != "model_damaged" && (name != "ggml-small.en.bin" || got != "model_not_loaded") {
				t.Errorf("%s: got %v", name, err)
			}
		}
	}
}

func TestOpen_nothingToComputeOn(t *testing.T) {
	t.Parallel()
	o := options(t, 1)
	o.Isolated = true // the backends of this process are loaded by other tests
	without := o
	without.BackendDir = t.TempDir()
	if _, err := Open(t.Context(), without); code(err) != "no_backend" {
		t.Errorf("without backends: got %v, want no_backend", err)
	}
	gpu := o
	gpu.GPU, gpu.Device = true, 99
	if _, err := Open(t.Context(), gpu); code(err) != "no_gpu" {
		t.Errorf("GPU number 99: got %v, want no_gpu", err)
	}
}

// TestEngine_memory decodes window after window with the model coming and going,
// and looks at the memory of this process between them. It runs alone.
func TestEngine_memory(t *testing.T) {
	o := options(t, 1)
	o.IdleUnload = time.Nanosecond
	e := open(t, o)
	pcm, _ := recording(t, "short12")
	decodeMany := func(n int) int {
		for range n {
			decoded(t, e, pcm[:16000])
			unload(t, e)
		}
		return resident(t)
	}
	before := decodeMany(2)
	after := decodeMany(8)
	t.Logf("%d MB resident, %d KB more than 8 windows ago", after>>20, (after-before)>>10)
	if after-before > 50<<20 { // without giving memory back it was 300 MB
		t.Errorf("8 windows cost %d MB", (after-before)>>20)
	}
}

// unload waits until the engine has freed its models.
func unload(t *testing.T, e *Engine) {
	t.Helper()
	p, ok := e.host.(*inProcess)
	if !ok {
		t.Fatalf("the engine runs in %T", e.host)
	}
	for kept := 1; kept > 0; runtime.Gosched() {
		p.models.mu.Lock()
		kept = len(p.models.entries)
		p.models.mu.Unlock()
	}
	p.models.work.Wait()
}

// resident returns the bytes of memory this process occupies.
func resident(t *testing.T) int {
	t.Helper()
	runtime.GC()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		missing(t, "there is no /proc here")
	}
	var size, pages int
	if _, err := fmt.Sscan(string(b), &size, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// BenchmarkDecode measures the real-time factor of a full window, on one thread
// and one slot and on other shapes of the same machine.
func BenchmarkDecode(b *testing.B) {
	for _, shape := range []struct{ slots, threads int }{{1, 1}, {1, 2}, {2, 1}} {
		b.Run(fmt.Sprintf("slots=%d/threads=%d", shape.slots, shape.threads), func(b *testing.B) {
			o := options(b, shape.slots)
			o.Threads, o.Isolated = shape.threads, true
			e := open(b, o)
			pcm, _ := recording(b, "long1")
			pcm = pcm[:20*audio.SampleRate]
			if _, err := e.Decode(b.Context(), "", pipeline.DecodeOptions{}, pcm); err != nil { // loads the model
				b.Fatal(err)
			}
			b.ResetTimer()
			var work errgroup.Group
			work.SetLimit(shape.slots)
			for range b.N {
				work.Go(func() error {
					_, err := e.Decode(b.Context(), "", pipeline.DecodeOptions{}, pcm)
					return err
				})
			}
			if err := work.Wait(); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(b.Elapsed().Seconds()/(float64(b.N)*float64(len(pcm))/audio.SampleRate), "s/s")
		})
	}
}
