package models

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// Hub is where the models that OpenAI has trained are published in the format of
// whisper.cpp.
const Hub = "https://huggingface.co/ggerganov/whisper.cpp/resolve/main"

// spare is how much room a download leaves on the disk.
const spare = 64 << 20

// Options say how models are fetched. Only Base and Free are needed.
type Options struct {
	Base  string                            // address below which the files are
	Free  func(dir string) (int64, error)   // bytes that can be written there; errors.ErrUnsupported: not known
	Show  func(done, total int64)           // is told how far it is; total is 0 where it is not known
	Retry func(err error, in time.Duration) // is told what went wrong and when it is tried again
	Tries int                               // in a row without a byte, after which it is given up; 6 when 0
	Pause time.Duration                     // before the second try, doubled for each further one; 1 s when 0
	Stall time.Duration                     // without a byte, after which a try is given up; 1 min when 0
}

// Puller fetches models.
type Puller struct {
	o    Options
	dir  Dir
	http *http.Client
}

// NewPuller returns a puller into a directory, which is made when it is needed. It
// fails when the address is none.
func NewPuller(dir Dir, o Options) (*Puller, error) {
	o.Base = strings.TrimRight(o.Base, "/")
	if u, err := url.Parse(o.Base); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is not an address like %s", o.Base, Hub)
	}
	if o.Tries == 0 {
		o.Tries = 6
	}
	if o.Pause == 0 {
		o.Pause = time.Second
	}
	if o.Stall == 0 {
		o.Stall = time.Minute
	}
	if o.Show == nil {
		o.Show = func(int64, int64) {}
	}
	if o.Retry == nil {
		o.Retry = func(error, time.Duration) {}
	}
	return &Puller{o: o, dir: dir, http: &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, ResponseHeaderTimeout: o.Stall, TLSHandshakeTimeout: o.Stall, ForceAttemptHTTP2: true,
	}}}, nil
}

// Pull fetches a model, or the rest of it when an earlier call was interrupted.
// The file gets its name once it is whole, checked and on the disk; a file of that
// name is replaced. What has arrived when ctx ends stays for the next call.
func (p *Puller) Pull(ctx context.Context, m transcription.Model) (err error) {
	if err := os.MkdirAll(string(p.dir), 0o755); err != nil { //nolint:gosec // workers of another user read it
		return err
	}
	f, err := openPart(ctx, p.dir.Path(m))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	err = p.fetchAndCheck(ctx, f, m)
	if err != nil && f.size == 0 {
		return errors.Join(err, f.discard())
	}
	if err != nil {
		return err
	}
	return f.finish()
}

// fetchAndCheck makes the part whole. One that was begun earlier and turns out
// wrong is fetched anew once: it may be of two versions.
func (p *Puller) fetchAndCheck(ctx context.Context, f *part, m transcription.Model) error {
	for {
		if err := p.fetchAll(ctx, f, m); err != nil {
			return err
		}
		resumed, wrong := f.resumed, f.check(m)
		if wrong == nil {
			return nil
		}
		if err := f.restart(); err != nil || !resumed {
			return errors.Join(wrong, err)
		}
	}
}

// fetchAll fetches until all is there, as long as it goes on.
func (p *Puller) fetchAll(ctx context.Context, f *part, m transcription.Model) error {
	for try := 1; ; try++ {
		if m.SHA256 != "" && f.size == m.Size {
			return nil
		}
		before := f.size
		err := p.fetch(ctx, f, m)
		if err == nil || ctx.Err() != nil {
			return errors.Join(ctx.Err(), err)
		}
		if final, ok := errors.AsType[finalError](err); ok {
			return final.error
		}
		if f.size > before {
			try = 1
		}
		if try >= p.o.Tries {
			return fmt.Errorf("download %s, tried %d times: %w", m.File, try, err)
		}
		wait := max(p.o.Pause<<(try-1), retryAfter(err))
		p.o.Retry(err, wait)
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// errStalled is the cause of a context that nothing has arrived under.
var errStalled = errors.New("nothing has arrived for too long")

// fetch asks once for what is missing.
func (p *Puller) fetch(ctx context.Context, f *part, m transcription.Model) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	res, err := p.ask(ctx, f, m)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // only read
	total, done, err := p.accept(res, f, m)
	if err != nil || done {
		return err
	}
	if err := p.room(total - f.size); err != nil {
		return err
	}
	alarm := time.AfterFunc(p.o.Stall, func() { cancel(errStalled) })
	defer alarm.Stop()
	arrive := &counter{w: f, n: f.size, add: func(n int64) {
		alarm.Reset(p.o.Stall)
		p.o.Show(n, max(0, total))
	}}
	body := io.Reader(res.Body)
	if total > 0 {
		body = io.LimitReader(body, total-f.size+1)
	}
	_, err = io.Copy(arrive, body)
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errStalled):
		return cause
	case total > 0 && f.size > total:
		return finalError{errors.Join(fmt.Errorf("%s is longer than the %d bytes it should have", m.File, total), f.restart())}
	case err == nil && f.size < total:
		return io.ErrUnexpectedEOF
	}
	return err
}

