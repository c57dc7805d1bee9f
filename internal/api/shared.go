package api

import (
	"bytes"
	_ "embed" // the page
	"fmt"
	"html/template"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// sharedHTML shows a text to a guest. It can be read without scripts.
//
//go:embed shared.html
var sharedHTML string

var sharedTemplate = template.Must(template.New("shared").Parse(sharedHTML))

// sharedCSP lets the page do what is in it, and send its form to where it is from.
var sharedCSP = pageCSP(sharedHTML, "'self'")

// sharedPage is what the page shows.
type sharedPage struct {
	Title, Language, Message string
	Password                 bool // is asked for
	Edit                     bool
	Tag                      string // of the text, for who edits
	API                      string
	Formats                  []string
	Rows                     []sharedRow
}

// sharedRow is a segment.
type sharedRow struct {
	Index                int
	Start, Speaker, Text string
	Turn                 bool // another speaker begins
}

func newSharedPage(t *transcription.Transcription, token string) (*sharedPage, error) {
	p := &sharedPage{Title: t.Title(), Language: transcription.LanguageTag(t.Language), API: root + "/shared/" + token, Formats: guestFormats}
	if _, ok := t.Readable(); !ok {
		p.Message = "There is no text yet. Come back when the recording has been transcribed."
		return p, nil
	}
	head, err := newTaggedHead(t)
	if err != nil {
		return nil, err
	}
	p.Tag, p.Edit = head.tag, t.Shared == transcription.ToEdit
	if p.Edit {
		p.Message = "You may correct this text: choose a line, and leave it to save."
	}
	speaker := ""
	for i, segment := range t.Segments {
		p.Rows = append(p.Rows, sharedRow{
			Index: i, Start: transcription.Clock(segment.Start), Speaker: segment.Speaker, Text: segment.Text, Turn: segment.Speaker != "" && segment.Speaker != speaker,
		})
		speaker = segment.Speaker
	}
	return p, nil
}

// showSharedPage is where a link leads.
func (s *Server) showSharedPage(c echo.Context) error {
	guest, link, err := s.enter(c)
	if err != nil {
		return s.turnAway(c, err)
	}
	t, err := s.transcriptions.Transcription(c.Request().Context(), guest, link.TranscriptionID)
	if err != nil {
		return s.turnAway(c, err)
	}
	page, err := newSharedPage(t, c.Param("token"))
	if err != nil {
		return err
	}
	return page.send(c, http.StatusOK)
}

// unlockSharedPage takes the password of its form.
func (s *Server) unlockSharedPage(c echo.Context) error {
	password, err := formPassword(c)
	if err == nil {
		err = s.unlock(c, password)
	}
	if err != nil {
		return s.turnAway(c, err)
	}
	return c.Redirect(http.StatusSeeOther, c.Request().URL.Path)
}

// formPassword returns what was typed into the form. What is in the address does not count:
// that ends in logs and in the history of a browser. Invalid invalid_form. TooLarge.
func formPassword(c echo.Context) (string, error) {
	r := c.Request()
	if err := r.ParseForm(); err != nil {
		if f := bodyFault(err); f != nil {
			return "", f
		}
		return "", fault.Wrap(err, fault.Invalid, "That is not what the form of this page sends. Open the link again.").WithCode("invalid_form")
	}
	if len(r.PostForm["password"]) > 1 {
		return "", fault.New(fault.Invalid, "Give the password once.").WithCode("invalid_form").With("field", "password")
	}
	return r.PostForm.Get("password"), nil
}

// turnAway answers a guest whom a link does not let in with a page, and everything that is
// ours to mend as ever.
func (s *Server) turnAway(c echo.Context, err error) error {
	status, f := answerTo(err, c)
	page := &sharedPage{Title: "A shared transcript", Message: f.Message}
	switch f.Kind {
	case fault.NotFound:
		page.Title = "There is nothing here"
	case fault.Unauthenticated, fault.Forbidden, fault.RateLimited, fault.Invalid:
		page.Password = true
	default:
		return err
	}
	c.Set(codeKey, f.Code)
	if f.Kind == fault.RateLimited {
		c.Response().Header().Set(echo.HeaderRetryAfter, fmt.Sprint(f.Details["retryAfter"]))
	}
	return page.send(c, status)
}

func (p *sharedPage) send(c echo.Context, status int) error {
	var b bytes.Buffer
	if err := sharedTemplate.Execute(&b, p); err != nil {
		return fmt.Errorf("write a page: %w", err)
	}
	h := c.Response().Header()
	h.Set("Content-Security-Policy", sharedCSP)
	h.Set("X-Robots-Tag", "noindex, nofollow, noarchive")
	return c.HTMLBlob(status, b.Bytes())
}
