package transcription

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// Manifest says how a text came to be, beside what its transcription says.
type Manifest struct {
	Options *Options // that were asked for; nil: of an earlier run, whose are not kept
	Plan
}

// Plan is what the text of a run is of.
type Plan struct {
	Chunks []PlannedChunk // that the recording was cut into, in order
	Ranges []Range        // that were transcribed anew and are in the present text, in order; without their prompts
}

// PlannedChunk is a chunk as the recording was cut into.
type PlannedChunk struct {
	Index, Channel int
	Piece          audio.Piece
	Made           string // the same for two that became segments in the same way; empty: it did not
	Weights        string // SHA-256 of the file of the model; empty: not known
}

// Readable returns a transcription of the caller's, with a text, as it is to be exported
// to f: with its manifest where that has one. Conflict not_completed: there is no text.
func (s *Service) Readable(ctx context.Context, who auth.Actor, id uuid.UUID, f Format) (*Transcription, error) {
	t, err := s.Transcription(ctx, who, id)
	if err != nil {
		return nil, err
	}
	text, ok := t.Readable()
	if !ok {
		return nil, notCompleted(t.Status)
	}
	if !f.manifest {
		return text, nil
	}
	described := *text
	described.Manifest = &Manifest{}
	if t.Earlier == nil {
		described.Manifest.Options = &described.Options
	}
	described.Manifest.Plan, err = s.store.Plan(ctx, who.ID(), text.Ref())
	return &described, err
}

// notCompleted says why there is nothing to export.
func notCompleted(s Status) error {
	message := "This transcription is not finished yet. Ask again when its status is completed."
	if s.Final() {
		message = "This transcription ended without a text, so there is nothing to export."
	}
	return fault.New(fault.Conflict, "%s", message).WithCode("not_completed").With("status", string(s))
}

// Weights returns the SHA-256 of the file of the model, if all chunks were decoded with the same;
// empty: they were not, or it is not known.
func (m *Manifest) Weights() (sum string) {
	for i, c := range m.Chunks {
		if i > 0 && c.Weights != sum {
			return ""
		}
		sum = c.Weights
	}
	return sum
}

// published returns the checksum of the file that was published under the name of a
// model; empty: it is not known.
func published(name string) string {
	n := slices.IndexFunc(models, func(m Model) bool { return m.Name == name })
	if n < 0 {
		return ""
	}
	return models[n].SHA256
}
