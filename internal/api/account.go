package api

import (
	"net/http"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

type credentialsJSON struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

type grantJSON struct {
	UserID    uuid.UUID `json:"userId"`
	Token     string    `json:"token"`
	ExpiresAt timestamp `json:"expiresAt"`
	ReturnTo  string    `json:"returnTo,omitempty"` // of a sign-in by a provider
}

type meJSON struct {
	UserID        uuid.UUID         `json:"userId"`
	Email         string            `json:"email"`
	EmailVerified bool              `json:"emailVerified"`
	Role          auth.Role         `json:"role"`
	Permissions   []auth.Permission `json:"permissions"`
	CreatedAt     timestamp         `json:"createdAt"`

	SecondFactorSince   timestamp `json:"secondFactorSince"`
	RecoveryCodesLeft   int       `json:"recoveryCodesLeft"`
	SecondFactorMissing bool      `json:"secondFactorMissing"`
}

func (s *Server) register(c echo.Context) error {
	var in credentialsJSON
	if err := readJSON(c, &in); err != nil {
		return err
	}
	g, err := s.auth.Register(c.Request().Context(), in.Email, in.Password)
	if err != nil {
		return err
	}
	if g.Access == "" {
		return answer(c, http.StatusAccepted, unverifiedJSON{UserID: g.UserID})
	}
	return s.begin(c, http.StatusCreated, g)
}

func (s *Server) login(c echo.Context) error {
	var in credentialsJSON
	if err := readJSON(c, &in); err != nil {
		return err
	}
	g, err := s.auth.Login(c.Request().Context(), in.Email, in.Password)
	if err != nil {
		return err
	}
	if g.Challenge != "" {
		return challenged(g)
	}
	return s.begin(c, http.StatusOK, g)
}

// refresh takes the refresh token from its cookie. A cookie that no longer works
// is taken back, so that a browser does not come with it for ever.
func (s *Server) refresh(c echo.Context) error {
	g, err := s.auth.Refresh(c.Request().Context(), value(c, s.cookies.refresh))
	if fault.Is(err, fault.Unauthenticated) {
		s.cookies.clear(c)
	}
	if err != nil {
		return err
	}
	return s.grant(c, http.StatusOK, g)
}

func (s *Server) logout(c echo.Context) error {
	if err := s.auth.Logout(c.Request().Context(), actor(c), value(c, s.cookies.refresh)); err != nil {
		return err
	}
	s.cookies.clear(c)
	// Not "cookies": the device shall be known the next time.
	c.Response().Header().Set("Clear-Site-Data", `"cache", "storage"`)
	return c.NoContent(http.StatusNoContent)
}

func (s *Server) me(c echo.Context) error {
	who := actor(c)
	u, err := s.auth.Me(c.Request().Context(), who)
	if err != nil {
		return err
	}
	may := append([]auth.Permission{}, who.Permissions...)
	return answer(c, http.StatusOK, meJSON{
		UserID: u.ID, Email: u.Email, EmailVerified: u.Verified(), Role: who.Role, Permissions: may, CreatedAt: timestamp(u.CreatedAt),
		SecondFactorSince: timestamp(u.FactorSince), RecoveryCodesLeft: u.RecoveryCodes, SecondFactorMissing: who.Enrolling,
	})
}

// begin hands out a new sign-in.
func (s *Server) begin(c echo.Context, status int, g *auth.Grant) error {
	if err := s.endFormer(c); err != nil {
		return err
	}
	return s.grant(c, status, g)
}

// endFormer ends the sign-in whose cookies a new one takes the place of: nobody could use
// or end it from here any more.
func (s *Server) endFormer(c echo.Context) error {
	return s.auth.Logout(c.Request().Context(), auth.Actor{}, value(c, s.cookies.refresh))
}

func (s *Server) grant(c echo.Context, status int, g *auth.Grant) error {
	s.cookies.set(c, g)
	return answer(c, status, grantJSON{UserID: g.UserID, Token: g.Access, ExpiresAt: timestamp(g.AccessExpires), ReturnTo: g.ReturnTo})
}
