package postgres_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/pipeline/pipelinetest"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/transcription/transcriptiontest"
)

// sealing is a database in which the texts of all transcriptions are encrypted.
type sealing struct {
	*postgres.DB
	t testing.TB
}

func newSealing(t testing.TB) sealing {
	t.Helper()
	return sealing{pgtest.Open(t, pgtest.URL(t), func(o *postgres.Options) { o.Ring = ring(t, oldKey) }), t}
}

// CreateTranscription creates one whose texts are encrypted.
func (s sealing) CreateTranscription(ctx context.Context, tr *transcription.Transcription) error {
	tr.File.Seal, _ = ring(s.t, oldKey).New(tr.ID, true)
	defer func() { tr.File.Seal = transcription.Seal{} }() // nobody is told again
	return s.DB.CreateTranscription(ctx, tr)
}

// sealedWorld and sealedAging are world and aging with such a database.
type sealedWorld struct {
	world
	sealing sealing
}

func (w sealedWorld) CreateTranscription(ctx context.Context, tr *transcription.Transcription) error {
	return w.sealing.CreateTranscription(ctx, tr)
}

// Matches has to stand in for a search, which there is none of in what is encrypted: of those
// that who may read, the first segment.
func (w sealedWorld) Matches(ctx context.Context, who uuid.UUID, ids []uuid.UUID, _ string) (map[uuid.UUID][]transcription.Match, error) {
	found := map[uuid.UUID][]transcription.Match{}
	for _, id := range ids {
		if _, err := w.Transcription(ctx, who, id); err == nil {
			found[id] = []transcription.Match{{}}
		}
	}
	return found, nil
}

// Transcriptions stands in likewise: it finds all that may be found.
func (w sealedWorld) Transcriptions(ctx context.Context, who uuid.UUID, f transcription.Filter) ([]transcription.Transcription, error) {
	f.Query = ""
	return w.world.Transcriptions(ctx, who, f)
}

type sealedAging struct {
	aging
	sealing sealing
}

func (a sealedAging) CreateTranscription(ctx context.Context, tr *transcription.Transcription) error {
	return a.sealing.CreateTranscription(ctx, tr)
}

// Encrypted or not, a store keeps the same promises.
func TestDB_sealedTexts(t *testing.T) {
	t.Parallel()
	t.Run("transcriptions", func(t *testing.T) {
		t.Parallel()
		transcriptiontest.TestStore(t, func(t *testing.T) transcriptiontest.World {
			s := newSealing(t)
			return sealedWorld{world{s.DB}, s}
		})
	})
	t.Run("pipeline", func(t *testing.T) {
		t.Parallel()
		pipelinetest.TestStore(t, func(t *testing.T) (pipelinetest.Store, uuid.UUID) {
			s := newSealing(t)
			return sealedAging{aging{s.DB}, s}, addUser(t, s.DB)
		})
	})
}

// canary is a phrase that nothing else has.
const canary = "zqxjvk"

// secretive is what is said with that phrase wherever a text can be.
func secretive(from time.Duration) []transcription.Segment {
	at := from + time.Second
	return []transcription.Segment{{
		Start: from, End: at, Text: "A " + canary + " sings.", Speaker: canary + " Smith", Confidence: 0.5,
		Words: []transcription.Word{{Start: from, End: at, Text: canary, Confidence: 0.5}},
	}, {Start: at, End: at + time.Second, Text: "Nothing.", Confidence: 1}}
}

