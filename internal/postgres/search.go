package postgres

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// inItsLanguage is how the text of a transcription t is searched.
const inItsLanguage = "search_config(search_language(t.earlier, t.translate, t.language))"

// configs are all values of search_config.
var configs = strings.Fields(`arabic armenian basque catalan danish dutch english finnish french german greek hindi hungarian indonesian italian
	lithuanian nepali norwegian portuguese romanian russian serbian simple spanish swedish tamil turkish yiddish`)

// narrowed adds the conditions of a filter. A query is looked up as it reads in any
// language: words of one are rarely forms of others in another. What must not be there is
// looked for in the language of the text.
func (db *DB) narrowed(ctx context.Context, q *bun.SelectQuery, f transcription.Filter) (*bun.SelectQuery, error) {
	q = inOrder(measured(q, f), f)
	if f.Name != "" {
		q = q.Where("(file.name ILIKE ? OR ? <% file.name)", "%"+escapeLike.Replace(f.Name)+"%", f.Name)
	}
	if f.Query == "" {
		return q, nil
	}
	queries, err := db.inAllLanguages(ctx, f.Query)
	if err != nil {
		return nil, err
	}
	ids, few, err := db.few(ctx, queries.either())
	if err != nil {
		return nil, err
	}
	if few {
		q = q.Where("t.id = ANY (?::uuid[])", pgdialect.Array(ids))
	} else {
		q = q.Where("(t.search @@ ?::tsquery) IS TRUE", queries.either()) // which keeps the planner from the index
	}
	if strings.Contains(queries.either(), "!") {
		q = q.Where("t.search @@ websearch_to_tsquery("+inItsLanguage+", ?)", signed(f.Query))
	}
	return q, nil
}

// measured narrows a query to what a filter says of the recording.
func measured(q *bun.SelectQuery, f transcription.Filter) *bun.SelectQuery {
	if f.Status != "" {
		q = q.Where("t.status = ?", f.Status)
	}
	if f.Language != "" {
		q = q.Where("coalesce(t.earlier->>'language', t.language) = ?", f.Language)
	}
	if f.Speaker != "" {
		q = q.Where("t.speakers @> ARRAY[?]", f.Speaker)
	}
	if !f.From.IsZero() {
		q = q.Where("t.created_at >= ?", f.From)
	}
	if !f.To.IsZero() {
		q = q.Where("t.created_at < ?", f.To)
	}
	if f.MinDuration > 0 {
		q = q.Where("t.duration_samples >= ?", audio.FromDuration(f.MinDuration))
	}
	if f.MaxDuration > 0 {
		q = q.Where("t.duration_samples <= ? AND t.duration_samples > 0", audio.FromDuration(f.MaxDuration))
	}
	return q
}

// inOrder narrows a query to what a filter says of the order that the owner keeps. The
// conditions are those of indexes.
func inOrder(q *bun.SelectQuery, f transcription.Filter) *bun.SelectQuery {
	if f.Folder != nil && *f.Folder == uuid.Nil {
		q = q.Where("t.folder_id IS NULL")
	}
	if f.Folder != nil && *f.Folder != uuid.Nil {
		q = q.Where("t.folder_id = ?", *f.Folder)
	}
	if f.Batch != uuid.Nil {
		q = q.Where("t.batch_id = ?", f.Batch)
	}
	if f.Tag != "" {
		q = q.Where("lower_all(t.tags) @> ARRAY[lower(?)] AND t.tags <> '{}'", f.Tag)
	}
	if f.Archived != nil && *f.Archived {
		q = q.Where("t.archived_at IS NOT NULL")
	}
	if f.Archived != nil && !*f.Archived {
		q = q.Where("t.archived_at IS NULL")
	}
	return q
}

// fewTexts is how many texts with a word are few: one of twenty where there are a hundred
// thousand. More are found soon by going through all, newest first.
const fewTexts = 5000

