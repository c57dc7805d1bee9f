package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/cmd/turboscribe/internal/client"
)

const (
	uploadRoute = "POST /api/v1/files/upload"
	lookRoute   = "GET /api/v1/transcriptions/" + fakeID
)

func TestTranscribe(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.warnings = []client.Problem{{Code: "demo_model", Message: "This text was made by the demo model."}}
	p := signedIn(t, f)
	got := p.run("transcribe", p.file("talk.wav", "sound"), "--model", "small", "--language", "en", "--prompt", "TurboScribe", "--translate", "--channels", "split", "--webhook", "https://example.com/x", "--format", "srt")
	want := result{0, "the text as srt\n", `talk.wav: uploading 5 B
talk.wav: waiting for a worker
talk.wav: transcribing 50%
talk.wav: done 100%
Warning: This text was made by the demo model.
`}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(result{})); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if len(f.uploads) != 1 {
		t.Fatalf("%d uploads, want 1", len(f.uploads))
	}
	u := f.uploads[0]
	fields := map[string]string{"model": "small", "language": "en", "prompt": "TurboScribe", "translate": "true", "channels": "split", "webhookUrl": "https://example.com/x"}
	if diff := cmp.Diff(fields, u.fields); diff != "" || u.name != "talk.wav" || u.body != "sound" {
		t.Errorf("upload %+v, fields (-want +got):\n%s", u, diff)
	}
}

func TestTranscribe_severalIntoADirectory(t *testing.T) {
	t.Parallel()
	p := signedIn(t, newFake(t))
	out := filepath.Join(p.home, "out")
	args := []string{"transcribe", p.file("a.wav", "1"), p.file("a.mp3", "2"), p.file("b.ogg", "3"), "--format", "vtt", "--output", out}
	if got := p.run(args...); got.code != 0 || got.stdout != "" {
		t.Fatalf("result %+v", got)
	}
	for _, name := range []string{"a.vtt", "a-2.vtt", "b.vtt"} {
		if b, err := os.ReadFile(filepath.Join(out, name)); err != nil || string(b) != "the text as vtt\n" {
			t.Errorf("%s has %q, %v", name, b, err)
		}
	}
	got := p.run(args...)
	if got.code != exitFailure || !strings.Contains(got.stderr, "a.vtt is there already") || len(p.server.uploads) != 3 {
		t.Errorf("again: %+v with %d uploads; want a refusal before the first", got, len(p.server.uploads))
	}
	if got := p.run(append(args, "--force")...); got.code != 0 {
		t.Errorf("with --force: %+v", got)
	}
}

func TestTranscribe_severalToStdout(t *testing.T) {
	t.Parallel()
	p := signedIn(t, newFake(t))
	a, b := p.file("a.wav", "1"), p.file("b.wav", "2")
	want := "==> " + a + " <==\nthe text as txt\n\n==> " + b + " <==\nthe text as txt\n\n"
	if got := p.run("transcribe", a, b); got.code != 0 || got.stdout != want {
		t.Errorf("result %+v, want %q", got, want)
	}
}

// TestTranscribe_tokenEnds lets the access token end between the steps, as it
// does during a long upload: nobody must be asked to log in again.
func TestTranscribe_tokenEnds(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	p := signedIn(t, f)
	forget := func(w http.ResponseWriter, _ *http.Request) {
		f.forget()
		refuse(w, 401, "unauthenticated", "Sign in first.")
	}
	f.instead(uploadRoute, 1, forget)
	f.instead(lookRoute, 2, forget)
	got := p.run("transcribe", p.file("talk.wav", strings.Repeat("sound", 1000)))
	if got.code != 0 || got.stdout != "the text as txt\n" {
		t.Fatalf("result %+v", got)
	}
	if diff := cmp.Diff([]string{"/auth/login", "/auth/refresh", "/auth/refresh"}, f.signIns); diff != "" {
		t.Errorf("sign-ins (-want +got):\n%s", diff)
	}
	if len(f.uploads) != 1 {
		t.Errorf("%d uploads, want 1", len(f.uploads))
	}
}

