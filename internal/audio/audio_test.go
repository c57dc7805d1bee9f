package audio

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// sound builds a recording: a buzz for speech, faint noise for pauses.
type sound struct {
	r   *rand.Rand
	pcm []int16
	at  []Span // of the speech
}

func newSound(seed uint64) *sound { return &sound{r: rand.New(rand.NewPCG(seed, 1))} }

func (s *sound) noise(n Samples, peak int) {
	for range n {
		s.pcm = append(s.pcm, int16(s.r.IntN(2*peak+1)-peak))
	}
}

// voice is what comes out of a throat before a mouth has formed it: the same period
// over and over, 129 times a second.
func (s *sound) voice(n Samples, peak int) {
	var period [124]int16 // of whole decimated samples
	for i := range period {
		period[i] = int16(s.r.IntN(2*peak+1) - peak)
	}
	for i := range n {
		s.pcm = append(s.pcm, period[int(i)%len(period)])
	}
}

func (s *sound) pause(d time.Duration) *sound {
	s.noise(FromDuration(d), 20)
	return s
}

func (s *sound) speak(d time.Duration) *sound {
	start := Samples(len(s.pcm))
	s.voice(FromDuration(d), 8000)
	s.at = append(s.at, Span{start, Samples(len(s.pcm))})
	return s
}

// talk alternates speech and pauses of random length for about d.
func (s *sound) talk(d time.Duration) *sound {
	for end := Samples(len(s.pcm)) + FromDuration(d); Samples(len(s.pcm)) < end; {
		s.speak(time.Duration(500+s.r.IntN(5000)) * time.Millisecond)
		s.pause(time.Duration(250+s.r.IntN(3000)) * time.Millisecond)
	}
	return s
}

// find returns what Windows says about a whole recording.
func find(pcm []int16) []Span {
	n := Samples(len(pcm))
	_, speech := Windows(pcm, Piece{End: n, To: n}, MaxWindow, nil)
	return speech
}

func TestSamples_durationIsExact(t *testing.T) {
	t.Parallel()
	for _, n := range []Samples{0, 1, 16, 16000, 12 * 3600 * SampleRate} {
		if got := FromDuration(n.Duration()); got != n {
			t.Errorf("got %d, want %d", got, n)
		}
	}
	if got, want := Samples(1).Duration(), 62500*time.Nanosecond; got != want {
		t.Errorf("a sample lasts %v, want %v", got, want)
	}
	if got, want := Seconds(1.5), Samples(24000); got != want {
		t.Errorf("got %d, want %d", got, want)
	}
}

func TestEncode_isUndoneByDecode(t *testing.T) {
	t.Parallel()
	pcm := []int16{0, 1, -1, 32767, -32768, 256}
	if diff := cmp.Diff(Decode(Encode(pcm)), pcm); diff != "" {
		t.Error(diff)
	}
	if got := Decode([]byte{0x34, 0x12, 0xff}); len(got) != 1 || got[0] != 0x1234 {
		t.Errorf("got %v", got)
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, readBlock / BytesPerSample, readBlock/BytesPerSample + 1, 100_000} {
		want := newSound(12).pcm
		for i := range n {
			want = append(want, int16(i*7))
		}
		got := make([]int16, n)
		if err := Read(iotest.HalfReader(bytes.NewReader(Encode(want))), got); err != nil {
			t.Errorf("%d samples: %v", n, err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%d samples: %s", n, diff)
		}
		if err := Read(bytes.NewReader(Encode(want)[:2*n]), make([]int16, n+1)); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d samples and one more: %v", n, err)
		}
	}
}

func TestSpeech_findsUtterances(t *testing.T) {
	t.Parallel()
	s := newSound(1).pause(3 * time.Second).speak(2 * time.Second).pause(10 * time.Second).speak(time.Second).pause(time.Second)
	got := find(s.pcm)
	if len(got) != len(s.at) {
		t.Fatalf("got %d utterances %v, want %d", len(got), got, len(s.at))
	}
	for i, want := range s.at {
		near(t, "start", got[i].Start, want.Start-padLength, 2*FrameSize)
		near(t, "end", got[i].End, want.End+padLength, 2*FrameSize)
	}
}