// few returns all texts, of anybody, that a query finds in the index, unless they are too
// many. The planner knows how often a word is, but not that reading the words of a text
// costs far more than its row, so it is not left to it.
func (db *DB) few(ctx context.Context, query string) (ids []uuid.UUID, few bool, err error) {
	err = db.inSnapshot(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.ExecContext(ctx, "SET LOCAL enable_seqscan = off"); err != nil {
			return err
		}
		return tx.NewRaw("SELECT id FROM transcriptions WHERE search @@ ?::tsquery LIMIT ?", query, fewTexts+1).Scan(ctx, &ids)
	})
	if len(ids) > fewTexts {
		return nil, false, err
	}
	return ids, true, err
}

var escapeLike = strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`)

// queries are what a query reads as, by configuration. Those without a word are left out.
type queries map[string]string

// inAllLanguages reads a query. Invalid nothing_to_find: it has no words.
func (db *DB) inAllLanguages(ctx context.Context, query string) (queries, error) {
	var rows []struct{ Config, Query string }
	err := db.bun.NewRaw("SELECT c AS config, websearch_to_tsquery(c::regconfig, ?)::text AS query FROM unnest(?::text[]) AS c",
		signed(query), pgdialect.Array(configs)).Scan(ctx, &rows)
	if err != nil {
		return nil, err
	}
	found := queries{}
	for _, r := range rows {
		if r.Query != "" {
			found[r.Config] = r.Query
		}
	}
	if len(found) == 0 {
		return nil, transcription.NothingToFind()
	}
	return found, nil
}

// either returns what finds everything that one of the queries does.
func (q queries) either() string {
	var all []string
	once := map[string]bool{}
	for _, text := range q {
		if !once[text] {
			once[text] = true
			all = append(all, "("+text+")")
		}
	}
	return strings.Join(all, "|")
}

// signed returns a query in which what is written in scripts without spaces is a phrase
// of its signs, as search_words cuts texts.
func signed(query string) string {
	if strings.Contains(query, `"`) {
		return signs.ReplaceAllStringFunc(query, spaced)
	}
	return signs.ReplaceAllStringFunc(query, func(run string) string { return ` "` + spaced(run) + `" ` })
}

var signs = regexp.MustCompile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0eff\u1780-\u17ff\u1000-\u109f]+")

func spaced(run string) string {
	var b strings.Builder
	for _, r := range run {
		b.WriteString(" " + string(r) + " ")
	}
	return b.String()
}

// quoted finds the words of a tsquery, and whether each must not be there.
var quoted = regexp.MustCompile(`(!?)('(?:[^']|'')*')(?::\*)?`)

// words returns those of a query that are to be there.
func words(query string) (found []string) {
	for _, m := range quoted.FindAllStringSubmatch(query, -1) {
		if m[1] == "" {
			found = append(found, m[2])
		}
	}
	return found
}

// The signs around what was found; no text has them.
const (
	foundFrom = "\uE000"
	foundTo   = "\uE001"
)

// matches finds, in each of some transcriptions, the first segments with a word that was
// looked for. Cutting a segment into words costs more than reading it, so only those are
// cut that have the beginning of one, unless ?5, and none behind the last that is shown:
// OFFSET 0 keeps the planner from cutting first.
var matches = `
WITH query AS (SELECT config::regconfig, words::tsquery FROM unnest(?0::text[], ?8::text[]) AS q (config, words))
SELECT t.id, m.index, m.start_ms, m.end_ms, m.speaker, ts_headline(q.config, search_words(translate(m.text, ?3, '')), q.words, ?4) AS text
FROM transcriptions AS t JOIN query AS q ON q.config = ` + inItsLanguage + `
CROSS JOIN LATERAL (
	SELECT * FROM (
		SELECT g.index, g.start_ms, g.end_ms, g.speaker, g.text FROM segments AS g
		WHERE g.transcription_id = t.id AND (?5 OR g.text ILIKE ANY (?2)) ORDER BY g.index OFFSET 0
	) AS g
	WHERE to_tsvector(q.config, search_words(g.text)) @@ q.words LIMIT ?6
) AS m
WHERE t.id IN (?1) AND ` + strings.ReplaceAll(mayRead, "?0", "?7") + `
ORDER BY t.id, m.index`

