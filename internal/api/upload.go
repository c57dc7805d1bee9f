package api

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

const (
	// formSlack is what a form may have beside its file.
	formSlack = 64 << 10
	// maxField bounds the value of an option, in bytes.
	maxField = 4 << 10
	// defaultUploads at once take half a gigabyte, see internal/blob.
	defaultUploads = 64
)

// upload streams the file of a multipart form to where recordings are kept. No
// more of it than a few buffers is ever in memory, and nothing on disk.
func (s *Server) upload(c echo.Context) error {
	r := c.Request()
	if err := s.limitUpload(c); err != nil {
		return err
	}
	form, err := newForm(r)
	if err != nil {
		return err
	}
	file, err := form.untilFile()
	if err != nil {
		return err
	}
	if err := s.checkOptions(c, form); err != nil {
		return err
	}
	in := transcription.Upload{FileName: file.FileName(), Size: r.ContentLength - formSlack, Body: filePart{file, form}, Options: s.restOf(c, form), Written: form.text}
	t, err := s.transcriptions.Upload(r.Context(), actor(c), in)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderLocation, root+"/transcriptions/"+t.ID.String())
	return answer(c, http.StatusAccepted, uploadJSON{FileID: t.File.ID, TranscriptionID: t.ID, Status: t.Status})
}

// uploadToken gives a page what it can send a long batch with, nobody being there to
// refresh a sign-in.
func (s *Server) uploadToken(c echo.Context) error {
	token, expires, err := s.auth.UploadToken(c.Request().Context(), actor(c))
	if err != nil {
		return err
	}
	return answer(c, http.StatusCreated, map[string]any{"token": token, "expiresAt": timestamp(expires)})
}

// checkOptions returns what is wrong with those before the file.
func (s *Server) checkOptions(c echo.Context, f *form) error {
	o, err := s.batched(c, f)
	if err != nil {
		return err
	}
	if err := s.transcriptions.CheckOptions(c.Request().Context(), actor(c), o, f.written); err != nil {
		return err
	}
	if f.written.File != nil && f.written.Format != "" { // else the rest comes behind the file
		if err := s.transcriptions.CheckWritten(f.written); err != nil {
			return err
		}
	}
	_, err = s.webhooks.AcceptURL(c.Request().Context(), actor(c), o.WebhookURL)
	return err
}

// restOf returns a function that reads what is behind the file and returns all
// options, with the address that is to be told in its canonical form.
func (s *Server) restOf(c echo.Context, f *form) func() (transcription.Options, error) {
	return func() (transcription.Options, error) {
		if err := f.rest(); err != nil {
			return f.options, err
		}
		o, err := s.batched(c, f)
		if err != nil {
			return o, err
		}
		o.WebhookURL, err = s.webhooks.AcceptURL(c.Request().Context(), actor(c), o.WebhookURL)
		return o, err
	}
}

// admitted lets no more uploads in than there is memory for: each has a part for
// itself, for as long as its client takes.
func (s *Server) admitted(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		select {
		case s.uploads <- struct{}{}:
		default:
			return fault.New(fault.Unavailable, "Too many recordings are being uploaded at this moment. Try again in a few seconds.").
				WithCode("busy").With("limit", cap(s.uploads))
		}
		defer func() { <-s.uploads }()
		return next(c)
	}
}

// limitUpload refuses an upload that says it is too large before any of it is
// read, and stops one that does not say so.
func (s *Server) limitUpload(c echo.Context) error {
	r, limit := c.Request(), s.transcriptions.Limits().MaxBytes
	if r.ContentLength > limit+formSlack {
		return fault.New(fault.TooLarge, "This upload has %d bytes; at most %d are allowed. Compress the recording, for example to Opus or MP3, or split it.",
			r.ContentLength, limit).WithCode("file_too_large").With("limit", limit).With("size", r.ContentLength)
	}
	r.Body = limited(c, limit+formSlack)
	return nil
}

// form reads the fields of an upload as they come.
type form struct {
	parts   *multipart.Reader
	body    *sentBody
	options transcription.Options
	written transcription.Written
	seen    map[string]bool
}

// text returns the text that the recording comes with, once all has been read.
func (f *form) text() transcription.Written { return f.written }

func newForm(r *http.Request) (*form, error) {
	body := &sentBody{Reader: r.Body}
	r.Body = endless{io.MultiReader(body, strings.NewReader("\r\n"), unended{}), r.Body}
	parts, err := r.MultipartReader()
	if errors.Is(err, http.ErrNotMultipart) {
		return nil, fault.Wrap(err, fault.Unsupported, "Send the recording as multipart/form-data with the field file.").WithCode("not_multipart")
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "The multipart body names no boundary.").WithCode("malformed_multipart")
	}
	return &form{parts: parts, body: body, seen: map[string]bool{}}, nil
}

// untilFile reads the fields before the file and returns the file, not read yet.
func (f *form) untilFile() (*multipart.Part, error) {
	for {
		part, err := f.next()
		if errors.Is(err, io.EOF) {
			return nil, fault.New(fault.Invalid, "The form has no file. Send the recording in the field file.").
				WithCode("file_missing").With("field", "file")
		}
		if err != nil || part.FormName() == "file" {
			return part, err
		}
		if err := f.option(part); err != nil {
			return nil, err
		}
	}
}

// rest reads the fields behind the file.
func (f *form) rest() error {
	for {
		part, err := f.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := f.option(part); err != nil {
			return err
		}
	}
}

