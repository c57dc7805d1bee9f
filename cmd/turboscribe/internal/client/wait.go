package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Between two looks at a transcription: short at first, for short recordings.
const (
	firstLook = 200 * time.Millisecond
	lastLook  = 2 * time.Second
	maxLook   = time.Minute // however long the server asks to wait
)

// Watcher is told what happens while a client waits. Both must be set.
type Watcher struct {
	Changed func(*Transcription) // as often as the server has something new
	Notice  func(message string) // the server stopped answering, or does again
}

// Wait returns the transcription once nothing more will happen to it. When the
// server does not answer it tries on for as long as the client has patience.
func (c *Client) Wait(ctx context.Context, id string, w Watcher) (*Transcription, error) {
	p := &poll{client: c, id: id, watcher: w, pause: firstLook, answered: time.Now()}
	for {
		after, err := p.look(ctx)
		if err != nil {
			return nil, err
		}
		if p.last != nil && p.last.Final() {
			return p.last, nil
		}
		if err := sleep(ctx, after); err != nil {
			return nil, err
		}
	}
}

type poll struct {
	client   *Client
	id       string
	watcher  Watcher
	tag      string
	last     *Transcription
	pause    time.Duration
	answered time.Time // when the server last did
	silent   bool
}

// look asks once and returns how long to wait before asking again.
func (p *poll) look(ctx context.Context) (time.Duration, error) {
	got, err := p.ask(ctx)
	pause := p.pause
	p.pause = min(p.pause*3/2, lastLook)
	if err != nil {
		return p.excuse(ctx, err, pause)
	}
	p.answered = time.Now()
	if p.silent {
		p.silent = false
		p.watcher.Notice(p.client.server + " answers again.")
	}
	if got.status != http.StatusNotModified {
		if err := p.take(got); err != nil {
			return 0, err
		}
	}
	return max(pause, min(retryAfter(got.header), maxLook)), nil
}

func (p *poll) ask(ctx context.Context) (*reply, error) {
	ctx, cancel := within(ctx, p.client.timeout)
	defer cancel()
	plain := p.client.request(http.MethodGet, transcriptionPath(p.id), nil)
	return p.client.signed(ctx, func(ctx context.Context) (*http.Request, error) {
		r, err := plain(ctx)
		if err == nil && p.tag != "" {
			r.Header.Set("If-None-Match", p.tag)
		}
		return r, err
	})
}

func (p *poll) take(got *reply) error {
	var raw json.RawMessage
	if err := got.decode(&raw); err != nil {
		return err
	}
	t, err := parseTranscription(raw)
	if err != nil {
		return err
	}
	p.tag, p.last = got.header.Get("ETag"), t
	p.watcher.Changed(t)
	return nil
}

// excuse decides whether a failure may pass, and after which pause to ask again.
func (p *poll) excuse(ctx context.Context, err error, pause time.Duration) (time.Duration, error) {
	if ctx.Err() != nil || !temporary(err) || time.Since(p.answered) > p.client.patience {
		return 0, err
	}
	if !p.silent {
		p.silent = true
		p.watcher.Notice(fmt.Sprintf("%v. Trying on for %v.", err, p.client.patience))
	}
	if refused, ok := errors.AsType[*Error](err); ok {
		pause = max(pause, min(refused.after, maxLook))
	}
	return pause, nil
}

// temporary reports whether asking again may help.
func temporary(err error) bool {
	if _, ok := errors.AsType[*UnreachableError](err); ok {
		return true
	}
	refused, ok := errors.AsType[*Error](err)
	return ok && (refused.Status == http.StatusTooManyRequests || refused.Status >= http.StatusInternalServerError)
}

// retryAfter returns how long the server asks to wait, 0 when it does not.
func retryAfter(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	if n, err := strconv.Atoi(value); err == nil {
		return max(time.Duration(n)*time.Second, 0)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return max(time.Until(at), 0)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
