package whisper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// childArgument is the first argument of the engine process.
const childArgument = "engine"

// The engine process finds its questions and sends its answers here; the library
// may print on standard output and standard error what it likes.
const (
	questionsFD = 3
	answersFD   = 4
)

// RunChild turns this process into an engine process when args, the command line
// without the program's name, say so; ran tells. It must be called before the
// program does anything else, and the program must end after it. It returns when
// the worker is gone or has closed the engine.
func RunChild(ctx context.Context, args []string) (ran bool, err error) {
	if len(args) != 1 || args[0] != childArgument {
		return false, nil
	}
	return true, runChild(ctx, func(o Options) (host, setup, error) { return openNative(o, os.Stderr) })
}

func runChild(ctx context.Context, open func(Options) (host, setup, error)) error {
	questions, answers := os.NewFile(questionsFD, "questions"), os.NewFile(answersFD, "answers")
	if questions == nil || answers == nil {
		return errors.New("this command is for the worker to run, not for people")
	}
	defer questions.Close() //nolint:errcheck // only read
	s := &server{out: answers, asked: map[uint32]context.CancelFunc{}}
	err := s.serve(ctx, questions, open)
	return errors.Join(err, answers.Close())
}

// server answers the worker's questions, each in a goroutine of its own.
type server struct {
	host host

	writing sync.Mutex
	out     io.Writer

	mu    sync.Mutex
	asked map[uint32]context.CancelFunc
	work  sync.WaitGroup
}

// serve answers until the worker closes its end, then aborts what is in work.
func (s *server) serve(ctx context.Context, in io.Reader, open func(Options) (host, setup, error)) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	first, err := readFrame(in)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		err = s.open(first, open)
	}
	if err != nil {
		return err
	}
	err = s.listen(ctx, in)
	cancel()
	s.work.Wait()
	return errors.Join(err, s.host.close())
}

// open makes the host and tells the worker its setup. Where it cannot, the worker is
// told why and the process ends.
func (s *server) open(f frame, open func(Options) (host, setup, error)) error {
	var o Options
	if f.kind != askOpen {
		return errFrame
	}
	if err := json.Unmarshal(f.message, &o); err != nil {
		return fmt.Errorf("read options: %w", err)
	}
	h, setup, err := open(o)
	s.host = h
	return errors.Join(err, s.tell(f.id, setup, err))
}

func (s *server) listen(ctx context.Context, in io.Reader) error {
	for {
		f, err := readFrame(in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch f.kind {
		case askAbort:
			s.abort(f.id)
		case askDetect, askDecode, askSpeech:
			s.begin(ctx, f)
		default:
			return errFrame
		}
	}
}

func (s *server) abort(id uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cancel, ok := s.asked[id]; ok {
		cancel()
	}
}

func (s *server) begin(ctx context.Context, f frame) {
	ctx, cancel := context.WithCancel(ctx)
	s.mu.Lock()
	s.asked[f.id] = cancel
	s.mu.Unlock()
	s.work.Go(func() {
		answer, err := s.respond(ctx, f)
		s.mu.Lock()
		delete(s.asked, f.id)
		s.mu.Unlock()
		cancel()
		// A worker that no longer listens closes its other end too, which ends listen.
		_ = s.tell(f.id, answer, err)
	})
}

func (s *server) respond(ctx context.Context, f frame) (any, error) {
	var r request
	if err := json.Unmarshal(f.message, &r); err != nil {
		return nil, fmt.Errorf("read request: %w", err)
	}
	pcm := audio.Decode(f.sound)
	switch f.kind {
	case askDetect:
		return s.host.detect(ctx, r.Model, pcm)
	case askSpeech:
		return s.host.speech(ctx, r.Speech, pcm)
	default:
		return s.host.decode(ctx, r.Model, r.Options, pcm)
	}
}

// tell answers the question of that id.
func (s *server) tell(id uint32, answer any, err error) error {
	kind := tellAnswer
	if err != nil {
		kind, answer = tellFault, newFailure(err)
	}
	f, err := newFrame(kind, id, answer, nil)
	if err != nil {
		f, err = newFrame(tellFault, id, newFailure(fault.Wrap(err, fault.Internal, "The speech engine's answer cannot be sent.")), nil)
	}
	if err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	return f.write(s.out)
}
