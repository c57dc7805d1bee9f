package transcriptiontest

import (
	"net/url"
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
	if diff := cmp.Diff(z, wantZip(t, w, z, transcription.ZipWaiting, 0)); diff != "" {
		t.Errorf("-created +read\n%s", diff)
	}
	l := claimZip(t, w, time.Hour)
	if l.Zip.ID != z.ID || l.Attempt != 1 {
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