func TestTranscribe_refreshesInAdvance(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.lifetime = time.Second
	p := signedIn(t, f)
	f.lifetime = time.Hour
	if got := p.run("list"); got.code != 0 {
		t.Fatalf("result %+v", got)
	}
	if diff := cmp.Diff([]string{"/auth/login", "/auth/refresh"}, f.signIns); diff != "" || f.calls["GET /api/v1/transcriptions"] != 1 {
		t.Errorf("%d calls, sign-ins (-want +got):\n%s", f.calls["GET /api/v1/transcriptions"], diff)
	}
}

func TestTranscribe_signInEnded(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	p := signedIn(t, f)
	f.forget()
	f.refresh = "another"
	got := p.run("list")
	if got.code != exitFailure || !strings.Contains(got.stderr, "Your sign-in at SERVER has ended") {
		t.Errorf("result %+v", got)
	}
	if got := p.run("list"); !strings.Contains(got.stderr, "You are not signed in at SERVER") {
		t.Errorf("again: %+v", got)
	}
}

// TestTranscribe_connectionBreaks cuts the connection in the middle of the first
// upload: it is sent once more, and arrives once.
func TestTranscribe_connectionBreaks(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.maxBytes = 64 << 20
	p := signedIn(t, f)
	f.instead(uploadRoute, 1, cutAfter(t, 1<<20))
	body := strings.Repeat("x", 32<<20)
	got := p.run("transcribe", p.file("talk.wav", body))
	if got.code != 0 || len(f.uploads) != 1 || f.uploads[0].body != body {
		t.Fatalf("code %d, %d uploads, stderr\n%s", got.code, len(f.uploads), got.stderr)
	}
	checkMonotonic(t, got.stderr, "uploading 33.6 MB")
}

func TestTranscribe_connectionBreaksTwice(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.maxBytes = 64 << 20
	p := signedIn(t, f)
	f.instead(uploadRoute, 1, cutAfter(t, 1<<20))
	f.instead(uploadRoute, 2, cutAfter(t, 1<<20))
	got := p.run("transcribe", p.file("talk.wav", strings.Repeat("x", 32<<20)))
	if got.code != exitFailure || f.calls[uploadRoute] != 2 || !strings.Contains(got.stderr, "no answer from SERVER") {
		t.Errorf("%d tries, result %+v", f.calls[uploadRoute], got)
	}
}

// TestTranscribe_answerLost: when everything was sent, sending it again could make
// a second transcription.
func TestTranscribe_answerLost(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	p := signedIn(t, f)
	f.instead(uploadRoute, 1, cutAfter(t, 1<<30))
	got := p.run("transcribe", p.file("talk.wav", "sound"))
	if got.code != exitFailure || f.calls[uploadRoute] != 1 || !strings.Contains(got.stderr, "not known whether it arrived") {
		t.Errorf("%d tries, result %+v", f.calls[uploadRoute], got)
	}
}

// cutAfter reads at most n bytes of the body and cuts the connection.
func cutAfter(t testing.TB, n int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, n))
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.Close()
	}
}

// TestTranscribe_refusedUnread: a server that refuses an upload by its length is
// heard before gigabytes are on their way.
func TestTranscribe_refusedUnread(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	p := signedIn(t, f)
	p.options.Hesitation = time.Minute // a busy server may not answer within the usual two seconds
	f.maxBytes = 64 << 20              // what the limits say
	var read atomic.Int64
	f.instead(uploadRoute, 1, func(w http.ResponseWriter, r *http.Request) {
		read.Store(r.ContentLength)
		refuse(w, 413, "file_too_large", "This upload has too many bytes.")
	})
	got := p.run("transcribe", p.file("talk.wav", strings.Repeat("x", 32<<20)))
	if got.code != exitFailure || !strings.Contains(got.stderr, "talk.wav: This upload has too many bytes.") {
		t.Errorf("result %+v", got)
	}
	if strings.Contains(got.stderr, "%") || read.Load() < 32<<20 {
		t.Errorf("the file was sent although it was refused (announced: %d):\n%s", read.Load(), got.stderr)
	}
}

