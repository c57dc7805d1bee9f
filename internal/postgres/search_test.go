package postgres_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// library has one text in each language.
type library struct {
	db    *postgres.DB
	owner uuid.UUID
	ids   map[string]uuid.UUID
	names map[uuid.UUID]string
}

func newLibrary(t *testing.T, texts map[string][]string) *library {
	t.Helper()
	l := &library{db: pgtest.New(t), ids: map[string]uuid.UUID{}, names: map[uuid.UUID]string{}}
	l.owner = addUser(t, l.db)
	for language, sentences := range texts {
		l.add(t, language, l.owner, sentences)
	}
	return l
}

func (l *library) add(t *testing.T, language string, owner uuid.UUID, sentences []string) {
	t.Helper()
	tr := complete(t, l.db, owner)
	got, err := l.db.Transcription(t.Context(), owner, tr.ID)
	ok(t, err)
	var now []transcription.Segment
	for i, text := range sentences {
		at := time.Duration(i) * time.Second
		now = append(now, transcription.Segment{Start: at, End: at + time.Second, Text: text, Speaker: "speaker of " + language, Confidence: 1})
	}
	execSQL(t, l.db, "UPDATE transcriptions SET language = ?, translate = false WHERE id = ?", language, tr.ID)
	ok(t, l.db.Revise(t.Context(), owner, tr.ID, transcription.Change{
		By: transcription.Actor{Kind: transcription.ByUser}, Kind: transcription.ByEdit, Splices: transcription.Splices(got.Segments, now), Text: transcription.Text(now), Speakers: transcription.Speakers(now),
	}))
	l.ids[language], l.names[tr.ID] = tr.ID, language
}

// find returns where a filter finds something, in the order of the languages.
func (l *library) find(t *testing.T, f transcription.Filter) (found []string) {
	t.Helper()
	f.Limit = 100
	list, err := l.db.Transcriptions(t.Context(), l.owner, f)
	ok(t, err)
	for _, tr := range list {
		found = append(found, l.names[tr.ID])
	}
	return found
}

var shelf = map[string][]string{
	"en": {"We are running late.", "The meeting starts at nine; don't forget the O'Brien files."},
	"de": {"Die Häuser stehen am Fluss.", "Wir laufen schon seit Stunden."},
	"ja": {"今日は晴れです。", "会議は九時に始まります。"},
	"xx": {"Qapla batlh je."},
}

func TestDB_Transcriptions_query(t *testing.T) {
	t.Parallel()
	l := newLibrary(t, shelf)
	l.add(t, "somebody else's", addUser(t, l.db), []string{"We are running, too."})
	for query, want := range map[string]string{
		"run": "en", "runs meetings": "en", "haus": "de", "häuser fluß": "de", "läuft": "", "laufe": "de",
		"今日": "ja", "会議": "ja", "会日": "", "batlh": "xx", "Qapla OR haus": "de xx", "running -late": "", "running -early": "en",
		`"starts at nine"`: "en", `"nine starts"`: "", "o'brien": "en", "nowhere": "", "nine & | ! ( :* '": "en",
	} {
		found := l.find(t, transcription.Filter{Query: query})
		if strings.Join(sorted(found), " ") != want {
			t.Errorf("%q is found in %v, want %s", query, found, want)
		}
	}
	for _, query := range []string{"?!", "&"} {
		if _, err := l.db.Transcriptions(t.Context(), l.owner, transcription.Filter{Query: query, Limit: 1}); fault.Of(err) == nil || fault.Of(err).Code != "nothing_to_find" {
			t.Errorf("%q: got %v", query, err)
		}
	}
}

func TestDB_Matches(t *testing.T) {
	t.Parallel()
	l := newLibrary(t, shelf)
	for query, want := range map[string][]transcription.MatchPart{
		"run":         {{Text: "We are "}, {Text: "running", Found: true}, {Text: " late."}},
		"haus fluss":  {{Text: "Die "}, {Text: "Häuser", Found: true}, {Text: " stehen am "}, {Text: "Fluss", Found: true}, {Text: "."}},
		"今日":          {{Text: "今日", Found: true}, {Text: "は晴れです。"}},
		"batlh":       {{Text: "Qapla "}, {Text: "batlh", Found: true}, {Text: " je."}},
		"-early late": {{Text: "We are running "}, {Text: "late", Found: true}, {Text: "."}},
	} {
		page, err := l.db.Transcriptions(t.Context(), l.owner, transcription.Filter{Query: query, Limit: 10})
		ok(t, err)
		if len(page) != 1 {
			t.Errorf("%q: %d are found", query, len(page))
			continue
		}
		found, err := l.db.Matches(t.Context(), l.owner, []uuid.UUID{page[0].ID}, query)
		ok(t, err)
		m := found[page[0].ID]
		if len(m) != 1 || m[0].End-m[0].Start != time.Second || m[0].Speaker == "" {
			t.Errorf("%q: got %+v", query, m)
			continue
		}
		if diff := cmp.Diff(want, m[0].Parts); diff != "" {
			t.Errorf("%q: -want +got\n%s", query, diff)
		}
	}
	if found, err := l.db.Matches(t.Context(), addUser(t, l.db), []uuid.UUID{l.ids["en"]}, "run"); err != nil || len(found) > 0 {
		t.Errorf("somebody else sees %v, %v", found, err)
	}
}

