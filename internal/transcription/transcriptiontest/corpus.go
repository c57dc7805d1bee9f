package transcriptiontest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// Sentences has some of each language of the corpus: those that are written most, and
// one at least of every script that Whisper knows and people print.
var Sentences = map[string][]string{
	"en": {"The harbour was quiet when the first boats came in.", "Nobody had told them about the storm, and nobody asked.", "It cost $12.50 – tax included!"},
	"de": {"Die Übertragung beginnt um zwölf Uhr.", "Straßenbahnfahrer müssen früh aufstehen, weil die erste Bahn um vier fährt.", "„Ganz recht“, sagte sie."},
	"fr": {"L’été dernier, nous avons traversé l’île à pied.", "Où étiez-vous ?", "Le cœur de la ville bat près du marché."},
	"es": {"¿Dónde está la biblioteca del pueblo?", "El niño comió una manzana y se fue a jugar.", "¡Qué día tan largo!"},
	"pt": {"A reunião começou às nove horas da manhã.", "Não há pão, mas há maçãs e limões.", "Até amanhã."},
	"it": {"Perché non è più così?", "La città è piena di gente che aspetta il treno.", "Andiamo via."},
	"nl": {"De trein naar Utrecht vertrekt over vijf minuten.", "Zij heeft één kind en twee katten.", "Dat is alles."},
	"pl": {"Zażółć gęślą jaźń.", "Wczoraj padał śnieg, więc zostaliśmy w domu.", "Dziękuję bardzo."},
	"cs": {"Příliš žluťoučký kůň úpěl ďábelské ódy.", "Vlak přijede za deset minut.", "Děkuji."},
	"tr": {"İstanbul'da yağmur yağıyor, ığdır'da güneş var.", "Çocuklar okuldan geç döndü.", "Teşekkür ederim."},
	"vi": {"Hôm nay trời đẹp và gió nhẹ.", "Chúng tôi đã ăn phở ở Hà Nội.", "Cảm ơn bạn."},
	"ru": {"Сегодня мы обсудим, как работает очередь задач.", "Поезд опоздал на двадцать минут.", "Спасибо за внимание."},
	"uk": {"Їжак з’їв ґрушу біля річки.", "Ми зустрінемося завтра о сьомій.", "Дякую."},
	"el": {"Η θάλασσα ήταν ήρεμη το πρωί.", "Πού είναι ο σταθμός;", "Ευχαριστώ πολύ."},
	"ka": {"დღეს ძალიან კარგი ამინდია.", "მატარებელი დილით გადის.", "გმადლობთ."},
	"hy": {"Այսօր եղանակը շատ լավն է։", "Գնացքը մեկնում է առավոտյան։"},
	"ar": {"مرحبا بكم في هذه المحاضرة عن الطوابير.", "السلام عليكم، كيف حالكم اليوم؟", "انتهى الدرس في الساعة 10:30 صباحا."},
	"fa": {"امروز درباره\u200cی صف\u200cها گفت\u200cوگو می\u200cکنیم.", "قطار ساعت هفت می\u200cرسد."},
	"he": {"שלום לכולם, וברוכים הבאים להרצאה.", "הרכבת יוצאת בשעה 7:45 מהתחנה.", "תודה רבה."},
	"hi": {"आज हम कार्य की कतार के बारे में बात करेंगे।", "क्या आपने किताब पढ़ी है?", "विद्यार्थी प्रतिदिन स्कूल जाते हैं।"},
	"bn": {"আজ আমরা কাজের সারি নিয়ে কথা বলব।", "ট্রেনটি সকালে ছাড়ে।"},
	"ta": {"இன்று நாம் வரிசைகளைப் பற்றி பேசுவோம்.", "ரயில் காலையில் புறப்படும்."},
	"te": {"ఈ రోజు మనం వరుసల గురించి మాట్లాడుదాం.", "రైలు ఉదయం బయలుదేరుతుంది."},
	"th": {"วันนี้เราจะพูดถึงคิวของงาน", "รถไฟออกตอนเช้าและถึงตอนเย็น"},
	"zh": {"今天我们讨论语音识别系统的设计，首先要说明任务队列。", "火车早上七点出发。", "谢谢大家。"},
	"ja": {"今日は音声認識システムの設計について話します。", "電車は七時に出ますか？「はい」と彼は答えた。", "ありがとうございました。"},
	"ko": {"오늘은 작업 대기열에 대해 이야기하겠습니다.", "기차는 아침 일곱 시에 출발합니다.", "감사합니다."},
}

