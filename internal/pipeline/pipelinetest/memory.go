// Package pipelinetest holds a store in memory and the suite that both it and the
// real one pass.
package pipelinetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// The states of a step.
const (
	waiting    = "waiting"
	dispatched = "dispatched"
	running    = "running"
	done       = "done"
)

type stepRow struct {
	step         pipeline.Step
	state        string
	attempts     int
	token        uuid.UUID
	until        time.Time
	nextAt       time.Time
	dispatchedAt time.Time
}

// expired reports whether the worker of the step no longer renews its lease.
func (s *stepRow) expired() bool { return s.state == running && s.until.Before(time.Now()) }

// exhausted reports whether it has also been begun too often.
func (s *stepRow) exhausted() bool { return s.expired() && s.attempts >= pipeline.MaxAttempts }

// run is one transcription with everything that belongs to it.
type run struct {
	t       transcription.Transcription
	steps   []*stepRow
	chunks  []pipeline.Chunk
	results map[int]pipeline.ChunkResult
	past    []attempt               // earlier runs, the latest last
	heard   audio.Samples           // the most that was told of a chunk in work
	asked   []transcription.Segment // of a range: the text when it was asked for
}

// Memory is a pipeline.Store without a database. It is safe for use by several
// goroutines.
type Memory struct {
	mu      sync.Mutex
	runs    map[uuid.UUID]*run
	ranges  map[uuid.UUID][]*run // by transcription
	order   []uuid.UUID
	garbage []string
	kept    map[string]bool // prefixes that will be garbage
	epoch   string
	others  []string // models that other workers have
}

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{runs: map[uuid.UUID]*run{}, ranges: map[uuid.UUID][]*run{}, kept: map[string]bool{}}
}

// CreateTranscription adds a transcription with its prepare step.
func (m *Memory) CreateTranscription(_ context.Context, t *transcription.Transcription) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := &run{t: *t, results: map[int]pipeline.ChunkResult{}}
	r.t.Status = transcription.Queued
	m.runs[t.ID] = r
	m.order = append(m.order, t.ID)
	r.add(pipeline.Prepare, 0)
	return nil
}

// Delete removes a transcription, whatever it is doing.
func (m *Memory) Delete(id uuid.UUID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, ok := m.runs[id]; ok {
		m.garbage = append(m.garbage, transcription.Prefix(r.t.OwnerID, id))
		delete(m.runs, id)
		delete(m.ranges, id)
	}
}

// CancelTranscription ends the run, whatever it is doing.
func (m *Memory) CancelTranscription(_ context.Context, owner, id uuid.UUID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.runs[id]
	if !ok || r.t.OwnerID != owner {
		return fault.New(fault.NotFound, "There is no transcription %s.", id)
	}
	if r.t.Status == transcription.Canceled {
		return nil
	}
	if r.t.Status.Final() {
		return transcription.AlreadyEnded(r.t.Status)
	}
	r.t.Status = transcription.Canceled
	m.keep(r)
	return nil
}

// Transcription returns a copy of the present state.
func (m *Memory) Transcription(id uuid.UUID) transcription.Transcription {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.runs[id].t
}

// Change changes a transcription behind everybody's back.
func (m *Memory) Change(id uuid.UUID, change func(*transcription.Transcription)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.runs[id].t)
}

// IDs returns the transcriptions that are there, in order of creation.
func (m *Memory) IDs() []uuid.UUID {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(m.order), func(id uuid.UUID) bool { return m.runs[id] == nil })
}

// Expire ends all leases, as if their workers had been dead for long.
func (m *Memory) Expire() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, row := range m.each(func(s *stepRow) bool { return s.state == running }) {
		row.until = time.Time{}
	}
}

// Age makes everything in the queue look as if it had been there for long, and
// ends all waiting.
func (m *Memory) Age() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, row := range m.each(func(*stepRow) bool { return true }) {
		row.dispatchedAt, row.nextAt = time.Time{}, time.Time{}
	}
}

func (r *run) add(k pipeline.Kind, index int) {
	s := pipeline.Step{Ref: r.t.Ref(), Kind: k, Index: index}
	if r.find(s) == nil {
		r.steps = append(r.steps, &stepRow{step: s, state: waiting})
	}
}

