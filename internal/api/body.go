package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// readJSON decodes a body of exactly one JSON value into v. Unsupported
// not_json; Invalid malformed_json names the field that is wrong, unknown or there twice;
// TooLarge body_too_large.
func readJSON(c echo.Context, v any) error {
	r := c.Request()
	kind, _, err := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType))
	if err != nil || kind != echo.MIMEApplicationJSON {
		return fault.New(fault.Unsupported, "Send the body as JSON, with the header Content-Type: application/json.").WithCode("not_json")
	}
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return malformed(err)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return malformed(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return malformed(errTrailing)
	}
	return strict(raw)
}

// maxList is how many elements a long list of a body may have: as many as a text has
// segments.
const maxList = transcription.MaxSegments

// longList is a list in a large body. One that is too long is refused before it is decoded:
// three bytes of each element become some hundred.
type longList[T any] []T

// UnmarshalJSON implements json.Unmarshaler. Invalid list_too_long.
func (l *longList[T]) UnmarshalJSON(raw []byte) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	if first, err := d.Token(); err == nil && first == json.Delim('[') {
		var skipped json.RawMessage
		for n := 0; d.More(); n++ {
			if n == maxList {
				return fault.New(fault.Invalid, "A list has at most %d elements.", maxList).WithCode("list_too_long").With("limit", maxList)
			}
			if err := d.Decode(&skipped); err != nil {
				return err
			}
		}
	}
	d = json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	return d.Decode((*[]T)(l))
}

var errTrailing = errors.New("there is something behind the JSON value")

// malformed tells a person what is wrong with a body.
func malformed(err error) error {
	if f := bodyFault(err); f != nil {
		return f
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	bad := func(format string, args ...any) *fault.Error {
		return fault.Wrap(err, fault.Invalid, format, args...).WithCode("malformed_json")
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
		return bad("The field %s must not be a %s.", wrong.Field, wrong.Value).With("field", wrong.Field)
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return bad("The body is not valid JSON at byte %d.", syntax.Offset)
	}
	// The decoder has no type for this error, nor has uuid; their text only makes the message better.
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		name = strings.Trim(name, `"`)
		return bad("There is no field %s here.", name).With("field", name)
	}
	if wrong, ok := errors.AsType[*time.ParseError](err); ok {
		return bad("%s is no time: write it as in 2026-12-31T15:04:05Z.", wrong.Value)
	}
	if strings.HasPrefix(err.Error(), "invalid UUID") {
		return bad("One of the ids is none: they are written as in 01890a5d-ac96-774b-bcce-b302099a8057.")
	}
	if errors.Is(err, errTrailing) {
		return bad("There is something behind the JSON value.")
	}
	return bad("The body must be one JSON object.")
}

// bodyFault returns the fault of a body that could not be read to its end, nil
// for any other error.
func bodyFault(err error) *fault.Error {
	if big, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return fault.Wrap(err, fault.TooLarge, "The request body is larger than %d bytes.", big.Limit).
			WithCode("body_too_large").With("limit", big.Limit)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fault.Wrap(err, fault.Invalid, "The request body did not arrive in time. Check the connection and send it again.").
			WithCode("body_timeout")
	}
	return nil
}
