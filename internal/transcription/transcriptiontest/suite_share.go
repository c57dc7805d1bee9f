package transcriptiontest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// give shares something of the owner's.
func give(t *testing.T, w World, owner uuid.UUID, of transcription.Target, email string, a transcription.Access) *transcription.Share {
	t.Helper()
	s := &transcription.Share{ID: newID(t), Target: of, Email: email, Access: a}
	must(t, w.PutShare(t.Context(), owner, s))
	if s.CreatedAt.IsZero() {
		t.Error("the share has no time")
	}
	return s
}

// listed returns what is in the list of what others share with somebody.
func listed(t *testing.T, w World, who uuid.UUID) map[uuid.UUID]transcription.Access {
	t.Helper()
	page, err := w.Transcriptions(t.Context(), who, transcription.Filter{Shared: true, Limit: transcription.MaxPage})
	must(t, err)
	found := map[uuid.UUID]transcription.Access{}
	for _, tr := range page {
		if found[tr.ID] = tr.Shared; tr.FolderID != uuid.Nil || tr.BatchID != uuid.Nil || !tr.ExpiresAt.IsZero() || len(tr.Tags) > 0 {
			t.Errorf("others see where its owner has put it: %+v", tr)
		}
	}
	return found
}

func testShares(t *testing.T, w World) {
	ctx := t.Context()
	owner, mail := w.Person(t, true)
	other, address := w.Person(t, true)
	unproved, unprovedAddress := w.Person(t, false)
	tr := create(t, w, owner)
	w.End(t, tr.ID, transcription.Completed)
	days := 30
	for _, id := range []uuid.UUID{owner, other} { // which is for themselves
		must(t, w.SetRetention(ctx, id, transcription.Retention{Days: &days}))
	}
	of := transcription.Target{TranscriptionID: tr.ID}
	wantKind(t, w.PutShare(ctx, other, &transcription.Share{ID: newID(t), Target: of, Email: mail, Access: transcription.ToRead}), fault.NotFound)
	first := give(t, w, owner, of, address, transcription.ToRead)
	give(t, w, owner, of, unprovedAddress, transcription.ToEdit)
	give(t, w, owner, of, "nobody@example.com", transcription.ToEdit)
	for who, want := range map[uuid.UUID]transcription.Access{owner: "own", other: transcription.ToRead, unproved: ""} {
		if got := reads(t, w, who, tr.ID); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	head, err := w.Head(ctx, other, tr.ID)
	must(t, err)
	if head.SharedBy != mail {
		t.Errorf("it is shared by %q, want %q", head.SharedBy, mail)
	}
	if head, err = w.Head(ctx, owner, tr.ID); err != nil || head.SharedBy != "" || head.Shared != "" {
		t.Errorf("the owner sees %+v, %v", head, err)
	}
	if list := listed(t, w, other); len(list) != 1 {
		t.Errorf("the list has %v", list)
	}
	wantKind(t, alter(t, w, other, tr, by(other)), fault.NotFound)
	again := give(t, w, owner, of, address, transcription.ToEdit)
	if again.ID != first.ID || !again.CreatedAt.Equal(first.CreatedAt) {
		t.Errorf("given again, %+v became %+v", first, again)
	}
	must(t, alter(t, w, other, tr, by(other)))
	revisions, err := w.Revisions(ctx, owner, tr.ID, transcription.RevisionFilter{Limit: 1, Splices: true})
	must(t, err)
	if want := (transcription.Actor{Kind: transcription.ByUser, Name: other.String(), Email: address}); revisions[0].By != want || len(revisions[0].Splices) == 0 {
		t.Errorf("got %+v, want it to be by %+v", revisions[0], want)
	}
	for _, err := range []error{
		w.CancelTranscription(ctx, other, tr.ID), w.DeleteTranscription(ctx, other, tr.ID), w.RetryTranscription(ctx, other, transcription.NextRun{After: tr.Ref()}),
		w.DeleteShare(ctx, other, of, first.ID), w.CreateLink(ctx, other, &transcription.Link{ID: newID(t), TranscriptionID: tr.ID, Access: transcription.ToRead}),
	} {
		wantKind(t, err, fault.NotFound)
	}
	if found, err := w.Arrange(ctx, other, []uuid.UUID{tr.ID}, transcription.Arrangement{Tag: []string{"mine"}}); err != nil || len(found) > 0 {
		t.Errorf("somebody else has arranged %v, %v", found, err)
	}
	if matches, err := w.Matches(ctx, other, []uuid.UUID{tr.ID}, "xylophones"); err != nil || len(matches) != 1 {
		t.Errorf("found %v, %v", matches, err)
	}
	if page, err := w.Transcriptions(ctx, other, transcription.Filter{Shared: true, Query: "xylophones", Limit: 10}); err != nil || len(page) != 1 {
		t.Errorf("among what is shared there are %v, %v", page, err)
	}
	list, err := w.Shares(ctx, owner, of)
	must(t, err)
	if len(list) != 3 || !slices.IsSortedFunc(list, func(a, b transcription.Share) int { return cmpText(a.Email, b.Email) }) {
		t.Errorf("got %+v", list)
	}
	_, err = w.Shares(ctx, other, of)
	wantKind(t, err, fault.NotFound)
	received, err := w.Received(ctx, other)
	must(t, err)
	if len(received) != 1 || received[0].ID != first.ID || received[0].By != mail || received[0].TranscriptionID != tr.ID {
		t.Errorf("received %+v", received)
	}
	wantKind(t, w.DeleteShare(ctx, owner, transcription.Target{TranscriptionID: create(t, w, owner).ID}, first.ID), fault.NotFound)
	must(t, w.DeleteShare(ctx, owner, of, first.ID))
	wantKind(t, w.DeleteShare(ctx, owner, of, first.ID), fault.NotFound)
	if got := reads(t, w, other, tr.ID); got != "" || len(listed(t, w, other)) > 0 {
		t.Errorf("taken back, and open as %q", got)
	}
	wantKind(t, alter(t, w, other, tr, by(other)), fault.NotFound)
}

func cmpText(a, b string) int {
	if a < b {
		return -1
	}
	return 1
}

func testShareLimit(t *testing.T, w World) {
	owner, _ := w.Person(t, true)
	f := addFolder(t, w, owner, uuid.Nil, "Talks")
	of := transcription.Target{FolderID: f.ID}
	for i := range transcription.MaxShares {
		give(t, w, owner, of, fmt.Sprintf("%d@example.com", i), transcription.ToRead)
	}
	wantCode(t, w.PutShare(t.Context(), owner, &transcription.Share{ID: newID(t), Target: of, Email: "x@example.com", Access: transcription.ToRead}), "too_many_shares")
	give(t, w, owner, of, "7@example.com", transcription.ToEdit)
}

// testShareFolders moves transcriptions and folders about at random. Whatever is read says
// the same, and what the list of what is shared does.
func testShareFolders(t *testing.T, w World) {
	ctx := t.Context()
	owner, _ := w.Person(t, true)
	other, address := w.Person(t, true)
	var trs []*transcription.Transcription
	var folders []*transcription.Folder
	for i := range 4 {
		trs = append(trs, create(t, w, owner))
		folders = append(folders, addFolder(t, w, owner, uuid.Nil, fmt.Sprint("Folder ", i)))
	}
	at, parent := map[uuid.UUID]uuid.UUID{}, map[uuid.UUID]uuid.UUID{}
	granted := map[uuid.UUID]*transcription.Share{}
	want := func(tr uuid.UUID) (a transcription.Access) {
		if s := granted[tr]; s != nil {
			a = s.Access
		}
		for up := at[tr]; up != uuid.Nil; up = parent[up] {
			if s := granted[up]; s != nil && a != transcription.ToEdit {
				a = s.Access
			}
		}
		return a
	}
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same each time
	for step := range 60 {
		tr, f, g := trs[r.IntN(4)], folders[r.IntN(4)], folders[r.IntN(4)]
		access := []transcription.Access{transcription.ToRead, transcription.ToEdit}[r.IntN(2)]
		switch r.IntN(5) {
		case 0:
			_, err := w.Arrange(ctx, owner, []uuid.UUID{tr.ID}, transcription.Arrangement{Folder: &f.ID})
			must(t, err)
			at[tr.ID] = f.ID
		case 1:
			if err := w.ChangeFolder(ctx, &transcription.Folder{ID: f.ID, OwnerID: owner, ParentID: g.ID, Name: f.Name}); err == nil {
				parent[f.ID] = g.ID
			}
		case 2:
			granted[tr.ID] = give(t, w, owner, transcription.Target{TranscriptionID: tr.ID}, address, access)
		case 3:
			granted[f.ID] = give(t, w, owner, transcription.Target{FolderID: f.ID}, address, access)
		default:
			for id, s := range granted {
				must(t, w.DeleteShare(ctx, owner, s.Target, s.ID))
				delete(granted, id)
				break
			}
		}
		expected := map[uuid.UUID]transcription.Access{}
		for _, tr := range trs {
			if a := want(tr.ID); a != "" {
				expected[tr.ID] = a
			}
		}
		if diff := cmp.Diff(expected, listed(t, w, other)); diff != "" {
			t.Fatalf("step %d: -want +listed\n%s", step, diff)
		}
		if tr := trs[step%4]; reads(t, w, other, tr.ID) != want(tr.ID) {
			t.Fatalf("step %d: it is read as %q, want %q", step, reads(t, w, other, tr.ID), want(tr.ID))
		}
	}
}

// testShareShakes: that something is shared no more shows in the time of what is in work, so
// that those who follow it are not told any more.
func testShareShakes(t *testing.T, w World) {
	ctx := t.Context()
	owner, _ := w.Person(t, true)
	_, address := w.Person(t, true)
	tr, outer := create(t, w, owner), addFolder(t, w, owner, uuid.Nil, "Outer")
	inner := addFolder(t, w, owner, outer.ID, "Inner")
	_, err := w.Arrange(ctx, owner, []uuid.UUID{tr.ID}, transcription.Arrangement{Folder: &inner.ID})
	must(t, err)
	for _, of := range []transcription.Target{{TranscriptionID: tr.ID}, {FolderID: outer.ID}} {
		s := give(t, w, owner, of, address, transcription.ToRead)
		before := standing(t, w, tr, transcription.Place{}).UpdatedAt
		must(t, w.DeleteShare(ctx, owner, of, s.ID))
		if now := standing(t, w, tr, transcription.Place{}).UpdatedAt; !now.After(before) {
			t.Errorf("%+v: it was changed at %s, as before", of, now)
		}
	}
}
