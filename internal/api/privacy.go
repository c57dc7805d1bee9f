package api

import (
	"net/http"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/privacy"
)

type receiptJSON struct {
	ReceiptID  uuid.UUID      `json:"receiptId"`
	DeletedAt  timestamp      `json:"deletedAt"`
	Counts     map[string]int `json:"counts"`
	Status     string         `json:"status"`
	VerifiedAt timestamp      `json:"verifiedAt"`
}

func newReceiptJSON(r *privacy.Receipt) receiptJSON {
	status := "verified"
	if r.VerifiedAt.IsZero() {
		status = "pending"
	}
	return receiptJSON{ReceiptID: r.ID, DeletedAt: timestamp(r.DeletedAt), Counts: r.Counts, Status: status, VerifiedAt: timestamp(r.VerifiedAt)}
}

// proofBody is how somebody proves that an account is theirs. Who has no password and has
// just signed in needs none.
type proofBody struct {
	Password string `json:"password"`
}

func (s *Server) deleteMe(c echo.Context) error {
	var in proofBody
	if c.Request().ContentLength != 0 {
		if err := readJSON(c, &in); err != nil {
			return err
		}
	}
	r, err := s.privacy.Leave(c.Request().Context(), actor(c), in.Password)
	if err != nil {
		return err
	}
	s.cookies.clear(c)
	return answer(c, http.StatusOK, newReceiptJSON(r))
}

func (s *Server) deleteUser(c echo.Context) error {
	id, err := readIDOf(c, "account")
	if err != nil {
		return err
	}
	r, err := s.privacy.Remove(c.Request().Context(), actor(c), id)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, newReceiptJSON(r))
}

func (s *Server) showReceipt(c echo.Context) error {
	id, err := readIDOf(c, "receipt")
	if err != nil {
		return err
	}
	r, err := s.privacy.Receipt(c.Request().Context(), id)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, newReceiptJSON(r))
}
