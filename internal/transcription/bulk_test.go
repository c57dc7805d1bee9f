package transcription_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// Of many, each had the whole queue looked at anew.
func TestService_Bulk_advancesOnce(t *testing.T) {
	t.Parallel()
	for action, status := range map[transcription.BulkAction]transcription.Status{
		transcription.BulkRetry: transcription.Completed, transcription.BulkCancel: transcription.Queued, transcription.BulkDelete: transcription.Queued,
	} {
		t.Run(string(action), func(t *testing.T) {
			t.Parallel()
			b := setup()
			var ids []uuid.UUID
			for range 5 {
				id := uuid.New()
				b.store.Insert(transcription.Transcription{ID: id, OwnerID: b.who.UserID, Run: 1, Status: status})
				ids = append(ids, id)
			}
			errs, err := b.Bulk(t.Context(), b.who, ids, action)
			if err != nil {
				t.Fatal(err)
			}
			for _, err := range errs {
				if err != nil {
					t.Error(err)
				}
			}
			if n := len(b.workers.refs); n != 1 {
				t.Errorf("the queue is looked at %d times", n)
			}
			if n := len(b.workers.stopped); action != transcription.BulkRetry && n != len(ids) {
				t.Errorf("workers have let go of %d", n)
			}
		})
	}
}
