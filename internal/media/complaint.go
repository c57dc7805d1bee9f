package media

import (
	"strconv"
	"strings"
	"time"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// Codes of the faults that say what is wrong with a recording.
const (
	codeEmptyFile   = "empty_file"
	codeNoAudio     = "no_audio"
	codeTooLong     = "too_long"
	codeUnreadable  = "unreadable_media"
	codeUnsupported = "unsupported_media"
)

// complaint turns what a tool said as it gave up on a file into the fault that
// the person who uploaded it can act on.
func complaint(said string, err error) error {
	switch {
	case strings.Contains(said, "matches no streams"):
		return noAudio(err)
	case strings.Contains(said, "not on whitelist"), strings.Contains(said, "Decoder (codec"), strings.Contains(said, "no decoder found"):
		return unsupported(err)
	}
	return fault.Wrap(err, fault.Invalid,
		"The file is damaged or incomplete. Upload it again, or save it anew with the program that made it.").WithCode(codeUnreadable)
}

func noAudio(err error) error {
	return fault.Wrap(err, fault.Invalid, "The file has no sound in it. Upload a recording with an audio track.").WithCode(codeNoAudio)
}

func unsupported(err error) error {
	return fault.Wrap(err, fault.Unsupported,
		"This is not an audio or video file we can read. Upload a recording, for example MP3, M4A, WAV, FLAC, OGG, MP4, MKV or WebM.").
		WithCode(codeUnsupported)
}

func tooLong(limit time.Duration) error {
	return fault.New(fault.TooLarge, "The recording is longer than %s. Split it and upload the parts.", spoken(limit)).
		WithCode(codeTooLong).With("limitSeconds", limit.Seconds())
}

// spoken writes d as a person would: 12 hours, not 12h0m0s.
func spoken(d time.Duration) string {
	n, unit := int64(d.Round(time.Second)/time.Second), "second"
	switch {
	case d > 0 && d%time.Hour == 0:
		n, unit = int64(d/time.Hour), "hour"
	case d > 0 && d%time.Minute == 0:
		n, unit = int64(d/time.Minute), "minute"
	}
	if n != 1 {
		unit += "s"
	}
	return strconv.FormatInt(n, 10) + " " + unit
}
