package api

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// requestID is what a request id of a client may look like: it ends in logs.
var requestID = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,64}$`)

// logged gives the request an id and a logger, answers errors and writes one line
// when all is done.
func (s *Server) logged(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		began := time.Now()
		r := c.Request()
		id := r.Header.Get(echo.HeaderXRequestID)
		if !requestID.MatchString(id) {
			id = rand.Text()
		}
		c.Response().Header().Set(echo.HeaderXRequestID, id)
		logger := s.logger.With().Str("request_id", id).Logger()
		origin := auth.Origin{IP: c.RealIP(), UserAgent: r.UserAgent(), RequestID: id, Device: value(c, s.cookies.device)}
		c.SetRequest(r.WithContext(auth.WithOrigin(logger.WithContext(r.Context()), origin)))
		if err := next(c); err != nil {
			c.Error(err)
		}
		// The query stays out of the log: people put into it what is secret.
		line := zerolog.Ctx(c.Request().Context()).WithLevel(logLevel(c))
		if code, ok := c.Get(codeKey).(string); ok {
			line.Str("code", code)
		}
		line.Str("method", r.Method).Str("path", withoutToken(r.URL.Path)).Str("route", c.Path()).
			Int("status", c.Response().Status).Int64("bytes", c.Response().Size).Dur("took", time.Since(began)).
			Str("ip", c.RealIP()).Msg("request")
		return nil
	}
}

// logLevel keeps the probes that find everything well out of the way.
func logLevel(c echo.Context) zerolog.Level {
	if probe := c.Path() == "/livez" || c.Path() == "/readyz"; probe && c.Response().Status == http.StatusOK {
		return zerolog.DebugLevel
	}
	return zerolog.InfoLevel
}

// recovered turns a panic into an internal fault. When the answer has begun, the
// connection is cut instead: half an answer must not look like a whole one.
func recovered(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			r := recover()
			if r == nil {
				return
			}
			if r == http.ErrAbortHandler { //nolint:errorlint // what was panicked with is no wrapped error
				panic(r)
			}
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
			if c.Response().Committed {
				zerolog.Ctx(c.Request().Context()).Error().Err(err).Msg("answer cut off")
				panic(http.ErrAbortHandler)
			}
		}()
		return next(c)
	}
}

// secured sets the headers that hold for every answer. Handlers may loosen what
// concerns caching; the dashboard has a policy of its own.
func (s *Server) secured(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		h.Set("X-Frame-Options", "DENY") // for what does not know frame-ancestors
		h.Set("Cache-Control", "no-store")
		if s.hsts != "" {
			h.Set("Strict-Transport-Security", s.hsts)
		}
		return next(c)
	}
}

func crossOrigin(allowed []string) echo.MiddlewareFunc {
	return middleware.CORSWithConfig(middleware.CORSConfig{
		AllowOrigins:     allowed,
		AllowCredentials: true,
		AllowMethods:     []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete},
		AllowHeaders:     []string{"Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "If-Range", "Last-Event-ID", "Range", csrfHeader, "X-Request-Id"},
		ExposeHeaders:    []string{"Accept-Ranges", "Content-Disposition", "Content-Range", "ETag", "Location", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-Id"},
		MaxAge:           600,
	})
}

// caller is who makes the request, or why that is not known.
type caller struct {
	actor  auth.Actor
	err    error
	cookie bool // a browser may have said so without being asked
}

const callerKey = "caller"

// authenticated finds out who is calling and refuses nobody: an old cookie must
// not keep a person from signing in.
func (s *Server) authenticated(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		token, ok := bearer(c.Request())
		if !ok {
			token = value(c, s.cookies.access)
		}
		if token == "" && !ok || isGuestPath(c.Path()) {
			return next(c)
		}
		who, err := s.authenticator(c, token, ok)(c.Request().Context(), token)
		c.Set(callerKey, caller{actor: who, err: err, cookie: !ok})
		if err == nil {
			zerolog.Ctx(c.Request().Context()).UpdateContext(func(l zerolog.Context) zerolog.Context {
				return l.Stringer("user", who.UserID)
			})
		}
		return next(c)
	}
}

// authenticator returns what knows tokens of that kind. In a cookie only a sign-in's is
// one, and one for uploads only where they go.
func (s *Server) authenticator(c echo.Context, token string, bearer bool) func(context.Context, string) (auth.Actor, error) {
	switch {
	case bearer && auth.IsUploadToken(token) && c.Path() == uploadPath:
		return s.auth.AuthenticateUpload
	case bearer && auth.IsKey(token):
		return s.authenticateKey(c)
	default:
		return s.auth.Authenticate
	}
}

// bearer returns the token of the Authorization header and whether there is one:
// who sends one is never taken for the owner of a cookie. Other schemes may
// belong to a proxy in front of this installation.
func bearer(r *http.Request) (token string, ok bool) {
	scheme, token, _ := strings.Cut(r.Header.Get(echo.HeaderAuthorization), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return strings.TrimSpace(token), true
}

// actor returns who is calling, the zero Actor for nobody.
func actor(c echo.Context) auth.Actor {
	who, _ := c.Get(callerKey).(caller)
	return who.actor
}

// sameOrigin refuses what a page of somebody else makes a browser send. Bearer
// tokens are exempt: no browser adds them on its own.
func (s *Server) sameOrigin(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if _, ok := bearer(c.Request()); ok {
			return next(c)
		}
		if err := s.origins.Check(c.Request()); err != nil {
			return fault.Wrap(err, fault.Forbidden, "This request came from a page of another site. Send it from this one, or with a bearer token.").
				WithCode("cross_origin")
		}
		return next(c)
	}
}

// headOnlyKey is set where an answer is to have no body, for those that would never end.
const headOnlyKey = "head only"

// asGet answers HEAD as if it were GET: the server leaves the body out. What is
// below, such as the dashboard of the queues, need not know HEAD.
func asGet(h echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		get := *c.Request() // a copy: the server must go on to see HEAD
		get.Method = http.MethodGet
		c.SetRequest(&get)
		c.Set(headOnlyKey, true)
		return h(c)
	}
}
