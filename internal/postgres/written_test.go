package postgres_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// along is the text that a person brings along.
func along() []transcription.Segment {
	return []transcription.Segment{{Start: time.Second, End: 2 * time.Second, Text: "Brought along.", Speaker: "Ann", Confidence: 1}}
}

// kept tests that a text of a person's is there, and stays when its recording is run.
func kept(t *testing.T, db *postgres.DB, tr *transcription.Transcription) {
	t.Helper()
	got := read(t, db, tr)
	if diff := cmp.Diff(along(), got.Segments); diff != "" || got.Status != transcription.Completed || got.Text != "Brought along." || got.Revision != 0 || got.CompletedAt.IsZero() || got.Failure != nil {
		t.Fatalf("%+v: -want +got\n%s", got, diff)
	}
	steps := readSQL[int](t, db, "SELECT count(*) FROM steps WHERE transcription_id = ? AND state IN ('waiting', 'dispatched', 'running')", tr.ID)
	if list, err := db.Transcriptions(t.Context(), tr.OwnerID, transcription.Filter{Query: "brought", Limit: 9}); err != nil || len(list) != 1 || steps > 0 {
		t.Errorf("%d are found, %v; %d steps", len(list), err, steps)
	}
	events, err := db.Events(t.Context(), tr.OwnerID, tr.ID, 0, 99)
	ok(t, err)
	if last := events[len(events)-1]; last.Type != transcription.EventType(transcription.Completed) || last.Actor.Kind != transcription.ByUser {
		t.Errorf("the last event is %+v", last)
	}
	if got.Language != "de" || got.LanguageConfidence != 1 {
		t.Errorf("it is %q, %v sure", got.Language, got.LanguageConfidence)
	}
	if again := again(t, db, got, "Heard."); !warnedOf(again, transcription.WrittenKept(1)) || again.Text != "Brought along." || again.Earlier == nil || again.Earlier.Run != got.Run || again.Earlier.Model != "" || again.Earlier.Language != "de" || again.Earlier.LanguageConfidence != 1 {
		t.Errorf("after another run it is %+v, earlier %+v", again, again.Earlier)
	}
	if again := again(t, db, read(t, db, tr), "Heard once more."); !warnedOf(again, transcription.WrittenKept(3)) {
		t.Errorf("after a third run it warns of %v", again.Warnings)
	}
	now := read(t, db, tr)
	ok(t, db.Revise(t.Context(), tr.OwnerID, tr.ID, transcription.Change{
		By: transcription.Actor{Kind: transcription.ByUser}, After: now.Revision, Kind: transcription.ByRestore, Of: now.Revision - 1,
		Splices: transcription.Splices(now.Segments, nil), Text: "",
	}))
	ok(t, db.Revise(t.Context(), tr.OwnerID, tr.ID, transcription.Change{
		By: transcription.Actor{Kind: transcription.ByUser}, After: now.Revision + 1, Kind: transcription.ByRestore,
		Splices: transcription.Splices(nil, along()), Text: "Brought along.",
	}))
	if !readSQL[bool](t, db, "SELECT edited FROM transcriptions WHERE id = ?", tr.ID) {
		t.Error("what a person has brought along is taken for the machine's")
	}
	edit(t, db, read(t, db, tr), "An edit.")
	if again := again(t, db, read(t, db, tr), "Heard."); !warnedOf(again, transcription.EditsKept(again.Revision-1)) {
		t.Errorf("after an edit it warns of %v", again.Warnings)
	}
}

// warnedOf reports whether a text has a warning.
func warnedOf(tr *transcription.Transcription, w transcription.Warning) bool {
	return slices.Contains(tr.Warnings, w)
}

func TestDB_CreateTranscription_written(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	tr := newTranscription(t, addUser(t, db))
	tr.Options.Language = "de"
	tr.Status, tr.Segments, tr.Text = transcription.Completed, along(), "Brought along."
	ok(t, db.CreateTranscription(t.Context(), tr))
	if tr.Status != transcription.Completed {
		t.Errorf("it is %s", tr.Status)
	}
	kept(t, db, tr)
}

func TestDB_Write(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	tr := addTranscription(t, db, addUser(t, db), func(tr *transcription.Transcription) { tr.Options.Language = "de" })
	text := transcription.FirstText{Ref: tr.Ref(), By: transcription.Actor{Kind: transcription.ByUser, Name: tr.OwnerID.String()}, Segments: along()}
	wantKind(t, db.Write(t.Context(), tr.OwnerID, text), fault.Conflict)
	ok(t, db.CancelTranscription(t.Context(), tr.OwnerID, tr.ID))
	wantKind(t, db.Write(t.Context(), addUser(t, db), text), fault.NotFound)
	ok(t, db.Write(t.Context(), tr.OwnerID, text))
	wantKind(t, db.Write(t.Context(), tr.OwnerID, text), fault.Conflict)
	kept(t, db, tr)
}
