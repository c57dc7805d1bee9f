package transcription

import (
	"strings"
	"testing"
	"time"
)

// TestCues_conjunctions: where a sentence has to be broken, it is before a conjunction,
// in each language by its own.
func TestCues_conjunctions(t *testing.T) {
	t.Parallel()
	for language, text := range map[string]string{
		"en": "We walked for hours through the old town | and then we went home again",
		"de": "Wir sind lange durch die Stadt gelaufen | und danach schnell nach Hause gegangen",
		"fr": "Nous avons longtemps marché dans la ville | et puis nous sommes rentrés chez nous",
		"sv": "Vi gick länge genom den gamla staden | och sedan gick vi hem igen",
		"pl": "Długo chodziliśmy po starym mieście | i potem wróciliśmy do domu",
		"cs": "Dlouho jsme chodili po starém městě | a potom jsme šli zase domů",
		"ru": "Мы долго гуляли по старому городу | и потом вернулись домой",
		"uk": "Ми довго гуляли старим містом | і потім повернулися додому",
		"el": "Περπατήσαμε ώρες στην παλιά πόλη | και μετά γυρίσαμε στο σπίτι",
		"tr": "Eski şehirde uzun süre dolaştık | ve sonra akşam eve geri döndük",
		"ar": "مشينا طويلا في المدينة القديمة | ثم عدنا إلى البيت في المساء",
		"fa": "ما ساعت\u200cها در شهر قدیمی راه رفتیم | و بعد دوباره به خانه برگشتیم",
		"hi": "हम बहुत देर तक पुराने शहर में घूमते रहे थे कल | और फिर सब लोग अपने अपने घर लौट आए",
	} {
		whole := strings.ReplaceAll(text, " |", "")
		tr := &Transcription{Language: language, Segments: []Segment{{End: 6 * time.Second, Text: whole}}}
		found := cues(tr, CueRules{}, false)
		if want := strings.ReplaceAll(text, " | ", "\n"); len(found) != 1 || found[0].text() != want {
			t.Errorf("%s: got %d cues, %q, want %q", language, len(found), found[0].text(), want)
		}
	}
}
