// Package transcriptiontest holds a store of transcriptions in memory, and the
// suite that it and every other store have to pass.
package transcriptiontest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

var _ transcription.Store = (*Store)(nil)

// Store is a transcription.Store in memory. Its zero value is empty and ready.
type Store struct {
	mu        sync.Mutex
	rows      map[uuid.UUID]transcription.Transcription
	uploads   map[uuid.UUID]bool // that have begun and not ended
	plans     map[transcription.Ref][]transcription.PlannedChunk
	events    map[uuid.UUID][]transcription.Event
	revisions map[uuid.UUID][]transcription.Revision
	ranges    map[uuid.UUID][]transcription.Range
	folders   map[uuid.UUID]transcription.Folder
	links     map[uuid.UUID]transcription.Link
	batches   map[uuid.UUID]transcription.Batch
	rules     map[uuid.UUID]transcription.Retention // by owner
	admins    map[uuid.UUID]bool                    // the transcriptions with a hold of an administrator
	shares    map[uuid.UUID]share
	people    map[uuid.UUID]string // the addresses that they have proved to be theirs
	zips      map[uuid.UUID]*zip
	lastEvent int64
	installed []string
	presence  transcription.Presence
	refused   map[string]string
	quota     transcription.Quota
	spent     map[uuid.UUID]time.Duration // by owner, for runs that are no more
	paused    map[string]*transcription.Pause
	broken    func(context.Context) error
	watch     func()
	log       func(context.Context, auth.Entry) error
	told      time.Time // by now, last
}

// now tells the time in microseconds, as PostgreSQL does, and never the same twice: a
// change of a row must show in its time, and this store may need less than one for two.
// The caller holds the lock.
func (s *Store) now() time.Time {
	now := time.Now().UTC().Truncate(time.Microsecond)
	if !now.After(s.told) {
		now = s.told.Add(time.Microsecond)
	}
	s.told = now
	return now
}

// BreakWith makes every call return what f does; nil mends the store.
func (s *Store) BreakWith(f func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = f
}

// Watch has f called at every call, before it does anything; nil ends that.
func (s *Store) Watch(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watch = f
}

// AuditTo has the entries of the audit log added by f; without it there is none.
func (s *Store) AuditTo(f func(context.Context, auth.Entry) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = f
}

// audit adds an entry of what the request of ctx does.
func (s *Store) audit(ctx context.Context, e auth.Entry) error {
	if s.log == nil {
		return nil
	}
	o := auth.OriginOf(ctx)
	e.IP, e.RequestID = o.IP, o.RequestID
	return s.log(ctx, e)
}

// lock begins a call. Like a database it does nothing for who has gone.
func (s *Store) lock(ctx context.Context) (unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	if s.watch != nil {
		s.watch()
	}
	if broken := s.broken; broken != nil {
		s.mu.Unlock()
		return nil, broken(ctx)
	}
	return s.mu.Unlock, nil
}

// KnowsOwner implements transcription.Store: everybody is there.
func (s *Store) KnowsOwner(ctx context.Context, _ uuid.UUID) error { return ctx.Err() }

// BeginUpload implements transcription.Store.
func (s *Store) BeginUpload(ctx context.Context, _, id uuid.UUID) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if s.uploads[id] {
		return errTaken
	}
	if s.uploads == nil {
		s.uploads = map[uuid.UUID]bool{}
	}
	s.uploads[id] = true
	return nil
}

// ForgetUpload implements transcription.Store.
func (s *Store) ForgetUpload(ctx context.Context, _, id uuid.UUID) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	delete(s.uploads, id)
	return nil
}

// Bound makes q the quota.
func (s *Store) Bound(q transcription.Quota) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quota = q
}

// Admit implements transcription.Store.
func (s *Store) Admit(ctx context.Context, owner uuid.UUID, bytes int64) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return s.quota.Admit(s.usage(owner), bytes)
}

