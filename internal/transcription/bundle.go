package transcription

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// MaxBundle is how many transcriptions are exported as one file at most, so that the
// request comes to an end.
const MaxBundle = 500

// Bundle returns transcriptions of the caller's as they are to be exported to f, once each
// and in that order; they are read one at a time. Invalid bundle_size: none or too many.
// NotFound and Conflict not_completed tell in the detail id which one it is about.
func (s *Service) Bundle(ctx context.Context, who auth.Actor, ids []uuid.UUID, f Format) (iter.Seq2[*Transcription, error], error) {
	if err := who.Require(auth.ReadTranscriptions); err != nil {
		return nil, err
	}
	if len(ids) == 0 || len(ids) > MaxBundle {
		return nil, fault.New(fault.Invalid, "Name 1 to %d transcriptions to export at once; these are %d.", MaxBundle, len(ids)).
			WithCode("bundle_size").With("field", "ids").With("limit", MaxBundle)
	}
	ids, err := s.readableOnes(ctx, who, ids)
	if err != nil {
		return nil, err
	}
	return func(yield func(*Transcription, error) bool) {
		for _, id := range ids {
			if t, err := s.Readable(ctx, who, id, f); !yield(t, err) || err != nil {
				return
			}
		}
	}, nil
}

// Outcome is how far a transcription is.
type Outcome struct {
	Status  Status
	Earlier bool // there is the text of an earlier run
}

// Readable reports whether there is a text to read.
func (o Outcome) Readable() bool { return o.Earlier || o.Status == Completed }

// readableOnes returns ids, once each, all of which have a text that the caller may read.
func (s *Service) readableOnes(ctx context.Context, who auth.Actor, ids []uuid.UUID) (once []uuid.UUID, err error) {
	found, err := s.store.Outcomes(ctx, who.ID(), ids)
	if err != nil {
		return nil, err
	}
	seen := map[uuid.UUID]bool{}
	for _, id := range ids {
		outcome, ok := found[id]
		switch {
		case !ok:
			return nil, about(id, fault.New(fault.NotFound, "There is no transcription %s.", id))
		case !outcome.Readable():
			return nil, about(id, notCompleted(outcome.Status))
		case !seen[id]:
			once = append(once, id)
		}
		seen[id] = true
	}
	return once, nil
}

// about says which of several transcriptions a fault is about.
func about(id uuid.UUID, err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.With("id", id.String())
	}
	return err
}

// WriteZip writes transcriptions as files of one zip, as they come. One for which there is
// no such file, say for want of a font, has a text in its place that says why.
func (e Exporter) WriteZip(w io.Writer, f Format, l Layout, all iter.Seq2[*Transcription, error]) error {
	z := zip.NewWriter(w)
	taken := map[string]bool{}
	for t, err := range all {
		if err != nil {
			return err
		}
		name := vacant(taken, f.FileName(t.File.Name))
		if err := e.addTo(&zipEntry{zip: z, name: name, t: t}, f, l); err != nil {
			return err
		}
	}
	return z.Close()
}

func (e Exporter) addTo(entry *zipEntry, f Format, l Layout) error {
	err := e.Write(entry, f, entry.t, l)
	refused, ok := errors.AsType[*fault.Error](err)
	if ok && entry.w == nil {
		entry.name += ".txt"
		_, err = io.WriteString(entry, refused.Message+"\n")
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", entry.name, err)
	}
	_, err = entry.Write(nil) // a file may be empty
	return err
}

// zipEntry is a file in a zip, which begins with its first byte.
type zipEntry struct {
	zip  *zip.Writer
	name string
	t    *Transcription
	w    io.Writer // nil until then
}

// Write begins the file when it has not begun.
func (z *zipEntry) Write(p []byte) (n int, err error) {
	if z.w == nil {
		z.w, err = z.zip.CreateHeader(&zip.FileHeader{Name: z.name, Method: zip.Deflate, Modified: z.t.CompletedAt})
		if err != nil {
			return 0, err
		}
	}
	return z.w.Write(p)
}

// vacant returns a name that no other file has, not even in other letters: there are
// systems that take them for the same.
func vacant(taken map[string]bool, name string) string {
	stem, extension := splitName(name)
	for i := 2; taken[strings.ToLower(name)]; i++ {
		name = fmt.Sprintf("%s (%d)%s", stem, i, extension)
	}
	taken[strings.ToLower(name)] = true
	return name
}
