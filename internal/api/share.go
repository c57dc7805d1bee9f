package api

import (
	"net/http"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

type shareJSON struct {
	ID        uuid.UUID            `json:"id"`
	Email     string               `json:"email"`
	Access    transcription.Access `json:"access"`
	CreatedAt timestamp            `json:"createdAt"`
}

type shareIn struct {
	Email  string               `json:"email"`
	Access transcription.Access `json:"access"`
}

func newShareJSON(s *transcription.Share) shareJSON {
	return shareJSON{ID: s.ID, Email: s.Email, Access: s.Access, CreatedAt: timestamp(s.CreatedAt)}
}

// target reads what the path of a route is about.
type target func(echo.Context) (transcription.Target, error)

func targetTranscription(c echo.Context) (transcription.Target, error) {
	id, err := readID(c)
	return transcription.Target{TranscriptionID: id}, err
}

func targetFolder(c echo.Context) (transcription.Target, error) {
	id, err := readIDOf(c, "folder")
	return transcription.Target{FolderID: id}, err
}

func (s *Server) listShares(of target) echo.HandlerFunc {
	return func(c echo.Context) error {
		t, err := of(c)
		if err != nil {
			return err
		}
		list, err := s.transcriptions.Shares(c.Request().Context(), actor(c), t)
		if err != nil {
			return err
		}
		return answer(c, http.StatusOK, itemsJSON[shareJSON]{each(list, newShareJSON)})
	}
}

func (s *Server) createShare(of target) echo.HandlerFunc {
	return func(c echo.Context) error {
		t, err := of(c)
		if err != nil {
			return err
		}
		var in shareIn
		if err := readJSON(c, &in); err != nil {
			return err
		}
		share, err := s.transcriptions.Share(c.Request().Context(), actor(c), t, in.Email, in.Access)
		if err != nil {
			return err
		}
		return answer(c, http.StatusCreated, newShareJSON(share))
	}
}

func (s *Server) deleteShare(of target) echo.HandlerFunc {
	return func(c echo.Context) error {
		t, err := of(c)
		if err != nil {
			return err
		}
		id, err := readParam(c, "share", "share")
		if err != nil {
			return err
		}
		if err := s.transcriptions.Unshare(c.Request().Context(), actor(c), t, id); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	}
}
