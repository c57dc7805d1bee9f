package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

type queueJSON struct {
	Name       string    `json:"name"`
	Waiting    int       `json:"waiting"`
	Dispatched int       `json:"dispatched"`
	Running    int       `json:"running"`
	Paused     bool      `json:"paused"`
	PausedAt   timestamp `json:"pausedAt"`
	PausedBy   *string   `json:"pausedBy"`
}

func newQueueJSON(q *transcription.Queue) queueJSON {
	out := queueJSON{Name: q.Name, Waiting: q.Waiting, Dispatched: q.Dispatched, Running: q.Running, Paused: q.Paused != nil}
	if q.Paused != nil {
		out.PausedAt, out.PausedBy = timestamp(q.Paused.At), orNull(q.Paused.By.String())
	}
	return out
}

func (s *Server) listQueues(c echo.Context) error {
	queues, err := s.transcriptions.Queues(c.Request().Context(), actor(c))
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, itemsJSON[queueJSON]{each(queues, newQueueJSON)})
}

func (s *Server) pauseQueue(c echo.Context) error {
	q, err := s.transcriptions.PauseQueue(c.Request().Context(), actor(c), c.Param("name"))
	if err != nil {
		return err
	}
	if err := s.audit(c, auth.QueuePaused, map[string]any{"queue": q.Name}); err != nil {
		return err
	}
	return answer(c, http.StatusOK, newQueueJSON(&q))
}

func (s *Server) resumeQueue(c echo.Context) error {
	q, err := s.transcriptions.ResumeQueue(c.Request().Context(), actor(c), c.Param("name"))
	if err != nil {
		return err
	}
	if err := s.audit(c, auth.QueueResumed, map[string]any{"queue": q.Name}); err != nil {
		return err
	}
	return answer(c, http.StatusOK, newQueueJSON(&q))
}
