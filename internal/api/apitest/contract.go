// Package apitest checks requests and answers against the description of the API.
package apitest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/turboscribe/turboscribe/internal/api"
)

// Contract is the description of the API, read strictly: it lets through no
// status, no field and no content type that is not written down.
type Contract struct {
	doc    *openapi3.T
	router routers.Router
}

// NewContract reads the description. It is an error when that is no valid
// OpenAPI document.
func NewContract(ctx context.Context) (*Contract, error) {
	doc, err := openapi3.NewLoader().LoadFromData(api.OpenAPI())
	if err != nil {
		return nil, fmt.Errorf("load the description: %w", err)
	}
	if err := doc.Validate(ctx); err != nil {
		return nil, fmt.Errorf("validate the description: %w", err)
	}
	readPages()
	closeObjects(doc)
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		return nil, fmt.Errorf("read the routes of the description: %w", err)
	}
	return &Contract{doc: doc, router: router}, nil
}

// readPages has the library take pages for text, which it refuses by itself. That is one
// setting for the whole process.
var readPages = sync.OnceFunc(func() {
	openapi3filter.RegisterBodyDecoder("text/html", openapi3filter.RegisteredBodyDecoder("text/plain"))
})

// closeObjects forbids fields that are not described. Clients have to bear new
// ones, this project has to describe them.
func closeObjects(doc *openapi3.T) {
	closed := map[*openapi3.Schema]bool{}
	var visit func(*openapi3.SchemaRef)
	visit = func(ref *openapi3.SchemaRef) {
		if ref == nil || ref.Value == nil || closed[ref.Value] {
			return
		}
		s := ref.Value
		closed[s] = true
		if len(s.Properties) > 0 {
			no := false
			s.AdditionalProperties = openapi3.BoolSchema{Has: &no}
		}
		for _, property := range s.Properties {
			visit(property)
		}
		for _, option := range slices.Concat(s.OneOf, s.AnyOf, s.AllOf) {
			visit(option)
		}
		visit(s.Items)
	}
	for _, schema := range doc.Components.Schemas {
		visit(schema)
	}
	for _, item := range doc.Paths.Map() {
		for _, operation := range item.Operations() {
			for _, response := range operation.Responses.Map() {
				for _, content := range response.Value.Content {
					visit(content.Schema)
				}
			}
		}
	}
}

// Routes returns every route that is described, such as "GET /api/v1/me", sorted.
func (c *Contract) Routes() []string {
	var found []string
	for path, item := range c.doc.Paths.Map() {
		for method := range item.Operations() {
			found = append(found, method+" "+path)
		}
	}
	slices.Sort(found)
	return found
}

// Answers reports whether that status of a route is described.
func (c *Contract) Answers(route string, status int) bool {
	method, path, _ := strings.Cut(route, " ")
	return c.doc.Paths.Find(path).GetOperation(method).Responses.Status(status) != nil
}

// Check returns what is wrong with an answer and, when it is no refusal, with the
// request that led to it; of a form whose body is nil, only the fields are not
// checked. The body of the answer is returned to be read again.
// Of a stream of events, each is checked when it is read, and what is wrong with one is
// the error of reading on. An address that is not described must be answered with an error of ours. HEAD is
// described by GET, but for the body.
func (c *Contract) Check(r *http.Request, body []byte, res *http.Response) error {
	if isStream(res) {
		return c.checkStream(r, res)
	}
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if err := res.Body.Close(); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	res.Body = io.NopCloser(bytes.NewReader(answer))
	head := r.Method == http.MethodHead
	if head {
		r = r.Clone(r.Context())
		r.Method = http.MethodGet
	}
	route, params, err := c.router.FindRoute(r)
	if err != nil && head && res.StatusCode >= http.StatusBadRequest {
		return nil
	}
	if err != nil {
		return c.checkUnknown(res.StatusCode, answer, err)
	}
	in := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, Route: route,
		Options: &openapi3filter.Options{
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, MultiError: true,
			SkipSettingDefaults: true, ExcludeRequestBody: !isJSON(r.Header) || res.StatusCode >= http.StatusBadRequest,
			RejectWhenRequestBodyNotSpecified: true, ExcludeResponseBody: head,
		},
	}
	return errors.Join(checkRequest(r, body, res.StatusCode, in), checkAnswer(r.Context(), answer, res, in))
}

