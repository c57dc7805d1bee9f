package whisper

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// abortGrace is how long an engine process may take to end a canceled call. Decoding
// looks up after every token, encoding not at all: a pass of the demo model takes
// 0.7 s of a core, one of a large model many seconds. With what follows a kill, a
// canceled call is over within two seconds whatever the model.
const abortGrace = time.Second

// closeGrace is how long it may take to end by itself.
const closeGrace = 2 * time.Second

// sendTimeout is how long an engine process may take to read a frame; it does
// nothing else in the goroutine that reads.
const sendTimeout = 10 * time.Second

// process is a running engine process, seen from the worker. It ends by itself
// when the worker does.
type process struct {
	cmd   *exec.Cmd
	log   *zerolog.Logger
	tail  tail
	grace time.Duration // see abortGrace

	writing   sync.Mutex
	questions *os.File

	mu      sync.Mutex
	lastID  uint32
	waiting map[uint32]chan frame

	setup setup // of the engine in it

	answers    atomic.Int64  // given
	useful     atomic.Bool   // has answered a question
	sacrificed atomic.Bool   // was killed because a canceled call did not end
	ended      chan struct{} // closed when the process is gone; err is set by then
	err        error
}

// startProcess runs the program again with those arguments and opens the engine
// in it.
func startProcess(ctx context.Context, o Options, args ...string) (*process, error) {
	program, err := thisProgram()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	// Not CommandContext: the process serves more calls than the one that starts it.
	p := &process{
		cmd: exec.Command(program, args...), log: zerolog.Ctx(ctx), //nolint:gosec,noctx // this program
		grace: abortGrace, waiting: map[uint32]chan frame{}, ended: make(chan struct{}),
	}
	p.cmd.Args[0] = os.Args[0] // in lists of processes it goes by its name
	p.cmd.Env = environment(os.Environ(), o.GPU)
	if err := p.start(); err != nil {
		return nil, fmt.Errorf("start engine process: %w", err)
	}
	if err := p.ask(ctx, askOpen, o, nil, &p.setup); err != nil {
		return nil, errors.Join(err, p.close())
	}
	p.useful.Store(false) // that proves nothing yet
	p.answers.Store(0)
	return p, nil
}

// start makes three pipes and runs the process with their other ends.
func (p *process) start() error {
	var files []*os.File
	defer func() {
		for _, f := range files {
			f.Close() //nolint:errcheck,gosec // the process has its own copy
		}
	}()
	var failed error
	pipe := func() (r, w *os.File) {
		r, w, err := os.Pipe()
		failed = errors.Join(failed, err)
		return r, w
	}
	questions, toChild := pipe()
	fromChild, answers := pipe()
	messages, output := pipe()
	files = []*os.File{questions, answers, output}
	p.questions = toChild
	if failed != nil {
		files = append(files, toChild, fromChild, messages)
		return failed
	}
	p.cmd.ExtraFiles = []*os.File{questions, answers}
	p.cmd.Stdout, p.cmd.Stderr = output, output
	dieTogether(p.cmd)
	started := make(chan error)
	go p.supervise(started, fromChild, messages)
	return <-started
}

// environment is what the engine process needs of the worker's: not its secrets.
// Threads that wait must not spin, or they keep the others from working; and a
// failed assertion must say what failed, not start a debugger. What is set
// already comes later and wins. On a CPU, ggml's GPU backends find no device: to open
// their drivers takes time and memory for nothing, and may fail.
func environment(all []string, gpu bool) []string {
	kept := []string{"OMP_WAIT_POLICY=passive", "GGML_NO_BACKTRACE=1"}
	for _, v := range all {
		if !strings.HasPrefix(v, "TS_") {
			kept = append(kept, v)
		}
	}
	if !gpu {
		kept = append(kept, "VK_LOADER_DRIVERS_DISABLE=*", "CUDA_VISIBLE_DEVICES=-1")
	}
	return kept
}