// What was said is in no column, whatever is done with it, and comes back as it was.
func TestDB_sealedTexts_nowhere(t *testing.T) {
	t.Parallel()
	s, ctx := newSealing(t), t.Context()
	db, owner := s.DB, addUser(t, s.DB)
	tr := newTranscription(t, owner)
	tr.Options.Prompt = "About a " + canary
	ok(t, s.CreateTranscription(ctx, tr))
	look := func(when, text, prompt string) {
		t.Helper()
		if found := holds(t, db, canary); len(found) > 0 { //nolint:contextcheck // it takes that of the test
			t.Errorf("%s: it is in %s", when, strings.Join(found, ", "))
		}
		got, err := db.Transcription(ctx, owner, tr.ID)
		ok(t, err)
		if got.Text != text || got.Options.Prompt != prompt {
			t.Errorf("%s: the text is %q, the prompt %q", when, got.Text, got.Options.Prompt)
		}
		if text != "" && (got.Segments[0].Text != secretive(0)[0].Text || got.Segments[0].Speaker != secretive(0)[0].Speaker) {
			t.Errorf("%s: the segments are %+v", when, got.Segments)
		}
		page, err := db.Transcriptions(ctx, owner, transcription.Filter{Limit: 10})
		if err != nil || len(page) != 1 || page[0].Options.Prompt != prompt {
			t.Errorf("%s: the list is %+v, %v", when, page, err)
		}
		standing, err := db.Standing(ctx, owner, tr.ID, transcription.Place{})
		if err != nil || standing.Options.Prompt != prompt {
			t.Errorf("%s: who follows it is told %+v, %v", when, standing, err)
		}
	}
	look("it is new", "", "About a "+canary)

	l := claim(t, db, tr.Ref(), pipeline.Prepare, 0)
	ok(t, db.SaveSource(ctx, l, source(1)))
	ok(t, db.AddChunks(ctx, l, chunk(tr.Ref(), owner, 0)))
	ok(t, db.FinishPrepare(ctx, l, source(1)))
	heard := result(chunk(tr.Ref(), owner, 0))
	heard.Segments = secretive(0)
	ok(t, db.FinishChunk(ctx, claim(t, db, tr.Ref(), pipeline.Transcribe, 0), heard))
	said := transcription.Text(secretive(0))
	look("a chunk is done", said, "About a "+canary)

	ok(t, db.Advance(ctx, tr.Ref()))
	results, err := db.Results(ctx, tr.Ref())
	if err != nil || results[0].Segments[0].Text != secretive(0)[0].Text {
		t.Errorf("the results are %+v, %v", results, err)
	}
	ok(t, db.Complete(ctx, claim(t, db, tr.Ref(), pipeline.Merge, 0), pipeline.Transcript{Segments: secretive(0), Text: said}))
	look("it is completed", said, "About a "+canary)

	part := &transcription.Range{ID: tr.ID, From: 0, To: time.Second, Options: transcription.Options{Prompt: "Of a part with a " + canary}}
	ok(t, db.CreateRange(ctx, owner, part))
	look("a part of it is asked for", said, "About a "+canary)
	parts, err := db.Ranges(ctx, owner, tr.ID, 0, 10)
	if err != nil || len(parts) != 1 || parts[0].Options.Prompt != part.Options.Prompt || part.Options.Prompt != "Of a part with a "+canary {
		t.Errorf("the parts are %+v, %v", parts, err)
	}
	again, err := db.Run(ctx, part.Ref())
	if err != nil || again.Options.Prompt != part.Options.Prompt {
		t.Errorf("the worker is told %+v of the part, %v", again, err)
	}
	ok(t, db.CancelRange(ctx, owner, tr.ID, part.Number))

	edited := append(secretive(0)[:1], transcription.Segment{Start: time.Second, End: 3 * time.Second, Text: "Two " + canary + "s."})
	change := transcription.Change{
		Kind: transcription.ByEdit, By: transcription.Actor{Kind: transcription.ByUser, Name: owner.String()}, Splices: transcription.Splices(secretive(0), edited), Text: transcription.Text(edited), Speakers: transcription.Speakers(edited),
	}
	ok(t, db.Revise(ctx, owner, tr.ID, change))
	look("it is edited", transcription.Text(edited), "About a "+canary)
	revisions, err := db.Revisions(ctx, owner, tr.ID, transcription.RevisionFilter{Limit: 10, Splices: true})
	if err != nil || len(revisions) != 1 || !strings.Contains(revisions[0].Splices[0].New[0].Text, canary) {
		t.Errorf("the revisions are %+v, %v", revisions, err)
	}

	next := transcription.NextRun{After: tr.Ref(), Options: transcription.Options{Prompt: "Of another " + canary}}
	ok(t, db.RetryTranscription(ctx, owner, next))
	look("it is run again", transcription.Text(edited), "Of another "+canary)
	run, err := db.Run(ctx, transcription.Ref{ID: tr.ID, Run: 2})
	if err != nil || run.Options.Prompt != "Of another "+canary {
		t.Errorf("the worker is told %+v, %v", run, err)
	}
	if n := readSQL[int](t, db, "SELECT count(*) FROM text_searches"); n != 0 {
		t.Error("the words are in the index")
	}
}

