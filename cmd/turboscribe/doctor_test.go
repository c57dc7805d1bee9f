package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestDoctor(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	p := signedIn(t, f)
	f.readyz = func(w http.ResponseWriter) {
		_, _ = w.Write([]byte(`{"status":"ok","checks":{"postgres":"ok","redis":{"status":"ok"}}}`))
	}
	got := p.run("doctor")
	for _, want := range []string{
		"ok    api", "ok    api postgres", "ok    api redis", "ok    clock", "ok    sign-in       as " + fakeEmail + " (user)", "warn  workers       have demo.en → ",
		"ok    scheduler     heard from 15 s ago",
	} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("no %q in\n%s", want, got.stdout)
		}
	}
	if got.code != 0 {
		t.Errorf("code %d: %s", got.code, got.stderr)
	}
	f.readyz = func(w http.ResponseWriter) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"checks":{"postgres":"connection refused"}}`))
	}
	if got := p.run("doctor"); got.code != exitFailure || !strings.Contains(got.stdout, "FAIL  api postgres  connection refused → ") {
		t.Errorf("not ready: %+v", got)
	}
}

// An installed model is remembered for a day after the last worker that had it: doctor said that
// all was well where nobody was there to do the work.
func TestDoctor_nobodyWorks(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	p := signedIn(t, f)
	f.readyz = func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"status":"ok","checks":{}}`)) }
	for i, tt := range []struct {
		presence string
		want     []string
	}{
		{`{"worker":{"alive":false,"silence":65.4},"scheduler":{"alive":true,"silence":2}}`, []string{
			"FAIL  workers    no worker heard from for 65 s; what waits stays queued → ", "ok    scheduler  heard from 2 s ago",
		}},
		{`{"worker":{"alive":true,"silence":1},"scheduler":{"alive":false,"silence":4000}}`, []string{
			"FAIL  scheduler  no scheduler heard from for 1h6m40s; what waits stays queued → ", "warn  workers    have demo.en",
		}},
		{`{"worker":{"alive":false,"silence":null},"scheduler":{"alive":false,"silence":null}}`, []string{
			"FAIL  workers    no worker heard from; what waits", "FAIL  scheduler  no scheduler heard from; what waits",
		}},
	} {
		f.instead("GET /api/v1/presence", i+1, func(w http.ResponseWriter, _ *http.Request) {
			answer(w, http.StatusOK, json.RawMessage(tt.presence))
		})
		got := p.run("doctor")
		for _, want := range tt.want {
			if !strings.Contains(got.stdout, want) {
				t.Errorf("no %q in\n%s", want, got.stdout)
			}
		}
		if got.code != exitFailure {
			t.Errorf("%s: code %d", tt.presence, got.code)
		}
	}
}

// TestDoctor_machine points every setting at something that is not there.
func TestDoctor_machine(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.Close()
	p := newPerson(t, f)
	models := filepath.Join(p.home, "models")
	if err := os.Mkdir(models, 0o700); err != nil {
		t.Fatal(err)
	}
	p.file("models/ggml-demo.en.bin", demoModel(t))
	p.file("models/ggml-tiny.bin", "<html>not found</html>")
	for key, v := range map[string]string{
		"TS_DATABASE_URL": "postgres://u:secret@127.0.0.1:1/x", "TS_REDIS_URL": "redis://:secret@127.0.0.1:1/0", "TS_S3_ENDPOINT": "http://127.0.0.1:1",
		"TS_S3_BUCKET": "b", "TS_S3_ACCESS_KEY": "k", "TS_S3_SECRET_KEY_FILE": p.file("s3-secret", "secret\n"),
		"TS_MODEL_DIR": models, "TS_WORK_DIR": filepath.Join(p.home, "none"),
	} {
		p.env[key] = v
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	got := p.runWith(ctx, "", "doctor")
	for _, want := range []string{
		"FAIL  api ", "FAIL  postgres ", "FAIL  redis ", "FAIL  s3 ", "FAIL  ffmpeg ", "FAIL  disk ",
		"ok    model demo.en  17.7 MB", "FAIL  model tiny     ggml-tiny.bin is no model, or damaged → turboscribe models pull --force tiny", "warn  models ",
	} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("no %q in\n%s", want, got.stdout)
		}
	}
	if got.code != exitFailure || strings.Contains(got.stdout, "secret") {
		t.Errorf("code %d:\n%s", got.code, got.stdout)
	}
}

// The container of the api has its servers' settings and no ffmpeg, which it does
// not need: doctor could never pass there.
func TestDoctor_machineWithoutWorker(t *testing.T) {
	t.Parallel()
	p := newPerson(t, newFake(t))
	p.env["TS_DATABASE_URL"], p.env["TS_REDIS_URL"] = "postgres://u:secret@127.0.0.1:1/x", "redis://:secret@127.0.0.1:1/0"
	got := p.run("doctor")
	for _, check := range []string{"ffmpeg", "disk"} {
		if strings.Contains(got.stdout, check) || !strings.Contains(got.stdout, "FAIL  postgres ") {
			t.Errorf("a machine without a worker is asked for %s:\n%s", check, got.stdout)
		}
	}
}