func near(t *testing.T, what string, got, want, tolerance Samples) {
	t.Helper()
	if got < want-tolerance || got > want+tolerance {
		t.Errorf("%s: got %d, want %d ± %d", what, got, want, tolerance)
	}
}

func TestSpeech_levels(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		pcm   func(s *sound)
		spans int
	}{
		{"digital silence", func(s *sound) { s.pcm = make([]int16, 20*SampleRate) }, 0},
		{"steady noise", func(s *sound) { s.noise(20*SampleRate, 800) }, 0},
		{"faint speech over a quiet room", func(s *sound) {
			s.noise(2*SampleRate, 4)
			s.voice(2*SampleRate, 120)
			s.noise(2*SampleRate, 4)
		}, 1},
		{"speech over a noisy line", func(s *sound) {
			s.noise(4*SampleRate, 900)
			s.voice(2*SampleRate, 8000)
			s.noise(4*SampleRate, 900)
		}, 1},
		{"a click", func(s *sound) {
			s.noise(2*SampleRate, 20)
			s.noise(FrameSize, 20000)
			s.noise(2*SampleRate, 20)
		}, 0},
		{"nothing", func(*sound) {}, 0},
		{"less than a frame", func(s *sound) { s.noise(10, 8000) }, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSound(2)
			tt.pcm(s)
			if got := find(s.pcm); len(got) != tt.spans {
				t.Errorf("got %v, want %d spans", got, tt.spans)
			}
		})
	}
}

func TestDetector_sameForAnyWriteSizes(t *testing.T) {
	t.Parallel()
	s := newSound(3).talk(20 * time.Second)
	whole := NewDetector()
	want := append(whole.Write(s.pcm), whole.Flush()...)
	for _, size := range []int{1, 7, 159, 160, 161, 16000} {
		d := NewDetector()
		var got []Frame
		for rest := s.pcm; len(rest) > 0; {
			n := min(size, len(rest))
			got = append(got, d.Write(rest[:n])...)
			rest = rest[n:]
		}
		got = append(got, d.Flush()...)
		if diff := cmp.Diff(got, want); diff != "" {
			t.Fatalf("writes of %d samples: %s", size, diff)
		}
	}
}

// cutAll writes pcm in uneven blocks and returns all pieces. It also checks that
// no piece needs sound that Kept had given up.
func cutAll(t *testing.T, c *Cutter, pcm []int16, from Samples) []Piece {
	t.Helper()
	var pieces []Piece
	kept := from
	add := func(ps []Piece) {
		for _, p := range ps {
			if p.From < kept {
				t.Fatalf("piece %+v needs sound before %d", p, kept)
			}
		}
		pieces = append(pieces, ps...)
		kept = c.Kept()
	}
	for rest := pcm; len(rest) > 0; {
		n := min(4567, len(rest))
		add(c.Write(rest[:n]))
		rest = rest[n:]
	}
	add(c.Flush())
	return pieces
}

var chunky = CutOptions{Min: 20 * SampleRate, Max: 40 * SampleRate, Overlap: 2 * SampleRate}

func TestCutter_cutsInPauses(t *testing.T) {
	t.Parallel()
	s := newSound(4).talk(5 * time.Minute)
	pieces := cutAll(t, NewCutter(chunky, 0, 0), s.pcm, 0)
	if len(pieces) < 7 {
		t.Errorf("only %d pieces in %d samples", len(pieces), len(s.pcm))
	}
	checkTiles(t, pieces, Samples(len(s.pcm)))
	for _, u := range s.at {
		if !inside(u, pieces) {
			t.Errorf("utterance %v was cut or lost", u)
		}
	}
}

// The last window of a piece costs as much as the others, so it should be as full.
func TestCutter_cutsWhereAWindowIsFull(t *testing.T) {
	t.Parallel()
	o := CutOptions{Min: 60 * SampleRate, Max: 120 * SampleRate, Overlap: 2 * SampleRate}
	windows := func(o CutOptions) (n int, last []Samples) {
		for seed := range uint64(5) {
			s := newSound(100 + seed).talk(15 * time.Minute)
			pieces := cutAll(t, NewCutter(o, 0, 0), s.pcm, 0)
			checkTiles(t, pieces, Samples(len(s.pcm)))
			for i, p := range pieces {
				w, _ := Windows(s.pcm[p.From:p.To], p, MaxWindow, nil)
				n += len(w)
				if i < len(pieces)-1 {
					last = append(last, w[len(w)-1].Len())
				}
			}
		}
		return n, last
	}
	anywhere, _ := windows(o)
	o.Window = MaxWindow
	n, last := windows(o)
	if n >= anywhere {
		t.Errorf("%d windows, and %d when pieces are cut in any pause", n, anywhere)
	}
	for i, l := range last {
		if l < 22*SampleRate { // an utterance is up to 5.5 s long
			t.Errorf("the last window of piece %d is %v long", i, l.Duration())
		}
	}
}

