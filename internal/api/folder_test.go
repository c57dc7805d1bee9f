package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

type folder struct {
	ID       uuid.UUID  `json:"id"`
	Name     string     `json:"name"`
	ParentID *uuid.UUID `json:"parentId"`
}

func (w *world) user(t *testing.T, method, path, body string) answer {
	t.Helper()
	return w.do(t, call{actor: "user", method: method, path: "/api/v1" + path, body: body})
}

func TestFolders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.user(t, "POST", "/folders", `{"name":" Talks "}`)
	made.expect(t, 201, "")
	talks := data[folder](t, made)
	within := data[folder](t, w.user(t, "POST", "/folders", fmt.Sprintf(`{"name":"2026","parentId":%q}`, talks.ID)))
	if talks.Name != "Talks" || talks.ParentID != nil || within.ParentID == nil || *within.ParentID != talks.ID {
		t.Errorf("got %+v and %+v", talks, within)
	}
	w.user(t, "POST", "/folders", `{"name":"talks"}`).expect(t, 409, "folder_exists")
	w.user(t, "POST", "/folders", `{"name":" "}`).expect(t, 400, "invalid_name")
	w.user(t, "POST", "/folders", `{"name":"`+strings.Repeat("x", 201)+`"}`).expect(t, 400, "invalid_name")
	w.user(t, "PUT", "/folders/"+talks.ID.String(), fmt.Sprintf(`{"name":"Talks","parentId":%q}`, within.ID)).expect(t, 400, "folder_in_itself")
	w.user(t, "PUT", "/folders/"+within.ID.String(), `{"name":"Last year"}`).expect(t, 200, "")
	list := data[struct{ Items []folder }](t, w.user(t, "GET", "/folders", ""))
	if len(list.Items) != 2 || list.Items[0].Name != "Last year" || list.Items[0].ParentID != nil {
		t.Errorf("got %+v", list.Items)
	}
	w.user(t, "DELETE", "/folders/"+talks.ID.String(), "").expect(t, 204, "")
	w.user(t, "DELETE", "/folders/"+talks.ID.String(), "").expect(t, 404, "not_found")
}

type outcomes struct {
	Items []struct {
		ID    uuid.UUID `json:"id"`
		Error *struct {
			Code string `json:"code"`
		} `json:"error"`
	} `json:"items"`
}

// codes tells how each of many went.
func (o outcomes) codes() (list []string) {
	for _, i := range o.Items {
		if i.Error == nil {
			list = append(list, "done")
			continue
		}
		list = append(list, i.Error.Code)
	}
	return list
}

func TestBulk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, foreign := w.store.add(t, w.ids["user"], completed), w.store.add(t, w.ids["other"], nil)
	queued := w.store.add(t, w.ids["user"], nil)
	ids := fmt.Sprintf(`"ids":[%q,%q,%q]`, one, foreign, queued)
	f := data[folder](t, w.user(t, "POST", "/folders", `{"name":"Talks"}`))
	for _, tt := range []struct {
		body string
		want []string
	}{
		{`"action":"move","folderId":"` + f.ID.String() + `"`, []string{"done", "not_found", "done"}},
		{`"action":"tag","tags":["Work"," work "]`, []string{"done", "not_found", "done"}},
		{`"action":"archive"`, []string{"done", "not_found", "done"}},
		{`"action":"cancel"`, []string{"already_ended", "not_found", "done"}},
		{`"action":"retry"`, []string{"done", "not_found", "done"}},
	} {
		got := w.user(t, "POST", "/transcriptions/bulk", "{"+ids+","+tt.body+"}")
		got.expect(t, 200, "")
		if diff := cmp.Diff(tt.want, data[outcomes](t, got).codes()); diff != "" {
			t.Errorf("%s: -want +got\n%s", tt.body, diff)
		}
	}
	shown := data[struct {
		FolderID   *uuid.UUID `json:"folderId"`
		Tags       []string   `json:"tags"`
		ArchivedAt *string    `json:"archivedAt"`
	}](t, w.user(t, "GET", "/transcriptions/"+one.String(), ""))
	if diff := cmp.Diff([]string{"Work"}, shown.Tags); diff != "" || shown.FolderID == nil || *shown.FolderID != f.ID || shown.ArchivedAt == nil {
		t.Errorf("got %+v", shown)
	}
	for query, want := range map[string]int{
		"folder=" + f.ID.String(): 2, "folder=none": 0, "tag=WORK": 2, "tag=x": 0, "archived=true": 2, "archived=false": 0,
	} {
		if got := data[foundPage](t, w.user(t, "GET", "/transcriptions?"+query, "")); len(got.Items) != want {
			t.Errorf("%s: %d, want %d", query, len(got.Items), want)
		}
	}
	w.user(t, "GET", "/transcriptions?folder=x", "").expect(t, 400, "invalid_folder")
	w.user(t, "GET", "/transcriptions?archived=x", "").expect(t, 400, "invalid_archived")
	w.user(t, "POST", "/transcriptions/bulk", `{"ids":[],"action":"archive"}`).expect(t, 400, "invalid_ids")
	w.user(t, "POST", "/transcriptions/bulk", "{"+ids+`,"action":"shout"}`).expect(t, 400, "unknown_action")
	w.user(t, "POST", "/transcriptions/bulk", "{"+ids+`,"action":"tag","tags":[""]}`).expect(t, 400, "invalid_tag")
	w.user(t, "POST", "/transcriptions/bulk", "{"+ids+`,"action":"move","folderId":"`+one.String()+`"}`).expect(t, 404, "not_found")
	if got := data[outcomes](t, w.user(t, "POST", "/transcriptions/bulk", "{"+ids+`,"action":"delete"}`)).codes(); got[0] != "done" || got[1] != "not_found" {
		t.Errorf("got %v", got)
	}
}
