//go:build whisper

package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// conversation is some minutes of speech with natural pauses.
func (s *studio) conversation(t *testing.T) []int16 {
	t.Helper()
	pcm := s.demo(t, "samples/meeting")
	for i := range 12 {
		pcm = append(pcm, make([]int16, audio.SampleRate/2)...)
		pcm = append(pcm, s.demo(t, fmt.Sprintf("test/short%02d", i+1))...)
	}
	return pcm
}

// TestSeams cuts a recording into chunks of random lengths. No word that is within
// a second of a seam is lost or doubled, and what reads the same is at the same
// time. The model may read a word differently, or as two others, since its windows are
// filled differently; elsewhere it may miss one.
func TestSeams(t *testing.T) {
	const atSeam, inTime, least = time.Second, 200 * time.Millisecond, 50
	s := newStudio(t)
	pcm := s.conversation(t)
	uncut := s.transcribe(t, wav(pcm), audio.FromDuration(time.Hour))
	want := words(uncut.Segments)
	random := rand.New(rand.NewPCG(3, 1))
	seams := 0
	for seams < least {
		chunk := audio.Seconds(4 + 26*random.Float64())
		cut := s.transcribe(t, wav(pcm), chunk)
		got := words(cut.Segments)
		seams += len(cut.Coverage.Seams)
		t.Logf("chunks of %.1f s: %d seams, %d words, %d uncut", chunk.Duration().Seconds(), len(cut.Coverage.Seams), len(got), len(want))
		for _, p := range align(want, got) {
			if near := p.distance(cut.Coverage.Seams); near < atSeam && (p.isLost() || p.isDoubled(got)) {
				t.Errorf("chunks of %v: %s, %v from a seam", chunk.Duration(), p, near)
			}
		}
		for _, seg := range cut.Segments {
			if off := beside(seg, uncut.Segments); off > inTime {
				t.Errorf("chunks of %v: %q is at %v, %v from where it is uncut", chunk.Duration(), seg.Text, seg.Start, off)
			}
		}
	}
}

// dense is that conversation with its pauses cut out: there is nowhere to cut it but
// in speech.
func (s *studio) dense(t *testing.T) (pcm []int16) {
	t.Helper()
	all := s.conversation(t)
	for _, u := range audio.Utterances(all) {
		pcm = append(pcm, all[u.Start:u.End]...)
		pcm = append(pcm, make([]int16, audio.SampleRate/20)...)
	}
	return pcm
}

// TestSeams_inSpeech decodes a recording without pauses in short windows, which have
// to be cut in speech. More of what is said must be in the text, and less of it twice,
// than if each window kept to its tile.
func TestSeams_inSpeech(t *testing.T) {
	s := newStudio(t)
	pcm := s.dense(t)
	n := audio.Samples(len(pcm))
	windows, _ := audio.Windows(pcm, audio.Piece{End: n, To: n}, audio.Seconds(5), nil)
	var joined []transcription.Part
	var strict []transcription.Segment
	for _, w := range windows {
		joined = append(joined, transcription.Part{Piece: w.Piece()})
		for _, seg := range s.hear(t, w, pcm) {
			if own, ok := seg.Within(w.Start.Duration(), w.End.Duration()); ok {
				strict = append(strict, own)
			}
			if own, ok := seg.Of(w.Piece()); ok {
				joined[len(joined)-1].Segments = append(joined[len(joined)-1].Segments, own)
			}
		}
	}
	said := conversationText(t)
	lost, twice := amiss(said, words(transcription.Merge(joined)))
	lostStrictly, twiceStrictly := amiss(said, words(strict))
	t.Logf("%d windows: %d of %d words lost and %d twice in a row; each in its tile: %d and %d",
		len(windows), lost, len(said), twice, lostStrictly, twiceStrictly)
	if lost >= lostStrictly || twice >= twiceStrictly {
		t.Error("nothing is gained")
	}
}

// hear decodes a window. Times are those of the recording.
func (s *studio) hear(t *testing.T, w audio.Window, pcm []int16) []transcription.Segment {
	t.Helper()
	found, err := s.engine.Decode(t.Context(), transcription.DemoModel, pipeline.DecodeOptions{Language: "en"}, w.PCM(pcm, 0))
	if err != nil {
		t.Fatal(err)
	}
	origin := func(d *time.Duration) { *d = w.Origin(audio.FromDuration(*d)).Duration() }
	for i := range found {
		origin(&found[i].Start)
		origin(&found[i].End)
		for j := range found[i].Words {
			origin(&found[i].Words[j].Start)
			origin(&found[i].Words[j].End)
		}
	}
	return found
}

// conversationText is what is said in the conversation.
func conversationText(t *testing.T) []transcription.Word {
	t.Helper()
	said := truth(t, "samples/meeting")
	for i := range 12 {
		said = append(said, truth(t, fmt.Sprintf("test/short%02d", i+1))...)
	}
	for i := range said {
		for _, text := range strings.Fields(said[i].Text) {
			said[i].Words = append(said[i].Words, transcription.Word{Text: text})
		}
	}
	return words(said)
}

// amiss counts the words that are not in the text, and those that stand in it twice
// in a row.
func amiss(want, got []transcription.Word) (lost, twice int) {
	for _, p := range align(want, got) {
		if p.found == nil {
			lost++
		}
	}
	for i, w := range got {
		if i > 0 && w.Text == got[i-1].Text {
			twice++
		}
	}
	return lost, twice
}

