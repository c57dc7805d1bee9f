package transcriptiontest

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// addLink makes a link to a transcription.
func addLink(t *testing.T, w World, tr *transcription.Transcription, a transcription.Access) *transcription.Link {
	t.Helper()
	l := &transcription.Link{ID: newID(t), TranscriptionID: tr.ID, Label: "press", Access: a, ExpiresAt: time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)}
	_, _ = rand.Read(l.Hash[:])
	must(t, w.CreateLink(t.Context(), tr.OwnerID, l))
	if l.CreatedAt.IsZero() {
		t.Error("the link has no time")
	}
	return l
}

// reads reports what who may do: "" for nothing, "own" for an owner. Whatever reads says the
// same.
func reads(t *testing.T, w World, who, id uuid.UUID) transcription.Access {
	t.Helper()
	ctx := t.Context()
	head, err := w.Head(ctx, who, id)
	whole, wholeErr := w.Transcription(ctx, who, id)
	standing, standingErr := w.Standing(ctx, who, id, transcription.Place{})
	_, planErr := w.Plan(ctx, who, transcription.Ref{ID: id, Run: 1})
	_, revisionsErr := w.Revisions(ctx, who, id, transcription.RevisionFilter{Limit: 1})
	if err != nil {
		for _, err := range []error{err, wholeErr, standingErr, planErr, revisionsErr} {
			wantKind(t, err, fault.NotFound)
		}
		return ""
	}
	for _, err := range []error{wholeErr, standingErr, planErr, revisionsErr} {
		must(t, err)
	}
	if head.Shared != whole.Shared || head.Shared != standing.Shared {
		t.Errorf("it is shared as %q, %q and %q", head.Shared, whole.Shared, standing.Shared)
	}
	if head.Shared == "" {
		return "own"
	}
	if head.FolderID != uuid.Nil || head.BatchID != uuid.Nil || !head.ExpiresAt.IsZero() || !whole.ExpiresAt.IsZero() || head.LegalHold || len(head.Tags) > 0 || !head.ArchivedAt.IsZero() || len(whole.Tags) > 0 {
		t.Errorf("others see where its owner has put it: %+v", head)
	}
	return head.Shared
}

// alter has who change the first segment.
func alter(t *testing.T, w World, who uuid.UUID, tr *transcription.Transcription, by transcription.Actor) error {
	t.Helper()
	now, err := w.Transcription(t.Context(), tr.OwnerID, tr.ID)
	must(t, err)
	segments := append([]transcription.Segment{}, now.Segments...)
	segments[0].Text += " Xylophones."
	return w.Revise(t.Context(), who, tr.ID, transcription.Change{
		After: now.Revision, Kind: transcription.ByEdit, By: by, Splices: transcription.Splices(now.Segments, segments), Text: transcription.Text(segments),
	})
}

