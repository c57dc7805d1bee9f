package whisper

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// pieces makes tokens of a tenth of a second each.
func pieces(texts ...string) (tokens []token) {
	for i, s := range texts {
		at := time.Duration(i) * 100 * time.Millisecond
		tokens = append(tokens, token{text: s, start: at, end: at + 100*time.Millisecond, p: 0.5})
	}
	return tokens
}

func TestWords(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		tokens []string
		want   []string // glued ones begin with +
	}{
		"words":                       {[]string{" The", " quick", " fox"}, []string{"The", "quick", "fox"}},
		"parts of words":              {[]string{" trans", "cript", "ion"}, []string{"transcription"}},
		"punctuation":                 {[]string{" Yes", ",", " no", "."}, []string{"Yes,", "no."}},
		"an apostrophe":               {[]string{" it", "'", "s"}, []string{"it's"}},
		"quotes":                      {[]string{` "`, "Go", `."`}, []string{`"Go."`}},
		"a dash of its own":           {[]string{" so", " -", " well"}, []string{"so", "-", "well"}},
		"no space at the start":       {[]string{"Hello", " there"}, []string{"Hello", "there"}},
		"spaces at the end":           {[]string{" Hello", "  "}, []string{"Hello"}},
		"two words in a token":        {[]string{" New York", " City"}, []string{"New", "York", "City"}},
		"a letter in two tokens":      {[]string{" caf", "\xc3", "\xa9", " au"}, []string{"café", "au"}},
		"Japanese":                    {[]string{"東京", "は", "、", "「", "雨", "」", "。"}, []string{"東京", "+は、", "+「雨」。"}},
		"a Chinese letter in three":   {[]string{"\xe4", "\xbd", "\xa0", "好"}, []string{"你", "+好"}},
		"Thai marks stay on letters":  {[]string{"ก", "\u0e34", "น"}, []string{"ก\u0e34", "+น"}},
		"Chinese after a space":       {[]string{" OK", " 你", "好"}, []string{"OK", "你", "+好"}},
		"Latin in Japanese":           {[]string{"これは", "TurboScribe", "です"}, []string{"これは", "+TurboScribe", "+です"}},
		"Korean is written in spaces": {[]string{" 안", "녕", " 하세요"}, []string{"안녕", "하세요"}},
		"bytes that are no letter":    {[]string{" a", "\xff", "b", " \xc3"}, []string{"ab"}},
		"nothing":                     {[]string{" ", ""}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			tokens := pieces(tt.tokens...)
			for _, w := range words(glyphs(tokens), tokens) {
				if w.Glued {
					w.Text = "+" + w.Text
				}
				got = append(got, w.Text)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAssemble(t *testing.T) {
	t.Parallel()
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	for name, tt := range map[string]struct {
		passages []passage
		length   time.Duration
		want     []transcription.Segment
	}{
		"as it is": {
			[]passage{{ms(500), ms(1500), []token{
				{" Good", ms(500), ms(800), 0.9, 0}, {" morn", ms(900), ms(1000), 0.5, 0}, {"ing.", ms(1000), ms(1500), 0.7, 0},
			}}},
			ms(2000),
			[]transcription.Segment{{
				Start: ms(500), End: ms(1500), Text: "Good morning.", Confidence: 0.7,
				Words: []transcription.Word{
					{Start: ms(500), End: ms(800), Text: "Good", Confidence: 0.9},
					{Start: ms(900), End: ms(1500), Text: "morning.", Confidence: 0.6},
				},
			}},
		},
		"times outside, backwards and missing": {
			[]passage{
				{ms(-1007260), ms(700), []token{{" a", ms(-10), ms(-10), 1, 0}, {" b", ms(900), ms(800), 1, 0}}},
				{ms(300), ms(30000), []token{{" c", ms(100), ms(40000), 1, 0}}},
			},
			ms(1000),
			[]transcription.Segment{
				{Start: 0, End: ms(700), Text: "a b", Confidence: 1, Words: []transcription.Word{
					{Start: 0, End: ms(10), Text: "a", Confidence: 1}, {Start: ms(690), End: ms(700), Text: "b", Confidence: 1},
				}},
				{Start: ms(700), End: ms(1000), Text: "c", Confidence: 1, Words: []transcription.Word{
					{Start: ms(700), End: ms(1000), Text: "c", Confidence: 1},
				}},
			},
		},
		"more words than time": {
			[]passage{{0, ms(1), pieces(" a", " b", " c")}},
			ms(2),
			[]transcription.Segment{{Start: 0, End: ms(3), Text: "a b c", Confidence: 0.5, Words: []transcription.Word{
				{Start: 0, End: ms(1), Text: "a", Confidence: 0.5},
				{Start: ms(1), End: ms(2), Text: "b", Confidence: 0.5},
				{Start: ms(2), End: ms(3), Text: "c", Confidence: 0.5},
			}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			round := cmp.Transformer("round", func(f float64) int { return int(f*1000 + 0.5) })
			if diff := cmp.Diff(tt.want, assemble(tt.passages, tt.length), round); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// FuzzAssemble checks that whatever tokens the model writes, whatever times it gives
// them and whatever is in the sound, no text is lost and all times are in order, also
// when they have been settled. It found words of no length, and words at the start of
// their segment that belong elsewhere, where the sound has fewer samples than words.
func FuzzAssemble(f *testing.F) {
	f.Add(" Hello| there|.", int16(10), int16(-5), uint16(3000), "\x01\x70\x70\x01")
	f.Add(" a"+strings.Repeat("| i| incomprehensibilities", 20), int16(0), int16(10), uint16(450), "\x01\x7f")
	f.Add("東京|は|、|\xe4|\xbd|\xa0", int16(300), int16(700), uint16(20), "")
	f.Add("\x00| |\xff", int16(0), int16(0), uint16(1), "\x00")
	f.Fuzz(func(t *testing.T, texts string, start, step int16, length uint16, levels string) {
		var tokens []token
		for i, s := range strings.Split(texts, "|") {
			at := time.Duration(start) + time.Duration(i)*time.Duration(step)
			tokens = append(tokens, token{text: s, start: at * time.Millisecond, end: (at + time.Duration(step)) * time.Millisecond})
		}
		half := len(tokens) / 2
		passages := withText([]passage{
			{tokens[0].start, tokens[half].end, tokens[:half]},
			{tokens[half].start, tokens[len(tokens)-1].end, tokens[half:]},
		})
		samples := audio.FromDuration(time.Duration(length)*time.Millisecond) + audio.Samples(length%16)
		got := assemble(passages, samples.Duration())
		if len(got) != len(passages) {
			t.Fatalf("%d segments of %d passages", len(got), len(passages))
		}
		least := 0
		for i, s := range got {
			if !utf8.ValidString(s.Text) || s.Text != text(glyphs(passages[i].tokens)) {
				t.Errorf("segment %q is not the text of its tokens", s.Text)
			}
			least += len(s.Words)
		}
		room := max(int(samples), least*audio.SampleRate/1000)
		checkTimes(t, got, room)
		var pcm []int16
		for i := range []byte(levels) {
			pcm = append(pcm, square(time.Duration(length)*time.Millisecond/time.Duration(len(levels)), int16(levels[i])<<7)...)
		}
		checkTimes(t, settle(got, nil, pcm), room)
		checkTimes(t, settle(got, slices.Repeat([]bool{true}, len(got)), pcm), room)
	})
}