// Matches returns the first segments in which a query finds something, of some
// transcriptions that who may read.
func (db *DB) Matches(ctx context.Context, who uuid.UUID, ids []uuid.UUID, query string) (map[uuid.UUID][]transcription.Match, error) {
	read, err := db.inAllLanguages(ctx, query)
	if err != nil {
		return nil, wrap(err, "read a query")
	}
	found := map[uuid.UUID][]transcription.Match{}
	for _, all := range []bool{false, true} {
		left := without(ids, found)
		if len(left) == 0 {
			break
		}
		if err := db.matches(ctx, who, left, read, all, found); err != nil {
			return nil, wrap(err, "look for matches")
		}
	}
	return found, nil
}

func without(ids []uuid.UUID, found map[uuid.UUID][]transcription.Match) (left []uuid.UUID) {
	for _, id := range ids {
		if found[id] == nil {
			left = append(left, id)
		}
	}
	return left
}

type matchRow struct {
	ID      uuid.UUID
	Index   int
	StartMS int64 `bun:"start_ms"`
	EndMS   int64 `bun:"end_ms"`
	Speaker string
	Text    string
}

func (db *DB) matches(ctx context.Context, who uuid.UUID, ids []uuid.UUID, read queries, all bool, found map[uuid.UUID][]transcription.Match) error {
	var languages, wanted, beginnings []string
	for config, query := range read {
		list := words(query)
		if len(list) == 0 {
			continue // of what must not be there alone nothing is shown
		}
		languages, wanted = append(languages, config), append(wanted, strings.Join(list, "|"))
		for _, w := range list {
			beginnings = append(beginnings, beginning(w))
		}
	}
	slices.Sort(beginnings)
	beginnings = slices.Compact(beginnings)
	if len(languages) == 0 {
		return nil
	}
	var rows []matchRow
	options := fmt.Sprintf("HighlightAll=true, StartSel=%s, StopSel=%s", foundFrom, foundTo)
	err := db.bun.NewRaw(matches, pgdialect.Array(languages), bun.List(ids), pgdialect.Array(beginnings), foundFrom+foundTo, options, all,
		transcription.MaxMatches, who, pgdialect.Array(wanted)).Scan(ctx, &rows)
	for _, r := range rows {
		found[r.ID] = append(found[r.ID], transcription.Match{
			Segment: r.Index, Start: fromMS(r.StartMS), End: fromMS(r.EndMS), Speaker: r.Speaker, Parts: parts(r.Text),
		})
	}
	return err
}

// beginning returns a pattern of texts that have a word: its stem may end in another
// letter than the word goes on with.
func beginning(lexeme string) string {
	word := []rune(strings.ReplaceAll(strings.Trim(lexeme, "'"), "''", "'"))
	if len(word) > 3 {
		word = word[:len(word)-1]
	}
	return "%" + escapeLike.Replace(string(word)) + "%"
}

// between finds the spaces that search_words has put around signs.
var between = regexp.MustCompile(" ?([" + foundFrom + foundTo + "]*" + signs.String()[:len(signs.String())-1] + "[" + foundFrom + foundTo + "]*) ?")

// parts reads a text with signs around what was found.
func parts(text string) (list []transcription.MatchPart) {
	text = strings.TrimSpace(between.ReplaceAllString(text, "$1"))
	text = strings.ReplaceAll(text, foundTo+foundFrom, "")
	for text != "" {
		before, rest, ok := strings.Cut(text, foundFrom)
		if before != "" {
			list = append(list, transcription.MatchPart{Text: before})
		}
		if !ok {
			break
		}
		inside, behind, _ := strings.Cut(rest, foundTo)
		list = append(list, transcription.MatchPart{Text: strings.TrimFunc(inside, unicode.IsSpace), Found: true})
		text = behind
	}
	return list
}
