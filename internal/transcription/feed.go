package transcription

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// FeedStore is where a Feed looks.
type FeedStore interface {
	// Standing returns how a transcription stands that who may read, with the segments
	// behind a place. NotFound: there is none of that id, or it is not for them.
	Standing(ctx context.Context, who, id uuid.UUID, after Place) (*Standing, error)
	// Outlooks returns those of all these transcriptions at once. One that is not there
	// any more is left out.
	Outlooks(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]Outlook, error)
}

// FeedOptions tune a Feed. The zero value works.
type FeedOptions struct {
	Followers int           // at once; 10000
	Every     time.Duration // all that are followed are looked at together; 5 seconds
	Pause     time.Duration // between two readings of the same one; 100 milliseconds
}

// Feed tells those who follow transcriptions what happens to them. What it reads of one
// is shared by all who follow it. It reads one that was hinted at, and looks at all of
// them every few seconds, because hints may be lost.
type Feed struct {
	store FeedStore
	o     FeedOptions

	mu        sync.Mutex
	subjects  map[uuid.UUID]map[uuid.UUID]*subject // by id and by who may read it
	asked     map[*subject]bool                    // that are to be read
	followers int
	wake      chan struct{} // asked has grown
	stopped   chan struct{}
}

// subject is a transcription that somebody follows.
type subject struct {
	who, id   uuid.UUID
	followers map[*Follower]bool
	standing  *Standing // nil until it was read
	err       error     // of the last reading
	questions int       // asked so far
	answered  int       // of these; the latest reading began behind that many
	readAt    time.Time
	changed   chan struct{} // closed by the next reading
}

// errStopped is the end of everything that is followed.
var errStopped = fault.New(fault.Unavailable, "This server is being stopped. Please try again.").WithCode("stopping")

// NewFeed returns a feed that does nothing until it is run.
func NewFeed(store FeedStore, o FeedOptions) *Feed {
	if o.Followers == 0 {
		o.Followers = 10_000
	}
	if o.Every == 0 {
		o.Every = 5 * time.Second
	}
	if o.Pause == 0 {
		o.Pause = 100 * time.Millisecond
	}
	return &Feed{
		store: store, o: o, subjects: map[uuid.UUID]map[uuid.UUID]*subject{}, asked: map[*subject]bool{},
		wake: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
}

// Hint says that a transcription may have changed. It is not believed: those who follow
// it are told what is found when it is read.
func (f *Feed) Hint(id uuid.UUID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.subjects[id] {
		f.ask(s)
	}
}

// ask has a subject read. The caller holds the lock.
func (f *Feed) ask(s *subject) {
	s.questions++
	f.asked[s] = true
	select {
	case f.wake <- struct{}{}:
	default: // it is awake
	}
}

// Run looks until ctx ends. Nobody can follow anything from then on.
func (f *Feed) Run(ctx context.Context) error {
	defer close(f.stopped)
	every := time.NewTicker(f.o.Every)
	defer every.Stop()
	var later <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-every.C:
			f.glance(ctx)
		case <-f.wake:
		case <-later:
		}
		later = f.readAll(ctx)
	}
}

// readers is how many subjects are read at once; a pool of connections has ten.
const readers = 4

// patience bounds a statement: others wait for it.
const patience = 10 * time.Second

// readAll reads what was asked for. What was read a moment ago is left for later, so
// that a burst of changes costs few readings.
func (f *Feed) readAll(ctx context.Context) (later <-chan time.Time) {
	due, more := f.due(time.Now())
	var group errgroup.Group
	group.SetLimit(readers)
	for _, s := range due {
		group.Go(func() error {
			f.read(ctx, s)
			return nil
		})
	}
	_ = group.Wait() // there are no errors: each subject keeps its own
	if more {
		return time.After(f.o.Pause)
	}
	return nil
}

func (f *Feed) due(now time.Time) (due []*subject, more bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.asked {
		if now.Sub(s.readAt) < f.o.Pause {
			more = true
			continue
		}
		delete(f.asked, s)
		due = append(due, s)
	}
	return due, more
}

