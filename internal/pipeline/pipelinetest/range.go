package pipelinetest

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// find returns the run of a recording, whichever it is now, or a range of it.
func (m *Memory) find(ref transcription.Ref) (*run, bool) {
	number, ok := ref.Range()
	if !ok {
		r, ok := m.runs[ref.ID]
		return r, ok
	}
	if number > len(m.ranges[ref.ID]) {
		return nil, false
	}
	return m.ranges[ref.ID][number-1], true
}

// all returns the runs and the ranges, in order of creation.
func (m *Memory) all() (found []*run) {
	for _, id := range m.order {
		if r, ok := m.runs[id]; ok {
			found = append(append(found, r), m.ranges[id]...)
		}
	}
	return found
}

// CreateRange implements transcription.Store.
func (m *Memory) CreateRange(_ context.Context, owner uuid.UUID, r *transcription.Range) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	whole, ok := m.runs[r.ID]
	if !ok || whole.t.OwnerID != owner {
		return fault.New(fault.NotFound, "There is no transcription %s.", r.ID)
	}
	if err := whole.t.Retriable(); err != nil {
		return err
	}
	r.Number, r.Status = len(m.ranges[r.ID])+1, transcription.Queued
	own := &run{t: whole.t, results: map[int]pipeline.ChunkResult{}, asked: slices.Clone(whole.t.Segments)}
	of := *r
	own.t.Run, own.t.Status, own.t.Options, own.t.Range = r.Ref().Run, transcription.Queued, r.Options, &of
	own.t.Model, own.t.Language, own.t.LanguageConfidence, own.t.Progress = "", "", 0, 0
	m.ranges[r.ID] = append(m.ranges[r.ID], own)
	own.add(pipeline.Prepare, 0)
	return nil
}

// CancelRange implements transcription.Store.
func (m *Memory) CancelRange(_ context.Context, owner, id uuid.UUID, number int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.find(transcription.Range{ID: id, Number: number}.Ref())
	if !ok || r.t.OwnerID != owner {
		return transcription.NoRange(number)
	}
	if r.t.Status.Final() {
		return nil
	}
	r.t.Status = transcription.Canceled
	m.garbage = append(m.garbage, r.folders()...)
	return nil
}

// Ranges implements transcription.Store.
func (m *Memory) Ranges(_ context.Context, _, id uuid.UUID, _, _ int) (found []transcription.Range, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range slices.Backward(m.ranges[id]) {
		of := *r.t.Range
		of.Status, of.Model, of.Language, of.Progress, of.Failure = r.t.Status, r.t.Model, r.t.Language, r.t.Progress, r.t.Failure
		found = append(found, of)
	}
	return found, nil
}

// Segments returns the text of a transcription.
func (m *Memory) Segments(_ context.Context, id uuid.UUID) ([]transcription.Segment, error) {
	return m.Transcription(id).Segments, nil
}

// splice puts what was heard of a range into the text, unless that was edited there.
func (m *Memory) splice(r *run, heard []transcription.Segment) {
	m.garbage = append(m.garbage, r.folders()...)
	whole, of := &m.runs[r.t.ID].t, r.t.Range
	now := of.Into(whole.Segments, heard)
	of.Revision = whole.Revision
	if len(transcription.Splices(whole.Segments, now)) == 0 {
		return
	}
	of.Revision, of.Kept = whole.Revision+1, of.Touched(r.asked, whole.Segments)
	whole.Revision++
	if of.Kept {
		whole.Revision++
		return
	}
	whole.Segments, whole.Text = now, transcription.Text(now)
}
