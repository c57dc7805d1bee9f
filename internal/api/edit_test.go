package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// text is what the tests of edits look at of an answer.
type text struct {
	Revision int    `json:"revision"`
	Text     string `json:"text"`
	Segments []struct {
		Start   float64 `json:"start"`
		End     float64 `json:"end"`
		Text    string  `json:"text"`
		Speaker *string `json:"speaker"`
	} `json:"segments"`
}

// editor calls what changes the text of one transcription.
type editor struct {
	w  *world
	id uuid.UUID
}

func newEditor(t *testing.T) editor {
	t.Helper()
	w := newWorld(t)
	return editor{w, w.store.add(t, w.ids["user"], completed)}
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func details(t *testing.T, a answer) map[string]any {
	t.Helper()
	var e struct {
		Error struct {
			Details map[string]any `json:"details"`
		} `json:"error"`
	}
	if err := json.Unmarshal([]byte(a.body), &e); err != nil {
		t.Fatal(err)
	}
	return e.Error.Details
}

func (e editor) call(t *testing.T, method, path, body, tag string) answer {
	t.Helper()
	c := call{actor: "user", method: method, path: "/api/v1/transcriptions/" + e.id.String() + path, body: body, header: map[string]string{}}
	if tag != "" {
		c.header["If-Match"] = tag
	}
	return e.w.do(t, c)
}

func TestEditTranscription(t *testing.T) {
	t.Parallel()
	e := newEditor(t)
	shown := e.call(t, "GET", "", "", "")
	got := e.call(t, "PATCH", "", `{"edits":[{"op":"text","segment":0,"text":"Good day."},{"op":"speaker","segment":0,"speaker":"Ann"}]}`, shown.Header.Get("ETag"))
	got.expect(t, 200, "")
	if one := data[text](t, got); one.Revision != 1 || !strings.HasPrefix(one.Text, "Good day.") || one.Segments[0].Speaker == nil || *one.Segments[0].Speaker != "Ann" {
		t.Errorf("got %+v", one)
	}
	again := e.call(t, "GET", "", "", "")
	if a, b := again.Header.Get("ETag"), got.Header.Get("ETag"); a != b || a == shown.Header.Get("ETag") {
		t.Errorf("the tag is %s, of the answer to the edit it was %s, before %s", a, b, shown.Header.Get("ETag"))
	}
	if export := e.w.do(t, call{actor: "user", path: "/api/v1/export/" + e.id.String()}); !strings.Contains(export.body, "Good day.") {
		t.Errorf("exported %s", export.body)
	}
	list := data[struct {
		Items []struct {
			Revision int            `json:"revision"`
			Kind     string         `json:"kind"`
			By       map[string]any `json:"by"`
		} `json:"items"`
	}](t, e.call(t, "GET", "/revisions", "", ""))
	if len(list.Items) != 1 || list.Items[0].Kind != "edit" || list.Items[0].By["name"] != e.w.ids["user"].String() {
		t.Errorf("got %+v", list)
	}
}

// Two change what both have read. The second learns of both versions.
func TestEditTranscription_stale(t *testing.T) {
	t.Parallel()
	e := newEditor(t)
	tag := e.call(t, "GET", "", "", "").Header.Get("ETag")
	e.call(t, "PATCH", "", `{"edits":[{"op":"text","segment":0,"text":"First."}]}`, tag).expect(t, 200, "")
	late := e.call(t, "PATCH", "", `{"edits":[{"op":"text","segment":0,"text":"Second."}]}`, tag)
	late.expect(t, 412, "stale_edit")
	details := details(t, late)
	if text := fmt.Sprint(details["changes"]); !strings.Contains(text, "First.") || !strings.Contains(text, "Second.") || details["revision"] != 1.0 {
		t.Errorf("got %v", details)
	}
	restore := e.call(t, "POST", "/revisions/0/restore", "", tag)
	if restore.expect(t, 412, "stale_edit"); !strings.Contains(restore.body, "First.") || !strings.Contains(restore.body, "Guten Tag.") {
		t.Errorf("got %s, want both versions", restore.body)
	}
	e.call(t, "PUT", "", `{"text":"x"}`, `"of another server"`).expect(t, 412, "unknown_etag")
	e.call(t, "PUT", "", `{"text":"x"}`, `"x.99"`).expect(t, 412, "unknown_etag")
	e.call(t, "PUT", "", `{"text":"Whole."}`, "*").expect(t, 200, "")
}

// Of a tag only the number of the revision was looked at, so that of any other text was as
// good, or one that somebody had made up.
func TestEditTranscription_tagOfAnother(t *testing.T) {
	t.Parallel()
	e := newEditor(t)
	other := editor{e.w, e.w.store.add(t, e.w.ids["user"], func(r *transcription.Transcription) {
		completed(r)
		r.ID = newID(t)
	})}
	own, foreign := e.call(t, "GET", "", "", "").Header.Get("ETag"), other.call(t, "GET", "", "", "").Header.Get("ETag")
	edit := `{"edits":[{"op":"text","segment":0,"text":"Mine."}]}`
	for _, tag := range []string{foreign, `"x.0"`, `"x.0.y"`, strings.Replace(own, ".0.", ".1.", 1), own[:len(own)-2] + `-"`} {
		e.call(t, "PATCH", "", edit, tag).expect(t, 412, "unknown_etag")
	}
	e.call(t, "PATCH", "", edit, "W/"+own).expect(t, 200, "")
}

// The tag of a run that had been canceled was refused with the advice to read it again, which
// gave the same tag. It stands for a run without a text: not for what somebody else has
// given it since.
func TestImportTranscription_canceledWithTag(t *testing.T) {
	t.Parallel()
	for _, status := range []transcription.Status{transcription.Canceled, transcription.Failed} {
		w := newWorld(t)
		e := editor{w, w.store.add(t, w.ids["user"], func(r *transcription.Transcription) { r.Status = status })}
		tag := e.call(t, "GET", "", "", "").Header.Get("ETag")
		const srt = "1\n00:00:01,000 --> 00:00:02,000\nMine.\n"
		e.call(t, "PATCH", "", `{"edits":[{"op":"text","segment":0,"text":"x"}]}`, tag).expect(t, 409, "no_text")
		e.call(t, "POST", "/import?format=srt", srt, tag).expect(t, 200, "")
		e.call(t, "POST", "/import?format=srt", srt, tag).expect(t, 412, "unknown_etag")
		e.call(t, "PATCH", "", `{"edits":[{"op":"text","segment":0,"text":"x"}]}`, tag).expect(t, 412, "unknown_etag")
	}
}

// Who has read a part of the text, while it was made, has read none that can be changed: what
// they called segment 0 may be another one.
func TestEditTranscription_readBeforeTheEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	going := w.store.add(t, w.ids["user"], func(r *transcription.Transcription) {
		completed(r)
		r.Status = transcription.Transcribing
	})
	path := "/api/v1/transcriptions/" + going.String()
	tag := w.do(t, call{actor: "user", path: path}).Header.Get("ETag")
	w.store.add(t, w.ids["user"], completed)
	edit := call{actor: "user", method: "PATCH", path: path, body: `{"edits":[{"op":"remove","segment":0}]}`, header: map[string]string{"If-Match": tag}}
	w.do(t, edit).expect(t, 412, "unknown_etag")
}

