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
// Of many signs for "not" in a row one counts: PostgreSQL reads each and gives up at the 33rd.
func signed(query string) string {
	query = negations.ReplaceAllString(query, "-")
	if strings.Contains(query, `"`) {
		return signs.ReplaceAllStringFunc(query, spaced)
	}
	return signs.ReplaceAllStringFunc(query, func(run string) string { return ` "` + spaced(run) + `" ` })
}

var negations = regexp.MustCompile(`-(?:\s*-)+`)

var signs = regexp.MustCompile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0eff\u1780-\u17ff\u1000-\u109f]+")

func spaced(run string) string {
	var b strings.Builder
	for _, r := range run {
		b.WriteString(" " + string(r) + " ")
	}
	return b.String()
}

// quoted finds the words of a tsquery.
var quoted = regexp.MustCompile(`'(?:[^']|'')*'`)

// element finds what a tsquery is written of.
var element = regexp.MustCompile(quoted.String() + `|<->|<\d+>|[&|!()]`)

// lexeme is a word of a query as a tsquery has it, in quotes, and what is between it and the
// one before in a phrase.
type lexeme struct{ before, word string }

// elements calls visit with what a tsquery is written of, and whether that is of what must
// not be there.
func elements(query string, visit func(e string, unwanted bool)) {
	unwanted, depth, outside := false, 0, 0
	for _, e := range element.FindAllString(query, -1) {
		visit(e, unwanted || e == "!")
		switch e {
		case "!":
			unwanted, outside = true, depth
			continue
		case "(":
			depth++
		case ")":
			depth--
		}
		unwanted = unwanted && depth > outside
	}
}

// pieces returns the phrases and words of a tsquery that are to be there.
func pieces(query string) (list [][]lexeme) {
	before := ""
	elements(query, func(e string, unwanted bool) {
		switch last := len(list) - 1; {
		case unwanted:
		case e[0] == '<':
			before = e
		case e[0] == '\'' && before != "" && last >= 0:
			list[last] = append(list[last], lexeme{before, e})
			before = ""
		case e[0] == '\'':
			list = append(list, []lexeme{{word: e}})
		}
	})
	return list
}

// loosened returns a tsquery that finds the words of phrases wherever they are, and whether
// there is a phrase.
func loosened(query string) (loose string, phrase bool) {
	var b strings.Builder
	elements(query, func(e string, unwanted bool) {
		if e[0] == '<' && !unwanted {
			e, phrase = "&", true
		}
		b.WriteString(e)
	})
	return b.String(), phrase
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
		for _, l := range piece {
			queries[i] += l.before + l.word
		}
	}
	return strings.Join(queries, "|")
}

// patterns returns what texts are like that have a piece, in small letters, with capitals
// where a sentence or a name begins, and in capitals: to compare so is several times as fast
// as to compare letters whatever their size. The stem of a word may end in another letter than the word goes on
// with. What a word has in itself, as one with a hyphen has its parts, need not follow it.
func patterns(piece []lexeme) []string {
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

func (l lexeme) plain() string { return strings.ReplaceAll(strings.Trim(l.word, "'"), "''", "'") }
