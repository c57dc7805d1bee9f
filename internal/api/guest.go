package api

import (
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// Where guests go. What is there is for whoever knows the token in the path, in nobody
// else's name: no sign-in is looked at.
const (
	guestPath  = "/s/:token"
	sharedPath = root + "/shared/:token"
)

func isGuestPath(path string) bool { return path == guestPath || strings.HasPrefix(path, sharedPath) }

// tokens finds what may be the token of a link in a path, also in one that is mistaken.
var tokens = regexp.MustCompile(`(?i)(/s/|/shared/)[^/]+|` + auth.LinkMark + `[\w-]+`)

// withoutToken returns a path for the log.
func withoutToken(path string) string { return tokens.ReplaceAllString(path, "$1:token") }

// guestFormats are what a guest is given: what tells of the text, and not of how its owner
// came by it.
var guestFormats = []string{"txt", "srt", "vtt", "docx", "pdf"}

// sharedJSON is what a guest sees: of the owner nothing but how they have called it.
type sharedJSON struct {
	Title    string               `json:"title"`
	Access   transcription.Access `json:"access"`
	Status   transcription.Status `json:"status"`
	Language *string              `json:"language"`
	Duration *seconds             `json:"duration"`
	Revision int                  `json:"revision"`
	textJSON
}

func newSharedJSON(t *transcription.Transcription) sharedJSON {
	out := sharedJSON{
		Title: t.Title(), Access: t.Shared, Status: t.Status, Language: orNull(t.Language), Duration: orNull(seconds(t.Duration)), Revision: t.Revision,
		textJSON: textJSON{Segments: []segmentJSON{}},
	}
	if _, ok := t.Readable(); ok {
		out.textJSON = newTextJSON(t)
	}
	return out
}

// enter lets in whoever comes by the link of the path.
func (s *Server) enter(c echo.Context) (auth.Actor, *transcription.Link, error) {
	h := c.Response().Header()
	h.Set("X-Robots-Tag", "noindex, nofollow, noarchive")
	token := c.Param("token")
	return s.links.Open(c.Request().Context(), token, value(c, s.cookies.ofLink(token)))
}

// ofLink returns the name of the cookie of somebody who has given the password of a link.
// There may be several.
func (k cookies) ofLink(token string) string {
	hash := auth.LinkHash(token)
	return k.link + hex.EncodeToString(hash[:8])
}

// unlock takes a password and gives the cookie that stands for it.
func (s *Server) unlock(c echo.Context, password string) error {
	token := c.Param("token")
	_, proof, expires, err := s.links.Unlock(c.Request().Context(), token, password)
	if err != nil {
		return err
	}
	c.SetCookie(s.cookies.cookie(s.cookies.ofLink(token), proof, "/", expires))
	return nil
}

type unlockIn struct {
	Password string `json:"password"`
}

func (s *Server) unlockShared(c echo.Context) error {
	var in unlockIn
	if err := readJSON(c, &in); err != nil {
		return err
	}
	if err := s.unlock(c, in.Password); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (s *Server) showShared(c echo.Context) error {
	guest, link, err := s.enter(c)
	if err != nil {
		return err
	}
	t, err := s.transcriptions.Transcription(c.Request().Context(), guest, link.TranscriptionID)
	if err != nil {
		return err
	}
	return answerShared(c, t)
}

// answerShared has the tag that an edit sends back, as the owner's answers have.
func answerShared(c echo.Context, t *transcription.Transcription) error {
	head, err := newTaggedHead(t)
	if err != nil {
		return err
	}
	c.Response().Header().Set("ETag", head.tag)
	return answer(c, http.StatusOK, newSharedJSON(t))
}

func (s *Server) editShared(c echo.Context) error {
	guest, link, err := s.enter(c)
	if err != nil {
		return err
	}
	var in editsIn
	t, err := s.changeText(c, link.TranscriptionID, &in, func(ctx context.Context, base *int) (*transcription.Transcription, error) {
		edits, err := in.domain()
		if err != nil {
			return nil, err
		}
		return s.transcriptions.Edit(ctx, guest, link.TranscriptionID, base, edits)
	})
	if err != nil {
		return err
	}
	return answerShared(c, t)
}

func (s *Server) exportShared(c echo.Context) error {
	guest, link, err := s.enter(c)
	if err != nil {
		return err
	}
	format, layout, err := readExport(c)
	if err != nil {
		return err
	}
	if !slices.Contains(guestFormats, format.Name) {
		return fault.New(fault.Invalid, "A link gives no %s. Choose one of %s.", format.Name, strings.Join(guestFormats, ", ")).
			WithCode("unknown_format").With("field", "format").With("allowed", guestFormats)
	}
	t, err := s.transcriptions.Readable(c.Request().Context(), guest, link.TranscriptionID, format)
	if err != nil {
		return err
	}
	return sendFile(c, format.ContentType, format.FileName(t.File.Name), func(w io.Writer) error {
		return s.exporter.Write(w, format, t, layout)
	})
}