// TestTranscribe_refusedOnTheWay: a server that has read the options refuses them
// while the file is being sent, and cuts the connection. What it said must reach
// the person all the same.
func TestTranscribe_refusedOnTheWay(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	p := signedIn(t, f)
	f.maxBytes = 64 << 20
	for n := range 2 {
		f.instead(uploadRoute, n+1, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadFull(r.Body, make([]byte, 200))
			refuse(w, 400, "unknown_model", "There is no such model.")
		})
	}
	got := p.run("transcribe", p.file("talk.wav", strings.Repeat("x", 32<<20)), "--model", "nope")
	if got.code != exitFailure || !strings.Contains(got.stderr, "talk.wav: There is no such model.") {
		t.Errorf("%d tries, result %+v", f.calls[uploadRoute], got)
	}
}

func TestTranscribe_overTheLimit(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	p := signedIn(t, f)
	got := p.run("transcribe", p.file("talk.wav", strings.Repeat("x", 2<<20)))
	if got.code != exitFailure || f.calls[uploadRoute] != 0 || !strings.Contains(got.stderr, "takes at most 1.0 MB") {
		t.Errorf("%d uploads, result %+v", f.calls[uploadRoute], got)
	}
}

func TestTranscribe_progressNeverGoesBack(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.states = []state{{"transcribing", 0.3, ""}, {"transcribing", 0.1, ""}, {"transcribing", 0.6, ""}, {"transcribing", 0.5, ""}, {"completed", 1, ""}}
	p := signedIn(t, f)
	got := p.run("transcribe", p.file("talk.wav", "sound"))
	checkMonotonic(t, got.stderr, "transcribing")
	if !strings.Contains(got.stderr, "transcribing 60%") {
		t.Errorf("progress\n%s", got.stderr)
	}
}

var percent = regexp.MustCompile(`(\d+)%`)

func checkMonotonic(t *testing.T, stderr, stage string) {
	t.Helper()
	last, lines := 0, 0
	for line := range strings.Lines(stderr) {
		m := percent.FindStringSubmatch(line)
		if m == nil || !strings.Contains(line, stage) {
			continue
		}
		n, err := strconv.Atoi(m[1])
		if err != nil || n < last {
			t.Errorf("progress goes from %d to %q", last, line)
		}
		last, lines = n, lines+1
	}
	if lines == 0 || lines > 20 {
		t.Errorf("%d lines of progress in\n%s", lines, stderr)
	}
}

// TestTranscribe_interrupted: Ctrl-C leaves the work going on and says how to
// come back to it.
func TestTranscribe_interrupted(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.states = []state{{"transcribing", 0.5, ""}}
	p := signedIn(t, f)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	f.instead(lookRoute, 3, func(http.ResponseWriter, *http.Request) { interrupt() })
	got := p.runWith(ctx, "", "transcribe", p.file("talk.wav", "sound"))
	if got.code != exitFailure || !strings.Contains(got.stderr, "turboscribe get "+fakeID+" --wait") ||
		!strings.Contains(got.stderr, "\nOr end it: turboscribe cancel "+fakeID+"\n") || got.stdout != "" {
		t.Errorf("result %+v", got)
	}
	if path := "/api/v1/transcriptions/" + fakeID; f.calls["DELETE "+path]+f.calls["POST "+path+"/cancel"] != 0 {
		t.Error("the transcription was ended")
	}
}

func TestTranscribe_interruptedUpload(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	p := signedIn(t, f)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	f.instead(uploadRoute, 1, func(_ http.ResponseWriter, r *http.Request) {
		interrupt()
		_, _ = io.Copy(io.Discard, r.Body)
	})
	got := p.runWith(ctx, "", "transcribe", p.file("talk.wav", "sound"))
	if got.code != exitFailure || !strings.Contains(got.stderr, "Stopped. Nothing was left on the server.") || f.calls[uploadRoute] != 1 {
		t.Errorf("result %+v", got)
	}
}

func TestTranscribe_failures(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.states = []state{{"failed", 0.2, "The file has no audio track."}}
	p := signedIn(t, f)
	got := p.run("transcribe", p.file("talk.wav", "sound"))
	if got.code != exitFailure || !strings.Contains(got.stderr, "talk.wav: The file has no audio track.") || got.stdout != "" {
		t.Errorf("result %+v", got)
	}
}

