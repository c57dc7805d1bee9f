package api

import (
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

type guestLinkJSON struct {
	ID         uuid.UUID            `json:"id"`
	Label      string               `json:"label"`
	Access     transcription.Access `json:"access"`
	Password   bool                 `json:"password"` // whether it asks for one
	CreatedAt  timestamp            `json:"createdAt"`
	ExpiresAt  timestamp            `json:"expiresAt"`
	Uses       int64                `json:"uses"`
	LastUsedAt timestamp            `json:"lastUsedAt"`
}

// createdLinkJSON is a link with its address, which is shown this one time.
type createdLinkJSON struct {
	guestLinkJSON
	URL   string `json:"url"`
	Token string `json:"token"`
}

// linkIn is what may be asked for. Without a moment the link does not expire.
type linkIn struct {
	Access    transcription.Access `json:"access"`
	Label     string               `json:"label"`
	Password  string               `json:"password"`
	ExpiresAt *time.Time           `json:"expiresAt"`
}

func newGuestLinkJSON(l *transcription.Link) guestLinkJSON {
	return guestLinkJSON{
		ID: l.ID, Label: l.Label, Access: l.Access, Password: l.PasswordHash != "",
		CreatedAt: timestamp(l.CreatedAt), ExpiresAt: timestamp(l.ExpiresAt), Uses: l.Uses, LastUsedAt: timestamp(l.UsedAt),
	}
}

func (s *Server) createLink(c echo.Context) error {
	id, err := readID(c)
	if err != nil {
		return err
	}
	var in linkIn
	if err := readJSON(c, &in); err != nil {
		return err
	}
	asked := transcription.NewLink{Access: in.Access, Label: in.Label, Password: in.Password}
	if in.ExpiresAt != nil {
		asked.ExpiresAt = *in.ExpiresAt
	}
	l, token, err := s.links.Create(c.Request().Context(), actor(c), id, asked)
	if err != nil {
		return err
	}
	return answer(c, http.StatusCreated, createdLinkJSON{newGuestLinkJSON(l), s.public + "/s/" + token, token})
}

func (s *Server) listLinks(c echo.Context) error {
	id, err := readID(c)
	if err != nil {
		return err
	}
	list, err := s.links.List(c.Request().Context(), actor(c), id)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, itemsJSON[guestLinkJSON]{each(list, newGuestLinkJSON)})
}

func (s *Server) revokeLink(c echo.Context) error {
	id, err := readID(c)
	if err != nil {
		return err
	}
	link, err := readParam(c, "link", "link")
	if err != nil {
		return err
	}
	if err := s.links.Revoke(c.Request().Context(), actor(c), id, link); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
