package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/auth"
)

type providerJSON struct {
	Name  string `json:"name"`
	Label string `json:"label"`
}

type identityJSON struct {
	Provider   string    `json:"provider"`
	Subject    string    `json:"subject"`
	CreatedAt  timestamp `json:"createdAt"`
	LastUsedAt timestamp `json:"lastUsedAt"`
}

type linkJSON struct {
	ReturnTo string `json:"returnTo"`
}

func newProviderJSON(p *auth.Provider) providerJSON {
	return providerJSON{Name: (*p).Name(), Label: (*p).Label()}
}

// ProviderPath returns where a provider of that name sends browsers back to.
func ProviderPath(name string) string { return oidcPath + "/" + name + "/callback" }

func (s *Server) listProviders(c echo.Context) error {
	return answer(c, http.StatusOK, itemsJSON[providerJSON]{each(s.auth.Providers(), newProviderJSON)})
}

// beginSignIn sends a browser to a provider. That may ask nothing any more, so a link of
// another site is not enough: somebody would be signed in without having wanted it.
func (s *Server) beginSignIn(c echo.Context) error {
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	if led(c.Request()) {
		return writePage(c, http.StatusOK, beginPage, c.Request().URL.RequestURI())
	}
	off, err := s.auth.BeginSignIn(c.Request().Context(), c.Param("provider"), q.Get("returnTo"))
	if err != nil {
		return err
	}
	s.cookies.setHandshake(c, off)
	return c.Redirect(http.StatusSeeOther, off.URL)
}

// arrive is where a provider sends a browser back to. The cookie goes with its first use,
// whatever comes of that.
func (s *Server) arrive(c echo.Context) error {
	token := value(c, s.cookies.handshake)
	s.cookies.clearHandshake(c)
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	back := auth.ProviderAnswer{State: q.Get("state"), Code: q.Get("code"), Issuer: q.Get("iss"), Error: q.Get("error")}
	arrival, err := s.auth.Arrive(c.Request().Context(), c.Param("provider"), token, back)
	if err != nil {
		return err
	}
	if arrival.Grant == nil { // a provider was linked
		return c.Redirect(http.StatusSeeOther, arrival.ReturnTo)
	}
	if arrival.Grant.Challenge != "" {
		return c.Redirect(http.StatusSeeOther, "/account#second-factor="+arrival.Grant.Challenge)
	}
	if err := s.endFormer(c); err != nil {
		return err
	}
	s.cookies.set(c, arrival.Grant)
	return c.Redirect(http.StatusSeeOther, arrival.ReturnTo)
}

func (s *Server) listIdentities(c echo.Context) error {
	found, err := s.auth.Identities(c.Request().Context(), actor(c))
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, itemsJSON[identityJSON]{each(found, newIdentityJSON)})
}

func newIdentityJSON(i *auth.Identity) identityJSON {
	return identityJSON{Provider: i.Provider, Subject: i.Subject, CreatedAt: timestamp(i.CreatedAt), LastUsedAt: timestamp(i.UsedAt)}
}

// beginLink tells a page where to go. It cannot be sent there: a script would follow on
// its own, and the provider does not want to talk to scripts.
func (s *Server) beginLink(c echo.Context) error {
	var in linkJSON
	if err := readJSON(c, &in); err != nil {
		return err
	}
	off, err := s.auth.BeginLink(c.Request().Context(), actor(c), c.Param("provider"), in.ReturnTo)
	if err != nil {
		return err
	}
	s.cookies.setHandshake(c, off)
	return answer(c, http.StatusOK, map[string]any{"url": off.URL, "expiresAt": timestamp(off.Expires)})
}

func (s *Server) removeIdentity(c echo.Context) error {
	if err := s.auth.RemoveIdentity(c.Request().Context(), actor(c), c.Param("provider")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
