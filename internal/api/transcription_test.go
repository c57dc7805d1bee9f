package api_test

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// completed is a transcription with everything in it.
func completed(t *transcription.Transcription) {
	t.ID = uuid.MustParse("01950000-0000-7000-8000-000000000001")
	t.File.ID = uuid.MustParse("01950000-0000-7000-8000-000000000002")
	t.Status, t.Progress, t.Model, t.Language, t.LanguageConfidence = transcription.Completed, 1, "small", "de", 0.9
	t.Duration, t.CompletedAt = 83*time.Second+456789*time.Microsecond, t.CreatedAt.Add(time.Minute)
	t.Text = "Guten Tag. <b>Ja</b>."
	t.Segments = []transcription.Segment{
		{Start: 1500 * time.Millisecond, End: 2 * time.Second, Text: "Guten Tag.", Speaker: "1", Confidence: 0.98765, Words: []transcription.Word{
			{Start: 1500 * time.Millisecond, End: 1700 * time.Millisecond, Text: "Guten", Confidence: 1},
			{Start: 1700 * time.Millisecond, End: 2 * time.Second, Text: "Tag.", Confidence: 0.5},
		}},
		{Start: 3 * time.Second, End: 4*time.Second + time.Millisecond, Text: "<b>Ja</b>.", Suspect: true},
	}
	t.Warnings = []transcription.Warning{{Code: "gap", Message: "There is speech without words."}}
	t.Coverage = &transcription.Coverage{
		Speech: 5 * time.Second, Covered: 2500 * time.Millisecond, Suspect: 1,
		Gaps: []transcription.Gap{{Start: 10 * time.Second, End: 12 * time.Second}}, Seams: []time.Duration{40 * time.Second},
	}
}

const completedJSON = `{"status":"success","data":{
  "id":"01950000-0000-7000-8000-000000000001","fileId":"01950000-0000-7000-8000-000000000002","fileName":"interview.mp3",
  "run":1,"status":"completed","stage":null,"priority":"normal","progress":1.000,"queuePosition":0,"estimatedSeconds":null,"estimatedRange":null,
  "language":"de","languageConfidence":0.900,"model":"small","duration":83.457,"partial":false,"earlier":null,"text":"Guten Tag. <b>Ja</b>.",
  "segments":[
    {"index":0,"start":1.500,"end":2.000,"text":"Guten Tag.","speaker":"1","confidence":0.988,"suspect":false,"words":[
      {"start":1.500,"end":1.700,"text":"Guten","confidence":1.000},
      {"start":1.700,"end":2.000,"text":"Tag.","confidence":0.500}]},
    {"index":1,"start":3.000,"end":4.001,"text":"<b>Ja</b>.","speaker":null,"confidence":0.000,"suspect":true,"words":[]}],
  "warnings":[{"code":"gap","message":"There is speech without words."}],
  "coverage":{"speech":5.000,"covered":2.500,"gaps":[{"start":10.000,"end":12.000}],"suspect":1,"seams":[40.000]},
  "error":null,"revision":0,"createdAt":"2026-03-01T12:00:00.000Z","completedAt":"2026-03-01T12:01:00.000Z","access":"owner","sharedBy":null,
  "folderId":null,"batchId":null,"tags":[],"archivedAt":null,"legalHold":false,"mediaKept":true,"mediaExpiresAt":null,"expiresAt":null}}`

const transcribingJSON = `{"status":"success","data":{
  "id":"01950000-0000-7000-8000-000000000001","fileId":"01950000-0000-7000-8000-000000000002","fileName":"interview.mp3",
  "run":1,"status":"transcribing","stage":"transcribe","priority":"normal","progress":0.999,"queuePosition":3,"estimatedSeconds":12.500,"estimatedRange":{"lowest":4.000,"highest":20.250},
  "language":null,"languageConfidence":null,"model":null,"duration":null,"partial":false,"earlier":null,"text":null,"segments":[],"warnings":[],"coverage":null,
  "error":null,"revision":0,"createdAt":"2026-03-01T12:00:00.000Z","completedAt":null,"access":"owner","sharedBy":null,
  "folderId":null,"batchId":null,"tags":[],"archivedAt":null,"legalHold":false,"mediaKept":true,"mediaExpiresAt":null,"expiresAt":null}}`

