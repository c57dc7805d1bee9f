package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// joined reports whether another recording begins behind the end of the one at path, in a
// container that says where it ends and of which no player, nor ffmpeg, looks further. Of
// the others, such as FLAC, MP3 and Ogg, all that is joined is read.
func joined(path string) (found bool, err error) {
	f, err := os.Open(path) //nolint:gosec // G304: a file that was staged
	if err != nil {
		return false, fmt.Errorf("open a recording: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	head := make([]byte, headLen)
	if _, err := f.ReadAt(head, 0); err != nil {
		return false, orEnd(err)
	}
	switch {
	case bytes.HasPrefix(head, []byte("RIFF")):
		return follows(f, head, binary.LittleEndian.Uint32(head[4:]))
	case bytes.HasPrefix(head, []byte("FORM")):
		return follows(f, head, binary.BigEndian.Uint32(head[4:]))
	case string(head[4:8]) == "ftyp":
		return movies(f)
	default:
		return false, nil
	}
}

// headLen is what begins a RIFF or AIFF file: a name, a size, and what kind it is.
const headLen = 12

// follows reports whether another file of the kind of head begins behind size bytes. What
// was written into a pipe does not know its size.
func follows(f io.ReaderAt, head []byte, size uint32) (bool, error) {
	if size == 0 || size == 1<<32-1 {
		return false, nil
	}
	next := make([]byte, headLen)
	_, err := f.ReadAt(next, 8+int64(size)+int64(size%2))
	return err == nil && bytes.Equal(next[:4], head[:4]) && bytes.Equal(next[8:], head[8:]), orEnd(err)
}

// mostBoxes bounds how many boxes are looked at: a day in fragments of a second has two for each.
const mostBoxes = 1 << 18

// movies reports whether there are two movies in an MP4 file, which has one.
func movies(f io.ReaderAt) (bool, error) {
	head := make([]byte, 16)
	seen := 0
	for at, boxes := int64(0), 0; boxes < mostBoxes; boxes++ {
		n, err := f.ReadAt(head, at)
		if n < 8 {
			return false, orEnd(err)
		}
		if string(head[4:8]) == "moov" {
			seen++
		}
		size := int64(binary.BigEndian.Uint32(head))
		if size == 1 && n == len(head) {
			size = int64(binary.BigEndian.Uint64(head[8:])) //nolint:gosec // G115: what is negative then is refused
		}
		if seen > 1 || size < 8 || at+size < at {
			return seen > 1, nil
		}
		at += size
	}
	return false, nil
}

// orEnd returns err, unless that is the end of the file.
func orEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