func (p *Puller) ask(ctx context.Context, f *part, m transcription.Model) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.o.Base+"/"+url.PathEscape(m.File), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept-Encoding", "identity")
	req.Header.Set("User-Agent", "turboscribe")
	version := f.version()
	if f.size > 0 && version == "" && m.SHA256 == "" {
		// Nothing could tell whether the rest is of the same file.
		if err := f.restart(); err != nil {
			return nil, finalError{err}
		}
	}
	if f.size > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", f.size))
		if version != "" {
			req.Header.Set("If-Range", version)
		}
	}
	return p.http.Do(req)
}

// accept looks at an answer and makes the part ready for its body. Total is what
// the file has in all, 0 where it is not known; done means that all is there.
func (p *Puller) accept(res *http.Response, f *part, m transcription.Model) (total int64, done bool, err error) {
	switch res.StatusCode {
	case http.StatusOK: // from the beginning: the server knows no ranges, or has another version
		if err := f.restart(); err != nil {
			return 0, false, finalError{err}
		}
		total = max(0, res.ContentLength)
	case http.StatusPartialContent:
		var from int64
		if from, total = contentRange(res); from != f.size {
			return 0, false, errors.Join(fmt.Errorf("the server sends the bytes from %d, not from %d", from, f.size), f.restart())
		}
		f.resumed = true
	case http.StatusRequestedRangeNotSatisfiable:
		if _, total = contentRange(res); total == f.size && total > 0 {
			return total, true, nil
		}
		return 0, false, errors.Join(errors.New("the server has less than has arrived already"), f.restart())
	default:
		return 0, false, refusal(res)
	}
	if m.SHA256 != "" && total > 0 && total != m.Size {
		return 0, false, finalError{fmt.Errorf("%s has %d bytes, but %s has %d: it is another file",
			res.Request.URL.Redacted(), total, m.Name, m.Size)}
	}
	if m.SHA256 != "" {
		total = m.Size
	}
	return total, false, f.setVersion(strongVersion(res))
}

// contentRange reads "bytes 7-9/10" and "bytes */10"; -1 is what it does not say.
func contentRange(res *http.Response) (from, total int64) {
	span, all, _ := strings.Cut(strings.TrimPrefix(res.Header.Get("Content-Range"), "bytes "), "/")
	first, _, _ := strings.Cut(span, "-")
	return number(first), number(all)
}

func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// strongVersion returns what If-Range may carry.
func strongVersion(res *http.Response) string {
	if tag := res.Header.Get("ETag"); tag != "" {
		if strings.HasPrefix(tag, "W/") {
			return ""
		}
		return tag
	}
	return res.Header.Get("Last-Modified")
}

// room returns an error when so many bytes do not fit on the disk.
func (p *Puller) room(need int64) error {
	free, err := p.o.Free(string(p.dir))
	if errors.Is(err, errors.ErrUnsupported) || err == nil && free >= need+spare {
		return nil
	}
	if err != nil {
		return finalError{err}
	}
	return finalError{fmt.Errorf("there is not enough room in %s: %d MB are needed and %d MB are free", p.dir, (need+spare)>>20, free>>20)}
}

// finalError is one that another try does not mend.
type finalError struct{ error }

func (e finalError) Unwrap() error { return e.error }

// statusError is an answer that may be another one later.
type statusError struct {
	status string
	after  time.Duration // as the server asks
}

func (e statusError) Error() string { return "the server answers " + e.status }

// longestWait bounds what a server may ask for.
const longestWait = time.Minute

func retryAfter(err error) time.Duration {
	if s, ok := errors.AsType[statusError](err); ok {
		return min(s.after, longestWait)
	}
	return 0
}

// refusal returns what an answer without the file means.
func refusal(res *http.Response) error {
	where := res.Request.URL.Redacted()
	switch {
	case res.StatusCode >= 500, res.StatusCode == http.StatusTooManyRequests, res.StatusCode == http.StatusRequestTimeout:
		return statusError{res.Status, time.Duration(max(0, number(res.Header.Get("Retry-After")))) * time.Second}
	case res.StatusCode == http.StatusNotFound, res.StatusCode == http.StatusGone:
		return finalError{fmt.Errorf("there is no such file at %s (%s)", where, res.Status)}
	case res.StatusCode == http.StatusUnauthorized, res.StatusCode == http.StatusForbidden:
		return finalError{fmt.Errorf("%s is not to be had without signing in (%s)", where, res.Status)}
	default:
		return finalError{fmt.Errorf("%s cannot be downloaded: the server answers %s", where, res.Status)}
	}
}
