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

// newSessionJSON returns what tells somebody of sign-ins, of which one is the current.
func newSessionJSON(current uuid.UUID) func(*auth.SignIn) sessionJSON {
	return func(in *auth.SignIn) sessionJSON {
		return sessionJSON{
			ID: in.ID, CreatedAt: timestamp(in.BeganAt), LastUsedAt: timestamp(in.UsedAt), ExpiresAt: timestamp(in.ExpiresAt),
			IP: orNull(in.IP), UserAgent: orNull(in.UserAgent), Current: in.ID == current,
		}
	}
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
	return answer(c, http.StatusOK, newPageJSON(found, limit, newSessionJSON(actor(c).SessionID), func(in *auth.SignIn) string {
		return formatCursor(transcription.Cursor{CreatedAt: in.BeganAt, ID: in.ID})
	}))
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
