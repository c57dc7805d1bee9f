package api

import (
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/auth"
)

type apiKeyJSON struct {
	ID         uuid.UUID         `json:"id"`
	Name       string            `json:"name"`
	Prefix     string            `json:"prefix"`
	Scopes     []auth.Permission `json:"scopes"`
	CreatedAt  timestamp         `json:"createdAt"`
	ExpiresAt  timestamp         `json:"expiresAt"`
	LastUsedAt timestamp         `json:"lastUsedAt"`
}

// createdAPIKeyJSON is a key with its text, which is shown this one time.
type createdAPIKeyJSON struct {
	apiKeyJSON
	Key string `json:"key"`
}

func newAPIKeyJSON(k *auth.Key) apiKeyJSON {
	return apiKeyJSON{
		ID: k.ID, Name: k.Name, Prefix: k.Prefix, Scopes: k.Scopes,
		CreatedAt: timestamp(k.CreatedAt), ExpiresAt: timestamp(k.ExpiresAt), LastUsedAt: timestamp(k.UsedAt),
	}
}

// apiKeyBody is what may be asked for. Without a moment the key does not expire.
type apiKeyBody struct {
	Name      string            `json:"name"`
	Scopes    []auth.Permission `json:"scopes"`
	ExpiresAt *time.Time        `json:"expiresAt"`
}

func (s *Server) createAPIKey(c echo.Context) error {
	var in apiKeyBody
	if err := readJSON(c, &in); err != nil {
		return err
	}
	asked := auth.NewKey{Name: in.Name, Scopes: in.Scopes}
	if in.ExpiresAt != nil {
		asked.ExpiresAt = *in.ExpiresAt
	}
	k, text, err := s.auth.CreateKey(c.Request().Context(), actor(c), asked)
	if err != nil {
		return err
	}
	return answer(c, http.StatusCreated, createdAPIKeyJSON{newAPIKeyJSON(k), text})
}

func (s *Server) listAPIKeys(c echo.Context) error {
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	limit, err := readLimit(q)
	if err != nil {
		return err
	}
	before, err := parseMark(q.Get("cursor"))
	if err != nil {
		return err
	}
	keys, err := s.auth.Keys(c.Request().Context(), actor(c), before, limit)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, newPageJSON(keys, limit, newAPIKeyJSON, func(k *auth.Key) string { return formatMark(k.ID) }))
}

func (s *Server) deleteAPIKey(c echo.Context) error {
	id, err := readIDOf(c, "API key")
	if err != nil {
		return err
	}
	if err := s.auth.RevokeKey(c.Request().Context(), actor(c), id); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