func TestRewriteTranscription(t *testing.T) {
	t.Parallel()
	e := newEditor(t)
	before := data[map[string]any](t, e.call(t, "GET", "", "", ""))
	segments := toJSON(t, before["segments"])
	same := e.call(t, "PUT", "", `{"segments":`+segments+`}`, "")
	same.expect(t, 200, "")
	if one := data[text](t, same); one.Revision != 0 {
		t.Errorf("sent back as it was, it is revision %d", one.Revision)
	}
	got := data[text](t, e.call(t, "PUT", "", `{"segments":[{"start":0,"end":1.0004,"text":"Short.","speaker":null}]}`, ""))
	if got.Revision != 1 || got.Text != "Short." || got.Segments[0].End != 1 {
		t.Errorf("got %+v", got)
	}
	e.call(t, "POST", "/revisions/machine/restore", "", "").expect(t, 200, "")
	if after := data[map[string]any](t, e.call(t, "GET", "", "", "")); toJSON(t, after["segments"]) != segments || after["revision"] != 2.0 {
		t.Errorf("restored, it is\n%v, not\n%s", after["segments"], segments)
	}
	diff := e.call(t, "GET", "/revisions/2/diff?from=1", "", "")
	if diff.expect(t, 200, ""); !strings.Contains(diff.body, "Short.") || !strings.Contains(diff.body, "Guten Tag.") {
		t.Errorf("got %s", diff.body)
	}
	if at := data[text](t, e.call(t, "GET", "/revisions/1", "", "")); at.Revision != 1 || at.Text != "Short." {
		t.Errorf("revision 1 is %+v", at)
	}
}

// An export that comes back as it was is no edit; one that was changed is.
func TestImportTranscription(t *testing.T) {
	t.Parallel()
	e := newEditor(t)
	for revision, change := range []*strings.Replacer{strings.NewReplacer(), strings.NewReplacer("Guten", "Schönen")} {
		for _, format := range []string{"vtt", "srt"} {
			export := e.w.do(t, call{actor: "user", path: "/api/v1/export/" + e.id.String() + "?format=" + format})
			got := e.w.do(t, call{
				actor: "user", method: "POST", path: "/api/v1/transcriptions/" + e.id.String() + "/import?format=" + format,
				body: change.Replace(export.body), header: map[string]string{"Content-Type": "text/plain"},
			})
			got.expect(t, 200, "")
			if one := data[text](t, got); one.Revision != revision {
				t.Errorf("%s: revision %d, want %d", format, one.Revision, revision)
			}
		}
	}
	if one := data[text](t, e.call(t, "GET", "", "", "")); one.Text != "Schönen Tag. <b>Ja</b>." || one.Segments[0].Speaker == nil {
		t.Errorf("got %+v", one)
	}
	bad := e.w.do(t, call{
		actor: "user", method: "POST", path: "/api/v1/transcriptions/" + e.id.String() + "/import?format=srt", body: "1\nnow\n", header: map[string]string{"Content-Type": "text/plain"},
	})
	if bad.expect(t, 400, "malformed_import"); details(t, bad)["line"] != 2.0 {
		t.Errorf("got %v", details(t, bad))
	}
}