const partialJSON = `{"status":"success","data":{
  "id":"01950000-0000-7000-8000-000000000001","fileId":"01950000-0000-7000-8000-000000000002","fileName":"interview.mp3",
  "run":1,"status":"merging","stage":"merge","priority":"normal","progress":0.500,"queuePosition":0,"estimatedSeconds":null,"estimatedRange":null,
  "language":null,"languageConfidence":null,"model":null,"duration":null,"partial":true,"earlier":null,"text":"So far.","segments":[
    {"index":0,"start":1.000,"end":2.000,"text":"So far.","speaker":null,"confidence":0.500,"suspect":false,"words":[]}],
  "warnings":[],"coverage":null,"error":null,"revision":0,"createdAt":"2026-03-01T12:00:00.000Z","completedAt":null,"access":"owner","sharedBy":null,
  "folderId":null,"batchId":null,"tags":[],"archivedAt":null,"legalHold":false,"mediaKept":true,"mediaExpiresAt":null,"expiresAt":null}}`

const failedJSON = `{"status":"success","data":{
  "id":"01950000-0000-7000-8000-000000000001","fileId":"01950000-0000-7000-8000-000000000002","fileName":"interview.mp3",
  "run":1,"status":"failed","stage":null,"priority":"normal","progress":0.000,"queuePosition":0,"estimatedSeconds":null,"estimatedRange":null,
  "language":null,"languageConfidence":null,"model":null,"duration":null,"partial":false,"earlier":null,"text":null,"segments":[],"warnings":[],"coverage":null,
  "error":{"code":"no_audio","message":"The file has no audio track."},"revision":0,"createdAt":"2026-03-01T12:00:00.000Z","completedAt":null,"access":"owner","sharedBy":null,
  "folderId":null,"batchId":null,"tags":[],"archivedAt":null,"legalHold":false,"mediaKept":false,"mediaExpiresAt":null,"expiresAt":null}}`

