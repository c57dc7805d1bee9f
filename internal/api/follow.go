package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// followTranscription answers with a stream of server-sent events that ends with the
// run. A client whose connection was lost comes back with the id of the last event that
// it has; one that has them all is told so, or a browser would come back for ever.
func (s *Server) followTranscription(c echo.Context) error {
	id, err := readID(c)
	if err != nil {
		return err
	}
	after, err := readPlace(c)
	if err != nil {
		return err
	}
	ctx, cancel := untilExpired(c)
	defer cancel()
	follower, err := s.feed.Follow(ctx, actor(c), id, after)
	if err != nil {
		return orExpired(ctx, err)
	}
	defer follower.Close()
	return s.stream(ctx, c, follower)
}

// stream answers with what there is to tell until there is no more to come.
func (s *Server) stream(ctx context.Context, c echo.Context, follower *transcription.Follower) error {
	news, err := follower.Next(ctx)
	switch {
	case errors.Is(err, io.EOF):
		return c.NoContent(http.StatusNoContent)
	case err != nil:
		return orExpired(ctx, err)
	}
	out := newEventStream(c)
	if headOnly(c) {
		return nil
	}
	err = out.write(news)
	for err == nil {
		if news, err = s.nextNews(ctx, out, follower); err == nil {
			err = out.write(news)
		}
	}
	if transcription.Ended(err) || ctx.Err() != nil {
		return nil //nolint:nilerr // the client has left, or has to prove again who it is
	}
	return err
}

// nextNews waits for news and lets the client know meanwhile that the stream lives.
func (s *Server) nextNews(ctx context.Context, out *eventStream, follower *transcription.Follower) (transcription.News, error) {
	for {
		waiting, cancel := context.WithTimeout(ctx, s.heartbeat)
		news, err := follower.Next(waiting)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			return news, err
		}
		if err := out.beat(); err != nil {
			return news, err
		}
	}
}

// untilExpired returns a context that ends when the caller's token does: who is signed
// out must not be told more than by polling.
func untilExpired(c echo.Context) (context.Context, context.CancelFunc) {
	ctx := c.Request().Context()
	if at := actor(c).Expires; !at.IsZero() {
		return context.WithDeadline(ctx, at)
	}
	return context.WithCancel(ctx)
}

// orExpired returns why there is no stream: err, or that the token has expired meanwhile.
func orExpired(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return auth.Expired(err)
	}
	return err
}

// readPlace returns the place behind which a client goes on. Browsers send it in the
// header when they connect again by themselves; a page that does so with a new token
// can only put it into the query.
func readPlace(c echo.Context) (transcription.Place, error) {
	q, err := readQuery(c)
	if err != nil {
		return transcription.Place{}, err
	}
	return transcription.ParsePlace(first(c.Request().Header.Get("Last-Event-ID"), q.Get("lastEventId")))
}

func headOnly(c echo.Context) bool {
	only, _ := c.Get(headOnlyKey).(bool)
	return only
}

// eventStream writes server-sent events.
type eventStream struct {
	w       *echo.Response
	control *http.ResponseController
}

// retryEvents is when a client that has lost its connection comes back, at the earliest
// and at the latest: all of them would come at once when this program is started anew.
const (
	retryEventsFrom = time.Second
	retryEventsTo   = 4 * time.Second
)

// newEventStream begins a stream. Proxies must neither keep it, change it nor hold it
// back.
func newEventStream(c echo.Context) *eventStream {
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "text/event-stream")
	h.Set(echo.HeaderCacheControl, "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no") // for nginx
	c.Response().WriteHeader(http.StatusOK)
	return &eventStream{w: c.Response(), control: http.NewResponseController(c.Response())}
}

// write writes news and sends them on their way.
func (s *eventStream) write(news transcription.News) error {
	if s.w.Size == 0 {
		retry := retryEventsFrom + rand.N(retryEventsTo-retryEventsFrom) //nolint:gosec // nobody gains by foreseeing it
		if _, err := fmt.Fprintf(s.w, "retry: %d\n\n", retry.Milliseconds()); err != nil {
			return err
		}
	}
	for _, item := range news.Items {
		name, data := newItemJSON(item, news.Standing)
		if err := s.event(name, item.Place.String(), data); err != nil {
			return err
		}
	}
	return s.control.Flush()
}

func (s *eventStream) event(name, id string, data any) error {
	b, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("encode an event: %w", err)
	}
	_, err = fmt.Fprintf(s.w, "id: %s\nevent: %s\ndata: %s\n\n", id, name, b)
	return err
}

// beat writes a comment, which clients pass over: whoever is in between would otherwise
// take the connection for a dead one, and so would we miss that it is.
func (s *eventStream) beat() error {
	if _, err := io.WriteString(s.w, ":\n\n"); err != nil {
		return err
	}
	return s.control.Flush()
}

// progressJSON is how far a transcription is, as in the answer to a poll.
type progressJSON struct {
	Run              int        `json:"run"`
	Progress         fraction   `json:"progress"`
	QueuePosition    int        `json:"queuePosition"`
	EstimatedSeconds *seconds   `json:"estimatedSeconds"`
	EstimatedRange   *rangeJSON `json:"estimatedRange"`
}

// stateJSON is a change of status. How far it was when one of the past came about is not
// known any more.
type stateJSON struct {
	Run              int                  `json:"run"`
	Status           transcription.Status `json:"status"`
	Stage            *string              `json:"stage"`
	At               timestamp            `json:"at"`
	Progress         *fraction            `json:"progress"`
	QueuePosition    *int                 `json:"queuePosition"`
	EstimatedSeconds *seconds             `json:"estimatedSeconds"`
	EstimatedRange   *rangeJSON           `json:"estimatedRange"`
	Error            *problemJSON         `json:"error"`
}

// segmentsJSON has segments without words.
type segmentsJSON struct {
	Run      int           `json:"run"`
	Segments []segmentJSON `json:"segments"`
}

// newItemJSON returns the name of an event and what it says.
func newItemJSON(item transcription.Item, now *transcription.Standing) (name string, data any) {
	switch {
	case item.Change == nil && item.Segments == nil:
		return "progress", newProgressJSON(now)
	case item.Change == nil:
		out := segmentsJSON{Run: now.Run, Segments: make([]segmentJSON, len(item.Segments))}
		for i, segment := range item.Segments {
			out.Segments[i] = newSegmentJSON(item.First()+i, segment)
		}
		return "segments", out
	}
	if status := item.Change.Status(); status.Final() {
		return string(status), newStateJSON(*item.Change, now)
	}
	return "state", newStateJSON(*item.Change, now)
}

func newProgressJSON(now *transcription.Standing) progressJSON {
	out := progressJSON{
		Run: now.Run, Progress: done(now.Progress), QueuePosition: now.QueuePosition, EstimatedSeconds: orNull(seconds(now.Estimate)),
	}
	if now.Latest > 0 {
		out.EstimatedRange = &rangeJSON{Lowest: seconds(now.Soonest), Highest: seconds(now.Latest)}
	}
	return out
}

func newStateJSON(change transcription.Event, now *transcription.Standing) stateJSON {
	status := change.Status()
	out := stateJSON{Run: now.Run, Status: status, Stage: orNull(stages[status]), At: timestamp(change.At)}
	if status != now.Status {
		return out
	}
	p := newProgressJSON(now)
	out.Progress, out.QueuePosition, out.EstimatedSeconds, out.EstimatedRange = &p.Progress, &p.QueuePosition, p.EstimatedSeconds, p.EstimatedRange
	out.Error = (*problemJSON)(now.Failure)
	return out
}
