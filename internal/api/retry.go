package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// retryJSON is what another run shall do otherwise; what is left out is as before.
type retryJSON struct {
	Model     *string `json:"model"`
	Language  *string `json:"language"`
	Prompt    *string `json:"prompt"`
	Translate *bool   `json:"translate"`
	Channels  *string `json:"channels"`
	Priority  *string `json:"priority"`
}

func (in retryJSON) domain() (transcription.Retry, error) {
	r := transcription.Retry{Model: in.Model, Language: in.Language, Prompt: in.Prompt, Translate: in.Translate}
	if in.Channels != nil {
		split, err := readChannels("channels", *in.Channels)
		if err != nil {
			return r, err
		}
		r.Split = &split
	}
	if in.Priority != nil {
		p, err := transcription.ParsePriority(*in.Priority)
		if err != nil {
			return r, err
		}
		r.Priority = &p
	}
	return r, nil
}

func (s *Server) retryTranscription(c echo.Context) error {
	id, err := readID(c)
	if err != nil {
		return err
	}
	var in retryJSON
	if c.Request().ContentLength != 0 {
		if err := readJSON(c, &in); err != nil {
			return err
		}
	}
	r, err := in.domain()
	if err != nil {
		return err
	}
	t, err := s.transcriptions.Retry(c.Request().Context(), actor(c), id, r)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderLocation, root+"/transcriptions/"+id.String())
	return answer(c, http.StatusAccepted, newTranscriptionJSON(t))
}
