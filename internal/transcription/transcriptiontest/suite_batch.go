package transcriptiontest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

func addBatch(t *testing.T, w World, owner uuid.UUID, change func(*transcription.Batch)) *transcription.Batch {
	t.Helper()
	b := &transcription.Batch{ID: newID(t), OwnerID: owner, Name: "Monday"}
	if change != nil {
		change(b)
	}
	must(t, w.CreateBatch(t.Context(), b))
	return b
}

// upload creates a transcription in a batch.
func upload(t *testing.T, w World, b *transcription.Batch) (*transcription.Transcription, error) {
	t.Helper()
	tr := NewTranscription(t, b.OwnerID)
	tr.BatchID = b.ID
	must(t, w.BeginUpload(t.Context(), b.OwnerID, tr.ID))
	return tr, w.CreateTranscription(t.Context(), tr)
}

func wantBatch(t *testing.T, w World, b *transcription.Batch, counts map[transcription.Status]int, progress float64, closed, completed bool) {
	t.Helper()
	got, err := w.Batch(t.Context(), b.OwnerID, b.ID)
	must(t, err)
	if diff := cmp.Diff(counts, got.Counts); diff != "" || got.Progress != progress || got.ClosedAt.IsZero() == closed || got.CompletedAt.IsZero() == completed {
		t.Errorf("got %+v, want %v of progress %g, closed %t, completed %t", got, counts, progress, closed, completed)
	}
}

// testBatches fills a batch, closes it and has it completed by what ends last; another run
// of something in it changes nothing about that.
func testBatches(t *testing.T, w World) {
	owner := w.Owner(t)
	folder := addFolder(t, w, owner, uuid.Nil, "Talks")
	b := addBatch(t, w, owner, func(b *transcription.Batch) {
		b.FolderID, b.Tags = folder.ID, []string{"a", "b"}
		b.Options = transcription.Options{Model: "small", Language: "de", Prompt: "Names.", Translate: true, Split: true, Priority: transcription.Low, WebhookURL: "https://example.com/"}
	})
	head, err := w.BatchHead(t.Context(), owner, b.ID)
	must(t, err)
	if diff := cmp.Diff(b, head); diff != "" {
		t.Errorf("-created +read\n%s", diff)
	}
	first, err := upload(t, w, b)
	must(t, err)
	second, err := upload(t, w, b)
	must(t, err)
	got, err := w.Head(t.Context(), owner, first.ID)
	must(t, err)
	if diff := cmp.Diff([]string{"a", "b"}, got.Tags); diff != "" || got.FolderID != folder.ID || got.BatchID != b.ID {
		t.Errorf("it is in %s and %s, with the tags %v", got.FolderID, got.BatchID, got.Tags)
	}
	in, err := w.Transcriptions(t.Context(), owner, transcription.Filter{Batch: b.ID, Limit: 10})
	if err != nil || len(in) != 2 {
		t.Errorf("got %v, %v", in, err)
	}
	w.End(t, first.ID, transcription.Failed)
	wantBatch(t, w, b, map[transcription.Status]int{transcription.Failed: 1, transcription.Queued: 1}, 0.5, false, false)
	must(t, w.CloseBatch(t.Context(), owner, b.ID))
	ids, err := w.BatchInWork(t.Context(), owner, b.ID)
	if diff := cmp.Diff([]uuid.UUID{second.ID}, ids); diff != "" || err != nil {
		t.Errorf("%v, -want +got\n%s", err, diff)
	}
	_, err = upload(t, w, b)
	wantCode(t, err, "batch_closed")
	must(t, w.CancelTranscription(t.Context(), owner, second.ID))
	must(t, w.CloseBatch(t.Context(), owner, b.ID))
	wantBatch(t, w, b, map[transcription.Status]int{transcription.Failed: 1, transcription.Canceled: 1}, 1, true, true)
	all, err := w.Batch(t.Context(), owner, b.ID)
	must(t, err)
	if len(all.Failures) != 1 || all.Failures[0].ID != first.ID || all.Failures[0].Failure.Code != "gave_up" || all.Failures[0].FileName != first.File.Name {
		t.Errorf("got %+v", all.Failures)
	}
	must(t, w.RetryTranscription(t.Context(), owner, transcription.NextRun{After: second.Ref()}))
	wantBatch(t, w, b, map[transcription.Status]int{transcription.Failed: 1, transcription.Queued: 1}, 0.5, true, true)
	must(t, w.DeleteBatch(t.Context(), owner, b.ID))
	wantKind(t, w.DeleteBatch(t.Context(), owner, b.ID), fault.NotFound)
	if got, err := w.Head(t.Context(), owner, first.ID); err != nil || got.BatchID != uuid.Nil {
		t.Errorf("got %+v, %v, want it to stay, in no batch", got, err)
	}
}

