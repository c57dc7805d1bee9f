package transcriptiontest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// addFolder makes a folder of that name.
func addFolder(t *testing.T, w World, owner, parent uuid.UUID, name string) *transcription.Folder {
	t.Helper()
	f := &transcription.Folder{ID: newID(t), OwnerID: owner, ParentID: parent, Name: name}
	must(t, w.CreateFolder(t.Context(), f))
	if f.CreatedAt.IsZero() {
		t.Errorf("%s has no time", name)
	}
	return f
}

// wantCode fails the test unless err is a fault of that code.
func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if f := fault.Of(err); f == nil || f.Code != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

// tree returns the folders of an owner with their parents.
func tree(t *testing.T, w World, owner uuid.UUID) (list []string) {
	t.Helper()
	folders, err := w.Folders(t.Context(), owner)
	must(t, err)
	names := map[uuid.UUID]string{}
	for _, f := range folders {
		names[f.ID] = f.Name
	}
	for _, f := range folders {
		list = append(list, names[f.ParentID]+"/"+f.Name)
	}
	return list
}

func testFolders(t *testing.T, w World) {
	owner, other := w.Owner(t), w.Owner(t)
	a := addFolder(t, w, owner, uuid.Nil, "A")
	b := addFolder(t, w, owner, a.ID, "B")
	c := addFolder(t, w, owner, b.ID, "C")
	addFolder(t, w, other, uuid.Nil, "A")
	ctx := t.Context()
	wantCode(t, w.CreateFolder(ctx, &transcription.Folder{ID: newID(t), OwnerID: owner, Name: "a"}), "folder_exists")
	wantKind(t, w.CreateFolder(ctx, &transcription.Folder{ID: newID(t), OwnerID: other, ParentID: a.ID, Name: "X"}), fault.NotFound)
	wantCode(t, w.ChangeFolder(ctx, &transcription.Folder{ID: a.ID, OwnerID: owner, ParentID: c.ID, Name: "A"}), "folder_in_itself")
	wantCode(t, w.ChangeFolder(ctx, &transcription.Folder{ID: a.ID, OwnerID: owner, ParentID: a.ID, Name: "A"}), "folder_in_itself")
	wantKind(t, w.ChangeFolder(ctx, &transcription.Folder{ID: a.ID, OwnerID: other, Name: "X"}), fault.NotFound)
	wantKind(t, w.DeleteFolder(ctx, other, a.ID), fault.NotFound)
	must(t, w.ChangeFolder(ctx, &transcription.Folder{ID: c.ID, OwnerID: owner, ParentID: a.ID, Name: "D"}))
	if diff := cmp.Diff([]string{"/A", "A/B", "A/D"}, tree(t, w, owner)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	within := create(t, w, owner)
	_, err := w.Arrange(ctx, owner, []uuid.UUID{within.ID}, transcription.Arrangement{Folder: &b.ID})
	must(t, err)
	addFolder(t, w, owner, b.ID, "d")
	must(t, w.DeleteFolder(ctx, owner, b.ID))
	if got := tree(t, w, owner); len(got) != 3 || got[0] != "/A" || got[1] != "A/D" || got[2] == "A/d" {
		t.Errorf("got %v: what was in the folder should be where it was, under names of its own", got)
	}
	if head, err := w.Head(ctx, owner, within.ID); err != nil || head.FolderID != a.ID {
		t.Errorf("it is in %v, %v", head.FolderID, err)
	}
}

func testArrange(t *testing.T, w World) {
	owner, other := w.Owner(t), w.Owner(t)
	one, two, foreign := create(t, w, owner), create(t, w, owner), create(t, w, other)
	f := addFolder(t, w, owner, uuid.Nil, "Talks")
	ctx, yes, no := t.Context(), true, false
	ids := []uuid.UUID{one.ID, foreign.ID, two.ID, newID(t)}
	found, err := w.Arrange(ctx, owner, ids, transcription.Arrangement{Folder: &f.ID, Tag: []string{"Work", "2026"}, Archived: &yes})
	must(t, err)
	if len(found) != 2 {
		t.Errorf("got %v, want both of the owner's", found)
	}
	_, err = w.Arrange(ctx, owner, []uuid.UUID{two.ID}, transcription.Arrangement{Folder: new(uuid.UUID), Tag: []string{"work", "new"}, Untag: []string{"2026"}, Archived: &no})
	must(t, err)
	head, err := w.Head(ctx, owner, one.ID)
	must(t, err)
	if diff := cmp.Diff([]string{"Work", "2026"}, head.Tags); diff != "" || head.FolderID != f.ID || head.ArchivedAt.IsZero() {
		t.Errorf("in %s since %s: -want +got\n%s", head.FolderID, head.ArchivedAt, diff)
	}
	for filter, want := range map[*transcription.Filter]uuid.UUID{
		{Folder: &f.ID}: one.ID, {Folder: new(uuid.UUID)}: two.ID, {Tag: "NEW"}: two.ID, {Tag: "2026"}: one.ID, {Archived: &yes}: one.ID, {Archived: &no}: two.ID,
	} {
		filter.Limit = 10
		page, err := w.Transcriptions(ctx, owner, *filter)
		must(t, err)
		if len(page) != 1 || page[0].ID != want {
			t.Errorf("%+v: got %d", filter, len(page))
		}
	}
	var many []string
	for i := range transcription.MaxTags {
		many = append(many, fmt.Sprint("tag ", i))
	}
	_, err = w.Arrange(ctx, owner, ids, transcription.Arrangement{Tag: many})
	wantCode(t, err, "too_many_tags")
	nowhere := newID(t)
	_, err = w.Arrange(ctx, owner, ids, transcription.Arrangement{Folder: &nowhere})
	wantKind(t, err, fault.NotFound)
	if foreign, err := w.Head(ctx, other, foreign.ID); err != nil || len(foreign.Tags) > 0 || foreign.FolderID != uuid.Nil {
		t.Errorf("what is somebody else's was changed: %v, %v", foreign, err)
	}
}
