package api

import (
	"net/http"
	"net/url"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/auth"
)

type entryJSON struct {
	ID        int64          `json:"id"`
	At        timestamp      `json:"at"`
	Action    auth.Action    `json:"action"`
	User      *personJSON    `json:"user"`
	Subject   *personJSON    `json:"subject"`
	IP        *string        `json:"ip"`
	RequestID *string        `json:"requestId"`
	Details   map[string]any `json:"details"`
}

type personJSON struct {
	UserID uuid.UUID `json:"userId"`
	Email  string    `json:"email"`
}

func newPersonJSON(id uuid.UUID, email string) *personJSON {
	if id == uuid.Nil {
		return nil
	}
	return &personJSON{UserID: id, Email: email}
}

func newEntryJSON(e *auth.Entry) entryJSON {
	return entryJSON{
		ID: e.ID, At: timestamp(e.At), Action: e.Action, User: newPersonJSON(e.UserID, e.UserEmail), Subject: newPersonJSON(e.SubjectID, e.SubjectEmail),
		IP: orNull(e.IP), RequestID: orNull(e.RequestID), Details: e.Details,
	}
}

// audit records what the caller has done to nobody's account.
func (s *Server) audit(c echo.Context, a auth.Action, details map[string]any) error {
	return s.auth.Audit(c.Request().Context(), auth.Entry{Action: a, UserID: actor(c).UserID, Details: details})
}

func (s *Server) listAudit(c echo.Context) error {
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	f, err := readEntryFilter(q)
	if err != nil {
		return err
	}
	entries, err := s.auth.AuditLog(c.Request().Context(), actor(c), f)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, newPageJSON(entries, f.Limit, newEntryJSON, func(e *auth.Entry) string { return formatPlace(e.ID) }))
}

func readEntryFilter(q url.Values) (f auth.EntryFilter, err error) {
	f.Action = auth.Action(q.Get("action"))
	if f.UserID, err = readOptionalID(q, "user"); err != nil {
		return f, err
	}
	if f.SubjectID, err = readOptionalID(q, "subject"); err != nil {
		return f, err
	}
	if f.Since, err = readTime(q, "since"); err != nil {
		return f, err
	}
	if f.Until, err = readTime(q, "until"); err != nil {
		return f, err
	}
	if f.Limit, err = readLimit(q); err != nil {
		return f, err
	}
	f.Before, err = parsePlace(q.Get("cursor"))
	return f, err
}
