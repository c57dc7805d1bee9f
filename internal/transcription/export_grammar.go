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
	"sv": "och men eller samt därför att eftersom medan när om som vilken innan " +
		"i på till av från för med utan genom om över under mellan mot hos vid efter sedan " +
		"| en ett den det de min mitt din ditt hans hennes vår vårt deras",
	"da": "og men eller fordi at mens når hvis som hvor inden " +
		"i på til af fra for med uden gennem om over under mellem mod hos ved efter " +
		"| en et den det de min mit din dit hans hendes vores deres",
	"no": "og men eller fordi at mens når hvis som hvor før " +
		"i på til av fra for med uten gjennom om over under mellom mot hos ved etter " +
		"| en ei et den det de min mitt din ditt hans hennes vår vårt deres",
	"pl": "i a ale lub albo oraz więc bo ponieważ że żeby gdy kiedy jeśli który która które co jak " +
		"w we na do z ze od dla o po przez przy nad pod przed za między bez u " +
		"| mój moja moje twój twoja twoje jego jej nasz nasza nasze ten ta to te",
	"cs": "a i ale nebo protože že aby když jestli který která které co jak " +
		"v ve na do z ze od pro o po přes při nad pod před za mezi bez u k ke s se " +
		"| můj moje tvůj tvoje jeho její náš naše ten ta to ty",
	"ru": "и а но или либо потому что чтобы когда если который которая которое которые как где " +
		"в во на к ко с со от для о об по через при над под перед за между без у из до " +
		"| мой моя моё твой твоя его её наш наша их этот эта это эти",
	"uk": "і й та а але або бо тому що щоб коли якщо який яка яке які як де " +
		"в у на до з із від для о про по через при над під перед за між без " +
		"| мій моя моє твій твоя його її наш наша їхній цей ця це ці",
	"el": "και κι αλλά ή επειδή γιατί ότι πως να όταν αν ενώ που όπως " +
		"σε στο στη στην στον στα από για με χωρίς κατά μετά πριν μέχρι προς " +
		"| ένας μια ένα ο η το οι τα του της των τον την",
	"ro": "și dar sau ori pentru că deoarece când dacă care ce cum unde " +
		"în la de pe cu fără pentru prin peste sub între după până spre " +
		"| un o niște",
	"hu": "és de vagy mert hogy ha amikor ami aki amely mint | a az egy",
	"tr": "ve ama fakat veya ya çünkü eğer ki | bir bu şu",
	"id": "dan tetapi atau karena bahwa jika ketika yang di ke dari untuk dengan tanpa pada oleh | seorang sebuah",
	"vi": "và nhưng hoặc vì nếu khi mà rằng ở trong trên của cho với từ đến | một những các",
	"ar": "أو ثم لكن لأن إذا عندما حيث الذي التي في من إلى على عن مع بين بعد قبل حتى",
	"fa": "و یا اما ولی زیرا چون اگر وقتی که در به از با برای بر تا بین بعد پیش | این آن یک",
	"he": "או אבל כי אם כאשר אשר של על עם אל מן בין אחרי לפני בלי את",
	"hi": "और या लेकिन मगर क्योंकि कि जब अगर जो | एक यह वह",
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
