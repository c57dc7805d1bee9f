package postgres_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

func daysOf(n int) *int { return &n }

// aged completes a transcription as if that were so many days ago.
func aged(t *testing.T, db *postgres.DB, owner uuid.UUID, days int) *transcription.Transcription {
	t.Helper()
	tr := complete(t, db, owner)
	execSQL(t, db, "UPDATE transcriptions SET completed_at = now() - make_interval(days => ?), peaks_key = ? WHERE id = ?",
		days, transcription.Prefix(owner, tr.ID)+"peaks/1/a.dat", tr.ID)
	return tr
}

// DeleteExpired deletes what is due, a recording or all of it, and nothing else; the objects
// are left to the collector, the history and the audit log tell.
func TestDB_DeleteExpired(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner, other := addUser(t, db), addUser(t, db)
	media, whole, fresh, foreign := aged(t, db, owner, 8), aged(t, db, owner, 31), aged(t, db, owner, 6), aged(t, db, other, 100)
	failed := retry(t, db, aged(t, db, owner, 90))
	ok(t, db.Fail(ctx, claim(t, db, failed.Ref(), pipeline.Prepare, 0), gaveUp))
	expire := func(wantMedia, wantWhole int) {
		t.Helper()
		m, w, err := db.DeleteExpired(ctx, 100)
		ok(t, err)
		if m != wantMedia || w != wantWhole {
			t.Errorf("%d recordings and %d transcriptions went, want %d and %d", m, w, wantMedia, wantWhole)
		}
	}
	expire(0, 0) // nobody has said anything
	ok(t, db.SetRetention(ctx, owner, transcription.Retention{MediaDays: daysOf(7), Days: daysOf(30)}))
	expire(1, 1)
	expire(0, 0) // it is looked at again later
	ok(t, db.SetRetention(ctx, owner, transcription.Retention{MediaDays: daysOf(7), Days: daysOf(30)}))
	expire(0, 0) // at once, but all is done
	_, err := db.Head(ctx, owner, whole.ID)
	wantKind(t, err, fault.NotFound)
	got, err := db.Transcription(ctx, owner, media.ID)
	ok(t, err)
	if !got.File.Gone || got.PeaksKey != "" || got.Text != transcript().Text || got.MediaKept() || !got.MediaExpiresAt.IsZero() || got.ExpiresAt.IsZero() {
		t.Errorf("got %+v", got)
	}
	wantKind(t, db.RetryTranscription(ctx, owner, transcription.NextRun{After: media.Ref(), Options: media.Options}), fault.Conflict)
	for _, tr := range []*transcription.Transcription{fresh, failed, foreign} {
		if head, err := db.Head(ctx, tr.OwnerID, tr.ID); err != nil || head.File.Gone {
			t.Errorf("%s is gone: %v", tr.ID, err)
		}
	}
	prefixes, err := db.Garbage(ctx, 100)
	ok(t, err)
	for _, tr := range []*transcription.Transcription{media, whole, fresh, failed, foreign} {
		if found := slices.Contains(prefixes, transcription.Prefix(tr.OwnerID, tr.ID)); found != (tr == media || tr == whole) {
			t.Errorf("%s is garbage: %v", tr.ID, found)
		}
	}
	events, err := db.Events(ctx, owner, media.ID, 0, 100)
	ok(t, err)
	if last := events[len(events)-1]; last.Type != transcription.MediaExpired {
		t.Errorf("its history ends with %s", last.Type)
	}
	for action, want := range map[auth.Action]int{auth.MediaExpired: 1, auth.TranscriptionExpired: 1} {
		entries, err := db.Entries(ctx, auth.EntryFilter{Action: action, SubjectID: owner, Limit: 10})
		ok(t, err)
		if len(entries) != want || entries[0].UserID != uuid.Nil {
			t.Errorf("%s: the audit log has %v", action, entries)
		}
	}
	usage, _, err := db.Usage(ctx, owner)
	ok(t, err)
	if want := fresh.File.Size + failed.File.Size; usage.Bytes != want {
		t.Errorf("%d bytes are counted, want %d", usage.Bytes, want)
	}
}

