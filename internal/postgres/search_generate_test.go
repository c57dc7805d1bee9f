package postgres_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/turboscribe/turboscribe/internal/postgres"
)

// spoken are the most frequent words of some languages, most frequent first, those that say
// nothing with the others. What they are made longer by follows behind the bar.
var spoken = map[string]string{
	"en": "the of and to people meeting money is that report you it was time on are as work with they question be at one have this year from budget team or had by plan word but what some we can out | s ing ed er ly ment",
	"de": "die der und in Haus zu den das nicht von Zeit sie ist des Sitzung sich mit dem dass er Frage es ein ich auf so eine auch als Arbeit an nach wie im für man aber aus Geld durch | en er ung ten e lich",
	"fr": "de la le et les des temps en un du une que est pour réunion qui dans a par plus pas question au sur ne se ce il sont travail aux avec ou son argent leur mais comme on tout | s er ement ons ée eur",
	"es": "de la que el en y a los tiempo se del las un por con no una reunión su para es al pregunta lo como más o pero sus le ha me si trabajo sin sobre este ya dinero entre | s ar ando ado mente ción",
	"ja": "今日 会議 時間 会社 私 人 仕事 質問 明日 予算 です ます から まで とき こと もの これ それ では 日本 東京 電話 計画 問題 始まる 終わる 話す 聞く 見る 行く 来る 新しい 大きい 高い 早い 一つ 二人 三月 九時 | の は が を に で",
	"fi": "ja on ei se että hän oli kokous joka aika mutta ne ovat kuin raha myös kysymys sen tai vain nyt työ niin jos mitä kun tämä hyvä ihmiset siitä kaikki vuosi sanoi olla talo minä sinä hänen päivä koska | n ssa lla t ksi sta",
}

// sentences makes 20,000 of eight words in each language. Words are as frequent as those of
// a language are (Zipf), one is as rare as its rank says, and they are inflected. Two words
// that are in nearly all texts follow each other in none, and two others where that is
// wanted: sentence -1.
var sentences = []string{
	`SELECT setseed(0.5)`,
	`CREATE TABLE stems AS SELECT rank, (SELECT string_agg(substr('bakelimonurasitovefuda', (rank / (11 ^ p)::int) % 11 * 2 + 1, 2), '')
		FROM generate_series(0, 4) AS p WHERE p < 2 OR rank >= 11 ^ p) AS stem FROM generate_series(1, 20000) AS rank`,
	`CREATE TABLE sentences AS
		SELECT language, id, regexp_replace(regexp_replace(text, '^(meeting|money) ', 'report '), 'people (meeting|money)', 'people report', 'g') AS text,
			(SELECT jsonb_agg(jsonb_build_object('start', 400 * n, 'end', 400 * n + 390, 'text', word, 'confidence', 0.93) ORDER BY n) FROM unnest(string_to_array(text, ' ')) WITH ORDINALITY AS w (word, n)) AS words
		FROM (
			SELECT r.language, r.id, string_agg(CASE WHEN r.rank <= 40 THEN l.words[r.rank]
					WHEN r.language = 'ja' THEN chr(19968 + r.rank % 2500) || chr(20000 + r.rank / 8) || l.ends[r.ending] ELSE st.stem || l.ends[r.ending] END,
				CASE r.language WHEN 'ja' THEN '' ELSE ' ' END) || CASE r.language WHEN 'ja' THEN '。' ELSE '.' END AS text
			FROM (
				SELECT language, id, floor(exp(random() * ln(20000)))::int AS rank, 1 + floor(random() * 6)::int AS ending
				FROM spoken, generate_series(0, 19999) AS id, generate_series(1, 8)
			) AS r JOIN spoken AS l USING (language) JOIN stems AS st USING (rank) GROUP BY r.language, r.id
		) AS made`,
	`INSERT INTO sentences SELECT 'en', -1, 'for people money is all.', '[]'`,
	`CREATE UNIQUE INDEX ON sentences (language, id)`, `ANALYZE sentences`,
}

