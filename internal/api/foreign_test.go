package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// foreign are requests that name something of the user's in their body, and what they answer
// the user. The {own} is the caller's, all else the user's.
var foreign = map[string]struct {
	request call
	status  int
}{
	"many to be archived":        {call{method: "POST", path: "/api/v1/transcriptions/bulk", body: `{"ids":["{id}"],"action":"archive"}`}, 200},
	"many to be deleted":         {call{method: "POST", path: "/api/v1/transcriptions/bulk", body: `{"ids":["{id}"],"action":"delete"}`}, 200},
	"many to be run again":       {call{method: "POST", path: "/api/v1/transcriptions/bulk", body: `{"ids":["{id}"],"action":"retry"}`}, 200},
	"where to move":              {call{method: "POST", path: "/api/v1/transcriptions/bulk", body: `{"ids":["{own}"],"action":"move","folderId":"{folder}"}`}, 200},
	"the parent of a new folder": {call{method: "POST", path: "/api/v1/folders", body: `{"name":"Within","parentId":"{folder}"}`}, 201},
	"another parent of a folder": {call{method: "PUT", path: "/api/v1/folders/{ownFolder}", body: `{"name":"Moved","parentId":"{folder}"}`}, 200},
	"the folder of a batch":      {call{method: "POST", path: "/api/v1/batches", body: `{"name":"Monday","folderId":"{folder}"}`}, 201},
	"the batch of an upload":     {call{method: "POST", path: "/api/v1/files/upload"}, 202},
	"exports":                    {call{method: "POST", path: "/api/v1/exports", body: `{"ids":["{own}","{id}"]}`}, 200},
	"exports in the background":  {call{method: "POST", path: "/api/v1/exports", body: `{"ids":["{own}","{id}"],"async":true}`}, 202},
	"a batch to export":          {call{method: "POST", path: "/api/v1/exports", body: `{"batch":"{batch}"}`}, 200},
	"a batch in the background":  {call{method: "POST", path: "/api/v1/exports", body: `{"batch":"{batch}","async":true}`}, 202},
}

// TestAccess_foreignIDs: what is named in a body is somebody else's as much as what is in a path,
// also for who may administer everything.
func TestAccess_foreignIDs(t *testing.T) {
	t.Parallel()
	for name, tt := range foreign {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for actor, owner := range map[string]string{"other": "other", "operator": "operator", "admin": "admin", "admin-key": "admin", "user": "user"} {
				got, id := w.foreign(t, tt.request, actor, owner)
				status, told := got.StatusCode, strings.Contains(got.body, `"code":"not_found"`)
				switch kept, err := w.store.Head(t.Context(), w.ids["user"], id); {
				case actor == "user" && (status != tt.status || told):
					t.Errorf("the user: got %d %s", status, got.body)
				case actor != "user" && (!told || status != http.StatusNotFound && status != http.StatusOK):
					t.Errorf("%s: got %d %s", actor, status, got.body)
				case actor != "user" && (err != nil || !kept.ArchivedAt.IsZero() || kept.Run != 1):
					t.Errorf("%s: what is the user's is %+v, %v", actor, kept, err)
				}
			}
		})
	}
}

// foreign sends a request with things of the user's in it that were made for that, and with some
// of the caller's, and returns the transcription of the user's.
func (w *world) foreign(t *testing.T, in call, actor, owner string) (answer, uuid.UUID) {
	t.Helper()
	ended := func(r *transcription.Transcription) {
		r.Status, r.CompletedAt, r.Duration = transcription.Completed, start, time.Minute
	}
	batch := &transcription.Batch{ID: newID(t), OwnerID: w.ids["user"], Name: "Of the user's"}
	if err := w.store.CreateBatch(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	id, own := w.store.add(t, w.ids["user"], ended), w.store.add(t, w.ids[owner], ended)
	w.store.add(t, w.ids["user"], func(r *transcription.Transcription) {
		ended(r)
		r.BatchID = batch.ID
	})
	folders := map[string]uuid.UUID{}
	for name, whose := range map[string]string{"{folder}": "user", "{ownFolder}": owner} {
		f := &transcription.Folder{ID: newID(t), OwnerID: w.ids[whose], Name: name + actor}
		if err := w.store.CreateFolder(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		folders[name] = f.ID
	}
	if strings.HasSuffix(in.path, "/upload") {
		return w.uploadWith(t, actor, field{"batch", batch.ID.String()}), id
	}
	fill := strings.NewReplacer("{id}", id.String(), "{own}", own.String(), "{batch}", batch.ID.String(),
		"{folder}", folders["{folder}"].String(), "{ownFolder}", folders["{ownFolder}"].String())
	in.actor, in.path, in.body = actor, fill.Replace(in.path), fill.Replace(in.body)
	return w.do(t, in), id
}
