//go:build e2e

package e2e

import (
	"context"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"testing"
	"time"
)

// TestDisturbed does to a stack what happens to those in use. Whatever it is, the
// text is the same as without.
//
//nolint:tparallel // one after the other: they disturb the same stack
func TestDisturbed(t *testing.T) {
	t.Parallel()
	s := newStack(t, nil)
	p := s.person(t)
	meeting := demo(t, "samples/meeting.flac")
	want := p.complete(p.send("meeting.flac", meeting))
	for _, row := range []struct {
		name    string
		disturb func(t *testing.T, s *stack, id string)
		hit     string // what chunks are like that were disturbed; empty: it cannot miss
	}{
		{"the worker is killed", killWorker, "attempts > 1"},
		{"the worker is told to stop", stopWorker, ""},
		{"Redis forgets everything", flushRedis, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := p.as(t)
			for try := 1; ; try++ {
				id := p.send("meeting.flac", meeting)
				eventually(t, "a chunk is being transcribed", func() bool { return s.chunks(t, id, "state = 'running'") > 0 })
				row.disturb(t, s, id)
				got := p.complete(id)
				if got.Text != want.Text || !slices.Equal(got.Segments, want.Segments) {
					t.Errorf("the text is another one:\n%s\n%s", got.Text, want.Text)
				}
				eventually(t, "no temporary file is left", func() bool { return len(s.scratch(t)) == 0 })
				if row.hit == "" || s.chunks(t, id, row.hit) > 0 {
					break
				}
				// The chunk may end between the look and the blow.
				if t.Logf("nothing was hit at try %d", try); try == maxTries {
					t.Fatal("nothing was ever hit")
				}
			}
		})
	}
	t.Run("the api is killed", func(t *testing.T) { killAPI(t, s, s.person(t)) })
}

// maxTries bounds how often a test tries to hit something at its work.
const maxTries = 10

// chunks returns how many chunks of a transcription are like that.
func (s *stack) chunks(t *testing.T, id, like string) int {
	t.Helper()
	return s.count(t.Context(), "SELECT count(*) FROM steps WHERE transcription_id = $1 AND kind = 'transcribe' AND "+like, id)
}

// killWorker kills the worker at its work; another one takes it up.
func killWorker(t *testing.T, s *stack, _ string) {
	if err := s.worker.kill(); err != nil {
		t.Fatal(err)
	}
	s.replaceWorker(t)
}

// stopWorker stops the worker as a deployment does: it hands its work back.
func stopWorker(t *testing.T, s *stack, id string) {
	begun := time.Now()
	code, err := s.worker.stop(grace)
	if err != nil || code != 0 {
		t.Errorf("exit code %d: %v", code, err)
	}
	t.Logf("stopped within %s", time.Since(begun).Round(time.Millisecond))
	if n := s.chunks(t, id, "(state = 'running' OR state <> 'done' AND attempts > 0)"); n != 0 {
		t.Errorf("%d chunks are not handed back", n)
	}
	s.replaceWorker(t)
}

func flushRedis(t *testing.T, s *stack, _ string) {
	if err := s.redis.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
}

func (s *stack) replaceWorker(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.startWorker(ctx); err != nil {
		t.Fatal(err)
	}
}

// killAPI kills the api in the middle of an upload: neither a row nor an object
// comes of it.
func killAPI(t *testing.T, s *stack, p *person) {
	body, stream := io.Pipe()
	form := multipart.NewWriter(stream)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+root+"/files/upload", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	r.Header.Set("Content-Type", form.FormDataContentType())
	sent := make(chan struct{})
	go func() {
		res, err := http.DefaultClient.Do(r)
		if err == nil {
			err = res.Body.Close()
			t.Errorf("a broken upload is answered with %d: %v", res.StatusCode, err)
		}
		close(sent)
	}()
	file, err := form.CreateFormFile("file", "long.flac")
	if err != nil {
		t.Fatal(err)
	}
	// Far more than what the connection holds: parts of it are stored by now.
	if _, err := file.Write(append(demo(t, "test/short01.flac"), make([]byte, 40<<20)...)); err != nil {
		t.Fatal(err)
	}
	if err := s.api.kill(); err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseWithError(io.ErrUnexpectedEOF); err != nil {
		t.Error(err)
	}
	<-sent
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.startAPI(ctx); err != nil {
		t.Fatal(err)
	}
	if n := len(p.list("")); n != 0 {
		t.Errorf("%d transcriptions are listed", n)
	}
	if n := s.count(t.Context(), "SELECT count(*) FROM files WHERE owner_id = $1", p.id); n != 0 {
		t.Errorf("%d files have rows", n)
	}
	if keys, err := s.blobs.Keys(t.Context(), "u/"+p.id+"/"); err != nil || len(keys) > 0 {
		t.Errorf("objects %q are left: %v", keys, err)
	}
}
