package postgres_test

import (
	"encoding/json"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/webhook"
)

// batchOf makes a batch with n transcriptions in it and closes it.
func batchOf(t *testing.T, db *postgres.DB, owner uuid.UUID, n int) (*transcription.Batch, []*transcription.Transcription) {
	t.Helper()
	b := &transcription.Batch{ID: newID(t), OwnerID: owner, Name: "Secret name", Options: transcription.Options{WebhookURL: "https://example.com/batch"}}
	ok(t, db.CreateBatch(t.Context(), b))
	all := make([]*transcription.Transcription, n)
	for i := range all {
		all[i] = addTranscription(t, db, owner, func(t *transcription.Transcription) { t.BatchID = b.ID })
	}
	ok(t, db.CloseBatch(t.Context(), owner, b.ID))
	return b, all
}

func batchEvents(t *testing.T, h *postgres.Webhooks, owner uuid.UUID) (found []webhook.Delivery) {
	t.Helper()
	list, err := h.Deliveries(t.Context(), owner, webhook.Filter{Limit: 100})
	ok(t, err)
	for _, d := range list {
		if d.Type == webhook.BatchCompleted {
			found = append(found, d)
		}
	}
	return found
}

// TestDB_batchIsTold writes one event for whoever wants to know that a batch has ended, and
// for its own address, and no second one when something of it is run again.
func TestDB_batchIsTold(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	h, owner, ctx := hooks(t, db), addUser(t, db), t.Context()
	wants := addWebhook(t, h, owner, webhook.BatchCompleted)
	addWebhook(t, h, owner, webhook.Completed)
	addWebhook(t, h, addUser(t, db), webhook.BatchCompleted)
	key, err := h.SetKey(ctx, owner, newID(t), webhook.NewSecret(), 0)
	ok(t, err)
	b, all := batchOf(t, db, owner, 2)
	ok(t, db.CancelTranscription(ctx, owner, all[0].ID))
	if list := batchEvents(t, h, owner); len(list) != 0 {
		t.Fatalf("told too early: %+v", list)
	}
	world{db}.End(t, all[1].ID, transcription.Completed)
	list := batchEvents(t, h, owner)
	if len(list) != 2 {
		t.Fatalf("got %+v, want one for the webhook and one for the address of the batch", list)
	}
	to := map[uuid.UUID]string{}
	for _, d := range list {
		to[d.WebhookID] = d.URL
		if d.BatchID != b.ID || d.TranscriptionID != uuid.Nil {
			t.Errorf("got %+v", d)
		}
	}
	if to[wants.ID] != "" || to[key.ID] != "https://example.com/batch" || len(to) != 2 {
		t.Errorf("it goes to %v", to)
	}
	var event struct {
		Type string
		Data struct {
			ID     uuid.UUID
			Total  int
			Counts map[string]int
		}
	}
	ok(t, json.Unmarshal([]byte(show(t, h, owner, list[0].ID).Payload), &event))
	if event.Type != "batch.completed" || event.Data.ID != b.ID || event.Data.Total != 2 || event.Data.Counts["completed"] != 1 || event.Data.Counts["canceled"] != 1 {
		t.Errorf("got %+v", event)
	}
	ok(t, db.RetryTranscription(ctx, owner, transcription.NextRun{After: all[0].Ref()}))
	ok(t, db.CancelTranscription(ctx, owner, all[0].ID))
	ok(t, db.CloseBatch(ctx, owner, b.ID))
	if list := batchEvents(t, h, owner); len(list) != 2 {
		t.Errorf("told again: %+v", list)
	}
}

// TestDB_batchEndsOnce ends all that is in a batch at the same moment, while it is being
// closed. Without the lock on the batch none of the last two would see that it is the last.
func TestDB_batchEndsOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	h := hooks(t, db)
	for range 20 {
		owner := addUser(t, db)
		addWebhook(t, h, owner, webhook.BatchCompleted)
		b := &transcription.Batch{ID: newID(t), OwnerID: owner, Name: "x"}
		ok(t, db.CreateBatch(t.Context(), b))
		var all sync.WaitGroup
		for range 4 {
			tr := addTranscription(t, db, owner, func(t *transcription.Transcription) { t.BatchID = b.ID })
			all.Go(func() {
				if err := db.CancelTranscription(t.Context(), owner, tr.ID); err != nil {
					t.Error(err)
				}
			})
		}
		all.Go(func() {
			if err := db.CloseBatch(t.Context(), owner, b.ID); err != nil {
				t.Error(err)
			}
		})
		all.Wait()
		got, err := db.Batch(t.Context(), owner, b.ID)
		ok(t, err)
		if list := batchEvents(t, h, owner); len(list) != 1 || got.CompletedAt.IsZero() {
			t.Fatalf("%d events, completed at %s", len(list), got.CompletedAt)
		}
	}
}
