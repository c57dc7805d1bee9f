package postgres_test

import (
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// generate fills a database with transcriptions of one owner, with 500 segments of eight
// words each. Words are as frequent as those of a language (Zipf): w1 is every eleventh
// word, w20000 comes once in a few texts.
func generate(b *testing.B, db *postgres.DB, owner uuid.UUID, n int) {
	b.Helper()
	for _, query := range []string{
		`CREATE TABLE sentences AS SELECT s AS id, string_agg('w' || floor(exp(random() * ln(20000)))::int, ' ') || '.' AS text
			FROM generate_series(0, 99999) AS s, generate_series(1, 8) GROUP BY s`,
		`CREATE UNIQUE INDEX ON sentences (id)`, `ANALYZE sentences`,
		`ALTER TABLE transcriptions DISABLE TRIGGER ALL`, `ALTER TABLE segments DISABLE TRIGGER ALL`, `ALTER TABLE files DISABLE TRIGGER ALL`,
		`DROP INDEX transcriptions_search`, `DROP INDEX files_name`,
	} {
		execSQL(b, db, query)
	}
	const batch = 500
	for from := 0; from < n; from += batch {
		execSQL(b, db, `
			WITH t AS (
				SELECT i, gen_random_uuid() AS id, gen_random_uuid() AS file_id FROM generate_series(?0::int, ?1::int) AS i
			), f AS (
				INSERT INTO files (id, owner_id, name, content_type, size, sha256, key)
				SELECT file_id, ?2, 'meeting ' || md5(i::text) || '.mp3', 'audio/mpeg', 1, repeat('ab', 32), id::text FROM t
			), s AS MATERIALIZED (
				SELECT t.id, g.n, c.text FROM t CROSS JOIN generate_series(0, 499) AS g (n) JOIN sentences AS c ON c.id = abs(hashint8(t.i * 500::bigint + g.n)) % 100000
			), texts AS (
				SELECT id, string_agg(text, ' ' ORDER BY n) AS text FROM s GROUP BY id
			), g AS (
				INSERT INTO segments (transcription_id, index, start_ms, end_ms, text, confidence, suspect, words)
				SELECT id, n, n * 4000, n * 4000 + 3900, text, 1, false, '[]' FROM s
			)
			INSERT INTO transcriptions (id, owner_id, file_id, status, language, duration_samples, progress, text, created_at, completed_at)
			SELECT t.id, ?2, t.file_id, 'completed', 'en', 32000000, 1, texts.text,
				now() - t.i * interval '1 minute', now() FROM t JOIN texts USING (id)`, from, min(from+batch, n)-1, owner)
	}
	for _, query := range []string{
		`CREATE INDEX transcriptions_search ON transcriptions USING gin (search)`, `CREATE INDEX files_name ON files USING gin (name gin_trgm_ops)`,
		`ANALYZE transcriptions`, `ANALYZE files`, `ANALYZE segments`,
	} {
		execSQL(b, db, query)
	}
}

// BenchmarkSearch looks for words in 2000 transcriptions of 500 segments, or in as many as
// TRANSCRIPTS says, with the places where they are, as the API does.
func BenchmarkSearch(b *testing.B) {
	n := 2000
	if text := os.Getenv("TRANSCRIPTS"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		ok(b, err)
	}
	db := pgtest.New(b)
	owner := addUser(b, db)
	begun := time.Now()
	generate(b, db, owner, n)
	b.Logf("%d transcriptions in %s", n, time.Since(begun).Round(time.Second))
	for name, f := range map[string]transcription.Filter{
		"all":            {},
		"a common word":  {Query: "w2"},
		"a rare word":    {Query: "w19000"},
		"two words":      {Query: "w300 w4000"},
		"a phrase":       {Query: `"w5 w8"`},
		"not a word":     {Query: "w10000 -w1"},
		"a name":         {Name: "c4ca4238"},
		"a word and day": {Query: "w500", From: time.Now().Add(-24 * time.Hour)},
		"nothing":        {Query: "nowhere"},
	} {
		f.Limit = 20
		b.Run(name, func(b *testing.B) {
			var took []time.Duration
			found := 0
			for b.Loop() {
				begun := time.Now()
				found = search(b, db, owner, f)
				took = append(took, time.Since(begun))
			}
			slices.Sort(took)
			b.ReportMetric(float64(found), "found")
			b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
			b.ReportMetric(took[len(took)*95/100].Seconds()*1000, "p95-ms")
		})
	}
}

// search returns how many transcriptions are on the first page.
func search(b *testing.B, db *postgres.DB, owner uuid.UUID, f transcription.Filter) int {
	b.Helper()
	page, err := db.Transcriptions(b.Context(), owner, f)
	ok(b, err)
	if f.Query == "" || len(page) == 0 {
		return len(page)
	}
	ids := make([]uuid.UUID, len(page))
	for i, t := range page {
		ids[i] = t.ID
	}
	_, err = db.Matches(b.Context(), owner, ids, f.Query)
	ok(b, err)
	return len(page)
}
