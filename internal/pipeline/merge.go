package pipeline

import (
	"context"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// merge joins the results of all chunks into the transcript. It depends on
// nothing but the rows, so that doing it twice gives the same.
func (p *Pipeline) merge(ctx context.Context, l Lease) error {
	t, err := p.store.Run(ctx, l.Step.Ref)
	if err != nil {
		return err
	}
	results, err := p.store.Results(ctx, l.Step.Ref)
	if err != nil {
		return err
	}
	parts := make([]transcription.Part, len(results))
	for i, r := range results {
		parts[i] = transcription.Part{Piece: r.Chunk.Piece, Channel: r.Chunk.Channel, Segments: r.Segments, Speech: r.Speech}
	}
	return p.store.Complete(ctx, l, newTranscript(t, parts))
}

func newTranscript(t *transcription.Transcription, parts []transcription.Part) Transcript {
	segments, coverage := transcription.Transcript(parts)
	return Transcript{
		Segments: segments,
		Text:     transcription.Text(segments),
		Warnings: transcription.Warnings(t, segments, coverage),
		Coverage: coverage,
	}
}