// supervise starts the process, reads what it says and waits for its end. It
// keeps to one thread, because on Linux a process that is to die with its parent
// dies with the thread that started it.
func (p *process) supervise(started chan<- error, answers, messages *os.File) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer answers.Close()  //nolint:errcheck // only read
	defer messages.Close() //nolint:errcheck // only read
	err := p.cmd.Start()
	started <- err
	if err != nil {
		p.questions.Close() //nolint:errcheck,gosec // nobody reads it
		return
	}
	if err := offer(p.cmd.Process.Pid); err != nil {
		p.log.Warn().Err(err).Msg("the kernel may end the worker before its speech engine when memory runs out")
	}
	var readers sync.WaitGroup
	readers.Go(func() { p.readAnswers(answers) })
	readers.Go(func() { readLog(messages, p.log, &p.tail) })
	err = p.cmd.Wait()
	readers.Wait()
	if p.err = crashed(err, p.tail.lines()); p.sacrificed.Load() {
		p.err = errSacrificed
	}
	p.questions.Close() //nolint:errcheck,gosec // nobody reads it
	close(p.ended)
}

// errSacrificed is what calls are told whose process was killed for another one, which was
// canceled. It is not their fault, nor the process's: they are asked again.
var errSacrificed = fault.New(fault.Unavailable, "The speech engine was stopped again and again for what was canceled. Try again.").
	WithCode("engine_interrupted")

// crashed is the fault of calls whose process is gone.
func crashed(err error, lastLines []string) error {
	if err == nil {
		err = errors.New("it ended by itself")
	}
	if len(lastLines) > 0 {
		err = fmt.Errorf("%w; its last words: %s", err, strings.Join(lastLines, " / "))
	}
	return fault.Wrap(err, fault.Unavailable, "The speech engine has stopped unexpectedly and is being started again. Try again.").
		WithCode("engine_crashed")
}

func (p *process) readAnswers(r io.Reader) {
	in := bufio.NewReader(r)
	for {
		f, err := readFrame(in)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			p.tail.add(err.Error())
			p.kill()
			return
		}
		p.deliver(f)
	}
}

func (p *process) deliver(f frame) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if answer, ok := p.waiting[f.id]; ok {
		answer <- f // never blocks: it holds one, and each question has one answer
		delete(p.waiting, f.id)
	}
}

// ask sends a question and waits for its answer, which it reads into answer.
func (p *process) ask(ctx context.Context, kind byte, message any, pcm []int16, answer any) error {
	id, reply := p.expect()
	defer p.forget(id)
	f, err := newFrame(kind, id, message, pcm)
	if err != nil {
		return err
	}
	if !p.send(f) {
		<-p.ended
		return p.err
	}
	select {
	case f := <-reply:
		return p.answered(f, answer)
	case <-p.ended:
	case <-ctx.Done():
		p.abort(id, reply)
		return ctx.Err()
	}
	select {
	case f := <-reply: // it was the last thing the process did
		return p.answered(f, answer)
	default:
		return p.err
	}
}

func (p *process) answered(f frame, answer any) error {
	p.useful.Store(true)
	p.answers.Add(1)
	return f.answer(answer)
}

func (p *process) expect() (uint32, chan frame) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lastID++
	reply := make(chan frame, 1)
	p.waiting[p.lastID] = reply
	return p.lastID, reply
}

func (p *process) forget(id uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting, id)
}

// send reports whether the process takes the frame. One that does not is killed.
func (p *process) send(f frame) bool {
	p.writing.Lock()
	defer p.writing.Unlock()
	err := p.questions.SetWriteDeadline(time.Now().Add(sendTimeout))
	if err == nil {
		err = f.write(p.questions)
	}
	if err != nil {
		p.kill()
	}
	return err == nil
}

// abort ends a question: kindly, then by killing the process, with all that it has
// in work.
func (p *process) abort(id uint32, reply <-chan frame) {
	timer := time.AfterFunc(p.grace, p.sacrifice)
	defer timer.Stop()
	p.send(frame{kind: askAbort, id: id})
	select {
	case <-reply:
	case <-p.ended:
	}
}

// sacrifice kills the process for a canceled call, unless it is gone already.
func (p *process) sacrifice() {
	if p.gone() {
		return
	}
	p.sacrificed.Store(true)
	p.kill()
}

// kill is for a process that no longer does what it is told. The error is that
// it is gone already.
func (p *process) kill() { _ = p.cmd.Process.Kill() }

// close ends the process and waits for its end.
func (p *process) close() error {
	p.writing.Lock()
	err := p.questions.Close()
	p.writing.Unlock()
	if errors.Is(err, os.ErrClosed) {
		err = nil
	}
	timer := time.NewTimer(closeGrace)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		p.kill()
		<-p.ended
	}
	return err
}

// gone reports whether the process has ended.
func (p *process) gone() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}
