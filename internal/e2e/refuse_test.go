//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// TestUpload_refused sends what is no fit recording, in both of the ways it can
// be found out: at once, or once a worker has looked at it. Nothing must be left.
//
//nolint:tparallel // one after the other: what is left is counted at the end
func TestUpload_refused(t *testing.T) {
	t.Parallel()
	const limit = 300_000
	s := newStack(t, map[string]string{"TS_MAX_UPLOAD_BYTES": strconv.Itoa(limit), "TS_MAX_DURATION": "5s"})
	canary := newCanary(t, ffmpeg(t, "wav", "-f", "lavfi", "-i", "sine=d=2"))
	tone := ffmpeg(t, "mp4", "-f", "lavfi", "-i", "sine=d=3")
	flac := demo(t, "test/short03.flac")
	p := s.person(t)
	failed := 0
	for _, row := range []struct {
		name    string
		file    string
		content []byte
		options []string
		status  int // 202: the transcription fails
		code    string
	}{
		{"empty", "a.wav", nil, nil, http.StatusBadRequest, "empty_file"},
		{"text", "a.mp3", []byte(strings.Repeat("this is no music\n", 500)), nil, http.StatusUnsupportedMediaType, "unsupported_media"},
		{"truncated", "a.mp4", tone[:len(tone)/2], nil, http.StatusAccepted, "unreadable_media"},
		{"no sound", "a.mp4", ffmpeg(t, "mp4", "-f", "lavfi", "-i", "testsrc=s=64x64:r=5:d=2", "-c:v", "mpeg4"), nil, http.StatusAccepted, "no_audio"},
		{"playlist", "a.mp4", fmt.Appendf(nil, "#EXTM3U\n#EXTINF:2,\nfile://%s\n#EXT-X-ENDLIST\n", canary.path), nil, http.StatusUnsupportedMediaType, "unsupported_media"},
		{"script", "a.mp4", fmt.Appendf(nil, "ffconcat version 1.0\nfile '%s'\n", canary.path), nil, http.StatusUnsupportedMediaType, "unsupported_media"},
		{"script that looks binary", "a.mp4", fmt.Appendf(nil, "ffconcat version 1.0\n#\x00\x01\x02\nfile '%s'\n", canary.path), nil, http.StatusAccepted, "unsupported_media"},
		{"far too large", "a.flac", append(bytes.Clone(flac), make([]byte, 2*limit)...), nil, http.StatusRequestEntityTooLarge, "file_too_large"},
		{"a little too large", "a.flac", append(bytes.Clone(flac), make([]byte, limit-len(flac)+1)...), nil, http.StatusRequestEntityTooLarge, "file_too_large"},
		{"too long", "a.mp3", ffmpeg(t, "mp3", "-f", "lavfi", "-i", "sine=d=8", "-b:a", "32k"), nil, http.StatusAccepted, "too_long"},
		{"unknown language", "a.flac", flac, []string{"language", "klingon"}, http.StatusBadRequest, "unknown_language"},
		{"a language the model does not know", "a.flac", flac, []string{"language", "de"}, http.StatusBadRequest, "language_not_supported"},
		{"unknown model", "a.flac", flac, []string{"model", "enormous"}, http.StatusBadRequest, "unknown_model"},
		{"a model that is not there", "a.flac", flac, []string{"model", "large-v3"}, http.StatusBadRequest, "model_not_installed"},
		{"an alias for none that translates", "a.flac", flac, []string{"model", "best", "translate", "true"}, http.StatusBadRequest, "translation_not_supported"},
		{"unknown option", "a.flac", flac, []string{"speed", "9"}, http.StatusBadRequest, "unknown_field"},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := p.as(t)
			if row.status != http.StatusAccepted {
				p.upload(row.file, row.content, row.options...).refused(t, row.status, row.code)
				return
			}
			failed++
			ended := p.follow(p.send(row.file, row.content, row.options...))
			if ended.Status != "failed" || ended.Error.Code != row.code {
				t.Errorf("ended as %s with %+v, want failed with %s", ended.Status, ended.Error, row.code)
			}
			ended.Error.isSentence(t)
		})
	}
	if canary.touched(t) {
		t.Error("a file of this machine was opened")
	}
	s.leavesNothing(t, p)
	for _, query := range []string{"SELECT count(*) FROM files", "SELECT count(*) FROM transcriptions WHERE status = 'failed'"} {
		if n := s.count(t.Context(), query); n != failed {
			t.Errorf("%s: got %d, want %d: only what was accepted has rows", query, n, failed)
		}
	}
	if _, err := os.ReadFile(canary.path); err != nil || !canary.touched(t) {
		t.Errorf("the canary does not notice when it is read: %v", err)
	}
}

