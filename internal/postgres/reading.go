package postgres

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// inItsLanguage is how the text of a transcription t is searched.
const inItsLanguage = "search_config(search_language(t.earlier, t.translate, t.language))"

// reading is what a query reads as in one configuration. Own tells whether there may be
// texts of that; without a word the query is empty.
type reading struct {
	Config, Query string
	Own           bool
}

// Owners have few languages, so an index is asked for the next one again and again.
const (
	languagesOfOwner = `(SELECT coalesce(earlier->>'language', language) AS of_text FROM transcriptions WHERE owner_id = ?0 ORDER BY of_text LIMIT 1)
		UNION ALL SELECT (SELECT coalesce(t.earlier->>'language', t.language) AS of_text FROM transcriptions AS t
			WHERE t.owner_id = ?0 AND coalesce(t.earlier->>'language', t.language) > l.language ORDER BY of_text LIMIT 1) FROM l WHERE l.language IS NOT NULL`
	languagesShared = `SELECT DISTINCT coalesce(earlier->>'language', language) FROM transcriptions WHERE id IN (SELECT shared_with(?0))`
)

// readings reads a query in the languages of the texts of a list, and in English, which is
// what is translated into. Invalid nothing_to_find: it has no words in any language.
func readings(ctx context.Context, tx bun.Tx, who uuid.UUID, f transcription.Filter) ([]reading, error) {
	languages := languagesOfOwner
	if f.Shared {
		languages = languagesShared
	}
	var all []reading
	err := tx.NewRaw("WITH RECURSIVE l (language) AS ("+languages+`)
		SELECT config, websearch_to_tsquery(config, ?1)::text AS query, bool_or(own) AS own FROM (
			SELECT search_config(language) AS config, true AS own FROM l WHERE language IS NOT NULL
			UNION ALL SELECT 'english', true UNION ALL SELECT 'simple', false
		) AS c GROUP BY config ORDER BY config`, who, signed(f.Query)).Scan(ctx, &all)
	if err != nil {
		return nil, err
	}
	var read []reading
	words := false
	for _, r := range all {
		words = words || r.Query != ""
		if r.Own && r.Query != "" {
			read = append(read, r)
		}
	}
	if !words {
		return nil, transcription.NothingToFind()
	}
	return read, nil
}

// signed returns a query in which what is written in scripts without spaces is a phrase
// of its signs, as search_words cuts texts.
//
// Of many signs for "not" in a row, whatever that is no word is between them, one counts:
// PostgreSQL reads each and gives up at the 33rd.
func signed(query string) string {
	parts := strings.Split(query, `"`)
	for i, part := range parts {
		if i%2 == 1 { // between quotes
			parts[i] = signs.ReplaceAllStringFunc(part, spaced)
			continue
		}
		part = negations.ReplaceAllString(part, "$1-")
		parts[i] = signs.ReplaceAllStringFunc(part, func(run string) string { return ` "` + spaced(run) + `" ` })
	}
	return strings.Join(parts, `"`)
}

var negations = regexp.MustCompile(`(^|[\s\pZ&|!()<])-(?:[\s\pZ&|!()<]*-)+`)

var signs = regexp.MustCompile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0eff\u1780-\u17ff\u1000-\u109f]+")

func spaced(run string) string {
	var b strings.Builder
	for _, r := range run {
		b.WriteString(" " + string(r) + " ")
	}
	return b.String()
}

// apart returns the words of pieces, each by itself.
func apart(list [][]lexeme) (words [][]lexeme) {
	for _, piece := range list {
		for _, l := range piece {
			words = append(words, []lexeme{{word: l.word}})
		}
	}
	return words
}

// either returns a tsquery that finds any of some pieces.
func either(list [][]lexeme) string {
	queries := make([]string, len(list))
	for i, piece := range list {
		queries[i] = phraseQuery(piece)
	}
	return strings.Join(queries, "|")
}

// patterns returns what texts are like that have a piece, in small letters, with capitals
// where a sentence or a name begins, and in capitals: to compare so is several times as fast
// as to compare letters whatever their size. The stem of a word may end in another letter
// than the word goes on with. What a word has in itself, as one with a hyphen has its parts, need not follow it.
// Signs of a run stand together, unless it may go on in the next segment.
func patterns(piece []lexeme, alone bool) []string {
	if r := runs(piece); alone && len(r) == 1 && utf8.RuneCountInString(r[0]) == len(piece) {
		return []string{"%" + r[0] + "%"}
	}
	var stems []string
	for _, l := range piece {
		word := []rune(l.plain())
		if len(word) > 3 {
			word = word[:len(word)-1]
		}
		stem := escapeLike.Replace(string(word))
		if !slices.ContainsFunc(stems, func(s string) bool { return strings.Contains(s, stem) }) {
			stems = append(stems, stem)
		}
	}
	small := "%" + strings.Join(stems, "%") + "%"
	list := []string{small, strings.ToUpper(small), "%" + strings.Join(each(stems, capital), "%") + "%"}
	stems[0] = capital(stems[0])
	return append(list, "%"+strings.Join(stems, "%")+"%")
}

// capital returns a word with a capital.
func capital(word string) string {
	first, size := utf8.DecodeRuneInString(word)
	return string(unicode.ToUpper(first)) + word[size:]
}

// runs returns the signs of scripts without spaces in a piece, those together that follow
// each other.
func runs(piece []lexeme) (list []string) {
	follows := false
	for _, l := range piece {
		word := l.plain()
		switch is := signs.MatchString(word); {
		case is && follows && l.before == "<->":
			list[len(list)-1] += word
		case is:
			list = append(list, word)
			follows = true
		default:
			follows = false
		}
	}
	return list
}
