package main

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
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/cmd/turboscribe/internal/client"
)

const (
	fakeID       = "0195d3a4-0000-7000-8000-0000000000aa"
	fakeEmail    = "ann@example.org"
	fakePassword = "correct horse"
)

// fake is a server that answers as the API does.
type fake struct {
	*httptest.Server
	t testing.TB

	mu       sync.Mutex
	tokens   int           // granted so far
	token    string        // the one that is accepted
	refresh  string        // the cookie that is accepted
	lifetime time.Duration // of an access token
	signIns  []string      // sign-in routes that were called
	uploads  []upload      // that arrived whole
	states   []state       // told one after the other; the last stays
	looks    int           // how often the state was asked for
	unsent   int           // answers 304
	code     string        // of a second factor, which is asked for unless it is empty
	maxBytes int64         // of an upload
	warnings []client.Problem
	before   map[string]http.HandlerFunc // instead of a route, once for each entry "METHOD path n"
	calls    map[string]int
	readyz   func(w http.ResponseWriter)
	retries  []string // bodies
	paused   bool     // the queue merge
	lists    []url.Values
}

type upload struct {
	name   string
	fields map[string]string
	body   string
}

type state struct {
	status   string
	progress float64
	failure  string
}

func newFake(t testing.TB) *fake {
	t.Helper()
	f := &fake{
		t: t, lifetime: 10 * time.Minute, maxBytes: 1 << 20, before: map[string]http.HandlerFunc{}, calls: map[string]int{},
		states: []state{{"queued", 0, ""}, {"transcribing", 0.5, ""}, {"completed", 1, ""}},
	}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.Close)
	return f
}

// instead answers the nth call of a route with h.
func (f *fake) instead(route string, n int, h http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before[fmt.Sprintf("%s %d", route, n)] = h
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	route := r.Method + " " + r.URL.Path
	f.mu.Lock()
	f.calls[route]++
	h := f.before[fmt.Sprintf("%s %d", route, f.calls[route])]
	f.mu.Unlock()
	w.Header().Set("X-Request-Id", "req-1")
	if h != nil {
		h(w, r)
		return
	}
	switch path := strings.TrimPrefix(r.URL.Path, "/api/v1"); {
	case strings.HasPrefix(path, "/auth/"):
		f.auth(w, r, path)
	case path == "/limits":
		answer(w, 200, map[string]any{"maxBytes": f.maxBytes, "maxDuration": 43200.000, "maxPrompt": 400, "exportFormats": []string{"txt"}})
	case path == "/readyz" && f.readyz != nil:
		f.readyz(w)
	case !f.accepts(r):
		refuse(w, 401, "unauthenticated", "Sign in first.")
	default:
		f.signedIn(w, r, path)
	}
}

func (f *fake) accepts(r *http.Request) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Header.Get("Cookie") != "" {
		f.t.Errorf("%s %s carries the cookie %q", r.Method, r.URL, r.Header.Get("Cookie"))
	}
	return f.token != "" && r.Header.Get("Authorization") == "Bearer "+f.token
}