// Usage implements transcription.Store.
func (s *Store) Usage(ctx context.Context, owner uuid.UUID) (transcription.Usage, transcription.Quota, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return transcription.Usage{}, transcription.Quota{}, err
	}
	defer unlock()
	return s.usage(owner), s.quota, nil
}

// usage counts every run of this month: those whose rows have changed since are in spent.
func (s *Store) usage(owner uuid.UUID) transcription.Usage {
	u := transcription.Usage{At: time.Now().UTC(), Sound: s.spent[owner]}
	for _, t := range s.rows {
		if t.Status == transcription.Queued {
			u.Backlog++
		}
		if t.OwnerID != owner {
			continue
		}
		u.Bytes += t.File.Size
		if t.Status == transcription.Queued {
			u.Queued++
		}
		if !t.Status.Final() {
			u.Active++
		}
		u.Sound += cost(t) + s.soundOfRanges(t)
	}
	return u
}

// cost is what a run takes of its owner's month.
func cost(t transcription.Transcription) time.Duration {
	switch t.Status {
	case transcription.Failed:
		return 0
	case transcription.Canceled:
		return time.Duration(t.Progress * float64(t.Duration))
	default:
		return t.Duration
	}
}

// spend keeps what a run has cost that is about to be replaced or deleted.
func (s *Store) spend(t transcription.Transcription) {
	if s.spent == nil {
		s.spent = map[uuid.UUID]time.Duration{}
	}
	if !t.Status.Final() {
		t.Status = transcription.Canceled
	}
	s.spent[t.OwnerID] += cost(t)
}

// CreateTranscription implements transcription.Store.
func (s *Store) CreateTranscription(ctx context.Context, t *transcription.Transcription) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.quota.Admit(s.usage(t.OwnerID), t.File.Size); err != nil {
		return err
	}
	if _, ok := s.rows[t.ID]; ok {
		return errTaken
	}
	if err := s.join(t); err != nil {
		return err
	}
	now := s.now()
	if t.Status != transcription.Completed {
		t.Status = transcription.Queued
	}
	t.CreatedAt, t.UpdatedAt, t.File.CreatedAt = now, now, now
	row := *t
	if row.Status == transcription.Completed {
		row.CompletedAt = now
	}
	s.insert(row)
	s.record(t, transcription.Created)
	if row.Status == transcription.Completed {
		s.record(t, transcription.EventType(row.Status))
		s.settleBatch(t.BatchID)
	}
	delete(s.uploads, t.ID)
	return nil
}

// record adds an event that the owner has brought about.
func (s *Store) record(t *transcription.Transcription, what transcription.EventType) {
	s.recordBy(t, what, transcription.Actor{Kind: transcription.ByUser, Name: t.OwnerID.String()})
}

func (s *Store) recordBy(t *transcription.Transcription, what transcription.EventType, by transcription.Actor) {
	s.lastEvent++
	s.tell(t.ID, transcription.Event{ID: s.lastEvent, Run: t.Run, At: t.UpdatedAt, Type: what, Actor: by, Details: map[string]any{}})
}

func (s *Store) tell(id uuid.UUID, e transcription.Event) {
	if s.events == nil {
		s.events = map[uuid.UUID][]transcription.Event{}
	}
	s.events[id] = append(s.events[id], e)
}

// Tell adds an event as it is, as those who work on a transcription do.
func (s *Store) Tell(id uuid.UUID, e transcription.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastEvent++
	e.ID = s.lastEvent
	s.tell(id, e)
}

// Events implements transcription.Store.
func (s *Store) Events(ctx context.Context, owner, id uuid.UUID, after int64, limit int) ([]transcription.Event, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if _, err := s.own(owner, id); err != nil {
		return nil, err
	}
	found := []transcription.Event{}
	for _, e := range s.events[id] {
		if e.ID > after && len(found) < limit {
			e.Details = maps.Clone(e.Details)
			found = append(found, e)
		}
	}
	return found, nil
}

func (s *Store) insert(t transcription.Transcription) {
	if s.rows == nil {
		s.rows = map[uuid.UUID]transcription.Transcription{}
	}
	s.rows[t.ID] = t
}

