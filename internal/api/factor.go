package api

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

type challengeJSON struct {
	Challenge string `json:"challenge"`
	Code      string `json:"code"`
}

type enrolBody struct {
	CurrentPassword string `json:"currentPassword"`
}

type codeBody struct {
	Code string `json:"code"`
}

// bothBody is how somebody proves that account and second factor are theirs.
type bothBody struct {
	CurrentPassword string `json:"currentPassword"`
	Code            string `json:"code"`
}

type enrolmentJSON struct {
	Secret    string    `json:"secret"`
	URL       string    `json:"url"`
	ExpiresAt timestamp `json:"expiresAt"`
}

type recoveryCodesJSON struct {
	RecoveryCodes []string `json:"recoveryCodes"`
}

// challenged tells a client that has brought the right password to bring a code as well. It
// is an error, so that a client that knows nothing of second factors shows the sentence
// instead of taking an answer without a token for a sign-in.
func challenged(g *auth.Grant) error {
	return fault.New(fault.Unauthenticated, "The password is right, and a code of your second factor is needed besides. Sign in with a client that asks for it.").
		WithCode("second_factor_required").With("challenge", g.Challenge).With("expiresAt", timestamp(g.ChallengeExpires))
}

func (s *Server) finishSignIn(c echo.Context) error {
	var in challengeJSON
	if err := readJSON(c, &in); err != nil {
		return err
	}
	g, err := s.auth.FinishSignIn(c.Request().Context(), in.Challenge, in.Code)
	if err != nil {
		return err
	}
	return s.begin(c, http.StatusOK, g)
}

func (s *Server) enrolFactor(c echo.Context) error {
	var in enrolBody
	if err := readJSON(c, &in); err != nil {
		return err
	}
	e, err := s.auth.EnrolFactor(c.Request().Context(), actor(c), in.CurrentPassword)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, enrolmentJSON{Secret: e.Seed.Text(), URL: e.URL, ExpiresAt: timestamp(e.Expires)})
}

func (s *Server) confirmFactor(c echo.Context) error {
	var in codeBody
	if err := readJSON(c, &in); err != nil {
		return err
	}
	codes, err := s.auth.ConfirmFactor(c.Request().Context(), actor(c), in.Code)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, recoveryCodesJSON{codes})
}

func (s *Server) renewRecoveryCodes(c echo.Context) error {
	var in bothBody
	if err := readJSON(c, &in); err != nil {
		return err
	}
	codes, err := s.auth.RenewRecoveryCodes(c.Request().Context(), actor(c), in.CurrentPassword, in.Code)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, recoveryCodesJSON{codes})
}

func (s *Server) removeFactor(c echo.Context) error {
	return carryOut(c, http.StatusNoContent, func(ctx context.Context, in bothBody) error {
		return s.auth.RemoveFactor(ctx, actor(c), in.CurrentPassword, in.Code)
	})
}

// resetFactor is for who has lost theirs and asks an administrator.
func (s *Server) resetFactor(c echo.Context) error {
	id, err := readIDOf(c, "account")
	if err != nil {
		return err
	}
	if err := s.auth.ResetFactor(c.Request().Context(), actor(c), id); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