func inside(u Span, pieces []Piece) bool {
	for _, p := range pieces {
		if p.From <= u.Start && u.End <= p.To && p.Start <= u.Start && u.End <= p.End {
			return true
		}
	}
	return false
}

func checkTiles(t *testing.T, pieces []Piece, total Samples) {
	t.Helper()
	at := Samples(0)
	for _, p := range pieces {
		if p.Start < at || p.End <= p.Start || p.End > total {
			t.Errorf("tile %+v does not follow %d within %d", p, at, total)
		}
		if p.From >= p.To || p.From > p.End || p.To < p.Start {
			t.Errorf("piece %+v has no sound of its own", p)
		}
		at = p.End
	}
}

func TestCutter_overlapsWhereThereIsNoPause(t *testing.T) {
	t.Parallel()
	s := newSound(5).pause(time.Second).speak(3 * time.Minute).pause(time.Second)
	pieces := cutAll(t, NewCutter(chunky, 0, 0), s.pcm, 0)
	checkTiles(t, pieces, Samples(len(s.pcm)))
	if len(pieces) < 4 {
		t.Fatalf("got %d pieces", len(pieces))
	}
	for i := 1; i < len(pieces); i++ {
		seam := pieces[i].Start
		if pieces[i-1].End != seam || pieces[i-1].To != seam+chunky.Overlap || pieces[i].From != seam-chunky.Overlap {
			t.Errorf("seam %d: %+v %+v", i, pieces[i-1], pieces[i])
		}
		if n := pieces[i-1].Len(); n > chunky.Max+chunky.Overlap {
			t.Errorf("piece %d is %d long", i-1, n)
		}
	}
}

func TestCutter_leavesSilenceOut(t *testing.T) {
	t.Parallel()
	s := newSound(6).pause(2 * time.Minute).speak(5 * time.Second).pause(5 * time.Minute)
	pieces := cutAll(t, NewCutter(chunky, 0, 0), s.pcm, 0)
	if len(pieces) != 1 {
		t.Fatalf("got %+v", pieces)
	}
	near(t, "from", pieces[0].From, s.at[0].Start-padLength, 2*FrameSize)
	near(t, "to", pieces[0].To, s.at[0].End+padLength, 2*FrameSize)
}

// Prepare may die after some chunks. Its next attempt takes up cutting behind the
// last of them and must neither repeat nor lose sound.
func TestCutter_takesUpBehindAPiece(t *testing.T) {
	t.Parallel()
	s := newSound(7).talk(4 * time.Minute)
	all := cutAll(t, NewCutter(chunky, 0, 0), s.pcm, 0)
	from := all[1].End
	rest := cutAll(t, NewCutter(chunky, from, 0), s.pcm[from:], from)
	pieces := append(append([]Piece(nil), all[:2]...), rest...)
	checkTiles(t, pieces, Samples(len(s.pcm)))
	for _, u := range s.at {
		if !inside(u, pieces) {
			t.Errorf("utterance %v was cut or lost", u)
		}
	}
}

func TestCutter_takesUpInTheMiddleOfSpeech(t *testing.T) {
	t.Parallel()
	s := newSound(11).pause(time.Second).speak(3 * time.Minute)
	all := cutAll(t, NewCutter(chunky, 0, 0), s.pcm, 0)
	from := all[1].End
	overlap := all[1].To - from
	if overlap != chunky.Overlap {
		t.Fatalf("piece %+v was not cut in speech", all[1])
	}
	rest := cutAll(t, NewCutter(chunky, from, overlap), s.pcm[from:], from-overlap)
	if got, want := rest[0].From, from-overlap; got != want {
		t.Errorf("sound begins at %d, want %d", got, want)
	}
}