// distinctTexts makes ?0 texts of 500 sentences, ten more in a language that is rare, and ten with
// what is said nowhere else. To cut them into words takes most of the time, so that is done
// once, and each is used for several transcriptions.
var distinctTexts = []string{
	`CREATE TABLE library AS SELECT k, CASE WHEN k >= ?0 THEN (ARRAY['fi', 'en'])[1 + (k - ?0) / 10]
			WHEN k % 10 < 6 THEN 'en' ELSE (ARRAY['de', 'de', 'fr', 'es', 'ja', 'de', 'fr', 'es'])[1 + (k / 10 + k) % 8] END AS language
		FROM generate_series(0, ?0 + 19) AS k`,
	`CREATE TABLE said AS SELECT k, n, c.text, c.words FROM library AS l CROSS JOIN generate_series(0, 499) AS n
		JOIN sentences AS c ON c.language = l.language AND c.id = CASE WHEN k >= ?0 + 10 AND n = 250 THEN -1 ELSE abs(hashint8(k * 500::bigint + n)) % 20000 END`,
	`CREATE TABLE vectors AS SELECT k, language, text, (search_text(language, text)).*
		FROM (SELECT k, language, string_agg(text, ' ' ORDER BY n) AS text FROM library JOIN said USING (k) GROUP BY k, language) AS t`,
	`CREATE UNIQUE INDEX ON vectors (k)`, `CREATE INDEX ON said (k)`, `ANALYZE said`, `ANALYZE vectors`,
}

// transcriptions makes number ?0 to ?1, counted from the newest. Of each hundred one is
// somebody else's (?3), the others are the owner's (?2). A part has words with times.
const transcriptions = `
	WITH t AS MATERIALIZED (
		SELECT *, gen_random_uuid() AS id, gen_random_uuid() AS file_id, CASE WHEN i % 100 = 99 THEN (?3::uuid[])[1 + i / 100 % 5] ELSE ?2::uuid END AS owner_id
		FROM generate_series(?0::int, ?1::int) AS i JOIN vectors AS v ON v.k = CASE i % ?4 WHEN 11 THEN ?7 + i / ?4 WHEN 41 THEN ?7 + 10 + i / ?4 ELSE i % ?7 END
	), f AS (
		INSERT INTO files (id, owner_id, name, content_type, size, sha256, key)
		SELECT file_id, owner_id, 'meeting ' || md5(i::text) || '.mp3', 'audio/mpeg', 1, repeat('ab', 32), id::text FROM t
	), g AS (
		INSERT INTO segments (transcription_id, index, start_ms, end_ms, text, speaker, confidence, suspect, words)
		SELECT t.id, n, n * 4000, n * 4000 + 3900, s.text, 'Speaker ' || 1 + n % 2, 1, false, CASE WHEN i < 2000 OR i % 10 = 0 THEN words ELSE '[]' END
		FROM t JOIN said AS s USING (k) ORDER BY t.i, n
	), x AS (
		INSERT INTO text_searches SELECT id, words, pairs, whole FROM t
	)
	INSERT INTO transcriptions (id, owner_id, file_id, status, language, duration_samples, progress, text, created_at, completed_at, failure_code, folder_id, archived_at, tags, speakers)
	SELECT t.id, t.owner_id, t.file_id, CASE WHEN failed THEN 'failed' ELSE 'completed' END, t.language, CASE WHEN i % ?4 = 31 THEN 5 ELSE 1 END * 32000000::bigint,
		CASE WHEN failed THEN 0 ELSE 1 END, t.text, now() - i * interval '1 minute', CASE WHEN failed THEN NULL ELSE now() END, CASE WHEN failed THEN 'gave_up' ELSE '' END,
		CASE WHEN t.owner_id <> ?2 THEN NULL WHEN i % ?4 = 51 THEN ?5::uuid WHEN i % ?4 <> 71 THEN ?6::uuid END, CASE WHEN i % ?4 = 81 THEN now() END,
		CASE WHEN i % ?4 = 61 THEN '{Seldom}' WHEN i % 2 = 0 THEN '{Work,Often}' ELSE '{}' END::text[],
		CASE WHEN i % ?4 = 91 THEN '{Ada,Speaker 1}' ELSE '{Speaker 1,Speaker 2}' END::text[]
	FROM t, LATERAL (SELECT i % ?4 = 21 AS failed) AS o`

