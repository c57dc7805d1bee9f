package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// stack is a running TurboScribe, seen from outside.
type stack struct {
	account
	dir   string // holds its pid files
	token string
	since time.Time // when it was given
}

// renewAfter is less than the ten minutes that a token lasts.
const renewAfter = 5 * time.Minute

// outcome is a transcription as the API tells it.
type outcome struct {
	Status string
	Text   string
	Error  struct{ Message string }
}

// signIn gets a token.
func (s *stack) signIn(ctx context.Context) error {
	b, err := json.Marshal(map[string]string{"email": s.email, "password": s.password})
	if err != nil {
		return err
	}
	var grant struct{ Token string }
	_, err = s.do(ctx, http.MethodPost, "/auth/login", bytes.NewReader(b), "application/json", "", &grant)
	s.token, s.since = grant.Token, time.Now()
	return err
}

// do sends a request, reads the data of its answer and returns its ETag. Nothing
// is read when the answer is that nothing has changed since tag.
func (s *stack) do(ctx context.Context, method, path string, body io.Reader, contentType, tag string, data any) (string, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.url+"/api/v1"+path, body)
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("If-None-Match", tag)
	if s.token != "" {
		r.Header.Set("Authorization", "Bearer "+s.token)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer res.Body.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return "", fmt.Errorf("%s %s: %w", method, path, err)
	case res.StatusCode == http.StatusNotModified:
		return tag, nil
	case res.StatusCode/100 != 2:
		return "", fmt.Errorf("%s %s: %s: %.500s", method, path, res.Status, b)
	}
	envelope := struct{ Data any }{data}
	return res.Header.Get("ETag"), json.Unmarshal(b, &envelope)
}

// transcribe uploads a recording and polls until it has ended. It returns the text
// and the usage of all processes of the stack from the first byte on.
func (s *stack) transcribe(ctx context.Context, path, model string, poll time.Duration) (text string, u usage, err error) {
	if err := s.signIn(ctx); err != nil {
		return "", u, fmt.Errorf("sign in: %w", err)
	}
	pids, err := s.pids("*")
	if err != nil {
		return "", u, err
	}
	watch, err := startWatch(append(pids, os.Getpid())...)
	if err != nil {
		return "", u, err
	}
	id, err := s.upload(ctx, path, model)
	if err != nil {
		return "", u, fmt.Errorf("upload: %w", err)
	}
	text, err = s.follow(ctx, id, poll)
	if err != nil {
		return "", u, err
	}
	u, err = watch.stop()
	return text, u, err
}

// upload streams the recording, as a browser does.
func (s *stack) upload(ctx context.Context, path, model string) (id string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // only read
	body, in := io.Pipe()
	form := multipart.NewWriter(in)
	go func() {
		err := form.WriteField("model", model)
		if err == nil {
			var part io.Writer
			if part, err = form.CreateFormFile("file", filepath.Base(path)); err == nil {
				_, err = io.Copy(part, f)
			}
		}
		in.CloseWithError(errors.Join(err, form.Close()))
	}()
	var sent struct{ TranscriptionID string }
	_, err = s.do(ctx, http.MethodPost, "/files/upload", body, form.FormDataContentType(), "", &sent)
	return sent.TranscriptionID, errors.Join(err, body.Close())
}

// follow polls until the transcription has ended and returns its text.
func (s *stack) follow(ctx context.Context, id string, poll time.Duration) (string, error) {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	var t outcome
	var tag string
	for {
		var err error
		if time.Since(s.since) > renewAfter {
			err = s.signIn(ctx)
		}
		if err != nil {
			return "", fmt.Errorf("sign in again: %w", err)
		}
		if tag, err = s.do(ctx, http.MethodGet, "/transcriptions/"+id, http.NoBody, "", tag, &t); err != nil {
			return "", fmt.Errorf("poll: %w", err)
		}
		switch t.Status {
		case "completed":
			return t.Text, nil
		case "failed", "canceled":
			return "", fmt.Errorf("the transcription ended as %s: %s", t.Status, t.Error.Message)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// pids returns the numbers of the stack's processes whose names match.
func (s *stack) pids(pattern string) (pids []int, err error) {
	files, err := filepath.Glob(filepath.Join(s.dir, pattern+".pid"))
	if err != nil || len(files) == 0 {
		return nil, errors.Join(fmt.Errorf("no process of a stack is named in %s", s.dir), err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		pids = append(pids, pid)
	}
	return pids, nil
}
