package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// leeway is how long an access token has to last to be sent at all.
const leeway = 15 * time.Second

// Account is the person who is signed in.
type Account struct {
	UserID string
	Email  string
	Role   string
}

// NotSignedInError says that the person has to log in first.
type NotSignedInError struct {
	Server string
	Ended  bool // there was a sign-in, which the server no longer accepts
}

// Error says how to log in.
func (e *NotSignedInError) Error() string {
	if e.Ended {
		return fmt.Sprintf("Your sign-in at %s has ended. Log in again: turboscribe login", e.Server)
	}
	return fmt.Sprintf("You are not signed in at %s. Log in first: turboscribe login", e.Server)
}

type credentials struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

type proof struct {
	Challenge string `json:"challenge"`
	Code      string `json:"code"`
}

type grant struct {
	UserID    string
	Token     string
	ExpiresAt time.Time
}

// Login signs in and keeps the sign-in. Code is called for one of the account's second
// factor, if it has one.
func (c *Client) Login(ctx context.Context, email, password string, code func(context.Context) (string, error)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	got, err := c.signIn(ctx, "/auth/login", credentials{Email: email, Password: password})
	if refused, ok := errors.AsType[*Error](err); ok && refused.Code == "second_factor_required" {
		got, err = c.finish(ctx, refused.challenge, code)
	}
	if err != nil {
		return err
	}
	_, err = c.keep(got, session{Email: email})
	return err
}

func (c *Client) signIn(ctx context.Context, path string, in any) (*reply, error) {
	ctx, cancel := within(ctx, c.timeout)
	defer cancel()
	return c.send(ctx, c.request(http.MethodPost, apiRoot+path, in))
}

// finish takes as long to ask for the code as the person needs.
func (c *Client) finish(ctx context.Context, challenge string, code func(context.Context) (string, error)) (*reply, error) {
	text, err := code(ctx)
	if err != nil {
		return nil, err
	}
	return c.signIn(ctx, "/auth/second-factor", proof{Challenge: challenge, Code: text})
}

// Logout ends the sign-in here and on the server. It is gone here even when the
// server does not answer.
func (c *Client) Logout(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok, err := c.sessions.of(c.server)
	if err != nil || !ok {
		return err
	}
	ctx, cancel := within(ctx, c.timeout)
	defer cancel()
	_, err = c.send(ctx, withCookies(c.request(http.MethodPost, apiRoot+"/auth/logout", nil), s.Cookies))
	if refused, ok := errors.AsType[*Error](err); ok && refused.Status == http.StatusUnauthorized {
		err = nil // the server has forgotten it already
	}
	return errors.Join(c.sessions.drop(c.server), err)
}

// Me returns who is signed in.
func (c *Client) Me(ctx context.Context) (Account, error) {
	var a Account
	err := c.call(ctx, http.MethodGet, apiRoot+"/me", &a)
	return a, err
}

// access returns a token to send, refreshed when the one at hand is about to end.
func (c *Client) access(ctx context.Context) (string, error) {
	if c.token != "" {
		return c.token, nil
	}
	s, ok, err := c.sessions.of(c.server)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", &NotSignedInError{Server: c.server}
	}
	if s.fresh(time.Now(), leeway) {
		return s.Token, nil
	}
	return c.refresh(ctx, s.Token)
}

// refresh replaces a token that is refused or about to end. Another process may
// have done so already: then its token is taken.
func (c *Client) refresh(ctx context.Context, old string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok, err := c.sessions.of(c.server)
	if err != nil {
		return "", err
	}
	if !ok || len(s.Cookies) == 0 {
		return "", &NotSignedInError{Server: c.server, Ended: ok}
	}
	if s.Token != old && s.fresh(time.Now(), leeway) {
		return s.Token, nil
	}
	got, err := c.send(ctx, withCookies(c.request(http.MethodPost, apiRoot+"/auth/refresh", nil), s.Cookies))
	if refused, ok := errors.AsType[*Error](err); ok && refused.Status == http.StatusUnauthorized {
		return "", errors.Join(&NotSignedInError{Server: c.server, Ended: true}, c.sessions.drop(c.server))
	}
	if err != nil {
		return "", err
	}
	return c.keep(got, s)
}

// keep stores what a sign-in route granted and returns the access token.
func (c *Client) keep(got *reply, s session) (string, error) {
	var g grant
	if err := got.decode(&g); err != nil {
		return "", err
	}
	s.UserID, s.Token, s.ExpiresAt = g.UserID, g.Token, localTime(g.ExpiresAt, got.header)
	s.Cookies = nil
	for _, k := range (&http.Response{Header: got.header}).Cookies() {
		if k.Value != "" && k.Value != g.Token && k.MaxAge >= 0 {
			s.Cookies = append(s.Cookies, cookie{Name: k.Name, Value: k.Value})
		}
	}
	return g.Token, c.sessions.keep(c.server, s)
}

// localTime moves a time of the server to the clock of this machine, which may
// be wrong by more than a token lasts.
func localTime(at time.Time, h http.Header) time.Time {
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return at
	}
	return time.Now().Add(at.Sub(now))
}

// withCookies adds the cookies of a sign-in. They go to the sign-in routes only.
func withCookies(make maker, cookies []cookie) maker {
	return func(ctx context.Context) (*http.Request, error) {
		r, err := make(ctx)
		if err != nil {
			return nil, err
		}
		for _, k := range cookies {
			r.AddCookie(&http.Cookie{Name: k.Name, Value: k.Value}) //nolint:gosec // attributes are for answers, not for requests
		}
		return r, nil
	}
}
