package oidc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// maxAnswer is more than any answer of a provider that is one.
const maxAnswer = 1 << 20

// newClient returns what asks providers. It follows no redirect: what is secret goes where
// the configuration says and nowhere else.
func newClient(o Options) *http.Client {
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &http.Client{Timeout: cmp.Or(o.Timeout, 10*time.Second), Transport: bounded{http.DefaultTransport}, CheckRedirect: stay}
}

// bounded reads no more than maxAnswer, and takes the answer of a server that fails for
// none. So whatever way a provider is down, the error is a *url.Error.
type bounded struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= http.StatusInternalServerError || res.StatusCode == http.StatusTooManyRequests {
		return nil, errors.Join(fmt.Errorf("the server answers %s", res.Status), res.Body.Close())
	}
	res.Body = http.MaxBytesReader(nil, res.Body, maxAnswer)
	return res, nil
}

// party is what all kinds of providers have in common.
type party struct {
	o      Options
	client *http.Client
}

// Name implements auth.Provider.
func (p *party) Name() string { return p.o.Name }

// Label implements auth.Provider.
func (p *party) Label() string { return p.o.Label }

// Issuer implements auth.Provider.
func (p *party) Issuer() string { return p.o.Issuer }

func isDown(err error) bool {
	_, down := errors.AsType[*url.Error](err)
	return down
}

func (p *party) config(e oauth2.Endpoint) oauth2.Config {
	return oauth2.Config{ClientID: p.o.ClientID, ClientSecret: p.o.ClientSecret, Endpoint: e, RedirectURL: p.o.Redirect, Scopes: p.o.Scopes}
}

// exchange returns what the provider gives for the code of its answer. What it says
// besides stays out of the error: it may repeat what it was sent.
func (p *party) exchange(ctx context.Context, c *oauth2.Config, h auth.Handshake, a auth.ProviderAnswer) (*oauth2.Token, error) {
	if a.Error != "" || a.Code == "" {
		return nil, p.refused(fmt.Errorf("the answer is the error %.100q", a.Error))
	}
	token, err := c.Exchange(ctx, a.Code, oauth2.VerifierOption(h.Verifier))
	no, refused := errors.AsType[*oauth2.RetrieveError](err)
	switch {
	case refused && (no.ErrorCode == "invalid_grant" || no.ErrorCode == "bad_verification_code"):
		return nil, p.refused(fmt.Errorf("exchange the code: %s", no.ErrorCode))
	case refused:
		return nil, fmt.Errorf("exchange a code at %s: status %d, error %.100q; is the client's secret right?", p.o.Name, no.Response.StatusCode, no.ErrorCode)
	case err != nil:
		return nil, p.unavailable(fmt.Errorf("exchange the code: %w", err))
	}
	return token, nil
}

func (p *party) unavailable(err error) error {
	return fault.Wrap(err, fault.Unavailable, "%s does not answer. Try again in a moment, or sign in another way.", p.o.Label).
		WithCode("provider_unavailable").With("provider", p.o.Name)
}

func (p *party) refused(err error) error {
	return fault.Wrap(err, fault.Forbidden, "%s has not told who you are. Start again, and allow it there.", p.o.Label).
		WithCode("provider_refused").With("provider", p.o.Name)
}

func (p *party) invalid(err error) error {
	return fault.Wrap(err, fault.Unauthenticated, "What %s says does not prove who you are. Start again; if that does not help, tell an administrator.", p.o.Label).
		WithCode("provider_invalid").With("provider", p.o.Name)
}
