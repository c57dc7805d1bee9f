package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

type eventJSON struct {
	ID      int64                   `json:"id"`
	Type    transcription.EventType `json:"type"`
	Run     int                     `json:"run"`
	At      timestamp               `json:"at"`
	Actor   actorJSON               `json:"actor"`
	Details map[string]any          `json:"details"`
}

type actorJSON struct {
	Kind transcription.ActorKind `json:"kind"`
	Name *string                 `json:"name"`
}

func newEventJSON(e *transcription.Event) eventJSON {
	return eventJSON{
		ID: e.ID, Type: e.Type, Run: e.Run, At: timestamp(e.At), Details: e.Details,
		Actor: actorJSON{Kind: e.Actor.Kind, Name: orNull(e.Actor.Name)},
	}
}

func (s *Server) showHistory(c echo.Context) error {
	id, err := readID(c)
	if err != nil {
		return err
	}
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	limit, err := readLimit(q)
	if err != nil {
		return err
	}
	after, err := parsePlace(q.Get("cursor"))
	if err != nil {
		return err
	}
	events, err := s.transcriptions.History(c.Request().Context(), actor(c), id, after, limit)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, newPageJSON(events, limit, newEventJSON, func(e *transcription.Event) string { return formatPlace(e.ID) }))
}
