package whisper

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// isolated returns an engine over a fake one in a process of its own.
func isolated(t *testing.T, o Options) (*Engine, *remote) {
	t.Helper()
	o.ModelDir = install(t, "ggml-base.bin")
	r, err := newRemote(t.Context(), o, fakeArgument)
	if err != nil {
		t.Fatal(err)
	}
	e := newEngine(r.o, r)
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if !r.process.gone() {
			t.Error("the engine process outlives the engine")
		}
	})
	return e, r
}

func do(ctx context.Context, e *Engine, prompt string) ([]transcription.Segment, error) {
	return e.Decode(ctx, "", pipeline.DecodeOptions{Prompt: prompt, Translate: true}, make([]int16, 16000))
}

func TestRemote_answers(t *testing.T) {
	t.Parallel()
	e, _ := isolated(t, Options{})
	got, err := do(t.Context(), e, "Grüße")
	want := []transcription.Segment{{
		End: 16000, Text: "base", Suspect: true,
		Words: []transcription.Word{{End: time.Second, Text: "Grüße", Confidence: 0.5}},
	}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	languages, err := e.Detect(t.Context(), "", make([]int16, 16000))
	if diff := cmp.Diff(map[string]float64{"de": 0.75, "en": 0.25}, languages); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestRemote_faults(t *testing.T) {
	t.Parallel()
	e, _ := isolated(t, Options{})
	_, err := do(t.Context(), e, "fail")
	if !fault.Is(err, fault.Invalid) || code(err) != "fake" || err.Error() != "No.: cause" {
		t.Errorf("got %v", err)
	}
}

// TestRemote_crash shows that a crash costs the calls in work, says why, and that
// the next call finds another process.
func TestRemote_crash(t *testing.T) {
	t.Parallel()
	for _, prompt := range []string{"crash", "garbage"} {
		t.Run(prompt, func(t *testing.T) {
			t.Parallel()
			var restarts atomic.Int32
			e, r := isolated(t, Options{Slots: 2, OnRestart: func(string) { restarts.Add(1) }})
			if _, err := do(t.Context(), e, "first"); err != nil {
				t.Fatal(err)
			}
			neighbour := make(chan error)
			go func() {
				_, err := do(t.Context(), e, "wait")
				neighbour <- err
			}()
			_, err := do(t.Context(), e, prompt)
			if !fault.Is(err, fault.Unavailable) || code(err) != "engine_crashed" {
				t.Errorf("got %v, want engine_crashed", err)
			}
			if prompt == "crash" && !strings.Contains(err.Error(), "signal: killed; its last words: GGML_ASSERT(device) failed") {
				t.Errorf("%q does not tell the cause", err)
			}
			// Either it was in work too, or it came to a new process, now or later.
			if err := killUntil(t, r, neighbour); code(err) != "engine_crashed" {
				t.Errorf("the neighbour got %v, want engine_crashed", err)
			}
			if _, err := do(t.Context(), e, "again"); err != nil {
				t.Errorf("after the crash: %v", err)
			}
			if n := restarts.Load(); n < 1 || n > 2 {
				t.Errorf("%d restarts", n)
			}
		})
	}
}

// killUntil ends every engine process until a call has its answer.
func killUntil(t *testing.T, r *remote, answer <-chan error) error {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-answer:
			return err
		case <-tick.C:
			kill(t, r)
		}
	}
}

// kill ends the engine process from outside.
func kill(t *testing.T, r *remote) {
	t.Helper()
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	if err := r.process.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
}

// long is more than a busy machine takes for what a process does at once.
const long = time.Minute

// canceled makes a call that is canceled once the process has it to do.
func canceled(t *testing.T, e *Engine, p *process, prompt string) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	before := waiting(p)
	answer := make(chan error)
	go func() {
		_, err := do(ctx, e, prompt)
		answer <- err
	}()
	for waiting(p) == before {
		select {
		case err := <-answer:
			return fmt.Errorf("not canceled yet: %w", err)
		default:
			runtime.Gosched()
		}
	}
	cancel()
	return <-answer
}

