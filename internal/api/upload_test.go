package api_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/api"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// field is one part of a form.
type field struct{ name, value string }

// form returns a multipart body with the fields in that order; "file" is sent as
// a file.
func form(t *testing.T, fields ...field) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for _, f := range fields {
		head := textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + f.name + `"`}}
		if f.name == "file" {
			head.Set("Content-Disposition", `form-data; name="file"; filename="interview.mp3"`)
		}
		part, err := m.CreatePart(head)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(part, f.value); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String(), m.FormDataContentType()
}

func (w *world) upload(t *testing.T, body, contentType string) answer {
	t.Helper()
	return w.do(t, call{actor: "user", method: "POST", path: "/api/v1/files/upload", body: body, header: map[string]string{"Content-Type": contentType}})
}

// nothingStays fails the test when an upload left a trace.
func (w *world) nothingStays(t *testing.T) {
	t.Helper()
	objects, rows, begun := w.objects.stored(), w.store.Rows(), w.store.Uploads()
	if len(objects) > 0 || rows > 0 || begun > 0 || len(w.queue.refs) > 0 {
		t.Errorf("%d objects, %d rows, %d uploads and %d steps are left", len(objects), rows, begun, len(w.queue.refs))
	}
}

func TestUpload(t *testing.T) {
	t.Parallel()
	recording := strings.Repeat("sound", 10_000)
	tests := []struct {
		name   string
		fields []field
		want   transcription.Options
	}{
		{"file alone", []field{{"file", recording}}, transcription.Options{}},
		{
			"options before the file",
			[]field{{"model", "small"}, {"language", "DE"}, {"prompt", " Ada "}, {"translate", "true"}, {"file", recording}},
			transcription.Options{Model: "small", Language: "de", Prompt: "Ada", Translate: true},
		},
		{
			"options behind the file",
			[]field{{"file", recording}, {"translate", "1"}, {"model", "small"}, {"language", "ja"}, {"channels", "split"}},
			transcription.Options{Model: "small", Language: "ja", Translate: true, Split: true},
		},
		{
			"options on both sides",
			[]field{{"model", "small"}, {"file", recording}, {"language", "fr"}},
			transcription.Options{Model: "small", Language: "fr"},
		},
		{"empty options", []field{{"model", ""}, {"language", "auto"}, {"translate", ""}, {"file", recording}}, transcription.Options{}},
		{"short file", []field{{"file", "x"}}, transcription.Options{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			body, kind := form(t, tt.fields...)
			got := w.upload(t, body, kind)
			got.expect(t, 202, "")
			in := data[struct {
				FileID, TranscriptionID uuid.UUID
				Status                  transcription.Status
			}](t, got)
			row, err := w.store.Transcription(t.Context(), w.ids["user"], in.TranscriptionID)
			if err != nil {
				t.Fatal(err)
			}
			if row.Options != tt.want || row.File.ID != in.FileID || row.File.Name != "interview.mp3" || in.Status != transcription.Queued {
				t.Errorf("got %+v for %+v", row, in)
			}
			sent := ""
			for _, f := range tt.fields {
				if f.name == "file" {
					sent = f.value
				}
			}
			sum := sha256.Sum256([]byte(sent))
			if row.File.SHA256 != hex.EncodeToString(sum[:]) || row.File.Size != int64(len(sent)) {
				t.Errorf("%d bytes %s arrived, %d %x were sent", row.File.Size, row.File.SHA256, len(sent), sum)
			}
			if len(w.queue.refs) != 1 || w.queue.refs[0].ID != in.TranscriptionID {
				t.Errorf("queued %v", w.queue.refs)
			}
			w.do(t, call{actor: "user", path: got.Header.Get("Location")}).expect(t, 200, "")
		})
	}
}

