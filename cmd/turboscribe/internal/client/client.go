// Package client speaks TurboScribe's public HTTP API: it signs in and stays
// signed in, uploads recordings and waits for their text.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const apiRoot = "/api/v1"

// maxAnswer bounds every answer that is kept in memory: a 12-hour transcription
// with all its words has about 30 MB.
const maxAnswer = 256 << 20

// Options say which server is meant and how long to wait for it. Server and
// Credentials are needed.
type Options struct {
	Server      string        // URL, as people give it
	Credentials string        // file that keeps sign-ins
	Token       string        // used instead of a sign-in when set; never refreshed
	Timeout     time.Duration // of one small request, 30 s when 0
	Hesitation  time.Duration // before an upload is sent that the server has not asked for; 2 s when 0
	Stall       time.Duration // without progress, after which an upload is given up; 2 min when 0
	Patience    time.Duration // with a server that does not answer while waiting; 2 min when 0
}

// Client is one person's way to one server. It is safe for concurrent use.
type Client struct {
	server   string
	token    string
	http     *http.Client
	sessions sessions
	timeout  time.Duration
	stall    time.Duration
	patience time.Duration

	mu sync.Mutex // held while signing in or refreshing
}

// New returns a client. It fails when the server's address is no http URL.
func New(o Options) (*Client, error) {
	u, err := url.Parse(strings.TrimRight(o.Server, "/"))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("the server %q is not an address like https://scribe.example.com", o.Server)
	}
	c := &Client{
		server: u.String(), token: o.Token, sessions: sessions{path: o.Credentials},
		timeout: or(o.Timeout, 30*time.Second), stall: or(o.Stall, 2*time.Minute), patience: or(o.Patience, 2*time.Minute),
	}
	c.http = &http.Client{Transport: c.transport(or(o.Hesitation, 2*time.Second)), CheckRedirect: sameHost}
	return c, nil
}

func or(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

func (c *Client) transport(hesitation time.Duration) *http.Transport {
	dialer := net.Dialer{Timeout: min(c.timeout, 10*time.Second)}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: c.timeout, IdleConnTimeout: 30 * time.Second, MaxIdleConns: 8,
		// A server that refuses an upload says so before the body is on its way.
		ExpectContinueTimeout: hesitation,
	}
}

// sameHost follows redirects only to where the tokens may go.
func sameHost(r *http.Request, via []*http.Request) error {
	if len(via) > 3 || r.URL.Host != via[0].URL.Host || r.URL.Scheme != via[0].URL.Scheme {
		return fmt.Errorf("the server sends us on to %s: give that address with --server if it is the right one", r.URL.Redacted())
	}
	return nil
}

// Server returns the address of the server.
func (c *Client) Server() string { return c.server }

// reply is an answer that has been read.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// Error is what the server said when it refused a request.
type Error struct {
	Status    int
	Code      string
	Message   string
	RequestID string
	after     time.Duration // the server asks to wait this long
	challenge string        // the server asks for a second factor
}

// Error returns the server's sentence, with the id of the request when the
// fault is the server's and somebody may have to look for it.
func (e *Error) Error() string {
	if e.Status >= http.StatusInternalServerError && e.RequestID != "" {
		return fmt.Sprintf("%s (request %s)", e.Message, e.RequestID)
	}
	return e.Message
}

// UnreachableError says that no answer came.
type UnreachableError struct {
	Server string
	Err    error
}

// Error names the server and the cause.
func (e *UnreachableError) Error() string {
	if ue, ok := errors.AsType[*url.Error](e.Err); ok {
		return fmt.Sprintf("no answer from %s: %v", e.Server, ue.Err)
	}
	return fmt.Sprintf("no answer from %s: %v", e.Server, e.Err)
}

// Unwrap returns the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

// maker makes a request anew for each try.
type maker func(ctx context.Context) (*http.Request, error)

