package pipelinetest

import (
	"context"
	"fmt"
	"path"
	"slices"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// attempt is what an earlier run has left.
type attempt struct {
	run     int
	chunks  []pipeline.Chunk
	results map[int]pipeline.ChunkResult
}

// folders returns the prefixes of the objects of a run's chunks.
func (r *run) folders() []string {
	found := []string{fmt.Sprintf("%schunks/%d/", transcription.Prefix(r.t.OwnerID, r.t.ID), r.t.Run)}
	for _, c := range r.chunks {
		if f := path.Dir(c.Key) + "/"; !slices.Contains(found, f) {
			found = append(found, f)
		}
	}
	return found
}

// keep makes the objects of a run's chunks garbage after a while.
func (m *Memory) keep(r *run) {
	for _, f := range r.folders() {
		m.kept[f] = true
	}
}

// Outlast lets the time pass for which chunks are kept for another run.
func (m *Memory) Outlast(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for f := range m.kept {
		m.garbage = append(m.garbage, f)
	}
	clear(m.kept)
	return nil
}

// DeleteExpired implements pipeline.Store. Here all is kept for good.
func (m *Memory) DeleteExpired(context.Context, int) (media, whole int, err error) { return 0, 0, nil }

// Forget implements pipeline.Store. What nobody will ask for is in nobody's way here.
func (m *Memory) Forget(context.Context, int) (int, error) { return 0, nil }

// RetryTranscription implements transcription.Store.
func (m *Memory) RetryTranscription(_ context.Context, owner uuid.UUID, next transcription.NextRun) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.runs[next.After.ID]
	if !ok || r.t.OwnerID != owner {
		return fault.New(fault.NotFound, "There is no transcription %s.", next.After.ID)
	}
	t := r.t
	if t.Run != next.After.Run {
		t.Status = transcription.Queued
	}
	if err := t.Retriable(); err != nil {
		return err
	}
	if t.Status == transcription.Completed {
		r.t.Earlier = &transcription.Earlier{
			Run: t.Run, Model: t.Model, Language: t.Language, LanguageConfidence: t.LanguageConfidence, Translate: t.Options.Translate, CompletedAt: t.CompletedAt,
		}
	}
	if next.Anew {
		r.t.Model, r.t.Language, r.t.LanguageConfidence = "", "", 0
	}
	r.t.Status, r.t.Options, r.t.Failure, r.t.Progress = transcription.Queued, next.Options, nil, 0
	r.past = append(r.past, attempt{t.Run, r.chunks, r.results})
	r.chunks, r.results, r.steps = nil, map[int]pipeline.ChunkResult{}, nil
	r.t.Run++
	r.add(pipeline.Prepare, 0)
	return nil
}

// Adopt implements pipeline.Store.
func (m *Memory) Adopt(_ context.Context, l pipeline.Lease, recipe pipeline.Recipe) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, _, err := m.held(l)
	if err != nil || len(r.chunks) > 0 {
		return err
	}
	var best *attempt
	most := -1
	for i := range r.past {
		if a := &r.past[i]; len(a.chunks) > 0 && a.chunks[0].Cut == recipe.Cut && a.fitting(recipe) >= most {
			best, most = a, a.fitting(recipe)
		}
	}
	if best != nil {
		m.adopt(r, best, recipe)
	}
	return nil
}

// fitting returns how much of it was made by the recipe.
func (a *attempt) fitting(recipe pipeline.Recipe) (n int) {
	for _, res := range a.results {
		if res.Made == recipe.Made {
			n += int(res.Chunk.End - res.Chunk.Start)
		}
	}
	return n
}

func (m *Memory) adopt(r *run, from *attempt, recipe pipeline.Recipe) {
	var left []pipeline.Chunk
	for i, c := range from.chunks {
		res, done := from.results[c.Index]
		done = done && res.Made == recipe.Made
		if folder := path.Dir(c.Key) + "/"; c.Index != i || !done && !m.kept[folder] {
			left = append(left, from.chunks[i:]...)
			break
		}
		c.Ref = r.t.Ref()
		r.chunks = append(r.chunks, c)
		if !done {
			r.add(pipeline.Transcribe, c.Index)
			left = append(left, from.chunks[i])
			continue
		}
		res.Chunk = c
		r.results[c.Index] = res
		delete(from.results, c.Index)
	}
	from.chunks = left
	for _, c := range r.chunks {
		if _, done := r.results[c.Index]; !done {
			delete(m.kept, path.Dir(c.Key)+"/")
		}
	}
}