func TestUpload_refuses(t *testing.T) {
	t.Parallel()
	const recording = "sound sound sound"
	long := strings.Repeat("x", 5000)
	tests := []struct {
		name   string
		fields []field
		status int
		code   string
		says   string
	}{
		{"no file", []field{{"model", "small"}}, 400, "file_missing", "file"},
		{"nothing", nil, 400, "file_missing", "file"},
		{"empty file", []field{{"file", ""}}, 400, "empty_file", ""},
		{"no recording", []field{{"file", "text, not sound"}}, 415, "unsupported_media", ""},
		{"two files", []field{{"file", recording}, {"file", recording}}, 400, "duplicate_field", "file"},
		{"option twice", []field{{"model", "small"}, {"model", "small"}, {"file", recording}}, 400, "duplicate_field", "model"},
		{"option on both sides twice", []field{{"model", "small"}, {"file", recording}, {"model", "small"}}, 400, "duplicate_field", "model"},
		{"unknown field before", []field{{"modell", "small"}, {"file", recording}}, 400, "unknown_field", "modell"},
		{"unknown field behind", []field{{"file", recording}, {"modell", "small"}}, 400, "unknown_field", "modell"},
		{"field without a name", []field{{"", "small"}, {"file", recording}}, 400, "unknown_field", ""},
		{"unknown language before", []field{{"language", "xx"}, {"file", recording}}, 400, "unknown_language", "xx"},
		{"unknown language behind", []field{{"file", recording}, {"language", "xx"}}, 400, "unknown_language", "xx"},
		{"unknown model", []field{{"model", "huge"}, {"file", recording}}, 400, "unknown_model", "huge"},
		{"model that is not installed", []field{{"model", "large-v3"}, {"file", recording}}, 400, "model_not_installed", "small"},
		{"model that cannot", []field{{"model", "demo.en"}, {"language", "de"}, {"file", recording}}, 400, "language_not_supported", "German"},
		{"no way with channels", []field{{"channels", "left"}, {"file", recording}}, 400, "invalid_field", "channels"},
		{"no truth value", []field{{"translate", "maybe"}, {"file", recording}}, 400, "invalid_field", "translate"},
		{"spelling that is not described", []field{{"translate", "TRUE"}, {"file", recording}}, 400, "invalid_field", "translate"},
		{"spelling of Go's", []field{{"file", recording}, {"translate", "t"}}, 400, "invalid_field", "translate"},
		{"prompt too long", []field{{"prompt", strings.Repeat("x", 401)}, {"file", recording}}, 400, "prompt_too_long", "400"},
		{"field too long before", []field{{"prompt", long}, {"file", recording}}, 400, "field_too_long", "prompt"},
		{"field too long behind", []field{{"file", recording}, {"prompt", long}}, 400, "field_too_long", "prompt"},
		{"text that is malformed before", []field{{"transcript", "1\nno time\n"}, {"transcriptFormat", "srt"}, {"file", recording}}, 400, "malformed_import", "Line 2"},
		{"text that is malformed behind", []field{{"file", recording}, {"transcriptFormat", "srt"}, {"transcript", "1\nno time\n"}}, 400, "malformed_import", "Line 2"},
		{"text of no known format", []field{{"file", recording}, {"transcript", "x"}, {"transcriptFormat", "pdf"}}, 400, "unknown_format", "pdf"},
		{"text without a format", []field{{"transcript", "x"}, {"file", recording}}, 400, "unknown_format", "srt"},
		{"format without a text", []field{{"transcriptFormat", "srt"}, {"file", recording}}, 400, "transcript_missing", "transcript"},
		{"file over the limit", []field{{"file", strings.Repeat("x", maxBytes+1)}}, 413, "file_too_large", "1048576"},
		{"form over the limit", []field{{"file", strings.Repeat("x", maxBytes+100<<10)}}, 413, "file_too_large", "1048576"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			body, kind := form(t, tt.fields...)
			got := w.upload(t, body, kind)
			got.expect(t, tt.status, tt.code)
			if !strings.Contains(got.body, tt.says) {
				t.Errorf("got %s, want it to name %s", got.body, tt.says)
			}
			w.nothingStays(t)
		})
	}
}

// TestUpload_lastLine: the last boundary must be the closing one, whatever follows.
func TestUpload_lastLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body, kind := form(t, field{"file", "sound"}, field{"language", "en"})
	w.upload(t, strings.TrimSuffix(body, "\r\n"), kind).expect(t, 202, "")
	w.upload(t, body+"and something behind it", kind).expect(t, 202, "")
	w.upload(t, strings.TrimSuffix(body, "--\r\n")+"\r\n", kind).expect(t, 400, "malformed_multipart")
}

func TestUpload_fileAtTheLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body, kind := form(t, field{"file", strings.Repeat("x", maxBytes)}, field{"language", "en"})
	w.upload(t, body, kind).expect(t, 202, "")
}

// TestUpload_checksOptionsFirst: a wrong option in front of the file must be
// answered before any of the file is stored, let alone sent.
func TestUpload_checksOptionsFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.objects.reading = func(int64) { t.Error("the file is read") }
	for _, fields := range [][]field{
		{{"language", "xx"}, {"file", "sound"}}, {{"model", "huge"}, {"file", "sound"}}, {{"nonsense", ""}, {"file", "sound"}},
	} {
		body, kind := form(t, fields...)
		if got := w.upload(t, body, kind); got.StatusCode != http.StatusBadRequest {
			t.Errorf("%v: got %d, want 400", fields, got.StatusCode)
		}
	}
}

