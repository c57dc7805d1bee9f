package daemon

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
)

// diary notes what happens, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

// unit is one that runs until stopped and notes it; its Stop waits for the work
// in hand.
func (d *diary) unit(name string, up *sync.WaitGroup) Unit {
	quit, ended := make(chan struct{}), make(chan struct{})
	up.Add(1)
	return Unit{
		Name: name,
		Run: func(ctx context.Context) error {
			defer close(ended)
			up.Done()
			<-quit
			if ctx.Err() != nil {
				d.note(name + " lost its context while it had work")
			}
			d.note(name + " ended")
			return nil
		},
		Stop: func(context.Context) error {
			d.note("stop " + name)
			close(quit)
			<-ended
			return nil
		},
	}
}

func TestRun_stopsInReverse(t *testing.T) {
	t.Parallel()
	var d diary
	var up sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	units := []Unit{d.unit("a", &up), d.unit("b", &up), d.unit("c", &up)}
	go func() {
		up.Wait()
		cancel()
	}()
	if err := Run(ctx, time.Minute, units...); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(d.lines, []string{"stop c", "c ended", "stop b", "b ended", "stop a", "a ended"}); diff != "" {
		t.Error(diff)
	}
}

func TestRun_failingUnitStopsTheRest(t *testing.T) {
	t.Parallel()
	var d diary
	var up sync.WaitGroup
	var log bytes.Buffer
	broken := errors.New("address in use")
	for name, failure := range map[string]error{"any error": broken, "a canceled context of its own": context.Canceled} {
		d.lines = nil
		log.Reset()
		logger := zerolog.New(&log)
		bad := Unit{Name: "bad", Run: func(context.Context) error {
			up.Wait()
			return failure
		}, Stop: func(context.Context) error {
			d.note("stopped what had ended")
			return nil
		}}
		err := Run(logger.WithContext(t.Context()), time.Minute, d.unit("a", &up), bad, d.unit("b", &up))
		if !errors.Is(err, failure) || !strings.HasPrefix(err.Error(), "bad: ") {
			t.Errorf("%s: got %v", name, err)
		}
		if diff := cmp.Diff(d.lines, []string{"stop b", "b ended", "stop a", "a ended"}); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if !strings.Contains(log.String(), `"unit":"bad","error":"`+failure.Error()) {
			t.Errorf("%s: the log does not say it: %s", name, log.String())
		}
	}
}

func TestRun_graceExceeded(t *testing.T) {
	t.Parallel()
	var d diary
	var up sync.WaitGroup
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	ctx, cancel := context.WithCancel(t.Context())
	stubborn := Unit{
		Name: "stubborn",
		Run: func(context.Context) error {
			up.Wait()
			cancel()
			<-never
			return nil
		},
		Stop: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		},
	}
	begun := time.Now()
	err := Run(ctx, 10*time.Millisecond, d.unit("a", &up), stubborn)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "stubborn: ") || !strings.Contains(err.Error(), "still ran") {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff(d.lines, []string{"stop a", "a ended"}); diff != "" {
		t.Errorf("the others were not stopped: %s", diff)
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestRun_endsOfUnits(t *testing.T) {
	t.Parallel()
	untilTold := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	done := func(context.Context) error { return nil }
	broken := errors.New("broken")
	for name, tt := range map[string]struct {
		units []Unit
		want  error
		told  bool // the process is told to stop
	}{
		"no units":                     {nil, nil, false},
		"all done":                     {[]Unit{{Name: "a", Run: done}, {Name: "b", Run: done}}, nil, false},
		"one done, one told":           {[]Unit{{Name: "a", Run: done}, {Name: "b", Run: untilTold}}, nil, true},
		"one done, one fails":          {[]Unit{{Name: "a", Run: done}, {Name: "b", Run: func(context.Context) error { return broken }}}, broken, false},
		"stop fails":                   {[]Unit{{Name: "a", Run: untilTold, Stop: func(context.Context) error { return broken }}}, broken, true},
		"fails because it was told to": {[]Unit{{Name: "a", Run: func(ctx context.Context) error { <-ctx.Done(); return broken }}}, broken, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if tt.told {
				cancel()
			}
			if err := Run(ctx, time.Minute, tt.units...); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}
