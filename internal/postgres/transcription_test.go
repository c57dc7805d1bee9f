package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

func TestDB_CreateTranscription(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner := addUser(t, db)
	tr := newTranscription(t, owner)
	tr.Options = transcription.Options{Model: "small", Language: "de", Prompt: "Ada\x00", Translate: true}
	tr.File.Name = "a\xff.mp3"
	ok(t, db.CreateTranscription(ctx, tr))
	got, err := db.Transcription(ctx, owner, tr.ID)
	ok(t, err)
	tr.Options.Prompt, tr.File.Name = "Ada", "a\uFFFD.mp3"
	if diff := cmp.Diff(tr, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if tr.Status != transcription.Queued || time.Since(tr.CreatedAt).Abs() > time.Hour {
		t.Errorf("created %s at %s", tr.Status, tr.CreatedAt)
	}

	wantKind(t, db.CreateTranscription(ctx, tr), fault.Conflict)
	again := newTranscription(t, owner)
	again.ID = tr.ID
	wantKind(t, db.CreateTranscription(ctx, again), fault.Conflict)
	if n := readSQL[int](t, db, "SELECT count(*) FROM files"); n != 1 {
		t.Errorf("%d files, want 1: a refused transcription left its file", n)
	}
}

// The objects of an upload whose process dies are swept in a day. Once there is a
// transcription, or nothing, they never are.
func TestDB_BeginUpload(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner := addUser(t, db)
	created, refused, lost := newTranscription(t, owner), newTranscription(t, owner), newTranscription(t, owner)
	for _, tr := range []*transcription.Transcription{created, refused, lost} {
		ok(t, db.BeginUpload(ctx, owner, tr.ID))
		wantKind(t, db.BeginUpload(ctx, owner, tr.ID), fault.Conflict)
	}
	ok(t, db.CreateTranscription(ctx, created))
	ok(t, db.ForgetUpload(ctx, owner, refused.ID))
	lost.File.ID = created.File.ID
	wantKind(t, db.CreateTranscription(ctx, lost), fault.Conflict)
	garbage := func(hours int) []string {
		t.Helper()
		execSQL(t, db, "UPDATE garbage SET due_at = due_at - make_interval(hours => ?), recorded_at = recorded_at - make_interval(hours => ?)", hours, hours)
		got, err := db.Garbage(t.Context(), 10)
		ok(t, err)
		return got
	}
	if got := garbage(23); len(got) != 0 {
		t.Errorf("%v would be swept while it may be under way", got)
	}
	if diff := cmp.Diff([]string{transcription.Prefix(owner, lost.ID)}, garbage(2)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	ok(t, db.Collected(ctx, []string{transcription.Prefix(owner, lost.ID)}))
	if n := readSQL[int](t, db, "SELECT count(*) FROM garbage"); n != 0 {
		t.Errorf("%d rows stay", n)
	}
}

// Whatever the status, a transcription can be deleted, and nothing of it stays.
func TestDB_DeleteTranscription(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	owner := addUser(t, db)
	for name, begin := range map[transcription.Status]func(*testing.T) *transcription.Transcription{
		transcription.Queued: func(t *testing.T) *transcription.Transcription { return addTranscription(t, db, owner) },
		transcription.Preparing: func(t *testing.T) *transcription.Transcription {
			tr := addTranscription(t, db, owner)
			ok(t, db.SaveSource(t.Context(), claim(t, db, tr.Ref(), pipeline.Prepare, 0), source(1)))
			return tr
		},
		transcription.Transcribing: func(t *testing.T) *transcription.Transcription { return prepare(t, db, owner, 3) },
		transcription.Merging: func(t *testing.T) *transcription.Transcription {
			tr := prepare(t, db, owner, 0)
			ok(t, db.Advance(t.Context(), tr.Ref()))
			return tr
		},
		transcription.Completed: func(t *testing.T) *transcription.Transcription { return complete(t, db, owner) },
		transcription.Failed: func(t *testing.T) *transcription.Transcription {
			tr := addTranscription(t, db, owner)
			l := claim(t, db, tr.Ref(), pipeline.Prepare, 0)
			ok(t, db.Fail(t.Context(), l, transcription.Failure{Code: "no_audio", Message: "No."}))
			return tr
		},
		transcription.Canceled: func(t *testing.T) *transcription.Transcription {
			tr := addTranscription(t, db, owner)
			ok(t, db.Move(t.Context(), tr.Ref(), transcription.Canceled))
			return tr
		},
	} {
		t.Run(string(name), func(t *testing.T) {
			t.Parallel()
			tr := begin(t)
			if got := status(t, db, tr.ID); got != name {
				t.Fatalf("got %s", got)
			}
			wantKind(t, db.DeleteTranscription(t.Context(), addUser(t, db), tr.ID), fault.NotFound)
			ok(t, db.DeleteTranscription(t.Context(), owner, tr.ID))
			wantKind(t, db.DeleteTranscription(t.Context(), owner, tr.ID), fault.NotFound)
			for _, table := range []string{"chunks", "segments", "steps"} {
				if n := readSQL[int](t, db, "SELECT count(*) FROM "+table+" WHERE transcription_id = ?", tr.ID); n != 0 {
					t.Errorf("%d %s stay", n, table)
				}
			}
			if n := readSQL[int](t, db, "SELECT count(*) FROM files WHERE id = ?", tr.File.ID); n != 0 {
				t.Error("the file stays")
			}
			if n := readSQL[int](t, db, "SELECT count(*) FROM garbage WHERE prefix = ?", transcription.Prefix(owner, tr.ID)); n != 1 {
				t.Error("the objects are not garbage")
			}
		})
	}
}

// What belongs to somebody else does not exist.
func TestDB_ownerScope(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner, other := addUser(t, db), addUser(t, db)
	tr := complete(t, db, owner)
	_, err := db.Transcription(ctx, other, tr.ID)
	wantKind(t, err, fault.NotFound)
	wantKind(t, db.DeleteTranscription(ctx, other, tr.ID), fault.NotFound)
	page, err := db.Transcriptions(ctx, other, transcription.Filter{Limit: 10})
	if err != nil || len(page) != 0 {
		t.Errorf("got %v, %v, want an empty list", page, err)
	}
	stolen := newTranscription(t, other)
	stolen.File.OwnerID = owner // the file would be another owner's than the transcription
	if err := db.CreateTranscription(ctx, stolen); err == nil {
		t.Error("a transcription of somebody else's file was created")
	}
	if _, err := db.Transcription(ctx, owner, tr.ID); err != nil {
		t.Error(err)
	}
}

func TestDB_Transcriptions(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner := addUser(t, db)
	done := complete(t, db, owner)
	for range 6 {
		addTranscription(t, db, owner)
	}
	execSQL(t, db, "UPDATE transcriptions SET created_at = '2026-03-01T12:00:00.123456Z'") // all at once
	execSQL(t, db, "UPDATE transcriptions SET created_at = created_at + interval '1 microsecond' WHERE id = ?", done.ID)

	all, err := db.Transcriptions(ctx, owner, transcription.Filter{Limit: 100})
	ok(t, err)
	if len(all) != 7 || all[0].ID != done.ID || all[0].Text != "" || all[0].Segments != nil || all[0].Coverage == nil || all[0].File.Name != "talk.mp3" {
		t.Fatalf("got %d, the first %+v", len(all), all[0])
	}
	for _, limit := range []int{1, 2, 3, 7} {
		var seen []transcription.Transcription
		f := transcription.Filter{Limit: limit}
		for len(seen) <= len(all) {
			page, err := db.Transcriptions(ctx, owner, f)
			ok(t, err)
			if len(page) == 0 {
				break
			}
			last := page[len(page)-1]
			seen, f.After = append(seen, page...), transcription.Cursor{CreatedAt: last.CreatedAt, ID: last.ID}
		}
		if diff := cmp.Diff(all, seen); diff != "" {
			t.Errorf("pages of %d: -want +got\n%s", limit, diff)
		}
	}
	for s, want := range map[transcription.Status]int{transcription.Completed: 1, transcription.Queued: 6, transcription.Failed: 0} {
		if page, err := db.Transcriptions(ctx, owner, transcription.Filter{Status: s, Limit: 100}); err != nil || len(page) != want {
			t.Errorf("%s: got %d, %v, want %d", s, len(page), err, want)
		}
	}
}

func foreseen(t testing.TB, db *postgres.DB, tr *transcription.Transcription) (position int, estimate time.Duration) {
	t.Helper()
	got, err := db.Transcription(t.Context(), tr.OwnerID, tr.ID)
	ok(t, err)
	return got.QueuePosition, got.Estimate
}

func TestDB_Transcription_queuePosition(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	first := prepare(t, db, addUser(t, db), 3)
	second := prepare(t, db, addUser(t, db), 2)
	third := addTranscription(t, db, addUser(t, db))
	fourth := addTranscription(t, db, third.OwnerID)
	check := func(why string, want ...int) {
		t.Helper()
		for i, tr := range []*transcription.Transcription{first, second, third, fourth} {
			if got, _ := foreseen(t, db, tr); got != want[i] {
				t.Errorf("%s: transcription %d: %d steps ahead, want %d", why, i, got, want[i])
			}
		}
	}
	check("two to transcribe, two to prepare", 0, 3, 0, 1)
	transcribe(t, db, first, 1)
	check("a chunk is done", 0, 2, 0, 1)
	transcribe(t, db, second, 0)
	claim(t, db, second.Ref(), pipeline.Transcribe, 1)
	check("the second is worked on", 0, 0, 0, 1)
	claim(t, db, third.Ref(), pipeline.Prepare, 0)
	check("the third is being prepared", 0, 0, 0, 0)
	for _, i := range []int{0, 2} {
		transcribe(t, db, first, i)
	}
	execSQL(t, db, "UPDATE steps SET state = 'done', lease_token = NULL, lease_until = NULL WHERE transcription_id = ?", second.ID)
	ok(t, db.Advance(t.Context(), first.Ref()))
	ok(t, db.Advance(t.Context(), second.Ref()))
	check("two to merge", 0, 1, 0, 0)
}

func TestDB_Transcription_estimate(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	first := prepare(t, db, addUser(t, db), 4)
	second := prepare(t, db, addUser(t, db), 1)
	unknown := addTranscription(t, db, addUser(t, db))
	check := func(why string, want ...time.Duration) {
		t.Helper()
		db.Measure()
		for i, tr := range []*transcription.Transcription{first, second, unknown} {
			if _, got := foreseen(t, db, tr); got != want[i] {
				t.Errorf("%s: transcription %d takes %s, want %s", why, i, got, want[i])
			}
		}
	}
	check("nothing measured, nobody alive", 0, 0, 0)
	transcribe(t, db, first, 0) // a minute of sound in 30 s
	check("nobody alive", 0, 0, 0)
	ok(t, db.ReportWorker(ctx, transcription.Worker{ID: "a", Slots: 2}))
	ok(t, db.ReportWorker(ctx, transcription.Worker{ID: "b", Slots: 1}))
	check("three slots of speed 2", 30*time.Second, 40*time.Second, 0)
	execSQL(t, db, "UPDATE workers SET seen_at = now() - interval '10 minutes' WHERE id = 'a'")
	check("one slot", 90*time.Second, 2*time.Minute, 0)
	execSQL(t, db, "UPDATE chunks SET done_at = now() - interval '2 hours' WHERE done_at IS NOT NULL")
	check("measured too long ago", 0, 0, 0)
}

func TestDB_workers(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	installed := func(want ...string) {
		t.Helper()
		got, err := db.InstalledModels(ctx)
		ok(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("models: -want +got\n%s", diff)
		}
	}
	installed()
	ok(t, db.ReportWorker(ctx, transcription.Worker{ID: "b", Kind: "gpu", Slots: 4, Models: []string{"small", "large-v3"}}))
	ok(t, db.ReportWorker(ctx, transcription.Worker{ID: "a", Kind: "cpu", Slots: 1}))
	ok(t, db.ReportWorker(ctx, transcription.Worker{ID: "a", Kind: "cpu", Slots: 2, Models: []string{"small", "tiny"}, Spare: []string{"tiny"}, Refused: map[string]string{"large-v3": "model_too_large"}}))
	installed("large-v3", "small", "tiny")

	got, err := db.Workers(ctx)
	ok(t, err)
	for i := range got {
		if time.Since(got[i].SeenAt).Abs() > time.Hour {
			t.Errorf("worker %s was seen at %s", got[i].ID, got[i].SeenAt)
		}
		got[i].SeenAt = time.Time{}
	}
	want := []transcription.Worker{
		{ID: "a", Kind: "cpu", Slots: 2, Models: []string{"small", "tiny"}, Spare: []string{"tiny"}, Refused: map[string]string{"large-v3": "model_too_large"}},
		{ID: "b", Kind: "gpu", Slots: 4, Models: []string{"small", "large-v3"}, Spare: []string{}, Refused: map[string]string{}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("workers: -want +got\n%s", diff)
	}

	execSQL(t, db, "UPDATE workers SET seen_at = now() - interval '25 hours' WHERE id = 'b'")
	installed("small", "tiny")
	ok(t, db.ReportWorker(ctx, transcription.Worker{ID: "a"}))
	if n := readSQL[int](t, db, "SELECT count(*) FROM workers"); n != 1 {
		t.Errorf("%d workers are remembered, want 1", n)
	}
}

func TestDB_Presence(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	check := func(why string, worker, scheduler transcription.Sign) {
		t.Helper()
		got, err := db.Presence(ctx)
		ok(t, err)
		got.Worker.Silence, got.Scheduler.Silence = got.Worker.Silence.Round(time.Minute), got.Scheduler.Silence.Round(time.Minute)
		if want := (transcription.Presence{Worker: worker, Scheduler: scheduler}); got != want {
			t.Errorf("%s: got %+v, want %+v", why, got, want)
		}
	}
	here := transcription.Sign{Known: true, Alive: true}
	check("nobody yet", transcription.Sign{}, transcription.Sign{})
	ok(t, db.ReportWorker(ctx, transcription.Worker{ID: "a"}))
	ok(t, db.ReportWorker(ctx, transcription.Worker{ID: "b"}))
	ok(t, db.ReportScheduler(ctx))
	check("all there", here, here)
	execSQL(t, db, "UPDATE workers SET seen_at = now() - interval '2 minutes' WHERE id = 'a'; UPDATE scheduler SET seen_at = now() - interval '5 minutes'")
	check("one worker left", here, transcription.Sign{Known: true, Silence: 5 * time.Minute})
	ok(t, db.ReportScheduler(ctx))
	execSQL(t, db, "UPDATE workers SET seen_at = now() - interval '2 minutes'")
	check("no worker left", transcription.Sign{Known: true, Silence: 2 * time.Minute}, here)
	ok(t, db.ReportWorker(ctx, transcription.Worker{ID: "a"}))
	ok(t, db.RetireWorker(ctx, "a"))
	check("stopped in order", transcription.Sign{Known: true, Silence: time.Minute}, here)
	execSQL(t, db, "UPDATE workers SET seen_at = now() - interval '25 hours'; UPDATE scheduler SET seen_at = now() - interval '25 hours'")
	check("long forgotten", transcription.Sign{}, transcription.Sign{})
}

func TestDB_Transcription_unknown(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	_, err := db.Transcription(t.Context(), uuid.New(), uuid.New())
	wantKind(t, err, fault.NotFound)
}

// Behind a very long queue the position is a lower bound, and an estimate made from
// it would be a lie.
func TestDB_Transcription_longQueue(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	done := prepare(t, db, addUser(t, db), 1)
	transcribe(t, db, done, 0)
	ok(t, db.ReportWorker(t.Context(), transcription.Worker{ID: "a", Slots: 1}))
	ahead := addTranscription(t, db, addUser(t, db))
	tr := prepare(t, db, addUser(t, db), 1)
	db.Measure()
	if position, estimate := foreseen(t, db, tr); position != 0 || estimate == 0 {
		t.Errorf("got %d and %s, want an estimate", position, estimate)
	}
	execSQL(t, db, `INSERT INTO steps (transcription_id, run, kind, index, owner_id, max_attempts)
		SELECT ?, 1, 'transcribe', i, ?, 5 FROM generate_series(1, 6000) AS i`, ahead.ID, ahead.OwnerID)
	if position, estimate := foreseen(t, db, tr); position != 5000 || estimate != 0 {
		t.Errorf("got %d and %s, want 5000 and no estimate", position, estimate)
	}
}

// Canceling ends every step of the run and leaves the recording and what else the
// owner has alone.
func TestDB_CancelTranscription(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	owner := addUser(t, db)
	tr, other := prepare(t, db, owner, 3), addTranscription(t, db, owner)
	transcribe(t, db, tr, 0)
	l := claim(t, db, tr.Ref(), pipeline.Transcribe, 1)
	wantKind(t, db.CancelTranscription(t.Context(), addUser(t, db), tr.ID), fault.NotFound)
	ok(t, db.Renew(t.Context(), l, leaseOf))
	before, err := db.Transcription(t.Context(), owner, tr.ID)
	ok(t, err)
	for range 2 {
		ok(t, db.CancelTranscription(t.Context(), owner, tr.ID))
	}
	wantGone(t, db.Renew(t.Context(), l, leaseOf))
	if diff := cmp.Diff(map[string]int{"done": 2, "canceled": 2}, states(t, db, tr.Ref())); diff != "" {
		t.Errorf("-want +got steps: %s", diff)
	}
	got, err := db.Transcription(t.Context(), owner, tr.ID)
	ok(t, err)
	if got.Status != transcription.Canceled || got.Partial || len(got.Segments) > 0 || got.Failure != nil || !got.CompletedAt.IsZero() {
		t.Errorf("got %+v", got)
	}
	if got.Progress == 0 || got.Progress != before.Progress || !got.UpdatedAt.After(before.UpdatedAt) {
		t.Errorf("progress %v after %v, changed at %v", got.Progress, before.Progress, got.UpdatedAt)
	}
	garbage, err := db.Garbage(t.Context(), 10)
	if err != nil || len(garbage) > 0 {
		t.Errorf("got %v, %v: the chunks are kept for another run", garbage, err)
	}
	ok(t, aging{db}.Outlast(t.Context()))
	garbage, err = db.Garbage(t.Context(), 10)
	ok(t, err)
	if diff := cmp.Diff([]string{transcription.Prefix(owner, tr.ID) + "chunks/1/"}, garbage); diff != "" {
		t.Errorf("-want +got garbage: %s", diff)
	}
	if status(t, db, other.ID) != transcription.Queued || states(t, db, other.Ref())["canceled"] > 0 {
		t.Error("another transcription was canceled")
	}
}

// While a transcription is on its way, it has the text of the chunks that are done,
// in order, whichever they are.
func TestDB_Transcription_soFar(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	owner := addUser(t, db)
	queued := addTranscription(t, db, owner)
	read := func(tr *transcription.Transcription, partial bool, want string) {
		t.Helper()
		got, err := db.Transcription(t.Context(), owner, tr.ID)
		ok(t, err)
		if got.Partial != partial || got.Text != want {
			t.Errorf("%s: got partial %v and %q, want %v and %q", got.Status, got.Partial, got.Text, partial, want)
		}
		var text strings.Builder
		for _, s := range got.Segments {
			text.WriteString(s.Text)
			if len(s.Words) > 0 {
				t.Errorf("%s: %q has words, which may still change", got.Status, s.Text)
			}
		}
		if text.String() != want { // the words of these results are glued
			t.Errorf("%s: the segments say %q, want %q", got.Status, text.String(), want)
		}
		if page, err := db.Transcriptions(t.Context(), owner, transcription.Filter{Limit: 10}); err != nil || page[0].Text != "" || page[0].Partial {
			t.Errorf("the list has %+v, %v", page[0], err)
		}
	}
	read(queued, false, "")
	l := claim(t, db, queued.Ref(), pipeline.Prepare, 0)
	ok(t, db.SaveSource(t.Context(), l, source(2)))
	ok(t, db.AddChunks(t.Context(), l, chunk(queued.Ref(), owner, 0)))
	read(queued, true, "")
	transcribe(t, db, queued, 0)
	read(queued, true, "Chunk 0.")
	tr := prepare(t, db, owner, 3)
	read(tr, true, "")
	transcribe(t, db, tr, 2)
	read(tr, true, "Chunk 2.")
	transcribe(t, db, tr, 0)
	read(tr, true, "Chunk 0.Chunk 2.")
	transcribe(t, db, tr, 1)
	ok(t, db.Advance(t.Context(), tr.Ref()))
	read(tr, true, "Chunk 0.Chunk 1.Chunk 2.")
	ok(t, db.Complete(t.Context(), claim(t, db, tr.Ref(), pipeline.Merge, 0), transcript()))
	got, err := db.Transcription(t.Context(), owner, tr.ID)
	if err != nil || got.Partial || got.Text != transcript().Text || len(got.Segments) != 2 {
		t.Errorf("got %+v, %v", got, err)
	}
}
