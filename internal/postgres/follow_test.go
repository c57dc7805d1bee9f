package postgres_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// gossip is a database whose changes are written down.
type gossip struct {
	*postgres.DB
	mu   sync.Mutex
	told []uuid.UUID
}

func newGossip(t *testing.T) *gossip {
	t.Helper()
	g := new(gossip)
	g.DB = pgtest.Open(t, pgtest.URL(t), func(o *postgres.Options) {
		o.Tell = func(id uuid.UUID) {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.told = append(g.told, id)
		}
	})
	return g
}

// want expects that all that was told since the last time is that id, once, or nothing.
func (g *gossip) want(t *testing.T, why string, ids ...uuid.UUID) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if !slices.Equal(g.told, ids) {
		t.Errorf("%s: told of %v, want %v", why, g.told, ids)
	}
	g.told = nil
}

// Whatever those who follow a transcription would see is told once it can be seen, and
// nothing else is.
func TestDB_tells(t *testing.T) {
	t.Parallel()
	g := newGossip(t)
	db, ctx := g.DB, t.Context()
	owner := addUser(t, db)
	g.want(t, "a user")
	tr := addTranscription(t, db, owner)
	g.want(t, "uploaded", tr.ID)
	l := claim(t, db, tr.Ref(), pipeline.Prepare, 0)
	ok(t, db.Renew(ctx, l, leaseOf))
	g.want(t, "claimed and renewed")
	ok(t, db.SaveSource(ctx, l, source(2)))
	g.want(t, "preparing", tr.ID)
	for i := range 2 {
		ok(t, db.AddChunks(ctx, l, chunk(tr.Ref(), owner, i)))
	}
	g.want(t, "chunks are cut")
	ok(t, db.FinishPrepare(ctx, l, source(2)))
	g.want(t, "transcribing", tr.ID)
	transcribe(t, db, tr, 0)
	g.want(t, "a chunk is done", tr.ID)
	wantKind(t, db.FinishPrepare(ctx, l, source(2)), fault.Conflict)
	g.want(t, "what was refused")
	transcribe(t, db, tr, 1)
	ok(t, db.Advance(ctx, tr.Ref()))
	g.want(t, "the last chunk, and merging", tr.ID, tr.ID)
	ok(t, db.Complete(ctx, claim(t, db, tr.Ref(), pipeline.Merge, 0), transcript()))
	g.want(t, "completed", tr.ID)
	ok(t, db.RetryTranscription(ctx, owner, transcription.NextRun{After: tr.Ref()}))
	g.want(t, "run again", tr.ID)
	ok(t, db.CancelTranscription(ctx, owner, tr.ID))
	g.want(t, "canceled", tr.ID)
	ok(t, db.DeleteTranscription(ctx, owner, tr.ID))
	g.want(t, "deleted", tr.ID)
}

// What is told is committed: who looks then finds it.
func TestDB_tellsWhatCanBeSeen(t *testing.T) {
	t.Parallel()
	var seen []transcription.Status
	url := pgtest.URL(t)
	reader := pgtest.Open(t, url)
	var owner uuid.UUID
	db := pgtest.Open(t, url, func(o *postgres.Options) {
		o.Tell = func(id uuid.UUID) {
			s, err := reader.Standing(t.Context(), owner, id, transcription.Place{})
			if err != nil {
				t.Error(err)
				return
			}
			seen = append(seen, s.Status)
		}
	})
	owner = addUser(t, db)
	prepare(t, db, owner, 1)
	if diff := cmp.Diff([]transcription.Status{transcription.Queued, transcription.Preparing, transcription.Transcribing}, seen); diff != "" {
		t.Errorf("-want +seen\n%s", diff)
	}
}

// Segments are told as soon as nothing can change them, and not before: the text of a
// chunk behind one that is not done waits, as does the end of what is done.
func TestDB_Standing_settled(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	owner := addUser(t, db)
	tr := prepare(t, db, owner, 3)
	settled := func(after int) (texts []string) {
		t.Helper()
		s, err := db.Standing(t.Context(), owner, tr.ID, transcription.Place{Run: 1, Segments: after})
		ok(t, err)
		for _, segment := range s.Settled {
			texts = append(texts, segment.Text)
			if segment.Words != nil {
				t.Errorf("%q has words", segment.Text)
			}
		}
		return texts
	}
	want := func(why string, got []string, texts ...string) {
		t.Helper()
		if !slices.Equal(got, texts) {
			t.Errorf("%s: got %q, want %q", why, got, texts)
		}
	}
	want("nothing is done", settled(0))
	transcribe(t, db, tr, 1)
	want("the second is done", settled(0))
	transcribe(t, db, tr, 0)
	want("the first two are done", settled(0), "Chunk 0.")
	transcribe(t, db, tr, 2)
	want("all are done", settled(0), "Chunk 0.", "Chunk 1.", "Chunk 2.")
	want("all but the first", settled(1), "Chunk 1.", "Chunk 2.")
	want("more than there are", settled(9))
	ok(t, db.CancelTranscription(t.Context(), owner, tr.ID))
	want("canceled", settled(0), "Chunk 0.", "Chunk 1.")
	execSQL(t, db, "UPDATE chunks SET segments = NULL, speech = NULL")
	want("forgotten", settled(0))
}

// What is foreseen for many at once is what is foreseen for each.
func TestDB_Outlooks(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ok(t, db.ReportWorker(t.Context(), transcription.Worker{ID: "a", Slots: 4, Models: []string{"small"}}))
	var all []*transcription.Transcription
	for i := range 3 {
		owner := addUser(t, db)
		for range 3 {
			all = append(all, prepare(t, db, owner, 2), addTranscription(t, db, owner))
		}
		high := newTranscription(t, owner)
		high.Options.Priority = transcription.High
		ok(t, db.CreateTranscription(t.Context(), high))
		all = append(all, high)
		transcribe(t, db, all[7*i], 0) // so that a speed is known
		claim(t, db, all[7*i+2].Ref(), pipeline.Transcribe, 0)
		ok(t, db.CancelTranscription(t.Context(), owner, all[7*i+3].ID))
	}
	var ids []uuid.UUID
	want := map[uuid.UUID]transcription.Outlook{}
	for _, tr := range all {
		s, err := db.Standing(t.Context(), tr.OwnerID, tr.ID, transcription.Place{})
		ok(t, err)
		ids = append(ids, tr.ID)
		want[tr.ID] = transcription.Outlook{
			Run: s.Run, UpdatedAt: s.UpdatedAt, QueuePosition: s.QueuePosition, Estimate: s.Estimate, Soonest: s.Soonest, Latest: s.Latest,
		}
	}
	got, err := db.Outlooks(t.Context(), append(ids, newID(t)))
	ok(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-each +all\n%s", diff)
	}
	if last := want[all[len(all)-2].ID]; last.QueuePosition == 0 {
		t.Errorf("nothing is ahead of the last: %+v", last)
	}
}