func TestHeard(t *testing.T) {
	t.Parallel()
	const step = 512 // 32 ms
	const ms = SampleRate / 1000
	// likely makes probabilities of pairs of a number of steps and a value.
	likely := func(runs ...float32) (all []float32) {
		for i := 0; i < len(runs); i += 2 {
			all = append(all, slices.Repeat([]float32{runs[i+1]}, int(runs[i]))...)
		}
		return all
	}
	for name, tt := range map[string]struct {
		likely []float32
		length Samples
		want   []Span
	}{
		"nothing":                  {nil, 0, []Span{}},
		"silence":                  {likely(50, 0.1), 50 * step, []Span{}},
		"never likely enough":      {likely(50, 0.45), 50 * step, []Span{}},
		"speech with some silence": {likely(25, 0.1, 25, 0.9, 25, 0.1), 75 * step, []Span{{650 * ms, 1750 * ms}}},
		"less likely, and still":   {likely(25, 0.1, 25, 0.9, 25, 0.4, 25, 0.1), 100 * step, []Span{{650 * ms, 2550 * ms}}},
		"a short pause":            {likely(25, 0.9, 5, 0.1, 25, 0.9), 55 * step, []Span{{0, 1760 * ms}}},
		"a pause":                  {likely(25, 0.9, 25, 0.1, 25, 0.9), 75 * step, []Span{{0, 950 * ms}, {1450 * ms, 2400 * ms}}},
		"a part of a step":         {likely(25, 0.9), 25*step - 100, []Span{{0, 25*step - 100}}},
	} {
		if diff := cmp.Diff(tt.want, Heard(tt.likely, step, tt.length)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// What a detector has heard is packed instead of what is loud.
func TestWindows_heard(t *testing.T) {
	t.Parallel()
	s := newSound(9).speak(20 * time.Second).pause(10 * time.Second).speak(20 * time.Second)
	n := Samples(len(s.pcm))
	p := Piece{Start: 7 * SampleRate, End: 7*SampleRate + n, From: 7 * SampleRate, To: 7*SampleRate + n}
	heard := []Span{{p.From + 5*SampleRate, p.From + 40*SampleRate}}
	windows, speech := Windows(s.pcm, p, MaxWindow, heard)
	if diff := cmp.Diff(heard, speech); diff != "" {
		t.Error(diff)
	}
	if len(windows) != 2 {
		t.Errorf("35 s are in %d windows", len(windows))
	}
	checkWindows(t, windows, s.pcm, p, MaxWindow)
	if windows, speech := Windows(s.pcm, p, MaxWindow, []Span{}); len(windows) > 0 || len(speech) > 0 {
		t.Errorf("nothing was heard, and there are %d windows", len(windows))
	}
}

func TestWindows_packSpeechAndShortenPauses(t *testing.T) {
	t.Parallel()
	s := newSound(8)
	for range 12 {
		s.speak(4 * time.Second).pause(5 * time.Second)
	}
	p := Piece{End: Samples(len(s.pcm)), To: Samples(len(s.pcm))}
	windows, speech := Windows(s.pcm, p, MaxWindow, nil)
	if len(speech) != 12 {
		t.Fatalf("found %d utterances, want 12", len(speech))
	}
	// 12 × (4 s + padding and kept pause) is less than 60 s: three windows hold it,
	// where cutting 108 s into stretches of 30 s would take four.
	if len(windows) != 3 && len(windows) != 2 {
		t.Errorf("got %d windows", len(windows))
	}
	checkWindows(t, windows, s.pcm, p, MaxWindow)
}

func checkWindows(t *testing.T, windows []Window, pcm []int16, p Piece, size Samples) {
	t.Helper()
	at := p.Start
	for _, w := range windows {
		if w.Len() > size {
			t.Errorf("window of %d samples", w.Len())
		}
		if w.Start < at || w.End < w.Start {
			t.Errorf("tile %d–%d does not follow %d", w.Start, w.End, at)
		}
		at = w.End
		sound := w.PCM(pcm, p.From)
		if Samples(len(sound)) != w.Len() {
			t.Errorf("window of %d samples has %d", w.Len(), len(sound))
		}
		last := Samples(-1)
		for i := Samples(0); i < w.Len(); i += 77 {
			o := w.Origin(i)
			if o < last || pcm[o-p.From] != sound[i] {
				t.Fatalf("sample %d comes from %d, which is not its origin", i, o)
			}
			last = o
		}
		if o := w.Origin(w.Len() + SampleRate); o > p.To {
			t.Errorf("a time behind the window leads to %d, behind the piece", o)
		}
	}
}

func TestWindows_cutLongSpeechWithOverlap(t *testing.T) {
	t.Parallel()
	s := newSound(9).pause(time.Second).speak(2 * time.Minute).pause(2 * time.Second).speak(3 * time.Second)
	p := Piece{End: Samples(len(s.pcm)), To: Samples(len(s.pcm))}
	windows, _ := Windows(s.pcm, p, MaxWindow, nil)
	checkWindows(t, windows, s.pcm, p, MaxWindow)
	if len(windows) < 5 {
		t.Fatalf("got %d windows", len(windows))
	}
	first, second := windows[0], windows[1]
	if first.End != second.Start {
		t.Errorf("tiles %d and %d do not touch", first.End, second.Start)
	}
	if got := first.Parts[0].End - second.Parts[0].Start; got != 2*windowOverlap {
		t.Errorf("the windows share %d samples, want %d", got, 2*windowOverlap)
	}
}

// FuzzWindows checks on random recordings that cutting loses no speech, however
// chunks and windows fall.
func FuzzWindows(f *testing.F) {
	for seed := range uint64(6) {
		f.Add(seed, uint8(seed*20))
	}
	f.Fuzz(func(t *testing.T, seed uint64, seconds uint8) {
		s := newSound(seed).talk(time.Duration(seconds) * time.Second)
		pieces := cutAll(t, NewCutter(chunky, 0, 0), s.pcm, 0)
		checkTiles(t, pieces, Samples(len(s.pcm)))
		heard := make([]bool, len(s.pcm)/int(FrameSize)+1)
		for _, p := range pieces {
			pcm := s.pcm[p.From:p.To]
			windows, _ := Windows(pcm, p, 15*SampleRate, nil)
			checkWindows(t, windows, pcm, p, 15*SampleRate)
			for _, w := range windows {
				for _, part := range w.Parts {
					for at := part.Start; at < part.End; at += FrameSize {
						heard[at/FrameSize] = true
					}
				}
			}
		}
		lost := 0
		for _, u := range s.at {
			for at := u.Start + FrameSize; at < u.End-FrameSize; at += FrameSize {
				if !heard[at/FrameSize] {
					lost++
				}
			}
		}
		if lost > 0 {
			t.Errorf("%d frames of speech are in no window", lost)
		}
	})
}

func BenchmarkCutter(b *testing.B) {
	s := newSound(10).talk(time.Minute)
	b.SetBytes(int64(len(s.pcm) * BytesPerSample))
	for b.Loop() {
		c := NewCutter(chunky, 0, 0)
		c.Write(s.pcm)
		c.Flush()
	}
}

func TestOnset(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		make func(s *sound)
		want time.Duration
	}{
		{"speech at once", func(s *sound) { s.speak(2 * time.Second) }, 0},
		{"speech with pauses", func(s *sound) { s.speak(400 * time.Millisecond).pause(time.Second).speak(time.Second) }, 0},
		{"silence first", func(s *sound) { s.pause(time.Second).speak(2 * time.Second) }, time.Second},
		{"noise first", func(s *sound) {
			s.noise(Seconds(0.9), 400)
			for range 5 {
				s.speak(300*time.Millisecond).noise(Seconds(0.1), 400)
			}
		}, 900 * time.Millisecond},
		{"a click in the silence", func(s *sound) {
			s.pause(500 * time.Millisecond).speak(20 * time.Millisecond).pause(500 * time.Millisecond).speak(2 * time.Second)
		}, 1020 * time.Millisecond},
		{"nothing but background", func(s *sound) { s.pause(2 * time.Second) }, 0},
		{"less than a word", func(s *sound) { s.speak(50 * time.Millisecond) }, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSound(1)
			tt.make(s)
			got := Onset(s.pcm).Duration()
			if got > tt.want || tt.want-got > 60*time.Millisecond {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
