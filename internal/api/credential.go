package api

import (
	"context"
	"net/http"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/auth"
)

type passwordJSON struct {
	CurrentPassword string `json:"currentPassword"`
	NewPassword     string `json:"newPassword"`
	RevokeKeys      bool   `json:"revokeKeys"`
}

type newEmailJSON struct {
	CurrentPassword string `json:"currentPassword"`
	Email           string `json:"email"`
}

type addressJSON struct {
	Email string `json:"email"`
}

type resetJSON struct {
	Token    string `json:"token"`
	Password string `json:"password"`
}

type ticketJSON struct {
	Token    string `json:"token"`
	Password string `json:"password"`
}

// unverifiedJSON is the answer to who has registered and cannot be signed in yet.
type unverifiedJSON struct {
	UserID        uuid.UUID `json:"userId"`
	EmailVerified bool      `json:"emailVerified"`
}

// carryOut reads a body, has something done with it, and answers that it is.
func carryOut[T any](c echo.Context, status int, do func(ctx context.Context, in T) error) error {
	var in T
	if err := readJSON(c, &in); err != nil {
		return err
	}
	if err := do(c.Request().Context(), in); err != nil {
		return err
	}
	return c.NoContent(status)
}

func (s *Server) changePassword(c echo.Context) error {
	return carryOut(c, http.StatusNoContent, func(ctx context.Context, in passwordJSON) error {
		return s.auth.ChangePassword(ctx, actor(c), auth.NewPassword{Current: in.CurrentPassword, Password: in.NewPassword, Keys: in.RevokeKeys})
	})
}

func (s *Server) changeEmail(c echo.Context) error {
	return carryOut(c, http.StatusAccepted, func(ctx context.Context, in newEmailJSON) error {
		return s.auth.ChangeEmail(ctx, actor(c), in.CurrentPassword, in.Email)
	})
}

func (s *Server) forgotPassword(c echo.Context) error {
	return carryOut(c, http.StatusAccepted, func(ctx context.Context, in addressJSON) error { return s.auth.ForgotPassword(ctx, in.Email) })
}

func (s *Server) resetPassword(c echo.Context) error {
	return carryOut(c, http.StatusNoContent, func(ctx context.Context, in resetJSON) error { return s.auth.ResetPassword(ctx, in.Token, in.Password) })
}

func (s *Server) resendVerification(c echo.Context) error {
	return carryOut(c, http.StatusAccepted, func(ctx context.Context, in addressJSON) error { return s.auth.ResendVerification(ctx, in.Email) })
}

func (s *Server) verifyEmail(c echo.Context) error {
	return carryOut(c, http.StatusNoContent, func(ctx context.Context, in ticketJSON) error { return s.auth.VerifyEmail(ctx, in.Token, in.Password) })
}
