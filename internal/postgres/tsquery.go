package postgres

import (
	"regexp"
	"slices"
	"strings"
)

// term is a tsquery, or a part of one: a word, a phrase, or terms put together.
type term struct {
	op     byte     // '&', '|' or '!' of its parts; 0 of a phrase
	parts  []term   // one of '!', two and more of the others
	phrase []lexeme // a word is a phrase of one
}

// lexeme is a word of a query as a tsquery has it, in quotes, and what is between it and the
// one before in a phrase.
type lexeme struct{ before, word string }

// element finds what a tsquery is written of.
var element = regexp.MustCompile(`'(?:[^']|'')*'|<->|<\d+>|[&|!()]`)

// parseQuery reads a tsquery as PostgreSQL writes them (manual, 8.11.2): "!" binds closer than
// "&", and that closer than "|".
func parseQuery(query string) term {
	p := queryParser{element.FindAllString(query, -1)}
	return p.chain("|")
}

type queryParser struct{ left []string }

// take takes what is next if it begins with a sign.
func (p *queryParser) take(sign string) (e string, ok bool) {
	if len(p.left) == 0 || !strings.HasPrefix(p.left[0], sign) {
		return "", false
	}
	e, p.left = p.left[0], p.left[1:]
	return e, true
}

func (p *queryParser) chain(op string) term {
	part := p.factor
	if op == "|" {
		part = func() term { return p.chain("&") }
	}
	list := []term{part()}
	for {
		if _, ok := p.take(op); !ok {
			break
		}
		list = append(list, part())
	}
	if len(list) == 1 {
		return list[0]
	}
	return term{op: op[0], parts: list}
}

func (p *queryParser) factor() term {
	if _, ok := p.take("!"); ok {
		return term{op: '!', parts: []term{p.factor()}}
	}
	if _, ok := p.take("("); ok {
		inner := p.chain("|")
		p.take(")")
		return inner
	}
	var t term
	before := ""
	for {
		word, ok := p.take("'")
		if !ok {
			return t
		}
		t.phrase = append(t.phrase, lexeme{before, word})
		if before, ok = p.take("<"); !ok {
			return t
		}
	}
}

// wanted returns the phrases and words that are to be there.
func (t term) wanted() (list [][]lexeme) {
	if t.op == '!' {
		return nil
	}
	if len(t.phrase) > 0 {
		return [][]lexeme{t.phrase}
	}
	for _, part := range t.parts {
		list = append(list, part.wanted()...)
	}
	return list
}

// has reports whether t, or a part of it, is so.
func (t term) has(is func(term) bool) bool {
	return is(t) || slices.ContainsFunc(t.parts, func(part term) bool { return part.has(is) })
}

// hasPhrase reports whether there is one of two words and more, wanted or not.
func (t term) hasPhrase() bool { return t.has(func(t term) bool { return len(t.phrase) > 1 }) }

// hasNot reports whether there is something that must not be there.
func (t term) hasNot() bool { return t.has(func(t term) bool { return t.op == '!' }) }

// exact returns t as a tsquery.
func (t term) exact() string {
	switch t.op {
	case 0:
		return phraseQuery(t.phrase)
	case '!':
		return "!(" + t.parts[0].exact() + ")"
	}
	parts := make([]string, len(t.parts))
	for i, part := range t.parts {
		parts[i] = part.exact()
	}
	return "(" + strings.Join(parts, string(t.op)) + ")"
}

func phraseQuery(phrase []lexeme) string {
	var b strings.Builder
	for _, l := range phrase {
		b.WriteString(l.before + l.word)
	}
	return b.String()
}

// byPairs returns what searches s meet of texts that t finds, where a phrase is its pairs of
// words that follow each other and, in a text with all places, itself. Perhaps is what
// the indexes can tell: the pairs, and nothing of what must not be there.
func (t term) byPairs(perhaps bool) condition {
	switch {
	case t.op == '!' && perhaps:
		return condition{"TRUE", nil}
	case t.op == '!':
		inner := t.parts[0].byPairs(false)
		return condition{"NOT (" + inner.sql + ")", inner.args}
	case t.op != 0:
		parts := make([]condition, len(t.parts))
		for i, part := range t.parts {
			parts[i] = part.byPairs(perhaps)
		}
		return together(map[byte]string{'&': " AND ", '|': " OR "}[t.op], parts)
	case len(t.phrase) < 2:
		return condition{"s.words @@ ?::tsquery", []any{phraseQuery(t.phrase)}}
	}
	var args []any
	for i, l := range t.phrase[1:] {
		args = append(args, t.phrase[i].plain(), l.plain())
	}
	pairs := condition{"s.pairs @> ARRAY[search_pair(?, ?)" + strings.Repeat(", search_pair(?, ?)", len(t.phrase)-2) + "]", args}
	if perhaps {
		return pairs
	}
	return together(" AND ", []condition{pairs, {"(NOT s.whole OR s.words @@ ?::tsquery)", []any{phraseQuery(t.phrase)}}})
}

func (l lexeme) plain() string {
	return unquoted.Replace(strings.TrimSuffix(strings.TrimPrefix(l.word, "'"), "'"))
}

var unquoted = strings.NewReplacer("''", "'", `\\`, `\`)

// condition is one of a statement, with what stands for its question marks.
type condition struct {
	sql  string
	args []any
}

// together returns conditions with a word between them.
func together(word string, list []condition) condition {
	var texts []string
	var args []any
	for _, c := range list {
		texts, args = append(texts, c.sql), append(args, c.args...)
	}
	return condition{"(" + strings.Join(texts, word) + ")", args}
}
