package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// defaultStreams is how many recordings one account is sent at once. A browser has six
// connections to a host, and plays one or two of them.
const defaultStreams = 16

// mediaCSP lets a browser play a recording that it was led to, and nothing else happen:
// what was found to be sound may be something else as well.
const mediaCSP = "default-src 'none'; media-src 'self'; sandbox; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// sendMedia sends a recording, or the parts of it that a player asks for.
func (s *Server) sendMedia(c echo.Context) error {
	m, kind, err := s.readMedia(c)
	if err != nil {
		return err
	}
	leave, ok := s.streams.take(actor(c).UserID)
	if !ok {
		return fault.New(fault.RateLimited, "You are being sent %d recordings, as many as may be at once. Close some of them.", s.streams.limit).
			WithCode("too_many_streams").With("limit", s.streams.limit)
	}
	defer leave()
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, m.Type())
	h.Set(echo.HeaderContentDisposition, disposition(kind, m.DownloadName()))
	h.Set("Content-Security-Policy", mediaCSP)
	h.Set("Cache-Control", "private, no-cache")
	h.Set("ETag", `"`+m.SHA256+`"`)
	return sendParts(c, m)
}

type mediaURLJSON struct {
	URL       string    `json:"url"`
	ExpiresAt timestamp `json:"expiresAt"`
}

// signMedia answers with an address at the storage itself.
func (s *Server) signMedia(c echo.Context) error {
	m, kind, err := s.readMedia(c)
	if err != nil {
		return err
	}
	url, expires, err := m.Sign(c.Request().Context(), disposition(kind, m.DownloadName()))
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, mediaURLJSON{URL: url, ExpiresAt: timestamp(expires)})
}

// readMedia returns the recording that a request is about, and whether it is to be saved
// (attachment) or played (inline).
func (s *Server) readMedia(c echo.Context) (m *transcription.Media, kind string, err error) {
	id, err := readID(c)
	if err != nil {
		return nil, "", err
	}
	q, err := readQuery(c)
	if err != nil {
		return nil, "", err
	}
	if err := known(q, []string{"download"}); err != nil {
		return nil, "", err
	}
	save, err := readSwitch(q, "download")
	if err != nil {
		return nil, "", err
	}
	if m, err = s.transcriptions.Media(c.Request().Context(), actor(c), id); err != nil {
		return nil, "", err
	}
	if save {
		return m, "attachment", nil
	}
	return m, "inline", nil
}

// sendParts leaves to net/http what part of the recording is asked for, and under which
// conditions. As long as nothing of it is sent, an error is answered as always.
func sendParts(c echo.Context, m *transcription.Media) error {
	r := c.Request().Clone(c.Request().Context())
	if headOnly(c) {
		r.Method = http.MethodHead
	}
	if part := r.Header.Get("Range"); strings.Contains(part, ",") || !strings.HasPrefix(part, "bytes=") {
		r.Header.Del("Range") // several at once no player asks for, and other units there are none: they get all of it
	}
	body := &mediaReader{ctx: r.Context(), media: m}
	out := &heldHead{ResponseWriter: c.Response()}
	http.ServeContent(out, r, "", m.CreatedAt, body)
	err := body.close()
	if err == nil {
		err = out.refusal()
	}
	if err == nil || c.Response().Committed {
		return err // net/http breaks the answer off that has too few bytes
	}
	h := c.Response().Header()
	for _, name := range []string{echo.HeaderContentType, echo.HeaderContentDisposition, echo.HeaderContentLength, echo.HeaderLastModified, "Accept-Ranges", "Content-Range"} {
		h.Del(name)
	}
	if out.status == http.StatusRequestedRangeNotSatisfiable {
		h.Set("Content-Range", fmt.Sprintf("bytes */%d", m.Size))
	}
	return err
}

// heldHead holds the status back until there is a body: the storage may fail before. What
// is a refusal is never sent, but answered as others are.
type heldHead struct {
	http.ResponseWriter
	status int
	sent   bool
}

