//go:build e2e

package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"
)

const root = "/api/v1"

// person is a client of the API. Everything it is answered is held against the
// API's description.
type person struct {
	t      *testing.T
	s      *stack
	client *http.Client
	id     string
	email  string

	password string
	token    string
	csrf     string // of a browser
	signedIn time.Time
}

// secret is every person's password.
const secret = "a password nobody would guess"

// visitor returns somebody without an account.
func (s *stack) visitor(t *testing.T) *person {
	return (&person{s: s}).as(t)
}

// person returns somebody with a new account.
func (s *stack) person(t *testing.T) *person {
	t.Helper()
	p := s.visitor(t)
	p.signIn("/auth/register", http.StatusCreated, strings.ToLower(rand.Text())+"@example.com", secret)
	return p
}

func (p *person) signIn(path string, status int, email, password string) {
	p.t.Helper()
	var grant struct{ UserID, Token string }
	p.token = ""
	p.post(path, map[string]string{"email": email, "password": password}).want(p.t, status, &grant)
	p.id, p.email, p.password, p.token, p.signedIn = grant.UserID, email, password, grant.Token, time.Now()
}

// stay signs in again in time: a token lasts ten minutes, and a slow machine may take
// longer for a test.
func (p *person) stay() {
	p.t.Helper()
	if p.token != "" && time.Since(p.signedIn) > 5*time.Minute {
		p.signIn("/auth/login", http.StatusOK, p.email, p.password)
	}
}

// as returns the same person in another test.
func (p *person) as(t *testing.T) *person {
	q := *p
	q.t = t
	q.client = &http.Client{
		Timeout:   patience,
		Transport: p.s.contract.Transport(known.watch(http.DefaultTransport), func(err error) { t.Error(err) }),
	}
	return &q
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// problem is an error as the API tells it.
type problem struct {
	Code    string
	Message string
}

// do sends a request. Header lists names and values in turn.
func (p *person) do(method, path string, body io.Reader, header ...string) answer {
	p.t.Helper()
	p.stay()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.s.url+path, body)
	if err != nil {
		p.t.Fatal(err)
	}
	if p.token != "" {
		r.Header.Set("Authorization", "Bearer "+p.token)
	}
	if p.csrf != "" {
		r.Header.Set("X-CSRF-Token", p.csrf)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := p.client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		p.t.Fatal(err)
	}
	return answer{status: res.StatusCode, header: res.Header, body: b}
}

func (p *person) get(path string, header ...string) answer {
	p.t.Helper()
	return p.do(http.MethodGet, root+path, http.NoBody, header...)
}

func (p *person) delete(path string) answer {
	p.t.Helper()
	return p.do(http.MethodDelete, root+path, http.NoBody)
}

func (p *person) post(path string, value any) answer {
	p.t.Helper()
	b, err := json.Marshal(value)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.do(http.MethodPost, root+path, bytes.NewReader(b), "Content-Type", "application/json")
}

// want checks the status and reads the data of the answer.
func (a answer) want(t *testing.T, status int, data any) {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d\n%.2000s", a.status, status, a.body)
	}
	if data == nil {
		return
	}
	envelope := struct{ Data any }{data}
	if err := json.Unmarshal(a.body, &envelope); err != nil {
		t.Fatal(err)
	}
}

// refused checks that the answer is that error, told in a sentence.
func (a answer) refused(t *testing.T, status int, code string) {
	t.Helper()
	var envelope struct{ Error problem }
	if err := json.Unmarshal(a.body, &envelope); err != nil {
		t.Fatalf("%v\n%s", err, a.body)
	}
	if a.status != status || envelope.Error.Code != code {
		t.Errorf("got %d %s (%s), want %d %s", a.status, envelope.Error.Code, envelope.Error.Message, status, code)
	}
	envelope.Error.isSentence(t)
}

// isSentence checks that a person can read the message.
func (p problem) isSentence(t *testing.T) {
	t.Helper()
	if !strings.Contains(p.Message, " ") || !strings.HasSuffix(p.Message, ".") {
		t.Errorf("%s: %q is no sentence", p.Code, p.Message)
	}
}

// upload sends a recording. Fields lists names and values of options in turn.
func (p *person) upload(name string, content []byte, fields ...string) answer {
	p.t.Helper()
	body, contentType, err := uploadForm(name, content, fields...)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.do(http.MethodPost, root+"/files/upload", body, "Content-Type", contentType)
}

// uploadForm returns the body of an upload, and its type.
func uploadForm(name string, content []byte, fields ...string) (body io.Reader, contentType string, err error) {
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for i := 0; i+1 < len(fields); i += 2 {
		if err := form.WriteField(fields[i], fields[i+1]); err != nil {
			return nil, "", err
		}
	}
	file, err := form.CreateFormFile("file", name)
	if err != nil {
		return nil, "", err
	}
	_, err = file.Write(content)
	return &b, form.FormDataContentType(), errors.Join(err, form.Close())
}

// send uploads a recording that is accepted and returns the transcription's id.
func (p *person) send(name string, content []byte, fields ...string) string {
	p.t.Helper()
	var sent struct{ FileID, TranscriptionID, Status string }
	res := p.upload(name, content, fields...)
	res.want(p.t, http.StatusAccepted, &sent)
	if got, want := res.header.Get("Location"), root+"/transcriptions/"+sent.TranscriptionID; got != want {
		p.t.Errorf("Location %q, want %q", got, want)
	}
	return sent.TranscriptionID
}

// transcription is one as the API tells it.
type transcription struct {
	ID, FileName, Status string
	Progress             float64
	Duration             float64
	Model                string
	Partial              bool
	Text                 string
	Segments             []segment
	Warnings             []problem
	Error                problem
}

type segment struct {
	Start, End float64
	Text       string
	Speaker    string
}

func (t transcription) final() bool {
	return t.Status == "completed" || t.Status == "failed" || t.Status == "canceled"
}

func (p *person) show(id string) (t transcription) {
	p.t.Helper()
	p.get("/transcriptions/"+id).want(p.t, http.StatusOK, &t)
	return t
}

// follow polls a transcription to its end, as clients should: with the ETag of
// the last answer. Progress must never go back.
func (p *person) follow(id string) (last transcription) {
	p.t.Helper()
	tag := ""
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(patience)
	for !last.final() {
		if time.Now().After(deadline) {
			p.t.Fatalf("not at its end within %s: %+v", patience, last)
		}
		<-tick.C
		res := p.get("/transcriptions/"+id, "If-None-Match", tag)
		if res.status == http.StatusNotModified && len(res.body) == 0 && tag != "" {
			continue
		}
		var now transcription
		res.want(p.t, http.StatusOK, &now)
		if now.Progress < last.Progress {
			p.t.Errorf("progress goes back from %v to %v", last.Progress, now.Progress)
		}
		if got := res.header.Get("ETag"); got == "" || got == tag {
			p.t.Errorf("ETag %q after %q, though the answer is another", got, tag)
		}
		last, tag = now, res.header.Get("ETag")
	}
	if res := p.get("/transcriptions/"+id, "If-None-Match", tag); res.status != http.StatusNotModified || len(res.body) > 0 {
		p.t.Errorf("the same again is answered with %d and %d bytes, want 304 and none", res.status, len(res.body))
	}
	return last
}

// complete polls a transcription that has to succeed.
func (p *person) complete(id string) transcription {
	p.t.Helper()
	done := p.follow(id)
	if done.Status != "completed" || done.Progress != 1 {
		p.t.Fatalf("ended as %s at %v: %+v", done.Status, done.Progress, done.Error)
	}
	return done
}
