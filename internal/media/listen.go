package media

import (
	"context"
	"errors"
	"io"

	"github.com/turboscribe/turboscribe/internal/pipeline"
)

// recording is a staged file that is being decoded.
type recording struct {
	*Stream
	file   *File
	joined bool
}

var _ pipeline.Media = (*Media)(nil)

// Listen stages r and starts to decode it, with so many channels kept apart. Closing the recording ends ffmpeg and
// removes the staged file. Faults are those of Stage and Decode.
func (m *Media) Listen(ctx context.Context, r io.Reader, channels int) (pipeline.Recording, error) {
	file, err := m.Stage(ctx, r)
	if err != nil {
		return nil, err
	}
	more, err := joined(file.Path)
	if err != nil {
		return nil, errors.Join(err, file.Remove())
	}
	stream, err := m.Decode(ctx, file.Path, channels)
	if err != nil {
		return nil, errors.Join(err, file.Remove())
	}
	return &recording{Stream: stream, file: file, joined: more}, nil
}

// Joined reports whether there is more in the file than is read.
func (r *recording) Joined() bool { return r.joined }

// Close ends ffmpeg, removes the staged file and returns what Stream.Close does.
func (r *recording) Close() error {
	return errors.Join(r.Stream.Close(), r.file.Remove())
}