// TestTranscribe_oneFails: one bad recording does not hold up the others.
func TestTranscribe_oneFails(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	p := signedIn(t, f)
	f.instead(uploadRoute, 1, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		refuse(w, 415, "unsupported", "This is no recording.")
	})
	got := p.run("transcribe", p.file("bad.wav", "text"), p.file("good.wav", "sound"))
	if got.code != exitFailure || !strings.Contains(got.stderr, "bad.wav: This is no recording.") || !strings.Contains(got.stdout, "the text as txt") {
		t.Errorf("result %+v", got)
	}
}

// TestTranscribe_serverAway: a server that restarts while somebody waits is waited
// for.
func TestTranscribe_serverAway(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	p := signedIn(t, f)
	f.instead(lookRoute, 2, cutAfter(t, 0))
	f.instead(lookRoute, 3, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "1")
		refuse(w, 503, "unavailable", "The database does not answer.")
	})
	began := time.Now()
	got := p.run("transcribe", p.file("talk.wav", "sound"))
	if got.code != 0 || strings.Count(got.stderr, "Trying on for 2m0s") != 1 || strings.Count(got.stderr, "SERVER answers again") != 1 {
		t.Errorf("result %+v", got)
	}
	if took := time.Since(began); took < time.Second {
		t.Errorf("came back after %v, before the second that Retry-After asks for", took)
	}
}

func TestTranscribe_serverGone(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	p := signedIn(t, f)
	p.options.Patience = 300 * time.Millisecond
	for n := range 20 {
		f.instead(lookRoute, n+1, cutAfter(t, 0))
	}
	got := p.run("transcribe", p.file("talk.wav", "sound"))
	if got.code != exitFailure || !strings.Contains(got.stderr, "no answer from SERVER") || !strings.Contains(got.stderr, "turboscribe get "+fakeID+" --wait") {
		t.Errorf("result %+v", got)
	}
}

// TestTranscribe_stalled: a server that takes no more bytes and says nothing is
// given up, not waited for until the end of days.
func TestTranscribe_stalled(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	p := signedIn(t, f)
	p.options.Stall = 300 * time.Millisecond
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	for n := range 2 {
		f.instead(uploadRoute, n+1, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadFull(r.Body, make([]byte, 10))
			<-release
		})
	}
	f.maxBytes = 64 << 20
	got := p.run("transcribe", p.file("talk.wav", strings.Repeat("x", 32<<20)))
	if got.code != exitFailure || !strings.Contains(got.stderr, "nothing has moved for 300ms") {
		t.Errorf("result %+v", got)
	}
}

func TestTranscribe_unchangedIsNotSent(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.states = []state{{"queued", 0, ""}, {"transcribing", 0.5, ""}}
	p := signedIn(t, f)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f.instead(lookRoute, 5, func(w http.ResponseWriter, _ *http.Request) { cancel() })
	p.runWith(ctx, "", "get", fakeID, "--wait")
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.unsent < 2 {
		t.Errorf("%d answers 304 in %d looks", f.unsent, f.looks)
	}
}

// TestMeter_line shows that no line is written for every byte.
func TestMeter_line(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	m := newLineMeter(&b, "x")
	for i := range 1001 {
		m.show("uploading", float64(i)/1000, "")
	}
	if n := strings.Count(b.String(), "\n"); n < 10 || n > 12 {
		t.Errorf("%d lines:\n%s", n, b.String())
	}
	m.end()
	m.show("uploading", 1, "again")
	if strings.Contains(b.String(), "again") {
		t.Errorf("a meter that has ended writes on:\n%s", b.String())
	}
}

// Ten lines were written off a terminal of what took no second, and two that it was complete.
func TestMeter_short(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	m := newApp(nil, nil, &b, nil).meter("x")
	for i := range 1001 {
		m.show("uploading", float64(i)/1000, "")
	}
	m.show("done", 1, "")
	if want := "x: uploading\nx: done 100%\n"; b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
	b.Reset()
	m.at, m.stage, m.best, m.lined = time.Now().Add(-lineAfter), "transcribing", 0.3, 0.3
	m.show("transcribing", 0.5, "")
	if want := "x: transcribing 50%\n"; b.String() != want {
		t.Errorf("after a while: got %q, want %q", b.String(), want)
	}
}