func testLinks(t *testing.T, w World) {
	ctx, owner, other := t.Context(), w.Owner(t), w.Owner(t)
	tr, another := create(t, w, owner), create(t, w, owner)
	w.End(t, tr.ID, transcription.Completed)
	folder, yes := addFolder(t, w, owner, uuid.Nil, "Talks"), true
	_, err := w.Arrange(ctx, owner, []uuid.UUID{tr.ID}, transcription.Arrangement{Folder: &folder.ID, Tag: []string{"secret"}, Archived: &yes})
	must(t, err)
	toRead, toEdit := addLink(t, w, tr, transcription.ToRead), addLink(t, w, tr, transcription.ToEdit)
	for who, want := range map[uuid.UUID]transcription.Access{owner: "own", other: "", toRead.ID: transcription.ToRead, toEdit.ID: transcription.ToEdit, newID(t): ""} {
		if got := reads(t, w, who, tr.ID); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := reads(t, w, who, another.ID); (got != "") != (who == owner) {
			t.Errorf("another one is open as %q", got)
		}
	}
	guest := transcription.Actor{Kind: transcription.ByLink, Name: "press"}
	wantKind(t, alter(t, w, toRead.ID, tr, guest), fault.NotFound)
	wantKind(t, alter(t, w, other, tr, guest), fault.NotFound)
	must(t, alter(t, w, toEdit.ID, tr, guest))
	list, err := w.Revisions(ctx, owner, tr.ID, transcription.RevisionFilter{Limit: 9})
	must(t, err)
	if len(list) != 1 || list[0].By != guest {
		t.Errorf("the revisions are %+v", list)
	}
	events, err := w.Events(ctx, owner, tr.ID, 0, 99)
	must(t, err)
	if last := events[len(events)-1]; last.Type != transcription.Edited || last.Actor != guest {
		t.Errorf("the last event is %+v", last)
	}
	if _, err := w.Events(ctx, toEdit.ID, tr.ID, 0, 9); !fault.Is(err, fault.NotFound) {
		t.Errorf("a guest sees the history: %v", err)
	}
	for _, id := range []uuid.UUID{toEdit.ID, other} {
		wantKind(t, w.CancelTranscription(ctx, id, tr.ID), fault.NotFound)
		wantKind(t, w.DeleteTranscription(ctx, id, tr.ID), fault.NotFound)
		wantKind(t, w.RetryTranscription(ctx, id, transcription.NextRun{After: tr.Ref()}), fault.NotFound)
	}
}

func testLinksEnd(t *testing.T, w World) {
	ctx, owner, other := t.Context(), w.Owner(t), w.Owner(t)
	tr := create(t, w, owner)
	w.End(t, tr.ID, transcription.Completed)
	one, two := addLink(t, w, tr, transcription.ToEdit), addLink(t, w, tr, transcription.ToEdit)
	must(t, w.UseLink(ctx, one.ID))
	must(t, w.UseLink(ctx, one.ID))
	found, err := w.LinkByHash(ctx, one.Hash)
	must(t, err)
	if found.Uses != 2 || found.UsedAt.IsZero() {
		t.Errorf("used %d times, at %s", found.Uses, found.UsedAt)
	}
	list, err := w.Links(ctx, owner, tr.ID)
	must(t, err)
	if diff := cmp.Diff([]transcription.Link{*two, *found}, list); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	_, err = w.Links(ctx, other, tr.ID)
	wantKind(t, err, fault.NotFound)
	l := *one
	l.ID = newID(t)
	wantKind(t, w.CreateLink(ctx, other, &l), fault.NotFound)
	wantKind(t, w.DeleteLink(ctx, other, tr.ID, one.ID), fault.NotFound)
	wantKind(t, w.DeleteLink(ctx, owner, create(t, w, owner).ID, one.ID), fault.NotFound)
	must(t, w.DeleteLink(ctx, owner, tr.ID, one.ID))
	wantKind(t, w.DeleteLink(ctx, owner, tr.ID, one.ID), fault.NotFound)
	gone(t, w, one, "revoked")
	must(t, alter(t, w, two.ID, tr, transcription.Actor{Kind: transcription.ByLink}))
	for i := 1; i < transcription.MaxLinks; i++ {
		addLink(t, w, tr, transcription.ToRead)
	}
	l = transcription.Link{ID: newID(t), TranscriptionID: tr.ID, Access: transcription.ToRead}
	wantCode(t, w.CreateLink(ctx, owner, &l), "too_many_links")
	w.ExpireLinks(t)
	gone(t, w, two, "expired")
	wantKind(t, alter(t, w, two.ID, tr, transcription.Actor{Kind: transcription.ByLink}), fault.NotFound)
	must(t, w.DeleteTranscription(ctx, owner, tr.ID))
	gone(t, w, two, "deleted")
}

// gone fails the test if a link still leads anywhere.
func gone(t *testing.T, w World, l *transcription.Link, how string) {
	t.Helper()
	if _, err := w.LinkByHash(t.Context(), l.Hash); !fault.Is(err, fault.NotFound) {
		t.Errorf("%s, and found: %v", how, err)
	}
	if got := reads(t, w, l.ID, l.TranscriptionID); got != "" {
		t.Errorf("%s, and open as %s", how, got)
	}
}