func (r *run) find(s pipeline.Step) *stepRow {
	for _, row := range r.steps {
		if row.step.Kind == s.Kind && row.step.Index == s.Index {
			return row
		}
	}
	return nil
}

// living returns the run of ref unless it is over.
func (m *Memory) living(ref transcription.Ref) (*run, error) {
	r, ok := m.find(ref)
	if !ok {
		return nil, fault.New(fault.NotFound, "There is no transcription %s.", ref.ID)
	}
	if r.t.Run != ref.Run || r.t.Status.Final() {
		return nil, fault.New(fault.Conflict, "The run %s is over.", ref)
	}
	return r, nil
}

// held returns the step of a lease, if that is still held.
func (m *Memory) held(l pipeline.Lease) (*run, *stepRow, error) {
	r, err := m.living(l.Step.Ref)
	if err != nil {
		return nil, nil, err
	}
	row := r.find(l.Step)
	if row == nil || row.state != running || row.token != l.Token {
		return nil, nil, fault.New(fault.Conflict, "The lease on %s is lost.", l.Step)
	}
	return r, row, nil
}

// Run implements pipeline.Store.
func (m *Memory) Run(_ context.Context, ref transcription.Ref) (*transcription.Transcription, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.living(ref)
	if err != nil {
		return nil, err
	}
	t := r.t
	return &t, nil
}

// SaveSource implements pipeline.Store.
func (m *Memory) SaveSource(_ context.Context, l pipeline.Lease, s pipeline.Source) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, _, err := m.held(l)
	if err != nil {
		return err
	}
	r.save(s)
	r.t.Status = transcription.Preparing
	return nil
}

func (r *run) save(s pipeline.Source) {
	r.t.Model, r.t.Language, r.t.LanguageConfidence = s.Model, s.Language, s.LanguageConfidence
	if r.t.Range != nil {
		return
	}
	r.t.Duration, r.t.Missing, r.t.Joined = s.Duration.Duration(), s.Missing.Duration(), s.Joined
}

// Chunks implements pipeline.Store.
func (m *Memory) Chunks(_ context.Context, ref transcription.Ref) ([]pipeline.Chunk, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.find(ref)
	if !ok {
		return nil, nil
	}
	return slices.Clone(r.chunks), nil
}

// Chunk implements pipeline.Store.
func (m *Memory) Chunk(ctx context.Context, ref transcription.Ref, index int) (pipeline.Chunk, error) {
	chunks, err := m.Chunks(ctx, ref)
	if err != nil || index >= len(chunks) {
		return pipeline.Chunk{}, fault.New(fault.NotFound, "There is no chunk %d.", index)
	}
	return chunks[index], nil
}

// AddChunks implements pipeline.Store.
func (m *Memory) AddChunks(_ context.Context, l pipeline.Lease, cs ...pipeline.Chunk) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, _, err := m.held(l)
	if err != nil {
		return err
	}
	for _, c := range cs {
		if c.Index > len(r.chunks) {
			return fmt.Errorf("chunk %d is added behind %d", c.Index, len(r.chunks))
		}
		if c.Index == len(r.chunks) {
			r.chunks = append(r.chunks, c)
		}
		r.add(pipeline.Transcribe, c.Index)
	}
	return nil
}

// Crash forgets the chunk of a run that was added last, with its step, as the server of a
// database does that had not written it down yet.
func (m *Memory) Crash(id uuid.UUID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.runs[id]
	last := len(r.chunks) - 1
	r.chunks = r.chunks[:last]
	r.steps = slices.DeleteFunc(r.steps, func(s *stepRow) bool { return s.step.Kind == pipeline.Transcribe && s.step.Index == last })
}

// FinishPrepare implements pipeline.Store.
func (m *Memory) FinishPrepare(_ context.Context, l pipeline.Lease, s pipeline.Source) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, row, err := m.held(l)
	if err != nil {
		return err
	}
	if len(r.chunks) < s.Chunks {
		return fmt.Errorf("%d of %d chunks are there", len(r.chunks), s.Chunks)
	}
	r.save(s)
	if s.Peaks != "" {
		r.t.PeaksKey = s.Peaks
	}
	row.state = done
	r.t.Status = transcription.Transcribing
	return nil
}