// generate fills a database with n transcriptions, nearly all of one owner, in several
// languages. What is rare is ten times among them.
func generate(b *testing.B, db *postgres.DB, n int) {
	b.Helper()
	owner := addUser(b, db)
	execSQL(b, db, "UPDATE users SET email = ? WHERE id = ?", benchOwner, owner)
	others := make([]uuid.UUID, 5)
	for i := range others {
		others[i] = addUser(b, db)
	}
	folders := [2]uuid.UUID{newID(b), newID(b)}
	execSQL(b, db, "INSERT INTO folders (id, owner_id, name) VALUES (?, ?, 'small'), (?, ?, 'large')", folders[0], owner, folders[1], owner)
	execSQL(b, db, "CREATE TABLE spoken (language text PRIMARY KEY, words text[], ends text[])")
	for language, list := range spoken {
		words, ends, _ := strings.Cut(list, " | ")
		execSQL(b, db, "INSERT INTO spoken VALUES (?, string_to_array(?, ' '), string_to_array(?, ' '))", language, words, ends)
	}
	for _, query := range sentences {
		execSQL(b, db, query)
	}
	const batch = 500
	distinct := min(n, 10_000)
	for _, query := range distinctTexts {
		execSQL(b, db, query, distinct)
	}
	indexes := unindexed(b, db)
	for from := 0; from < n; from += batch {
		execSQL(b, db, transcriptions, from, min(from+batch, n)-1, owner, pgdialect.Array(others), n/10, folders[0], folders[1], distinct)
	}
	for _, query := range append(indexes, "ALTER TABLE segments ADD PRIMARY KEY (transcription_id, index)") {
		execSQL(b, db, "DO $do$ BEGIN PERFORM set_config('maintenance_work_mem', '512MB', true); EXECUTE $sql$"+query+"$sql$; END $do$")
	}
	for _, query := range []string{
		"DROP TABLE library, said, vectors", "VACUUM ANALYZE transcriptions", "VACUUM ANALYZE files", "VACUUM ANALYZE text_searches", "VACUUM ANALYZE segments",
		"CREATE TABLE generated AS SELECT " + strconv.Itoa(n) + " AS n",
	} {
		execSQL(b, db, query)
	}
}

// benchOwner is whose nearly all transcriptions are.
const benchOwner = "owner@bench.example"

// unindexed removes indexes and triggers that would be in the way of many rows, has nobody
// tidy up among them, and returns what makes the indexes again. Segments are not logged: a
// server that crashes loses them.
func unindexed(b *testing.B, db *postgres.DB) (again []string) {
	b.Helper()
	ok(b, db.SQL().NewRaw(`SELECT pg_get_indexdef(indexrelid) FROM pg_index
		WHERE indrelid IN ('transcriptions'::regclass, 'files'::regclass, 'text_searches'::regclass) AND NOT indisunique ORDER BY indexrelid`).Scan(b.Context(), &again))
	for _, query := range again {
		execSQL(b, db, "DROP INDEX "+strings.Fields(query)[2])
	}
	for _, table := range []string{"files", "transcriptions", "segments", "text_searches"} {
		execSQL(b, db, "ALTER TABLE "+table+" DISABLE TRIGGER ALL, SET (autovacuum_enabled = off, toast.autovacuum_enabled = off)")
	}
	execSQL(b, db, "ALTER TABLE segments DROP CONSTRAINT segments_pkey")
	execSQL(b, db, "ALTER TABLE segments SET UNLOGGED")
	return again
}
