package transcription_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/auth/authtest"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// Parts of a recording, and an address of it, are for its owner only, for as long as it
// is kept.
func TestService_Media(t *testing.T) {
	t.Parallel()
	b := setup()
	tr, err := b.Upload(t.Context(), b.who, upload("sound", transcription.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	m, err := b.Media(t.Context(), b.who, tr.ID)
	if err != nil {
		t.Fatal(err)
	}
	body, err := m.Open(t.Context(), 2, 5)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(body); err != nil || string(got) != tr.File.Key[2:7] {
		t.Errorf("got %q, %v", got, err)
	}
	url, expires, err := m.Sign(t.Context(), "inline")
	if left := time.Until(expires); err != nil || url != m.Key+"?"+m.Type()+"&inline&15m0s" || left > 15*time.Minute || left < 10*time.Minute {
		t.Errorf("got %q for %s, %v", url, left, err)
	}
	b.objects.apart = true
	if _, _, err := m.Sign(t.Context(), "inline"); !fault.Is(err, fault.Conflict) || fault.Of(err).Code != "media_url_unavailable" {
		t.Errorf("got %v", err)
	}
	if _, err := b.Media(t.Context(), authtest.Actor(uuid.New(), auth.Member), tr.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("somebody else: got %v", err)
	}
	failed := *tr
	failed.Status, failed.Failure = transcription.Failed, &transcription.Failure{Code: "no_audio"}
	b.store.Insert(failed)
	if _, err := b.Media(t.Context(), b.who, tr.ID); err != nil {
		t.Errorf("one of no use that was held: got %v", err)
	}
	failed.File.Gone = true
	b.store.Insert(failed)
	if _, err := b.Media(t.Context(), b.who, tr.ID); !fault.Is(err, fault.Gone) || fault.Of(err).Code != "recording_gone" {
		t.Errorf("one of no use: got %v", err)
	}
	failed.Earlier, failed.File.Gone = &transcription.Earlier{Run: 1}, false
	b.store.Insert(failed)
	if _, err := b.Media(t.Context(), b.who, tr.ID); err != nil {
		t.Errorf("one that was of use before: got %v", err)
	}
}

// Of what was of no use, and then was given a text, it was said that its retention had ended.
func TestService_Media_neverRead(t *testing.T) {
	t.Parallel()
	for length, want := range map[time.Duration]string{0: "it could not be used, or", time.Minute: "was deleted, as its retention says"} {
		b := setup()
		id := b.completed(talking("Mine."))
		tr, err := b.Transcription(t.Context(), b.who, id)
		if err != nil {
			t.Fatal(err)
		}
		tr.Duration, tr.File.Gone = length, true
		b.store.Insert(*tr)
		for _, err := range []error{
			second(b.Media(t.Context(), b.who, id)), third(b.Peaks(t.Context(), b.who, id)),
		} {
			if f := fault.Of(err); f.Code != "recording_gone" || !strings.Contains(f.Message, want) {
				t.Errorf("of %s: got %v", length, err)
			}
		}
	}
}

func second[A any](_ A, err error) error { return err }

func third[A, B any](_ A, _ B, err error) error { return err }

// TestFile_Type: a browser is never told that a recording is something that it would run.
func TestFile_Type(t *testing.T) {
	t.Parallel()
	for found, want := range map[string]string{
		"audio/mpeg": "audio/mpeg", "video/mp4": "video/mp4", "application/ogg": "application/ogg",
		"image/svg+xml": "application/octet-stream", "text/html; charset=utf-8": "application/octet-stream", "application/octet-stream": "application/octet-stream", "": "application/octet-stream",
	} {
		if got := (transcription.File{ContentType: found}).Type(); got != want {
			t.Errorf("%q: got %q", found, got)
		}
	}
}

// TestFile_DownloadName: what is saved is opened by what plays it, whatever its name was.
func TestFile_DownloadName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"talk.mp3": "talk.mp3", "Talk.FLAC": "Talk.FLAC", "talk": "talk.media", "talk.html": "talk.html.media", "talk.mp3.exe": "talk.mp3.exe.media", "talk.mp3 .exe": "talk.mp3 .exe.media",
		strings.Repeat("ä", 127) + "x": strings.Repeat("ä", 124) + ".media",
	} {
		if got := (transcription.File{Name: name}).DownloadName(); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}
