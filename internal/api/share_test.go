package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

type share struct {
	ID     uuid.UUID `json:"id"`
	Email  string    `json:"email"`
	Access string    `json:"access"`
}

// insertShares shares a transcription and a folder of the user's with those who are called
// so, and returns one of either.
func (w *world) insertShares(t *testing.T, id, folder uuid.UUID) (one, ofFolder uuid.UUID) {
	t.Helper()
	for _, access := range []transcription.Access{transcription.ToRead, transcription.ToEdit} {
		for _, of := range []transcription.Target{{TranscriptionID: id}, {FolderID: folder}} {
			s := &transcription.Share{ID: newID(t), Target: of, Email: "shared-" + string(access) + "@example.com", Access: access}
			if err := w.store.PutShare(t.Context(), w.ids["user"], s); err != nil {
				t.Fatal(err)
			}
			if of.FolderID != uuid.Nil {
				ofFolder = s.ID
			}
		}
	}
	list, err := w.store.Shares(t.Context(), w.ids["user"], transcription.Target{TranscriptionID: id})
	if err != nil {
		t.Fatal(err)
	}
	return list[0].ID, ofFolder
}

type item struct {
	ID       uuid.UUID  `json:"id"`
	Access   string     `json:"access"`
	SharedBy *string    `json:"sharedBy"`
	FolderID *uuid.UUID `json:"folderId"`
	Tags     []string   `json:"tags"`
}

// received returns what is in the list of what others share with somebody.
func (w *world) received(t *testing.T, who string) []item {
	t.Helper()
	return data[struct{ Items []item }](t, w.do(t, call{actor: who, path: "/api/v1/transcriptions?shared=with-me"})).Items
}

func TestShares(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.addTalk(t)
	path := "/transcriptions/" + id.String()
	made := w.user(t, "POST", path+"/shares", `{"email":" Shared-Read@Example.com ","access":"read"}`)
	made.expect(t, 201, "")
	given := data[share](t, made)
	unknown := w.user(t, "POST", path+"/shares", `{"email":"nobody-at-all@example.com","access":"read"}`)
	unknown.expect(t, 201, "")
	if a, b := keys(t, made), keys(t, unknown); !cmp.Equal(a, b) || given.Email != "shared-read@example.com" {
		t.Errorf("it tells whether there is an account: %s, %s", made.body, unknown.body)
	}
	for body, code := range map[string]string{
		`{"email":"user@example.com","access":"read"}`: "own_address", `{"email":"x","access":"read"}`: "invalid_email", `{"email":"x@example.com","access":"own"}`: "invalid_access",
	} {
		w.user(t, "POST", path+"/shares", body).expect(t, 400, code)
	}
	reader := func(method, path, body string) answer {
		return w.do(t, call{actor: "shared-read", method: method, path: "/api/v1" + path, body: body})
	}
	shown := data[item](t, reader("GET", path, ""))
	if shown.Access != "read" || shown.SharedBy == nil || *shown.SharedBy != "user@example.com" || len(shown.Tags) > 0 || shown.FolderID != nil {
		t.Errorf("got %+v", shown)
	}
	if own := data[item](t, w.user(t, "GET", path, "")); own.Access != "owner" || own.SharedBy != nil || len(own.Tags) != 1 {
		t.Errorf("the owner sees %+v", own)
	}
	if list := w.received(t, "shared-read"); len(list) != 1 || list[0].ID != id || list[0].Access != "read" {
		t.Errorf("got %+v", list)
	}
	if list := data[struct{ Items []item }](t, reader("GET", "/transcriptions", "")).Items; len(list) > 0 {
		t.Errorf("it is among their own: %+v", list)
	}
	reader("GET", "/transcriptions?shared=with-me&tag=x", "").expect(t, 400, "not_your_order")
	reader("GET", "/transcriptions?shared=all", "").expect(t, 400, "invalid_shared")
	found := data[struct {
		Items []struct{ Matches []struct{ Segment int } }
	}](t, reader("GET", "/transcriptions?shared=with-me&q=hello", "")).Items
	if len(found) != 1 || len(found[0].Matches) != 1 {
		t.Errorf("found %+v", found)
	}
	reader("PATCH", path, `{"edits":[]}`).expect(t, 403, "read_only")
	again := data[share](t, w.user(t, "POST", path+"/shares", `{"email":"shared-read@example.com","access":"edit"}`))
	if again.ID != given.ID || again.Access != "edit" {
		t.Errorf("got %+v", again)
	}
	reader("PATCH", path, `{"edits":[{"op":"renameSpeaker","from":"Bob","to":"Robert"},{"op":"replace","find":"Hello","with":"Hi"}]}`).expect(t, 200, "")
	revisions := data[struct {
		Items []struct {
			By struct{ Kind, Name, Email string }
		}
	}](t, w.user(t, "GET", path+"/revisions", "")).Items
	if len(revisions) != 1 || revisions[0].By.Email != "shared-read@example.com" || revisions[0].By.Name != w.ids["shared-read"].String() {
		t.Errorf("got %+v", revisions)
	}
	if list := data[struct{ Items []share }](t, w.user(t, "GET", path+"/shares", "")).Items; len(list) != 2 || list[0].Email != "nobody-at-all@example.com" || list[1].Access != "edit" {
		t.Errorf("got %+v", list)
	}
	w.user(t, "DELETE", path+"/shares/x", "").expect(t, 404, "not_found")
	w.user(t, "DELETE", path+"/shares/"+given.ID.String(), "").expect(t, 204, "")
	for _, in := range [][3]string{{"GET", path}, {"GET", "/export/" + id.String()}, {"PATCH", path, `{"edits":[]}`}, {"DELETE", path}, {"GET", path + "/events"}, {"GET", path + "/revisions"}} {
		reader(in[0], in[1], in[2]).expect(t, 404, "not_found")
	}
}