// hostile is what breaks careless writers.
var hostile = []string{
	"an arrow --> here", "<b>bold</b> & <i>not</i>", "=1+1", "+1", "-1", "@SUM(A1:A9)", "\t=HYPERLINK(\"http://example.com\")", "a \"quoted\" text, with commas; and more",
	"a\x00b\x07c\x1b[31m", "line\r\nbreak\u2028and\u2029more", "1. first\n- second\n# third", "]]> &amp; <!-- x -->", "😀 👍🏽 👨‍👩‍👧 🇩🇪", "e\u0301a\u0300 Zalgo\u0336", "{\\an8} {b}", "back`tick` *star* _under_ [link](x) | pipe",
	"$12 \\(x^2\\) ~tilde~", "\u200bzero\u200dwidth\ufeff", "00:00:01,000 --> 00:00:02,000", "WEBVTT", "NOTE nothing", strings.Repeat("x", 120), "'quoted", "\u202eoverride\u202c",
}

// Corpus returns transcriptions that every export has to cope with, by name.
func Corpus() map[string]*transcription.Transcription {
	all := map[string]*transcription.Transcription{
		"empty":       New("en"),
		"one word":    New("en", "Yes"),
		"short":       New("en", Sentences["en"]...),
		"hostile":     New("", hostile...),
		"all at once": New("", mixed()...),
		"three hours": Long(3 * time.Hour),
	}
	all["hostile"].File.Name = "=1+1 --> <b>&\".wav"
	all["hostile"].Segments[2].Speaker = "=Bob & <Co>"
	for code, sentences := range Sentences {
		all[code] = New(code, sentences...)
	}
	return all
}

// mixed has scripts next to each other within a sentence.
func mixed() (sentences []string) {
	for _, code := range []string{"en", "ar", "he", "hi", "ja", "zh", "ko", "th", "ru"} {
		sentences = append(sentences, "Track 12: "+Sentences[code][0]+" (OK, 2x)")
	}
	return sentences
}

// New returns a completed transcription with a segment for each sentence. Two people
// speak in turn, and every word has its time.
func New(language string, sentences ...string) *transcription.Transcription {
	t := &transcription.Transcription{
		ID: uuid.MustParse("0195d3a4-0000-7000-8000-000000000009"), Run: 1, Status: transcription.Completed, Language: language, LanguageConfidence: 0.9,
		Model: "large-v3", File: transcription.File{Name: "recording " + language + ".mp3", SHA256: strings.Repeat("ab", 32)},
		CreatedAt: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), CompletedAt: time.Date(2026, 3, 1, 12, 1, 0, 0, time.UTC),
	}
	at := 500 * time.Millisecond
	for i, text := range sentences {
		s := segment(at, text)
		if len(sentences) > 1 {
			s.Speaker = []string{"Anna", "Ben"}[i/2%2]
		}
		t.Segments = append(t.Segments, s)
		at = s.End + 300*time.Millisecond
	}
	t.Duration = at
	t.Text = transcription.Text(t.Segments)
	return t
}

// segment returns a text whose words follow each other as somebody speaks.
func segment(at time.Duration, text string) transcription.Segment {
	s := transcription.Segment{Start: at, Text: text, Confidence: 0.9}
	for _, w := range words(text) {
		end := at + time.Duration(100+50*len([]rune(w.Text)))*time.Millisecond
		w.Start, w.End, w.Confidence = at, end, 0.9
		s.Words = append(s.Words, w)
		at = end
	}
	s.End = at + 10*time.Millisecond
	return s
}

// words cuts a text as an engine does: at spaces, and in scripts that have none between
// any two characters.
func words(text string) (found []transcription.Word) {
	for field := range strings.FieldsSeq(text) {
		word := transcription.Word{}
		for i, r := range field {
			if i > 0 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) {
				found = append(found, word)
				word = transcription.Word{Glued: true}
			}
			word.Text += string(r)
		}
		found = append(found, word)
	}
	return found
}

// vocabulary is what Long speaks with.
var vocabulary = strings.Fields("the and of to in a is that it was for on with as at by this had not are but from or have an they which one you were her all she there would their we him been has when who will more no if out so said what up its about into than them can only other new some could time these two may then do first any my now such like our over man me even most made after also did many before must through back years where much your way well down should because each just those people how too little state good very make world still own see men work long get here between both life being under never day same another know while last might us great old year off come since against go came right used take three")

// Long returns what two people say in that time, the same for the same time: nine
// thousand words an hour.
func Long(d time.Duration) *transcription.Transcription {
	r := rand.New(rand.NewPCG(1, uint64(d))) //nolint:gosec // nothing is secret, everything must come again
	t := New("en")
	at, speaker := time.Second, 0
	for at < d {
		text := make([]string, 5+r.IntN(20))
		for i := range text {
			text[i] = vocabulary[r.IntN(len(vocabulary))]
		}
		s := segment(at, strings.ToUpper(text[0][:1])+text[0][1:]+" "+strings.Join(text[1:], " ")+".")
		s.Speaker = fmt.Sprintf("Speaker %d", speaker+1)
		t.Segments = append(t.Segments, s)
		at = s.End + time.Duration(r.IntN(1800))*time.Millisecond
		if r.IntN(6) == 0 {
			speaker = 1 - speaker
		}
	}
	t.Duration = at
	t.Text = transcription.Text(t.Segments)
	return t
}
