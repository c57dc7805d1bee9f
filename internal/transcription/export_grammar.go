package transcription

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The costs of ending a line or a cue at a place.
const (
	breakSentence = 0
	breakClause   = 3
	breakPhrase   = 6 // before a conjunction or a preposition
	breakPlain    = 12
	breakTight    = 24  // after an article, a preposition or a conjunction
	breakInside   = 200 // inside a word, between a name and what is said
)

// grammar knows the small words of a language: the ones that begin a phrase, and
// the ones that cling to the word behind them.
type grammar struct {
	leads    map[string]bool // conjunctions and prepositions
	articles map[string]bool
}

// smallWords holds, for each language, its conjunctions and prepositions and,
// behind the bar, its articles and possessives.
var smallWords = map[string]string{
	"en": "and but or nor so because although though while when where if unless until that which who than as since " +
		"in on at to from of for with without by about into over under between through during after before against " +
		"| a an the my your his her its our their this these those",
	"de": "und aber oder denn sondern weil obwohl während wenn wo ob bis dass als da " +
		"in im an am auf aus bei beim mit ohne nach von vom vor zu zum zur für gegen über unter zwischen durch um " +
		"| ein eine einen einem einer eines der die das den dem des mein meine dein deine sein seine ihr ihre unser unsere",
	"fr": "et mais ou ni car donc parce que qui quand si comme puisque lorsque dont où " +
		"dans sur à de en pour avec sans par chez vers entre sous pendant après avant contre " +
		"| un une le la les du des au aux mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs ce cette ces",
	"es": "y e o u pero ni sino porque aunque cuando donde si que quien como mientras " +
		"en de a con sin por para sobre entre desde hasta hacia según contra durante " +
		"| un una unos unas el la los las mi mis tu tus su sus nuestro nuestra del al",
	"it": "e ed o ma né perché anche quando dove se che chi come mentre " +
		"in di a da con senza per su tra fra verso contro durante dopo prima " +
		"| un uno una il lo la i gli le mio mia tuo tua suo sua del della dei delle al alla nel nella",
	"pt": "e ou mas nem porque embora quando onde se que quem como enquanto " +
		"em de a com sem por para sobre entre desde até contra durante após " +
		"| um uma uns umas o os as meu minha teu tua seu sua do da dos das no na ao à",
	"nl": "en maar of want omdat hoewel terwijl als waar dat die wie dan toen " +
		"in op aan te van voor met zonder door over onder tussen tegen naar bij uit na tijdens " +
		"| een de het mijn jouw zijn haar ons onze hun dit deze",
}

// grammarOf returns what is known of the language of that code, nothing for most.
func grammarOf(language string) grammar {
	leads, articles, _ := strings.Cut(smallWords[language], "|")
	return grammar{leads: set(leads), articles: set(articles)}
}

func set(words string) map[string]bool {
	found := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		found[w] = true
	}
	return found
}

// breakCost returns how bad it is to end a line between a and b.
func (g grammar) breakCost(a, b token) float64 {
	before := strings.ToLower(strings.TrimFunc(a.text, unicode.IsPunct))
	switch {
	case a.label, b.glued && !spacelessBetween(a.text, b.text):
		return breakInside
	case endsSentence(a.text):
		return breakSentence
	case endsWith(a.text, ",;:、，；：،؛—–"):
		return breakClause
	case g.articles[before] || g.leads[before]:
		return breakTight
	case g.leads[strings.ToLower(b.text)]:
		return breakPhrase
	default:
		return breakPlain
	}
}

// spacelessBetween reports whether a line may end between two glued tokens:
// one of them is in a script without spaces, and no punctuation forbids it.
func spacelessBetween(a, b string) bool {
	last, _ := utf8.DecodeLastRuneInString(a)
	first, _ := utf8.DecodeRuneInString(b)
	return (isSpaceless(last) || isSpaceless(first)) && !opens(last) && !closes(first)
}

func endsSentence(s string) bool { return endsWith(s, ".?!…。？！．؟۔।") }

// endsWith reports whether s ends with one of the marks, closing quotes and
// brackets apart.
func endsWith(s, marks string) bool {
	s = strings.TrimRightFunc(s, func(r rune) bool {
		return r == '"' || r == '\'' || unicode.In(r, unicode.Pe, unicode.Pf)
	})
	last, _ := utf8.DecodeLastRuneInString(s)
	return s != "" && strings.ContainsRune(marks, last)
}
