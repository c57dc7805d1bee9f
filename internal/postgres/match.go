package postgres

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// The signs around what was found; no text has them.
const (
	foundFrom = "\uE000"
	foundTo   = "\uE001"
)

// matches finds, in each of some transcriptions, the first segments in which something that
// was looked for is, or begins. Cutting a segment into words costs more than reading it, so
// only those are cut that look like it, unless ?5, and none behind the last that is shown:
// OFFSET 0 keeps the planner from cutting first.
var matches = `
WITH query AS MATERIALIZED (
	SELECT config::regconfig, words::tsquery, marked::tsquery, string_to_array(patterns, chr(10)) AS patterns
	FROM unnest(?0::text[], ?8::text[], ?9::text[], ?2::text[]) AS q (config, words, marked, patterns)
)
SELECT t.id, m.index, m.start_ms, m.end_ms, m.speaker, ts_headline(q.config, search_words(translate(m.text, ?3, '')), q.marked, ?4) AS text
FROM transcriptions AS t JOIN query AS q ON q.config = ` + inItsLanguage + `
CROSS JOIN LATERAL (
	SELECT * FROM (
		SELECT * FROM (
			SELECT g.index, g.start_ms, g.end_ms, g.speaker, g.text, ?10 AS heard FROM segments AS g WHERE g.transcription_id = t.id
		) AS g
		WHERE ?5 OR g.heard LIKE ANY (q.patterns) ORDER BY g.index OFFSET 0
	) AS g
	WHERE to_tsvector(q.config, search_words(g.heard)) @@ q.words LIMIT ?6
) AS m
WHERE t.id IN (?1) AND ` + strings.ReplaceAll(mayRead, "?0", "?7") + `
ORDER BY t.id, m.index`

// What is looked into for each segment g.
const (
	alone    = "g.text"
	withNext = "g.text || ' ' || coalesce(lead(g.text) OVER (ORDER BY g.index), '')"
)

// pass is one way to look for the places where something was found.
type pass struct {
	heard    bun.Safe
	configs  []string
	queries  []string // for each configuration
	marked   []string // for each, the words to be marked
	patterns []string // for each, of texts that may have it, one a line
	runs     []string // the signs of scripts without spaces that are marked only together
	all      bool     // whatever the patterns say
}

// passes returns the ways to look, the most exact first. A phrase may begin in one segment
// and end in the next. What was found can be nowhere yet: where a text was found by what the
// query reads as in another language, where a word is written otherwise than its stem begins,
// or where a phrase is very long; then words are looked for.
func passes(read []reading) (list []pass) {
	exact, across, loose, foreign := pass{heard: alone}, pass{heard: withNext}, pass{heard: alone}, pass{heard: alone}
	all := wordsOf(read)
	if len(all) == 0 {
		return nil // of what must not be there alone nothing is shown
	}
	for _, r := range read {
		if !r.Own {
			continue
		}
		foreign.add(r.Config, all, all)
		if list := parseQuery(r.Query).wanted(); len(list) > 0 {
			words := apart(list)
			exact.add(r.Config, list, list)
			across.add(r.Config, list, words)
			loose.add(r.Config, words, words)
		}
	}
	across.runs = beginnings(across.runs)
	list = append(list, exact)
	if !slices.Equal(exact.queries, loose.queries) {
		list = append(list, across, loose)
	}
	if !slices.Equal(loose.queries, foreign.queries) {
		list = append(list, foreign)
	}
	every := foreign
	every.all = true
	return append(list, every)
}

// wordsOf returns the words of some readings, each once.
func wordsOf(read []reading) (words [][]lexeme) {
	seen := map[string]bool{}
	for _, r := range read {
		for _, word := range apart(parseQuery(r.Query).wanted()) {
			if !seen[word[0].word] {
				words = append(words, word)
			}
			seen[word[0].word] = true
		}
	}
	return words
}

func (p *pass) add(config string, list, marked [][]lexeme) {
	p.configs, p.queries, p.marked = append(p.configs, config), append(p.queries, either(list)), append(p.marked, either(marked))
	var lines []string
	for _, piece := range list {
		lines, p.runs = append(lines, patterns(piece, p.heard == alone)...), append(p.runs, runs(piece)...)
	}
	slices.Sort(lines)
	p.patterns = append(p.patterns, strings.Join(slices.Compact(lines), "\n"))
}