func TestShowTranscription(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*transcription.Transcription)
		want   string
	}{
		{"completed", completed, completedJSON},
		{"on its way", func(r *transcription.Transcription) {
			r.ID, r.File.ID = uuid.MustParse("01950000-0000-7000-8000-000000000001"), uuid.MustParse("01950000-0000-7000-8000-000000000002")
			r.Status, r.Progress, r.QueuePosition, r.Estimate = transcription.Transcribing, 0.99999, 3, 12500*time.Millisecond
			r.Soonest, r.Latest = 4*time.Second, 20250*time.Millisecond
			r.Text = "not for anybody yet"
		}, transcribingJSON},
		{"so far", func(r *transcription.Transcription) {
			r.ID, r.File.ID = uuid.MustParse("01950000-0000-7000-8000-000000000001"), uuid.MustParse("01950000-0000-7000-8000-000000000002")
			r.Status, r.Progress, r.Partial, r.Text = transcription.Merging, 0.5, true, "So far."
			r.Segments = []transcription.Segment{{Start: time.Second, End: 2 * time.Second, Text: "So far.", Confidence: 0.5}}
		}, partialJSON},
		{"failed", func(r *transcription.Transcription) {
			r.ID, r.File.ID = uuid.MustParse("01950000-0000-7000-8000-000000000001"), uuid.MustParse("01950000-0000-7000-8000-000000000002")
			r.Status, r.Failure = transcription.Failed, &transcription.Failure{Code: "no_audio", Message: "The file has no audio track."}
			r.File.Gone = true
		}, failedJSON},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			id := w.store.add(t, w.ids["user"], tt.change)
			got := w.do(t, call{actor: "user", path: "/api/v1/transcriptions/" + id.String()})
			got.expect(t, 200, "")
			if diff := cmp.Diff(decoded(t, tt.want), decoded(t, got.body)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// decoded returns what JSON says, with numbers as they are spelled.
func decoded(t *testing.T, s string) (v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return v
}

func TestIDs_thatAreNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.store.add(t, w.ids["user"], completed).String()
	for _, bad := range []string{
		"x", "0", id[:35], id + "0", "{" + id + "}", "urn:uuid:" + id, strings.ReplaceAll(id, "-", ""), "..", "%00", "%2e%2e%2f", "' OR 1=1", uuid.NewString(),
	} {
		for _, in := range []call{
			{actor: "user", method: "GET", path: "/api/v1/transcriptions/{id}"},
			{actor: "user", method: "DELETE", path: "/api/v1/transcriptions/{id}"},
			{actor: "user", method: "GET", path: "/api/v1/export/{id}"},
			{actor: "user", method: "POST", path: "/api/v1/transcriptions/{id}/cancel"},
		} {
			in.path = strings.ReplaceAll(in.path, "{id}", strings.ReplaceAll(bad, " ", "%20"))
			if got := w.do(t, in); got.StatusCode != http.StatusNotFound {
				t.Errorf("%s %s: got %d, want 404", in.method, in.path, got.StatusCode)
			}
		}
	}
	w.do(t, call{actor: "user", path: "/api/v1/transcriptions/" + strings.ToUpper(id)}).expect(t, 200, "")
}

type list struct {
	Items []struct {
		ID     uuid.UUID `json:"id"`
		Status string    `json:"status"`
	} `json:"items"`
	NextCursor *string `json:"nextCursor"`
}

// TestListTranscriptions_pages has items of the same moment, which a cursor of
// times alone would lose or repeat.
func TestListTranscriptions_pages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	want := map[uuid.UUID]bool{}
	for i := range 7 {
		want[w.store.add(t, w.ids["user"], func(r *transcription.Transcription) { r.CreatedAt = start.Add(time.Duration(i/3) * time.Microsecond) })] = true
	}
	w.store.add(t, w.ids["other"], nil)
	got, cursor, pages := map[uuid.UUID]bool{}, "", 0
	for {
		page := data[list](t, w.do(t, call{actor: "user", path: "/api/v1/transcriptions?limit=3&cursor=" + cursor}))
		for _, item := range page.Items {
			if got[item.ID] {
				t.Errorf("%s comes twice", item.ID)
			}
			got[item.ID] = true
		}
		if pages++; page.NextCursor == nil || pages > 9 {
			break
		}
		cursor = *page.NextCursor
	}
	if diff := cmp.Diff(want, got); diff != "" || pages != 3 {
		t.Errorf("%d pages, -want +got\n%s", pages, diff)
	}
}

// TestListTranscriptions_foreseesNothing: what is worked out for one transcription
// at a time must not look like none ahead in a list.
func TestListTranscriptions_foreseesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.store.add(t, w.ids["user"], nil)
	page := data[struct{ Items []map[string]any }](t, w.do(t, call{actor: "user", path: "/api/v1/transcriptions"}))
	one := data[map[string]any](t, w.do(t, call{actor: "user", path: "/api/v1/transcriptions/" + id.String()}))
	for _, field := range []string{"queuePosition", "estimatedSeconds"} {
		if v, ok := page.Items[0][field]; ok {
			t.Errorf("the list has %s %v", field, v)
		}
		if _, ok := one[field]; !ok {
			t.Errorf("the transcription has no %s", field)
		}
	}
}

func TestListTranscriptions_filter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.store.add(t, w.ids["user"], completed)
	w.store.add(t, w.ids["user"], nil)
	for query, want := range map[string]int{"": 2, "?status=completed": 1, "?status=failed": 0, "?limit=1": 1, "?limit=100": 2} {
		if got := data[list](t, w.do(t, call{actor: "user", path: "/api/v1/transcriptions" + query})); len(got.Items) != want {
			t.Errorf("%s: got %d items, want %d", query, len(got.Items), want)
		}
	}
	for query, code := range map[string]string{
		"?status=done": "invalid_status", "?limit=0": "invalid_limit", "?limit=101": "invalid_limit", "?limit=x": "invalid_limit",
		"?limit=99999999999999999999": "invalid_limit", "?cursor=x": "invalid_cursor", "?cursor=AAAA": "invalid_cursor",
	} {
		w.do(t, call{actor: "user", path: "/api/v1/transcriptions" + query}).expect(t, 400, code)
	}
}