func TestUpload_malformed(t *testing.T) {
	t.Parallel()
	body, kind := form(t, field{"file", strings.Repeat("sound", 5000)})
	boundary := strings.TrimPrefix(kind, "multipart/form-data; boundary=")
	part := func(disposition string) string {
		return "--" + boundary + "\r\nContent-Disposition: " + disposition + "\r\n\r\nsound\r\n--" + boundary + "--\r\n"
	}
	tests := []struct {
		name, body, kind string
		status           int
		code             string
	}{
		{"JSON", `{}`, "application/json", 415, "not_multipart"},
		{"no boundary", body, "multipart/form-data", 400, "malformed_multipart"},
		{"another boundary", body, "multipart/form-data; boundary=other", 400, "malformed_multipart"},
		{"cut in the file", body[:len(body)/2], kind, 400, "malformed_multipart"},
		{"cut within the first bytes of the file", body[:400], kind, 400, "malformed_multipart"},
		{"cut before the last boundary", strings.TrimSuffix(body, "\r\n--"+boundary+"--\r\n"), kind, 400, "malformed_multipart"},
		{"cut in a header", "--" + boundary + "\r\nContent-Dispo", kind, 400, "malformed_multipart"},
		{"cut in an option", "--" + boundary + "\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nsma", kind, 400, "malformed_multipart"},
		{"empty", "", kind, 400, "malformed_multipart"},
		{"control character in the file's name", part(`form-data; name="file"; filename="a` + "\x01" + `.mp3"`), kind, 400, "malformed_multipart"},
		{"line feed in the file's name", part(`form-data; name="file"; filename="a` + "\n" + `.mp3"`), kind, 400, "malformed_multipart"},
		{"name without its end", part(`form-data; name="file"; filename="a.mp3`), kind, 400, "malformed_multipart"},
		{"head without a colon", part("form-data; name=file\r\nnonsense"), kind, 400, "malformed_multipart"},
		{"head larger than any", part("form-data; name=file\r\nX: " + strings.Repeat("x", 11<<20)), kind, 413, "file_too_large"},
		{"no disposition", "--" + boundary + "\r\nX: y\r\n\r\nsound\r\n--" + boundary + "--\r\n", kind, 400, "malformed_multipart"},
		{"another disposition", part("attachment; name=file"), kind, 400, "malformed_multipart"},
		{"empty boundary", body, `multipart/form-data; boundary=""`, 400, "malformed_multipart"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.objects.joining = func() { t.Error("half a file passed for a whole one") }
			w.upload(t, tt.body, tt.kind).expect(t, tt.status, tt.code)
			w.nothingStays(t)
		})
	}
}

// TestUpload_interrupted: who did not send all that was announced has sent nothing
// malformed.
func TestUpload_interrupted(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]string{
		"nothing": "", "in a head": partHead[:20], "in the first bytes": partHead + "sound", "in the file": partHead + strings.Repeat("x", 100<<10),
		"in an option": "--b\r\nContent-Disposition: form-data; name=model\r\n\r\nsma",
	} {
		for how, head := range map[string]string{"": "Content-Length: 200000\r\n", " of a stream": "Transfer-Encoding: chunked\r\n"} {
			t.Run(name+how, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.objects.joining = func() { t.Error("half a file passed for a whole one") }
				l := w.raw(t, head)
				if how == "" || begin == "" {
					l.send(begin)
				} else {
					l.send(fmt.Sprintf("%x\r\n%s\r\n", len(begin), begin))
				}
				conn, ok := l.Conn.(*net.TCPConn)
				if !ok {
					t.Fatalf("%T cannot be closed on one side", l.Conn)
				}
				if err := conn.CloseWrite(); err != nil {
					t.Fatal(err)
				}
				l.answer().expect(t, 400, "upload_interrupted")
				w.nothingStays(t)
			})
		}
	}
}

// line is a connection on which a test speaks HTTP itself.
type line struct {
	net.Conn
	t *testing.T
}