func TestEditTranscription_refused(t *testing.T) {
	t.Parallel()
	e := newEditor(t)
	for _, tt := range []struct {
		method, path, body string
		status             int
		code               string
	}{
		{"PUT", "", `{}`, 400, "text_or_segments"},
		{"PUT", "", `{"text":"x","segments":[]}`, 400, "text_or_segments"},
		{"PUT", "", `{"segments":[{"start":2,"end":1,"text":"x"}]}`, 400, "times_reversed"},
		{"PUT", "", `{"segments":[{"start":0,"end":1e300,"text":"x"}]}`, 400, "beyond_the_end"},
		{"PUT", "", `{"segments":[{"start":"0","end":1,"text":"x"}]}`, 400, "malformed_json"},
		{"PUT", "", `{"text":"` + strings.Repeat("x", 16<<20) + `"}`, 413, "body_too_large"},
		{"PATCH", "", `{"edits":[{"op":"text","segment":0,"text":"` + strings.Repeat("x", 10<<20) + `"}]}`, 400, "text_too_long"},
		{"PATCH", "", `{"edits":[{"op":"text","segment":-1,"text":"x"}]}`, 400, "no_such_segment"},
		{"PATCH", "", `{"edits":[{"op":"times","segment":0,"start":1,"end":0.5}]}`, 400, "times_reversed"},
		{"PATCH", "", `{"edits":[{"op":"shout"}]}`, 400, "unknown_edit"},
		{"PATCH", "", `{"edits":[{"op":"remove"}]}`, 400, "missing_field"},
		{"PATCH", "", `{"edits":[{"op":"remove","segment":null}]}`, 400, "missing_field"},
		{"PATCH", "", `{"edits":[{"op":"text","segment":0}]}`, 400, "missing_field"},
		{"PATCH", "", `{"edits":[{"op":"speaker","segment":0}]}`, 400, "missing_field"},
		{"PATCH", "", `{"edits":[{"op":"join"}]}`, 400, "missing_field"},
		{"PATCH", "", `{"edits":[{"op":"renameSpeaker","to":"Z"}]}`, 400, "missing_field"},
		{"PATCH", "", `{"edits":[{"op":"renameSpeaker","from":"A"}]}`, 400, "missing_field"},
		{"PATCH", "", `{"edits":[{"op":"replace","find":"x"}]}`, 400, "missing_field"},
		{"PATCH", "", `{"edits":[{"op":"insert","start":0,"end":1}]}`, 400, "missing_field"},
		{"PATCH", "", `{"changes":[]}`, 400, "malformed_json"},
		{"PATCH", "", `{"edits":{"op":"text"}}`, 400, "malformed_json"},
		{"PATCH", "", `{"edits":[{"op":"text","txt":"x"}]}`, 400, "malformed_json"},
		{"PATCH", "", `{"edits":[` + strings.Repeat("{},", 2000) + `{}]}`, 400, "too_many_edits"},
		{"PATCH", "", `{"edits":[` + strings.Repeat("{},", 5<<20) + `{}]}`, 400, "list_too_long"},
		{"PUT", "", `{"segments":[` + strings.Repeat("{},", 200_000) + `{}]}`, 400, "list_too_long"},
		{"GET", "/revisions/1", "", 404, "not_found"},
		{"GET", "/revisions/first", "", 404, "not_found"},
		{"GET", "/revisions/0/diff?from=-2", "", 404, "not_found"},
		{"POST", "/revisions/4/restore", "", 404, "not_found"},
		{"GET", "/revisions?limit=0", "", 400, "invalid_limit"},
		{"GET", "/revisions?cursor=x", "", 400, "invalid_cursor"},
	} {
		c := call{actor: "user", method: tt.method, path: "/api/v1/transcriptions/" + e.id.String() + tt.path, body: tt.body}
		e.w.do(t, c).expect(t, tt.status, tt.code)
	}
	going := e.w.store.add(t, e.w.ids["user"], func(r *transcription.Transcription) { r.Status = transcription.Queued })
	e.w.do(t, call{actor: "user", method: "PUT", path: "/api/v1/transcriptions/" + going.String(), body: `{"text":"x"}`}).expect(t, 409, "no_text")
	if one := data[text](t, e.call(t, "GET", "", "", "")); one.Revision != 0 {
		t.Errorf("something was changed: revision %d", one.Revision)
	}
}