// TestMalformedQuery: a parameter that cannot be read must not be dropped.
func TestMalformedQuery(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.store.add(t, w.ids["user"], completed)
	for _, path := range []string{"/api/v1/transcriptions", "/api/v1/export/" + id.String()} {
		for query, code := range map[string]string{
			"?status=%zz": "malformed_query", "?limit=1;cursor=AAAA": "malformed_query", "?%": "malformed_query", "?format=srt;": "malformed_query",
			"?limit=1&cursor=%A": "malformed_query", "?": "", "?&": "", "?limit=1&format=srt&": "unknown_parameter",
			"?limit=1&limit=2": "repeated_parameter", "?format=srt&x&format=srt": "repeated_parameter",
		} {
			want := http.StatusBadRequest
			if code == "" {
				want = http.StatusOK
			}
			w.do(t, call{actor: "user", path: path + query}).expect(t, want, code)
		}
	}
}

func TestExportTranscription(t *testing.T) {
	t.Parallel()
	tests := []struct{ query, kind, extension, holds string }{
		{"", "text/plain; charset=utf-8", "txt", "Guten Tag."},
		{"?format=txt", "text/plain; charset=utf-8", "txt", "Guten Tag."},
		{"?format=srt", "application/x-subrip; charset=utf-8", "srt", "00:00:01,500 --> "},
		{"?format=vtt", "text/vtt; charset=utf-8", "vtt", "WEBVTT"},
		{"?format=json", "application/json", "json", `"fileName": "interview.mp3"`},
		{"?format=csv&bom=true", "text/csv; charset=utf-8", "csv", "\uFEFFindex,start,end,speaker,text,confidence\r\n0,1.500,"},
		{"?format=tsv&speakers=false", "text/tab-separated-values; charset=utf-8", "tsv", "0\t1.500\t"},
		{"?format=docx&paragraph=300", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx", "word/document.xml"},
		{"?format=md&timestamps=true", "text/markdown; charset=utf-8", "md", "# interview\n"},
		{"?format=vtt&highlight=true&maxChars=20&maxLines=1", "text/vtt; charset=utf-8", "vtt", "WEBVTT"},
	}
	w := newWorld(t)
	id := w.store.add(t, w.ids["user"], completed)
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			t.Parallel()
			got := w.do(t, call{actor: "user", path: "/api/v1/export/" + id.String() + tt.query})
			got.expect(t, 200, "")
			if got.Header.Get("Content-Type") != tt.kind || !strings.Contains(got.body, tt.holds) {
				t.Errorf("got %s %s", got.Header.Get("Content-Type"), got.body)
			}
			if name := got.Header.Get("Content-Disposition"); name != "attachment; filename=interview."+tt.extension {
				t.Errorf("got %s", name)
			}
		})
	}
	w.do(t, call{actor: "user", path: "/api/v1/export/" + id.String() + "?format=exe"}).expect(t, 400, "unknown_format")
	none := w.do(t, call{actor: "user", path: "/api/v1/export/" + id.String() + "?format=pdf"})
	none.expect(t, 503, "no_pdf")
	if name := none.Header.Get("Content-Disposition"); name != "" {
		t.Errorf("an error is to be saved as %s", name)
	}
	w.do(t, call{actor: "user", path: "/api/v1/export/" + id.String() + "?format=srt&minDuration=3&maxDuration=2"}).expect(t, 400, "invalid_layout")
}

// TestExportTranscription_manifest: a JSON export says how its text came to be, also
// when that is the text of an earlier run.
func TestExportTranscription_manifest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, tt := range map[string]struct {
		change func(*transcription.Transcription)
		want   string
	}{
		"present": {completed, `"parameters": {
      "model": null,
      "language": null,
      "prompt": "",
      "translate": false,
      "channels": "mix"
    },`},
		"earlier": {func(r *transcription.Transcription) {
			completed(r)
			r.Run, r.Status, r.Earlier = 2, transcription.Failed, &transcription.Earlier{Run: 1, Model: "small"}
		}, `"parameters": null,`},
	} {
		id := w.store.add(t, w.ids["user"], tt.change)
		w.store.Cut(transcription.Ref{ID: id, Run: 1}, transcription.PlannedChunk{
			Piece: audio.Piece{End: 32000, From: 1600, To: 30400}, Made: strings.Repeat("0a", 32),
		})
		got := w.do(t, call{actor: "user", path: "/api/v1/export/" + id.String() + "?format=json"})
		got.expect(t, 200, "")
		chunk := `"start": 0.000,
        "end": 2.000,
        "from": 0.100,
        "to": 1.900,
        "recipe": "` + strings.Repeat("0a", 32)
		if !strings.Contains(got.body, tt.want) || !strings.Contains(got.body, chunk) || !strings.Contains(got.body, `"run": 1`) {
			t.Errorf("%s: got %s", name, got.body)
		}
	}
}