// dial opens a connection to the server.
func (w *world) dial(t *testing.T) line {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	if err := conn.SetDeadline(time.Now().Add(5 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	return line{Conn: conn, t: t}
}

// raw opens a connection and sends the head of an upload.
func (w *world) raw(t *testing.T, head string) line {
	t.Helper()
	l := w.dial(t)
	l.send("POST /api/v1/files/upload HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ", w.tokens["user"],
		"\r\nContent-Type: multipart/form-data; boundary=b\r\n", head, "\r\n")
	return l
}

func (l line) send(texts ...string) {
	l.t.Helper()
	if _, err := io.WriteString(l, strings.Join(texts, "")); err != nil {
		l.t.Fatal(err)
	}
}

// keepSending sends text until the server hangs up or the test ends.
func (l line) keepSending(text string, pause time.Duration) {
	tick := time.NewTicker(pause)
	l.t.Cleanup(tick.Stop)
	go func() {
		for l.t.Context().Err() == nil {
			if _, err := io.WriteString(l, text); err != nil {
				return
			}
			select {
			case <-tick.C:
			case <-l.t.Context().Done():
			}
		}
	}()
}

func (l line) answer() answer {
	l.t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(l), nil)
	if err != nil {
		l.t.Fatal(err)
	}
	return whole(l.t, res)
}

const partHead = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\n\r\n"

// TestUpload_tooLargeAtOnce: who announces too much hears so before sending it.
func TestUpload_tooLargeAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.raw(t, "Content-Length: 10000000000\r\n").answer().expect(t, 413, "file_too_large")
	w.nothingStays(t)
}

// TestUpload_endlessStream has no length, so nothing can be said in advance.
func TestUpload_endlessStream(t *testing.T) {
	t.Parallel()
	block := strings.Repeat("line\r\n", 10<<10) // a line longer than a buffer ends the reading earlier
	for begin, code := range map[string]string{partHead: "file_too_large", "no boundary\r\n": "body_too_large"} {
		w := newWorld(t)
		l := w.raw(t, "Transfer-Encoding: chunked\r\n")
		l.send(fmt.Sprintf("%x\r\n%s\r\n", len(begin), begin))
		l.keepSending(fmt.Sprintf("%x\r\n%s\r\n", len(block), block), time.Millisecond)
		l.answer().expect(t, 413, code)
		w.nothingStays(t)
	}
}

// TestUpload_clientLeaves closes the connection in the middle of the file.
func TestUpload_clientLeaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arrived := make(chan struct{})
	w.objects.reading = func(n int64) {
		if n == 64<<10 {
			close(arrived)
		}
	}
	l := w.raw(t, "Content-Length: 1000000\r\n")
	l.send(partHead, strings.Repeat("x", 100<<10))
	<-arrived
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	w.waitForLog(t, `"route":"/api/v1/files/upload"`)
	w.nothingStays(t)
	if log := w.log.String(); strings.Contains(log, `"level":"error"`) {
		t.Errorf("a client that leaves is no error of ours: %s", log)
	}
}

// Each upload has 6 MiB for itself for as long as its client takes. Without a bound,
// some 250 slow connections were more than the api's container may have.
func TestUpload_tooManyAtOnce(t *testing.T) {
	t.Parallel()
	const limit = 2
	w := newWorld(t, func(o *api.Options) { o.MaxUploads = limit })
	arrived := make(chan struct{}, limit)
	w.objects.reading = func(n int64) {
		if n == 64<<10 {
			arrived <- struct{}{}
		}
	}
	var slow []line
	for range limit {
		l := w.raw(t, "Content-Length: 1000000\r\n")
		l.send(partHead, strings.Repeat("x", 100<<10))
		<-arrived
		slow = append(slow, l)
	}
	l := w.raw(t, "Content-Length: 1000000\r\nExpect: 100-continue\r\n")
	got := l.answer() // though nothing of the body was sent
	got.expect(t, 503, "busy")
	if got.Header.Get("Retry-After") == "" {
		t.Error("it does not say when to try again")
	}
	if err := slow[0].Close(); err != nil {
		t.Fatal(err)
	}
	w.waitForLog(t, `"status":400`)
	body, kind := form(t, field{"file", "sound"})
	w.upload(t, body, kind).expect(t, 202, "")
}

func (w *world) waitForLog(t *testing.T, text string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for !strings.Contains(w.log.String(), text) {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("the log never has %s: %s", text, w.log)
		}
	}
}

// TestUpload_clientStalls stops sending but keeps the connection.
func TestUpload_clientStalls(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.BodyTimeout = 200 * time.Millisecond })
	l := w.raw(t, "Content-Length: 1000000\r\n")
	l.send(partHead, strings.Repeat("x", 100<<10))
	l.answer().expect(t, 400, "body_timeout")
	w.nothingStays(t)
}