func (f *fake) auth(w http.ResponseWriter, r *http.Request, path string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.signIns = append(f.signIns, path)
	cookie, err := r.Cookie("ts_refresh")
	switch {
	case path == "/auth/login":
		var in struct{ Email, Password string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Email != fakeEmail || in.Password != fakePassword {
			refuse(w, 401, "wrong_credentials", "The email address or the password is wrong.")
			return
		}
		if f.code != "" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"status":"error","error":{"code":"second_factor_required","message":"A code is needed.","details":{"challenge":"half way"}}}`))
			return
		}
	case path == "/auth/second-factor":
		var in struct{ Challenge, Code string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Challenge != "half way" || in.Code != f.code {
			refuse(w, 401, "wrong_code", "That code is wrong.")
			return
		}
	case err != nil || cookie.Value != f.refresh:
		refuse(w, 401, "unauthenticated", "Sign in first.")
		return
	case path == "/auth/logout":
		f.token, f.refresh = "", ""
		w.WriteHeader(http.StatusNoContent)
		return
	}
	f.tokens++
	f.token, f.refresh = fmt.Sprintf("access-%d", f.tokens), fmt.Sprintf("refresh-%d", f.tokens)
	http.SetCookie(w, &http.Cookie{Name: "ts_access", Value: f.token, Path: "/", HttpOnly: true})
	http.SetCookie(w, &http.Cookie{Name: "ts_refresh", Value: f.refresh, Path: "/", HttpOnly: true})
	answer(w, 200, map[string]any{"userId": "u1", "token": f.token, "expiresAt": time.Now().Add(f.lifetime).UTC()})
}

// forget makes the server refuse the access token, as when it has ended.
func (f *fake) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.token = "none"
}

func (f *fake) signedIn(w http.ResponseWriter, r *http.Request, path string) {
	switch {
	case r.Method == http.MethodPost && path == "/files/upload":
		f.upload(w, r)
	case path == "/me":
		answer(w, 200, map[string]any{"userId": "u1", "email": fakeEmail, "role": "user"})
	case path == "/models":
		answer(w, 200, map[string]any{"default": "demo.en", "items": []any{
			map[string]any{"name": "demo.en", "installed": true, "multilingual": false, "translates": false, "demo": true},
			map[string]any{"name": "small", "installed": false, "multilingual": true, "translates": true, "demo": false},
		}})
	case path == "/presence":
		answer(w, 200, map[string]any{"worker": map[string]any{"alive": true, "silence": 3.2}, "scheduler": map[string]any{"alive": true, "silence": 14.7}})
	case strings.HasPrefix(path, "/admin/queues"):
		f.queues(w, strings.TrimPrefix(path, "/admin/queues"))
	case path == "/transcriptions":
		f.list(w, r)
	case r.Method == http.MethodDelete && path == "/transcriptions/"+fakeID:
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPost && path == "/transcriptions/"+fakeID+"/cancel":
		answer(w, 200, f.describe(state{"canceled", 0.5, ""}))
	case r.Method == http.MethodPost && path == "/transcriptions/"+fakeID+"/retry":
		f.retry(w, r)
	case path == "/transcriptions/"+fakeID+"/history":
		history(w, r)
	case path == "/transcriptions/"+fakeID:
		f.transcription(w, r)
	case path == "/export/"+fakeID:
		_, _ = io.WriteString(w, "the text as "+r.URL.Query().Get("format")+"\n")
	default:
		refuse(w, 404, "not_found", "There is no transcription of that id.")
	}
}

func (f *fake) upload(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength > f.maxBytes+64<<10 {
		refuse(w, 413, "file_too_large", "This upload is too large.")
		return
	}
	u := upload{fields: map[string]string{}}
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || r.ContentLength <= 0 {
		f.t.Errorf("upload of %d bytes: %v", r.ContentLength, err)
	}
	parts := multipart.NewReader(r.Body, params["boundary"])
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return // broke off: nothing is kept
		}
		b, err := io.ReadAll(part)
		if err != nil {
			return
		}
		if part.FormName() != "file" {
			if u.name != "" {
				f.t.Errorf("the field %s comes behind the file", part.FormName())
			}
			u.fields[part.FormName()] = string(b)
			continue
		}
		u.name, u.body = part.FileName(), string(b)
	}
	f.mu.Lock()
	f.uploads = append(f.uploads, u)
	f.mu.Unlock()
	w.Header().Set("Location", "/api/v1/transcriptions/"+fakeID)
	answer(w, 202, map[string]any{"fileId": "f1", "transcriptionId": fakeID, "status": "queued"})
}

func (f *fake) transcription(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.states[min(f.looks, len(f.states)-1)]
	tag := fmt.Sprintf(`"%d"`, min(f.looks, len(f.states)-1))
	f.looks++
	w.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		f.unsent++
		w.WriteHeader(http.StatusNotModified)
		return
	}
	answer(w, 200, f.describe(s))
}

func (f *fake) describe(s state) map[string]any {
	t := map[string]any{
		"id": fakeID, "fileId": "f1", "fileName": "talk.wav", "status": s.status, "stage": nil, "progress": s.progress,
		"queuePosition": 0, "estimatedSeconds": nil, "language": "en", "languageConfidence": 1.0, "model": "demo.en", "duration": 12.345, "text": nil,
		"segments": []any{}, "warnings": f.warnings, "coverage": nil, "error": nil, "revision": 0,
		"createdAt": "2026-03-01T12:00:00.000Z", "completedAt": nil,
	}
	if s.status == "completed" {
		t["text"] = "the text"
	}
	if s.failure != "" {
		t["error"] = map[string]any{"code": "no_speech", "message": s.failure}
	}
	return t
}

// queues has one, which can be paused and resumed.
func (f *fake) queues(w http.ResponseWriter, path string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch path {
	case "/merge/pause", "/merge/resume":
		f.paused = path == "/merge/pause"
		answer(w, 200, map[string]any{"name": "merge"})
	case "":
		answer(w, 200, map[string]any{"items": []any{map[string]any{"name": "merge", "waiting": 12, "dispatched": 3, "running": 1, "paused": f.paused}}})
	default:
		refuse(w, 404, "not_found", "There is no such queue.")
	}
}

func (f *fake) retry(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	if err != nil || r.Header.Get("Content-Type") != "application/json" {
		f.t.Errorf("%s: %v", r.Header.Get("Content-Type"), err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.retries = append(f.retries, string(b))
	answer(w, 202, f.describe(state{"queued", 0, ""}))
}

// history has two events in two pages.
func history(w http.ResponseWriter, r *http.Request) {
	at := "2026-03-01T12:00:00.000Z"
	if r.URL.Query().Get("cursor") == "" {
		answer(w, 200, map[string]any{"nextCursor": "2", "items": []any{map[string]any{
			"id": 1, "type": "created", "run": 1, "at": at, "actor": map[string]any{"kind": "user", "name": "u1"}, "details": map[string]any{},
		}}})
		return
	}
	answer(w, 200, map[string]any{"nextCursor": nil, "items": []any{map[string]any{
		"id": 2, "type": "step_failed", "run": 1, "at": at, "actor": map[string]any{"kind": "worker", "name": nil},
		"details": map[string]any{"step": "transcribe\x1b", "attempt": 2},
	}}})
}

// list has 150 items in pages of at most 100.
func (f *fake) list(w http.ResponseWriter, r *http.Request) {
	var from, limit int
	_, _ = fmt.Sscan(r.URL.Query().Get("cursor"), &from)
	_, _ = fmt.Sscan(r.URL.Query().Get("limit"), &limit)
	if limit < 1 || limit > 100 {
		refuse(w, 400, "invalid_limit", "The limit must be between 1 and 100.")
		return
	}
	f.mu.Lock()
	f.lists = append(f.lists, r.URL.Query())
	f.mu.Unlock()
	items := []any{}
	for i := from; i < min(from+limit, 150); i++ {
		item := f.describe(state{status: "completed", progress: 1})
		item["id"] = fmt.Sprintf("id-%d", i)
		if r.URL.Query().Has("q") {
			item["matches"] = []any{map[string]any{"segment": 3, "start": 3725.4, "end": 3727.0, "speaker": "Ann", "parts": []any{
				map[string]any{"text": "The \x1b[2J ", "match": false}, map[string]any{"text": "budget", "match": true},
			}}}
		}
		items = append(items, item)
	}
	page := map[string]any{"items": items, "nextCursor": nil}
	if from+limit < 150 {
		page["nextCursor"] = strconv.Itoa(from + limit)
	}
	answer(w, 200, page)
}

func answer(w http.ResponseWriter, status int, data any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": data})
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": "error", "error": map[string]any{
		"code": code, "message": message, "details": map[string]any{}, "request_id": "req-1",
	}})
}

// person is somebody at a machine with one server.
type person struct {
	t       testing.TB
	server  *fake
	home    string
	env     map[string]string
	options client.Options
}

func newPerson(t testing.TB, f *fake) *person {
	t.Helper()
	home := t.TempDir()
	return &person{t: t, server: f, home: home, env: map[string]string{
		"TS_API_URL": f.URL, "TS_CREDENTIALS": filepath.Join(home, "config", "credentials.json"),
	}}
}

// signedIn returns somebody who has logged in.
func signedIn(t testing.TB, f *fake) *person {
	t.Helper()
	p := newPerson(t, f)
	if got := p.runWith(t.Context(), fakePassword+"\n", "login", "--email", fakeEmail, "--password-stdin"); got.code != 0 {
		t.Fatalf("login: %+v", got)
	}
	return p
}

type result struct {
	code   int
	stdout string
	stderr string
}

func (p *person) run(args ...string) result {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 5*time.Minute)
	defer cancel()
	return p.runWith(ctx, "", args...)
}

func (p *person) runWith(ctx context.Context, stdin string, args ...string) result {
	var out, errs safeBuffer
	a := newApp(strings.NewReader(stdin), &out, &errs, func(key string) (string, bool) {
		v, ok := p.env[key]
		return v, ok
	})
	a.options, a.lineAfter = p.options, 0
	code := a.run(ctx, args)
	return result{code, out.String(), strings.ReplaceAll(errs.String(), p.server.URL, "SERVER")}
}

func (p *person) file(name, content string) string {
	p.t.Helper()
	path := filepath.Join(p.home, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return path
}

// safeBuffer may be read while it is written.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
