package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"golang.org/x/oauth2"

	"github.com/turboscribe/turboscribe/internal/auth"
)

// PublicGitHub is the GitHub that everybody knows.
const PublicGitHub = "https://github.com"

// GitHub is a GitHub, which speaks OAuth 2.0 only: who somebody is has to be asked, so
// that nothing holds but that the connection leads to it.
type GitHub struct {
	party
	oauth oauth2.Config
	api   string
}

// NewGitHub returns the GitHub of the issuer: the public one, or one of a company.
func NewGitHub(o Options) *GitHub {
	if len(o.Scopes) == 0 {
		o.Scopes = []string{"user:email"}
	}
	g := &GitHub{party: party{o, newClient(o)}, api: o.Issuer + "/api/v3"}
	if o.Issuer == PublicGitHub {
		g.api = "https://api.github.com"
	}
	g.oauth = g.config(oauth2.Endpoint{
		AuthURL: o.Issuer + "/login/oauth/authorize", TokenURL: o.Issuer + "/login/oauth/access_token", AuthStyle: oauth2.AuthStyleInParams,
	})
	return g
}

// AuthURL implements auth.Provider.
func (g *GitHub) AuthURL(_ context.Context, h auth.Handshake) (string, error) {
	return g.oauth.AuthCodeURL(h.State, oauth2.S256ChallengeOption(h.Verifier)), nil
}

// Identify implements auth.Provider.
func (g *GitHub) Identify(ctx context.Context, h auth.Handshake, a auth.ProviderAnswer) (auth.Claim, error) {
	ctx = context.WithValue(ctx, oauth2.HTTPClient, g.client)
	token, err := g.exchange(ctx, &g.oauth, h, a)
	if err != nil {
		return auth.Claim{}, err
	}
	var user struct {
		ID int64 `json:"id"` // the login may be given to somebody else one day
	}
	if err := g.ask(ctx, token, "/user", &user); err != nil {
		return auth.Claim{}, err
	}
	if user.ID == 0 {
		return auth.Claim{}, g.invalid(errors.New("the user has no id"))
	}
	email, err := g.email(ctx, token)
	return auth.Claim{Subject: strconv.FormatInt(user.ID, 10), Email: email, Verified: email != ""}, err
}

// email returns the user's primary address if GitHub has verified it.
func (g *GitHub) email(ctx context.Context, token *oauth2.Token) (string, error) {
	var all []struct {
		Email    string `json:"email"`
		Primary  bool   `json:"primary"`
		Verified bool   `json:"verified"`
	}
	if err := g.ask(ctx, token, "/user/emails", &all); err != nil {
		return "", err
	}
	for _, e := range all {
		if e.Primary && e.Verified {
			return e.Email, nil
		}
	}
	return "", nil
}

func (g *GitHub) ask(ctx context.Context, token *oauth2.Token, path string, v any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, g.api+path, nil)
	if err != nil {
		return fmt.Errorf("ask for %s: %w", path, err)
	}
	r.Header.Set("Accept", "application/vnd.github+json")
	token.SetAuthHeader(r)
	res, err := g.client.Do(r)
	if err != nil {
		return g.unavailable(err)
	}
	defer func() { _ = res.Body.Close() }() // it is read to its end, or of no use
	if res.StatusCode != http.StatusOK {
		return g.refused(fmt.Errorf("ask for %s: %s", path, res.Status))
	}
	if err := json.NewDecoder(res.Body).Decode(v); err != nil {
		return g.unavailable(fmt.Errorf("read %s: %w", path, err))
	}
	return nil
}
