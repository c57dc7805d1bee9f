package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// timed gives up on clients that stop: to send a body, or to take the answer. A
// small body has to arrive in time as a whole; an upload and an answer may take
// as long as they move.
func (s *Server) timed(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r, w := c.Request(), c.Response()
		control := http.NewResponseController(w.Writer)
		out := &timedWriter{ResponseWriter: w.Writer, control: control, deadline: deadline{set: control.SetWriteDeadline, timeout: s.bodyTimeout}}
		w.Writer = out
		if r.ProtoMajor == 1 {
			// The server writes "100 Continue" on its own when a body is first read.
			// A stream of HTTP/2 need not wait for that, and would not outlive a
			// deadline that passes during an upload.
			if err := out.gain(); err != nil {
				return err
			}
		}
		if r.Body != nil && r.Body != http.NoBody {
			body := &timedBody{
				ReadCloser: r.Body, moving: c.Path() == uploadPath,
				deadline: deadline{set: control.SetReadDeadline, timeout: s.bodyTimeout},
			}
			if err := body.gain(); err != nil {
				return err
			}
			r.Body = body
		}
		if err := next(c); err != nil {
			return err
		}
		return out.gain() // for what is still in the buffers of the server
	}
}

// deadline is the time by which a connection must have moved.
type deadline struct {
	set     func(time.Time) error
	timeout time.Duration
	since   time.Time
}

// gain puts the deadline off, not more often than makes a difference. Where a
// connection has none, as in a test without one, there is nothing to wait for.
func (d *deadline) gain() error {
	now := time.Now()
	if now.Sub(d.since) <= d.timeout/64 {
		return nil
	}
	d.since = now
	if err := d.set(now.Add(d.timeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("set a deadline of the connection: %w", err)
	}
	return nil
}

// timedBody is a request body that has to arrive in time.
type timedBody struct {
	io.ReadCloser
	deadline
	moving bool // every byte gains time
}

// Read reads on. Time is gained before reading and never after: at the end the
// server lifts the deadline, to read in the background until the client leaves,
// and would take one that passes then for a client that left.
func (b *timedBody) Read(p []byte) (int, error) {
	if b.moving {
		if err := b.gain(); err != nil {
			return 0, err
		}
	}
	return b.ReadCloser.Read(p)
}

// maxPiece is how much of an answer a client has to take within one timeout. The
// connection tells only whether all of a piece is taken, not that it moves.
const maxPiece = 64 << 10

// timedWriter is an answer that has to be taken in time.
type timedWriter struct {
	http.ResponseWriter
	deadline
	control *http.ResponseController
}

// Write writes in pieces, each of which gains time.
func (w *timedWriter) Write(p []byte) (int, error) {
	written := 0
	for {
		if err := w.gain(); err != nil {
			return written, err
		}
		piece := p[written:min(written+maxPiece, len(p))]
		n, err := w.ResponseWriter.Write(piece)
		written += n
		if err != nil || written == len(p) {
			return written, err
		}
	}
}

// FlushError sends what is buffered. It is what http.ResponseController looks for.
func (w *timedWriter) FlushError() error {
	if err := w.gain(); err != nil {
		return err
	}
	return w.control.Flush()
}

// Unwrap is for http.ResponseController.
func (w *timedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// limited bounds a body. http.MaxBytesReader has to be given the writer of the
// server itself, which it tells to close the connection behind a larger one.
func limited(c echo.Context, limit int64) io.ReadCloser {
	w := c.Response().Writer
	for {
		outer, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return http.MaxBytesReader(w, c.Request().Body, limit)
		}
		w = outer.Unwrap()
	}
}
