package transcriptiontest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// completed returns a transcription that has a text.
func completed(t *testing.T, w World, owner uuid.UUID) *transcription.Transcription {
	t.Helper()
	tr := create(t, w, owner)
	w.End(t, tr.ID, transcription.Completed)
	return tr
}

func addRange(t *testing.T, w World, tr *transcription.Transcription, from, to time.Duration) (transcription.Range, error) {
	t.Helper()
	r := transcription.Range{ID: tr.ID, From: from, To: to, Options: transcription.Options{Model: "small", Language: "de", Prompt: "Names.", Translate: true}}
	err := w.CreateRange(t.Context(), tr.OwnerID, &r)
	return r, err
}

// testRanges makes ranges, which may not meet, and cancels one.
func testRanges(t *testing.T, w World) {
	owner := w.Owner(t)
	tr := completed(t, w, owner)
	first, err := addRange(t, w, tr, time.Second, 2*time.Second)
	must(t, err)
	if first.Number != 1 || first.Status != transcription.Queued || first.CreatedAt.IsZero() || first.Options.Model != "small" {
		t.Errorf("got %+v", first)
	}
	_, err = addRange(t, w, tr, 1900*time.Millisecond, 3*time.Second)
	wantCode(t, err, "range_in_work")
	second, err := addRange(t, w, tr, 2*time.Second, 3*time.Second)
	must(t, err)
	wantCode(t, w.RetryTranscription(t.Context(), owner, transcription.NextRun{After: tr.Ref()}), "in_work")
	for range 2 {
		must(t, w.CancelRange(t.Context(), owner, tr.ID, 1))
	}
	list, err := w.Ranges(t.Context(), owner, tr.ID, 0, 10)
	must(t, err)
	if len(list) != 2 || list[0].Number != second.Number || list[1].Status != transcription.Canceled {
		t.Fatalf("got %+v", list)
	}
	if diff := cmp.Diff(second, list[0]); diff != "" {
		t.Errorf("-created +read\n%s", diff)
	}
	page, err := w.Ranges(t.Context(), owner, tr.ID, 2, 1)
	if err != nil || len(page) != 1 || page[0].Number != 1 {
		t.Errorf("got %+v, %v, want the first", page, err)
	}
	wantKind(t, w.CancelRange(t.Context(), owner, tr.ID, 3), fault.NotFound)
	must(t, w.CancelRange(t.Context(), owner, tr.ID, 2))
	must(t, w.RetryTranscription(t.Context(), owner, transcription.NextRun{After: tr.Ref()}))
	_, err = addRange(t, w, tr, time.Second, 2*time.Second)
	wantCode(t, err, "in_work")
}

// testRangeOwners is about what belongs to somebody else.
func testRangeOwners(t *testing.T, w World) {
	tr := completed(t, w, w.Owner(t))
	_, err := addRange(t, w, tr, time.Second, 2*time.Second)
	must(t, err)
	other := *tr
	other.OwnerID = w.Owner(t)
	_, err = addRange(t, w, &other, 3*time.Second, 4*time.Second)
	wantKind(t, err, fault.NotFound)
	_, err = w.Ranges(t.Context(), other.OwnerID, tr.ID, 0, 10)
	wantKind(t, err, fault.NotFound)
	wantKind(t, w.CancelRange(t.Context(), other.OwnerID, tr.ID, 1), fault.NotFound)
}

// testRangeBounds is about how many there may be, and how long.
func testRangeBounds(t *testing.T, w World) {
	owner := w.Owner(t)
	tr := completed(t, w, owner)
	before := usage(t, w, owner).Sound
	for i := range transcription.MaxRanges {
		_, err := addRange(t, w, tr, time.Duration(i)*time.Second, time.Duration(i+1)*time.Second)
		must(t, err)
	}
	if got := usage(t, w, owner).Sound - before; got != transcription.MaxRanges*time.Second {
		t.Errorf("%s are booked", got)
	}
	_, err := addRange(t, w, tr, time.Minute, 2*time.Minute)
	wantCode(t, err, "too_many_ranges")
	must(t, w.CancelRange(t.Context(), owner, tr.ID, 1))
	if got := usage(t, w, owner).Sound - before; got != (transcription.MaxRanges-1)*time.Second {
		t.Errorf("%s are booked behind a cancellation", got)
	}
	w.Bound(transcription.Quota{Sound: before.Truncate(time.Minute) + 2*time.Minute})
	_, err = addRange(t, w, tr, time.Minute, 3*time.Minute)
	wantCode(t, err, "quota_minutes")
	_, err = addRange(t, w, tr, time.Minute, time.Minute+time.Second)
	must(t, err)
}