func TestDB_Transcriptions_filters(t *testing.T) {
	t.Parallel()
	l := newLibrary(t, shelf)
	execSQL(t, l.db, "UPDATE files SET name = 'Quarterly_Review 100%.mp3' WHERE id = (SELECT file_id FROM transcriptions WHERE id = ?)", l.ids["en"])
	execSQL(t, l.db, "UPDATE transcriptions SET created_at = now() - interval '2 days', duration_samples = 16000 * 3600 WHERE id = ?", l.ids["de"])
	day := time.Now().Add(-24 * time.Hour)
	for name, tt := range map[string]struct {
		f    transcription.Filter
		want string
	}{
		"name":             {transcription.Filter{Name: "review 100%"}, "en"},
		"name with a slip": {transcription.Filter{Name: "quartely"}, "en"},
		"no pattern":       {transcription.Filter{Name: "Q%w"}, ""},
		"language":         {transcription.Filter{Language: "ja"}, "ja"},
		"speaker":          {transcription.Filter{Speaker: "speaker of xx"}, "xx"},
		"from":             {transcription.Filter{From: day}, "en ja xx"},
		"to":               {transcription.Filter{To: day}, "de"},
		"long":             {transcription.Filter{MinDuration: 30 * time.Minute}, "de"},
		"short":            {transcription.Filter{MaxDuration: 30 * time.Minute}, "en ja xx"},
		"both":             {transcription.Filter{Query: "run", Language: "de"}, ""},
	} {
		if found := sorted(l.find(t, tt.f)); strings.Join(found, " ") != tt.want {
			t.Errorf("%s: got %v, want %s", name, found, tt.want)
		}
	}
}

// What few transcriptions are is found without reading the others.
func TestDB_Transcriptions_plans(t *testing.T) {
	t.Parallel()
	l := newLibrary(t, map[string][]string{"en": {"We are running late."}})
	addMany(t, l.db, l.owner, 3000, "Nothing but a meeting.")
	folder := newID(t)
	execSQL(t, l.db, "INSERT INTO folders (id, owner_id, name) VALUES (?, ?, 'large')", folder, l.owner)
	execSQL(t, l.db, `UPDATE transcriptions SET folder_id = ?, archived_at = now() WHERE id <> ?`, folder, l.ids["en"])
	execSQL(t, l.db, `UPDATE transcriptions SET tags = '{Board,Seldom}', language = 'fi' WHERE id = ?`, l.ids["en"])
	execSQL(t, l.db, "VACUUM ANALYZE transcriptions")
	none, no := uuid.Nil, false
	for index, f := range map[string]transcription.Filter{
		"transcriptions_tagged":       {Tag: "sELDOM"},
		"transcriptions_of_status":    {Status: transcription.Failed},
		"transcriptions_of_language":  {Language: "fi"},
		"transcriptions_in_no_folder": {Folder: &none},
		"transcriptions_at_hand":      {Archived: &no},
		"transcriptions_of_duration":  {MinDuration: time.Hour},
		"transcriptions_speakers":     {Speaker: "speaker of en"},
	} {
		var plan []string
		ok(t, l.db.SQL().NewRaw("EXPLAIN "+postgres.ListSQL(l.db, l.owner, f)).Scan(t.Context(), &plan))
		if !strings.Contains(strings.Join(plan, "\n"), index) {
			t.Errorf("%s is not used:\n%s", index, strings.Join(plan, "\n"))
		}
		if found := l.find(t, f); f.Status == "" && f.MinDuration == 0 && strings.Join(found, " ") != "en" {
			t.Errorf("%s: found %v", index, found)
		}
	}
}

// addMany adds completed English transcriptions with the same text.
func addMany(t *testing.T, db *postgres.DB, owner uuid.UUID, n int, text string) {
	t.Helper()
	execSQL(t, db, `WITH f AS (
			INSERT INTO files (id, owner_id, name, content_type, size, sha256, key)
			SELECT gen_random_uuid(), ?0, 'many.mp3', 'audio/mpeg', 1, repeat('ab', 32), 'many ' || n FROM generate_series(1, ?1) AS n RETURNING id
		)
		INSERT INTO transcriptions (id, owner_id, file_id, status, language, progress, text, completed_at)
		SELECT gen_random_uuid(), ?0, id, 'completed', 'en', 1, ?2, now() FROM f`, owner, n, text)
}

// A text of more words than an index can hold failed its transcription at the very end.
func TestDB_search_hugeText(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	tr := complete(t, db, addUser(t, db))
	var b strings.Builder
	for range 200_000 {
		b.WriteString(uuid.NewString()[:13] + " ")
	}
	execSQL(t, db, "UPDATE transcriptions SET text = ? WHERE id = ?", "beginning "+b.String(), tr.ID)
	if found, err := db.Transcriptions(t.Context(), tr.OwnerID, transcription.Filter{Query: "beginning", Limit: 1}); err != nil || len(found) != 1 {
		t.Errorf("%d are found, %v", len(found), err)
	}
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}
