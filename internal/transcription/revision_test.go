package transcription_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// slowStore takes a moment to read a text, so that all who change one at once have read the
// same.
type slowStore struct{ *store }

func (s slowStore) Transcription(ctx context.Context, who, id uuid.UUID) (*transcription.Transcription, error) {
	t, err := s.store.Transcription(ctx, who, id)
	time.Sleep(10 * time.Millisecond)
	return t, err
}

// atOnce has n people change something at the same time, in a bubble.
func atOnce(t *testing.T, n int, do func(t *testing.T, b *bundle, i int) error, before, after func(t *testing.T, b *bundle)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := setup()
		b.Service = transcription.NewService(slowStore{b.store}, b.objects, b.workers, nil, transcription.Limits{})
		before(t, b)
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				if err := do(t, b, i); err != nil {
					t.Errorf("the change of %d: %v", i, err)
				}
			})
		}
		all.Wait()
		after(t, b)
	})
}

// Each change is made on the text as it is read. Who had been overtaken five times, without
// a pause, was sent away, so of six who edited different segments one lost the edit.
func TestService_Edit_manyAtOnce(t *testing.T) {
	t.Parallel()
	const people = 12
	var id uuid.UUID
	edit := func(t *testing.T, b *bundle, i int) error {
		_, err := b.Edit(t.Context(), b.who, id, ptr(0), []transcription.Edit{{Op: transcription.SetText, Segment: i, Text: "new"}})
		return err
	}
	atOnce(t, people, edit, func(_ *testing.T, b *bundle) {
		id = b.completed(talking(strings.Fields(strings.Repeat("old ", people))...))
	}, func(t *testing.T, b *bundle) {
		got, err := b.Transcription(t.Context(), b.who, id)
		if err != nil || got.Revision != people || got.Text != strings.TrimSpace(strings.Repeat("new ", people)) {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

// Of two who give a run its first text, the second changes that of the first.
func TestService_Import_firstAtOnce(t *testing.T) {
	t.Parallel()
	var id uuid.UUID
	give := func(t *testing.T, b *bundle, i int) error {
		text := []string{"One.", "Two."}[i]
		_, err := b.Import(t.Context(), b.who, id, nil, "srt", []byte("1\n00:00:01,000 --> 00:00:02,000\n"+text+"\n"))
		return err
	}
	atOnce(t, 2, give, func(_ *testing.T, b *bundle) {
		id = uuid.New()
		b.store.Insert(transcription.Transcription{ID: id, OwnerID: b.who.UserID, Run: 1, Status: transcription.Canceled})
	}, func(t *testing.T, b *bundle) {
		got, err := b.Transcription(t.Context(), b.who, id)
		if err != nil || got.Revision != 1 {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}