// own returns a transcription of the owner's.
func (s *Store) own(owner, id uuid.UUID) (transcription.Transcription, error) {
	t, ok := s.rows[id]
	if !ok || t.OwnerID != owner {
		return t, errNone
	}
	return t, nil
}

// seen returns a transcription as who may read it.
func (s *Store) seen(who, id uuid.UUID) (transcription.Transcription, error) {
	t, ok := s.rows[id]
	if !ok {
		return t, errNone
	}
	if t.OwnerID == who {
		return t, nil
	}
	as := s.sharedAs(&t, who)
	if as == "" {
		return t, errNone
	}
	t.SharedBy = s.people[t.OwnerID]
	return *t.As(as), nil
}

// Head implements transcription.Store.
func (s *Store) Head(ctx context.Context, who, id uuid.UUID) (*transcription.Transcription, error) {
	t, err := s.Transcription(ctx, who, id)
	if err != nil {
		return nil, err
	}
	t.Text, t.Segments = "", nil
	return t, nil
}

// Outcomes implements transcription.Store.
func (s *Store) Outcomes(ctx context.Context, who uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]transcription.Outcome, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	found := map[uuid.UUID]transcription.Outcome{}
	for _, id := range ids {
		if t, err := s.seen(who, id); err == nil {
			found[id] = transcription.Outcome{Status: t.Status, Earlier: t.Earlier != nil}
		}
	}
	return found, nil
}

// Transcription implements transcription.Store.
func (s *Store) Transcription(ctx context.Context, who, id uuid.UUID) (*transcription.Transcription, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	t, err := s.seen(who, id)
	if err != nil {
		return nil, err
	}
	t.Under(s.rule(t.OwnerID, t.FolderID))
	return &t, nil
}

// Plan implements transcription.Store.
func (s *Store) Plan(ctx context.Context, who uuid.UUID, ref transcription.Ref) (transcription.Plan, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return transcription.Plan{}, err
	}
	defer unlock()
	if _, err := s.seen(who, ref.ID); err != nil {
		return transcription.Plan{}, err
	}
	return transcription.Plan{Chunks: slices.Clone(s.plans[ref])}, nil
}

// Cut makes these the chunks of a run.
func (s *Store) Cut(ref transcription.Ref, chunks ...transcription.PlannedChunk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.plans == nil {
		s.plans = map[transcription.Ref][]transcription.PlannedChunk{}
	}
	s.plans[ref] = chunks
}

// Transcriptions implements transcription.Store.
func (s *Store) Transcriptions(ctx context.Context, owner uuid.UUID, f transcription.Filter) ([]transcription.Transcription, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	var found []transcription.Transcription
	for _, t := range s.rows {
		if f.Shared {
			as := s.sharedAs(&t, owner)
			if as == "" || t.OwnerID == owner {
				continue
			}
			t.SharedBy = s.people[t.OwnerID]
			t = *t.As(as)
		}
		if (f.Shared || t.OwnerID == owner) && passes(&t, f) && (f.After == transcription.Cursor{} || newestFirst(f.After, place(t)) < 0) {
			t.Text, t.Segments, t.Partial = "", nil, false
			t.Under(s.rule(owner, t.FolderID))
			found = append(found, t)
		}
	}
	slices.SortFunc(found, func(a, b transcription.Transcription) int { return newestFirst(place(a), place(b)) })
	return found[:min(len(found), f.Limit)], nil
}

func place(t transcription.Transcription) transcription.Cursor {
	return transcription.Cursor{CreatedAt: t.CreatedAt, ID: t.ID}
}

func newestFirst(a, b transcription.Cursor) int {
	return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), bytes.Compare(b.ID[:], a.ID[:]))
}

