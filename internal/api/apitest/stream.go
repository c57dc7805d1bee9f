package apitest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

const streamType = "text/event-stream"

func isStream(res *http.Response) bool { return res.Header.Get("Content-Type") == streamType }

// eventSchemas says how the description calls the data of each event.
var eventSchemas = map[string]string{
	"state": "StateEvent", "progress": "ProgressEvent", "segments": "SegmentsEvent",
	"completed": "StateEvent", "failed": "StateEvent", "canceled": "StateEvent",
}

// checkStream checks the head of a stream of events and has the rest checked as it is
// read.
func (c *Contract) checkStream(r *http.Request, res *http.Response) error {
	get := r.Clone(r.Context())
	get.Method = http.MethodGet
	route, _, err := c.router.FindRoute(get)
	if err != nil {
		return fmt.Errorf("answered with %d, but: %w", res.StatusCode, err)
	}
	described := route.Operation.Responses.Status(res.StatusCode)
	if described == nil || described.Value.Content.Get(streamType) == nil {
		return fmt.Errorf("%s %s: the answer %d is no stream by the description", r.Method, r.URL.Path, res.StatusCode)
	}
	for name := range described.Value.Headers {
		if res.Header.Get(name) == "" {
			return fmt.Errorf("%s %s: the header %s is missing", r.Method, r.URL.Path, name)
		}
	}
	res.Body = &checkedStream{ReadCloser: res.Body, schemas: c.doc.Components.Schemas}
	return nil
}

// checkedStream is a stream of events that is checked as it is read.
type checkedStream struct {
	io.ReadCloser
	schemas openapi3.Schemas
	unread  []byte // of the event that has not ended yet
}

// Read implements io.Reader.
func (s *checkedStream) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	s.unread = append(s.unread, p[:n]...)
	for {
		event, rest, ended := bytes.Cut(s.unread, []byte("\n\n"))
		if !ended {
			return n, err
		}
		s.unread = rest
		if wrong := s.check(string(event)); wrong != nil {
			return n, fmt.Errorf("%w\n%.2000s", wrong, event)
		}
	}
}

// check returns what is wrong with an event. What has no data is a comment, or says when
// to come back.
func (s *checkedStream) check(event string) error {
	fields := map[string]string{}
	for line := range strings.SplitSeq(event, "\n") {
		name, value, _ := strings.Cut(line, ": ")
		fields[name] = value
	}
	data, there := fields["data"]
	if !there {
		return nil
	}
	if fields["id"] == "" {
		return errors.New("an event has no id")
	}
	schema := s.schemas[eventSchemas[fields["event"]]]
	if schema == nil {
		return fmt.Errorf("no event %q is described", fields["event"])
	}
	var value any
	if err := json.Unmarshal([]byte(data), &value); err != nil {
		return err
	}
	return schema.Value.VisitJSON(value, openapi3.EnableJSONSchema2020(), openapi3.MultiErrors())
}
