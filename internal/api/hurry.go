package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// unhurried are the requests that may take as long as they move, which timed sees to: those with
// a recording or a file in them, streams, and what goes through any number of transcriptions.
var unhurried = map[string]bool{
	"POST " + uploadPath:                         true,
	"GET " + mediaPath:                           true,
	"GET " + root + "/transcriptions/:id/events": true,
	"POST " + root + "/transcriptions/bulk":      true,
	"POST " + root + "/batches/:id/cancel":       true,
	"GET " + root + "/export/:id":                true,
	"POST " + root + "/exports":                  true,
	"GET " + root + "/exports/:id/file":          true,
	"GET " + sharedPath + "/export":              true,
	"GET " + root + "/me/export":                 true,
	"DELETE " + root + "/me":                     true,
	"DELETE " + adminPath + "/users/:id":         true,
}

// hurried gives up on what takes too long: somebody has long gone or tries again, and this one
// keeps a connection of the database from others.
func (s *Server) hurried(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		if unhurried[method+" "+c.Path()] {
			return next(c)
		}
		limit := s.requestTimeout
		if r.ContentLength != 0 {
			limit += s.bodyTimeout // for the body, which timed sees to
		}
		ctx, cancel := context.WithTimeout(r.Context(), limit)
		defer cancel()
		c.SetRequest(r.WithContext(ctx))
		defer c.SetRequest(r) // whose context has not ended when this has
		err := next(c)
		if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return tooLate(err)
		}
		return err
	}
}

// tooLate returns the fault of a request whose time was over, unless it was something else that
// was wrong with it.
func tooLate(err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind != fault.Internal && f.Kind != fault.Unavailable {
		return err
	}
	return fault.Wrap(err, fault.Unavailable, "This took too long and was broken off. Try again in a moment, or ask for less at once.").WithCode("request_timeout")
}
