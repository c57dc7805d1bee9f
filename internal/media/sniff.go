package media

import (
	"errors"
	"strings"

	"github.com/gabriel-vasile/mimetype"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// SniffSize is how many bytes of a file Sniff looks at.
const SniffSize = 3 << 10

// Sniff names the content type of a file by its first SniffSize bytes. It refuses
// what surely is no recording, before gigabytes of it are stored: Unsupported
// with code unsupported_media, or Invalid with code empty_file. What it does not
// know passes as application/octet-stream; Probe decides about that.
func Sniff(head []byte) (contentType string, err error) {
	if len(head) == 0 {
		return "", fault.New(fault.Invalid, "The file is empty. Choose the recording again and upload it.").WithCode(codeEmptyFile)
	}
	contentType = mimetype.Detect(head[:min(len(head), SniffSize)]).String()
	if !maybeMedia(contentType) {
		return "", unsupported(errors.New("the file looks like " + contentType))
	}
	return contentType, nil
}

// maybeMedia reports whether a file of this type can hold sound.
func maybeMedia(contentType string) bool {
	switch contentType {
	case "application/octet-stream", "application/ogg":
		return true
	}
	return strings.HasPrefix(contentType, "audio/") || strings.HasPrefix(contentType, "video/")
}
