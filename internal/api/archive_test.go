package api_test

import (
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// TestExportMe reads back what somebody is given of what is kept of them: all of it,
// nothing of others, and no secret.
func TestExportMe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.store.add(t, w.ids["user"], another).String()
	waits := w.store.add(t, w.ids["user"], func(*transcription.Transcription) {}).String()
	foreign := w.store.add(t, w.ids["other"], another).String()
	w.do(t, call{actor: "user", method: "PUT", path: "/api/v1/transcriptions/" + id, body: `{"segments":[{"start":0,"end":1,"text":"Corrected."}]}`}).expect(t, 200, "")
	w.addWebhook(t, "user")
	w.addIdentity(t, "user")
	w.addIdentity(t, "other")
	key, text := w.addKey(t)
	l := w.addLink(t, uuid.MustParse(id), `{"access":"read","label":"for Ann"}`)
	f := data[folder](t, w.user(t, "POST", "/folders", `{"name":"Talks"}`)).ID.String()
	w.user(t, "POST", "/folders/"+f+"/shares", `{"email":"bea@example.com","access":"edit"}`).expect(t, 201, "")
	w.user(t, "POST", "/transcriptions/"+id+"/shares", `{"email":"ann@example.com","access":"read"}`).expect(t, 201, "")
	w.store.Prove(w.ids["other"], "other@example.com")
	theirs := &transcription.Share{ID: newID(t), Target: transcription.Target{TranscriptionID: uuid.MustParse(foreign)}, Email: "user@example.com", Access: transcription.ToRead}
	if err := w.store.PutShare(t.Context(), w.ids["other"], theirs); err != nil {
		t.Fatal(err)
	}

	got := w.do(t, call{actor: "user", path: "/api/v1/me/export?media=true"})
	got.expect(t, 200, "")
	files := unzip(t, got.body)
	folder := "transcriptions/" + id + "/"
	want := []string{
		"account.json", "api-keys.json", "batches.json", "deliveries.json", "exports.json", "folders.json", "identities.json", "retention.json", "sessions.json", "shared-with-me.json", "usage.json", "folders/" + f + "/shares.json", "webhooks.json",
		folder + "history.json", folder + "links.json", folder + "ranges.json", folder + "recording-interview.mp3", folder + "revisions.json", folder + "shares.json", folder + "transcript.json", folder + "transcript.txt", folder + "transcription.json",
		"transcriptions/" + waits + "/history.json", "transcriptions/" + waits + "/ranges.json", "transcriptions/" + waits + "/recording-interview.mp3", "transcriptions/" + waits + "/revisions.json", "transcriptions/" + waits + "/transcription.json",
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(files))); diff != "" {
		t.Errorf("files: -want +got\n%s", diff)
	}
	described := w.do(t, call{path: "/api/v1/openapi.yaml"}).body
	for name := range files {
		if file := path.Base(name); !strings.HasPrefix(file, "recording-") && !strings.Contains(described, file+"`") {
			t.Errorf("the description has no %s", file)
		}
	}
	for name, content := range files {
		if strings.HasSuffix(name, ".json") && !json.Valid([]byte(content)) {
			t.Errorf("%s is no JSON: %s", name, content)
		}
		if strings.Contains(content, foreign) && name != "shared-with-me.json" || strings.Contains(content, text) || strings.Contains(content, "whsec_") || strings.Contains(content, l.Token) {
			t.Errorf("%s has something of another person, or a secret: %s", name, content)
		}
	}
	for name, part := range map[string]string{
		"account.json": "user@example.com", "api-keys.json": key.Prefix, "webhooks.json": "https://example.com/", "sessions.json": `"current":true`, "identities.json": `"subject": "user"`,
		folder + "transcript.txt": "Corrected.", folder + "revisions.json": `"text":"Corrected."`, folder + "history.json": `"type":"edited"`,
		folder + "recording-interview.mp3": "recording of ", folder + "links.json": `"for Ann"`,
		folder + "shares.json": "ann@example.com", "folders/" + f + "/shares.json": "bea@example.com", "shared-with-me.json": `"sharedBy": "other@example.com"`,
	} {
		if !strings.Contains(files[name], part) {
			t.Errorf("%s lacks %q: %s", name, part, files[name])
		}
	}
}

// Lists of more than one page are whole, and without being asked for there are no
// recordings.
func TestExportMe_pages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 205 {
		w.store.add(t, w.ids["user"], another)
	}
	got := w.do(t, call{actor: "user", path: "/api/v1/me/export"})
	got.expect(t, 200, "")
	folders := map[string]bool{}
	for name := range unzip(t, got.body) {
		if strings.Contains(name, "recording-") {
			t.Errorf("it has %s", name)
		}
		if folder, ok := strings.CutSuffix(name, "/transcript.txt"); ok {
			folders[folder] = true
		}
	}
	if len(folders) != 205 {
		t.Errorf("%d of 205 transcriptions are in it", len(folders))
	}
	w.do(t, call{actor: "user", path: "/api/v1/me/export?media=perhaps"}).expect(t, 400, "invalid_switch")
}