// request returns a maker of small requests.
func (c *Client) request(method, path string, in any) maker {
	return func(ctx context.Context) (*http.Request, error) {
		var body io.Reader
		if in != nil {
			b, err := json.Marshal(in)
			if err != nil {
				return nil, fmt.Errorf("encode a request: %w", err)
			}
			body = bytes.NewReader(b)
		}
		r, err := http.NewRequestWithContext(ctx, method, c.server+path, body)
		if err == nil && in != nil {
			r.Header.Set("Content-Type", "application/json")
		}
		return r, err
	}
}

// call sends a small request as the person who is signed in and decodes data
// into out unless that is nil.
func (c *Client) call(ctx context.Context, method, path string, out any) error {
	ctx, cancel := within(ctx, c.timeout)
	defer cancel()
	got, err := c.signed(ctx, c.request(method, path, nil))
	if err != nil {
		return err
	}
	return got.decode(out)
}

// within bounds a request. An error of it says so.
func within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, fmt.Errorf("gave up after %v", d))
}

// signed sends a request as the person who is signed in. When the access token
// is refused, it is refreshed and the request made anew, once.
func (c *Client) signed(ctx context.Context, make maker) (*reply, error) {
	token, err := c.access(ctx)
	if err != nil {
		return nil, err
	}
	got, err := c.send(ctx, bearer(make, token))
	if refused, ok := errors.AsType[*Error](err); !ok || refused.Status != http.StatusUnauthorized || c.token != "" {
		return got, err
	}
	if token, err = c.refresh(ctx, token); err != nil {
		return nil, err
	}
	return c.send(ctx, bearer(make, token))
}

func bearer(make maker, token string) maker {
	return func(ctx context.Context) (*http.Request, error) {
		r, err := make(ctx)
		if err == nil {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		return r, err
	}
}

// send returns the answer, or an *Error for one that refuses, or an
// *UnreachableError when there is none.
func (c *Client) send(ctx context.Context, make maker) (*reply, error) {
	got, err := c.exchange(ctx, make)
	if err == nil && got.status >= http.StatusBadRequest {
		return nil, got.refusal()
	}
	return got, err
}

// exchange returns any answer.
func (c *Client) exchange(ctx context.Context, make maker) (*reply, error) {
	r, err := make(ctx)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, resp.Body, maxAnswer))
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return nil, c.unreachable(ctx, err)
	}
	return &reply{status: resp.StatusCode, header: resp.Header, body: body}, nil
}

// unreachable tells a context that the caller ended from one that ran out.
func (c *Client) unreachable(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		if errors.Is(cause, context.Canceled) {
			return cause
		}
		err = cause
	}
	return &UnreachableError{Server: c.server, Err: err}
}

// decode reads the data of the envelope.
func (r *reply) decode(out any) error {
	if out == nil {
		return nil
	}
	var envelope struct{ Data json.RawMessage }
	err := json.Unmarshal(r.body, &envelope)
	if err == nil {
		err = json.Unmarshal(envelope.Data, out)
	}
	if err != nil {
		return fmt.Errorf("the answer is not one of TurboScribe, is the address of the server right? %w", err)
	}
	return nil
}

// refusal returns the error of an answer. One that is not in our words comes
// from something in between, such as a proxy.
func (r *reply) refusal() *Error {
	var in struct {
		Error struct {
			Code      string
			Message   string
			RequestID string `json:"request_id"`
			Details   struct{ Challenge string }
		}
	}
	e := &Error{Status: r.status, after: retryAfter(r.header), RequestID: r.header.Get("X-Request-Id")}
	if err := json.Unmarshal(r.body, &in); err != nil || in.Error.Message == "" {
		e.Message = fmt.Sprintf("The server answered %d %s.", r.status, http.StatusText(r.status))
		return e
	}
	e.Code, e.Message, e.challenge = in.Error.Code, in.Error.Message, in.Error.Details.Challenge
	if in.Error.RequestID != "" {
		e.RequestID = in.Error.RequestID
	}
	return e
}
