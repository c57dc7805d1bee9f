package pipelinetest

import (
	"context"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/pipeline"
)

// Hear implements pipeline.Store.
func (m *Memory) Hear(_ context.Context, l pipeline.Lease, heard audio.Samples) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, _, err := m.held(l)
	if err != nil {
		return err
	}
	r.heard = max(r.heard, heard)
	return nil
}

// Heard returns the most that was told of a chunk of a transcription while it was in work.
func (m *Memory) Heard(id uuid.UUID) audio.Samples {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.runs[id].heard
}
