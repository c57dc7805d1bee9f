package api

import (
	"net/http"
	"net/url"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

type userJSON struct {
	UserID     uuid.UUID `json:"userId"`
	Email      string    `json:"email"`
	Role       auth.Role `json:"role"`
	Disabled   bool      `json:"disabled"`
	DisabledAt timestamp `json:"disabledAt"`
	CreatedAt  timestamp `json:"createdAt"`
	Quota      quotaJSON `json:"quota"`

	SecondFactorSince timestamp `json:"secondFactorSince"`
}

// quotaJSON is what an account was given: null is what everybody has, 0 no bound.
type quotaJSON struct {
	Bytes   *int64 `json:"bytes"`
	Minutes *int64 `json:"minutes"`
	Active  *int64 `json:"active"`
}

func newUserJSON(u *auth.User) userJSON {
	return userJSON{
		UserID: u.ID, Email: u.Email, Role: u.Role, Disabled: u.Disabled(), DisabledAt: timestamp(u.DisabledAt), CreatedAt: timestamp(u.CreatedAt), Quota: quotaJSON(u.Quota),
		SecondFactorSince: timestamp(u.FactorSince),
	}
}

func (s *Server) listUsers(c echo.Context) error {
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	f, err := readUserFilter(q)
	if err != nil {
		return err
	}
	users, err := s.auth.Users(c.Request().Context(), actor(c), f)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, newPageJSON(users, f.Limit, newUserJSON, func(u *auth.User) string { return formatMark(u.ID) }))
}

func readUserFilter(q url.Values) (f auth.UserFilter, err error) {
	f.Email, f.Role = q.Get("email"), auth.Role(q.Get("role"))
	switch q.Get("disabled") {
	case "":
	case "true", "false":
		disabled := q.Get("disabled") == "true"
		f.Disabled = &disabled
	default:
		return f, fault.New(fault.Invalid, "The parameter disabled must be true or false.").WithCode("invalid_disabled").With("field", "disabled")
	}
	if f.Limit, err = readLimit(q); err != nil {
		return f, err
	}
	f.Before, err = parseMark(q.Get("cursor"))
	return f, err
}

func (s *Server) showUser(c echo.Context) error {
	id, err := readIDOf(c, "account")
	if err != nil {
		return err
	}
	u, err := s.auth.User(c.Request().Context(), actor(c), id)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, newUserJSON(u))
}

// userBody is what may be changed of an account. What is left out stays as it is.
type userBody struct {
	Role     *auth.Role `json:"role"`
	Disabled *bool      `json:"disabled"`
	Quota    *quotaJSON `json:"quota"`
}

func (s *Server) changeUser(c echo.Context) error {
	id, err := readIDOf(c, "account")
	if err != nil {
		return err
	}
	var in userBody
	if err := readJSON(c, &in); err != nil {
		return err
	}
	u, err := s.auth.ChangeUser(c.Request().Context(), actor(c), id, auth.UserChange{Role: in.Role, Disabled: in.Disabled, Quota: (*auth.Quota)(in.Quota)})
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, newUserJSON(u))
}