func TestSchema_isServed(t *testing.T) {
	t.Parallel()
	got := newWorld(t).do(t, call{path: "/api/v1/schemas/transcript-1.json"})
	got.expect(t, 200, "")
	if kind := got.Header.Get("Content-Type"); kind != "application/schema+json" || got.body != string(transcription.Schema()) {
		t.Errorf("got %s %.80s", kind, got.body)
	}
}

func TestExportTranscription_notCompleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, status := range transcription.Statuses {
		if status == transcription.Completed {
			continue
		}
		id := w.store.add(t, w.ids["user"], func(r *transcription.Transcription) { r.Status = status })
		got := w.do(t, call{actor: "user", path: "/api/v1/export/" + id.String()})
		got.expect(t, 409, "not_completed")
		if want := fmt.Sprintf(`"status":%q}`, status); !strings.Contains(got.body, want) {
			t.Errorf("got %s, want %s in it", got.body, want)
		}
	}
}

// TestExport_fileNames: what a browser saves must be called like the recording,
// and a name must not reach into the header.
func TestExport_fileNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, want := range map[string]string{
		"interview.mp3":                    "interview.txt",
		"interview":                        "interview.txt",
		"a.b.c.wav":                        "a.b.c.txt",
		"two words.mp3":                    "two words.txt",
		"Gespräch 50%.mp3":                 "Gespräch 50%.txt",
		"インタビュー.m4a":                       "インタビュー.txt",
		`quo"te\.mp3`:                      `quo"te\.txt`,
		"a;b=c.mp3":                        "a;b=c.txt",
		"x\r\nSet-Cookie: a=b.mp3":         "x\r\nSet-Cookie: a=b.txt",
		"🎙 studio + live.flac":             "🎙 studio + live.txt",
		".wav":                             "transcript.txt",
		strings.Repeat("ä", 125) + ".flac": strings.Repeat("ä", 125) + ".txt",
		strings.Repeat("ä", 127):           strings.Repeat("ä", 125) + ".txt",
	} {
		id := w.store.add(t, w.ids["user"], func(r *transcription.Transcription) { r.Status, r.File.Name = transcription.Completed, name })
		got := w.do(t, call{actor: "user", path: "/api/v1/export/" + id.String()})
		kind, params, err := mime.ParseMediaType(got.Header.Get("Content-Disposition"))
		if err != nil || kind != "attachment" || got.Header.Get("Set-Cookie") != "" {
			t.Errorf("%q: got %s, %v", name, got.Header.Get("Content-Disposition"), err)
		}
		if params["filename"] != want {
			t.Errorf("%q: got %q, want %q", name, params["filename"], want)
		}
	}
}

func TestCancelTranscription(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.store.add(t, w.ids["user"], func(r *transcription.Transcription) { r.Status, r.Progress = transcription.Transcribing, 0.5 })
	cancel := func(actor string, id uuid.UUID) answer {
		return w.do(t, call{actor: actor, method: "POST", path: "/api/v1/transcriptions/" + id.String() + "/cancel"})
	}
	cancel("", id).expect(t, 401, "unauthenticated")
	cancel("other", id).expect(t, 404, "not_found")
	cancel("user", newID(t)).expect(t, 404, "not_found")
	for range 2 {
		got := cancel("user", id)
		got.expect(t, 200, "")
		shown := w.do(t, call{actor: "user", path: "/api/v1/transcriptions/" + id.String()})
		if diff := cmp.Diff(decoded(t, shown.body), decoded(t, got.body)); diff != "" {
			t.Errorf("-shown +answered\n%s", diff)
		}
		if one := data[map[string]any](t, got); one["status"] != "canceled" || one["stage"] != nil || one["error"] != nil || one["progress"] != 0.5 {
			t.Errorf("got %v", one)
		}
	}
	if diff := cmp.Diff([]uuid.UUID{id, id}, w.queue.stopped); diff != "" {
		t.Errorf("-want +stopped\n%s", diff)
	}
	for _, status := range []transcription.Status{transcription.Completed, transcription.Failed} {
		ended := w.store.add(t, w.ids["user"], func(r *transcription.Transcription) { r.Status = status })
		got := cancel("user", ended)
		got.expect(t, 409, "already_ended")
		if want := fmt.Sprintf(`"status":%q}`, status); !strings.Contains(got.body, want) {
			t.Errorf("got %s, want %s in it", got.body, want)
		}
	}
	if len(w.queue.stopped) != 2 {
		t.Errorf("workers were told to stop %d times", len(w.queue.stopped))
	}
}

