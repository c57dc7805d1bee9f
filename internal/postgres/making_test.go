package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// translated runs a transcription again, as a translation from the German by another model.
func translated(t *testing.T, db *postgres.DB, tr *transcription.Transcription, text string) *transcription.Transcription {
	t.Helper()
	o := tr.Options
	o.Translate = true
	ok(t, db.RetryTranscription(t.Context(), tr.OwnerID, transcription.NextRun{After: tr.Ref(), Options: o, Anew: true}))
	ref := transcription.Ref{ID: tr.ID, Run: tr.Run + 1}
	l := claim(t, db, ref, pipeline.Prepare, 0)
	s := source(1)
	s.Model, s.Language = "tiny", "de"
	ok(t, db.SaveSource(t.Context(), l, s))
	ok(t, db.AddChunks(t.Context(), l, chunk(ref, tr.OwnerID, 0)))
	ok(t, db.FinishPrepare(t.Context(), l, s))
	transcribe(t, db, &transcription.Transcription{ID: ref.ID, Run: ref.Run, OwnerID: tr.OwnerID}, 0)
	ok(t, db.Advance(t.Context(), ref))
	ok(t, db.Complete(t.Context(), claim(t, db, ref, pipeline.Merge, 0), pipeline.Transcript{
		Text: text, Segments: []transcription.Segment{{End: time.Second, Text: text, Confidence: 1}}, Coverage: transcription.Coverage{Speech: time.Hour},
	}))
	return read(t, db, tr)
}

func read(t *testing.T, db *postgres.DB, tr *transcription.Transcription) *transcription.Transcription {
	t.Helper()
	got, err := db.Transcription(t.Context(), tr.OwnerID, tr.ID)
	ok(t, err)
	return got
}

// facts are what a reader of a text is told of how it came to be.
var facts = cmpopts.IgnoreFields(transcription.Transcription{}, "Status", "Options", "Text", "Segments", "Warnings", "Revision", "Earlier", "UpdatedAt", "Progress")

// A text that was edited stayed, and was said to be of the model and the language of
// another run, with what that had found of speech.
func TestDB_Complete_keepsFacts(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	tr := complete(t, db, addUser(t, db))
	edit(t, db, tr, "A person wrote of the dogs.")
	before := read(t, db, tr)
	plan, err := db.Plan(t.Context(), tr.OwnerID, tr.Ref())
	ok(t, err)

	check := func(when string, got *transcription.Transcription) {
		t.Helper()
		text, readable := got.Readable()
		if !readable || text.Options.Translate {
			t.Fatalf("%s: the text is %+v", when, text)
		}
		if diff := cmp.Diff(before, text, facts); diff != "" {
			t.Errorf("%s: -want +got\n%s", when, diff)
		}
		now, err := db.Plan(t.Context(), tr.OwnerID, text.Ref())
		ok(t, err)
		if diff := cmp.Diff(plan, now); diff != "" || len(now.Chunks) == 0 {
			t.Errorf("%s: the plan: -want +got\n%s", when, diff)
		}
		for _, f := range []transcription.Filter{{Language: "en"}, {Query: "dog"}} {
			f.Limit = 9
			if list, err := db.Transcriptions(t.Context(), tr.OwnerID, f); err != nil || len(list) != 1 {
				t.Errorf("%s: %+v finds %d, %v", when, f, len(list), err)
			}
		}
	}
	o := tr.Options
	o.Translate = true
	ok(t, db.RetryTranscription(t.Context(), tr.OwnerID, transcription.NextRun{After: tr.Ref(), Options: o, Anew: true}))
	check("queued", read(t, db, tr))
	ok(t, db.CancelTranscription(t.Context(), tr.OwnerID, tr.ID))
	check("canceled", read(t, db, tr))

	kept := translated(t, db, read(t, db, tr), "Heard anew.")
	check("kept", kept)
	if kept.Status != transcription.Completed || kept.Model != "tiny" || len(kept.Warnings) != 2 {
		t.Errorf("the run is %+v", kept)
	}
	edit(t, db, kept, "A person wrote of the dogs once more.")
	check("edited", read(t, db, tr))
	check("kept once more", translated(t, db, read(t, db, tr), "Heard once more."))
	if got := read(t, db, tr); len(got.Warnings) != 2 {
		t.Errorf("warned of %v", got.Warnings)
	}
}