// FinishChunk implements pipeline.Store.
func (m *Memory) FinishChunk(_ context.Context, l pipeline.Lease, res pipeline.ChunkResult) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, row, err := m.held(l)
	if err != nil {
		return err
	}
	r.results[res.Chunk.Index] = res
	row.state = done
	return nil
}

// Results implements pipeline.Store.
func (m *Memory) Results(_ context.Context, ref transcription.Ref) ([]pipeline.ChunkResult, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.living(ref)
	if err != nil {
		return nil, err
	}
	var found []pipeline.ChunkResult
	for _, c := range r.chunks {
		res, ok := r.results[c.Index]
		if !ok {
			return nil, fault.New(fault.Conflict, "Chunk %d of %s is not done yet.", c.Index, ref)
		}
		found = append(found, res)
	}
	return found, nil
}

// Complete implements pipeline.Store.
func (m *Memory) Complete(_ context.Context, l pipeline.Lease, t pipeline.Transcript) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, row, err := m.held(l)
	if err != nil {
		return err
	}
	row.state = done
	r.t.Status, r.t.Progress = transcription.Completed, 1
	if r.t.Range != nil {
		m.splice(r, t.Segments)
		return nil
	}
	r.t.Text, r.t.Segments, r.t.Warnings, r.t.Coverage = t.Text, t.Segments, t.Warnings, &t.Coverage
	r.t.Earlier = nil
	m.garbage = append(m.garbage, r.folders()...)
	return nil
}

// Claim implements pipeline.Store.
func (m *Memory) Claim(_ context.Context, s pipeline.Step, worker string, lease time.Duration) (pipeline.Lease, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.living(s.Ref)
	if err != nil {
		return pipeline.Lease{}, fault.Wrap(err, fault.Conflict, "There is nothing to do for %s.", s)
	}
	row := r.find(s)
	if row == nil || row.state != dispatched || row.step.Gen != s.Gen || row.attempts >= pipeline.MaxAttempts {
		return pipeline.Lease{}, fault.New(fault.Conflict, "There is nothing to do for %s.", s)
	}
	row.state, row.token, row.until = running, uuid.New(), time.Now().Add(lease)
	row.attempts++
	return pipeline.Lease{Step: s, Token: row.token, Attempt: row.attempts, Worker: worker}, nil
}

// Renew implements pipeline.Store.
func (m *Memory) Renew(_ context.Context, l pipeline.Lease, lease time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, row, err := m.held(l)
	if err != nil {
		return err
	}
	row.until = time.Now().Add(lease)
	return nil
}

// Release implements pipeline.Store.
func (m *Memory) Release(_ context.Context, l pipeline.Lease, after time.Duration, interrupted bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, row, err := m.held(l)
	if err != nil {
		return err
	}
	row.state, row.nextAt = waiting, time.Now().Add(after)
	if interrupted {
		row.attempts--
	}
	return nil
}

// AddWorker makes it known that another worker has a model.
func (m *Memory) AddWorker(model string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.others = append(m.others, model)
}

// Elsewhere implements pipeline.Store.
func (m *Memory) Elsewhere(_ context.Context, l pipeline.Lease) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.living(l.Step.Ref)
	if err != nil {
		return false, err
	}
	return slices.Contains(m.others, cmp.Or(r.t.Model, r.t.Options.Model)), nil
}

// Fail implements pipeline.Store.
func (m *Memory) Fail(_ context.Context, l pipeline.Lease, f transcription.Failure) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, _, err := m.held(l)
	if err != nil {
		return err
	}
	m.fail(r, f)
	return nil
}

// GiveUp implements pipeline.Store.
func (m *Memory) GiveUp(_ context.Context, s pipeline.Step, f transcription.Failure) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, row := range m.each(func(row *stepRow) bool { return row.step == s && row.exhausted() }) {
		if r, ok := m.find(row.step.Ref); ok {
			m.fail(r, f)
		}
	}
	return nil
}

func (m *Memory) fail(r *run, f transcription.Failure) {
	r.t.Status, r.t.Failure = transcription.Failed, &f
	if r.t.Range != nil {
		m.garbage = append(m.garbage, r.folders()...)
		return
	}
	if f.Hopeless() && r.t.Earlier == nil {
		r.t.File.Gone = true
		m.garbage = append(m.garbage, transcription.Prefix(r.t.OwnerID, r.t.ID))
		return
	}
	m.keep(r)
}