// Who can write to the database makes a text unreadable, but makes nobody take something
// else for it.
func TestDB_sealedTexts_tampered(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"a bit of a segment":             "UPDATE segments SET sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1) WHERE index = 0",
		"segments exchanged":             "UPDATE segments AS a SET sealed = b.sealed FROM segments AS b WHERE b.transcription_id = a.transcription_id AND b.index = 1 - a.index",
		"a segment of another":           "UPDATE segments AS a SET sealed = b.sealed FROM segments AS b WHERE b.transcription_id <> a.transcription_id AND b.index = a.index",
		"a segment that nobody has said": "UPDATE segments SET sealed = NULL, text = 'I did it.' WHERE index = 0",
		"a bit of the text":              "UPDATE transcriptions SET sealed_text = set_byte(sealed_text, 20, get_byte(sealed_text, 20) # 1)",
		"a bit of the prompt":            "UPDATE transcriptions SET sealed_prompt = set_byte(sealed_prompt, 20, get_byte(sealed_prompt, 20) # 1)",
		"the prompt as the text":         "UPDATE transcriptions SET sealed_text = sealed_prompt",
		"the key of another":             "UPDATE data_keys AS a SET sealed = b.sealed FROM data_keys AS b WHERE b.transcription_id <> a.transcription_id",
		"a bit of the key":               "UPDATE data_keys SET sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1)",
		"not for texts":                  "UPDATE data_keys SET texts = false",
		"no key":                         "DELETE FROM data_keys",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSealing(t)
			owner := addUser(t, s.DB)
			var first *transcription.Transcription
			for range 2 {
				first = newTranscription(t, owner)
				ok(t, s.CreateTranscription(t.Context(), first))
				world{s.DB}.End(t, first.ID, transcription.Completed)
			}
			if got, err := s.Transcription(t.Context(), owner, first.ID); err != nil || got.Text != transcript().Text {
				t.Fatalf("got %+v, %v", got, err)
			}
			execSQL(t, s.DB, statement)
			got, err := s.Transcription(t.Context(), owner, first.ID)
			if f := fault.Of(err); f == nil || f.Code != "text_damaged" && f.Code != "recording_damaged" {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// Where the key is missing nothing is shown as if it were empty, and it is said why.
func TestDB_sealedTexts_noKey(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	s := sealing{pgtest.Open(t, url, func(o *postgres.Options) { o.Ring = ring(t, oldKey) }), t}
	owner := addUser(t, s.DB)
	tr := newTranscription(t, owner)
	ok(t, s.CreateTranscription(t.Context(), tr))
	for name, db := range map[string]*postgres.DB{
		"none":    pgtest.Open(t, url),
		"another": pgtest.Open(t, url, func(o *postgres.Options) { o.Ring = ring(t, newKey) }),
	} {
		for what, read := range map[string]func() error{
			"head": func() error { _, err := db.Head(t.Context(), owner, tr.ID); return err },
			"text": func() error { _, err := db.Transcription(t.Context(), owner, tr.ID); return err },
			"run":  func() error { _, err := db.Run(t.Context(), tr.Ref()); return err },
		} {
			if err := read(); fault.Of(err).Code != "encryption_key_missing" {
				t.Errorf("%s, %s: got %v", name, what, err)
			}
		}
	}
}

// BenchmarkTexts does the same with texts that are encrypted and with plain ones, in turns:
// it finishes a chunk, completes a transcription of an hour, and reads that. It reports how
// many times as long each takes when they are encrypted.
func BenchmarkTexts(b *testing.B) {
	s := newSealing(b)
	owner, hour := addUser(b, s.DB), transcriptiontest.Long(time.Hour)
	took := map[string]map[bool]time.Duration{"chunk": {}, "complete": {}, "read": {}}
	for b.Loop() {
		for _, on := range []bool{false, true} {
			tr := newTranscription(b, owner)
			if on {
				tr.File.Seal, _ = ring(b, oldKey).New(tr.ID, true)
			}
			ok(b, s.DB.CreateTranscription(b.Context(), tr))
			l := claim(b, s.DB, tr.Ref(), pipeline.Prepare, 0)
			ok(b, s.SaveSource(b.Context(), l, source(1)))
			ok(b, s.AddChunks(b.Context(), l, chunk(tr.Ref(), owner, 0)))
			ok(b, s.FinishPrepare(b.Context(), l, source(1)))
			heard := result(chunk(tr.Ref(), owner, 0))
			heard.Segments = hour.Segments[:30]
			timed := func(what string, do func() error) {
				begun := time.Now()
				ok(b, do())
				took[what][on] += time.Since(begun)
			}
			l = claim(b, s.DB, tr.Ref(), pipeline.Transcribe, 0)
			timed("chunk", func() error { return s.FinishChunk(b.Context(), l, heard) })
			ok(b, s.Advance(b.Context(), tr.Ref()))
			l = claim(b, s.DB, tr.Ref(), pipeline.Merge, 0)
			timed("complete", func() error {
				return s.Complete(b.Context(), l, pipeline.Transcript{Segments: hour.Segments, Text: transcription.Text(hour.Segments)})
			})
			timed("read", func() error { _, err := s.Transcription(b.Context(), owner, tr.ID); return err })
		}
	}
	for what, t := range took {
		b.ReportMetric(float64(t[true])/float64(t[false]), what+"-times-as-long")
		b.ReportMetric(float64(t[false].Milliseconds())/float64(b.N), what+"-plain-ms")
	}
}
