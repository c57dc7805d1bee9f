package api

import (
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// defaultPage is how many items a list has when nobody asks for a number.
const defaultPage = 20

func (s *Server) listTranscriptions(c echo.Context) error {
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	f, err := readFilter(q)
	if err != nil {
		return err
	}
	items, matches, err := s.transcriptions.Transcriptions(c.Request().Context(), actor(c), f)
	if err != nil {
		return err
	}
	page := newPageJSON(items, f.Limit, newSummaryJSON, func(t *transcription.Transcription) string {
		return formatCursor(transcription.Cursor{CreatedAt: t.CreatedAt, ID: t.ID})
	})
	if f.Query != "" {
		addMatches(page.Items, matches)
	}
	return answer(c, http.StatusOK, page)
}

func (s *Server) cancelTranscription(c echo.Context) error {
	id, err := readID(c)
	if err != nil {
		return err
	}
	t, err := s.transcriptions.Cancel(c.Request().Context(), actor(c), id)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, newTranscriptionJSON(t))
}

func (s *Server) deleteTranscription(c echo.Context) error {
	id, err := readID(c)
	if err != nil {
		return err
	}
	if err := s.transcriptions.Delete(c.Request().Context(), actor(c), id); err != nil {
		return err
	}
	if err := s.deleted(c, id); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// deleted does what is left to do for one that is gone.
func (s *Server) deleted(c echo.Context, id uuid.UUID) error {
	if err := s.cache.Forget(c.Request().Context(), id.String()); err != nil {
		zerolog.Ctx(c.Request().Context()).Warn().Err(err).Stringer("transcription", id).Msg("its text stays in the cache for a minute")
	}
	return s.audit(c, auth.TranscriptionDeleted, nil)
}

// readID returns the id of the path, which names a transcription.
func readID(c echo.Context) (uuid.UUID, error) { return readIDOf(c, "transcription") }

// readIDOf returns the id of the path.
func readIDOf(c echo.Context, thing string) (uuid.UUID, error) { return readParam(c, "id", thing) }

// readParam returns an id of the path by its name there. What is no id names nothing.
func readParam(c echo.Context, name, thing string) (uuid.UUID, error) {
	text := c.Param(name)
	id, err := uuid.Parse(text)
	if err != nil || !strings.EqualFold(id.String(), text) {
		return uuid.Nil, fault.New(fault.NotFound, "There is no %s of that id.", thing)
	}
	return id, nil
}

// readQuery returns the parameters of the query. Those of Echo leave out what they
// cannot read: a list without its filter would pass for a filtered one. A NUL is in no
// text that is kept, and no database takes one.
func readQuery(c echo.Context) (url.Values, error) {
	q, err := url.ParseQuery(c.Request().URL.RawQuery)
	if err == nil && strings.Contains(c.Request().URL.RawQuery, "%00") {
		err = errors.New("there is a NUL in it")
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "The query of this address cannot be read. Separate parameters with & and percent-encode their values.").
			WithCode("malformed_query")
	}
	for name, values := range q {
		if len(values) > 1 {
			return nil, fault.New(fault.Invalid, "The parameter %.40q comes more than once. Give it once.", name).WithCode("repeated_parameter").With("field", name)
		}
	}
	return q, nil
}

func readLimit(q url.Values) (int, error) {
	text := q.Get("limit")
	if text == "" {
		return defaultPage, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fault.New(fault.Invalid, "The limit must be a number between 1 and %d.", transcription.MaxPage).
			WithCode("invalid_limit").With("field", "limit")
	}
	return n, nil
}

// attachment returns the Content-Disposition under which a browser saves a file:
// its name in ASCII for old clients and in UTF-8 for all others (RFC 6266).
func attachment(name string) string { return disposition("attachment", name) }

// disposition is attachment for a file that is to be saved, or shown (inline).
func disposition(kind, name string) string {
	ascii := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || strings.ContainsRune(`"\%`, r) {
			return '_'
		}
		return r
	}, name)
	header := mime.FormatMediaType(kind, map[string]string{"filename": ascii})
	if ascii == name {
		return header
	}
	return header + "; filename*=UTF-8''" + strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
