package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Settings are what a person asks for with an upload. Empty ones are not sent.
type Settings struct {
	Model     string
	Language  string
	Prompt    string
	Translate bool
	Channels  string // mix or split
	Priority  string // high, normal or low
	Webhook   string // an address that is told how it ends
}

func (s Settings) fields() [][2]string {
	all := [][2]string{{"model", s.Model}, {"language", s.Language}, {"prompt", s.Prompt}, {"channels", s.Channels}, {"priority", s.Priority}, {"webhookUrl", s.Webhook}}
	if s.Translate {
		all = append(all, [2]string{"translate", "true"})
	}
	return all
}

// Upload sends a recording and returns the id of its transcription. Sent is told
// how many bytes of the file are on their way; it starts again from 0 when the
// connection broke and everything is sent once more.
func (c *Client) Upload(ctx context.Context, path string, s Settings, sent func(done, total int64)) (id string, err error) {
	form, err := newForm(path, s)
	if err != nil {
		return "", err
	}
	for try := 1; ; try++ {
		u := &upload{form: form, sent: sent, careful: try > 1}
		id, err = c.upload(ctx, u)
		if _, broken := errors.AsType[*UnreachableError](err); !broken || try > 1 || ctx.Err() != nil {
			return id, err
		}
		if u.body.sentAll() {
			return "", fmt.Errorf("all was sent, but it is not known whether it arrived; turboscribe list shows it: %w", err)
		}
	}
}

func (c *Client) upload(ctx context.Context, u *upload) (string, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(c.stall, func() { cancel(fmt.Errorf("nothing has moved for %v", c.stall)) })
	defer watch.Stop()
	u.moved = func() { watch.Reset(c.stall) }
	got, err := c.signed(ctx, u.request(c.server+apiRoot+"/files/upload"))
	if failed := u.body.failure(); failed != nil {
		return "", failed
	}
	if err != nil {
		return "", err
	}
	var out struct{ TranscriptionID string }
	return out.TranscriptionID, got.decode(&out)
}

// form is the multipart body around a recording. It is known beforehand, so that
// the request says how long it is and the server can refuse it at once.
type form struct {
	path        string
	fileSize    int64
	head, tail  []byte
	contentType string
}

func newForm(path string, s Settings) (*form, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, field := range s.fields() {
		if field[1] != "" {
			err = errors.Join(err, w.WriteField(field[0], field[1]))
		}
	}
	_, partErr := w.CreateFormFile("file", filepath.Base(path))
	head := bytes.Clone(b.Bytes())
	b.Reset()
	if err = errors.Join(err, partErr, w.Close()); err != nil {
		return nil, fmt.Errorf("make the form: %w", err)
	}
	return &form{path: path, fileSize: info.Size(), head: head, tail: b.Bytes(), contentType: w.FormDataContentType()}, nil
}

func (f *form) size() int64 { return int64(len(f.head)) + f.fileSize + int64(len(f.tail)) }

// upload is one try to send a form. When the access token is refused on the way
// in, it begins once more with a new body.
type upload struct {
	form  *form
	sent  func(done, total int64)
	moved func()
	body  *body // the last
	// A server that refuses a form while we still send it cuts the connection, and
	// then its answer is often lost. The second try gives it time to answer.
	careful bool
}

func (u *upload) request(url string) maker {
	return func(ctx context.Context) (*http.Request, error) {
		file, err := os.Open(u.form.path)
		if err != nil {
			return nil, err
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
		if err != nil {
			return nil, errors.Join(err, file.Close())
		}
		u.body = &body{upload: u, file: file, left: u.form.fileSize, hold: u.careful, closed: make(chan struct{})}
		u.body.all = io.MultiReader(bytes.NewReader(u.form.head), readerFunc(u.body.readFile), bytes.NewReader(u.form.tail))
		r.Body = u.body
		r.ContentLength = u.form.size()
		r.Header.Set("Content-Type", u.form.contentType)
		r.Header.Set("Expect", "100-continue")
		return r, nil
	}
}

// body is a form on its way. The transport reads it, and may still do so after it
// has returned an answer.
type body struct {
	upload *upload
	file   *os.File
	all    io.Reader
	left   int64 // of the file
	hold   bool  // wait a moment after the beginning
	closed chan struct{}
	once   sync.Once

	mu   sync.Mutex
	done int64
	err  error // of the file; the transport hides it in its own
}

// Read tells how far the body is.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.all.Read(p)
	b.mu.Lock()
	b.done += int64(n)
	b.mu.Unlock()
	b.upload.moved()
	b.upload.sent(b.upload.form.fileSize-b.left, b.upload.form.fileSize)
	return n, err
}

// Close closes the file.
func (b *body) Close() error {
	b.once.Do(func() { close(b.closed) })
	return b.file.Close()
}

// The beginning of a file is enough for a server to judge it; the moment is how
// long it may take.
const (
	beginning = 16 << 10
	moment    = time.Second
)

// pause holds the rest of the file back once.
func (b *body) pause() {
	if !b.hold || b.upload.form.fileSize-b.left < beginning {
		return
	}
	b.hold = false
	t := time.NewTimer(moment)
	defer t.Stop()
	select {
	case <-t.C:
	case <-b.closed:
	}
}

// readFile reads exactly as much of the file as was announced.
func (b *body) readFile(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	b.pause()
	n, err := b.file.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if errors.Is(err, io.EOF) && b.left > 0 {
		err = errors.New("the file became shorter while it was sent")
	}
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, os.ErrClosed) {
		return n, err
	}
	err = fmt.Errorf("read %s: %w", b.upload.form.path, err)
	b.mu.Lock()
	b.err = err
	b.mu.Unlock()
	return n, err
}

func (b *body) sentAll() bool {
	if b == nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.done >= b.upload.form.size()
}

func (b *body) failure() error {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