// Advance implements pipeline.Store.
func (m *Memory) Advance(_ context.Context, ref transcription.Ref) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, err := m.living(ref); err == nil && r.ready() {
		r.t.Status = transcription.Merging
		r.add(pipeline.Merge, 0)
	}
	return nil
}

func (r *run) ready() bool {
	return r.t.Status == transcription.Transcribing && !slices.ContainsFunc(r.steps, func(s *stepRow) bool { return s.state != done })
}

// Dispatch implements pipeline.Store.
func (m *Memory) Dispatch(_ context.Context, window int) ([]pipeline.Step, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []pipeline.Step
	if window == 0 {
		window = pipeline.LeastWindow
	}
	for _, k := range pipeline.Kinds {
		room := window - len(m.each(func(s *stepRow) bool { return s.step.Kind == k && s.state == dispatched }))
		ready := m.each(func(s *stepRow) bool {
			return s.step.Kind == k && s.state == waiting && !s.nextAt.After(time.Now())
		})
		for _, row := range ready[:max(0, min(room, len(ready)))] {
			row.state, row.dispatchedAt = dispatched, time.Now()
			row.step.Gen++
			found = append(found, row.step)
		}
	}
	return found, nil
}

// each returns the steps of living runs that match, in order of creation.
func (m *Memory) each(match func(*stepRow) bool) []*stepRow {
	var found []*stepRow
	for _, r := range m.all() {
		if r.t.Status.Final() {
			continue
		}
		for _, row := range r.steps {
			if match(row) {
				found = append(found, row)
			}
		}
	}
	return found
}

// Undispatch implements pipeline.Store.
func (m *Memory) Undispatch(_ context.Context, s pipeline.Step) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, row := range m.each(func(row *stepRow) bool { return row.step == s && row.state == dispatched }) {
		row.state = waiting
	}
	return nil
}

// Rescue implements pipeline.Store.
func (m *Memory) Rescue(_ context.Context, limit int) (rescued, exhausted []pipeline.Step, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	expired := m.each((*stepRow).expired)
	slices.SortFunc(expired, func(a, b *stepRow) int { return cmp.Compare(a.until.UnixNano(), b.until.UnixNano()) })
	for _, row := range expired[:min(limit, len(expired))] {
		if row.exhausted() {
			exhausted = append(exhausted, row.step)
			continue
		}
		row.state, row.nextAt = waiting, time.Time{}
		rescued = append(rescued, row.step)
	}
	return rescued, exhausted, nil
}

// Stale implements pipeline.Store.
func (m *Memory) Stale(_ context.Context, age time.Duration, limit int) ([]pipeline.Step, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []pipeline.Step
	for _, row := range m.each(func(s *stepRow) bool { return s.state == dispatched && time.Since(s.dispatchedAt) > age }) {
		found = append(found, row.step)
	}
	return found[:min(limit, len(found))], nil
}

// UndispatchAll implements pipeline.Store.
func (m *Memory) UndispatchAll(context.Context) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rows := m.each(func(s *stepRow) bool { return s.state == dispatched })
	for _, row := range rows {
		row.state = waiting
	}
	return len(rows), nil
}

// Unadvanced implements pipeline.Store.
func (m *Memory) Unadvanced(_ context.Context, limit int) ([]transcription.Ref, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []transcription.Ref
	for _, r := range m.all() {
		if r.ready() && len(found) < limit {
			found = append(found, r.t.Ref())
		}
	}
	return found, nil
}

// Epoch implements pipeline.Store.
func (m *Memory) Epoch(context.Context) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.epoch, nil
}

// SetEpoch implements pipeline.Store.
func (m *Memory) SetEpoch(_ context.Context, epoch string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.epoch = epoch
	return nil
}

// Garbage implements pipeline.Store.
func (m *Memory) Garbage(_ context.Context, limit int) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.garbage[:min(limit, len(m.garbage))]), nil
}

// Collected implements pipeline.Store.
func (m *Memory) Collected(_ context.Context, prefixes []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.garbage = slices.DeleteFunc(m.garbage, func(p string) bool { return slices.Contains(prefixes, p) })
	return nil
}

var _ pipeline.Store = (*Memory)(nil)
