package transcriptiontest_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/transcription/transcriptiontest"
)

// world is the store in memory with everything around it.
type world struct{ *transcriptiontest.Store }

func (world) Owner(*testing.T) uuid.UUID { return uuid.New() }

func (w world) Report(_ *testing.T, models ...string) { w.Install(models...) }

func (w world) Person(_ *testing.T, proved bool) (id uuid.UUID, email string) {
	id = uuid.New()
	if email = id.String() + "@example.com"; proved {
		w.Prove(id, email)
	}
	return id, email
}

func (w world) ExpireLinks(*testing.T) { w.Store.ExpireLinks() }

func (w world) Refuses(_ *testing.T, codes map[string]string) { w.Refuse(codes) }

func (w world) End(_ *testing.T, id uuid.UUID, as transcription.Status) {
	w.Change(id, func(t *transcription.Transcription) {
		t.Status, t.UpdatedAt = as, t.UpdatedAt.Add(time.Microsecond)
		if as == transcription.Failed {
			t.Failure = &transcription.Failure{Code: "gave_up", Message: "No."}
			return
		}
		t.Progress, t.CompletedAt, t.Text = 1, t.UpdatedAt, "Hello."
		t.Segments = []transcription.Segment{{End: time.Second, Text: "Hello."}}
	})
}

func TestStore(t *testing.T) {
	t.Parallel()
	transcriptiontest.TestStore(t, func(*testing.T) transcriptiontest.World { return world{new(transcriptiontest.Store)} })
}
