package api

import (
	"net/http"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// retentionJSON is for how many days things are kept: 0 is for good, null what is said
// further up.
type retentionJSON struct {
	MediaDays         *int `json:"mediaDays"`
	TranscriptionDays *int `json:"transcriptionDays"`
}

func newRetentionJSON(r transcription.Retention) retentionJSON {
	return retentionJSON{MediaDays: r.MediaDays, TranscriptionDays: r.Days}
}

func (in retentionJSON) domain() transcription.Retention {
	return transcription.Retention{MediaDays: in.MediaDays, Days: in.TranscriptionDays}
}

type holdIn struct {
	LegalHold *bool `json:"legalHold"`
}

func (s *Server) showRetention(c echo.Context) error {
	r, err := s.transcriptions.Retention(c.Request().Context(), actor(c))
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, newRetentionJSON(r))
}

func (s *Server) changeRetention(c echo.Context) error {
	var in retentionJSON
	if err := readJSON(c, &in); err != nil {
		return err
	}
	if err := s.transcriptions.Retain(c.Request().Context(), actor(c), in.domain()); err != nil {
		return err
	}
	if err := s.audit(c, auth.RetentionChanged, map[string]any{"of": "account"}); err != nil {
		return err
	}
	return answer(c, http.StatusOK, in)
}

func (s *Server) changeFolderRetention(c echo.Context) error {
	id, err := readIDOf(c, "folder")
	if err != nil {
		return err
	}
	var in retentionJSON
	if err := readJSON(c, &in); err != nil {
		return err
	}
	f, err := s.transcriptions.RetainFolder(c.Request().Context(), actor(c), id, in.domain())
	if err != nil {
		return err
	}
	if err := s.audit(c, auth.RetentionChanged, map[string]any{"of": "folder"}); err != nil {
		return err
	}
	return answer(c, http.StatusOK, newFolderJSON(*f))
}

func (s *Server) holdFolder(c echo.Context) error {
	id, err := readIDOf(c, "folder")
	if err != nil {
		return err
	}
	hold, err := readHold(c)
	if err != nil {
		return err
	}
	f, err := s.transcriptions.HoldFolder(c.Request().Context(), actor(c), id, hold)
	if err != nil {
		return err
	}
	if err := s.auditHold(c, hold, "folder", actor(c).UserID); err != nil {
		return err
	}
	return answer(c, http.StatusOK, newFolderJSON(*f))
}

func (s *Server) holdTranscription(c echo.Context) error {
	id, err := readID(c)
	if err != nil {
		return err
	}
	hold, err := readHold(c)
	if err != nil {
		return err
	}
	if err := s.transcriptions.Hold(c.Request().Context(), actor(c), id, hold); err != nil {
		return err
	}
	if err := s.auditHold(c, hold, "transcription", actor(c).UserID); err != nil {
		return err
	}
	return answer(c, http.StatusOK, holdIn{LegalHold: &hold})
}

// holdOfAnybody is for administrators, who are told nothing else of a transcription.
func (s *Server) holdOfAnybody(c echo.Context) error {
	id, err := readID(c)
	if err != nil {
		return err
	}
	hold, err := readHold(c)
	if err != nil {
		return err
	}
	owner, err := s.transcriptions.HoldOf(c.Request().Context(), actor(c), id, hold)
	if err != nil {
		return err
	}
	if err := s.auditHold(c, hold, "transcription", owner); err != nil {
		return err
	}
	return answer(c, http.StatusOK, holdIn{LegalHold: &hold})
}

func readHold(c echo.Context) (bool, error) {
	var in holdIn
	if err := readJSON(c, &in); err != nil {
		return false, err
	}
	if in.LegalHold == nil {
		return false, fault.New(fault.Invalid, "Say whether there shall be a hold: legalHold is true or false.").WithCode("missing_field").With("field", "legalHold")
	}
	return *in.LegalHold, nil
}

func (s *Server) auditHold(c echo.Context, hold bool, of string, owner uuid.UUID) error {
	action := map[bool]auth.Action{true: auth.HoldSet, false: auth.HoldLifted}[hold]
	return s.auth.Audit(c.Request().Context(), auth.Entry{Action: action, UserID: actor(c).UserID, SubjectID: owner, Details: map[string]any{"of": of}})
}
