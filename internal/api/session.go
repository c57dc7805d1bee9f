package api

import (
	"net/http"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

type sessionJSON struct {
	ID         uuid.UUID `json:"id"`
	CreatedAt  timestamp `json:"createdAt"`
	LastUsedAt timestamp `json:"lastUsedAt"`
	ExpiresAt  timestamp `json:"expiresAt"`
	IP         *string   `json:"ip"`
	UserAgent  *string   `json:"userAgent"`
	Current    bool      `json:"current"`
}

type sessionsJSON struct {
	Items      []sessionJSON `json:"items"`
	NextCursor *string       `json:"nextCursor"`
}

// newSessionsJSON offers a next page when this one is full, as newPageJSON does.
func newSessionsJSON(found []auth.SignIn, current uuid.UUID, limit int) sessionsJSON {
	page := sessionsJSON{Items: make([]sessionJSON, len(found))}
	for i, in := range found {
		page.Items[i] = sessionJSON{
			ID: in.ID, CreatedAt: timestamp(in.BeganAt), LastUsedAt: timestamp(in.UsedAt), ExpiresAt: timestamp(in.ExpiresAt),
			IP: orNull(in.IP), UserAgent: orNull(in.UserAgent), Current: in.ID == current,
		}
	}
	if len(found) == limit {
		last := found[len(found)-1]
		page.NextCursor = orNull(formatCursor(transcription.Cursor{CreatedAt: last.BeganAt, ID: last.ID}))
	}
	return page
}

func (s *Server) listSessions(c echo.Context) error {
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	limit, err := readLimit(q)
	if err != nil {
		return err
	}
	after, err := parseCursor(q.Get("cursor"))
	if err != nil {
		return err
	}
	found, err := s.auth.SignIns(c.Request().Context(), actor(c), auth.Cursor(after), limit)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, newSessionsJSON(found, actor(c).SessionID, limit))
}

func (s *Server) endSession(c echo.Context) error {
	id, err := readIDOf(c, "session")
	if err != nil {
		return err
	}
	if err := s.auth.EndSignIn(c.Request().Context(), actor(c), id); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (s *Server) endOtherSessions(c echo.Context) error {
	if err := s.auth.EndOtherSignIns(c.Request().Context(), actor(c)); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