// The rules of folders reach into those within, each number for itself; holds reach, too.
func TestDB_DeleteExpired_folders(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner := addUser(t, db)
	folder := func(parent uuid.UUID, name string, r transcription.Retention, hold bool) uuid.UUID {
		f := &transcription.Folder{ID: newID(t), OwnerID: owner, ParentID: parent, Name: name}
		ok(t, db.CreateFolder(ctx, f))
		_, err := db.SetFolderRetention(ctx, owner, f.ID, r)
		ok(t, err)
		_, err = db.HoldFolder(ctx, owner, f.ID, hold)
		ok(t, err)
		return f.ID
	}
	outer := folder(uuid.Nil, "Outer", transcription.Retention{Days: daysOf(10)}, false)
	inner := folder(outer, "Inner", transcription.Retention{MediaDays: daysOf(5)}, false)
	forGood := folder(inner, "For good", transcription.Retention{MediaDays: daysOf(0), Days: daysOf(0)}, false)
	kept := folder(inner, "Held", transcription.Retention{}, true)
	within := folder(kept, "Within", transcription.Retention{Days: daysOf(1)}, false)
	ok(t, db.SetRetention(ctx, owner, transcription.Retention{Days: daysOf(100)}))
	type fate string
	wants := map[*transcription.Transcription]fate{}
	for _, row := range []struct {
		in   uuid.UUID
		days int
		want fate
	}{
		{uuid.Nil, 99, "kept"},
		{uuid.Nil, 101, "gone"},
		{outer, 9, "kept"},
		{outer, 11, "gone"},
		{inner, 4, "kept"},
		{inner, 6, "without recording"},
		{inner, 11, "gone"},
		{forGood, 1000, "kept"},
		{kept, 1000, "kept"},
		{within, 1000, "kept"},
	} {
		tr := aged(t, db, owner, row.days)
		if row.in != uuid.Nil {
			_, err := db.Arrange(ctx, owner, []uuid.UUID{tr.ID}, transcription.Arrangement{Folder: &row.in})
			ok(t, err)
		}
		wants[tr] = row.want
	}
	single := aged(t, db, owner, 1000)
	wants[single] = "kept"
	_, err := db.HoldTranscription(ctx, owner, single.ID, true)
	ok(t, err)
	for range 5 { // in small batches
		_, _, err := db.DeleteExpired(ctx, 2)
		ok(t, err)
	}
	for tr, want := range wants {
		head, err := db.Head(ctx, owner, tr.ID)
		got := fate("kept")
		switch {
		case fault.Is(err, fault.NotFound):
			got = "gone"
		case err != nil:
			t.Fatal(err)
		case head.File.Gone:
			got = "without recording"
		}
		if got != want {
			t.Errorf("%s is %s, want %s", tr.ID, got, want)
		}
	}
}

// A hold that is promised holds: whoever deletes in the same moment has either done so
// before the promise, or does not.
func TestDB_DeleteExpired_holdInTheSameMoment(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	for round := range 12 {
		owner := addUser(t, db)
		f := &transcription.Folder{ID: newID(t), OwnerID: owner, Name: "Held"}
		ok(t, db.CreateFolder(ctx, f))
		var all []*transcription.Transcription
		for range 4 {
			tr := aged(t, db, owner, 10)
			_, err := db.Arrange(ctx, owner, []uuid.UUID{tr.ID}, transcription.Arrangement{Folder: &f.ID})
			ok(t, err)
			all = append(all, tr)
		}
		ok(t, db.SetRetention(ctx, owner, transcription.Retention{MediaDays: daysOf(1)}))
		gone := func() (n int) {
			for _, tr := range all {
				head, err := db.Head(ctx, owner, tr.ID)
				if fault.Is(err, fault.NotFound) || err == nil && head.File.Gone {
					n++
				} else if err != nil {
					t.Error(err)
				}
			}
			return n
		}
		var promised int
		var both sync.WaitGroup
		both.Go(func() {
			if _, _, err := db.DeleteExpired(ctx, 100); err != nil {
				t.Error(err)
			}
		})
		both.Go(func() {
			if err := db.DeleteTranscription(ctx, owner, all[3].ID); err != nil && !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.NotFound) {
				t.Error(err)
			}
		})
		both.Go(func() {
			if _, err := db.HoldFolder(ctx, owner, f.ID, true); err != nil {
				t.Error(err)
			}
			promised = gone()
		})
		both.Wait()
		if after := gone(); after != promised {
			t.Errorf("round %d: %d of %d were gone when the hold was promised, %d are", round, promised, len(all), after)
		}
		prefixes, err := db.Garbage(ctx, 1000)
		ok(t, err)
		n := 0
		for _, p := range prefixes {
			if strings.HasPrefix(p, fmt.Sprintf("u/%s/", owner)) && !strings.Contains(p, "/chunks/") {
				n++
			}
		}
		if n != promised {
			t.Errorf("round %d: the objects of %d are garbage, %d are gone", round, n, promised)
		}
	}
}

// An account is deleted with all that is held in it, and its rules.
func TestDB_DeleteExpired_goesWithTheAccount(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner := addUser(t, db)
	tr := aged(t, db, owner, 10)
	ok(t, db.SetRetention(ctx, owner, transcription.Retention{Days: daysOf(1)}))
	_, err := db.HoldTranscription(ctx, owner, tr.ID, true)
	ok(t, err)
	_, err = db.DeleteAccount(ctx, owner, newID(t), auth.Entry{Action: auth.AccountDisabled})
	ok(t, err)
	if n := readSQL[int](t, db, "SELECT count(*) FROM retention"); n != 0 {
		t.Errorf("%d rules are left", n)
	}
	_, _, err = db.DeleteExpired(ctx, 10)
	ok(t, err)
}
