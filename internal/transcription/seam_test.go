package transcription

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/audio"
)

// atSecond returns two parts of 20 s of speech that was cut at that second, each with
// a second of the other's sound.
func atSecond(s float64) []Part {
	seam := audio.Seconds(s)
	return []Part{
		{Piece: audio.Piece{End: seam, To: seam + audio.SampleRate}},
		{Piece: audio.Piece{Start: seam, End: 20 * audio.SampleRate, From: seam - audio.SampleRate, To: 20 * audio.SampleRate}},
	}
}

// said makes a segment of words of 0.2 s whose middles are at those milliseconds
// from 10 s on: "very@-100 good@200".
func said(t *testing.T, words string) Segment {
	t.Helper()
	var s Segment
	for _, word := range strings.Fields(words) {
		text, at, _ := strings.Cut(word, "@")
		offset, err := time.ParseDuration(at + "ms")
		if err != nil {
			t.Fatal(err)
		}
		middle := 10*time.Second + offset
		s.Words = append(s.Words, Word{Text: text, Start: middle - 100*time.Millisecond, End: middle + 100*time.Millisecond})
	}
	if len(s.Words) == 0 {
		return s
	}
	return s.withWords(s.Words)
}

// Both sides of a seam in speech hear the words around it, but not always the same,
// nor at the same time. Words that each side placed on the other's used to be lost,
// and those that each placed on its own were there twice.
func TestMerge_seamInSpeech(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		left, right string
		want        string
	}{
		{"both agree", "we@-500 met@-200 Anna@100", "met@-200 Anna@100 there@400", "we met Anna there"},
		{"each has the word on its own side", "we@-400 met@-50", "Met@50 Anna@400", "we met Anna"},
		{"each has the word on the other's side", "we@-400 met@50", "met@-50 Anna@400", "we met Anna"},
		{"several words are doubled", "so@-500 we@-250 met@-50", "we@-200 met@10 Anna@300", "so we met Anna"},
		{"a word that was said twice", "very@-200 very@150", "very@-150 very@200 good@500", "very very good"},
		{"a word that was said twice, heard once by each", "very@-470", "very@470 good@700", "very very good"},
		{"only one hears a word beyond its tile", "we@-400 met@100", "Anna@500", "we met Anna"},
		{"and the other one, too", "we@-400", "met@-100 Anna@400", "we met Anna"},
		{"they read a word differently", "we@-400 met@100", "set@110 Anna@400", "we set Anna"},
		{"and each has it on the other's side", "we@-400 met@60", "set@-60 Anna@400", "we met Anna"},
		{"only the first hears anything", "we@-400 met@100", "", "we met"},
		{"only the second does", "", "met@-100 Anna@400", "met Anna"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := merged(t, atSecond(10), tt.left, tt.right); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// merged returns the text of two parts that heard those words.
func merged(t *testing.T, parts []Part, heard ...string) string {
	t.Helper()
	for i, words := range heard {
		if s, ok := said(t, words).Of(parts[i].Piece); ok {
			parts[i].Segments = []Segment{s}
		}
	}
	return Text(Merge(parts))
}

// A cut in a pause shares no sound, so nothing can be heard twice there. Whoever
// counted "five", paused and said "five" again used to lose a word.
func TestMerge_seamInAPause(t *testing.T) {
	t.Parallel()
	parts := atSecond(10)
	parts[0].To, parts[1].From = parts[0].End-100, parts[1].Start+100
	if got, want := merged(t, parts, "four@-500 five@-150", "five@150 six@500"), "four five five six"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	gone := atSecond(10)
	gone[1].Start, gone[1].From = gone[1].Start+10*audio.SampleRate, gone[1].From+10*audio.SampleRate
	gone[1].End += 10 * audio.SampleRate
	gone[0].Segments, gone[1].Segments = []Segment{said(t, "five@-100")}, []Segment{said(t, "five@10050")}
	if got, want := Text(Merge(gone)), "five five"; got != want {
		t.Errorf("with a chunk missing between them: got %q, want %q", got, want)
	}
}

func TestMerge_partsWithoutWords(t *testing.T) {
	t.Parallel()
	if got := Merge(nil); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	bare := Segment{Start: 9900 * time.Millisecond, End: 10200 * time.Millisecond, Text: "met"}
	parts := atSecond(10)
	for i := range parts {
		if s, ok := bare.Of(parts[i].Piece); ok {
			parts[i].Segments = []Segment{s}
		}
	}
	if diff := cmp.Diff(texts(Merge(parts)), []string{"met"}); diff != "" {
		t.Error(diff)
	}
}

// FuzzMerge_seam cuts a text at a seam in speech. Both sides hear every word, up to
// 140 ms beside the truth: none may be lost or doubled.
func FuzzMerge_seam(f *testing.F) {
	for seed := range uint64(50) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 5))
		parts := atSecond(10)
		var truth []string
		var all [2]Segment
		for at := 8500 * time.Millisecond; at < 11500*time.Millisecond; {
			length := time.Duration(300+r.IntN(300)) * time.Millisecond
			text := string(rune('a' + r.IntN(3)))
			truth = append(truth, text)
			for i := range all {
				start := at + time.Duration(r.IntN(281)-140)*time.Millisecond
				all[i].Words = append(all[i].Words, Word{Text: text, Start: start, End: start + length})
			}
			at += length
		}
		for i := range parts {
			if s, ok := all[i].withWords(all[i].Words).Of(parts[i].Piece); ok {
				parts[i].Segments = []Segment{s}
			}
		}
		got := Merge(parts)
		checkOrder(t, got)
		if diff := cmp.Diff(strings.Fields(Text(got)), truth); diff != "" {
			t.Error(diff)
		}
	})
}