func TestRemote_cancel(t *testing.T) {
	t.Parallel()
	for prompt, survives := range map[string]bool{"wait": true, "hang": false} {
		t.Run(prompt, func(t *testing.T) {
			t.Parallel()
			e, r := isolated(t, Options{Slots: 1})
			first := r.process
			if survives {
				first.grace = long
			}
			begun := time.Now()
			if err := canceled(t, e, first, prompt); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want %v", err, context.Canceled)
			}
			if took := time.Since(begun); !survives && took < abortGrace {
				t.Errorf("it took %v", took)
			}
			if first.gone() == survives {
				t.Errorf("the process is gone: %v", first.gone())
			}
			if _, err := do(t.Context(), e, "again"); err != nil {
				t.Error(err)
			}
		})
	}
}

// reasons collects why an engine was started again.
type reasons struct {
	mu   sync.Mutex
	list []string
}

func (r *reasons) add(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, reason)
}

func (r *reasons) want(t *testing.T, want ...string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(r.list, want) {
		t.Errorf("started again for %q, want %q", r.list, want)
	}
}

// Ending a canceled call may take the life of the process. What others have in work
// there is done in the next one: it costs them no failure, and nobody a pause.
func TestRemote_cancelSparesTheOthers(t *testing.T) {
	t.Parallel()
	var why reasons
	e, r := isolated(t, Options{Slots: 3, OnRestart: why.add})
	r.crashes = 3 // earlier ones; the next would be followed by a pause
	answers, dir := make(chan error), t.TempDir()
	for _, name := range []string{"a", "b"} {
		file := filepath.Join(dir, name)
		go func() {
			got, err := do(t.Context(), e, "hang once "+file)
			if err == nil && (len(got) != 1 || got[0].Text != "base") {
				err = fmt.Errorf("the answer is %+v", got)
			}
			answers <- err
		}()
		for exists := false; !exists && t.Context().Err() == nil; {
			_, err := os.Stat(file)
			exists = err == nil
		}
	}
	if err := canceled(t, e, r.process, "hang"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	for range 2 {
		if err := <-answers; err != nil {
			t.Errorf("a neighbour got %v", err)
		}
	}
	if r.crashes != 3 {
		t.Errorf("%d crashes are counted, want 3", r.crashes)
	}
	why.want(t, RestartCancel)
}

// Whoever is asked again and again must have an end some time.
func TestRemote_sacrificedTooOften(t *testing.T) {
	t.Parallel()
	var why reasons
	e, r := isolated(t, Options{Slots: 1, OnRestart: why.add})
	answer := make(chan error)
	go func() {
		_, err := do(t.Context(), e, "hang")
		answer <- err
	}()
	for last := (*process)(nil); ; {
		select {
		case err := <-answer:
			if !fault.Is(err, fault.Unavailable) || code(err) != "engine_interrupted" {
				t.Errorf("got %v, want engine_interrupted", err)
			}
			why.want(t, slices.Repeat([]string{RestartCancel}, maxAsks-1)...)
			return
		case <-time.After(5 * time.Millisecond):
		}
		r.turn <- struct{}{}
		p := r.process
		<-r.turn
		if p != last && waiting(p) > 0 {
			p.sacrifice()
			last = p
		}
	}
}

// A process that cannot be started has crashed, whatever became of the one before:
// the next try must not follow without a pause.
func TestRemote_sacrificedForNothing(t *testing.T) {
	t.Parallel()
	var why reasons
	e, r := isolated(t, Options{OnRestart: why.add})
	r.process.sacrifice()
	<-r.process.ended
	good := r.o.ModelDir
	r.o.ModelDir = "crashing"
	for range 2 {
		if _, err := do(t.Context(), e, "x"); code(err) != "engine_crashed" {
			t.Errorf("got %v, want engine_crashed", err)
		}
	}
	r.o.ModelDir = good
	if _, err := do(t.Context(), e, "x"); err != nil {
		t.Error(err)
	}
	if r.crashes != 2 {
		t.Errorf("%d crashes are counted, want 2", r.crashes)
	}
	why.want(t, RestartCancel, RestartCrash, RestartCrash)
}

// A process that is stopped reads nothing and answers nothing; the calls that are
// canceled must not wait for it.
func TestRemote_cancelStoppedProcess(t *testing.T) {
	t.Parallel()
	e, r := isolated(t, Options{Slots: 1})
	if err := r.process.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := canceled(t, e, r.process, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if _, err := do(t.Context(), e, "again"); err != nil {
		t.Error(err)
	}
}

// A process may give an answer and end before the one who asked looks: in half of the
// cases the answer was thrown away, and a whole window was decoded once more.
func TestProcess_ask_lastAnswer(t *testing.T) {
	t.Parallel()
	for range 20 {
		in, out, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		p := &process{questions: out, waiting: map[uint32]chan frame{}, ended: make(chan struct{}), err: errSacrificed}
		var child sync.WaitGroup
		child.Go(func() {
			// A pipe holds less than a window: the question is not yet sent when all is over.
			if _, err := io.CopyN(io.Discard, in, headerSize); err != nil {
				t.Error(err)
			}
			p.deliver(frame{kind: tellAnswer, id: 1, message: []byte(`"done"`)})
			close(p.ended)
			if _, err := io.Copy(io.Discard, in); err != nil {
				t.Error(err)
			}
		})
		var answer string
		if err := p.ask(t.Context(), askDecode, request{}, make([]int16, audio.MaxWindow), &answer); err != nil || answer != "done" {
			t.Errorf("got %q and %v", answer, err)
		}
		if err := out.Close(); err != nil {
			t.Error(err)
		}
		child.Wait()
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestRemote_backsOff(t *testing.T) {
	t.Parallel()
	e, r := isolated(t, Options{})
	kill(t, r)
	<-r.process.ended
	r.crashes = 3 // earlier ones
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := do(ctx, e, "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after several crashes: %v, want %v", err, context.DeadlineExceeded)
	}
	r.crashes = 0
	if _, err := do(t.Context(), e, "x"); err != nil {
		t.Error(err)
	}
	if r.crashes != 1 || !r.process.useful.Load() {
		t.Errorf("%d crashes counted, useful %v", r.crashes, r.process.useful.Load())
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	want := []time.Duration{0, 1, 2, 4, 8, 16, 30, 30}
	for crashes, seconds := range want {
		if got := backoff(crashes); got != seconds*time.Second {
			t.Errorf("after %d crashes %v, want %v s", crashes, got, int(seconds))
		}
	}
	if got := backoff(1000); got != maxBackoff {
		t.Errorf("after 1000 crashes %v", got)
	}
}

func TestRemote_openFails(t *testing.T) {
	t.Parallel()
	for dir, want := range map[string]string{"broken": "no_backend", "crashing": "engine_crashed"} {
		if _, err := newRemote(t.Context(), Options{ModelDir: dir}, fakeArgument); code(err) != want {
			t.Errorf("%s: got %v, want code %s", dir, err, want)
		}
	}
	if _, err := startProcess(t.Context(), Options{}, string([]byte{0})); err == nil {
		t.Error("a process was started that cannot be")
	}
}

// A process that has given its answers is replaced, but no call is in work then: what
// comes meanwhile waits until those that are have ended.
func TestRemote_recycles(t *testing.T) {
	t.Parallel()
	var why reasons
	e, r := isolated(t, Options{Slots: 3, OnRestart: why.add})
	r.limit = 3
	first := r.process
	first.grace = long
	inWork, cancel := context.WithCancel(t.Context())
	defer cancel()
	last := make(chan error)
	go func() {
		_, err := do(inWork, e, "wait")
		last <- err
	}()
	for asked := false; !asked; asked = waiting(first) > 0 {
		runtime.Gosched()
	}
	for range 3 {
		if _, err := do(t.Context(), e, "x"); err != nil {
			t.Fatal(err)
		}
	}
	next := make(chan error)
	go func() {
		_, err := do(t.Context(), e, "x")
		next <- err
	}()
	select {
	case err := <-next:
		t.Errorf("a call was answered by a process that had given its answers: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	if first.gone() {
		t.Error("the process was ended under a call")
	}
	cancel()
	if err := <-last; !errors.Is(err, context.Canceled) {
		t.Errorf("the call in work got %v", err)
	}
	if err := <-next; err != nil {
		t.Error(err)
	}
	if !first.gone() || r.crashes != 0 {
		t.Errorf("the old process is gone: %v; %d crashes are counted", first.gone(), r.crashes)
	}
	why.want(t, RestartRecycle)
}

func waiting(p *process) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.waiting)
}

// A process nobody calls keeps the context that the driver of a GPU made for it, some
// hundred megabytes, and the peak of its heap. So it ends, and that is no crash.
func TestRemote_idle(t *testing.T) {
	t.Parallel()
	var why reasons
	e, r := isolated(t, Options{Slots: 1, IdleUnload: time.Hour, OnRestart: why.add})
	if _, err := do(t.Context(), e, "x"); err != nil {
		t.Fatal(err)
	}
	first := r.process
	first.grace = long
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	answer := make(chan error)
	go func() {
		_, err := do(ctx, e, "wait")
		answer <- err
	}()
	for waiting(first) == 0 {
		runtime.Gosched()
	}
	r.rest() // as when the time is over
	if first.gone() {
		t.Error("the process is gone under a call")
	}
	r.o.IdleUnload = 10 * time.Millisecond
	cancel()
	if err := <-answer; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	<-first.ended
	if _, err := do(t.Context(), e, "again"); err != nil {
		t.Error(err)
	}
	if r.crashes != 0 {
		t.Errorf("%d crashes are counted", r.crashes)
	}
	why.want(t, RestartIdle)
}

// The worker's secrets are in its environment; the process that holds a C library
// and decodes strangers' recordings has no use for them. And a CPU worker has no use
// for a GPU, though there may be one.
func TestRemote_environment(t *testing.T) {
	t.Setenv("TS_DATABASE_URL", "postgres://secret")
	t.Setenv("GGML_VK_VISIBLE_DEVICES", "0")
	t.Setenv("CUDA_VISIBLE_DEVICES", "1")
	for gpu, cuda := range map[bool]string{true: "CUDA_VISIBLE_DEVICES=1", false: "CUDA_VISIBLE_DEVICES=-1"} {
		e, _ := isolated(t, Options{GPU: gpu})
		got, err := do(t.Context(), e, "environment")
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(got[0].Text, "\n")
		for _, want := range []string{"GGML_VK_VISIBLE_DEVICES=0", "OMP_WAIT_POLICY=passive", cuda} {
			if !slices.Contains(lines, want) {
				t.Errorf("with GPU %v, %s is missing in %q", gpu, want, lines)
			}
		}
		if slices.Contains(lines, "VK_LOADER_DRIVERS_DISABLE=*") == gpu {
			t.Errorf("with GPU %v, Vulkan's drivers are there in %q", gpu, lines)
		}
		if strings.Contains(got[0].Text, "secret") {
			t.Error("the engine process was given a secret")
		}
	}
}

func TestRunChild_notAsked(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"serve"}, {"engine", "more"}} {
		if ran, err := RunChild(t.Context(), args); ran || err != nil {
			t.Errorf("%q: ran %v, %v", args, ran, err)
		}
	}
}

// TestServer_refuses gives a server what no worker sends.
func TestServer_refuses(t *testing.T) {
	t.Parallel()
	open := frame{kind: askOpen, id: 1, message: []byte("{}")}
	for name, tt := range map[string]struct {
		frames []frame
		want   error
		told   int
	}{
		"nothing":              {nil, nil, 0},
		"only opened":          {[]frame{open}, nil, 1},
		"not opened":           {[]frame{{kind: askDecode}}, errFrame, 0},
		"opened twice":         {[]frame{open, open}, errFrame, 1},
		"an answer":            {[]frame{open, {kind: tellAnswer}}, errFrame, 1},
		"a call without model": {[]frame{open, {kind: askDecode, id: 2}}, nil, 2},
		"an abort of nothing":  {[]frame{open, {kind: askAbort, id: 9}}, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var in, out bytes.Buffer
			for _, f := range tt.frames {
				if err := f.write(&in); err != nil {
					t.Fatal(err)
				}
			}
			s := &server{out: &out, asked: map[uint32]context.CancelFunc{}}
			if err := s.serve(t.Context(), &in, openFake); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			told := 0
			for ; ; told++ {
				if _, err := readFrame(&out); errors.Is(err, io.EOF) {
					break
				}
			}
			if told != tt.told {
				t.Errorf("%d answers, want %d", told, tt.told)
			}
		})
	}
}
