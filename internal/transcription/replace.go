package transcription

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// maxFind bounds what is looked for and what is put there instead, in letters.
const maxFind = 1000

// finder finds a text in others.
type finder struct {
	re    *regexp.Regexp
	whole bool // words only
}

func newFinder(e Edit) (finder, error) {
	for _, s := range []string{e.Find, e.With} {
		if utf8.RuneCountInString(s) > maxFind {
			return finder{}, fault.New(fault.Invalid, "A text to find or to put instead has at most %d letters.", maxFind).WithCode("text_too_long").With("limit", maxFind)
		}
	}
	text := clean(e.Find)
	if text == "" {
		return finder{}, MissingField("find")
	}
	flags := ""
	if !e.MatchCase {
		flags = "(?i)"
	}
	re, err := regexp.Compile(flags + regexp.QuoteMeta(text))
	if err != nil {
		return finder{}, fault.Wrap(err, fault.Invalid, "This text cannot be looked for.").WithCode("invalid_find")
	}
	return finder{re: re, whole: e.WholeWords}, nil
}

// replaced returns a text with what was found replaced, and whether anything was.
func (f finder) replaced(text, with string) (string, bool) {
	var b strings.Builder
	last, found := 0, false
	for _, at := range f.re.FindAllStringIndex(text, -1) {
		if f.whole && !alone(text, at[0], at[1]) {
			continue
		}
		b.WriteString(text[last:at[0]])
		b.WriteString(with)
		last, found = at[1], true
	}
	b.WriteString(text[last:])
	return b.String(), found
}

// alone reports whether no letter or digit stands next to a part of a text.
func alone(text string, from, to int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:from])
	behind, _ := utf8.DecodeRuneInString(text[to:])
	return !wordRune(before) && !wordRune(behind)
}

func wordRune(r rune) bool { return unicode.In(r, unicode.L, unicode.M, unicode.N) }