// leavesNothing waits until there are neither objects of the person, nor tasks,
// nor temporary files.
func (s *stack) leavesNothing(t *testing.T, p *person) {
	t.Helper()
	eventually(t, "no object is left", func() bool {
		keys, err := s.blobs.Keys(t.Context(), "u/"+p.id+"/")
		return err == nil && len(keys) == 0
	})
	eventually(t, "no task is left", func() bool { return len(s.tasks(t, "")) == 0 })
	eventually(t, "no temporary file is left", func() bool { return len(s.scratch(t)) == 0 })
}

// tasks returns what the queues know of the tasks that mention the text.
func (s *stack) tasks(t *testing.T, about string) []string {
	t.Helper()
	keys, err := s.redis.Keys(t.Context(), "asynq:{*}:t:*"+about+"*").Result()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// scratch returns the files in the workers' temporary directories. A worker keeps
// one empty directory and a lock.
func (s *stack) scratch(t *testing.T) (files []string) {
	t.Helper()
	err := filepath.WalkDir(s.env["TS_WORK_DIR"], func(name string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil // just removed
		}
		if err == nil && !d.IsDir() && d.Name() != "lock" {
			files = append(files, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestRequest_refused sends requests that are wrong in themselves.
func TestRequest_refused(t *testing.T) {
	t.Parallel()
	p := shared.person(t)
	unknown := uuid.Must(uuid.NewV7()).String()
	for _, row := range []struct {
		name, method, path, body string
		status                   int
		code                     string
	}{
		{"malformed JSON", http.MethodPost, "/auth/login", `{"email":`, http.StatusBadRequest, "malformed_json"},
		{"JSON of another shape", http.MethodPost, "/auth/login", `["a"]`, http.StatusBadRequest, "malformed_json"},
		{"unknown id", http.MethodGet, "/transcriptions/" + unknown, "", http.StatusNotFound, "not_found"},
		{"no id", http.MethodGet, "/transcriptions/everything", "", http.StatusNotFound, "not_found"},
		{"unknown id to delete", http.MethodDelete, "/transcriptions/" + unknown, "", http.StatusNotFound, "not_found"},
		{"unknown id to export", http.MethodGet, "/export/" + unknown, "", http.StatusNotFound, "not_found"},
		{"unknown format", http.MethodGet, "/export/" + unknown + "?format=doc", "", http.StatusBadRequest, "unknown_format"},
		{"unknown status", http.MethodGet, "/transcriptions?status=lost", "", http.StatusBadRequest, "invalid_status"},
		{"a page too large", http.MethodGet, "/transcriptions?limit=1000", "", http.StatusBadRequest, "invalid_limit"},
		{"a made-up cursor", http.MethodGet, "/transcriptions?cursor=next", "", http.StatusBadRequest, "invalid_cursor"},
		{"no such route", http.MethodGet, "/everything", "", http.StatusNotFound, "no_such_route"},
		{"no form", http.MethodPost, "/files/upload", `{}`, http.StatusUnsupportedMediaType, "not_multipart"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			p.as(t).do(row.method, root+row.path, strings.NewReader(row.body), "Content-Type", "application/json").refused(t, row.status, row.code)
		})
	}
}

// TestOwner shows that what belongs to somebody else does not exist.
func TestOwner(t *testing.T) {
	t.Parallel()
	owner, other := shared.person(t), shared.person(t)
	id := owner.send("short03.flac", demo(t, "test/short03.flac"))
	owner.complete(id)
	other.get("/transcriptions/"+id).refused(t, http.StatusNotFound, "not_found")
	other.get("/export/"+id).refused(t, http.StatusNotFound, "not_found")
	other.delete("/transcriptions/"+id).refused(t, http.StatusNotFound, "not_found")
	if n := len(other.list("")); n != 0 {
		t.Errorf("the other person sees %d transcriptions", n)
	}
	shared.visitor(t).get("/transcriptions/"+id).refused(t, http.StatusUnauthorized, "unauthenticated")
	if owner.show(id).Text == "" {
		t.Error("the owner's text is gone")
	}
}

// TestRefused_models asks for models whose files are there and of no use. The memory
// is too small for the only one that is sound.
func TestRefused_models(t *testing.T) {
	t.Parallel()
	dir, model := t.TempDir(), os.Getenv("TS_TEST_MODEL")
	sound, err := os.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{filepath.Base(model): sound, "ggml-tiny.en.bin": sound, "ggml-base.en.bin": sound[:len(sound)/2]} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := newStack(t, map[string]string{"TS_MODEL_DIR": dir, "TS_MODEL_MEMORY": "100000000"}).person(t)
	flac := demo(t, "test/short03.flac")
	for model, code := range map[string]string{
		"demo.en": "model_too_large", "tiny.en": "wrong_model", "base.en": "model_damaged",
	} {
		p.upload("a.flac", flac, "model", model).refused(t, http.StatusBadRequest, code)
	}
}
