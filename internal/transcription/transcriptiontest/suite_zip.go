package transcriptiontest

import (
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

func addZip(t *testing.T, w World, owner uuid.UUID) *transcription.Zip {
	t.Helper()
	z := &transcription.Zip{
		ID: newID(t), OwnerID: owner, State: transcription.ZipWaiting, Format: "srt", Layout: url.Values{"maxChars": {"30"}}, IDs: []uuid.UUID{newID(t), newID(t)},
	}
	must(t, w.CreateZip(t.Context(), z))
	return z
}

func claimZip(t *testing.T, w World, lease time.Duration) transcription.ZipLease {
	t.Helper()
	l, err := w.ClaimZip(t.Context(), lease)
	must(t, err)
	return *l
}

func wantZip(t *testing.T, w World, z *transcription.Zip, state transcription.ZipState, done int) *transcription.Zip {
	t.Helper()
	got, err := w.Zip(t.Context(), z.OwnerID, z.ID)
	must(t, err)
	if got.State != state || got.Done != done {
		t.Errorf("got %+v, want %s with %d done", got, state, done)
	}
	return got
}

// testZips takes zips from beginning to end, and to other ends.
func testZips(t *testing.T, w World) {
	owner := w.Owner(t)
	z := addZip(t, w, owner)
	want := *z
	want.IDs, want.Total = nil, 2
	if diff := cmp.Diff(&want, wantZip(t, w, z, transcription.ZipWaiting, 0)); diff != "" {
		t.Errorf("-created +read\n%s", diff)
	}
	l := claimZip(t, w, time.Hour)
	if l.Zip.ID != z.ID || l.Attempt != 1 || !slices.Equal(l.Zip.IDs, z.IDs) {
		t.Fatalf("got %+v", l)
	}
	_, err := w.ClaimZip(t.Context(), time.Hour)
	wantKind(t, err, fault.NotFound)
	must(t, w.RenewZip(t.Context(), l, 1, time.Hour))
	wantZip(t, w, z, transcription.ZipRunning, 1)
	must(t, w.FinishZip(t.Context(), l, "key", transcription.Stored{Size: 7}))
	got := wantZip(t, w, z, transcription.ZipCompleted, 2)
	if got.Key != "key" || got.Size != 7 || got.ExpiresAt.Sub(got.CompletedAt) != transcription.ZipKept {
		t.Errorf("got %+v", got)
	}
	wantKind(t, w.FailZip(t.Context(), l, transcription.Failure{Code: "x"}), fault.Conflict)
	must(t, w.CancelZip(t.Context(), owner, z.ID))
	wantZip(t, w, z, transcription.ZipCompleted, 2)

	failed := addZip(t, w, owner)
	must(t, w.FailZip(t.Context(), claimZip(t, w, time.Hour), transcription.Failure{Code: "no_font", Message: "No."}))
	if got := wantZip(t, w, failed, transcription.ZipFailed, 0); got.Failure == nil || got.Failure.Code != "no_font" {
		t.Errorf("got %+v", got.Failure)
	}
	page, err := w.Zips(t.Context(), owner, uuid.Nil, 1)
	if err != nil || len(page) != 1 || page[0].ID != failed.ID {
		t.Errorf("got %+v, %v, want the newest", page, err)
	}
	page, err = w.Zips(t.Context(), owner, failed.ID, 10)
	if err != nil || len(page) != 1 || page[0].ID != z.ID {
		t.Errorf("got %+v, %v, want the other", page, err)
	}
	must(t, w.DeleteZip(t.Context(), owner, z.ID))
	_, err = w.Zip(t.Context(), owner, z.ID)
	wantKind(t, err, fault.NotFound)
}

// testZipShares has somebody order many, and somebody else one: theirs was behind the last.
func testZipShares(t *testing.T, w World) {
	many, one := w.Owner(t), w.Owner(t)
	var order []uuid.UUID
	for range 3 {
		order = append(order, addZip(t, w, many).ID)
	}
	single := addZip(t, w, one).ID
	for i, want := range []uuid.UUID{order[0], single, order[1], order[2]} {
		if got := claimZip(t, w, time.Hour).Zip.ID; got != want {
			t.Errorf("claim %d got %s, want %s of %v and %s", i, got, want, order, single)
		}
	}
}

// testZipFencing has writers come back who have lost their lease.
func testZipFencing(t *testing.T, w World) {
	z := addZip(t, w, w.Owner(t))
	first := claimZip(t, w, -time.Second)
	second := claimZip(t, w, time.Hour)
	if second.Attempt != 2 {
		t.Errorf("attempt %d, want 2", second.Attempt)
	}
	wantKind(t, w.RenewZip(t.Context(), first, 1, time.Hour), fault.Conflict)
	wantKind(t, w.FinishZip(t.Context(), first, "key", transcription.Stored{Size: 7}), fault.Conflict)
	wantKind(t, w.ReleaseZip(t.Context(), first, 0), fault.Conflict)
	must(t, w.ReleaseZip(t.Context(), second, time.Hour))
	_, err := w.ClaimZip(t.Context(), time.Hour)
	wantKind(t, err, fault.NotFound)
	must(t, w.CancelZip(t.Context(), z.OwnerID, z.ID))
	wantZip(t, w, z, transcription.ZipCanceled, 0)

	crashing := addZip(t, w, z.OwnerID)
	for range transcription.ZipTries {
		claimZip(t, w, -time.Second)
	}
	_, err = w.ClaimZip(t.Context(), time.Hour)
	wantKind(t, err, fault.NotFound)
	if got := wantZip(t, w, crashing, transcription.ZipFailed, 0); got.Failure.Code != "gave_up" {
		t.Errorf("got %+v", got.Failure)
	}
}

// testZipLoses deletes what is in zips, or takes it back from somebody: a text went on lying in
// the file of a zip for a day when nothing else of it was left, and its id in a row for a week.
func testZipLoses(t *testing.T, w World) {
	ctx := t.Context()
	owner, _ := w.Person(t, true)
	other, address := w.Person(t, true)
	folder := addFolder(t, w, owner, uuid.Nil, "Talks")
	goes, stays, within := create(t, w, owner), create(t, w, owner), create(t, w, owner)
	_, err := w.Arrange(ctx, owner, []uuid.UUID{within.ID}, transcription.Arrangement{Folder: &folder.ID})
	must(t, err)
	share := func(of transcription.Target) *transcription.Share {
		return give(t, w, owner, of, address, transcription.ToRead)
	}
	share(transcription.Target{TranscriptionID: goes.ID})
	single, all := share(transcription.Target{TranscriptionID: stays.ID}), share(transcription.Target{FolderID: folder.ID})
	zip := func(who uuid.UUID, of ...*transcription.Transcription) *transcription.Zip {
		t.Helper()
		z := &transcription.Zip{ID: newID(t), OwnerID: who, State: transcription.ZipWaiting, Format: "txt"}
		for _, tr := range of {
			z.IDs = append(z.IDs, tr.ID)
		}
		must(t, w.CreateZip(t.Context(), z))
		return z
	}
	complete := func(z *transcription.Zip) *transcription.Zip {
		t.Helper()
		l := claimZip(t, w, time.Hour)
		must(t, w.FinishZip(t.Context(), l, l.Zip.Prefix(l.Token)+"texts.zip", transcription.Stored{Size: 7}))
		return z
	}
	expired := func(z *transcription.Zip, want bool) {
		t.Helper()
		got, err := w.Zip(ctx, z.OwnerID, z.ID)
		must(t, err)
		if is := !got.ExpiresAt.After(time.Now()); got.State != transcription.ZipCompleted || is != want {
			t.Errorf("the zip is %s, expired: %v, want %v", got.State, is, want)
		}
	}
	mine, theirs := complete(zip(owner, goes, stays, within)), complete(zip(other, stays, goes))
	only, inFolder := complete(zip(other, stays)), complete(zip(other, within))
	running := zip(other, goes, stays)
	l := claimZip(t, w, time.Hour)
	waiting := zip(owner, goes, stays)

	must(t, w.DeleteTranscription(ctx, owner, goes.ID))
	expired(mine, true)
	expired(theirs, true)
	expired(only, false)
	wantKind(t, w.FinishZip(ctx, l, "late", transcription.Stored{Size: 7}), fault.Conflict)
	wantZip(t, w, waiting, transcription.ZipWaiting, 0)
	must(t, w.CancelZip(ctx, owner, waiting.ID))
	again := claimZip(t, w, time.Hour)
	if want := []uuid.UUID{uuid.Nil, stays.ID}; again.Zip.ID != running.ID || again.Attempt != 1 || !slices.Equal(again.Zip.IDs, want) {
		t.Errorf("begun again, it is attempt %d at %v of %s", again.Attempt, again.Zip.IDs, again.Zip.ID)
	}
	must(t, w.CancelZip(ctx, other, running.ID))

	must(t, w.DeleteShare(ctx, owner, single.Target, single.ID))
	expired(only, true)
	expired(inFolder, false)
	must(t, w.DeleteShare(ctx, owner, all.Target, all.ID))
	expired(inFolder, true)

	share(transcription.Target{FolderID: folder.ID})
	moved, own := complete(zip(other, within)), complete(zip(owner, within))
	_, err = w.Arrange(ctx, owner, []uuid.UUID{within.ID}, transcription.Arrangement{Folder: new(uuid.UUID)})
	must(t, err)
	expired(moved, true)
	expired(own, false)
}

// testOutcomes looks at what is one's own, shared, somebody else's and nobody's.
func testOutcomes(t *testing.T, w World) {
	ctx := t.Context()
	owner, _ := w.Person(t, true)
	other, address := w.Person(t, true)
	waits, done, failed, foreign := create(t, w, owner), create(t, w, owner), create(t, w, owner), create(t, w, other)
	w.End(t, done.ID, transcription.Completed)
	w.End(t, failed.ID, transcription.Failed)
	give(t, w, owner, transcription.Target{TranscriptionID: done.ID}, address, transcription.ToRead)
	all := []uuid.UUID{waits.ID, done.ID, failed.ID, foreign.ID, newID(t), done.ID}
	for who, want := range map[uuid.UUID]map[uuid.UUID]transcription.Outcome{
		owner: {waits.ID: {Status: transcription.Queued}, done.ID: {Status: transcription.Completed}, failed.ID: {Status: transcription.Failed}},
		other: {done.ID: {Status: transcription.Completed}, foreign.ID: {Status: transcription.Queued}},
	} {
		got, err := w.Outcomes(ctx, who, all)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
	must(t, w.RetryTranscription(ctx, owner, transcription.NextRun{After: done.Ref(), Options: done.Options}))
	got, err := w.Outcomes(ctx, other, all[1:2])
	must(t, err)
	if again := got[done.ID]; !again.Readable() || again.Status == transcription.Completed {
		t.Errorf("run again, it is %+v", again)
	}
}

// testZipOwners is about those of somebody else, and how many one may have.
func testZipOwners(t *testing.T, w World) {
	owner, other := w.Owner(t), w.Owner(t)
	z := addZip(t, w, owner)
	_, err := w.Zip(t.Context(), other, z.ID)
	wantKind(t, err, fault.NotFound)
	wantKind(t, w.CancelZip(t.Context(), other, z.ID), fault.NotFound)
	wantKind(t, w.DeleteZip(t.Context(), other, z.ID), fault.NotFound)
	if page, err := w.Zips(t.Context(), other, uuid.Nil, 10); len(page) != 0 || err != nil {
		t.Errorf("got %v, %v", page, err)
	}
	for range transcription.MaxZips - 1 {
		addZip(t, w, owner)
	}
	more := &transcription.Zip{ID: newID(t), OwnerID: owner, State: transcription.ZipWaiting, Format: "txt", IDs: z.IDs}
	wantCode(t, w.CreateZip(t.Context(), more), "too_many_exports")
	must(t, w.CancelZip(t.Context(), owner, z.ID))
	must(t, w.CreateZip(t.Context(), more))
}