// Whoever takes the machine's text after all has what is known of that, and the other way
// round.
func TestDB_Revise_bringsFactsBack(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	tr := complete(t, db, addUser(t, db))
	edit(t, db, tr, "A person wrote this.")
	kept := translated(t, db, read(t, db, tr), "Heard anew.")
	restore := func(of int, segments []transcription.Segment) *transcription.Transcription {
		t.Helper()
		now := read(t, db, tr)
		ok(t, db.Revise(t.Context(), tr.OwnerID, tr.ID, transcription.Change{
			By: transcription.Actor{Kind: transcription.ByUser}, After: now.Revision, Kind: transcription.ByRestore, Of: of,
			Splices: transcription.Splices(now.Segments, segments), Text: transcription.Text(segments),
		}))
		return read(t, db, tr)
	}
	machine := restore(2, []transcription.Segment{{End: time.Second, Text: "Heard anew.", Confidence: 1}})
	if text, _ := machine.Readable(); machine.Earlier != nil || text.Model != "tiny" || text.Language != "de" || text.Run != 2 || text.Coverage.Speech != time.Hour || len(text.Warnings) != 0 {
		t.Errorf("the machine's is %+v", machine)
	}
	for number, segments := range map[int][]transcription.Segment{3: kept.Segments, 0: transcript().Segments} {
		got := restore(number, segments)
		text, _ := got.Readable()
		if got.Earlier == nil || text.Model != "small" || text.Language != "en" || text.Run != 1 || text.Coverage.Speech != 3*time.Second || len(text.Warnings) == 0 {
			t.Errorf("revision %d is %+v", number, got)
		}
	}
}

// ask asks for the first second of a recording once more.
func ask(t *testing.T, db *postgres.DB, tr *transcription.Transcription) *transcription.Range {
	t.Helper()
	r := &transcription.Range{ID: tr.ID, From: 0, To: time.Second, After: read(t, db, tr).Revision, Options: transcription.Options{Model: "small"}}
	ok(t, db.CreateRange(t.Context(), tr.OwnerID, r))
	return r
}

// hear completes a range with what was heard.
func hear(t *testing.T, db *postgres.DB, r *transcription.Range, text string) {
	t.Helper()
	l := claim(t, db, r.Ref(), pipeline.Prepare, 0)
	ok(t, db.SaveSource(t.Context(), l, pipeline.Source{Model: "large", Language: "fr"}))
	ok(t, db.FinishPrepare(t.Context(), l, pipeline.Source{}))
	ok(t, db.Advance(t.Context(), r.Ref()))
	ok(t, db.Complete(t.Context(), claim(t, db, r.Ref(), pipeline.Merge, 0), pipeline.Transcript{
		Segments: []transcription.Segment{{End: time.Second, Text: text, Confidence: 1}},
	}))
}

// While a part is transcribed anew, its text may be edited more often than revisions are read
// at once.
func TestDB_Complete_rangeEditedOften(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	tr := complete(t, db, addUser(t, db))
	r := ask(t, db, tr)
	for i := range 25 {
		edit(t, db, tr, fmt.Sprint("By hand ", i))
	}
	hear(t, db, r, "Heard.")
	list, err := db.Ranges(t.Context(), tr.OwnerID, tr.ID, 0, 1)
	ok(t, err)
	if got := read(t, db, tr); !list[0].Kept || got.Segments[0].Text != "By hand 24" || got.Revision != 27 {
		t.Errorf("revision %d, kept %t: %q", got.Revision, list[0].Kept, got.Text)
	}
}

// The manifest named only the chunks of the run, not what took the place of their text.
func TestDB_Plan_ranges(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	tr := complete(t, db, addUser(t, db))
	heard := func(text string) { hear(t, db, ask(t, db, tr), text) }
	ranges := func() (numbers []int) {
		t.Helper()
		plan, err := db.Plan(t.Context(), tr.OwnerID, tr.Ref())
		ok(t, err)
		for _, r := range plan.Ranges {
			if r.Model != "large" || r.Language != "fr" || r.To != time.Second {
				t.Errorf("got %+v", r)
			}
			numbers = append(numbers, r.Number)
		}
		return numbers
	}
	heard("Once.")
	edit(t, db, tr, "By hand.")
	heard("Twice.")
	if diff := cmp.Diff([]int{1, 2}, ranges()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	now := read(t, db, tr)
	first := transcript().Segments
	ok(t, db.Revise(t.Context(), tr.OwnerID, tr.ID, transcription.Change{
		By: transcription.Actor{Kind: transcription.ByUser}, After: now.Revision, Kind: transcription.ByRestore,
		Splices: transcription.Splices(now.Segments, first), Text: transcription.Text(first),
	}))
	if got := ranges(); len(got) > 0 {
		t.Errorf("the first text is said to have %v", got)
	}
}
