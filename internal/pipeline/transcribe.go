package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// transcribe turns one chunk into segments.
func (p *Pipeline) transcribe(ctx context.Context, l Lease) error {
	t, err := p.store.Run(ctx, l.Step.Ref)
	if err != nil {
		return err
	}
	chunk, err := p.store.Chunk(ctx, l.Step.Ref, l.Step.Index)
	if err != nil {
		return err
	}
	pcm, err := p.sound(ctx, chunk)
	if err != nil {
		return err
	}
	result, err := p.decode(ctx, t, chunk, pcm)
	if err != nil {
		return fmt.Errorf("decode chunk %d: %w", chunk.Index, err)
	}
	return p.store.FinishChunk(ctx, l, result)
}

// sound reads a chunk's samples.
func (p *Pipeline) sound(ctx context.Context, c Chunk) (pcm []int16, err error) {
	body, size, err := p.blobs.Open(ctx, c.Key)
	if err != nil {
		return nil, missing(fmt.Errorf("open chunk %d: %w", c.Index, err))
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	if want := int64(c.Len()) * audio.BytesPerSample; size != want {
		return nil, transcription.RecordingDamaged(fmt.Errorf("chunk %d has %d bytes instead of %d", c.Index, size, want))
	}
	pcm = make([]int16, c.Len())
	if err := audio.Read(body, pcm); err != nil {
		return nil, fmt.Errorf("read chunk %d: %w", c.Index, err)
	}
	return pcm, nil
}
