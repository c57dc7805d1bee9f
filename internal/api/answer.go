package api

import (
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// envelope is the shape of every answer with data.
type envelope struct {
	Status string `json:"status"`
	Data   any    `json:"data"`
}

func answer(c echo.Context, status int, data any) error {
	return c.JSON(status, envelope{Status: "success", Data: data})
}

// matches reports whether a list of entity tags names this one. Weak tags count:
// a proxy that compresses makes them of ours.
func matches(list []string, tag string) bool {
	for _, field := range list {
		for candidate := range strings.SplitSeq(field, ",") {
			candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
			if candidate == tag || candidate == "*" {
				return true
			}
		}
	}
	return false
}

// Answers and the JSON export spell their numbers the same way.
type (
	seconds  = transcription.Seconds
	fraction = transcription.Fraction
)

// timestamp writes UTC with milliseconds, and null for the zero time.
type timestamp time.Time

// MarshalJSON follows RFC 3339.
func (t timestamp) MarshalJSON() ([]byte, error) {
	if time.Time(t).IsZero() {
		return []byte("null"), nil
	}
	return time.Time(t).UTC().AppendFormat(nil, `"2006-01-02T15:04:05.000Z"`), nil
}

// orNull returns nil for the zero value: what is not known is null, not empty.
func orNull[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}