// next returns the next field, io.EOF behind the last. No field comes twice.
func (f *form) next() (*multipart.Part, error) {
	part, err := f.parts.NextPart()
	if err == io.EOF { // a wrapped one is a body that broke off
		return nil, io.EOF
	}
	if err != nil {
		return nil, f.unreadable(err)
	}
	if disposition := part.Header.Get("Content-Disposition"); !isField(disposition) {
		return nil, malformedForm(fmt.Errorf("no part of a form is %q", disposition))
	}
	name := part.FormName()
	if f.seen[name] {
		return nil, fault.New(fault.Invalid, "The field %q comes twice. Send one file and each option at most once.", name).
			WithCode("duplicate_field").With("field", name)
	}
	f.seen[name] = true
	return part, nil
}

// isField reports whether that is the Content-Disposition of a field. Where it
// cannot be parsed, the field has no name either.
func isField(disposition string) bool {
	kind, _, err := mime.ParseMediaType(disposition)
	return err == nil && kind == "form-data"
}

// option reads the value of a field that is not the file.
func (f *form) option(part *multipart.Part) error {
	name := part.FormName()
	if name == "transcript" {
		text, err := f.read(part, name, large)
		f.written.File = append([]byte{}, text...) // not nil: it is there
		return err
	}
	value, err := f.value(part, name)
	if err != nil {
		return err
	}
	switch name {
	case "transcriptFormat":
		f.written.Format = value
	case "model":
		f.options.Model = value
	case "language":
		f.options.Language = value
	case "prompt":
		f.options.Prompt = value
	case "translate":
		f.options.Translate, err = readBool(name, value)
	case "priority":
		f.options.Priority, err = transcription.ParsePriority(value)
	case "channels":
		f.options.Split, err = readChannels(name, value)
	case "webhookUrl":
		f.options.WebhookURL = value
	case "batch":
		f.options.Batch, err = readBatch(value)
	default:
		err = fault.New(fault.Invalid, "There is no field %q. Known fields: file, model, language, prompt, translate, channels, priority, webhookUrl, batch, transcript, transcriptFormat.", name).
			WithCode("unknown_field").With("field", name)
	}
	return err
}

func (f *form) value(part io.Reader, name string) (string, error) {
	value, err := f.read(part, name, maxField)
	return strings.ToValidUTF8(string(value), "\uFFFD"), err
}

// read returns a field of at most limit bytes.
func (f *form) read(part io.Reader, name string, limit int64) ([]byte, error) {
	value, err := io.ReadAll(io.LimitReader(part, limit+1))
	if err != nil {
		return nil, f.unreadable(err)
	}
	if int64(len(value)) > limit {
		return nil, fault.New(fault.Invalid, "The field %q is longer than %d bytes.", name, limit).
			WithCode("field_too_long").With("field", name).With("limit", limit)
	}
	return value, nil
}

// readBool knows no more spellings than the description of the API.
func readBool(name, value string) (bool, error) {
	switch value {
	case "true", "1":
		return true, nil
	case "false", "0", "":
		return false, nil
	default:
		return false, fault.New(fault.Invalid, "The field %q must be true or false.", name).WithCode("invalid_field").With("field", name)
	}
}

// What may be asked of the channels of a recording.
const (
	mixChannels   = "mix"
	splitChannels = "split"
)

func readChannels(name, value string) (split bool, err error) {
	switch value {
	case "", mixChannels:
		return false, nil
	case splitChannels:
		return true, nil
	default:
		return false, fault.New(fault.Invalid, "The field %q must be %s or %s.", name, mixChannels, splitChannels).
			WithCode("invalid_field").With("field", name).With("allowed", []string{mixChannels, splitChannels})
	}
}

// filePart is the file on its way in.
type filePart struct {
	io.Reader
	form *form
}

// Read hides io.ErrUnexpectedEOF, which readers of blocks take for the end of a
// file that is shorter than a block: half a recording would pass for a whole one.
func (p filePart) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	if err != nil && err != io.EOF { //nolint:errorlint // a wrapped one is a body that broke off
		err = p.form.unreadable(err)
	}
	return n, err
}

// sentBody keeps why the rest of a body will not come. The reader of a form loses
// that in the middle of a head, and would take a client that left for one that
// sends nonsense.
type sentBody struct {
	io.Reader
	err error
}

// Read reads on.
func (b *sentBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

// endless is a body with a line end behind it, which the closing boundary may lack,
// and then an error: the reader of a form takes an end right behind any boundary for
// that of the form.
type endless struct {
	io.Reader
	io.Closer
}

// unended is what comes behind a form that is not closed.
type unended struct{}

// Read fails.
func (unended) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// unreadable returns the fault of a form that could not be read on.
func (f *form) unreadable(err error) error {
	if sent := f.body.err; sent != nil {
		if known := bodyFault(sent); known != nil {
			return known
		}
		return fault.Wrap(fmt.Errorf("read a form: %v", sent), fault.Invalid, //nolint:errorlint // see filePart
			"The upload broke off before all of it had arrived. Send it again.").WithCode("upload_interrupted")
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fault.Wrap(fmt.Errorf("read a form: %v", err), fault.Invalid, //nolint:errorlint // see filePart
			"The multipart body ends before its closing boundary. Send it whole, with the boundary that its Content-Type names.").
			WithCode("malformed_multipart")
	}
	return malformedForm(err)
}

// malformedForm returns the fault of a form that nobody can read.
func malformedForm(err error) error {
	return fault.Wrap(fmt.Errorf("read a form: %w", err), fault.Invalid,
		"The head of a part of this multipart body is malformed. File names must not have control characters; let your HTTP library write the form.").
		WithCode("malformed_multipart")
}
