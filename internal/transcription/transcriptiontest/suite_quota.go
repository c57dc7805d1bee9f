package transcriptiontest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

func usage(t *testing.T, w World, owner uuid.UUID) transcription.Usage {
	t.Helper()
	u, _, err := w.Usage(t.Context(), owner)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func testUsage(t *testing.T, w World) {
	owner, other := w.Owner(t), w.Owner(t)
	first, second := create(t, w, owner), create(t, w, owner)
	create(t, w, other)
	if u := usage(t, w, owner); u.Active != 2 || u.Queued != 2 || u.Bytes != first.File.Size+second.File.Size || u.Sound != 0 {
		t.Errorf("two on their way: got %+v", u)
	}
	w.End(t, first.ID, transcription.Completed)
	done := usage(t, w, owner)
	if done.Active != 1 || done.Queued != 1 || done.Bytes != first.File.Size+second.File.Size {
		t.Errorf("one has ended: got %+v", done)
	}
	if left := time.Until(done.Reset()); left <= 0 || left > 32*24*time.Hour || done.Reset().Day() != 1 {
		t.Errorf("the month ends at %s", done.Reset())
	}
	w.End(t, second.ID, transcription.Failed)
	if u := usage(t, w, owner); u.Sound != done.Sound || u.Active != 0 {
		t.Errorf("one has failed: got %+v, want no more sound than %s", u, done.Sound)
	}
	for _, id := range []uuid.UUID{first.ID, second.ID} {
		if err := w.DeleteTranscription(t.Context(), owner, id); err != nil {
			t.Fatal(err)
		}
	}
	if u := usage(t, w, owner); u.Bytes != 0 || u.Active != 0 || u.Sound != done.Sound {
		t.Errorf("all deleted: got %+v, want nothing but %s of sound", u, done.Sound)
	}
	if u := usage(t, w, other); u.Active != 1 {
		t.Errorf("somebody else: got %+v", u)
	}
}

func testQuota(t *testing.T, w World) {
	owner := w.Owner(t)
	size := create(t, w, owner).File.Size
	for name, tt := range map[string]struct {
		quota transcription.Quota
		kind  fault.Kind
		code  string
	}{
		"queued":          {transcription.Quota{Queued: 1}, fault.RateLimited, "too_many_queued"},
		"active":          {transcription.Quota{Active: 1}, fault.RateLimited, "too_many_active"},
		"bytes":           {transcription.Quota{Bytes: 2*size - 1}, fault.TooLarge, "quota_bytes"},
		"just enough":     {transcription.Quota{Queued: 3, Active: 3, Bytes: 3 * size, Sound: time.Minute}, "", ""},
		"no bound at all": {transcription.Quota{}, "", ""},
	} {
		w.Bound(tt.quota)
		_, q, err := w.Usage(t.Context(), owner)
		if err != nil || q != tt.quota {
			t.Errorf("%s: got %+v, %v, want %+v", name, q, err, tt.quota)
		}
		next := NewTranscription(t, owner)
		err = w.CreateTranscription(t.Context(), next)
		if tt.code == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if err := w.DeleteTranscription(t.Context(), owner, next.ID); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if !fault.Is(err, tt.kind) || fault.Of(err).Code != tt.code {
			t.Errorf("%s: got %v, want %s", name, err, tt.code)
		}
	}
	w.Bound(transcription.Quota{Bytes: size})
	if err := w.Admit(t.Context(), owner, 1); !fault.Is(err, fault.TooLarge) {
		t.Errorf("no byte is left: got %v, want too_large", err)
	}
	if err := w.Admit(t.Context(), w.Owner(t), 1); err != nil {
		t.Errorf("somebody else: %v", err)
	}
}