// TestUpload_slowClient takes longer than any pause may be, but never pauses.
func TestUpload_slowClient(t *testing.T) {
	t.Parallel()
	const pause = 10 * time.Second // longer than a busy machine may hold the test up
	w := newWorld(t, func(o *api.Options) { o.BodyTimeout = pause })
	tail := "\r\n--b--\r\n"
	l := w.raw(t, fmt.Sprintf("Content-Length: %d\r\n", len(partHead)+12*1000+len(tail)))
	l.send(partHead)
	tick := time.NewTicker(pause / 8)
	defer tick.Stop()
	for range 12 {
		<-tick.C
		l.send(strings.Repeat("x", 1000))
	}
	l.send(tail)
	l.answer().expect(t, 202, "")
}

// TestSmallBody_stalls: a small body has to come as a whole in time; a byte now
// and then does not help. The answer must not wait for the rest of it either.
func TestSmallBody_stalls(t *testing.T) {
	t.Parallel()
	const timeout = 200 * time.Millisecond
	w := newWorld(t, func(o *api.Options) { o.BodyTimeout = timeout })
	l := w.dial(t)
	l.send("POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10000\r\n\r\n{")
	l.keepSending(" ", timeout/10)
	began := time.Now()
	l.answer().expect(t, 400, "body_timeout")
	if took := time.Since(began); took > time.Minute { // the rest of the body takes two
		t.Errorf("the answer took %s", took)
	}
}

// TestUpload_memory sends 200 MiB. All that is allocated meanwhile, freed or not,
// has to stay far below: whatever keeps the file, in memory or on its way to a
// temporary file, would not.
func TestUpload_memory(t *testing.T) { //nolint:paralleltest // others would be counted
	const size, bound = 200 << 20, 8 << 20
	w := newWorld(t, func(o *api.Options) { o.Logger = o.Logger.Level(4) })
	service := w.transcriptions(size)
	bigger, err := api.New(api.Options{PublicURL: "http://localhost", Auth: w.auth, Transcriptions: service, Webhooks: w.webhooks(), Privacy: w.privacy()})
	if err != nil {
		t.Fatal(err)
	}
	w.Server = bigger
	w.serve(t)
	w.client = new(http.Client) // the one that checks forms keeps some of them
	var before, now runtime.MemStats
	var peak uint64
	w.objects.reading = func(n int64) {
		if n%(8<<20) == 0 {
			runtime.ReadMemStats(&now)
			peak = max(peak, now.HeapAlloc)
		}
	}
	body, sent := io.Pipe()
	m := multipart.NewWriter(sent)
	go func() {
		part, err := m.CreateFormFile("file", "long.wav")
		if err == nil {
			_, err = io.CopyN(part, rand.NewChaCha8([32]byte{}), size)
		}
		sent.CloseWithError(errors.Join(err, m.Close()))
	}()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/api/v1/files/upload", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", m.FormDataContentType())
	r.Header.Set("Authorization", "Bearer "+w.tokens["user"])
	runtime.GC()
	runtime.ReadMemStats(&before)
	w.send(t, r).expect(t, 202, "")
	runtime.ReadMemStats(&now)
	total := now.TotalAlloc - before.TotalAlloc
	t.Logf("%d KiB allocated in total, the heap %d KiB at the most", total>>10, peak>>10)
	if total > bound || peak == 0 || peak > before.HeapAlloc+bound {
		t.Errorf("allocated %d bytes, at once %d over %d; the bound is %d", total, peak, before.HeapAlloc, bound)
	}
	want := sha256.New()
	if _, err := io.CopyN(want, rand.NewChaCha8([32]byte{}), size); err != nil {
		t.Fatal(err)
	}
	if got := w.objects.stored(); len(got) != 1 || got[0] != hex.EncodeToString(want.Sum(nil)) {
		t.Errorf("stored %v, want %x", got, want.Sum(nil))
	}
}

// TestUpload_databaseAway: the recording must not stay when its row cannot be written.
func TestUpload_databaseAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.objects.joining = func() {
		w.store.BreakWith(func(context.Context) error { return fault.New(fault.Unavailable, "The database does not answer.") })
	}
	body, kind := form(t, field{"file", "sound sound"})
	got := w.upload(t, body, kind)
	got.expect(t, 503, "unavailable")
	if got.Header.Get("Retry-After") == "" {
		t.Error("nobody says when to try again")
	}
	if objects, rows := w.objects.stored(), w.store.Rows(); len(objects) > 0 || rows > 0 {
		t.Errorf("%d objects and %d rows are left", len(objects), rows)
	}
	if w.store.Uploads() != 1 {
		t.Error("nobody would look for what may be left")
	}
}
