package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

func TestUsage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.store.Bound(transcription.Quota{Bytes: 1000, Sound: time.Hour, Queued: 5})
	w.store.add(t, w.ids["user"], func(r *transcription.Transcription) {
		completed(r)
		r.Duration, r.File.Size = 90*time.Second, 100
	})
	w.store.add(t, w.ids["other"], nil)
	w.uploadWith(t, "user").expect(t, 202, "")
	got := data[map[string]map[string]any](t, w.do(t, call{actor: "user", path: "/api/v1/me/usage"}))
	reset, _ := got["minutes"]["resetAt"].(string)
	if at, err := time.Parse(time.RFC3339, reset); err != nil || at.Day() != 1 || time.Until(at) <= 0 {
		t.Errorf("the month ends %q, %v", reset, err)
	}
	delete(got["minutes"], "resetAt")
	want := map[string]map[string]any{
		"bytes":   {"used": 105.0, "limit": 1000.0},
		"minutes": {"used": 1.5, "limit": 60.0},
		"active":  {"used": 1.0, "limit": nil},
		"queued":  {"used": 1.0, "limit": 5.0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestUpload_overTheQuota(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, tt := range map[string]struct {
		quota  transcription.Quota
		status int
		code   string
	}{
		"bytes": {transcription.Quota{Bytes: 4}, 413, "quota_bytes"}, // found at the end: nobody knows the size before
		"sound": {transcription.Quota{Sound: time.Minute}, 429, "quota_minutes"},
	} {
		w.store.add(t, w.ids["other"], func(r *transcription.Transcription) { completed(r); r.Duration = time.Minute })
		w.store.Bound(tt.quota)
		got := w.uploadWith(t, "other")
		got.expect(t, tt.status, tt.code)
		if name == "sound" && (got.Header.Get("Retry-After") == "" || !strings.Contains(got.body, `"resetAt":"2`)) {
			t.Errorf("got %v %s", got.Header, got.body)
		}
	}
	if n := len(w.objects.stored()); n != 0 {
		t.Errorf("%d recordings are stored that were refused", n)
	}
}

// Who has no room for a recording hears of it before it is sent, as far as the request
// tells how large it is.
func TestUpload_overTheQuotaBeforeItIsSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.store.Bound(transcription.Quota{Bytes: 100_000})
	w.objects.reading = func(int64) { t.Error("some of it was stored") }
	body, kind := form(t, field{"file", strings.Repeat("sound", 100_000)})
	w.do(t, call{actor: "user", method: "POST", path: "/api/v1/files/upload", body: body, header: map[string]string{"Content-Type": kind}}).
		expect(t, 413, "quota_bytes")
}

func TestUsers_quota(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	type quota struct{ Bytes, Minutes, Active *int64 }
	got := data[struct{ Quota quota }](t, w.patch(t, "user", `{"quota":{"bytes":1000,"minutes":null,"active":0}}`)).Quota
	if got.Bytes == nil || *got.Bytes != 1000 || got.Minutes != nil || got.Active == nil || *got.Active != 0 {
		t.Errorf("got %+v", got)
	}
	if e := w.audit(t, "limit=1").Items[0]; e.Action != "account.quota_changed" {
		t.Errorf("the audit log tells %+v", e)
	}
	for _, body := range []string{`{"quota":{"bytes":-1}}`, `{"quota":{"minutes":1000000000}}`, `{"quota":{"active":-5}}`} {
		w.patch(t, "user", body).expect(t, 400, "invalid_quota")
	}
	w.patch(t, "user", `{"quota":{"cpu":1}}`).expect(t, 400, "malformed_json")
}