// CancelTranscription implements transcription.Store.
func (s *Store) CancelTranscription(ctx context.Context, owner, id uuid.UUID) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	t, err := s.own(owner, id)
	switch {
	case err != nil:
		return err
	case t.Status == transcription.Canceled:
		return nil
	case t.Status.Final():
		return transcription.AlreadyEnded(t.Status)
	}
	if t.Status, t.Partial = transcription.Canceled, false; t.Earlier == nil {
		t.Text, t.Segments = "", nil
	}
	t.UpdatedAt = s.now()
	s.rows[id] = t
	s.record(&t, transcription.EventType(transcription.Canceled))
	s.settleBatch(t.BatchID)
	return nil
}

// RetryTranscription implements transcription.Store.
func (s *Store) RetryTranscription(ctx context.Context, owner uuid.UUID, next transcription.NextRun) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	t, err := s.own(owner, next.After.ID)
	if err != nil {
		return err
	}
	if t.Run != next.After.Run {
		t.Status = transcription.Queued
	}
	if len(s.rangesInWork(t.ID)) > 0 {
		return transcription.RangesInWork()
	}
	if err := errors.Join(t.Retriable(), s.quota.Admit(s.usage(owner), 0)); err != nil {
		return err
	}
	s.spend(t)
	if t.Status == transcription.Completed && t.Earlier == nil {
		t.Earlier = &transcription.Earlier{
			Run: t.Run, Model: t.Model, Language: t.Language, LanguageConfidence: t.LanguageConfidence, Translate: t.Options.Translate, CompletedAt: t.CompletedAt,
		}
	}
	if next.Anew {
		t.Model, t.Language, t.LanguageConfidence = "", "", 0
	}
	t.Run, t.Status, t.Options = t.Run+1, transcription.Queued, next.Options
	t.Failure, t.Progress, t.CompletedAt, t.UpdatedAt = nil, 0, time.Time{}, s.now()
	s.rows[t.ID] = t
	s.record(&t, transcription.Retried)
	return nil
}

// DeleteTranscription implements transcription.Store.
func (s *Store) DeleteTranscription(ctx context.Context, owner, id uuid.UUID) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	t, err := s.own(owner, id)
	if err != nil {
		return err
	}
	if t.LegalHold || s.rule(owner, t.FolderID).Held {
		return transcription.UnderHold()
	}
	s.spend(t)
	s.spent[owner] += s.soundOfRanges(t)
	delete(s.ranges, id)
	delete(s.rows, id)
	delete(s.events, id)
	delete(s.revisions, id)
	maps.DeleteFunc(s.links, func(_ uuid.UUID, l transcription.Link) bool { return l.TranscriptionID == id })
	s.settleBatch(t.BatchID)
	maps.DeleteFunc(s.shares, func(_ uuid.UUID, l share) bool { return l.TranscriptionID == id })
	s.takeOut(id)
	return nil
}

// Insert puts a transcription into the store as it is.
func (s *Store) Insert(t transcription.Transcription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.insert(t)
}

// Change changes a transcription, as those who work on it do.
func (s *Store) Change(id uuid.UUID, change func(*transcription.Transcription)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.rows[id]
	change(&t)
	s.rows[id] = t
	s.settleBatch(t.BatchID)
}

// Move changes the status of a transcription, and more of it, with the event of that, as
// those who work on it do.
func (s *Store) Move(id uuid.UUID, to transcription.Status, change func(*transcription.Transcription)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.rows[id]
	if t.Status != to {
		s.lastEvent++
		s.tell(id, transcription.Event{ID: s.lastEvent, Run: t.Run, At: s.now(), Type: transcription.EventType(to), Details: map[string]any{}})
	}
	t.Status, t.UpdatedAt = to, s.now()
	change(&t)
	s.rows[id] = t
	s.settleBatch(t.BatchID)
}

// Rows returns how many transcriptions there are.
func (s *Store) Rows() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.rows)
}

// Uploads returns how many uploads have begun and not ended.
func (s *Store) Uploads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.uploads)
}

var (
	errNone  = fault.New(fault.NotFound, "There is no transcription of that id.")
	errTaken = fault.New(fault.Conflict, "There is one of that id already.")
)