// beginnings returns all beginnings of some words.
func beginnings(words []string) (list []string) {
	for _, w := range words {
		for i := range w {
			list = append(list, w[:i])
		}
		list = append(list, w)
	}
	return slices.DeleteFunc(list, func(w string) bool { return w == "" })
}

// Matches returns the first segments in which a query finds something, of some
// transcriptions that who may read.
func (db *DB) Matches(ctx context.Context, who uuid.UUID, ids []uuid.UUID, query string) (map[uuid.UUID][]transcription.Match, error) {
	var read []reading
	err := db.bun.NewRaw("WITH RECURSIVE l (language) AS ("+languagesOfOwner+`)
		SELECT config, websearch_to_tsquery(config, ?1)::text AS query, bool_or(own) AS own FROM (
			SELECT `+inItsLanguage+` AS config, true AS own FROM transcriptions AS t WHERE t.id IN (?2)
			UNION ALL SELECT search_config(language), false FROM l WHERE language IS NOT NULL UNION ALL SELECT 'english', false
		) AS c GROUP BY config ORDER BY own DESC, config`, who, signed(query), bun.List(ids)).Scan(ctx, &read)
	if err != nil {
		return nil, wrap(err, "read a query")
	}
	found := map[uuid.UUID][]transcription.Match{}
	for _, p := range passes(read) {
		left := without(ids, found)
		if len(left) == 0 {
			break
		}
		if len(p.configs) == 0 {
			continue
		}
		if err := db.matches(ctx, who, left, p, found); err != nil {
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

func (db *DB) matches(ctx context.Context, who uuid.UUID, ids []uuid.UUID, p pass, found map[uuid.UUID][]transcription.Match) error {
	var rows []matchRow
	options := fmt.Sprintf("HighlightAll=true, StartSel=%s, StopSel=%s", foundFrom, foundTo)
	err := db.bun.NewRaw(matches, pgdialect.Array(p.configs), bun.List(ids), pgdialect.Array(p.patterns), foundFrom+foundTo, options, p.all,
		transcription.MaxMatches, who, pgdialect.Array(p.queries), pgdialect.Array(p.marked), p.heard).Scan(ctx, &rows)
	for _, r := range rows {
		found[r.ID] = append(found[r.ID], transcription.Match{
			Segment: r.Index, Start: fromMS(r.StartMS), End: fromMS(r.EndMS), Speaker: r.Speaker, Parts: onlyRuns(parts(r.Text), p.runs),
		})
	}
	return err
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

// onlyRuns returns parts in which signs are found only where one of some runs is: PostgreSQL
// marks every sign of a phrase wherever it stands.
func onlyRuns(list []transcription.MatchPart, runs []string) (out []transcription.MatchPart) {
	for _, p := range list {
		if !p.Found {
			out = joined(out, p)
			continue
		}
		at := 0
		for _, stretch := range signs.FindAllStringIndex(p.Text, -1) {
			out = joined(out, transcription.MatchPart{Text: p.Text[at:stretch[0]], Found: true})
			out = joined(out, covered(p.Text[stretch[0]:stretch[1]], runs)...)
			at = stretch[1]
		}
		out = joined(out, transcription.MatchPart{Text: p.Text[at:], Found: true})
	}
	return out
}

// covered cuts a stretch of signs into those that are in one of some runs, and others.
func covered(stretch string, runs []string) (list []transcription.MatchPart) {
	in := make([]bool, len(stretch))
	for _, run := range runs {
		for from := 0; ; {
			i := strings.Index(stretch[from:], run)
			if i < 0 {
				break
			}
			for j := from + i; j < from+i+len(run); j++ {
				in[j] = true
			}
			_, size := utf8.DecodeRuneInString(stretch[from+i:])
			from += i + size
		}
	}
	for i, r := range stretch {
		list = joined(list, transcription.MatchPart{Text: string(r), Found: in[i]})
	}
	return list
}

// joined appends parts, making one of two that are alike.
func joined(list []transcription.MatchPart, more ...transcription.MatchPart) []transcription.MatchPart {
	for _, p := range more {
		last := len(list) - 1
		switch {
		case p.Text == "":
		case last >= 0 && list[last].Found == p.Found:
			list[last].Text += p.Text
		default:
			list = append(list, p)
		}
	}
	return list
}
