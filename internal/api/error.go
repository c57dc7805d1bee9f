package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// statuses says how HTTP calls each kind of fault. This is the only place that does.
var statuses = map[fault.Kind]int{
	fault.Invalid:         http.StatusBadRequest,
	fault.Unauthenticated: http.StatusUnauthorized,
	fault.Forbidden:       http.StatusForbidden,
	fault.NotFound:        http.StatusNotFound,
	fault.Gone:            http.StatusGone,
	fault.Conflict:        http.StatusConflict,
	fault.Stale:           http.StatusPreconditionFailed,
	fault.TooLarge:        http.StatusRequestEntityTooLarge,
	fault.Unsupported:     http.StatusUnsupportedMediaType,
	fault.RateLimited:     http.StatusTooManyRequests,
	fault.Damaged:         http.StatusInternalServerError,
	fault.Unavailable:     http.StatusServiceUnavailable,
	fault.Internal:        http.StatusInternalServerError,
}

// retryAfter is how many seconds a client should wait before it tries again, unless the
// fault says so itself.
const retryAfter = 5

type errorJSON struct {
	Code      string         `json:"code"`
	Message   string         `json:"message"`
	Details   map[string]any `json:"details"`
	RequestID string         `json:"request_id"`
}

// codeKey is where the line of the log finds why a request was refused.
const codeKey = "code"

// handleError is where every error of the API ends: as an answer, and in the log
// when it is ours to mend.
func (s *Server) handleError(err error, c echo.Context) {
	log := zerolog.Ctx(c.Request().Context())
	if c.Response().Committed {
		log.Warn().Err(err).Msg("answer broke off")
		return
	}
	status, f := answerTo(err, c)
	c.Set(codeKey, f.Code)
	switch f.Kind {
	case fault.Internal, fault.Damaged:
		log.Error().Err(err).Msg("request failed")
	case fault.Unavailable:
		log.Warn().Err(err).Msg("a dependency does not answer")
	default:
		log.Debug().Err(err).Str("code", f.Code).Msg("request refused")
	}
	if err := writeError(c, status, f); err != nil {
		log.Warn().Err(err).Msg("answer broke off")
	}
}

func writeError(c echo.Context, status int, f *fault.Error) error {
	h := c.Response().Header()
	h.Set("Cache-Control", "no-store")
	h.Del("ETag")
	switch status {
	case http.StatusUnauthorized:
		h.Set(echo.HeaderWWWAuthenticate, "Bearer")
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set(echo.HeaderRetryAfter, fmt.Sprint(cmp.Or(f.Details["retryAfter"], any(retryAfter))))
	}
	details := f.Details
	if details == nil {
		details = map[string]any{}
	}
	e := errorJSON{Code: f.Code, Message: f.Message, Details: details, RequestID: h.Get(echo.HeaderXRequestID)}
	if wantsPage(c) {
		return writePage(c, status, errorPage, e)
	}
	return c.JSON(status, map[string]any{"status": "error", "error": e})
}

// answerTo returns the status and the fault that an error is answered with.
func answerTo(err error, c echo.Context) (int, *fault.Error) {
	if own, ok := errors.AsType[*echo.HTTPError](err); ok {
		return own.Code, fromEcho(own, c)
	}
	f, ok := errors.AsType[*fault.Error](err)
	if !ok && errors.Is(c.Request().Context().Err(), context.Canceled) {
		// Nobody is left to read this; it must not look like a failure of ours.
		f = fault.Wrap(err, fault.Invalid, "The request was broken off.").WithCode("canceled")
	}
	if f == nil {
		f = fault.Of(err)
	}
	return statuses[f.Kind], f
}

// fromEcho puts the errors of the router into our words. Their status stays.
func fromEcho(err *echo.HTTPError, c echo.Context) *fault.Error {
	r := c.Request()
	switch err.Code {
	case http.StatusNotFound:
		return fault.New(fault.NotFound, "There is nothing at this address. What there is stands in %s/openapi.yaml.", root).
			WithCode("no_such_route")
	case http.StatusMethodNotAllowed:
		return fault.New(fault.Invalid, "This address does not know the method %s. It knows %s.", r.Method, c.Response().Header().Get(echo.HeaderAllow)).
			WithCode("method_not_allowed")
	case http.StatusRequestEntityTooLarge:
		return fault.Wrap(err, fault.TooLarge, "The request body is too large.").WithCode("body_too_large")
	}
	if err.Code < http.StatusInternalServerError {
		code := strings.ReplaceAll(strings.ToLower(http.StatusText(err.Code)), " ", "_")
		return fault.Wrap(err, fault.Invalid, "The request cannot be understood: %s.", http.StatusText(err.Code)).WithCode(code)
	}
	return fault.Of(err)
}
