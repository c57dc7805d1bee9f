package transcription_test

import (
	"strings"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

func TestQuota_Admit(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC)
	tests := []struct {
		name  string
		quota transcription.Quota
		usage transcription.Usage
		bytes int64
		want  string
	}{
		{"no bounds", transcription.Quota{}, transcription.Usage{Queued: 9, Active: 9, Bytes: 9, Sound: 9, Backlog: 9}, 9, ""},
		{"a place in the queue", transcription.Quota{Queued: 2}, transcription.Usage{Queued: 1}, 1, ""},
		{"none", transcription.Quota{Queued: 2}, transcription.Usage{Queued: 2}, 1, "too_many_queued"},
		{"one more on its way", transcription.Quota{Active: 2}, transcription.Usage{Active: 1}, 1, ""},
		{"no more", transcription.Quota{Active: 2}, transcription.Usage{Active: 2}, 1, "too_many_active"},
		{"it fits", transcription.Quota{Bytes: 10}, transcription.Usage{Bytes: 5}, 5, ""},
		{"it does not", transcription.Quota{Bytes: 10}, transcription.Usage{Bytes: 5}, 6, "quota_bytes"},
		{"it is stored already", transcription.Quota{Bytes: 10}, transcription.Usage{Bytes: 50}, 0, ""},
		{"a second is left", transcription.Quota{Sound: time.Minute}, transcription.Usage{Sound: 59 * time.Second}, 1, ""},
		{"none is left", transcription.Quota{Sound: time.Minute}, transcription.Usage{Sound: time.Minute}, 1, "quota_minutes"},
		{"others wait", transcription.Quota{Backlog: 1}, transcription.Usage{Backlog: 1}, 1, "queue_full"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.usage.At = now
			err := tt.quota.Admit(tt.usage, tt.bytes)
			if (err == nil) != (tt.want == "") || err != nil && fault.Of(err).Code != tt.want {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if tt.want != "quota_minutes" {
				return
			}
			f := fault.Of(err)
			if f.Details["retryAfter"] != 3601 || f.Details["resetAt"] != time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC) || !strings.Contains(f.Message, "1 January") {
				t.Errorf("got %s %v, want that there are more in an hour", f.Message, f.Details)
			}
		})
	}
}

func TestQuota_Afford(t *testing.T) {
	t.Parallel()
	q := transcription.Quota{Sound: time.Hour}
	u := transcription.Usage{Sound: 50 * time.Minute, At: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	if err := q.Afford(u, 10*time.Minute); err != nil {
		t.Errorf("what is left: %v", err)
	}
	err := q.Afford(u, 10*time.Minute+time.Second)
	if !fault.Is(err, fault.TooLarge) || fault.Of(err).Code != "quota_minutes" || !strings.Contains(err.Error(), "10.0 of the month's 60 left") {
		t.Errorf("more: got %v", err)
	}
	if err := (transcription.Quota{}).Afford(u, 1000*time.Hour); err != nil {
		t.Errorf("no bound: %v", err)
	}
}