// WriteHeader implements http.ResponseWriter.
func (w *heldHead) WriteHeader(status int) { w.status = status }

// Write implements http.ResponseWriter.
func (w *heldHead) Write(p []byte) (int, error) {
	if w.status >= http.StatusBadRequest {
		return len(p), nil
	}
	if !w.sent {
		w.sent = true
		w.ResponseWriter.WriteHeader(w.status)
	}
	return w.ResponseWriter.Write(p)
}

// refusal returns why there is no body, and sends the status if there is not to be one.
func (w *heldHead) refusal() error {
	switch {
	case w.status == http.StatusPreconditionFailed:
		return fault.New(fault.Stale, "The recording is not the one that If-Match or If-Unmodified-Since names.").WithCode("precondition_failed")
	case w.status >= http.StatusBadRequest:
		return echo.NewHTTPError(w.status)
	case !w.sent:
		w.ResponseWriter.WriteHeader(w.status)
	}
	return nil
}

// The bounds of what is asked of the storage at once. Players often ask for all behind a
// place and take a little of it: so it begins small, and a connection to the storage never waits for
// a player that has paused.
const (
	firstWindow = 64 << 10
	lastWindow  = 8 << 20
)

// mediaReader reads a recording from any place on.
type mediaReader struct {
	ctx    context.Context //nolint:containedctx // io.Reader has no other way to be told
	media  *transcription.Media
	off    int64
	window int64 // bytes that were asked for last
	left   int64 // of these
	body   io.ReadCloser
	err    error // why it cannot be read on
}

// Seek implements io.Seeker.
func (r *mediaReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.off
	case io.SeekEnd:
		offset += r.media.Size
	}
	if offset < 0 {
		return 0, fmt.Errorf("seek to byte %d of a recording", offset)
	}
	if offset != r.off {
		r.off, r.window = offset, 0
		r.leave()
	}
	return offset, nil
}

// Read implements io.Reader.
func (r *mediaReader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if r.off >= r.media.Size {
		return 0, io.EOF
	}
	if r.left == 0 {
		if r.err = r.ask(); r.err != nil {
			return 0, r.err
		}
	}
	n, err := r.body.Read(p)
	r.off, r.left = r.off+int64(n), r.left-int64(n)
	if n > 0 || err == nil {
		return n, nil // an error that came with data comes again
	}
	r.err = fmt.Errorf("read a recording at byte %d: %w", r.off, unexpected(err))
	return 0, r.err
}

// unexpected is true of every end before the last byte.
func unexpected(err error) error {
	if err == io.EOF { //nolint:errorlint // a reader must return it as it is
		return io.ErrUnexpectedEOF
	}
	return err
}

// ask opens the next window.
func (r *mediaReader) ask() (err error) {
	r.leave()
	r.window = min(max(firstWindow, 4*r.window), lastWindow)
	length := min(r.window, r.media.Size-r.off)
	if r.body, err = r.media.Open(r.ctx, r.off, length); err != nil {
		r.body = nil
		return err
	}
	r.left = length
	return nil
}

// leave gives up what is open. It was only read.
func (r *mediaReader) leave() {
	if r.body != nil {
		_ = r.body.Close()
	}
	r.body, r.left = nil, 0
}

// close returns why reading ended early, if it did.
func (r *mediaReader) close() error {
	r.leave()
	return r.err
}

// places counts who has how many of a thing.
type places struct {
	limit int
	mu    sync.Mutex
	taken map[uuid.UUID]int
}

func newPlaces(limit int) *places { return &places{limit: limit, taken: map[uuid.UUID]int{}} }

// take gives a place to somebody who has fewer than the limit.
func (p *places) take(who uuid.UUID) (leave func(), ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken[who] >= p.limit {
		return nil, false
	}
	p.taken[who]++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.taken[who]--; p.taken[who] == 0 {
			delete(p.taken, who)
		}
	}, true
}