// beside returns how far the start or the end of a segment is from those of the
// nearest one with the same text, if there is one.
func beside(s transcription.Segment, all []transcription.Segment) time.Duration {
	best := time.Hour
	for _, other := range all {
		if other.Text == s.Text {
			best = min(best, max((other.Start-s.Start).Abs(), (other.End-s.End).Abs()))
		}
	}
	if best == time.Hour {
		return 0
	}
	return best
}

func words(segments []transcription.Segment) (all []transcription.Word) {
	for _, s := range segments {
		for _, w := range s.Words {
			w.Text = strings.ToLower(strings.Trim(w.Text, ".,?!"))
			all = append(all, w)
		}
	}
	return all
}

// pair is a word of one text and the one that stands for it in the other; one of
// them may be missing.
type pair struct{ lost, found *transcription.Word }

func (p pair) isLost() bool { return p.found == nil }

// isDoubled tells whether the word was found where there is none, beside another that reads
// the same.
func (p pair) isDoubled(text []transcription.Word) bool {
	const around = 2 * time.Second
	return p.lost == nil && slices.ContainsFunc(text, func(w transcription.Word) bool {
		return w.Start != p.found.Start && w.Text == p.found.Text && (w.Start-p.found.Start).Abs() < around
	})
}

func (p pair) String() string {
	if p.found == nil {
		return fmt.Sprintf("%q at %v is lost", p.lost.Text, p.lost.Start)
	}
	return fmt.Sprintf("%q at %v is doubled", p.found.Text, p.found.Start)
}

// distance returns how far the word of a pair is from the nearest seam.
func (p pair) distance(seams []time.Duration) time.Duration {
	w := p.lost
	if w == nil {
		w = p.found
	}
	near := time.Hour
	for _, seam := range seams {
		near = min(near, max(0, w.Start-seam, seam-w.End))
	}
	return near
}

// align pairs the words of two texts with as few differences as possible (R. A.
// Wagner and M. J. Fischer, The String-to-String Correction Problem, 1974).
func align(want, got []transcription.Word) (pairs []pair) {
	cost := make([][]int, len(want)+1)
	for i := range cost {
		cost[i] = make([]int, len(got)+1)
		for j := range cost[i] {
			switch {
			case i == 0 || j == 0:
				cost[i][j] = i + j
			case want[i-1].Text == got[j-1].Text:
				cost[i][j] = cost[i-1][j-1]
			default:
				cost[i][j] = 1 + min(cost[i-1][j-1], cost[i-1][j], cost[i][j-1])
			}
		}
	}
	for i, j := len(want), len(got); i > 0 || j > 0; {
		switch {
		case i > 0 && j > 0 && want[i-1].Text == got[j-1].Text, i > 0 && j > 0 && cost[i][j] == cost[i-1][j-1]+1:
			i, j = i-1, j-1
			pairs = append(pairs, pair{&want[i], &got[j]})
		case i > 0 && cost[i][j] == cost[i-1][j]+1:
			i--
			pairs = append(pairs, pair{lost: &want[i]})
		default:
			j--
			pairs = append(pairs, pair{found: &got[j]})
		}
	}
	slices.Reverse(pairs)
	return pairs
}

// TestSilenceAround: 3 s of silence, speech, 10 s of silence, speech. What is said
// is where it is said.
func TestSilenceAround(t *testing.T) {
	s := newStudio(t)
	got := s.transcribe(t, wav(s.demo(t, "samples/pauses")), 0)
	for _, sentence := range truth(t, "samples/pauses") {
		near := time.Hour
		for _, seg := range got.Segments {
			near = min(near, max((seg.Start-sentence.Start).Abs(), (seg.End-sentence.End).Abs()))
		}
		if near > 200*time.Millisecond {
			t.Errorf("%q, spoken at %v, is %v away: %+v", sentence.Text, sentence.Start, near, got.Segments)
		}
	}
}

// TestNothingSaid: an hour of silence has no text, and neither has noise, also when it
// is as loud as speech, swells like waves or comes in bursts: the demo model, and not only
// that, hears words in it.
func TestNothingSaid(t *testing.T) {
	s := newStudio(t)
	random := rand.New(rand.NewPCG(1, 2))
	for _, tt := range []struct {
		name  string
		sound func(i int) int16
	}{
		{"silence", func(int) int16 { return 0 }},
		{"faint noise", func(int) int16 { return int16(random.IntN(21) - 10) }},
		{"loud noise", func(int) int16 { return int16(random.IntN(8001) - 4000) }},
		{"swelling noise", func(i int) int16 {
			swell := 1 + i/audio.SampleRate%8*500 // louder every second, for eight seconds
			return int16(random.IntN(2*swell+1) - swell)
		}},
		{"bursts of noise", func(i int) int16 {
			if i/1600%7 < 2 {
				return int16(random.IntN(8001) - 4000)
			}
			return int16(random.IntN(81) - 40)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pcm := make([]int16, 3600*audio.SampleRate)
			for i := range pcm {
				pcm[i] = tt.sound(i)
			}
			got := s.transcribe(t, wav(pcm), 0)
			if got.Status != transcription.Completed || got.Text != "" || len(got.Segments) > 0 {
				t.Errorf("%s: %q", got.Status, got.Text)
			}
		})
	}
}
