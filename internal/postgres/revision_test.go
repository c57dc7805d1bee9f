package postgres_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/auth/authtest"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// edit changes the first segment of a text.
func edit(t *testing.T, db *postgres.DB, tr *transcription.Transcription, text string) {
	t.Helper()
	got, err := db.Transcription(t.Context(), tr.OwnerID, tr.ID)
	ok(t, err)
	now := slices.Clone(got.Segments)
	now[0].Text = text
	ok(t, db.Revise(t.Context(), tr.OwnerID, tr.ID, transcription.Change{
		By: transcription.Actor{Kind: transcription.ByUser}, After: got.Revision, Kind: transcription.ByEdit, Splices: transcription.Splices(got.Segments, now), Text: transcription.Text(now),
	}))
}

// again runs a transcription once more, with another text.
func again(t *testing.T, db *postgres.DB, tr *transcription.Transcription, text string) *transcription.Transcription {
	t.Helper()
	next := retry(t, db, tr)
	ref := next.Ref()
	l := claim(t, db, ref, pipeline.Prepare, 0)
	ok(t, db.SaveSource(t.Context(), l, source(0)))
	ok(t, db.FinishPrepare(t.Context(), l, source(0)))
	ok(t, db.Advance(t.Context(), ref))
	heard := pipeline.Transcript{Text: text, Segments: []transcription.Segment{{End: time.Second, Text: text, Confidence: 1}}}
	ok(t, db.Complete(t.Context(), claim(t, db, ref, pipeline.Merge, 0), heard))
	got, err := db.Transcription(t.Context(), tr.OwnerID, tr.ID)
	ok(t, err)
	return got
}

// Many change what all of them have read, at the same time: each another part is done, and of
// the same part one.
func TestDB_Revise_atOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	tr := complete(t, db, addUser(t, db))
	s := transcription.NewService(db, nil, nil, nil, transcription.Limits{})
	who := authtest.Actor(tr.OwnerID, auth.Member)
	atOnce := func(base, n int, edit func(i int) transcription.Edit) (stale int) {
		t.Helper()
		errs := make([]error, n)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() { _, errs[i] = s.Edit(t.Context(), who, tr.ID, &base, []transcription.Edit{edit(i)}) })
		}
		wg.Wait()
		for _, err := range errs {
			if fault.Is(err, fault.Stale) {
				stale++
				continue
			}
			ok(t, err)
		}
		return stale
	}
	different := atOnce(0, 2, func(i int) transcription.Edit {
		return transcription.Edit{Op: transcription.SetText, Segment: i, Text: fmt.Sprint("Part ", i)}
	})
	if got := read(t, db, tr); different > 0 || got.Text != "Part 0 Part 1" || got.Revision != 2 {
		t.Errorf("of different parts %d were stale, the text is %q, revision %d", different, got.Text, got.Revision)
	}
	same := atOnce(2, 4, func(i int) transcription.Edit {
		return transcription.Edit{Op: transcription.SetText, Segment: 0, Text: fmt.Sprint("Author ", i)}
	})
	if got := read(t, db, tr); same != 3 || got.Revision != 3 || !strings.HasSuffix(got.Text, " Part 1") {
		t.Errorf("of the same part %d were stale, the text is %q, revision %d", same, got.Text, got.Revision)
	}
}

// What a person has written was replaced by what another run heard.
func TestDB_Complete_keepsEdits(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	tr := complete(t, db, addUser(t, db))
	edit(t, db, tr, "A person wrote this.")
	before, err := db.Transcription(ctx, tr.OwnerID, tr.ID)
	ok(t, err)
	got := again(t, db, tr, "Heard anew.")
	if diff := cmp.Diff(before.Segments, got.Segments); diff != "" || got.Text != before.Text || got.Revision != 3 || got.Run != 2 {
		t.Errorf("run %d, revision %d, %q: -want +got\n%s", got.Run, got.Revision, got.Text, diff)
	}
	if n := len(got.Warnings); n != 2 || got.Warnings[0].Code != "edits_kept" || got.Warnings[1] != before.Warnings[0] {
		t.Errorf("warned of %v", got.Warnings)
	}
	list, err := db.Revisions(ctx, tr.OwnerID, tr.ID, transcription.RevisionFilter{Limit: 9, Splices: true})
	ok(t, err)
	if len(list) != 3 || list[0].Kind != transcription.ByKeeping || list[0].Of != 1 || list[1].Kind != transcription.ByMachine || list[1].By.Kind != transcription.ByWorker || list[1].Run != 2 {
		t.Fatalf("got %+v", list)
	}
	heard := transcription.Apply(got.Segments, transcription.Reverse(list[0].Splices))
	if len(heard) != 1 || heard[0].Text != "Heard anew." {
		t.Errorf("the machine's text is %v", heard)
	}
	// Whoever takes the machine's back has no part in it any more.
	ok(t, db.Revise(ctx, tr.OwnerID, tr.ID, transcription.Change{
		By: transcription.Actor{Kind: transcription.ByUser}, After: 3, Kind: transcription.ByRestore, Of: 2, Splices: transcription.Splices(got.Segments, heard), Text: "Heard anew.",
	}))
	if got = again(t, db, got, "Heard once more."); got.Text != "Heard once more." || len(got.Segments) != 1 || got.Revision != 5 || len(got.Warnings) > 0 {
		t.Errorf("revision %d: %q, %v", got.Revision, got.Text, got.Warnings)
	}
}

// Another run's text is a revision also when nobody has edited the one before.
func TestDB_Complete_isRevision(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	tr := complete(t, db, addUser(t, db))
	first, err := db.Transcription(t.Context(), tr.OwnerID, tr.ID)
	ok(t, err)
	got := again(t, db, tr, "Heard anew.")
	if got.Text != "Heard anew." || got.Revision != 1 || len(got.Segments) != 1 {
		t.Errorf("revision %d: %q", got.Revision, got.Text)
	}
	list, err := db.Revisions(t.Context(), tr.OwnerID, tr.ID, transcription.RevisionFilter{Limit: 9, Splices: true})
	ok(t, err)
	if diff := cmp.Diff(first.Segments, transcription.Apply(got.Segments, transcription.Reverse(list[0].Splices))); diff != "" {
		t.Errorf("taken back: -want +got\n%s", diff)
	}
	if got = again(t, db, got, "Heard anew."); got.Revision != 1 || got.Run != 3 {
		t.Errorf("the same text is revision %d of run %d", got.Revision, got.Run)
	}
}

// Revisions stay as they were written.
func TestDB_revisions_stay(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	tr := complete(t, db, addUser(t, db))
	edit(t, db, tr, "A person wrote this.")
	for _, query := range []string{"UPDATE revisions SET changed = 9", "DELETE FROM revisions"} {
		if _, err := db.SQL().NewRaw(query).Exec(t.Context()); err == nil {
			t.Errorf("%s was done", query)
		}
	}
	ok(t, db.DeleteTranscription(t.Context(), tr.OwnerID, tr.ID))
	if n := readSQL[int](t, db, "SELECT count(*) FROM revisions"); n != 0 {
		t.Errorf("%d revisions are left of what was deleted", n)
	}
}
