// Package oidc asks providers of OpenID Connect and OAuth 2.0 who somebody is.
package oidc

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/turboscribe/turboscribe/internal/auth"
)

// Options is what an installation and a provider know of each other.
type Options struct {
	Name         string // in addresses and in the database
	Label        string // for people
	Issuer       string // an URL, as the provider writes it
	ClientID     string
	ClientSecret string
	Scopes       []string      // openid and email for OpenID, user:email for GitHub
	Redirect     string        // the address that answers come back to
	Timeout      time.Duration // of one answer, for which somebody waits; 10 seconds
	Now          func() time.Time
}

// OpenID is a provider of OpenID Connect. It is asked for the first time when somebody
// wants to sign in: an installation starts without it.
type OpenID struct {
	party
	known atomic.Pointer[discovery]
}

// NewOpenID returns a provider of OpenID Connect.
func NewOpenID(o Options) *OpenID {
	if len(o.Scopes) == 0 {
		o.Scopes = []string{"email"}
	}
	if !slices.Contains(o.Scopes, oidc.ScopeOpenID) {
		o.Scopes = append([]string{oidc.ScopeOpenID}, o.Scopes...)
	}
	return &OpenID{party: party{o, newClient(o)}}
}

// discovery is what a provider tells of itself.
type discovery struct {
	*oidc.Provider
	config   oauth2.Config
	verifier *oidc.IDTokenVerifier
	names    bool // the issuer in every answer (RFC 9207)
}

// discover asks a provider what there is to know of it, until it has answered once. Its
// keys are asked for anew whenever it signs with one that is not known.
func (p *OpenID) discover(ctx context.Context) (*discovery, error) {
	if d := p.known.Load(); d != nil {
		return d, nil
	}
	ctx = oidc.ClientContext(ctx, p.client)
	provider, err := oidc.NewProvider(ctx, p.o.Issuer)
	if err != nil {
		return nil, p.unavailable(fmt.Errorf("discover %s: %w", p.o.Issuer, err))
	}
	var more struct {
		JWKS  string   `json:"jwks_uri"`
		Algs  []string `json:"id_token_signing_alg_values_supported"`
		Names bool     `json:"authorization_response_iss_parameter_supported"`
	}
	if err := provider.Claims(&more); err != nil {
		return nil, p.unavailable(fmt.Errorf("discover %s: %w", p.o.Issuer, err))
	}
	keys := keySet{oidc.NewRemoteKeySet(ctx, more.JWKS)}
	d := &discovery{
		Provider: provider, names: more.Names, config: p.config(provider.Endpoint()),
		verifier: oidc.NewVerifier(p.o.Issuer, keys, &oidc.Config{ClientID: p.o.ClientID, SupportedSigningAlgs: signatures(more.Algs), Now: p.o.Now}),
	}
	p.known.Store(d)
	return d, nil
}

// signatures leaves out what is none: a provider that lists HS256 or none shall not have
// tokens taken that anybody could make.
func signatures(algs []string) []string {
	good := []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA}
	return slices.DeleteFunc(slices.Clone(algs), func(alg string) bool { return !slices.Contains(good, alg) })
}

// AuthURL implements auth.Provider.
func (p *OpenID) AuthURL(ctx context.Context, h auth.Handshake) (string, error) {
	d, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	return d.config.AuthCodeURL(h.State, oauth2.S256ChallengeOption(h.Verifier), oidc.Nonce(h.Nonce)), nil
}

// Identify implements auth.Provider.
func (p *OpenID) Identify(ctx context.Context, h auth.Handshake, a auth.ProviderAnswer) (auth.Claim, error) {
	d, err := p.discover(ctx)
	if err != nil {
		return auth.Claim{}, err
	}
	if a.Issuer != p.o.Issuer && (d.names || a.Issuer != "") {
		return auth.Claim{}, p.invalid(fmt.Errorf("the answer is from %q", a.Issuer))
	}
	ctx = oidc.ClientContext(ctx, p.client)
	token, err := p.exchange(ctx, &d.config, h, a)
	if err != nil {
		return auth.Claim{}, err
	}
	id, err := p.verify(ctx, d, token, h.Nonce)
	if err != nil {
		return auth.Claim{}, err
	}
	return p.claim(ctx, d, id, token)
}

// maxSubject is the longest subject that OpenID Connect allows.
const maxSubject = 255

// verify returns the ID token that came with an access token, if it was made for this
// installation and this handshake.
func (p *OpenID) verify(ctx context.Context, d *discovery, token *oauth2.Token, nonce string) (*oidc.IDToken, error) {
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return nil, p.invalid(errors.New("there is no ID token"))
	}
	var cause error
	id, err := d.verifier.Verify(context.WithValue(ctx, causeKey{}, &cause), raw)
	if isDown(cause) {
		return nil, p.unavailable(fmt.Errorf("read the keys: %w", cause))
	}
	if err != nil {
		return nil, p.invalid(err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(nonce)) != 1 {
		return nil, p.invalid(errors.New("the ID token has another nonce"))
	}
	if id.Subject == "" || len(id.Subject) > maxSubject {
		return nil, p.invalid(errors.New("the ID token has no subject, or none that the standard allows"))
	}
	return id, nil
}

// claim reads what the ID token says. Some providers tell the address only when asked
// with the access token.
func (p *OpenID) claim(ctx context.Context, d *discovery, id *oidc.IDToken, token *oauth2.Token) (auth.Claim, error) {
	var said struct {
		Party    string `json:"azp"`
		Email    string `json:"email"`
		Verified truth  `json:"email_verified"`
	}
	if err := id.Claims(&said); err != nil {
		return auth.Claim{}, p.invalid(err)
	}
	if said.Party != "" && said.Party != p.o.ClientID {
		return auth.Claim{}, p.invalid(fmt.Errorf("the ID token was made for %q", said.Party))
	}
	if said.Email != "" || d.UserInfoEndpoint() == "" {
		return auth.Claim{Subject: id.Subject, Email: said.Email, Verified: bool(said.Verified)}, nil
	}
	user, err := d.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return auth.Claim{}, p.unavailable(fmt.Errorf("ask who that is: %w", err))
	}
	if user.Subject != id.Subject {
		return auth.Claim{}, p.invalid(errors.New("the ID token and the user info are about two people"))
	}
	return auth.Claim{Subject: id.Subject, Email: user.Email, Verified: user.EmailVerified}, nil
}

// truth is a boolean that some providers write as a text.
type truth bool

// UnmarshalJSON takes true and "true" for true, and nothing else.
func (v *truth) UnmarshalJSON(b []byte) error {
	*v = string(b) == "true" || string(b) == `"true"`
	return nil
}

// keySet keeps the cause of a failure, of which the library passes on the text only.
type keySet struct{ oidc.KeySet }

type causeKey struct{}

// VerifySignature implements oidc.KeySet.
func (k keySet) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := k.KeySet.VerifySignature(ctx, jwt)
	if cause, ok := ctx.Value(causeKey{}).(*error); ok {
		*cause = err
	}
	return payload, err
}
