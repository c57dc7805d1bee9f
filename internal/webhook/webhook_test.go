package webhook

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

var at = time.Date(2026, 3, 1, 12, 0, 0, 7e6, time.UTC)

func sample() *transcription.Transcription {
	return &transcription.Transcription{
		ID: uuid.MustParse("0198c0de-0000-7000-8000-000000000001"), File: transcription.File{ID: uuid.MustParse("0198c0de-0000-7000-8000-000000000002"), Name: "secret talk.mp3"},
		Run: 2, Status: transcription.Completed, Progress: 1, Language: "en", Model: "small", Duration: 90500 * time.Millisecond,
		Text: "secret words", CreatedAt: at, CompletedAt: at.Add(time.Minute),
	}
}

func TestPayload(t *testing.T) {
	t.Parallel()
	got, err := Payload(Completed, at, sample())
	want := `{"type":"transcription.completed","timestamp":"2026-03-01T12:00:00.007Z","data":{` +
		`"id":"0198c0de-0000-7000-8000-000000000001","fileId":"0198c0de-0000-7000-8000-000000000002","run":2,"status":"completed","progress":1.000,` +
		`"language":"en","model":"small","duration":90.500,"error":null,"createdAt":"2026-03-01T12:00:00.007Z","completedAt":"2026-03-01T12:01:00.007Z"}}`
	if got != want || err != nil {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}

// Events lie in the database, and with whoever runs the receiver: what is private
// stays behind the sign-in.
func TestPayload_private(t *testing.T) {
	t.Parallel()
	tr := sample()
	tr.Status, tr.CompletedAt, tr.Language, tr.Model, tr.Duration = transcription.Failed, time.Time{}, "", "", 0
	tr.Failure = &transcription.Failure{Code: "no_audio", Message: "There is no sound in it."}
	got, err := Payload(Failed, at, tr)
	if err != nil || strings.Contains(got, "secret") {
		t.Errorf("got %s, %v", got, err)
	}
	if !strings.Contains(got, `"language":null,"model":null,"duration":null,"error":{"code":"no_audio","message":"There is no sound in it."}`) || !strings.Contains(got, `"completedAt":null`) {
		t.Errorf("got %s", got)
	}
}

func TestTypeOf(t *testing.T) {
	t.Parallel()
	told := 0
	for _, s := range transcription.Statuses {
		typ, ok := TypeOf(s)
		if ok != s.Final() || ok && typ != Type("transcription."+s) || ok && !typ.Known() {
			t.Errorf("%s: got %q, %t", s, typ, ok)
		}
		if ok {
			told++
		}
	}
	if told != 3 || Test.Known() || !Progress.Known() {
		t.Errorf("%d statuses are told of", told)
	}
}
