package transcription

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// An upload is asked after once in a while, and ends when its owner is gone.
func TestWelcomeBody(t *testing.T) {
	t.Parallel()
	now, asked, gone := time.Now(), 0, errors.New("gone")
	var err error
	b := &welcomeBody{
		Reader: strings.NewReader(strings.Repeat("a", 100)), now: func() time.Time { return now }, next: now.Add(welcome),
		ask: func() error { asked++; return err },
	}
	read := func() error {
		_, err := io.ReadFull(b, make([]byte, 10))
		return err
	}
	for i, step := range []struct {
		later time.Duration
		err   error
		asked int
		want  error
	}{{0, gone, 0, nil}, {welcome, nil, 0, nil}, {time.Second, nil, 1, nil}, {time.Second, gone, 1, nil}, {welcome, gone, 2, gone}} {
		now, err = now.Add(step.later), step.err
		if got := read(); !errors.Is(got, step.want) || asked != step.asked {
			t.Errorf("step %d: got %v, asked %d times, want %v and %d", i, got, asked, step.want, step.asked)
		}
	}
}