func checkRequest(r *http.Request, body []byte, status int, in *openapi3filter.RequestValidationInput) error {
	if status >= http.StatusBadRequest {
		return nil // it was refused, perhaps for what is wrong with it
	}
	if isForm(r.Header) && body != nil {
		if err := checkForm(r, body, in.Route.Operation.RequestBody); err != nil {
			return fmt.Errorf("%s %s was accepted, against the description: %w", r.Method, r.URL.Path, err)
		}
	}
	in.Request = r.Clone(r.Context())
	in.Request.Body = io.NopCloser(bytes.NewReader(body))
	if err := openapi3filter.ValidateRequest(r.Context(), in); err != nil {
		return fmt.Errorf("%s %s was accepted, against the description: %w", r.Method, r.URL.Path, err)
	}
	return nil
}

func checkAnswer(ctx context.Context, answer []byte, res *http.Response, in *openapi3filter.RequestValidationInput) error {
	err := openapi3filter.ValidateResponse(ctx, &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: res.StatusCode, Header: res.Header,
		Body: io.NopCloser(bytes.NewReader(answer)), Options: in.Options,
	})
	if err != nil {
		return fmt.Errorf("%s %s: the answer %d is against the description: %w\n%.2000s", in.Request.Method, in.Request.URL.Path, res.StatusCode, err, answer)
	}
	return nil
}

// checkUnknown checks the answer to a request for what is not described.
func (c *Contract) checkUnknown(status int, answer []byte, err error) error {
	if status < http.StatusBadRequest {
		return fmt.Errorf("answered with %d, but: %w", status, err)
	}
	var value any
	if err := json.Unmarshal(answer, &value); err != nil {
		return fmt.Errorf("the answer %d is no JSON: %w", status, err)
	}
	if err := c.doc.Components.Schemas["Error"].Value.VisitJSON(value, openapi3.EnableJSONSchema2020(), openapi3.MultiErrors()); err != nil {
		return fmt.Errorf("the answer %d is no error of the API: %w", status, err)
	}
	return nil
}

// Transport returns a RoundTripper that sends requests through next and checks
// what comes back; complaints go to report. Forms of more than 8 MiB pass without a
// look at their fields.
func (c *Contract) Transport(next http.RoundTripper, report func(error)) http.RoundTripper {
	return transport{contract: c, next: next, report: report}
}

type transport struct {
	contract *Contract
	next     http.RoundTripper
	report   func(error)
}

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	var body *watched
	if r.Body != nil && (isJSON(r.Header) || isForm(r.Header)) {
		body = &watched{ReadCloser: r.Body}
		r = r.Clone(r.Context())
		r.Body = body
	}
	res, err := t.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if err := t.contract.Check(r, body.bytes(), res); err != nil {
		t.report(err)
	}
	return res, nil
}

// maxWatched bounds how much of a body is kept.
const maxWatched = 8 << 20

// watched is the body of a request that keeps what is read of it. An upload must not
// be read before it is sent: tests watch how it is streamed. What was accepted was
// read to its end.
type watched struct {
	io.ReadCloser
	mu   sync.Mutex
	kept []byte
	over bool // it was too much
}

// Read implements io.Reader.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over = w.over || len(w.kept)+n > maxWatched; w.over {
		w.kept = nil
		return n, err
	}
	w.kept = append(w.kept, p[:n]...)
	return n, err
}

// bytes returns the body, or nil when there was none or too much.
func (w *watched) bytes() []byte {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.kept
}

// checkForm checks the fields of a form. The library would have to know how to decode
// every kind of file.
func checkForm(r *http.Request, body []byte, described *openapi3.RequestBodyRef) error {
	if described == nil || described.Value.Content.Get(formType) == nil {
		return errors.New("no form is described there")
	}
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	fields := map[string]any{}
	for parts := multipart.NewReader(bytes.NewReader(body), params["boundary"]); ; {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return err
		}
		if _, ok := fields[part.FormName()]; ok {
			return fmt.Errorf("the field %q comes twice", part.FormName())
		}
		fields[part.FormName()] = string(value)
	}
	return described.Value.Content.Get(formType).Schema.Value.VisitJSON(fields, openapi3.EnableJSONSchema2020(), openapi3.MultiErrors())
}

const formType = "multipart/form-data"

func isForm(h http.Header) bool {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && kind == formType
}

func isJSON(h http.Header) bool {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && strings.HasSuffix(kind, "json")
}