func TestDeleteTranscription(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.store.add(t, w.ids["user"], nil)
	w.objects.sums[transcription.Prefix(w.ids["user"], id)+"source"] = "x"
	path := "/api/v1/transcriptions/" + id.String()
	w.do(t, call{actor: "other", method: "DELETE", path: path}).expect(t, 404, "not_found")
	w.do(t, call{actor: "user", method: "DELETE", path: path}).expect(t, 204, "")
	w.do(t, call{actor: "user", method: "DELETE", path: path}).expect(t, 404, "not_found")
	if diff := cmp.Diff([]uuid.UUID{id}, w.queue.stopped); diff != "" {
		t.Errorf("-want +stopped\n%s", diff)
	}
	if left := w.objects.stored(); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

func TestModels(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	type model struct {
		Name      string
		Installed bool
		Size      int64
		Languages []string
	}
	type models struct {
		Default *string
		Aliases map[string]*string
		Items   []model
	}
	got := data[models](t, w.do(t, call{actor: "user", path: "/api/v1/models"}))
	var installed []string
	for _, m := range got.Items {
		if m.Installed {
			installed = append(installed, m.Name)
		}
	}
	if got.Default == nil || *got.Default != "small" || len(got.Items) != len(transcription.Models()) || !slices.Equal(installed, []string{"demo.en", "small"}) {
		t.Errorf("got %+v", got)
	}
	if i := slices.IndexFunc(got.Items, func(m model) bool { return m.Name == "small" }); i < 0 || got.Items[i].Size != 487_601_967 || len(got.Items[i].Languages) != 99 {
		t.Errorf("got %+v", got)
	}
	if len(got.Aliases) != 3 || got.Aliases["best"] == nil || *got.Aliases["best"] != "small" {
		t.Errorf("got the aliases %v", got.Aliases)
	}
	w.store.Install()
	if got := data[models](t, w.do(t, call{actor: "user", path: "/api/v1/models"})); got.Default != nil {
		t.Errorf("without a worker the default is %s", *got.Default)
	}
}

func TestPresence(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.store.Hear(transcription.Presence{Worker: transcription.Sign{Known: true, Silence: 65 * time.Second}})
	got := w.do(t, call{actor: "user", path: "/api/v1/presence"})
	if want := `{"status":"success","data":{"worker":{"alive":false,"silence":65.000},"scheduler":{"alive":false,"silence":null}}}`; strings.TrimSpace(got.body) != want {
		t.Errorf("got %s, want %s", got.body, want)
	}
	w.store.Hear(transcription.Presence{Scheduler: transcription.Sign{Known: true, Alive: true, Silence: time.Second}})
	if got := w.do(t, call{actor: "user", path: "/api/v1/presence"}); !strings.Contains(got.body, `"scheduler":{"alive":true,"silence":1.000}`) {
		t.Errorf("got %s", got.body)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	got := newWorld(t).do(t, call{path: "/api/v1/limits"})
	if want := `{"status":"success","data":{"maxBytes":1048576,"maxDuration":43200.000,"maxPrompt":400,"exportFormats":["txt","srt","vtt","json","csv","tsv","md","docx","pdf"]}}`; strings.TrimSpace(got.body) != want {
		t.Errorf("got %s, want %s", got.body, want)
	}
}