func (f *Feed) read(ctx context.Context, s *subject) {
	f.mu.Lock()
	questions, after := s.questions, s.least()
	f.mu.Unlock()
	reading, cancel := context.WithTimeout(ctx, patience)
	standing, err := f.store.Standing(reading, s.who, s.id, after)
	cancel()
	if ctx.Err() != nil {
		return // who waits is told that this is the end
	}
	if err != nil && !fault.Is(err, fault.NotFound) {
		zerolog.Ctx(ctx).Warn().Err(err).Stringer("transcription", s.id).Msg("followers are not told until it can be read")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s.answered, s.readAt, s.err = questions, time.Now(), err
	if err == nil {
		f.take(s, standing)
	}
	s.tell()
}

// take keeps what was read of a subject. Who has come meanwhile, and counted on what was
// there before, may want more than was asked for. The caller holds the lock.
func (f *Feed) take(s *subject, now *Standing) {
	s.standing = now
	if len(s.followers) > 0 && !now.covers(s.least()) {
		f.ask(s)
	}
}

// least returns a place that nobody who follows is before.
func (s *subject) least() Place {
	least := Place{Segments: math.MaxInt}
	for fo := range s.followers {
		p := fo.place
		if p.Run == 0 || least.Run > 0 && p.Run != least.Run {
			return Place{}
		}
		least = Place{Run: p.Run, Segments: min(least.Segments, p.Segments)}
	}
	return least
}

func (s *subject) tell() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// glance asks how all that are followed stand, at once, and has those read that have
// changed.
func (f *Feed) glance(ctx context.Context) {
	ids := f.known()
	if len(ids) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	outlooks, err := f.store.Outlooks(ctx, ids)
	if err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("followers are told by hints only")
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range ids {
		for _, s := range f.subjects[id] {
			o, there := outlooks[id]
			f.compare(s, o, there)
		}
	}
}

func (f *Feed) known() (ids []uuid.UUID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id := range f.subjects {
		ids = append(ids, id)
	}
	return ids
}

// compare has a subject read that has changed, takes in what is foreseen for one that
// has not, and forgets segments that all have been told. The caller holds the lock.
func (f *Feed) compare(s *subject, o Outlook, there bool) {
	if s.standing == nil {
		return // it is about to be read
	}
	if !there || s.err != nil || !o.seenIn(s.standing) {
		f.ask(s)
		return
	}
	moved := s.standing.QueuePosition != o.QueuePosition
	s.standing = s.standing.with(o)
	if s.least().within(o.Run).Segments >= s.standing.settled() {
		s.standing.First, s.standing.Settled = s.standing.settled(), nil
	}
	if moved {
		s.tell()
	}
}

// Followers returns how many follow something.
func (f *Feed) Followers() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.followers
}

// join makes somebody a follower. What was read already is enough for who comes anew;
// another replica may have told more to who comes back.
func (f *Feed) join(who, id uuid.UUID, after Place) (*Follower, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.stopped:
		return nil, errStopped
	default:
	}
	if f.followers >= f.o.Followers {
		return nil, fault.New(fault.Unavailable, "Too many are following transcriptions at the moment. Ask for this one every few seconds instead.").
			WithCode("busy")
	}
	s := f.subject(who, id)
	fo := &Follower{feed: f, subject: s, place: after}
	s.followers[fo] = true
	f.followers++
	if after != (Place{}) || s.standing == nil || s.err != nil || !s.standing.covers(after) {
		f.ask(s)
		fo.needs = s.questions
	}
	return fo, nil
}

func (f *Feed) subject(who, id uuid.UUID) *subject {
	if f.subjects[id] == nil {
		f.subjects[id] = map[uuid.UUID]*subject{}
	}
	s := f.subjects[id][who]
	if s == nil {
		s = &subject{who: who, id: id, followers: map[*Follower]bool{}, changed: make(chan struct{})}
		f.subjects[id][who] = s
	}
	return s
}

// leave ends a following.
func (f *Feed) leave(fo *Follower) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := fo.subject
	if !s.followers[fo] {
		return
	}
	delete(s.followers, fo)
	f.followers--
	if len(s.followers) > 0 {
		return
	}
	delete(f.asked, s)
	delete(f.subjects[s.id], s.who)
	if len(f.subjects[s.id]) == 0 {
		delete(f.subjects, s.id)
	}
}
