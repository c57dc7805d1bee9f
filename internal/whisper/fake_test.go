package whisper

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// fakeArgument makes this test binary an engine process around a fake.
const fakeArgument = "fake-engine"

// TestMain lets the test binary be its own engine process, as the worker is.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == fakeArgument {
		end(runChild(context.Background(), openFake))
	}
	if ran, err := RunChild(context.Background(), os.Args[1:]); ran {
		end(err)
	}
	os.Exit(m.Run())
}

func end(err error) {
	if err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

// fake is a host that does what the prompt says.
type fake struct {
	mu     sync.Mutex
	active int
	most   int
	closed bool
	hold   chan struct{} // when set, "hold" waits for it
	holds  chan struct{} // gets a value for each "hold"
}

func openFake(o Options) (host, setup, error) {
	switch filepath.Base(o.ModelDir) {
	case "broken":
		return nil, setup{}, fault.New(fault.Unavailable, "Nothing to compute on.").WithCode("no_backend")
	case "crashing":
		os.Exit(3)
	}
	return &fake{}, setup{Options: o.fit(2, 0)}, nil
}

func (f *fake) detect(context.Context, transcription.Model, []int16) (map[string]float64, error) {
	return map[string]float64{"de": 0.375, "en": 0.125, "yue": 0.5}, nil
}

func (f *fake) decode(ctx context.Context, m transcription.Model, o pipeline.DecodeOptions, pcm []int16) ([]transcription.Segment, error) {
	f.enter(1)
	defer f.enter(-1)
	if file, ok := strings.CutPrefix(o.Prompt, "hang once "); ok {
		f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			_ = f.Close()
			select {}
		}
	}
	switch o.Prompt {
	case "crash":
		_, _ = os.Stderr.WriteString("GGML_ASSERT(device) failed\n")
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		<-ctx.Done()
	case "garbage":
		_, _ = os.NewFile(answersFD, "").Write(make([]byte, 64))
		<-ctx.Done()
	case "fail":
		return nil, fault.Wrap(errors.New("cause"), fault.Invalid, "No.").WithCode("fake").With("field", "prompt")
	case "wait":
		<-ctx.Done()
		return nil, ctx.Err()
	case "hang":
		select {} // like an encoder, which never looks up
	case "hold":
		f.holds <- struct{}{}
		<-f.hold
		if f.isClosed() {
			return nil, errors.New("the host was closed under a call")
		}
	case "environment":
		return []transcription.Segment{{Text: strings.Join(os.Environ(), "\n")}}, nil
	}
	words := []transcription.Word{{End: time.Second, Text: o.Prompt, Confidence: 0.5}}
	return []transcription.Segment{{End: time.Duration(len(pcm)), Text: m.Name, Words: words, Suspect: o.Translate}}, nil
}

// speech hears somebody in each step that begins with a loud sample.
func (f *fake) speech(_ context.Context, _ string, pcm []int16) (likely []float32, err error) {
	f.enter(1)
	defer f.enter(-1)
	for step := range slices.Chunk(pcm, int(speechStep)) {
		p := float32(0.1)
		if step[0] > 1000 {
			p = 0.9
		}
		likely = append(likely, p)
	}
	return likely, nil
}

func (f *fake) enter(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.active += n
	f.most = max(f.most, f.active)
}

func (f *fake) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	return nil
}

func (f *fake) isClosed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed
}

// install makes files that look like those models.
func install(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	content := map[string][]byte{}
	for _, m := range transcription.Models() {
		content[m.File] = modelFile(t, m)
	}
	for _, name := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content[name], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// code returns the code of the fault in err.
func code(err error) string {
	if err == nil {
		return ""
	}
	return fault.Of(err).Code
}
