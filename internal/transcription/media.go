package transcription

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// mediaLifetime is how long an address that was signed for a recording opens it.
const mediaLifetime = 15 * time.Minute

// Served is what a storage says of a recording that it hands out itself.
type Served struct {
	ContentType string
	Disposition string // as in the header Content-Disposition
}

// Media is a recording that is there to be played.
type Media struct {
	File
	objects Objects
	now     func() time.Time
}

// Media returns the recording of a transcription of the caller's. NotFound: there is none
// of that id. Gone recording_gone: it is not kept any more.
func (s *Service) Media(ctx context.Context, who auth.Actor, id uuid.UUID) (*Media, error) {
	t, err := s.Head(ctx, who, id)
	if err != nil {
		return nil, err
	}
	if err := t.playable(); err != nil {
		return nil, err
	}
	return &Media{File: t.File, objects: s.objects, now: s.now}, nil
}

// playable returns Gone unless the recording is kept.
func (t *Transcription) playable() error {
	if t.useless() {
		return fault.New(fault.Gone, "The recording could not be used and is no longer stored.").WithCode(codeRecordingGone).With("failure", t.Failure.Code)
	}
	if t.File.Gone && t.Duration == 0 { // its text was brought along, perhaps because this was of no use
		return fault.New(fault.Gone, "The recording is no longer stored: it could not be used, or was deleted as its retention says.").WithCode(codeRecordingGone)
	}
	if t.File.Gone {
		return fault.New(fault.Gone, "The recording was deleted, as its retention says.").WithCode(codeRecordingGone)
	}
	return nil
}

// MediaKept reports whether the recording can be played, and run again.
func (t *Transcription) MediaKept() bool { return t.playable() == nil }

// Open returns length bytes of the recording, from the byte from on.
func (m *Media) Open(ctx context.Context, from, length int64) (io.ReadCloser, error) {
	return m.objects.OpenRange(ctx, m.Key, from, length)
}

// Sign returns an address under which anybody can read the recording until expires.
// Conflict media_url_unavailable: the storage hands it out to nobody but us.
func (m *Media) Sign(ctx context.Context, disposition string) (url string, expires time.Time, err error) {
	expires = m.now().Add(mediaLifetime)
	url, ok, err := m.objects.Sign(ctx, m.Key, Served{ContentType: m.Type(), Disposition: disposition}, mediaLifetime)
	if err == nil && !ok {
		err = fault.New(fault.Conflict, "The storage of this installation hands out no recordings by itself. Read this one from the address of its media instead.").
			WithCode("media_url_unavailable")
	}
	return url, expires, err
}

// Peaks returns the outline of the recording of a transcription of the caller's, and a name
// of it that changes with it. NotFound no_peaks: there is none yet.
func (s *Service) Peaks(ctx context.Context, who auth.Actor, id uuid.UUID) (peaks *audio.Peaks, version string, err error) {
	t, err := s.Head(ctx, who, id)
	if err != nil {
		return nil, "", err
	}
	if err := t.playable(); err != nil {
		return nil, "", err
	}
	if t.PeaksKey == "" {
		return nil, "", noPeaks()
	}
	peaks, err = s.readPeaks(ctx, t.PeaksKey)
	return peaks, path.Base(t.PeaksKey), err
}

// noPeaks is the fault of whoever comes too early, or asks about what was prepared when no
// outline was kept.
func noPeaks() *fault.Error {
	return fault.New(fault.NotFound, "There is no outline of this recording. One is made when it is prepared: wait until then, or run it again.").WithCode("no_peaks")
}

// maxPeaks is what the largest outline has, and more: of two channels for a day.
const maxPeaks = 8 << 20

func (s *Service) readPeaks(ctx context.Context, key string) (*audio.Peaks, error) {
	body, size, err := s.objects.Open(ctx, key)
	if fault.Is(err, fault.NotFound) {
		return nil, noPeaks() // another run has just replaced it
	}
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(body, min(size, maxPeaks)))
	if err := errors.Join(err, body.Close()); err != nil {
		return nil, fmt.Errorf("read the outline %s: %w", key, err)
	}
	return audio.DecodePeaks(b)
}

// unknownType is that of bytes which nobody shall take for anything.
const unknownType = "application/octet-stream"

// Type returns as what a recording is given out: what its first bytes were found to be,
// whatever its name says, and never what a browser would do more with than play it.
func (f File) Type() string {
	if strings.HasPrefix(f.ContentType, "audio/") || strings.HasPrefix(f.ContentType, "video/") || f.ContentType == "application/ogg" {
		return f.ContentType
	}
	return unknownType
}

// mediaExtensions are those that computers play. Under another one a recording might be
// opened with something that runs what is in it.
var mediaExtensions = []string{
	".3g2", ".3gp", ".aac", ".ac3", ".aif", ".aifc", ".aiff", ".amr", ".asf", ".avi", ".caf", ".flac", ".flv", ".m2ts", ".m4a", ".m4b", ".m4v", ".mka", ".mkv", ".mov",
	".mp2", ".mp3", ".mp4", ".mpeg", ".mpg", ".mts", ".oga", ".ogg", ".ogv", ".opus", ".spx", ".ts", ".w64", ".wav", ".weba", ".webm", ".wma", ".wmv",
}

// DownloadName returns the name under which a recording is saved.
func (f File) DownloadName() string {
	if slices.Contains(mediaExtensions, strings.ToLower(path.Ext(f.Name))) {
		return f.Name
	}
	return boundedName(f.Name, ".media")
}