// keys returns the names of the fields of the data of an answer.
func keys(t *testing.T, a answer) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for name := range data[map[string]json.RawMessage](t, a) {
		found[name] = true
	}
	return found
}

// TestShares_folder: whatever is in a shared folder is shared, also what comes into it later
// and what is in a folder within; what is moved out is not any more.
func TestShares_folder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	outer := data[folder](t, w.user(t, "POST", "/folders", `{"name":"Outer"}`))
	inner := data[folder](t, w.user(t, "POST", "/folders", `{"name":"Inner","parentId":"`+outer.ID.String()+`"}`))
	shares := "/folders/" + outer.ID.String() + "/shares"
	given := data[share](t, w.user(t, "POST", shares, `{"email":"shared-edit@example.com","access":"edit"}`))
	id := w.addTalk(t)
	move := func(to string) {
		t.Helper()
		w.user(t, "POST", "/transcriptions/bulk", `{"ids":["`+id.String()+`"],"action":"move","folderId":`+to+`}`).expect(t, 200, "")
	}
	edit := call{actor: "shared-edit", method: "PATCH", path: "/api/v1/transcriptions/" + id.String(), body: `{"edits":[]}`}
	w.do(t, edit).expect(t, 404, "not_found")
	for _, to := range []uuid.UUID{outer.ID, inner.ID} {
		move(`"` + to.String() + `"`)
		w.do(t, edit).expect(t, 200, "")
		if list := w.received(t, "shared-edit"); len(list) != 1 || list[0].Access != "edit" || list[0].FolderID != nil {
			t.Errorf("got %+v", list)
		}
	}
	move("null")
	w.do(t, edit).expect(t, 404, "not_found")
	move(`"` + inner.ID.String() + `"`)
	w.do(t, call{actor: "shared-edit", path: "/api/v1/folders"}).expect(t, 200, "")
	w.do(t, call{actor: "shared-edit", path: "/api/v1" + shares}).expect(t, 404, "not_found")
	if list := data[struct{ Items []share }](t, w.user(t, "GET", shares, "")).Items; len(list) != 1 || list[0].ID != given.ID {
		t.Errorf("got %+v", list)
	}
	w.user(t, "DELETE", shares+"/"+given.ID.String(), "").expect(t, 204, "")
	w.do(t, edit).expect(t, 404, "not_found")
}

// TestShares_role: a share gives nobody what their role does not.
func TestShares_role(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.store.Prove(w.ids["viewer"], "viewer@example.com")
	path := "/transcriptions/" + w.addTalk(t).String()
	w.user(t, "POST", path+"/shares", `{"email":"viewer@example.com","access":"edit"}`).expect(t, 201, "")
	w.do(t, call{actor: "viewer", path: "/api/v1" + path}).expect(t, 200, "")
	w.do(t, call{actor: "viewer", method: "PATCH", path: "/api/v1" + path, body: `{"edits":[]}`}).expect(t, 403, "forbidden")
}

// TestShares_followed: who follows what is shared with them is told no more when it is not.
func TestShares_followed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.store.add(t, w.ids["user"], func(r *transcription.Transcription) { r.Status = transcription.Transcribing })
	shares := "/transcriptions/" + id.String() + "/shares"
	given := data[share](t, w.user(t, "POST", shares, `{"email":"shared-read@example.com","access":"read"}`))
	ended := make(chan answer, 1)
	go func() {
		ended <- w.do(t, call{actor: "shared-read", path: "/api/v1/transcriptions/" + id.String() + "/events"})
	}()
	for deadline := time.Now().Add(time.Minute); w.feed.Followers() == 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	w.user(t, "DELETE", shares+"/"+given.ID.String(), "").expect(t, 204, "")
	select {
	case got := <-ended:
		if got.StatusCode != http.StatusOK && got.StatusCode != http.StatusNotFound || strings.Contains(got.body, "completed") {
			t.Errorf("got %d %s", got.StatusCode, got.body)
		}
	case <-time.After(time.Minute):
		t.Error("they are told still")
	}
}
