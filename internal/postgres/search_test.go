package postgres_test

import (
	"context"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/migrations"
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
	"xx": {"Qapla batlh je.", "yes--no"},
}

func TestDB_Transcriptions_query(t *testing.T) {
	t.Parallel()
	l := newLibrary(t, shelf)
	l.add(t, "somebody else's", addUser(t, l.db), []string{"We are running, too."})
	for query, want := range map[string]string{
		"run": "en", "runs meetings": "en", "haus": "de", "häuser fluß": "de", "läuft": "", "laufe": "de",
		"今日": "ja", "会議": "ja", "会日": "", "batlh": "xx", "Qapla OR haus": "de xx", "running -late": "", "running -early": "en", "running --- - -early": "en",
		"yes--no": "xx", `"yes--no"`: "xx", `"qapla batlh" -je--je`: "xx",
		`"meeting starts" -!-early`: "en", `"meeting starts" -(-late`: "", strings.Repeat("-!", 40) + "late": "de ja xx",
		`"starts at nine"`: "en", `"nine starts"`: "", "o'brien": "en", "nowhere": "", "nine & | ! ( :* '": "en",
	} {
		found := l.find(t, transcription.Filter{Query: query})
		if strings.Join(sorted(found), " ") != want {
			t.Errorf("%q is found in %v, want %s", query, found, want)
		}
	}
	for _, query := range []string{"?!", "&", strings.Repeat("-", 40), strings.Repeat("- ", 100)} {
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

// Of a phrase the first segments with any of its words were shown, and since words of scripts
// without spaces are phrases of their signs, 会議 marked 会社.
func TestDB_Matches_phrase(t *testing.T) {
	t.Parallel()
	l := newLibrary(t, map[string][]string{
		"en": {"It starts soon.", "Nine of us.", "At nine it starts at nine.", "Somebody well", "known, a well-known man.", "We late", "runners don't run."},
		"ja": {"会社は九時に始まります。", "会社の会議は九時です。", "三月に", "入社します。"},
	})
	found := func(text string) transcription.MatchPart { return transcription.MatchPart{Text: text, Found: true} }
	not := func(text string) transcription.MatchPart { return transcription.MatchPart{Text: text} }
	for query, want := range map[string][]transcription.MatchPart{
		`"starts at nine"`:        {not("At "), found("nine"), not(" it "), found("starts"), not(" at "), found("nine"), not(".")},
		`"starts at nine" -early`: {not("At "), found("nine"), not(" it "), found("starts"), not(" at "), found("nine"), not(".")},
		`"late runners"`:          {not("We "), found("late")},
		`"well-known man"`:        {found("known"), not(", a "), found("well"), not("-"), found("known"), not(" "), found("man"), not(".")},
		`soon -"nine starts"`:     {not("It starts "), found("soon"), not(".")},
		"会議":                      {not("会社の"), found("会議"), not("は九時です。")},
		"会社会議 OR 会議":              {not("会社の"), found("会議"), not("は九時です。")},
		"月に入":                     {not("三"), found("月に")},
	} {
		page, err := l.db.Transcriptions(t.Context(), l.owner, transcription.Filter{Query: query, Limit: 10})
		ok(t, err)
		if len(page) != 1 {
			t.Errorf("%s: %d are found", query, len(page))
			continue
		}
		matches, err := l.db.Matches(t.Context(), l.owner, []uuid.UUID{page[0].ID}, query)
		ok(t, err)
		if len(matches[page[0].ID]) == 0 {
			t.Errorf("%s is nowhere", query)
			continue
		}
		if diff := cmp.Diff(want, matches[page[0].ID][0].Parts); diff != "" {
			t.Errorf("%s: -want +got\n%s", query, diff)
		}
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

// Only the newest are looked at one by one; what is older is found through the index, and
// the pages of both fit together.
func TestDB_Transcriptions_old(t *testing.T) {
	t.Parallel()
	l := newLibrary(t, map[string][]string{
		"en": {"The meeting starts at nine."}, "nn": {"Meetings at nine; it never starts."}, "de": {"Die Sitzung, the meeting, starts at nine."},
	})
	other := addUser(t, l.db)
	l.add(t, "somebody else's", other, []string{"The meeting starts at nine."})
	l.add(t, "modern", l.owner, []string{"State modern art."})
	execSQL(t, l.db, "UPDATE transcriptions SET created_at = created_at - interval '1 year'")
	addMany(t, l.db, l.owner, 320, "Nothing but a meeting.")
	for query, want := range map[string]string{
		"sitzung": "de", "nine": "de en nn", `"starts at nine"`: "de en", `"nine starts"`: "", "nine -sitzung": "en nn", `meeting -"nothing but"`: "de en nn",
		`"state of art"`: "", "state of art": "modern",
		`nine -"starts at nine"`: "nn", `nine OR sitzung`: "de en nn", "xylophone": "",
	} {
		if found := sorted(l.find(t, transcription.Filter{Query: query, Limit: 5})); strings.Join(found, " ") != want {
			t.Errorf("%s is found in %v, want %s", query, found, want)
		}
		f, found := transcription.Filter{Query: query, Limit: 1}, []string{}
		for range strings.Fields(want) {
			page, err := l.db.Transcriptions(t.Context(), l.owner, f)
			ok(t, err)
			if len(page) != 1 {
				break
			}
			f.After = transcription.Cursor{CreatedAt: page[0].CreatedAt, ID: page[0].ID}
			found = append(found, l.names[page[0].ID])
		}
		if strings.Join(sorted(found), " ") != want {
			t.Errorf("%s is found in %v page by page, want %s", query, found, want)
		}
	}
	page, err := l.db.Transcriptions(t.Context(), l.owner, transcription.Filter{Query: "meeting", Limit: 100})
	if err != nil || len(page) != 100 {
		t.Errorf("found %d, %v", len(page), err)
	}
	if found := l.find(t, transcription.Filter{Query: "meeting", Name: "talk"}); len(found) != 3 {
		t.Errorf("by name and word: found %v", found)
	}
}

// What few transcriptions are is found without reading the others.
func TestDB_Transcriptions_plans(t *testing.T) {
	t.Parallel()
	l := newLibrary(t, map[string][]string{"en": {"We are running late.", "Meeting nothing."}})
	addMany(t, l.db, l.owner, 3000, "Nothing but a meeting.")
	folder := newID(t)
	execSQL(t, l.db, "INSERT INTO folders (id, owner_id, name) VALUES (?, ?, 'large')", folder, l.owner)
	execSQL(t, l.db, `UPDATE transcriptions SET folder_id = ?, archived_at = now() WHERE id <> ?`, folder, l.ids["en"])
	execSQL(t, l.db, `UPDATE transcriptions SET tags = '{Board,Seldom}', language = 'fi' WHERE id = ?`, l.ids["en"])
	execSQL(t, l.db, "VACUUM ANALYZE transcriptions, text_searches")
	none, no := uuid.Nil, false
	for index, f := range map[string]transcription.Filter{
		"transcriptions_tagged":       {Tag: "sELDOM"},
		"transcriptions_of_status":    {Status: transcription.Failed},
		"transcriptions_of_language":  {Language: "fi"},
		"transcriptions_in_no_folder": {Folder: &none},
		"transcriptions_at_hand":      {Archived: &no},
		"transcriptions_of_duration":  {MinDuration: time.Hour},
		"transcriptions_speakers":     {Speaker: "speaker of en"},
		"text_searches_words":         {Query: "running"},
		"text_searches_pairs":         {Query: `"meeting nothing"`},
	} {
		plan := postgres.ListPlan(t, l.db, l.owner, f)
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
			SELECT gen_random_uuid(), ?0, 'many.mp3', 'audio/mpeg', 1, repeat('ab', 32), 'many ' || gen_random_uuid() FROM generate_series(1, ?1) RETURNING id
		)
		INSERT INTO transcriptions (id, owner_id, file_id, status, language, progress, text, completed_at)
		SELECT gen_random_uuid(), ?0, id, 'completed', 'en', 1, ?2, now() FROM f`, owner, n, text)
}

// A search that waits too long is given up.
func TestDB_Transcriptions_tooSlow(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	db := pgtest.Open(t, url, func(o *postgres.Options) { o.SearchTimeout = 50 * time.Millisecond })
	owner := addUser(t, db)
	ok(t, db.SQL().RunInTx(t.Context(), nil, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.ExecContext(ctx, "LOCK TABLE transcriptions IN ACCESS EXCLUSIVE MODE"); err != nil {
			return err
		}
		_, err := db.Transcriptions(ctx, owner, transcription.Filter{Query: "word", Limit: 1})
		if fault.Of(err) == nil || fault.Of(err).Code != "search_too_slow" {
			t.Errorf("got %v, want search_too_slow", err)
		}
		return nil
	}))
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
	execSQL(t, db, "UPDATE transcriptions SET text = ? WHERE id = ?", "beginning with,"+strings.ReplaceAll(b.String(), " ", ","), tr.ID)
	if found, err := db.Transcriptions(t.Context(), tr.OwnerID, transcription.Filter{Query: `"beginning with"`, Limit: 1}); err != nil || len(found) != 1 {
		t.Errorf("without spaces: %d are found, %v", len(found), err)
	}
}

// A tsvector keeps 255 places of a word and 16,383 in all. What was said behind them was in no
// phrase, and since words of scripts without spaces are phrases, such a recording was found by
// hardly any of its words.
func TestDB_Transcriptions_long(t *testing.T) {
	t.Parallel()
	en, ja := []string{}, []string{}
	for i := range 2000 {
		en = append(en, "The "+syllables(i)+" of "+syllables(19_999-i)+" and its "+syllables(i+2000)+" went on for a while.")
		ja = append(ja, string([]rune{rune(0x4e00 + i), 'の', rune(0x5e00 + i), 'は', '長', 'い', '話', 'で', 'す', '。'}))
	}
	en = append(en, "It ends in the middle of\nan old harbour.")
	ja = append(ja, "会議は東京で終わる。")
	l := newLibrary(t, map[string][]string{"en": en, "ja": ja})
	for language, text := range map[string]string{
		"en": "An harbour is old in the middle of nowhere. " + strings.Repeat("The captain has no harbour and wind, but an old stone. ", 300),
		"ja": "会社は議長で京東の東。" + strings.Repeat("東の京と会社の議題。", 300),
	} {
		addMany(t, l.db, l.owner, 1, text)
		execSQL(t, l.db, "UPDATE transcriptions SET language = ? WHERE text = ?", language, text)
	}
	queries := map[string]string{
		`"old harbour"`: "en", `"middle of an old harbour"`: "en", `"harbour old"`: "", `"end middle"`: "en", `"` + syllables(1500) + " of " + syllables(18_499) + `"`: "en",
		"会議": "ja", "東京": "ja", "会京": "", "会議は東京": "ja", "終わる 会議": "ja", `"old harbour" OR 会議`: "en ja", `"old harbour" -"no such"`: "en",
		`"old harbour" OR xylophone`: "en", `xylophone OR "old harbour" captain`: "", "東京 OR xylophone": "ja", "会 -東京": "", `middle -"old harbour"`: "", "話 -会議": "", "話 -京会": "ja",
	}
	look := func(where string) {
		for query, want := range queries {
			f := transcription.Filter{Query: query}
			if strings.Contains(query, "-") {
				f.Name = "talk" // the others have these words
			}
			if found := l.find(t, f); strings.Join(sorted(found), " ") != want {
				t.Errorf("%s: %s is found in %v, want %s", where, query, found, want)
			}
		}
	}
	look("among the newest")
	execSQL(t, l.db, "UPDATE transcriptions SET created_at = created_at - interval '1 year'")
	addMany(t, l.db, l.owner, 320, "Nothing.")
	look("in the indexes")
}

// All pairs are kept, whatever is between two words, and whether all places of them are.
func TestDB_search_pairs(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	silence := strings.Repeat("♪ ", 13)
	words := make([]string, 0, 20_000)
	for i := range cap(words) {
		words = append(words, "w"+strconv.Itoa(i))
	}
	many := strings.Join(words, " ") + " "
	for name, tt := range map[string]struct {
		text  string
		pairs []string // some that are there; one that begins with "!" is not
		whole bool
	}{
		"none":             {"♪", []string{"!♪ ♪"}, true},
		"one":              {"meeting", []string{"!meeting meeting"}, true},
		"what is left out": {"people " + silence + "money", []string{"people money", "!money people"}, true},
		"parts of words":   {"A well-known man's e-mail to a@example.org", []string{"well-known well", "well known", "known man", "mail to", "!well-known known"}, true},
		"signs":            {"会議は九時", []string{"会 議", "議 は", "九 時", "!会 は"}, true},
		"no spaces":        {strings.Repeat("yeah,", 254) + "captain,yeah,sailor", []string{"captain yeah", "yeah sailor"}, false},
		"lost":             {strings.Repeat("yeah,", 400) + "captain,yeah,sailor", []string{"captain sailor", "!yeah sailor"}, false},
		"often a word":     {strings.Repeat("meeting ", 255) + "captain meeting sailor", []string{"captain meeting", "meeting sailor", "!captain sailor"}, false},
		"too many words":   {many + "captain sailor", []string{"w0 w1", "w16383 w16384", "w19999 captain", "captain sailor"}, false},
		"between parts":    {many + strings.Repeat("w ", 196) + "captain \r\n\n\u00a0 " + silence + "sailor", []string{"captain sailor"}, false},
		"signs and parts":  {strings.Repeat("会議", 300) + "京" + strings.Repeat(" … ", 20) + "都", []string{"京 都"}, false},
	} {
		var got struct {
			Wrong []string `bun:",array"`
			Whole bool
		}
		ok(t, db.SQL().NewRaw(`SELECT ARRAY(SELECT p FROM unnest(?::text[]) AS p, ltrim(p, '!') AS q
				WHERE s.pairs @> ARRAY[search_pair(split_part(q, ' ', 1), split_part(q, ' ', 2))] = (p LIKE '!%')) AS wrong, whole
			FROM search_text('xx', ?) AS s`, pgdialect.Array(tt.pairs), tt.text).Scan(t.Context(), &got))
		if len(got.Wrong) > 0 || got.Whole != tt.whole {
			t.Errorf("%s: whole is %t, wrong is %q", name, got.Whole, got.Wrong)
		}
	}
}

// What texts are searched by is made when they change, and goes with them.
func TestDB_search_kept(t *testing.T) {
	t.Parallel()
	l := newLibrary(t, map[string][]string{"en": {"Old harbours."}})
	id := l.ids["en"]
	made := func() string {
		return readSQL[string](t, l.db, "SELECT coalesce(max(xmin::text || words::text), '') FROM text_searches WHERE transcription_id = ?", id)
	}
	before := made()
	if !strings.HasSuffix(before, "'harbour':2 'old':1") {
		t.Fatalf("got %s", before)
	}
	execSQL(t, l.db, "UPDATE transcriptions SET updated_at = clock_timestamp(), tags = '{a}', archived_at = now() WHERE id = ?", id)
	if now := made(); now != before {
		t.Errorf("made anew: %s, before %s", now, before)
	}
	execSQL(t, l.db, "UPDATE transcriptions SET earlier = '{\"language\":\"xx\"}' WHERE id = ?", id)
	if now := made(); !strings.HasSuffix(now, "'harbours':2 'old':1") {
		t.Errorf("in another language: %s", now)
	}
	execSQL(t, l.db, "UPDATE transcriptions SET text = '' WHERE id = ?", id)
	if now := made(); now != "" {
		t.Errorf("without a text: %s", now)
	}
	execSQL(t, l.db, "SET search_path = ''; INSERT INTO public.text_searches SELECT '"+id.String()+"', s.* FROM public.search_text('en', 'One meeting.') AS s; RESET search_path")
	if now := made(); !strings.HasSuffix(now, "'meet':2 'one':1") {
		t.Errorf("where no schema is looked into: %s", now)
	}
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}

// While a recording is transcribed again, or where the result of that was not taken, its text
// is read in the language of the run that made it.
func TestDB_Transcriptions_earlierLanguage(t *testing.T) {
	t.Parallel()
	l := newLibrary(t, map[string][]string{"de": {"Die Häuser stehen leer."}})
	execSQL(t, l.db, `UPDATE transcriptions SET earlier = '{"language":"de"}', language = '' WHERE id = ?`, l.ids["de"])
	if found := l.find(t, transcription.Filter{Query: "Häuser"}); len(found) != 1 {
		t.Errorf("found in %v", found)
	}
}

// What a dump has can be restored. That of what texts are searched by could not be: the
// functions it was made with were looked for in no schema.
func TestDB_dump(t *testing.T) {
	t.Parallel()
	from, to := pgtest.URL(t), pgtest.EmptyURL(t)
	db := pgtest.Open(t, from)
	tr := complete(t, db, addUser(t, db))
	execSQL(t, db, "UPDATE transcriptions SET text = 'An old harbour.', tags = '{Work}' WHERE id = ?", tr.ID)
	cmd := exec.CommandContext(t.Context(), "bash", "-c", `set -o pipefail; pg_dump --dbname="$0" | psql --quiet --set=ON_ERROR_STOP=1 --dbname="$1"`, from, to)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	restored := pgtest.Open(t, to)
	ok(t, restored.Migrate(t.Context()))
	execSQL(t, restored, "UPDATE transcriptions SET text = text || ' It is deep.' WHERE id = ?", tr.ID)
	for _, f := range []transcription.Filter{{Query: `"old harbour" deep`}, {Tag: "work"}, {Name: tr.File.Name}} {
		f.Limit = 1
		if found, err := restored.Transcriptions(t.Context(), tr.OwnerID, f); err != nil || len(found) != 1 {
			t.Errorf("%+v: %d are found, %v", f, len(found), err)
		}
	}
}

// The texts that were there are searched after the migration as those that came later.
func TestDB_Migrate_texts(t *testing.T) {
	t.Parallel()
	l := newLibrary(t, shelf)
	made := func() string {
		return readSQL[string](t, l.db, "SELECT string_agg(s::text, '' ORDER BY transcription_id) FROM text_searches AS s")
	}
	want := made()
	for _, way := range []string{"down", "up"} {
		text, err := migrations.FS.ReadFile("20261127130000_text_searches.tx." + way + ".sql")
		ok(t, err)
		ok(t, l.db.SQL().RunInTx(t.Context(), nil, func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.ExecContext(ctx, strings.ReplaceAll(string(text), "?", `\?`))
			return err
		}))
	}
	if diff := cmp.Diff(want, made()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if found := l.find(t, transcription.Filter{Query: "会議"}); len(found) != 1 {
		t.Errorf("found %v", found)
	}
}