// testBatchExpected closes a batch with the last upload, and ends an empty one at once.
func testBatchExpected(t *testing.T, w World) {
	owner := w.Owner(t)
	b := addBatch(t, w, owner, func(b *transcription.Batch) { b.Expected = 2 })
	_, err := upload(t, w, b)
	must(t, err)
	wantBatch(t, w, b, map[transcription.Status]int{transcription.Queued: 1}, 0, false, false)
	last, err := upload(t, w, b)
	must(t, err)
	wantBatch(t, w, b, map[transcription.Status]int{transcription.Queued: 2}, 0, true, false)
	_, err = upload(t, w, b)
	wantCode(t, err, "batch_closed")
	must(t, w.CancelTranscription(t.Context(), owner, last.ID))
	wantBatch(t, w, b, map[transcription.Status]int{transcription.Queued: 1, transcription.Canceled: 1}, 0.5, true, false)
	none := addBatch(t, w, owner, nil)
	must(t, w.CloseBatch(t.Context(), owner, none.ID))
	wantBatch(t, w, none, map[transcription.Status]int{}, 1, true, true)
	early := addBatch(t, w, owner, func(b *transcription.Batch) { b.Expected = 5 }) // closed with less than were expected
	only, err := upload(t, w, early)
	must(t, err)
	must(t, w.CancelTranscription(t.Context(), owner, only.ID))
	wantBatch(t, w, early, map[transcription.Status]int{transcription.Canceled: 1}, 0.2, false, false)
	must(t, w.CloseBatch(t.Context(), owner, early.ID))
	wantBatch(t, w, early, map[transcription.Status]int{transcription.Canceled: 1}, 1, true, true)
	page, err := w.Batches(t.Context(), owner, uuid.Nil, 1)
	must(t, err)
	must(t, w.DeleteBatch(t.Context(), owner, early.ID))
	if len(page) != 1 || page[0].ID != early.ID {
		t.Fatalf("got %+v, want the newest", page)
	}
	page, err = w.Batches(t.Context(), owner, none.ID, 5)
	if err != nil || len(page) != 1 || page[0].ID != b.ID || page[0].Total() != 2 {
		t.Errorf("got %+v, %v, want the other", page, err)
	}
}

// testBatchDeleted deletes what is the last to end.
func testBatchDeleted(t *testing.T, w World) {
	owner := w.Owner(t)
	b := addBatch(t, w, owner, nil)
	tr, err := upload(t, w, b)
	must(t, err)
	must(t, w.CloseBatch(t.Context(), owner, b.ID))
	must(t, w.DeleteTranscription(t.Context(), owner, tr.ID))
	wantBatch(t, w, b, map[transcription.Status]int{}, 1, true, true)
}

// testBatchOwners is about a batch of somebody else's.
func testBatchOwners(t *testing.T, w World) {
	owner, other := w.Owner(t), w.Owner(t)
	b := addBatch(t, w, owner, nil)
	_, err := upload(t, w, b)
	must(t, err)
	foreign := &transcription.Batch{ID: b.ID, OwnerID: other}
	_, err = upload(t, w, foreign)
	wantKind(t, err, fault.NotFound)
	_, err = w.Batch(t.Context(), other, b.ID)
	wantKind(t, err, fault.NotFound)
	_, err = w.BatchHead(t.Context(), other, b.ID)
	wantKind(t, err, fault.NotFound)
	wantKind(t, w.CloseBatch(t.Context(), other, b.ID), fault.NotFound)
	wantKind(t, w.DeleteBatch(t.Context(), other, b.ID), fault.NotFound)
	if ids, err := w.BatchInWork(t.Context(), other, b.ID); len(ids) != 0 || err != nil {
		t.Errorf("got %v, %v", ids, err)
	}
	if page, err := w.Batches(t.Context(), other, uuid.Nil, 10); len(page) != 0 || err != nil {
		t.Errorf("got %v, %v", page, err)
	}
	folder := addFolder(t, w, owner, uuid.Nil, "Talks")
	wantKind(t, w.CreateBatch(t.Context(), &transcription.Batch{ID: newID(t), OwnerID: other, Name: "x", FolderID: folder.ID}), fault.NotFound)
	must(t, w.DeleteFolder(t.Context(), owner, folder.ID))
}
