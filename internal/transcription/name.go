package transcription

import (
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxNameBytes is how long a file name may be, here and on most file systems.
	maxNameBytes = 255
	// maxExtensionBytes tells an extension from a dot in a title.
	maxExtensionBytes = 16
)

// CleanName returns a file name fit to be shown and to be offered for download:
// no path, no control characters, valid UTF-8, bounded, never empty. A name that
// is too long keeps its extension.
func CleanName(name string) string {
	name = strings.ToValidUTF8(path.Base(strings.ReplaceAll(name, `\`, "/")), "")
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, name)
	name = boundedName(splitName(strings.TrimSpace(name)))
	if strings.Trim(name, "./ ") == "" {
		return "recording"
	}
	return name
}

// FileName returns what the export of a recording of that name is called, in at
// most 255 bytes.
func (f Format) FileName(recording string) string {
	stem, _ := splitName(strings.ToValidUTF8(recording, ""))
	if strings.Trim(stem, "./ ") == "" {
		stem = "transcript"
	}
	return boundedName(stem, f.Extension)
}

// splitName returns a file name in two parts, the second with its dot or empty.
func splitName(name string) (stem, extension string) {
	extension = path.Ext(name)
	if len(extension) > maxExtensionBytes || strings.ContainsFunc(extension, unicode.IsSpace) {
		return name, ""
	}
	return strings.TrimSuffix(name, extension), extension
}

// boundedName returns a file name whose stem is cut between characters where it
// is too long.
func boundedName(stem, extension string) string {
	limit := maxNameBytes - len(extension)
	if len(stem) <= limit {
		return stem + extension
	}
	for !utf8.RuneStart(stem[limit]) {
		limit--
	}
	return strings.TrimRightFunc(stem[:limit], unicode.IsSpace) + extension
}
