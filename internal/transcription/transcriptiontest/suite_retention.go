package transcriptiontest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// days makes a number that may be nil.
func days(n int) *int { return &n }

// testRetention: the nearest folder that says something counts, each number for itself, and
// at last the account.
func testRetention(t *testing.T, w World) {
	owner, other := w.Owner(t), w.Owner(t)
	outer := addFolder(t, w, owner, uuid.Nil, "Outer")
	inner := addFolder(t, w, owner, outer.ID, "Inner")
	tr, foreign := create(t, w, owner), create(t, w, other)
	ctx := t.Context()
	_, err := w.Arrange(ctx, owner, []uuid.UUID{tr.ID}, transcription.Arrangement{Folder: &inner.ID})
	must(t, err)
	check := func(media, whole int) {
		t.Helper()
		head, err := w.Head(ctx, owner, tr.ID)
		must(t, err)
		full, err := w.Transcription(ctx, owner, tr.ID)
		must(t, err)
		page, err := w.Transcriptions(ctx, owner, transcription.Filter{Limit: 1})
		must(t, err)
		for name, got := range map[string]*transcription.Transcription{"head": head, "all": full, "list": &page[0]} {
			if !got.MediaExpiresAt.Equal(after(got, media)) || !got.ExpiresAt.Equal(after(got, whole)) {
				t.Errorf("%s: completed %s, the recording goes %s, all %s; want %d and %d days", name, got.CompletedAt, got.MediaExpiresAt, got.ExpiresAt, media, whole)
			}
		}
	}
	must(t, w.SetRetention(ctx, owner, transcription.Retention{MediaDays: days(30), Days: days(365)}))
	check(0, 0) // it is not completed
	w.End(t, tr.ID, transcription.Completed)
	w.End(t, foreign.ID, transcription.Completed)
	check(30, 365)
	_, err = w.SetFolderRetention(ctx, owner, outer.ID, transcription.Retention{MediaDays: days(7)})
	must(t, err)
	check(7, 365)
	f, err := w.SetFolderRetention(ctx, owner, inner.ID, transcription.Retention{Days: days(0)})
	must(t, err)
	if f.ID != inner.ID || f.Name != "Inner" || f.ParentID != outer.ID || *f.Days != 0 || f.MediaDays != nil {
		t.Errorf("got %+v", f)
	}
	check(7, 0)
	must(t, w.ChangeFolder(ctx, &transcription.Folder{ID: inner.ID, OwnerID: owner, Name: "Out"}))
	check(30, 0)
	_, err = w.SetFolderRetention(ctx, other, inner.ID, transcription.Retention{})
	wantKind(t, err, fault.NotFound)
	if r, err := w.Retention(ctx, other); err != nil || r.Days != nil || r.MediaDays != nil {
		t.Errorf("somebody else keeps for %v, %v", r, err)
	}
	if head, err := w.Head(ctx, other, foreign.ID); err != nil || !head.ExpiresAt.IsZero() {
		t.Errorf("what is somebody else's goes %s, %v", head.ExpiresAt, err)
	}
}

func after(t *transcription.Transcription, days int) time.Time {
	if days == 0 {
		return time.Time{}
	}
	return t.CompletedAt.Add(time.Duration(days) * 24 * time.Hour)
}

// testHold: what is held stays, however one tries.
func testHold(t *testing.T, w World) {
	owner, other := w.Owner(t), w.Owner(t)
	outer := addFolder(t, w, owner, uuid.Nil, "Outer")
	inner := addFolder(t, w, owner, outer.ID, "Inner")
	free := addFolder(t, w, owner, uuid.Nil, "Free")
	single, within := create(t, w, owner), create(t, w, owner)
	ctx := t.Context()
	must(t, w.SetRetention(ctx, owner, transcription.Retention{Days: days(1)}))
	_, err := w.Arrange(ctx, owner, []uuid.UUID{within.ID}, transcription.Arrangement{Folder: &inner.ID})
	must(t, err)
	for range 2 {
		whose, err := w.HoldTranscription(ctx, owner, single.ID, true)
		must(t, err)
		if whose != owner {
			t.Errorf("it belongs to %s", whose)
		}
	}
	_, err = w.HoldTranscription(ctx, other, single.ID, false)
	wantKind(t, err, fault.NotFound)
	_, err = w.HoldFolder(ctx, other, outer.ID, true)
	wantKind(t, err, fault.NotFound)
	if f, err := w.HoldFolder(ctx, owner, outer.ID, true); err != nil || !f.LegalHold || f.Name != "Outer" {
		t.Errorf("got %+v, %v", f, err)
	}
	for _, tr := range []*transcription.Transcription{single, within} {
		w.End(t, tr.ID, transcription.Completed)
		wantCode(t, w.DeleteTranscription(ctx, owner, tr.ID), "legal_hold")
		if head, err := w.Head(ctx, owner, tr.ID); err != nil || !head.LegalHold || !head.ExpiresAt.IsZero() {
			t.Errorf("held %v, it goes %s, %v", head.LegalHold, head.ExpiresAt, err)
		}
	}
	_, err = w.Arrange(ctx, owner, []uuid.UUID{within.ID}, transcription.Arrangement{Folder: &free.ID})
	wantCode(t, err, "legal_hold")
	wantCode(t, w.DeleteFolder(ctx, owner, outer.ID), "legal_hold")
	wantCode(t, w.ChangeFolder(ctx, &transcription.Folder{ID: inner.ID, OwnerID: owner, Name: "Inner"}), "legal_hold")
	must(t, w.ChangeFolder(ctx, &transcription.Folder{ID: inner.ID, OwnerID: owner, ParentID: outer.ID, Name: "Renamed"}))
	must(t, w.DeleteFolder(ctx, owner, inner.ID)) // what is in it is still in the outer one
	wantCode(t, w.DeleteTranscription(ctx, owner, within.ID), "legal_hold")
	_, err = w.HoldFolder(ctx, owner, outer.ID, false)
	must(t, err)
	must(t, w.DeleteTranscription(ctx, owner, within.ID))
	_, err = w.HoldTranscription(ctx, uuid.Nil, single.ID, true)
	must(t, err)
	for range 2 { // an administrator's is not the owner's to lift, nor to take over
		_, err = w.HoldTranscription(ctx, owner, single.ID, false)
		wantCode(t, err, "hold_of_administrator")
		_, err = w.HoldTranscription(ctx, owner, single.ID, true)
		must(t, err)
	}
	wantCode(t, w.DeleteTranscription(ctx, owner, single.ID), "legal_hold")
	whose, err := w.HoldTranscription(ctx, uuid.Nil, single.ID, false)
	must(t, err)
	if head, err := w.Head(ctx, owner, single.ID); err != nil || whose != owner || head.LegalHold || head.ExpiresAt.IsZero() {
		t.Errorf("of %s, held %v, it goes %s, %v", whose, head.LegalHold, head.ExpiresAt, err)
	}
	events, err := w.Events(ctx, owner, single.ID, 0, 100)
	must(t, err)
	var told []transcription.EventType
	for _, e := range events {
		if e.Type == transcription.Held || e.Type == transcription.HoldLifted {
			told = append(told, e.Type)
		}
	}
	if len(told) != 2 || told[0] != transcription.Held || told[1] != transcription.HoldLifted {
		t.Errorf("its history has %v", told)
	}
	must(t, w.DeleteTranscription(ctx, owner, single.ID))
}
