package transcription

import (
	"context"
	"errors"
	"io"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// Follower follows one transcription. It is for one goroutine.
type Follower struct {
	feed    *Feed
	subject *subject
	place   Place // told so far
	needs   int   // questions that have to be answered before it is told anything

	told     bool // how far it is, which was:
	progress float64
	position int
}

// Follow begins to follow a transcription of the caller's behind a place. Close it.
// NotFound: there is none of that id, or it belongs to somebody else. Invalid
// invalid_place: there was no such place. Unavailable: too many follow something.
func (f *Feed) Follow(ctx context.Context, who auth.Actor, id uuid.UUID, after Place) (*Follower, error) {
	if err := who.Require(auth.ReadTranscriptions); err != nil {
		return nil, err
	}
	fo, err := f.join(who.ID(), id, after)
	if err != nil {
		return nil, err
	}
	if err := fo.begin(ctx); err != nil {
		fo.Close()
		return nil, err
	}
	return fo, nil
}

// begin waits until there is something to tell.
func (fo *Follower) begin(ctx context.Context) error {
	for {
		ready, changed, err := fo.ready()
		if ready || err != nil {
			return err
		}
		if err := fo.wait(ctx, changed); err != nil {
			return err
		}
	}
}

func (fo *Follower) ready() (ready bool, changed <-chan struct{}, err error) {
	fo.feed.mu.Lock()
	defer fo.feed.mu.Unlock()
	s := fo.subject
	switch {
	case s.answered < fo.needs:
		return false, s.changed, nil
	case s.err != nil:
		return false, nil, s.err
	case fo.place.Run > s.standing.Run:
		return false, nil, unknownPlace()
	}
	return true, nil, nil
}

func (fo *Follower) wait(ctx context.Context, changed <-chan struct{}) error {
	select {
	case <-changed:
		return nil
	case <-fo.feed.stopped:
		return errStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Next waits for news and returns them. EOF: the run has ended, and everything was told.
// NotFound: the transcription was deleted. Unavailable: the feed was stopped.
func (fo *Follower) Next(ctx context.Context) (News, error) {
	for {
		news, changed, err := fo.look()
		if err != nil || len(news.Items) > 0 {
			return news, err
		}
		if err := fo.wait(ctx, changed); err != nil {
			return News{}, err
		}
	}
}

// look returns what there is to tell now.
func (fo *Follower) look() (News, <-chan struct{}, error) {
	fo.feed.mu.Lock()
	defer fo.feed.mu.Unlock()
	s := fo.subject
	if fault.Is(s.err, fault.NotFound) {
		return News{}, nil, s.err
	}
	now := s.standing
	if !now.covers(fo.place) || now.Run < fo.place.Run {
		return News{}, s.changed, nil
	}
	news := newsSince(now, fo.place, !fo.told || fo.progress != now.Progress || fo.position != now.QueuePosition)
	if n := len(news.Items); n > 0 {
		fo.place = news.Items[n-1].Place
		fo.told, fo.progress, fo.position = true, now.Progress, now.QueuePosition
		return news, nil, nil
	}
	if now.Status.Final() {
		return news, nil, io.EOF
	}
	return news, s.changed, nil
}

// Close ends the following. It may be called twice.
func (fo *Follower) Close() { fo.feed.leave(fo) }

// Ended reports whether an error of Next is an end that a client need not be told of.
func Ended(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, errStopped) || fault.Is(err, fault.NotFound)
}
