package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// usageJSON has what somebody has used, each with its bound: null where there is none.
type usageJSON struct {
	Bytes   bytesJSON   `json:"bytes"`
	Minutes minutesJSON `json:"minutes"`
	Active  activeJSON  `json:"active"`
	Queued  activeJSON  `json:"queued"`
}

type bytesJSON struct {
	Used  int64  `json:"used"`
	Limit *int64 `json:"limit"`
}

type minutesJSON struct {
	Used    seconds   `json:"used"`
	Limit   *seconds  `json:"limit"`
	ResetAt timestamp `json:"resetAt"`
}

type activeJSON struct {
	Used  int  `json:"used"`
	Limit *int `json:"limit"`
}

func newUsageJSON(u transcription.Usage, q transcription.Quota) usageJSON {
	const perMinute = 60 // a duration divided by that is written as minutes
	return usageJSON{
		Bytes:   bytesJSON{u.Bytes, orNull(q.Bytes)},
		Minutes: minutesJSON{seconds(u.Sound / perMinute), orNull(seconds(q.Sound / perMinute)), timestamp(u.Reset())},
		Active:  activeJSON{u.Active, orNull(q.Active)},
		Queued:  activeJSON{u.Queued, orNull(q.Queued)},
	}
}

func (s *Server) usage(c echo.Context) error {
	u, q, err := s.transcriptions.Usage(c.Request().Context(), actor(c))
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, newUsageJSON(u, q))
}
